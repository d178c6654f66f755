"""Which known motif a change makes or breaks: both alleles scanned where they differ, the same motif scored in both.

The rules:

1. Both alleles are scanned in the bases up to 35 bp from the change (``interpret.scan``). Only places that lie over the change
   can differ, so only these are looked at, and q-values (Benjamini and Hochberg) are over every motif, strand and place there.
2. A motif is reported when it has q <= 0.05 in one of the alleles, the best of each family; or when the contributions of an
   allele were found to resemble it, which names it beforehand, so that its p-value needs no correction.
3. The motif is scored in both alleles, on either strand and at any offset over the change: its best score there is what is
   compared, so that a site that an insertion pushes aside is not called broken.
4. It is made or broken where only one allele passes p < 0.0001, stronger or weaker where the score moves by at least
   1 bit, and left out below that.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from genome.locus import Variant
from genome.sequence import Sequence
from interpret.effects import around
from interpret.jaspar import Motif, jaspar_motifs
from interpret.matches import Level, Match, chance, grouped, supported
from interpret.motifs import Q_LIMIT, Hit
from interpret.scan import P_LIMIT, scan
from models.tiling import core_of

Float = npt.NDArray[np.floating]
Kind = Literal["broken", "weakened", "made", "strengthened"]

FLANK = 35  # bp
LEAST_BITS = 1.0
NOTE = (
    "Named are motifs that the contributions of an allele resemble, and those whose match to the letters alone over the change "
    "has q of at most 0.05 among all JASPAR CORE vertebrates. A match is a resemblance, not proof of the factor. Used by the "
    "model: the contributions under the better match add up to 0.8 standard deviations of the track; weakly: to 0.3."
)


@dataclass(frozen=True)
class Site:
    """The best match of a motif over the change in one allele.

    Attributes:
        score: bits.
        p_value: chance of that at one place of random DNA.
        q_value: over every motif, strand and place over the change; None for what is no match at p < 0.0001.
        strand: ``+`` or ``-``.
        start, end: its first and one past its last genome position, 0-based.
    """

    score: float
    p_value: float
    q_value: float | None
    strand: str
    start: int
    end: int


@dataclass(frozen=True)
class MotifChange:
    """A motif that matches one allele better than the other.

    Attributes:
        motif: which.
        kind: what the change does to it.
        before, after: the best match in REF and in ALT.
        support: what the contributions of the allele with the better match say of it; None without contributions.
        relatives: names of other motifs of its family that lie there, best first.
        named: whether the contributions of an allele resemble it; else its letters alone stand out.
    """

    motif: Motif
    kind: Kind
    before: Site | None
    after: Site | None
    support: Level | None
    relatives: tuple[str, ...] = ()
    named: bool = False

    @property
    def bits(self) -> float:
        """Score in ALT minus score in REF; what cannot be placed over the change in one allele scores 0 there."""
        return _score(self.after) - _score(self.before)

    @property
    def best(self) -> Site:
        """The better match."""
        sites = [site for site in (self.before, self.after) if site is not None]
        return min(sites, key=lambda site: (site.p_value, -site.score))


@dataclass(frozen=True)
class _Stretch:
    """The bases of one allele near the change.

    Attributes:
        sequence: they.
        first, last: the changed bases among them, 0-based half-open; empty where they are deleted.
        values: float (length,), contributions, or None.
    """

    sequence: Sequence
    first: int
    last: int
    values: Float | None

    def over(self, hit: Hit) -> bool:
        """Whether a match lies over the change: over a changed base, or over the seam where bases are missing."""
        if self.last == self.first:
            return hit.start < self.first < hit.end
        return hit.start < self.last and hit.end > self.first

    def places(self, length: int) -> int:
        """How many places of a motif of this length lie over the change."""
        first = max(0, self.first - length + 1)
        last = min(self.sequence.length - length, max(self.last, self.first) - 1)
        return max(0, last - first + 1)


def motif_changes(
    before: Sequence,
    after: Sequence,
    edits: tuple[Variant, ...],
    *,
    values: tuple[Float, Float] | None = None,
    sd: float = 1.0,
    motifs: Seq[Motif] | None = None,
    named: Seq[Motif] = (),
) -> tuple[MotifChange, ...]:
    """The motifs that a change makes or breaks, the largest change of score first.

    Args:
        before: bases around the change, without it.
        after: the same stretch with it.
        edits: the change; several are looked at together, as one stretch.
        values: float (length,) of each, contribution of every base, in the track's unit.
        sd: standard deviation of the track.
        motifs: what to look for; JASPAR CORE vertebrates unless given.
        named: motifs that the contributions of an allele resemble.
    """
    both = [
        _stretch(sequence, edits, None if values is None else values[index])
        for index, sequence in enumerate((before, after))
    ]
    known = jaspar_motifs() if motifs is None else motifs
    scans = [_over(stretch, known, None if motifs is None else known) for stretch in both]
    found: list[MotifChange] = []
    for motif in named:
        if not any(kin(motif) & kin(told.motif) for told in found):
            found += _judged(motif, both, scans, sd, named=True)
    for scanned in scans:
        for place in grouped(scanned):
            told = any(kin(place.hit.motif) & kin(one.motif) for one in found)
            if place.q_value <= Q_LIMIT and not told:
                others = tuple(dict.fromkeys(other.motif.name for other in place.others))
                found += _judged(place.hit.motif, both, scans, sd, others=others)
    return tuple(sorted(found, key=lambda change: (-abs(change.bits), change.motif.name)))


def _over(stretch: _Stretch, known: Seq[Motif], asked: Seq[Motif] | None) -> tuple[Match, ...]:
    """The matches over the change, best first, with q-values over all that could lie there."""
    hits = [hit for hit in scan(stretch.sequence.bases, asked) if stretch.over(hit)]
    hits.sort(key=lambda hit: (chance(hit), -hit.score, hit.start))
    tests = 2 * sum(stretch.places(motif.length) for motif in known)
    q_values = np.array([chance(hit) for hit in hits]) * tests / np.arange(1, len(hits) + 1)
    q_values = np.minimum(np.minimum.accumulate(q_values[::-1])[::-1], 1.0)
    return tuple(Match(hit, q) for hit, q in zip(hits, q_values.tolist(), strict=True))


def _stretch(sequence: Sequence, edits: tuple[Variant, ...], values: Float | None) -> _Stretch:
    """The bases up to ``FLANK`` bp from the change, and where in them it is."""
    low, high = around(edits)
    start, end = core_of(sequence, low - FLANK, high + FLANK)
    part = sequence.part(start, end)
    first = int(np.searchsorted(part.positions, low))  # inserted bases have the position of the base they come before
    behind = np.flatnonzero((part.positions >= max(edit.end for edit in edits)) & ~part.inserted)
    last = int(behind[0]) if len(behind) else part.length
    return _Stretch(part, first, max(first, last), None if values is None else values[start:end])


def _judged(
    motif: Motif,
    both: list[_Stretch],
    scans: list[tuple[Match, ...]],
    sd: float,
    *,
    named: bool = False,
    others: tuple[str, ...] = (),
) -> list[MotifChange]:
    """What the change does to a motif; empty where it does next to nothing."""
    hits = [_best(motif, stretch) for stretch in both]
    before, after = (
        None if hit is None else _site(hit, *at) for hit, at in zip(hits, zip(both, scans, strict=True), strict=True)
    )
    matched = [site is not None and site.p_value < P_LIMIT for site in (before, after)]
    bits = _score(after) - _score(before)
    if abs(bits) < LEAST_BITS or not any(matched):
        return []
    better = int(bits > 0)
    kind: Kind = ("strengthened" if better else "weakened") if all(matched) else ("made" if matched[1] else "broken")
    hit, values = hits[better], both[better].values
    support = None if hit is None or values is None else supported(hit, values, sd).level
    relatives = tuple(name for name in others if name != motif.name)
    return [MotifChange(motif, kind, before, after, support, relatives, named)]


def _best(motif: Motif, stretch: _Stretch) -> Hit | None:
    """The best-scoring place of a motif over the change in one allele; None where it does not fit there."""
    placed = [hit for hit in scan(stretch.sequence.bases, [motif], p=1.0) if stretch.over(hit)]
    return max(placed, key=lambda hit: hit.score, default=None)


def _site(hit: Hit, stretch: _Stretch, scanned: tuple[Match, ...]) -> Site:
    """A match with its place in the genome and, where it is one at p < 0.0001, its q-value."""
    same = (found.q_value for found in scanned if _place(found.hit) == _place(hit))
    positions = stretch.sequence.positions
    return Site(hit.score, chance(hit), next(same, None), hit.strand, int(positions[hit.start]), int(positions[hit.end - 1]) + 1)  # fmt: skip


def _place(hit: Hit) -> tuple[str, int, str]:
    return hit.motif.matrix_id, hit.start, hit.strand


def _score(site: Site | None) -> float:
    return 0.0 if site is None else site.score


def kin(motif: Motif) -> set[str]:
    """What tells that two motifs are relatives: their families, or the name of one that has none."""
    return set(motif.families) or {motif.name}
