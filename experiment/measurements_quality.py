"""How good the measurements are, whatever any model says: barcodes, replicates, controls, outliers, batches, rows left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from experiment.measurements import Measurements
from interpret.measured import plural
from models.metrics import auroc, pearson, spearman

Array = npt.NDArray[np.float64]
Level = Literal["good", "caution", "bad", "open"]

FEWEST_PAIRS = 10  # elements from which a correlation is given
FEW_BARCODES = 5  # of an element in a replicate
LOW_CORRELATION, POOR_CORRELATION = 0.8, 0.6
SEPARATED, POORLY_SEPARATED = 0.95, 0.8  # chance that a positive control lies above a negative one
OUTLYING = 5.0  # robust standard deviations from the other replicates
MANY_OUTLIERS, MANY_DROPPED = 0.02, 0.1  # shares
SHIFTED, STRETCHED = 0.25, 1.5  # of the spread of activities; ratio of spreads between replicates
_LISTED = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is checked.

    Attributes:
        what: its name.
        level: how it stands.
        words: one or two sentences for people.
    """

    what: str
    level: Level
    words: str


@dataclass(frozen=True)
class Outlier:
    """One replicate of an element that lies far from the others.

    Attributes:
        name: of the element.
        replicate: which.
        value: measured.
        others: median of its other replicates.
    """

    name: str
    replicate: str
    value: float
    others: float


@dataclass(frozen=True)
class Quality:
    """The quality report of one upload.

    Attributes:
        findings: in the order to be read.
        names: elements, in order of appearance.
        replicates: names of the replicates.
        values: float64 (elements, replicates), NaN where an element was not measured.
        correlations: Pearson's r by pair of replicates.
        outliers: the first of them.
    """

    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    replicates: tuple[str, ...]
    values: Array
    correlations: Mapping[tuple[str, str], float]
    outliers: tuple[Outlier, ...]


def quality(measured: Measurements) -> Quality:
    """Looks at an upload from every side."""
    values = by_replicate(measured)
    correlations = _correlations(measured.replicates, values)
    outliers, n_outliers = _outliers(measured, values)
    findings = [
        _size(measured, values),
        _barcodes(measured),
        _replicates(measured.replicates, correlations),
        _controls(measured, values),
        _batches(measured.replicates, values),
        _outlying(n_outliers, values),
        _left_out(measured),
    ]
    return Quality(
        tuple(one for one in findings if one is not None),
        measured.names, measured.replicates, values, correlations, outliers,
    )  # fmt: skip


def by_replicate(measured: Measurements) -> Array:
    """float64 (elements, replicates), in the order of ``names`` and ``replicates``; NaN where not measured."""
    rows = {name: index for index, name in enumerate(measured.names)}
    columns = {name: index for index, name in enumerate(measured.replicates)}
    values = np.full((len(rows), len(columns)), np.nan)
    for one in measured.rows:
        values[rows[one.name], columns[one.replicate]] = one.value
    return values


def means(values: Array) -> Array:
    """Mean over the replicates of each element: (elements, replicates) -> (elements,)."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1), np.float64)


def _size(measured: Measurements, values: Array) -> Finding:
    whole = int(np.isfinite(values).all(axis=1).sum())
    count = len(measured.replicates)
    if count == 1:
        return Finding(
            "Elements", "caution", f"{len(values):,} elements, one value each: nothing says how sure they are."
        )
    lacking = len(values) - whole
    level: Level = "good" if lacking <= MANY_DROPPED * len(values) else "caution"
    missing = f"; {lacking:,} lack at least one" if lacking else ", all in every one"
    return Finding("Elements", level, f"{len(values):,} elements in {count} replicates{missing}.")


def _barcodes(measured: Measurements) -> Finding | None:
    counts = np.array([one.barcodes for one in measured.rows if one.barcodes is not None])
    if not len(counts):
        return None
    few = float((counts < FEW_BARCODES).mean())
    level: Level = "good" if few <= 0.1 else "caution"
    low, middle, high = np.percentile(counts, [5, 50, 95])
    return Finding(
        "Barcodes",
        level,
        f"Half of the elements have {middle:.0f} or more in a replicate (nine in ten {low:.0f} to {high:.0f}); "
        f"{few:.0%} have fewer than {FEW_BARCODES}.",
    )


def _correlations(names: tuple[str, ...], values: Array) -> dict[tuple[str, str], float]:
    found = {}
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
            if both.sum() >= FEWEST_PAIRS and values[both, i].std() > 0 and values[both, j].std() > 0:
                found[one, names[j]] = pearson(values[both, i], values[both, j])
    return found


def _replicates(names: tuple[str, ...], found: Mapping[tuple[str, str], float]) -> Finding | None:
    if len(names) < 2:
        return None
    if not found:
        return Finding(
            "Replicates", "open", f"Fewer than {FEWEST_PAIRS} elements in two replicates: no correlation is given."
        )
    low, high = min(found.values()), max(found.values())
    worst = min(found, key=lambda pair: found[pair])
    level: Level = "good" if low >= LOW_CORRELATION else "caution" if low >= POOR_CORRELATION else "bad"
    shown = (
        f"r = {low:.2f}"
        if len(found) == 1
        else f"r = {low:.2f} to {high:.2f}, lowest between {worst[0]} and {worst[1]}"
    )
    return Finding("Replicates", level, f"They agree with {shown}. No model can be expected to agree much better.")


def _controls(measured: Measurements, values: Array) -> Finding:
    kinds = {one.name: one.control for one in measured.rows}
    whole = means(values)
    marked = [kinds[name] for name in measured.names]
    positive = whole[[one == "positive control" for one in marked]]
    negative = whole[[one == "negative control" for one in marked]]
    if not len(positive) or not len(negative):
        there = f"{len(positive)} positive and {len(negative)} negative controls are marked"
        return Finding("Controls", "open", f"{there}: whether the assay tells active from inactive is not known.")
    above = auroc(positive, negative)
    level: Level = "good" if above >= SEPARATED else "caution" if above >= POORLY_SEPARATED else "bad"
    return Finding(
        "Controls",
        level,
        f"A positive control lies above a negative one in {above:.0%} of pairs ({len(positive):,} and {len(negative):,}; "
        f"medians {np.median(positive):.2f} and {np.median(negative):.2f}).",
    )


def _batches(names: tuple[str, ...], values: Array) -> Finding | None:
    """Whether a replicate reads everything higher, or stretches everything, on the elements that all replicates share."""
    shared = values[np.isfinite(values).all(axis=1)]
    if len(names) < 2 or len(shared) < FEWEST_PAIRS:
        return None
    centres, spreads = np.median(shared, axis=0), _robust(shared)
    usual = float(np.median(spreads))
    if not usual > 0:
        return None
    apart, ratio = float(np.ptp(centres)) / usual, float(spreads.max() / max(spreads.min(), 1e-12))
    if apart < SHIFTED and ratio < STRETCHED:
        return Finding("Batches", "good", "No replicate reads all elements higher or wider than the others.")
    high, low = names[int(centres.argmax())], names[int(centres.argmin())]
    said = []
    if apart >= SHIFTED:
        said.append(f"replicate {high} reads {np.ptp(centres):.2f} higher than {low}")
    if ratio >= STRETCHED:
        said.append(f"replicate {names[int(spreads.argmax())]} spreads {ratio:.1f} times as wide as the narrowest")
    return Finding(
        "Batches", "caution", f"{' and '.join(said).capitalize()}. Verdicts take the level of a replicate away."
    )


def _outliers(measured: Measurements, values: Array) -> tuple[tuple[Outlier, ...], int]:
    """Replicates far from the others of their element, the furthest first, and how many there are."""
    known = np.isfinite(values)
    if values.shape[1] < 3:
        return (), 0
    centred = values - np.nanmedian(values, axis=0)
    apart = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        rest = np.delete(centred, column, axis=1)
        enough = known[:, column] & (np.isfinite(rest).sum(axis=1) >= 2)
        apart[enough, column] = centred[enough, column] - np.nanmedian(rest[enough], axis=1)
    usual = _robust(apart[np.isfinite(apart)][:, None])[0] if np.isfinite(apart).any() else 0.0
    if not usual > 0:
        return (), 0
    far = np.where(np.isfinite(apart), np.abs(apart) / usual, 0.0)
    order = np.argsort(-far, axis=None)[: int((far > OUTLYING).sum())]
    listed = []
    for flat in order[:_LISTED].tolist():
        row, column = divmod(flat, values.shape[1])
        value = float(values[row, column])
        others = value - float(apart[row, column])
        listed.append(Outlier(measured.names[row], measured.replicates[column], value, others))
    return tuple(listed), len(order)


def _outlying(n: int, values: Array) -> Finding | None:
    if values.shape[1] < 3:
        return None
    total = int(np.isfinite(values).sum())
    level: Level = "good" if n <= MANY_OUTLIERS * total else "caution"
    return Finding("Outliers", level, f"{n:,} of {total:,} values lie far from the other replicates of their element.")


def _left_out(measured: Measurements) -> Finding:
    n = measured.n_dropped
    if not n:
        return Finding("Left out", "good", "No row.")
    reasons = "; ".join(
        f"{count:,}: {reason}" for reason, count in sorted(measured.dropped_counts.items(), key=lambda one: -one[1])
    )
    level: Level = "good" if n <= MANY_DROPPED * (n + len(measured.rows)) else "caution"
    return Finding("Left out", level, f"{n:,} {plural('row', n)}. {reasons}.")


def _robust(values: Array) -> Array:
    """Standard deviation of each column from its quartiles: outliers do not widen it."""
    low, high = np.percentile(values, [25, 75], axis=0)
    return np.asarray((high - low) / 1.349, np.float64)


def agreement(one: Array, other: Array) -> tuple[float, float] | None:
    """Pearson's r and Spearman's rho of two rows of numbers; None where they are too few or one never changes."""
    if len(one) < FEWEST_PAIRS or not (one.std() > 0 and other.std() > 0):
        return None
    return pearson(one, other), spearman(one, other)
