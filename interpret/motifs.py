"""Which known factors the letters resemble: seqlets, each compared with JASPAR and named only when that is significant.

The rules, chosen on chromosomes that the figures in benchmarks/motif_recovery.json do not use:

1. Seqlets are called on the contributions of the bases that stand there (``interpret.seqlets``, p < 0.01).
2. The query of a seqlet is made of base frequencies, 8 bases to either side included. A base that contributes at least
   0.7 of the mean of the five highest stands there as it is; the less a base contributes, the more the column shows
   what the model would like to see there: its hypothetical contributions through a softmax, whose sharpness is 3 over
   the mean height of the five highest columns (height: the favourite base above the column's mean). So the query does
   not depend on the track's unit, and columns that matter little come out flat. Flat columns (under 0.3 bits) are
   trimmed from both ends. For a seqlet that lowers the prediction the contributions are negated first.
3. Because hypothetical contributions show a preference even where the bases do not meet it, a seqlet is named only when
   the bases that do stand under the motif it matched add up, in its own sign, to at least 0.8 standard deviations of the
   track.
4. TOMTOM p-values against all JASPAR CORE vertebrate matrices (both strands) are corrected over the database by
   Benjamini and Hochberg, per query; no name above q = 0.05. Matrices within a factor of 10 of the best p are ties.
5. Seqlets are taken by falling |sum|. One that lies, by half or more, in the motif found for an earlier one of its sign
   is part of that element and gets no name of its own, so that one site is not counted twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from genome.sequence import one_hot
from interpret.jaspar import Motif, jaspar_motifs
from interpret.seqlets import Seqlet
from interpret.tomtom import Targets, compare

Float = npt.NDArray[np.floating]
FloatArray = npt.NDArray[np.float64]

NOTE = "A match in a motif database is a resemblance, not proof of the factor: related factors bind alike."
Q_LIMIT = 0.05
TIE_FACTOR = 10.0
FLANK = 8
SHARPNESS = 3.0
CERTAIN = 0.7  # of the mean of the five highest contributions: from here on the base that stands there counts alone
FLAT_BITS = 0.3
SHORTEST_QUERY = 4
NAMING_FLOOR = 0.8  # standard deviations of the track

_LOCK = threading.Lock()
_READY = threading.Event()


@dataclass(frozen=True)
class MotifCall:
    """A seqlet and the known motif that it resembles most, if any.

    Attributes:
        seqlet: the run of bases.
        start: first base of the query, 0-based in the sequence given.
        end: one past its last base.
        query: float64 (4, end - start), base frequencies that were compared.
        contribution: sum of contributions of the bases under the motif, or in the query's span where none was compared,
            in the track's unit.
        motif: the best match, or None where nothing was compared.
        p_value: of the best match (TOMTOM).
        q_value: the same, corrected over the database.
        strand: ``-`` when the motif's reverse complement matched.
        offset: column of the motif, as matched, on which the query's first column lies; negative when it hangs over.
        ties: the other motifs within a factor of 10 of the best p.
        reason: why it bears no name; empty when it does.
    """

    seqlet: Seqlet
    start: int
    end: int
    query: FloatArray = field(repr=False, compare=False)
    contribution: float
    motif: Motif | None = None
    p_value: float = 1.0
    q_value: float = 1.0
    strand: str = "+"
    offset: int = 0
    ties: tuple[Motif, ...] = ()
    reason: str = ""

    @property
    def named(self) -> bool:
        """Whether it may bear a name."""
        return self.motif is not None and not self.reason

    @property
    def label(self) -> str:
        """``resembles CTCF``, or nothing when it bears no name."""
        return f"resembles {self.motif.name}" if self.motif is not None and self.named else ""

    @property
    def families(self) -> tuple[str, ...]:
        """Families of the best match and of its ties, most frequent first; none without a name."""
        if self.motif is None or not self.named:
            return ()
        return families_of((self.motif, *self.ties))

    @property
    def motif_span(self) -> tuple[int, int]:
        """Where the motif lies, 0-based half-open in the sequence given; it may hang over the ends."""
        if self.motif is None:
            return (self.start, self.end)
        first = self.start - self.offset
        return (first, first + self.motif.length)

    @property
    def matched(self) -> Motif | None:
        """The motif as it lies on the forward strand of the sequence given."""
        if self.motif is None or self.strand == "+":
            return self.motif
        return self.motif.reverse_complement()


def name_seqlets(
    found: Sequence[Seqlet], values: Float, hypothetical: Float, *, sd: float, motifs: Sequence[Motif] | None = None
) -> tuple[MotifCall, ...]:
    """Compares each seqlet with the motif database.

    Args:
        found: seqlets in the sequence.
        values: float (length,), contribution of the base that stands there, in the track's unit.
        hypothetical: float (4, length), what each base would contribute, in the same unit.
        sd: standard deviation of the track, in the same unit.
        motifs: the database; JASPAR CORE vertebrates unless given.

    Returns:
        One call per seqlet, by falling |sum|. See the module for the rules.
    """
    if hypothetical.shape != (4, *values.shape) or not sd > 0:
        raise ValueError(f"{hypothetical.shape=}, {values.shape=}, {sd=}")
    known = tuple(motifs) if motifs is not None else jaspar_motifs()
    targets = Targets.of([motif.frequencies for motif in known]) if motifs is not None else _jaspar_targets()
    calls: list[MotifCall] = []
    for seqlet in sorted(found, key=lambda seqlet: (-abs(seqlet.attribution), seqlet.start)):
        if any(_is_part(seqlet, call) for call in calls):
            query, start = query_motif(seqlet, values, hypothetical)
            end = start + query.shape[1]
            total = float(values[start:end].sum(dtype=np.float64))
            calls.append(MotifCall(seqlet, start, end, query, total, reason="it is part of a stronger element"))
        else:
            calls.append(_call(seqlet, values, hypothetical, NAMING_FLOOR * sd, known, targets))
    return tuple(calls)


def query_motif(seqlet: Seqlet, values: Float, hypothetical: Float) -> tuple[FloatArray, int]:
    """The motif at a seqlet as base frequencies: the bases that contribute, and what the model would like elsewhere.

    Args:
        seqlet: the run of bases.
        values: float (length,), contribution of the base that stands there, in any unit.
        hypothetical: float (4, length), what each base would contribute, in the same unit.

    Returns:
        float64 (4, n) with columns that sum to 1, and the position of its first column, 0-based. Where no column
        prefers a base n is 0.
    """
    start, end = max(0, seqlet.start - FLANK), min(hypothetical.shape[1], seqlet.end + FLANK)
    sign = 1.0 if seqlet.sign == "+" else -1.0
    wish, value = sign * hypothetical[:, start:end].astype(np.float64), sign * values[start:end].astype(np.float64)
    present = np.arange(4)[:, None] == np.abs(wish - value).argmin(axis=0)
    wish -= wish.mean(axis=0)
    height = _five_highest(wish.max(axis=0))
    if not height > 0:
        return np.empty((4, 0)), start
    odds = np.exp(SHARPNESS / height * (wish - wish.max(axis=0)))
    largest = max(_five_highest(value), np.finfo(np.float64).tiny)
    certain = np.clip(value / (CERTAIN * largest), 0.0, 1.0)
    frequencies = (1 - certain) * odds / odds.sum(axis=0) + certain * present
    bits = 2.0 + (frequencies * np.log2(np.maximum(frequencies, 1e-12))).sum(axis=0)
    sharp = np.flatnonzero(bits > FLAT_BITS)
    if not len(sharp):
        return np.empty((4, 0)), start
    return frequencies[:, sharp[0] : sharp[-1] + 1], start + int(sharp[0])


def _five_highest(numbers: FloatArray) -> float:
    """Mean of the five largest."""
    return float(np.sort(numbers)[-5:].mean())


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """q-values: the smallest false discovery rate at which each test would be called. float64, same shape (n,)."""
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    q_values = np.empty_like(scaled)
    q_values[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_values


def families_of(motifs: Sequence[Motif]) -> tuple[str, ...]:
    """Families of some motifs, most frequent first."""
    families = [family for motif in motifs for family in motif.families]
    return tuple(sorted(set(families), key=lambda family: (-families.count(family), family)))


@dataclass(frozen=True)
class Resemblance:
    """The known motif that a query resembles most.

    Attributes:
        motif: the best match.
        p_value: TOMTOM's.
        q_value: the same, corrected over the database.
        strand: ``-`` when the motif's reverse complement matched.
        offset: column of the motif, as matched, on which the query's first column lies; negative when it hangs over.
        ties: the other motifs within a factor of 10 of the best p, best first.
    """

    motif: Motif
    p_value: float
    q_value: float
    strand: str
    offset: int
    ties: tuple[Motif, ...]


def resemblance(query: FloatArray, known: Sequence[Motif] | None = None, targets: Targets | None = None) -> Resemblance:
    """Compares base frequencies (4, n) with the motif database; rule 4 of the module.

    Args:
        query: float64 (4, n), columns that sum to 1.
        known: the database; JASPAR CORE vertebrates unless given.
        targets: the same, laid out.
    """
    motifs = jaspar_motifs() if known is None else known
    if targets is None:
        targets = _jaspar_targets() if known is None else Targets.of([motif.frequencies for motif in motifs])
    likeness = compare(query, targets)
    q_values = benjamini_hochberg(likeness.p_values)
    best = int(np.argmin(likeness.p_values))
    near = np.flatnonzero((likeness.p_values <= TIE_FACTOR * likeness.p_values[best]) & (q_values <= Q_LIMIT))
    near = near[np.argsort(likeness.p_values[near], kind="stable")]
    return Resemblance(
        motif=motifs[best],
        p_value=float(likeness.p_values[best]),
        q_value=float(q_values[best]),
        strand=str(likeness.strands[best]),
        offset=int(likeness.offsets[best]),
        ties=tuple(motifs[i] for i in near.tolist() if i != best),
    )


def warm() -> None:
    """Reads the database, so that the first answer is as fast as the next (some tenths of a second, once)."""
    compare(np.full((4, SHORTEST_QUERY), 0.25), _jaspar_targets())
    _READY.set()


def ready() -> bool:
    """Whether naming is available at once in this process."""
    return _READY.is_set()


def _jaspar_targets() -> Targets:
    with _LOCK:
        return _laid_out()


@lru_cache(maxsize=1)
def _laid_out() -> Targets:
    return Targets.of([motif.frequencies for motif in jaspar_motifs()])


def _call(
    seqlet: Seqlet, values: Float, hypothetical: Float, floor: float, known: Sequence[Motif], targets: Targets
) -> MotifCall:
    """Compares one seqlet, unless it is too short or cannot reach ``floor`` (in the track's unit)."""
    query, start = query_motif(seqlet, values, hypothetical)
    end = start + query.shape[1]
    sign = 1.0 if seqlet.sign == "+" else -1.0
    lacking = f"its bases add up to less than {NAMING_FLOOR:g} standard deviations of the track"
    signed = sign * values.astype(np.float64)
    if query.shape[1] < SHORTEST_QUERY or np.maximum(signed[max(0, start - FLANK) : end + FLANK], 0).sum() < floor:
        short = query.shape[1] < SHORTEST_QUERY
        reason = f"fewer than {SHORTEST_QUERY} bases matter" if short else lacking
        return MotifCall(seqlet, start, end, query, sign * float(signed[start:end].sum()), reason=reason)
    like = resemblance(query, known, targets)
    first = start - like.offset
    under = float(signed[max(0, first) : first + like.motif.length].sum())
    reason = lacking if under < floor else ""
    if like.q_value > Q_LIMIT:
        reason = f"no known motif is alike at q ≤ {Q_LIMIT:g}"
    return MotifCall(
        seqlet,
        start,
        end,
        query,
        sign * under,
        motif=like.motif,
        p_value=like.p_value,
        q_value=like.q_value,
        strand=like.strand,
        offset=like.offset,
        ties=like.ties,
        reason=reason,
    )


def _is_part(seqlet: Seqlet, call: MotifCall) -> bool:
    """Whether at least half of a seqlet lies in the motif found for another of its sign."""
    if not call.named or call.seqlet.sign != seqlet.sign:
        return False
    start, end = call.motif_span
    shared = min(end, seqlet.end) - max(start, seqlet.start)
    return 2 * shared >= seqlet.end - seqlet.start


@dataclass(frozen=True)
class Hit:
    """A place whose letters alone match a motif (no model involved).

    Attributes:
        motif: the motif.
        start: first base, 0-based in the sequence scanned.
        end: one past the last base.
        strand: ``+`` or ``-``.
        score: log2 odds against equal base frequencies.
        p_value: chance of such a score at one position of random DNA.
    """

    motif: Motif
    start: int
    end: int
    strand: str
    score: float
    p_value: float


def fimo_hits(sequences: Sequence[str], motifs: Sequence[Motif], *, p: float = 1e-4) -> tuple[tuple[Hit, ...], ...]:
    """Scans letters for motifs (FIMO, both strands): the yardstick that needs no model.

    Args:
        sequences: DNA letters; N matches nothing in particular.
        motifs: what to look for.
        p: threshold per position.

    Returns:
        Hits of each sequence, by position. The first call ever compiles for some seconds.
    """
    from memelite import fimo

    if not sequences or not motifs:
        raise ValueError(f"{len(sequences)=}, {len(motifs)=}")
    longest = max(len(bases) for bases in sequences)
    encoded = np.stack([one_hot(bases.ljust(longest, "N")) for bases in sequences])
    table = {motif.matrix_id: motif.frequencies for motif in motifs}
    hits: list[list[Hit]] = [[] for _ in sequences]
    for motif, frame in zip(motifs, fimo(table, encoded, threshold=p), strict=True):
        columns = [frame[name].tolist() for name in ("sequence_name", "start", "end", "strand", "score", "p-value")]
        for index, start, end, strand, score, p_value in zip(*columns, strict=True):
            if end <= len(sequences[int(index)]):
                hits[int(index)].append(Hit(motif, int(start), int(end), str(strand), float(score), float(p_value)))
    return tuple(tuple(sorted(found, key=lambda hit: (hit.start, hit.p_value))) for found in hits)
