"""Predicted against measured activities: how well they agree, whether the model's intervals hold, and where they do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiment.measurements import Measurements
from experiment.measurements_quality import agreement, by_replicate, means
from genome.errors import UserError
from genome.sequence import fitted, one_hot
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.intervals import CONFIDENCE, Calibration, Coverage, coverage, scatter
from models.predict import Components, by_member
from models.shift_kinds import Drift, concept_drift, conformal_p_values

Array = npt.NDArray[np.float64]

ALARM = 20.0  # by chance alone reached in at most 1 of 20 uploads
ORDER_SEED = 0  # tables are often sorted, and an order that means something would give an alarm of its own
_CHUNK = 2_048


@dataclass(frozen=True)
class Predicted:
    """What a model says of measured elements.

    Attributes:
        names: of the elements that have bases.
        links: that they came from; empty where none is known.
        controls: what kind of control each is; empty for none.
        bases: of each.
        measured: float64 (n,), mean over replicates.
        predicted: float64 (n,).
        sigma: float64 (n,), how unsure each prediction is (``models.intervals.scatter``).
        fitting: how the bases were laid into the window, one sentence.
    """

    names: tuple[str, ...]
    links: tuple[str, ...]
    controls: tuple[str, ...]
    bases: tuple[str, ...]
    measured: Array
    predicted: Array
    sigma: Array
    fitting: str


@dataclass(frozen=True)
class Beside:
    """Predicted beside measured.

    Attributes:
        rows: the elements.
        low, high: float64 (n,), the model's interval around each prediction; None where it has none.
        coverage: how many measurements fell inside; None without intervals.
        by_part: coverage of the lowest, middle and highest third of predictions, by name.
        drift: the alarm; None without intervals.
        correlation: Pearson's r and Spearman's rho; None where there are too few elements.
        line: (slope, intercept) of measured on predicted; None likewise.
        misses: indices of elements beyond their interval, furthest first; without intervals, by residual from the line.
        rule: one sentence on what the interval is, or why there is none.
    """

    rows: Predicted
    low: Array | None
    high: Array | None
    coverage: Coverage | None
    by_part: dict[str, Coverage]
    drift: Drift | None
    correlation: tuple[float, float] | None
    line: tuple[float, float] | None
    misses: tuple[int, ...]
    rule: str

    @property
    def residuals(self) -> Array:
        """float64 (n,), measured minus predicted."""
        return self.rows.measured - self.rows.predicted


def predict(
    run: Runner, spec: ModelSpec, track: str, measured: Measurements, *, progress: Progress | None = None
) -> Predicted:
    """Predicts every measured element that has bases, in the middle of one window.

    Args:
        run: the engine, bound to the model.
        spec: that model.
        track: name of the track.
        measured: activities.
        progress: called with the share done.

    Raises:
        UserError: when no element has bases.
    """
    values, index = means(by_replicate(measured)), spec.track_index(track)
    of = {one.name: one for one in reversed(measured.rows)}
    kept = [(name, value) for name, value in zip(measured.names, values.tolist(), strict=True) if of[name].bases]
    if not kept:
        raise UserError("The table has no sequences, so nothing can be predicted; add a column sequence.")
    bases = [of[name].bases for name, _ in kept]
    scalars, sigmas = [], []
    for first in range(0, len(bases), _CHUNK):
        windows = np.stack([one_hot(fitted(one, spec.input_length)) for one in bases[first : first + _CHUNK]])
        found = run(Components(), (windows,))
        members = by_member(found[0], spec)[:, :, index].mean(axis=2).astype(np.float64)  # (rows, members)
        noise = np.sqrt(by_member(found[1], spec)[:, :, index].mean(axis=(1, 2))) if spec.noise else None
        spread = members.std(axis=1, ddof=1) if spec.n_members > 1 else np.zeros(len(members))
        scalars.append(members.mean(axis=1))
        sigmas.append(scatter(spec, spread, noise))
        if progress is not None:
            progress(min(1.0, (first + _CHUNK) / len(bases)))
    return Predicted(
        tuple(name for name, _ in kept),
        tuple(of[name].link for name, _ in kept),
        tuple(of[name].control for name, _ in kept),
        tuple(bases),
        np.array([value for _, value in kept]),
        np.concatenate(scalars),
        np.concatenate(sigmas),
        _fitting(bases, spec),
    )


def beside(rows: Predicted, spec: ModelSpec, track: str, calibration: Calibration | None, *, unit: str) -> Beside:
    """Lays predictions beside measurements.

    The alarm bets against the new elements being like those that the model was calibrated on: a residual over its sigma that is larger
    than nearly all of theirs counts against it. They are taken in random order.

    Args:
        rows: the elements.
        spec: the model.
        track: name of the track.
        calibration: the model's calibrated intervals; None when it has none.
        unit: of the measurements. Intervals are compared with only where both are counted in log2.
    """
    residual = rows.measured - rows.predicted
    line = _line(rows)
    known = None if calibration is None else calibration.tracks.get(track)
    same = unit.lower().startswith("log2") and spec.tracks[spec.track_index(track)].unit.lower().startswith("log2")
    correlation = agreement(rows.predicted, rows.measured)
    if known is None or not same:
        why = (
            "this model has no calibrated intervals" if known is None else f"the table counts in another unit ({unit})"
        )
        left = residual if line is None else rows.measured - (line[0] * rows.predicted + line[1])
        order = tuple(np.argsort(-np.abs(left), kind="stable").tolist())
        return Beside(rows, None, None, None, {}, None, correlation, line, order, f"No interval: {why}.")
    low, high = known.interval(rows.predicted, rows.sigma)
    outside = np.flatnonzero((rows.measured < low) | (rows.measured > high))
    width = (high - low) / 2
    worst = outside[np.argsort(-(np.abs(residual) / width)[outside], kind="stable")]
    rule = (
        f"The interval is the model's own: {CONFIDENCE:.0%} of measured elements like those it was calibrated on fall inside. "
        "It is that of one measured element, so of a mean over replicates rather more should."
    )
    return Beside(
        rows, low, high, coverage(rows.measured, low, high), _by_part(rows, low, high),
        alarm(residual / rows.sigma, known.regressor.alphas), correlation, line, tuple(worst.tolist()), rule,
    )  # fmt: skip


def alarm(scores: npt.ArrayLike, calibration: npt.ArrayLike) -> Drift:
    """Whether new residuals, each over its sigma, are like those of the calibration: reaches 20 by chance in 1 of 20 uploads.

    Args:
        scores: (n,), residual over sigma of new elements.
        calibration: (m,), the same of the rows that the intervals were calibrated on; their sign plays no part.
    """
    fresh = np.abs(np.asarray(scores, np.float64))
    mixed = np.random.default_rng(ORDER_SEED).permutation(fresh)
    return concept_drift(conformal_p_values(mixed, np.abs(np.asarray(calibration, np.float64))), alarm=ALARM)


def _by_part(rows: Predicted, low: Array, high: Array) -> dict[str, Coverage]:
    if len(rows.predicted) < 3:
        return {}
    edges = np.quantile(rows.predicted, [1 / 3, 2 / 3])
    part = np.digitize(rows.predicted, edges)
    names = ("lowest third of predictions", "middle third", "highest third")
    return {
        name: coverage(rows.measured[part == k], low[part == k], high[part == k])
        for k, name in enumerate(names)
        if (part == k).any()
    }


def _line(rows: Predicted) -> tuple[float, float] | None:
    if len(rows.predicted) < 3 or not rows.predicted.std() > 0:
        return None
    slope, intercept = np.polyfit(rows.predicted, rows.measured, 1)
    return float(slope), float(intercept)


def _fitting(bases: list[str], spec: ModelSpec) -> str:
    shorter = sum(len(one) < spec.input_length for one in bases)
    longer = sum(len(one) > spec.input_length for one in bases)
    if not shorter and not longer:
        return f"Every element is as long as the model's window of {spec.input_length:,} bp."
    return (
        f"The model reads {spec.input_length:,} bp: {shorter:,} shorter elements stand in the middle with N around them, of "
        f"{longer:,} longer ones the middle is read."
    )
