"""How far a measurement may lie from a prediction: intervals that held on rows which no member was trained on.

Two things make an answer uncertain: the members of an ensemble differ (epistemic, less with more data), and one
measurement scatters around the truth (aleatoric, as the networks predict it). Together they scale a conformal interval:
on rows like those it was calibrated on, it covers the stated share of measurements. Elsewhere nothing is promised.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save_file

from genome.errors import UserError
from genome.home import replaced
from models import registry
from models.core import ModelSpec, Prediction
from models.tensor_files import statement

FILE = "intervals.safetensors"
CONFIDENCE = 0.9
BAND = 0.99  # of the binomial distribution within which a coverage is called as stated
_META = "intervals"  # one key: the order of several would differ from run to run
_EPSILON = 1e-12
_LEAST = 1e-6  # spread of members that agree exactly: an interval of no width would be wrong for sure

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Conformal:
    """One track's calibrated intervals.

    Attributes:
        n: calibration rows.
        regressor: crepes' ConformalRegressor, normalised by sigma.
    """

    n: int
    regressor: Any

    def interval(
        self, value: npt.ArrayLike, sigma: npt.ArrayLike, confidence: float = CONFIDENCE
    ) -> tuple[Array, Array]:
        """Low and high ends around predictions, each shaped like ``value``, in the track's unit.

        Args:
            value: predictions.
            sigma: their ``scatter``, above 0.
            confidence: share of measurements that should fall inside.

        Raises:
            ValueError: when the confidence does not lie between 0 and 1, or a sigma is not above 0.
            UserError: when there are too few calibration rows for that confidence.
        """
        values, sigmas = np.broadcast_arrays(np.asarray(value, np.float64), np.asarray(sigma, np.float64))
        if not 0 < confidence < 1:
            raise ValueError(f"{confidence=}")
        if not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
            raise ValueError(f"sigma must be above 0: {sigmas.min()=}")
        if self.n < rows_needed(confidence):
            raise UserError(
                f"{self.n:,} calibration rows cannot give {confidence:.0%} intervals: at least "
                f"{rows_needed(confidence):,} are needed; ask for a lower confidence."
            )
        # 1 - 0.9 is a little less than 0.1 in floating point, which would cost crepes one row; the nudge gives it back.
        ends = self.regressor.predict_int(values.ravel(), sigmas=sigmas.ravel(), confidence=confidence - _EPSILON)
        return ends[:, 0].reshape(values.shape), ends[:, 1].reshape(values.shape)


@dataclass(frozen=True)
class Calibration:
    """A model's calibrated intervals.

    Attributes:
        model_id: the model they belong to.
        split: one sentence on the rows they were calibrated on.
        tracks: by track name; a track that is not there has no interval.
    """

    model_id: str
    split: str
    tracks: Mapping[str, Conformal]


@dataclass(frozen=True)
class Band:
    """Intervals along a prediction.

    Attributes:
        low, high: float64 (tracks, bins), in each track's unit; NaN on tracks without an interval.
        confidence: share of measurements that should fall inside.
    """

    low: Array
    high: Array
    confidence: float

    def at(self, track: int, index: int) -> tuple[float, float] | None:
        """The interval of one bin, or None where the track has none."""
        low, high = float(self.low[track, index]), float(self.high[track, index])
        return (low, high) if math.isfinite(low) else None


@dataclass(frozen=True)
class Coverage:
    """How many measurements fell inside their intervals.

    Attributes:
        share: share inside.
        n: rows.
        confidence: share promised.
        low, high: the share lies between these in 99 of 100 samples of n rows, if the promise holds.
    """

    share: float
    n: int
    confidence: float
    low: float
    high: float

    @property
    def as_stated(self) -> bool:
        """Whether the share agrees with the promise."""
        return self.low <= self.share <= self.high

    def __str__(self) -> str:
        """``88.7 % of 1,234 rows inside (90 % stated; 87.7 % to 92.2 % expected)``."""
        expected = f"{100 * self.low:.1f} % to {100 * self.high:.1f} % expected"
        return f"{100 * self.share:.1f} % of {self.n:,} rows inside ({100 * self.confidence:g} % stated; {expected})"


@dataclass(frozen=True)
class RiskCoverage:
    """What is gained by answering only where the model is sure.

    Attributes:
        share: float64 (n,), share of rows answered, the surest first; ends at 1.
        risk: float64 (n,), mean absolute error among them.
        area: mean of ``risk``; lower is better.
        best: the area if the rows were taken in order of their errors; no order has less.
        chance: the area of a random order: the mean absolute error.
    """

    share: Array
    risk: Array
    area: float
    best: float
    chance: float


def scatter(spec: ModelSpec, spread: npt.ArrayLike, noise: npt.ArrayLike | None) -> Array:
    """Sigma of a prediction, shaped like ``spread``, in the track's unit: what the width of an interval follows.

    The same rule for calibration and for every answer: sqrt(spread² + noise²) where the networks predict their noise;
    the spread between members alone where they do not; 1 for a single network that predicts none.

    Args:
        spec: the model.
        spread: standard deviation between members.
        noise: predicted standard deviation of one measurement, or None.
    """
    between = np.asarray(spread, np.float64)
    if spec.noise != (noise is not None):
        raise ValueError(f"{spec.noise=} does not agree with {noise is None=}")
    if noise is not None:
        return np.hypot(between, np.asarray(noise, np.float64))
    return np.maximum(between, _LEAST) if spec.n_members > 1 else np.ones_like(between)


def fit(residuals: npt.ArrayLike, sigmas: npt.ArrayLike) -> Conformal:
    """Calibrates the intervals of one track.

    Args:
        residuals: measured minus predicted, (rows,), of rows that no member was trained on.
        sigmas: their ``scatter``, (rows,), above 0.

    Raises:
        ValueError: when they are not two equally long rows of numbers.
    """
    errors, widths = np.asarray(residuals, np.float64), np.asarray(sigmas, np.float64)
    if errors.ndim != 1 or errors.shape != widths.shape or not len(errors):
        raise ValueError(f"{errors.shape=}, {widths.shape=}")
    if not (np.isfinite(errors).all() and np.isfinite(widths).all() and (widths > 0).all()):
        raise ValueError("residuals must be finite and sigmas above 0")
    return Conformal(len(errors), _regressor_type()().fit(errors, sigmas=widths))


def rows_needed(confidence: float) -> int:
    """Calibration rows without which no interval of that confidence is finite: the smallest n with ceil((n+1)c) <= n."""
    return math.ceil(confidence / (1 - confidence) - 1e-9)


def write(path: Path, model_id: str, rows: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], *, split: str) -> None:
    """Writes a model's calibration rows; the same rows give the same bytes.

    Args:
        path: ``intervals.safetensors`` in the model's folder.
        model_id: the model.
        rows: residuals and sigmas by track name, as ``fit`` takes them.
        split: one sentence on these rows.
    """
    names = sorted(rows)
    tensors = {}
    for index, name in enumerate(names):
        fit(*rows[name])  # refuses what could not be read again
        for kind, values in zip(("residuals", "sigmas"), rows[name], strict=True):
            tensors[f"{index}.{kind}"] = np.asarray(values, np.float32)
    about = {
        "format": 1,
        "model_id": model_id,
        "split": split,
        "tracks": names,
        "rows": [len(np.asarray(rows[name][0])) for name in names],
    }
    with replaced(path) as temporary:
        save_file(tensors, temporary, metadata={_META: json.dumps(about, sort_keys=True)})


def read(path: Path, model_id: str) -> Calibration:
    """Reads the calibration of a model.

    Raises:
        UserError: when it is damaged, or was made for another model.
    """
    try:
        about, arrays = statement(path, _META)
        tracks = {
            str(name): fit(arrays[f"{index}.residuals"], arrays[f"{index}.sigmas"])
            for index, name in enumerate(about["tracks"])
        }
        found = Calibration(str(about["model_id"]), str(about["split"]), tracks)
        if about["format"] != 1 or [track.n for track in tracks.values()] != about["rows"]:
            raise ValueError(f"{about['format']=}, {about['rows']=}")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"The intervals {path.name} of {model_id} cannot be read; restore the file.") from error
    if found.model_id != model_id:
        raise UserError(f"The intervals beside {model_id} were made for {found.model_id}; train the model again.")
    return found


def calibration(model_id: str) -> Calibration | None:
    """The calibrated intervals of a model, or None when it has none (a classifier, an outside network).

    Raises:
        UserError: when there is no such model, or its file cannot be used.
    """
    path = registry.companion(model_id, FILE)
    return None if path is None else _kept(path, model_id, path.stat().st_mtime_ns, path.stat().st_size)


def interval(
    model_id: str, track: str, value: npt.ArrayLike, sigma: npt.ArrayLike, confidence: float = CONFIDENCE
) -> tuple[Array, Array] | None:
    """Low and high ends around a track's predictions, or None when the model has no intervals for it.

    Args:
        model_id: the model.
        track: name of the track.
        value: predictions, in the track's unit.
        sigma: their ``scatter``.
        confidence: share of measurements that should fall inside.
    """
    found = calibration(model_id)
    if found is None or track not in found.tracks:
        return None
    return found.tracks[track].interval(value, sigma, confidence)


def band(prediction: Prediction, confidence: float = CONFIDENCE) -> Band | None:
    """The intervals along a prediction, or None when its model has none."""
    spec = prediction.spec
    known = calibration(spec.model_id)
    if known is None:
        return None
    sigma = scatter(spec, prediction.spread, prediction.noise)
    low = np.full(prediction.values.shape, np.nan)
    high = low.copy()
    for index, track in enumerate(spec.tracks):
        if track.name in known.tracks and np.isfinite(sigma[index]).all():
            found = known.tracks[track.name].interval(prediction.values[index], sigma[index], confidence)
            low[index], high[index] = found
    return Band(low, high, confidence)


def coverage(truth: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, confidence: float = CONFIDENCE) -> Coverage:
    """How many measurements (rows,) fell inside their intervals, with the binomial band for so many rows.

    Raises:
        ValueError: when there are no rows, or one is not a number.
    """
    from scipy.stats import binom

    measured, lows, highs = (np.asarray(values, np.float64) for values in (truth, low, high))
    if measured.ndim != 1 or not len(measured) or not measured.shape == lows.shape == highs.shape:
        raise ValueError(f"{measured.shape=}, {lows.shape=}, {highs.shape=}")
    if not np.isfinite(measured).all():
        raise ValueError("a measurement is not a number")
    n = len(measured)
    inside = int(((measured >= lows) & (measured <= highs)).sum())
    edges = binom.ppf([(1 - BAND) / 2, (1 + BAND) / 2], n, confidence) / n
    return Coverage(inside / n, n, confidence, float(edges[0]), float(edges[1]))


def coverage_by_bin(
    truth: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    bins: npt.ArrayLike,
    confidence: float = CONFIDENCE,
) -> dict[str, Coverage]:
    """The coverage within each bin of rows (such as like, at the edge of and unlike the training data), by its name."""
    measured, lows, highs = (np.asarray(values, np.float64) for values in (truth, low, high))
    labels = np.asarray(bins).astype(str)
    if labels.shape != measured.shape:
        raise ValueError(f"{labels.shape=}, {measured.shape=}")
    rows = {str(name): labels == name for name in np.unique(labels)}
    return {name: coverage(measured[row], lows[row], highs[row], confidence) for name, row in rows.items()}


def risk_coverage(errors: npt.ArrayLike, sigmas: npt.ArrayLike) -> RiskCoverage:
    """The mean absolute error among the surest rows, for every number of rows answered.

    Args:
        errors: measured minus predicted, (rows,).
        sigmas: how unsure each prediction is, (rows,); rows of equal sigma are answered in no particular order.

    Raises:
        ValueError: when they are not two equally long rows of numbers.
    """
    sizes, widths = np.abs(np.asarray(errors, np.float64)), np.asarray(sigmas, np.float64)
    if sizes.ndim != 1 or sizes.shape != widths.shape or not len(sizes):
        raise ValueError(f"{sizes.shape=}, {widths.shape=}")
    if not (np.isfinite(sizes).all() and np.isfinite(widths).all()):
        raise ValueError("errors and sigmas must be numbers")
    risk = _running_risk(sizes, widths)
    share = np.arange(1, len(sizes) + 1) / len(sizes)
    best = _running_risk(sizes, sizes)
    return RiskCoverage(share, risk, float(risk.mean()), float(best.mean()), float(sizes.mean()))


def _running_risk(sizes: Array, order: Array) -> Array:
    """Mean of sizes (n,) over the first 1, 2, ... n rows by order; rows that tie count their mean."""
    _, group = np.unique(order, return_inverse=True)
    means = np.bincount(group, sizes) / np.bincount(group)
    running = means[np.sort(group)].cumsum() / np.arange(1, len(sizes) + 1)
    return np.asarray(running, np.float64)


@lru_cache(maxsize=1)
def _regressor_type() -> Any:
    """crepes' regressor. Importing it changes the warning filters of the whole process; they are put back."""
    with warnings.catch_warnings():
        from crepes import ConformalRegressor
    return ConformalRegressor


@lru_cache(maxsize=16)
def _kept(path: Path, model_id: str, _modified: int, _size: int) -> Calibration:
    """A calibration that was read before; a file that changed is read again."""
    return read(path, model_id)
