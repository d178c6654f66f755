"""Elements cut from a genome: wild types, tiles, every substitution, both alleles, random windows, shuffles, given bases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from experiment.design import Arm, Element, LeftOut
from experiment.design_layout import Layout, forbidden_in
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import BASES, Sequence, edited
from genome.source import Genome
from interpret.whatif_edits import differences
from models.shuffle import dinucleotide_shuffle

Link = Callable[[Locus, tuple[Variant, ...]], str]

NEAR = 100_000  # bp on either side of the places, within which random windows are drawn
_MOST_DRAWS = 200  # shuffles, or windows for each that is wanted, before it is said that none will do
_MOST_EDITS = 50  # of one link
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:+-]+")


@dataclass(frozen=True)
class Bench:
    """What constructs are cut from, and into.

    Attributes:
        genome: where the bases are read.
        length: of every element, in bp.
        layout: of the oligos, whose forbidden words no element may hold.
        link: the link of a place with edits (0-based half-open), as an element carries it.
        given_link: the link of bases that are no place.
    """

    genome: Genome
    length: int
    layout: Layout
    link: Link
    given_link: Callable[[str, str], str]

    def window(self, locus: Locus) -> Locus:
        """The window of the element's length with the same centre.

        Raises:
            UserError: when it hangs off the chromosome.
        """
        window = locus.resized(self.length)
        size = self.genome.contigs[self.genome.canonical(locus.chrom)]
        if window.start < 0 or window.end > size:
            raise UserError(
                f"its {self.length:,} bp would hang off the end of {locus.chrom} (1 to {size:,}); move it or take shorter elements"
            )
        return window

    def sequence(self, window: Locus) -> Sequence:
        """The genome's bases of an element.

        Raises:
            UserError: when some are unknown.
        """
        found = self.genome.sequence(window)
        if "N" in found.bases:
            raise UserError(f"{found.bases.count('N'):,} of its bases are unknown (N) and cannot be synthesised")
        return found

    def element(
        self,
        name: str,
        kind: str,
        arm: Arm,
        window: Locus,
        edits: tuple[Variant, ...] = (),
        *,
        hypothesis: str = "",
        beside: str = "",
    ) -> Element:
        """An element: the genome's bases from the first of the window on, with edits, as many as an element has.

        A deletion lets bases in on the right, an insertion pushes some out, so that both alleles start at the same base.

        Raises:
            UserError: when bases are unknown.
        """
        more = sum(max(0, len(edit.ref) - len(edit.alt)) for edit in edits)
        stretch = self.sequence(Locus(window.chrom, window.start, window.end + more) if more else window)
        bases = edited(stretch, edits).bases[: self.length] if edits else stretch.bases
        words = "; ".join(map(str, edits))
        link = self.link(window, edits)
        return Element(clean_name(name), kind, arm, bases, str(window), words, link, hypothesis, beside=beside)

    def given(self, name: str, kind: str, arm: Arm, bases: str) -> Element:
        """An element of bases that somebody gave.

        Raises:
            UserError: when they have another length, or some are unknown.
        """
        if len(bases) != self.length:
            raise UserError(f"it has {len(bases):,} bases and the elements {self.length:,}; give as many")
        if not set(bases) <= set(BASES):
            raise UserError("it holds letters other than A, C, G and T and cannot be synthesised")
        return Element(clean_name(name), kind, arm, bases, link=self.given_link(clean_name(name), bases))

    def objection(self, bases: str) -> str:
        """Why these bases cannot be ordered, in words that fit behind a name; empty where they can."""
        found = forbidden_in(self.layout, bases)
        return f"holds {' and '.join(found)} (on either strand)" if found else ""


Made = Element | LeftOut


def attempt(name: str, arm: Arm, make: Callable[[], Iterable[Element]]) -> list[Made]:
    """The elements, or the reason why there are none."""
    try:
        return list(make())
    except UserError as error:
        return [LeftOut(clean_name(name), arm, str(error).rstrip("."))]


def clean_name(text: str) -> str:
    """A name that any supplier's sheet takes: letters, digits and ``_ . : + -``."""
    cleaned = _NOT_IN_NAMES.sub("_", text.strip())[:100].strip("_")
    return cleaned if cleaned[:1].isalnum() else f"e{cleaned}"


def place_name(locus: Locus) -> str:
    """A place (0-based half-open) as a name, 1-based inclusive."""
    return clean_name(f"{locus.chrom}_{locus.start + 1}-{locus.end}")


def tiles(bench: Bench, locus: Locus, step: int) -> list[Made]:
    """Windows every ``step`` bp from the first base on, and one that ends with the last; a short place gets the centred one.

    A tile that cannot be read is left out by itself.
    """
    if locus.length <= bench.length:
        starts = [locus.resized(bench.length).start]
    else:
        last = locus.end - bench.length
        starts = sorted({*range(locus.start, last + 1, step), last})
    made: list[Made] = []
    for start in starts:
        window = Locus(locus.chrom, start, start + bench.length)
        name = f"{place_name(window if locus.length > bench.length else locus)}_tile"
        made += attempt(name, "tiling", partial(_tile, bench, name, window))
    return made


def _tile(bench: Bench, name: str, window: Locus) -> list[Element]:
    return [bench.element(name, "tile", "tiling", bench.window(window))]


def saturation(bench: Bench, locus: Locus, *, deletions: bool) -> Iterator[Element]:
    """The wild type and every substitution (and deletion of one base) of a place, in its centred window."""
    window = bench.window(locus)
    wild, chrom, name_of_wild = bench.sequence(window), window.chrom, f"{place_name(window)}_wt"
    yield bench.element(name_of_wild, "wild type", "saturation", window)
    for index in range(max(0, locus.start - window.start), min(window.length, locus.end - window.start)):
        here, position = wild.bases[index], window.start + index + 1
        for base in BASES.replace(here, ""):
            edit = Variant(chrom, position, here, base)
            name = f"{chrom}_{position}_{here}_{base}"
            yield bench.element(name, "substitution", "saturation", window, (edit,), beside=name_of_wild)
        if deletions and (index == 0 or wild.bases[index - 1] != here):  # within a run every deletion is the same
            edit = Variant(chrom, position, here, "")
            yield bench.element(
                f"{chrom}_{position}_{here}_del", "deletion", "saturation", window, (edit,), beside=name_of_wild
            )


def alleles(bench: Bench, variant: Variant) -> Iterator[Element]:
    """Both alleles of a variant, in the window centred on it."""
    if max(len(variant.ref), len(variant.alt)) > bench.length // 2:
        raise UserError("it changes more than half of the element; take longer elements")
    place = Locus(variant.chrom, variant.start, max(variant.end, variant.start + 1))
    window, name = (
        bench.window(place),
        f"{variant.chrom}_{variant.position}_{variant.ref[:20] or '-'}_{variant.alt[:20] or '-'}",
    )
    yield bench.element(f"{name}_ref", "reference allele", "variant", window)
    beside = clean_name(f"{name}_ref")
    yield bench.element(f"{name}_alt", "alternative allele", "variant", window, (variant,), beside=beside)


def random_windows(bench: Bench, places: tuple[Locus, ...], n: int, *, seed: int, taken: set[str]) -> list[Locus]:
    """Windows drawn within 100 kb of the places, in blocks of an element's length that
    no place and no other of them touches, without N or forbidden words.

    Raises:
        UserError: when there is no room for so many, with the number there is.
    """
    random = np.random.default_rng([seed, 2])
    used: dict[str, set[int]] = {}  # blocks of an element's length that are taken, by chromosome
    for place in places:
        used.setdefault(place.chrom, set()).update(
            _blocks(place.resized(max(place.length, bench.length)), bench.length)
        )
    found: list[Locus] = []
    for _ in range(_MOST_DRAWS * max(n, 1)):
        if len(found) == n:
            break
        near = places[int(random.integers(len(places)))]
        size = bench.genome.contigs[bench.genome.canonical(near.chrom)]
        low, high = max(0, near.start - NEAR), min(size, near.end + NEAR) - bench.length
        if high < low:
            continue
        start = int(random.integers(low, high + 1))
        window = Locus(near.chrom, start, start + bench.length)
        blocks = _blocks(window, bench.length)
        if not used.setdefault(window.chrom, set()).isdisjoint(blocks):
            continue
        bases = bench.genome.sequence(window).bases
        if "N" in bases or bases in taken or bench.objection(bases):
            continue
        found.append(window)
        used[window.chrom].update(blocks)
    if len(found) < n:
        raise UserError(
            f"Within {NEAR:,} bp of the places there is room for {len(found):,} random windows of {bench.length:,} bp that can be ordered, and "
            f"{n:,} are wanted: take fewer, or give more places."
        )
    return found


def _blocks(locus: Locus, length: int) -> range:
    """The blocks of a length, side by side along the chromosome, that a stretch shares a base with."""
    return range(locus.start // length, (locus.end - 1) // length + 1)


def shuffles(bench: Bench, windows: tuple[Locus, ...], n: int, *, seed: int, taken: set[str]) -> Iterator[Element]:
    """Dinucleotide shuffles of the windows in turn, as negative controls; each is stated as edits of its window.

    Raises:
        UserError: when no shuffle of a window can be ordered.
    """
    used = set(taken)
    for number in range(n):
        window = windows[number % len(windows)]
        wild = bench.sequence(window)
        for draw in range(_MOST_DRAWS):
            bases = dinucleotide_shuffle(wild.bases, seed=(seed * 1_000_003 + number * _MOST_DRAWS + draw) % 2**63)
            if bases not in used and bases != wild.bases and not bench.objection(bases):
                break
        else:
            raise UserError(
                f"No shuffle of {window} can be ordered with these sites; choose other enzymes, or fewer negative controls."
            )
        used.add(bases)
        edits = as_edits(wild, bases)
        yield bench.element(f"{place_name(window)}_shuffle{number + 1}", "shuffle", "negative control", window, edits)


def as_edits(wild: Sequence, bases: str) -> tuple[Variant, ...]:
    """The edits that turn a window into other bases of the same length; one that spans all, where a link could not hold them."""
    edits = differences(wild, Sequence(bases, wild.locus))
    if len(edits) <= _MOST_EDITS:
        return edits
    first, last = edits[0].start - wild.locus.start, edits[-1].end - wild.locus.start
    return (Variant(wild.locus.chrom, edits[0].position, wild.bases[first:last], bases[first:last]),)
