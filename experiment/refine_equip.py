"""What stands beside a refined model's weights: intervals, and what its training sequences are like."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiment.refine_fit import together
from experiment.refine_rows import Table
from models import intervals, shift
from models.core import Model, ModelSpec
from models.reporter_data import Elements
from models.reporter_equip import calibrate
from models.shift_build import FEWEST, REPORTER_FALSE_ALARMS, build_reference, direct
from models.shift_build import write_reference as write


def write_intervals(child: Model, tables: Seq[Table], track: str, folder: Path) -> bool:
    """Calibrates intervals on rows of all tables that no step and no choice has seen; False where there are too few.

    Args:
        child: the refined model.
        tables: what it learned from, the new table first.
        track: the one that they measure.
        folder: of the model.
    """
    rows = _measuring(child.spec, together([table.calibration for table in tables]), track)
    if rows.n < intervals.rows_needed(intervals.CONFIDENCE) or not child.spec.noise:
        return False
    names = ", ".join(table.name for table in tables)
    split = f"rows of {names} that neither the refinement nor any choice has seen"
    calibrate(child, rows, folder / intervals.FILE, split=split)
    return True


def write_reference(child: Model, parent: ModelSpec, tables: Seq[Table], track: str, folder: Path) -> bool:
    """Says what the sequences are like that the model learned from; False where that cannot be said.

    Without the old tables the sequences that the parent learned from are not at hand, and those of the new table alone
    would call them strange.

    Args:
        child: the refined model.
        parent: the model that it was refined from; its reference says whose DNA it is.
        tables: what was learned from, the new table first.
        track: the one that they measure.
        folder: of the model.
    """
    training = together([table.train for table in tables])
    held = _measuring(child.spec, together([table.calibration for table in tables]), track)
    if len(tables) < 2 or min(training.n, held.n) < FEWEST:
        return False
    known = shift.find_reference(parent)
    found = build_reference(
        direct(child),
        child.spec,
        training.codes,
        calibration=held.codes,
        labels=held.labels,
        rows=f"The rows that it learned from: {', '.join(table.name for table in tables)}; thresholds from others of the same tables.",
        organism="" if known is None else known.organism,
        embedding=hasattr(child.members[0], "embed"),
        false_alarms=REPORTER_FALSE_ALARMS,
    )
    write(found, folder)
    return True


def _measuring(spec: ModelSpec, rows: Elements, track: str) -> Elements:
    """The same rows, their labels those of one track among all tracks of a model."""
    measured = rows.labels[:, 0] if rows.labels.shape[1] == 1 else rows.labels[:, spec.track_index(track)]
    labels = np.full((rows.n, len(spec.tracks)), np.nan, dtype=np.float32)
    labels[:, spec.track_index(track)] = measured
    return replace(rows, labels=labels)
