"""Which measurement is of which change of the genome: matched by allele, REF checked, and counted where it is of none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genome.errors import UserError
from genome.hgvs import chromosome_of
from genome.locus import Locus, Variant
from genome.resolve import left_normalised
from genome.sequence import reverse_complement
from genome.source import ContigNames, Genome
from interpret.measured import FEWEST_BARCODES, MeasuredTable, Measurement, build_of, plural
from interpret.measured_known import Source, known_source
from models.metrics import spearman

FEWEST_PAIRS = 10  # fewer give no correlation
_DOUBTFUL = 0.5  # share of REF bases that do not fit from which the whole table is doubted

Kind = Literal["substitution", "deletion", "insertion", "change of several bases"]
KINDS: tuple[Kind, ...] = ("substitution", "deletion", "insertion", "change of several bases")


@dataclass(frozen=True)
class Match:
    """A measurement and the change that it is of.

    Attributes:
        row: the measurement as the table has it.
        variant: the change in the genome's spelling, REF checked, left-normalised.
    """

    row: Measurement
    variant: Variant

    @property
    def kind(self) -> Kind:
        """What sort of change it is."""
        return kind_of(self.variant)


@dataclass(frozen=True)
class Ceiling:
    """How well the measurement agrees with itself: no model can be expected to do much better.

    Attributes:
        value: a correlation.
        words: between what.
    """

    value: float
    words: str


@dataclass(frozen=True)
class Matched:
    """The measurements of one element in a locus.

    Attributes:
        matches: one for each allele that was measured well, along the locus.
        element: the element that was taken; empty where the table names none.
        source: the experiment, where it is known.
        total: rows of that element in the locus.
        left_out: how many rows of the table were not matched, by reason, in words.
        doubt: one sentence where most REF bases do not stand here; empty otherwise.
        ceiling: how well the measurement agrees with itself, where anything says so.
    """

    matches: tuple[Match, ...]
    element: str
    source: Source | None
    total: int
    left_out: tuple[str, ...]
    doubt: str
    ceiling: Ceiling | None


def kind_of(variant: Variant) -> Kind:
    """What sort of change a normalised variant is."""
    if len(variant.ref) == len(variant.alt) == 1:
        return "substitution"
    if not variant.alt:
        return "deletion"
    return "change of several bases" if variant.ref else "insertion"


def elements_in(table: MeasuredTable, locus: Locus, build: str) -> tuple[str, ...]:
    """The elements of a table that have measurements in a locus, those with most first; ``("",)`` where none is named."""
    counts = Counter(row.element for row in _placed(table, locus, build)[0])
    return tuple(sorted(counts, key=lambda element: (-counts[element], element)))


def match(
    table: MeasuredTable,
    genome: Genome,
    locus: Locus,
    build: str,
    *,
    element: str | None = None,
    edits: Sequence[Variant] = (),
    typed: float | None = None,
) -> Matched:
    """Finds the change of the genome that each measurement is of.

    Args:
        table: the measured effects.
        genome: where they lie.
        locus: the stretch that is looked at, 0-based half-open, in the genome's spelling.
        build: the assembly of the genome, such as GRCh37.
        element: which of ``elements_in``; the one with most measurements unless given.
        edits: changes that were made to the genome's bases on screen; what they touch is left out, and everything that
            changes the length.
        typed: a ceiling that somebody states.
    """
    rows, other_build, outside = _placed(table, locus, build)
    known = elements_in(table, locus, build)
    taken = element if element in known else (known[0] if known else "")
    mine = [row for row in rows if row.element == taken]
    standing = genome.sequence(locus).bases
    counts: Counter[str] = Counter()
    found: dict[Variant, Measurement] = {}
    misfits: list[tuple[Measurement, str]] = []
    for row in mine:
        filled, why = _checked(row, standing[row.start - locus.start : row.end - locus.start])
        why = why or _edited(filled, edits)
        if not why and row.barcodes is not None and row.barcodes < FEWEST_BARCODES:
            why = "barcodes"
        if why == "ref":
            misfits.append((filled, standing[row.start - locus.start : row.end - locus.start]))
        elif why:
            counts[why] += 1
        if why:
            continue
        variant = Variant(locus.chrom, filled.position, filled.ref, filled.alt)
        variant = variant if kind_of(variant) == "substitution" else left_normalised(variant, genome)
        if variant in found:
            counts["twice"] += 1
        if variant not in found or (row.barcodes or 0) > (found[variant].barcodes or 0):
            found[variant] = row
    matches = tuple(Match(row, variant) for variant, row in sorted(found.items()))
    counts.update(_misfits(misfits))
    source = known_source(taken, mine, build)
    others = [row for row in rows if row.element != taken]
    return Matched(
        matches,
        taken,
        source,
        len(mine),
        (*_left_out(counts, other_build, outside, len(others), taken, build), *table.skipped),
        _doubt(counts, len(mine), build),
        _ceiling(matches, others, source, typed),
    )


def _placed(table: MeasuredTable, locus: Locus, build: str) -> tuple[list[Measurement], int, int]:
    """The rows in this assembly and locus, how many are of another assembly, and how many lie outside."""
    chroms: dict[str, str | None] = {}
    for name in dict.fromkeys(row.chrom for row in table.rows):
        try:
            chroms[name] = chromosome_of(name, build) or name
        except UserError:
            chroms[name] = None  # an accession of another assembly
    named = dict.fromkeys(row.release for row in table.rows)
    releases = {release for release in named if not release or build_of(release) == build_of(build)}
    here = [row for row in table.rows if chroms[row.chrom] is not None and row.release in releases]
    names = ContigNames(table.name, [locus.chrom])
    fits = {name for name, chrom in chroms.items() if chrom is not None and names.find(chrom) is not None}
    inside = [row for row in here if row.chrom in fits and locus.start <= row.start and row.end <= locus.end]
    return inside, len(table.rows) - len(here), len(here) - len(inside)


def _checked(row: Measurement, standing: str) -> tuple[Measurement, str]:
    """The row with every base said, and why it does not fit what stands there; empty where it fits."""
    if "N" in standing:
        return row, "n"
    ref = standing if set(row.ref) == {"N"} else row.ref
    alt = {"": row.alt, "dup": ref + ref, "inv": reverse_complement(ref)}[row.form]
    filled = Measurement(row.chrom, row.position, ref, alt, row.value)
    return filled, "ref" if ref != standing else "same" if ref == alt else ""


def _misfits(rows: Sequence[tuple[Measurement, str]]) -> Counter[str]:
    """How many rows whose REF does not stand there would fit otherwise; where both ways do, as most of the others."""
    ways = [(row.alt == standing, reverse_complement(row.ref) == standing) for row, standing in rows]
    swapped_first = sum(way[0] for way in ways) > sum(way[1] for way in ways)
    counts: Counter[str] = Counter()
    for swapped, strand in ways:
        counts["swapped" if swapped and (swapped_first or not strand) else "strand" if strand else "ref"] += 1
    return counts


def _edited(row: Measurement, edits: Iterable[Variant]) -> str:
    """Why it cannot be compared while bases are edited; empty where it can."""
    edits = tuple(edits)
    if any(edit.start < row.end and row.start < edit.end for edit in edits):
        return "edited"
    return "length" if edits and (len(row.ref), len(row.alt)) != (1, 1) else ""


def _left_out(
    counts: Counter[str], other_build: int, outside: int, other_element: int, taken: str, build: str
) -> tuple[str, ...]:
    listed = (
        (counts["barcodes"], f"change seen with fewer than {FEWEST_BARCODES} barcodes"),
        (counts["ref"], "change of another base than stands here (check the build and the strand)"),
        (counts["swapped"], "change whose ALT stands here instead of its REF"),
        (counts["strand"], "change whose REF stands on the other strand"),
        (counts["n"], "change of an N"),
        (counts["same"], "change to what stands here already"),
        (counts["twice"], "measurement of an allele that the table measures again (the one with most barcodes counts)"),
        (counts["edited"], "change of bases that you edited"),
        (counts["length"], "change of more than one base, which is not compared while bases are edited"),
        (other_element, f"measurement of another element than {taken or 'the one without a name'}"),
        (outside, "measurement outside this locus"),
        (other_build, f"measurement in another assembly than {build_of(build)}"),
    )
    return tuple(f"{n:,} {plural(words, n)}" for n, words in listed if n)


def _doubt(counts: Counter[str], total: int, build: str) -> str:
    """What is probably wrong with a table of which most REF bases do not stand here."""
    wrong = {reason: counts[reason] for reason in ("ref", "swapped", "strand")}
    if total == 0 or sum(wrong.values()) < _DOUBTFUL * total:
        return ""
    why = {
        "ref": f"its positions are probably not those of {build_of(build)}, or not counted from 1",
        "swapped": "its REF and ALT columns are probably swapped",
        "strand": "it is probably written on the other strand",
    }
    # Of bases that have nothing to do with the genome, a third stand on the other strand or in ALT by chance.
    likely = next((one for one in ("swapped", "strand") if wrong[one] > 0.7 * sum(wrong.values())), "ref")
    return f"{sum(wrong.values()):,} of {total:,} REF bases do not stand here: {why[likely]}."


def _ceiling(
    matches: Sequence[Match], others: Sequence[Measurement], source: Source | None, typed: float | None
) -> Ceiling | None:
    """What is known of how well the measurement repeats, the most direct first."""
    if typed is not None:
        return Ceiling(typed, "as typed")
    rows = np.array([one.row.replicates for one in matches if one.row.replicates], np.float64)
    if rows.ndim == 2 and rows.shape[1] > 1:
        pairs = [(a, b) for a in range(rows.shape[1]) for b in range(a)]
        known = [rows[np.isfinite(rows[:, [a, b]]).all(axis=1)][:, [a, b]] for a, b in pairs]
        values = [spearman(both[:, 0], both[:, 1]) for both in known if len(both) >= FEWEST_PAIRS]
        if values and np.isfinite(values).all():
            n = min(map(len, known))
            return Ceiling(float(np.mean(values)), f"Spearman between replicates of the table (n = {n:,})")
    best: Ceiling | None = None
    shared = 0
    for name in dict.fromkeys(row.element for row in others):
        other = {
            (row.position, row.ref, row.alt): row.value
            for row in others
            if row.element == name and (row.barcodes is None or row.barcodes >= FEWEST_BARCODES)
        }
        both_measured = [
            (one.row.value, other[key])
            for one in matches
            if one.kind == "substitution" and (key := (one.row.position, one.row.ref, one.row.alt)) in other
        ]
        if len(both_measured) >= max(FEWEST_PAIRS, shared + 1):
            value = spearman(*np.array(both_measured, np.float64).T)
            if np.isfinite(value):
                words = f"Spearman with {name}, which measured the same substitutions (n = {len(both_measured):,})"
                best, shared = Ceiling(float(value), words), len(both_measured)
    if best is None and source is not None and source.ceiling is not None:
        return Ceiling(source.ceiling, f"Spearman with {source.twin}, a second experiment on the same stretch")
    return best
