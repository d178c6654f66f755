"""What stands beside a reporter model's weights: intervals calibrated on rows that no step and no choice has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from models import intervals, registry
from models.binding_data import Codes
from models.core import Model
from models.reporter_data import Elements, Parts
from models.reporter_task import answers_of

Float = npt.NDArray[np.float32]


def ensemble_answers(model: Model, codes: Codes) -> tuple[Float, npt.NDArray[np.float64]]:
    """Predictions and their scatter for inserts (n, length), both (n, tracks), as every answer on screen has them."""
    found = [answers_of(member, codes, model.spec.context) for member in model.members]
    means = np.stack([mean for mean, _ in found])
    noise = np.sqrt(np.mean([variance for _, variance in found], axis=0))
    spread = means.std(axis=0, ddof=1) if len(means) > 1 else np.zeros_like(means[0])
    return means.mean(axis=0), intervals.scatter(model.spec, spread, noise)


def write_intervals(name: str, parts: Parts) -> Path:
    """Calibrates a released reporter model's intervals and writes them beside its weights.

    Args:
        name: of the model.
        parts: its rows; the calibration rows are used.
    """
    path = registry.RELEASED / name / intervals.FILE
    split = "measured elements of clusters that neither the fit nor any choice has seen"
    calibrate(registry.load(registry.spec(name).model_id), parts.calibration, path, split=split)
    return path


def calibrate(model: Model, rows: Elements, path: Path, *, split: str) -> None:
    """Calibrates intervals of the tracks that some rows measure, and writes them.

    Args:
        model: a reporter model.
        rows: that neither the fit nor any choice has seen; a label for each of its tracks, NaN where it was not measured.
        path: the file.
        split: which rows these are, in words.
    """
    values, sigmas = ensemble_answers(model, rows.codes)
    residuals = {}
    for index, track in enumerate(model.spec.tracks):
        known = ~np.isnan(rows.labels[:, index])
        if known.any():
            residuals[track.name] = (rows.labels[known, index] - values[known, index], sigmas[known, index])
    intervals.write(path, model.spec.model_id, residuals, split=split)
