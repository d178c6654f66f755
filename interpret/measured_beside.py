"""Measured beside predicted effects: one pair for each allele, their correlations, and where the two part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.locus import Variant
from genome.sequence import BASES
from genome.sequence import Sequence as Bases
from interpret.attribution import Float
from interpret.measured import plural
from interpret.measured_match import FEWEST_PAIRS, KINDS, Ceiling, Match, Matched
from interpret.substitutions import Substitutions
from interpret.variants import VariantEffects
from models.core import ModelSpec
from models.metrics import Interval, bootstrap_correlation, interval, pearson, spearman

RESAMPLES = 500
SEED = 0
Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Guess:
    """What a model says of one change.

    Attributes:
        effect: prediction with it minus prediction without, in the track's unit.
        spread: standard deviation of that between members, or None where it is not known.
    """

    effect: float
    spread: float | None = None


@dataclass(frozen=True)
class Correlation:
    """How well predicted and measured effects of one kind of change agree.

    Attributes:
        kind: of change, for people; ``all`` for every kind together.
        n: pairs.
        spearman: with its 95 % bootstrap interval; None for fewer than FEWEST_PAIRS, or where one of the two never changes.
        pearson: likewise.
    """

    kind: str
    n: int
    spearman: Interval | None
    pearson: Interval | None


@dataclass(frozen=True)
class Line:
    """The straight line by least squares that turns predicted effects into measured ones.

    Attributes:
        slope: measured unit per predicted unit.
        intercept: measured unit.
    """

    slope: float
    intercept: float

    def __call__(self, predicted: Real) -> Real:
        """Predicted effects (n,) in the measured unit."""
        return self.intercept + self.slope * predicted


@dataclass(frozen=True)
class Comparison:
    """Measured and predicted effects of the same alleles.

    Attributes:
        matches: the alleles, along the locus.
        predicted: float64 (n,), in the track's unit.
        measured: float64 (n,), in the table's unit.
        correlations: for substitutions first, each other kind that there is, and all together where there are several.
        line: the line through them; None for fewer than FEWEST_PAIRS, or where the predicted ones never change.
        ceiling: how well the measurement agrees with itself, where anything says so.
        left_out: what has no pair, and why.
    """

    matches: tuple[Match, ...]
    predicted: Real
    measured: Real
    correlations: tuple[Correlation, ...]
    line: Line | None
    ceiling: Ceiling | None
    left_out: tuple[str, ...]


def guesses_of(found: Substitutions) -> dict[Variant, Guess]:
    """The predictions that a map of substitutions holds."""
    chrom = found.sequence.locus.chrom
    return {
        Variant(chrom, one.position + 1, one.ref, one.alt): Guess(one.effect, one.spread)
        for one in found
        if np.isfinite(one.effect)
    }


def guesses_among(effects: VariantEffects, spec: ModelSpec, track: str) -> dict[Variant, Guess]:
    """The predictions that a chunk of scored variants holds; one that was refused has none.

    Args:
        effects: of any variants.
        spec: the model that scored them.
        track: name of the track that is compared.
    """
    index = spec.track_index(track)
    spreads = effects.spread[:, index].tolist() if spec.n_members > 1 else [None] * len(effects.rows)
    return {
        row.variant: Guess(effect, spread)
        for row, effect, spread in zip(effects.rows, effects.delta[:, index].tolist(), spreads, strict=True)
        if row.variant is not None and np.isfinite(effect)
    }


def compare(matched: Matched, guesses: Mapping[Variant, Guess]) -> Comparison:
    """Puts each measured allele beside what is predicted of it.

    Args:
        matched: the measurements.
        guesses: predictions by allele, left-normalised as those of ``matched``; an allele that is missing is counted.
    """
    pairs = tuple(one for one in matched.matches if one.variant in guesses)
    predicted = np.array([guesses[one.variant].effect for one in pairs], np.float64)
    measured = np.array([one.row.value for one in pairs], np.float64)
    missing = [one.kind for one in matched.matches if one.variant not in guesses]
    unpredicted = tuple(
        f"{missing.count(kind):,} {plural(kind, missing.count(kind))} that nothing is predicted of here"
        for kind in KINDS
        if kind in missing
    )
    return Comparison(
        pairs,
        predicted,
        measured,
        _correlations(pairs, predicted, measured),
        fitted(predicted, measured),
        matched.ceiling,
        (*unpredicted, *matched.left_out),
    )


def correlate(predicted: Real, measured: Real, places: npt.NDArray[np.int64], kind: str) -> Correlation:
    """Spearman and Pearson with intervals that draw whole positions, since changes of one base share its context.

    Args:
        predicted: (n,).
        measured: (n,).
        places: (n,), position of each change.
        kind: what they are, for people.
    """
    n = len(predicted)
    if n < FEWEST_PAIRS or np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return Correlation(kind, n, None, None)
    values = []
    for measure in (spearman, pearson):
        drawn = bootstrap_correlation(measure, predicted[None], measured, places, n_resamples=RESAMPLES, seed=SEED)[0]
        drawn = drawn[np.isfinite(drawn)]
        values.append(interval(measure(predicted, measured), drawn) if len(drawn) else None)
    return Correlation(kind, n, values[0], values[1])


def fitted(predicted: Real, measured: Real) -> Line | None:
    """The line from predicted (n,) to measured (n,); None where there are too few, or the predicted ones never change."""
    if len(predicted) < FEWEST_PAIRS or np.ptp(predicted) == 0:
        return None
    slope, intercept = np.polyfit(predicted, measured, 1)
    return Line(float(slope), float(intercept))


def measured_map(matched: Matched, sequence: Bases) -> Float:
    """Measured substitutions as a map: float32 (4, length), rows A, C, G, T.

    0 at the base that stands there, NaN where nothing (or too little) was measured.

    Args:
        matched: the measurements.
        sequence: the bases of the columns.
    """
    column = {int(sequence.positions[i]): i for i in np.flatnonzero(~sequence.inserted).tolist()}
    effects = np.full((4, sequence.length), np.nan, np.float32)
    for one in matched.matches:
        index = column.get(one.variant.start)
        if one.kind == "substitution" and index is not None:
            effects[BASES.index(one.variant.alt), index] = one.row.value
            effects[BASES.index(one.variant.ref), index] = 0
    return effects


def _correlations(pairs: tuple[Match, ...], predicted: Real, measured: Real) -> tuple[Correlation, ...]:
    kinds = np.array([one.kind for one in pairs])
    places = np.array([one.variant.start for one in pairs], np.int64)
    found = [
        correlate(predicted[kinds == kind], measured[kinds == kind], places[kinds == kind], plural(kind, 2))
        for kind in KINDS
        if (kinds == kind).any()
    ]
    return tuple(found if len(found) < 2 else [*found, correlate(predicted, measured, places, "all")])
