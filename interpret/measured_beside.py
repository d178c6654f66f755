"""Measured beside predicted effects of single-base changes: matched by position, ref and alt, and compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.locus import Locus
from genome.sequence import BASES
from genome.sequence import Sequence as Bases
from genome.source import ContigNames
from interpret.attribution import Float
from interpret.measured import FEWEST_BARCODES, MeasuredTable, Measurement, build_of
from interpret.substitutions import Substitutions
from models.metrics import pearson, spearman

FEWEST_PAIRS = 10  # fewer give no correlation


@dataclass(frozen=True)
class Source:
    """An experiment that is known well enough to be named.

    Attributes:
        words: the stretch.
        cells: the cells it was measured in.
        places: by assembly, its stretch (1-based, inclusive).
    """

    words: str
    cells: str
    places: dict[str, tuple[str, int, int]]


# Kircher et al. 2019, by the names of their table. A table is taken for theirs only at their places.
KNOWN = {
    "GP1BA": Source(
        "GP1BB promoter",
        "HEL 92.1.7 (blood) cells",
        {"GRCh37": ("chr22", 19710789, 19711173), "GRCh38": ("chr22", 19723266, 19723650)},
    ),
    "LDLR": Source(
        "LDLR promoter",
        "HepG2 cells",
        {"GRCh37": ("chr19", 11199907, 11200224), "GRCh38": ("chr19", 11089231, 11089548)},
    ),
    "LDLR.2": Source(
        "LDLR promoter, second experiment",
        "HepG2 cells",
        {"GRCh37": ("chr19", 11199907, 11200224), "GRCh38": ("chr19", 11089231, 11089548)},
    ),
    "HNF4A": Source(
        "HNF4A promoter",
        "HEK293T cells",
        {"GRCh37": ("chr20", 42984160, 42984444), "GRCh38": ("chr20", 44355520, 44355804)},
    ),
    "PKLR-24h": Source(
        "PKLR promoter, 24 h",
        "K562 cells",
        {"GRCh37": ("chr1", 155271186, 155271655), "GRCh38": ("chr1", 155301395, 155301864)},
    ),
    "PKLR-48h": Source(
        "PKLR promoter, 48 h",
        "K562 cells",
        {"GRCh37": ("chr1", 155271186, 155271655), "GRCh38": ("chr1", 155301395, 155301864)},
    ),
}


@dataclass(frozen=True)
class Comparison:
    """Measured effects on the columns of a map of predicted ones.

    Attributes:
        sequence: the bases of the columns.
        effects: float32 (4, length), rows A, C, G, T, in the table's unit; 0 at the base that stands there, NaN where
            nothing (or too little) was measured.
        predicted: float64 (n,), predicted effects of the changes that were measured well.
        measured: float64 (n,), measured ones in the same order.
        names: what each of them is, such as ``19,710,933 C>T``.
        spearman: rank correlation; None for fewer than FEWEST_PAIRS.
        pearson: linear correlation; None for fewer.
        element: the element that was taken; empty where the table names none.
        source: the experiment, where it is known.
        left_out: sentences on what was not matched, and why.
    """

    sequence: Bases
    effects: Float
    predicted: npt.NDArray[np.float64]
    measured: npt.NDArray[np.float64]
    names: tuple[str, ...]
    spearman: float | None
    pearson: float | None
    element: str
    source: Source | None
    left_out: tuple[str, ...]


def elements_in(table: MeasuredTable, locus: Locus, build: str) -> tuple[str, ...]:
    """The elements of a table that have measurements in a locus, those with most first; ``("",)`` where none is named."""
    counts: dict[str, int] = {}
    for row in _placed(table, locus, build)[0]:
        counts[row.element] = counts.get(row.element, 0) + 1
    return tuple(sorted(counts, key=lambda element: (-counts[element], element)))


def compare(
    table: MeasuredTable, found: Substitutions, locus: Locus, build: str, *, element: str | None = None
) -> Comparison:
    """Matches a table with a map of predicted effects.

    Args:
        table: the measured effects.
        found: the predicted ones.
        locus: the stretch that the map is of, 0-based half-open.
        build: the assembly of the view, such as GRCh37.
        element: which of ``elements_in``; the one with most measurements unless given.
    """
    rows, other_build, outside = _placed(table, locus, build)
    known = elements_in(table, locus, build)
    taken = element if element in known else (known[0] if known else "")
    mine = [row for row in rows if row.element == taken]
    column = {int(found.sequence.positions[i]): i for i in np.flatnonzero(~found.sequence.inserted).tolist()}
    effects = np.full(found.effects.shape, np.nan, np.float32)
    pairs: list[tuple[float, float, str]] = []
    counts = {"deletion": 0, "ref": 0, "barcodes": 0, "twice": 0}
    seen: set[tuple[int, str]] = set()
    for row in mine:
        index = column.get(row.position - 1)
        why = _unmatched(row, found.sequence.bases[index] if index is not None else "", seen)
        if why or index is None:
            counts[why] += 1
            continue
        seen.add((row.position, row.alt))
        effects[BASES.index(row.alt), index] = row.value
        effects[BASES.index(row.ref), index] = 0
        pairs.append((float(found.effects[BASES.index(row.alt), index]), row.value, _name(row)))
    predicted, measured = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    both = correlations(predicted, measured)
    left_out = _left_out(counts, other_build, outside, len(rows) - len(mine), taken, build)
    source = _known(taken, mine, build)
    return Comparison(
        found.sequence, effects, predicted, measured, tuple(p[2] for p in pairs), *both, taken, source, left_out
    )


def correlations(
    predicted: npt.NDArray[np.float64], measured: npt.NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """Spearman and Pearson of two rows of numbers (n,); None where there are too few, or one of them never changes."""
    if len(predicted) < FEWEST_PAIRS or np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return None, None
    return spearman(predicted, measured), pearson(predicted, measured)


def _placed(table: MeasuredTable, locus: Locus, build: str) -> tuple[list[Measurement], int, int]:
    """The rows in this assembly and locus, how many are of another assembly, and how many lie outside."""
    here = [row for row in table.rows if not row.release or build_of(row.release) == build_of(build)]
    names = ContigNames(table.name, dict.fromkeys(row.chrom for row in here))
    chrom = names.find(locus.chrom)
    inside = [row for row in here if row.chrom == chrom and locus.contains(row.position - 1)]
    return inside, len(table.rows) - len(here), len(here) - len(inside)


def _unmatched(row: Measurement, standing: str, seen: set[tuple[int, str]]) -> str:
    """Why a measurement has no cell on the map; empty where it has one."""
    if not row.alt:
        return "deletion"
    if row.ref != standing:
        return "ref"
    if row.barcodes is not None and row.barcodes < FEWEST_BARCODES:
        return "barcodes"
    return "twice" if (row.position, row.alt) in seen else ""


def _left_out(
    counts: dict[str, int], other_build: int, outside: int, other_element: int, taken: str, build: str
) -> tuple[str, ...]:
    listed = (
        (counts["deletion"], "deletion of one base, which this map has no row for"),
        (counts["barcodes"], f"change seen with fewer than {FEWEST_BARCODES} barcodes"),
        (counts["ref"], "change of another base than stands here (check the build, the strand and your edits)"),
        (counts["twice"], "change that the table measures a second time"),
        (other_element, f"measurement of another element than {taken or 'the one without a name'}"),
        (outside, "measurement outside this locus"),
        (other_build, f"measurement in another assembly than {build_of(build)}"),
    )
    return tuple(f"{n:,} {_plural(words, n)}" for n, words in listed if n)


def _plural(words: str, n: int) -> str:
    first, _, rest = words.partition(" ")
    return words if n == 1 else f"{first}s {rest}"


def _known(element: str, rows: list[Measurement], build: str) -> Source | None:
    """The experiment, where the element has the name and the place of a known one."""
    source = KNOWN.get(element)
    place = source.places.get(build_of(build)) if source is not None else None
    if place is None or not rows or not all(place[1] <= row.position <= place[2] for row in rows):
        return None
    return source if ContigNames("", [place[0]]).find(rows[0].chrom) else None


def _name(row: Measurement) -> str:
    return f"{row.position:,} {row.ref}>{row.alt}"
