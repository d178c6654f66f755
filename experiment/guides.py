"""CRISPRi guides over elements: every NGG beside 20 bases on either strand, thinned so that they tile. No off-target search."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from experiment.design_layout import Layout, forbidden_in
from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence, reverse_complement

LENGTH = 20
NOT_SEARCHED = (
    "Off-targets were not searched: check the guides with a tool that reads the whole genome before ordering."
)
_PLUS = re.compile(r"(?=([ACGT]{20})([ACGT]GG))")
_MINUS = re.compile(r"(?=(CC[ACGT])([ACGT]{20}))")
_SEED_LENGTH = 12  # bases next to the PAM, which decide most
_MOST_DRAWS = 300  # for each non-targeting guide
_STOP = "TTTT"  # ends transcription by polymerase III


@dataclass(frozen=True)
class Guide:
    """A place where SpCas9 (or a dead one) can be led to.

    Attributes:
        locus: the 20 bases that the guide matches (protospacer), 0-based half-open, without the PAM.
        strand: ``+``: the guide reads as the forward strand, PAM to its right; ``-``: as the reverse, PAM to its left.
        bases: the guide, 5' to 3'.
        pam: the three bases behind it, on its own strand.
    """

    locus: Locus
    strand: str
    bases: str
    pam: str


def guides_in(sequence: Sequence, place: Locus) -> tuple[Guide, ...]:
    """Every guide whose 20 bases and PAM lie inside a place, along the chromosome, ``+`` before ``-``.

    Args:
        sequence: unedited bases that hold the place.
        place: 0-based half-open.
    """
    origin, chrom = sequence.locus.start, sequence.locus.chrom
    bases = sequence.bases[place.start - origin : place.end - origin]
    found = []
    for hit in _PLUS.finditer(bases):
        start = place.start + hit.start()
        found.append(Guide(Locus(chrom, start, start + LENGTH), "+", hit[1], hit[2]))
    for hit in _MINUS.finditer(bases):
        start = place.start + hit.start() + 3
        found.append(
            Guide(Locus(chrom, start, start + LENGTH), "-", reverse_complement(hit[2]), reverse_complement(hit[1]))
        )
    return tuple(sorted(found, key=lambda guide: (guide.locus.start, guide.strand)))


def objection(layout: Layout, guide: str) -> str:
    """Why a guide is not taken, in words that fit behind it; empty where it is."""
    share = (guide.count("G") + guide.count("C")) / len(guide)
    if not layout.gc_low <= share <= layout.gc_high:
        return f"has {share:.0%} GC"
    if _STOP in guide or any(base * (layout.longest_run + 1) in guide for base in "ACGT"):
        return "has a run of one base that is too long"
    found = forbidden_in(layout, guide)
    return f"holds {' and '.join(found)} (on either strand)" if found else ""


def tiled(found: tuple[Guide, ...], place: Locus, n: int) -> tuple[Guide, ...]:
    """``n`` of the guides, spread over a place: for each of ``n`` equal steps in turn the nearest guide not yet taken."""
    left = list(found)
    chosen: list[Guide] = []
    for middle in (np.arange(n) + 0.5) * place.length / n + place.start:
        if not left:
            break
        best = min(left, key=lambda guide: (abs((guide.locus.start + guide.locus.end) / 2 - middle), guide.strand))
        left.remove(best)
        chosen.append(best)
    return tuple(sorted(chosen, key=lambda guide: (guide.locus.start, guide.strand)))


def non_targeting(n: int, layout: Layout, avoid: str, *, seed: int) -> tuple[str, ...]:
    """Random guides of which no 12 bases next to the PAM (the seed) stand in what was read, on either strand.

    Args:
        n: how many.
        layout: of the oligos, with the bounds.
        avoid: the bases that were read, of all places; the rest of the genome is not looked at.
        seed: of the draw.

    Raises:
        UserError: when the bounds leave too few.
    """
    random = np.random.default_rng([seed, 3])
    both = avoid + "N" + reverse_complement(avoid)
    found: dict[str, None] = {}
    for _ in range(_MOST_DRAWS * max(1, n)):
        if len(found) == n:
            return tuple(found)
        guide = "".join(np.array(list("ACGT"))[random.integers(0, 4, LENGTH)])
        if not objection(layout, guide) and guide[-_SEED_LENGTH:] not in both:
            found[guide] = None
    raise UserError(
        f"{n:,} non-targeting guides are wanted, and {len(found):,} were found within these bounds: widen the bounds, or take fewer."
    )
