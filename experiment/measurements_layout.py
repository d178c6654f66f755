"""Which assay a table is of, by the names of its columns, and where each column stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from experiment.measurements import LOG2_ACTIVITY, Control
from genome.errors import UserError
from genome.variant_lines import Line, Source, name_of, read_lines
from interpret.measured import cells_of

Kind = Literal["counts", "activities", "pairs", "variants"]

WANTED = (
    "give a table whose first line names its columns: counts (barcode, name, replicate, dna, rna), activities (name, sequence, "
    "replicate, value), CRISPRi element-gene pairs, or measured changes (chrom, pos, ref, alt, value)"
)
MAX_LINES = 5_000_000

# What the columns of published tables are called, in lower case.
_NAMES: dict[str, tuple[str, ...]] = {
    "name": ("name", "element", "oligo", "oligo_id", "label", "id", "seq_id", "insert", "construct", "element_name"),
    "bases": ("sequence", "seq", "bases", "oligo_sequence", "insert_sequence"),
    "barcode": ("barcode", "bc", "tag"),
    "replicate": ("replicate", "rep"),
    "dna": ("dna", "dna_count", "dna_counts", "dna count", "dna counts", "plasmid"),
    "rna": ("rna", "rna_count", "rna_counts", "rna count", "rna counts", "cdna"),
    "value": (
        "activity", "value", "log2", "log2fc", "log2_ratio", "log2ratio", "log2(rna/dna)", "log2_activity", "expression_log2",
        "measured", "log2 activity", "score",
    ),
    "sd": ("sd", "std", "log2_sd", "sd_log2", "value_sd"),
    "barcodes": ("n_barcodes", "barcodes", "n_bc", "n_obs_bc", "nbarcodes"),
    "control": ("control", "type", "class", "category", "kind", "arm", "role"),
    "link": ("link", "url"),
}  # fmt: skip
_PAIR = ("chrom", "chromstart", "chromend", "effectsize", "measuredgenesymbol")
_COUNT = re.compile(r"(dna|rna)[ _.-]*(?:counts?)?[ _.-]*(?:rep(?:licate)?)?[ _.-]*(\d+)")
_COUNT_LAST = re.compile(r"(?:rep(?:licate)?)?[ _.-]*(\d+)[ _.-]*(dna|rna)(?:[ _.-]*counts?)?")
_COUNT_FLOW = re.compile(r"(dna|rna) \d+ \(condition .*replicate (\d+)\)")  # as MPRAflow writes them
_VALUE = re.compile(r"(?:(?:activity|value|log2|log2fc|score|ratio|log2_ratio)[ _.-]*)?rep(?:licate)?[ _.-]*(\d+)(?:[ _.-]*(?:activity|value|log2))?")  # fmt: skip
_NEGATIVE = re.compile(r"(?<![a-z])(neg(ative)?|scrambled?|inert|basal)(?![a-z])")
_POSITIVE = re.compile(r"(?<![a-z])(pos(itive)?)(?![a-z])")
_NAMED_CONTROL = re.compile(r"(neg|pos)(ative|itive)?[ _.-]*(control|ctrl)|scrambled[ _.-]*(control|ctrl)?")


@dataclass(frozen=True)
class Layout:
    """How a table is laid out.

    Attributes:
        kind: what it holds: counts by barcode, activities, element-gene pairs, or measured changes.
        separator: between cells; None for any run of blanks.
        header: names of the columns in lower case.
        places: where the known columns stand.
        counts: (replicate, column of DNA, column of RNA) where replicates stand beside one another.
        values: (replicate, column) where activities of replicates stand beside one another.
        line: number of the line that names the columns.
    """

    kind: Kind
    separator: str | None
    header: tuple[str, ...]
    places: Mapping[str, int]
    counts: tuple[tuple[str, int, int], ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    line: int = 1

    @property
    def unit(self) -> str:
        """What its values are counted in."""
        if self.kind == "counts":
            return LOG2_ACTIVITY
        named = [self.header[place] for _, place in self.values] or [self.header[self.places.get("value", 0)]]
        return LOG2_ACTIVITY if all("log2" in name for name in named) else "as in the table"

    def cell(self, cells: Sequence[str], column: str) -> str:
        """What stands in a column; empty where there is none."""
        place = self.places.get(column)
        return cells[place] if place is not None and place < len(cells) else ""


def recognise(source: Source) -> Layout:
    """Which table it is, by its first line.

    Raises:
        UserError: when its columns are none that can be read, saying which are lacking.
    """
    for line in read_lines(source, wanted=WANTED):
        if line.fault:
            raise UserError(f"{name_of(source)}, line {line.number}: {line.fault}")
        if line.text.strip() and not _is_remark(line.text):
            return _layout(line, name_of(source))
    raise UserError(f"{name_of(source)} holds no line of a table; {WANTED}.")


def rows(source: Source, layout: Layout) -> Iterator[tuple[Line, list[str]]]:
    """The lines below the header that say something, with their cells; of a line with a fault, none.

    Raises:
        UserError: when there are too many.
    """
    for line in read_lines(source, wanted=WANTED):
        if line.number > MAX_LINES:
            raise UserError(
                f"{name_of(source)} has more than {MAX_LINES:,} lines; split it by replicate or by element."
            )
        if line.number > layout.line and (line.fault or (line.text.strip() and not _is_remark(line.text))):
            yield line, [] if line.fault else cells_of(line.text, layout.separator)


def control_of(text: str) -> Control:
    """What kind of control a cell of a column such as ``control`` or ``type`` says that a row is."""
    lower = text.lower().replace("_", " ")
    if _NEGATIVE.search(lower):
        return "negative control"
    return "positive control" if _POSITIVE.search(lower) else ""


def control_by_name(name: str) -> Control:
    """What kind of control an element is by its own name, where that says so outright."""
    return control_of(name) if _NAMED_CONTROL.search(name.lower()) else ""


def _is_remark(text: str) -> bool:
    return text.startswith("#") and not text.lower().startswith("#chr")


def _layout(line: Line, shown: str) -> Layout:
    separator = next((mark for mark in ("\t", ";", ",") if mark in line.text), None)
    header = tuple(cell.lower().lstrip("#") for cell in cells_of(line.text, separator))
    places = {
        column: next(header.index(name) for name in names if name in header)
        for column, names in _NAMES.items()
        if set(names) & set(header)
    }
    if set(_PAIR) <= set(header):
        return Layout("pairs", separator, header, {name: header.index(name) for name in header}, line=line.number)
    if "hgvs_nt" in header or {"pos", "ref", "alt"} <= set(header) or {"position", "ref", "alt"} <= set(header):
        return Layout("variants", separator, header, {}, line=line.number)
    counts, values = _side_by_side(header)
    if "name" in places and (counts or {"dna", "rna"} <= set(places)):
        return Layout("counts", separator, header, places, counts, line=line.number)
    if ("name" in places or "bases" in places) and (values or "value" in places):
        return Layout("activities", separator, header, places, values=values, line=line.number)
    lacking = "name" if "name" not in places else "value, or for dna and rna"
    raise UserError(f"{shown} lacks a column for {lacking}; {WANTED}.")


def _side_by_side(header: Sequence[str]) -> tuple[tuple[tuple[str, int, int], ...], tuple[tuple[str, int], ...]]:
    """Columns of replicates that stand beside one another: of counts, and of activities."""
    found: dict[str, dict[str, int]] = {}
    values = []
    for place, name in enumerate(header):
        if match := _COUNT.fullmatch(name) or _COUNT_FLOW.fullmatch(name):
            found.setdefault(match[2], {})[match[1]] = place
        elif match := _COUNT_LAST.fullmatch(name):
            found.setdefault(match[1], {})[match[2]] = place
        elif match := _VALUE.fullmatch(name):
            values.append((match[1], place))
    counts = tuple((name, one["dna"], one["rna"]) for name, one in found.items() if len(one) == 2)
    return counts, tuple(values)
