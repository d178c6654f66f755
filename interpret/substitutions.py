"""The effect of every single-base change along a locus: in-silico saturation mutagenesis as a map of alt minus ref."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genome.sequence import BASES, Sequence, codes_of
from interpret.attribution import Attribution, Float


@dataclass(frozen=True)
class Substitution:
    """One change of one base.

    Attributes:
        position: 0-based genome position.
        ref: the base that stands there.
        alt: the base put in its place.
        effect: prediction with ``alt`` minus prediction with ``ref``.
        spread: standard deviation of that between members, or None where it is not known.
    """

    position: int
    ref: str
    alt: str
    effect: float
    spread: float | None


@dataclass(frozen=True)
class Substitutions:
    """What each change of one base does to the explained scalar.

    Attributes:
        sequence: the bases of the locus; their order is that of the columns.
        effects: float32 (4, length), rows A, C, G, T: alt - ref in ``unit``; 0 at the base that stands there, NaN in the
            column of an N.
        spread: float32 (4, length), standard deviation of each effect between members (n - 1), or None where there is
            one member or the members are not known apart.
        unit: what effects are counted in.
        rule: one sentence on where the windows lay.
    """

    sequence: Sequence
    effects: Float
    spread: Float | None
    unit: str
    rule: str

    def __post_init__(self) -> None:
        if self.effects.shape != (4, self.sequence.length):
            raise ValueError(f"{self.effects.shape=}, {self.sequence.length=}")
        if self.spread is not None and self.spread.shape != self.effects.shape:
            raise ValueError(f"{self.spread.shape=}, {self.effects.shape=}")

    @property
    def largest(self) -> float:
        """The size of the largest effect; 0 where nothing is known."""
        known = np.abs(self.effects[np.isfinite(self.effects)])
        return float(known.max()) if known.size else 0.0

    def __iter__(self) -> Iterator[Substitution]:
        """Every change of a base that has a place in the genome, along the locus, in the order A, C, G, T."""
        for index in np.flatnonzero(~self.sequence.inserted).tolist():
            ref = self.sequence.bases[index]
            if ref not in BASES:
                continue
            for row, alt in enumerate(BASES):
                if alt != ref:
                    spread = None if self.spread is None else float(self.spread[row, index])
                    position = int(self.sequence.positions[index])
                    yield Substitution(position, ref, alt, float(self.effects[row, index]), spread)


def substitutions(found: Attribution) -> Substitutions:
    """The map of alt minus ref that lies in what a mutagenesis says of each base.

    Centring moves all four bases of a column alike, so the differences do not depend on it.

    Args:
        found: contributions whose ``hypothetical`` was computed by trying each base in turn.
    """
    part = slice(*found.core)
    sequence = found.sequence.part(*found.core)
    members = found.hypothetical_members
    spread = None
    if members is not None and len(members) > 1:
        spread = _differences(members[:, :, part], sequence).std(axis=0, ddof=1)
    whole = _differences(found.hypothetical[:, part], sequence)
    return Substitutions(sequence, whole, spread, found.unit, found.rule)


def _differences(hypothetical: Float, sequence: Sequence) -> Float:
    """(..., 4, length) minus the row of the base that stands there; NaN where that is N."""
    codes = codes_of(sequence.bases).astype(np.int64)
    standing = hypothetical[..., np.minimum(codes, 3), np.arange(sequence.length)]  # (..., length)
    return np.where(codes == 4, np.float32(np.nan), hypothetical - standing[..., None, :]).astype(np.float32)
