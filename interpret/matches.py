"""What of a motif scan is worth a look: chance allowed for, relatives put together, and whether the model agrees.

A scan of 2,000 bp of random DNA with a thousand motifs finds some four hundred places at p < 0.0001. So:

1. q-values: Benjamini and Hochberg over every motif, place and strand looked at in this stretch, some four million in
   2,000 bp. Only hits are listed, so a q-value can only be too large.
2. Motifs of one family match the same places: the best one stands for its relatives that lie over it by half or more of
   the shorter one.
3. Shown are places with q <= 0.05, and of the rest the twelve best with p < 0.00001; where there are contributions, only
   those of them that the model supports. The others are counted.
4. The model supports a match when the contributions of its bases add up to 0.8 standard deviations of the track or more
   (the rule by which motifs are named), weakly from 0.3. Otherwise it ignores the match, and the match is pale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from interpret.jaspar import Motif, jaspar_motifs
from interpret.motifs import NAMING_FLOOR, Q_LIMIT, Hit
from interpret.scan import P_LIMIT, scan

Float = npt.NDArray[np.floating]
Level = Literal["strong", "weak", "none"]

NOTE = (
    "These letters match known motifs; no model was asked. Most motifs match many places that no factor binds, and "
    "related factors match alike."
)
WEAK_FLOOR = 0.3  # standard deviations of the track
LONE_P = 1e-5
MOST_LONE = 12
_STRETCH = 32  # bp


@dataclass(frozen=True)
class Match:
    """A place whose letters match a motif, with its q-value in the stretch scanned.

    Attributes:
        hit: motif, place (0-based in the stretch), strand, score and p-value.
        q_value: the smallest false discovery rate, over every motif, place and strand of the stretch, at which it would
            be called; an upper bound.
        others: weaker hits of the same family that lie over it, best first.
    """

    hit: Hit
    q_value: float
    others: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class Scan:
    """All matches of a stretch, best first.

    Attributes:
        matches: every hit with p < ``p``; relatives are not put together.
        tests: motifs x places x strands that were looked at.
        p: the threshold, per place and strand.
    """

    matches: tuple[Match, ...]
    tests: int
    p: float = P_LIMIT


@dataclass(frozen=True)
class Support:
    """What the model's contributions say about a match.

    Attributes:
        level: ``strong``, ``weak`` or ``none``.
        sds: sum of the contributions of the match's bases, in standard deviations of the track; below 0 when they lower
            the prediction.
    """

    level: Level
    sds: float


@dataclass(frozen=True)
class Shown:
    """What a calm track shows.

    Attributes:
        places: the matches drawn, by place, each with its relatives.
        more: places that are not drawn.
        supports: what the model says about each place; empty without contributions.
    """

    places: tuple[Match, ...]
    more: int
    supports: tuple[Support, ...] = ()


def matches(bases: str, motifs: Sequence[Motif] | None = None, *, p: float = P_LIMIT) -> Scan:
    """Scans a stretch and says how surprising each match is in it.

    Args:
        bases: DNA letters (A, C, G, T, N).
        motifs: what to look for; JASPAR CORE vertebrates unless given.
        p: threshold per place and strand.
    """
    known = jaspar_motifs() if motifs is None else motifs
    hits = sorted(scan(bases, motifs, p=p), key=lambda hit: (chance(hit), -hit.score, hit.start))
    lengths = np.array([motif.length for motif in known])
    tests = int(2 * np.maximum(len(bases) - lengths + 1, 0).sum())
    q_values = np.array([chance(hit) for hit in hits]) * tests / np.arange(1, len(hits) + 1)
    q_values = np.minimum(np.minimum.accumulate(q_values[::-1])[::-1], 1.0)
    return Scan(tuple(Match(hit, q) for hit, q in zip(hits, q_values.tolist(), strict=True)), tests, p)


def chance(hit: Hit) -> float:
    """A hit's p-value, but never less than that of one word in all words of its length.

    FIMO's table ends where rounded scores do, so the very best match of a motif can get 0.
    """
    return max(hit.p_value, 0.25**hit.motif.length)


def grouped(found: Iterable[Match]) -> tuple[Match, ...]:
    """The best match of each family at each place, best first, with the relatives it stands for.

    Args:
        found: matches, best first.
    """
    best: list[tuple[Match, list[Hit]]] = []
    nearby: dict[int, list[tuple[Match, list[Hit]]]] = {}  # by stretch of the sequence, so that few are compared
    for match in found:
        stretches = range(match.hit.start // _STRETCH, (match.hit.end - 1) // _STRETCH + 1)
        around = (kept for stretch in stretches for kept in nearby.get(stretch, ()))
        kin = next((others for kept, others in around if _related(kept.hit, match.hit)), None)
        if kin is not None:
            kin.append(match.hit)
            continue
        best.append((match, []))
        for stretch in stretches:
            nearby.setdefault(stretch, []).append(best[-1])
    return tuple(Match(match.hit, match.q_value, tuple(others)) for match, others in best)


def shown(found: Scan, values: Float | None = None, sd: float = 1.0) -> Shown:
    """The matches that a track draws: see rule 3 of the module.

    Args:
        found: the scan.
        values: float (length,), contribution of each base of the stretch scanned, in the track's unit, where there are any.
        sd: standard deviation of the track, in the same unit.
    """
    places = grouped(found.matches)
    sure = [place for place in places if place.q_value <= Q_LIMIT]
    lone = [place for place in places if place.q_value > Q_LIMIT and chance(place.hit) < LONE_P]
    if values is not None:
        lone = [place for place in lone if supported(place.hit, values, sd).level != "none"]
    kept = sorted([*sure, *lone[:MOST_LONE]], key=lambda place: place.hit.start)
    supports = () if values is None else tuple(supported(place.hit, values, sd) for place in kept)
    return Shown(tuple(kept), len(places) - len(kept), supports)


def supported(hit: Hit, values: Float, sd: float) -> Support:
    """Whether the contributions of the bases under a match support it: see rule 4 of the module.

    Args:
        hit: the match, counted in the stretch that ``values`` covers.
        values: float (length,), contribution of each base, in the track's unit.
        sd: standard deviation of the track, in the same unit.
    """
    if not 0 <= hit.start < hit.end <= len(values) or not sd > 0:
        raise ValueError(f"{hit.start=}, {hit.end=}, {len(values)=}, {sd=}")
    sds = float(values[hit.start : hit.end].sum(dtype=np.float64)) / sd
    level: Level = "strong" if abs(sds) >= NAMING_FLOOR else "weak" if abs(sds) >= WEAK_FLOOR else "none"
    return Support(level, sds)


def _related(one: Hit, other: Hit) -> bool:
    """Whether two hits share a family (a name, where none is known) and half of the shorter one."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    if 2 * shared < min(one.end - one.start, other.end - other.start):
        return False
    return bool(_kin(one.motif) & _kin(other.motif))


def _kin(motif: Motif) -> set[str]:
    return set(motif.families) or {motif.name}
