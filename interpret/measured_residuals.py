"""Where measured effects part from predicted ones by more than the model's own interval: the next hypotheses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpret.measured_beside import Comparison, Real

NORMAL_90 = 1.6449  # standard errors on either side that hold 90 % of a normal error


@dataclass(frozen=True)
class Residuals:
    """What is left of the measured effects when the predicted ones are taken away.

    Attributes:
        values: float64 (n,), measured minus the fitted line at the predicted effect, in the table's unit.
        half: float64 (n,), half the width of the interval around each, in the same unit; None where the model has none.
        worst: indices of the pairs beyond their interval, or of all where there is none; those furthest beyond first.
        rule: one sentence on what the interval is, or why there is none.
    """

    values: Real
    half: Real | None
    worst: tuple[int, ...]
    rule: str


def residuals(found: Comparison, half: Real | None, *, same_unit: bool, confidence: float = 0.9) -> Residuals | None:
    """Measured minus fitted, beside the interval of the model.

    The interval is that of one measured element: it is as wide as the model errs on whole elements, and the standard error
    of the table is added to it. It can be laid beside the residuals only where both are counted in log2.

    Args:
        found: the pairs.
        half: (n,), half the width of the model's interval around its prediction at each change, in the track's unit; None
            where the model has none. See ``half_widths``.
        same_unit: whether table and track are counted in the same unit.
        confidence: of the interval, for the sentence.

    Returns:
        None where there is no line to take away.
    """
    if found.line is None:
        return None
    values = found.measured - found.line(found.predicted)
    if half is None or not same_unit or not np.isfinite(half).all():
        why = "this model has no intervals" if half is None else "the table is not counted in the unit of the model"
        order = np.argsort(-np.abs(values), kind="stable")
        return Residuals(values, None, tuple(order.tolist()), f"No interval: {why}. The largest residuals stand first.")
    errors = np.array([one.row.error or 0.0 for one in found.matches])
    width = np.hypot(half, NORMAL_90 * errors)
    beyond = np.flatnonzero(np.abs(values) > width)
    order = beyond[np.argsort(-(np.abs(values) / width)[beyond], kind="stable")]
    with_errors = ", with the standard error of the table" if errors.any() else ""
    rule = (
        f"The band is the model's own {100 * confidence:.0f} % interval, between which one measured element is expected"
        f"{with_errors}; it was calibrated on whole elements, so an effect beyond it is one that the model cannot explain."
    )
    return Residuals(values, width, tuple(order.tolist()), rule)


def half_widths(
    found: Comparison,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    low: npt.NDArray[np.floating],
    high: npt.NDArray[np.floating],
) -> Real | None:
    """Half the width of a model's interval at each change: the mean over the bins of a prediction that cover it.

    Args:
        found: the pairs.
        starts: int64 (bins,), 0-based genome position where each bin of the prediction starts.
        ends: int64 (bins,), one past its end.
        low: (bins,), lower end of the interval of the track.
        high: (bins,), upper end.

    Returns:
        float64 (n,); NaN where no bin covers a change; None where the track has no interval.
    """
    if not np.isfinite(low).all():
        return None
    widths = (np.asarray(high, np.float64) - low) / 2
    places = np.array([one.variant.start for one in found.matches], np.int64)
    covers = (starts[None] <= places[:, None]) & (places[:, None] < ends[None])  # (n, bins)
    with np.errstate(invalid="ignore"):
        return np.asarray((covers * widths[None]).sum(axis=1) / covers.sum(axis=1), np.float64)
