"""Measured effects of substitutions, as saturation mutagenesis gives them: read from a table, and put beside predicted ones."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genome.errors import UserError
from genome.sequence import BASES
from genome.uploads import text_of

MAX_UPLOAD = 20 << 20  # bytes
MAX_UNPACKED = 100 << 20  # bytes, of a gzip
MAX_ROWS = 200_000
MAX_POSITION = 10**12
FEWEST_BARCODES = 10  # a substitution seen with fewer is measured too badly to be compared
_SHOWN = 5  # faults that are listed one by one

# What the columns of published tables are called, in lower case.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "chrom": ("chrom", "chromosome", "chr", "#chrom", "#chromosome", "#chr"),
    "position": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternative"),
    "value": ("coefficient", "value", "effect", "log2fc", "log2 effect", "log2 variant expression effect"),
    "error": ("stderror", "std_error", "standard_error", "stderr", "se"),
    "barcodes": ("barcodes", "tags", "tag"),
    "element": ("element", "region", "name"),
    "release": ("release", "build", "assembly", "genome"),
}
_NEEDED = ("chrom", "position", "ref", "alt", "value")
_BUILDS = {"hg19": "GRCh37", "hg38": "GRCh38", "mm10": "GRCm38", "mm39": "GRCm39"}


@dataclass(frozen=True)
class Measurement:
    """One measured substitution or deletion.

    Attributes:
        chrom: chromosome as the table spells it.
        position: 1-based, as such tables count.
        ref: the base that was replaced.
        alt: the base put in its place; empty for a deletion.
        value: the effect, in the table's unit (log2 of alt over ref in published tables).
        barcodes: how many barcodes it was seen with; None where the table does not say.
        element: the stretch it was measured in, as the table names it; empty where it does not.
        release: the assembly its position is counted in; empty where the table does not say.
    """

    chrom: str
    position: int
    ref: str
    alt: str
    value: float
    barcodes: int | None = None
    element: str = ""
    release: str = ""


@dataclass(frozen=True)
class MeasuredTable:
    """A table of measured effects.

    Attributes:
        name: of the file.
        rows: what could be read.
        faults: one sentence on each of the first lines that could not, and one on how many more there are.
    """

    name: str
    rows: tuple[Measurement, ...]
    faults: tuple[str, ...] = ()


def parse_measured(name: str, data: bytes) -> MeasuredTable:
    """Reads a table of measured effects, plain or gzip, with tabs, commas or spaces.

    With a header, its columns are found by name (as in Kircher et al. 2019); without one, the first five are chromosome,
    position (1-based), ref, alt and value.

    Args:
        name: of the file.
        data: its bytes.

    Raises:
        UserError: when it is empty, too large, or no such table. Single lines that cannot be read are listed instead.
    """
    shown = " ".join(name.split())[-60:] or "the table"
    lines = _lines(shown, data)
    if not lines:
        raise UserError(f"{shown} is empty; give a table with chromosome, position, ref, alt and value.")
    separator = next((mark for mark in ("\t", ",") if mark in lines[0][1]), None)
    header = [cell.lower() for cell in _cells(lines[0][1], separator)]
    places = _places(header)
    if not set(_NEEDED) <= set(places):
        named = len(header) < 5 or not re.fullmatch(r"[\d,]+", header[1])
        if named:
            lacking = ", ".join(column for column in _NEEDED if column not in places)
            raise UserError(f"{shown} lacks a column for {lacking}; its first line should name the columns.")
        places = {column: index for index, column in enumerate(_NEEDED)}
    else:
        lines = lines[1:]
    rows: list[Measurement] = []
    faults: list[str] = []
    for number, line in lines:
        try:
            rows.append(_row(_cells(line, separator), places))
        except ValueError as error:
            faults.append(f"Line {number} is left out: {error}.")
    if not rows:
        why = f" {faults[0]}" if faults else ""
        raise UserError(f"{shown} holds no measured effect that can be read.{why}")
    more = len(faults) - _SHOWN
    listed = faults[:_SHOWN] + ([f"{more:,} more lines are left out."] if more > 0 else [])
    return MeasuredTable(shown, tuple(rows), tuple(listed))


def build_of(release: str) -> str:
    """The assembly under the name that genomes have here: hg19 and GRCh37 are one."""
    text = release.strip()
    known = _BUILDS.get(text.lower(), text)
    match = re.fullmatch(r"(grc[hm]\d+)(\.p\d+)?", known, re.IGNORECASE)
    return match[1][:3].upper() + match[1][3:].lower() if match else known


def _lines(shown: str, data: bytes) -> list[tuple[int, str]]:
    """(number from 1, text) of each line that says something."""
    if len(data) > MAX_UPLOAD:
        raise UserError(
            f"{shown} has {len(data) >> 20:,} MB; a table of up to {MAX_UPLOAD >> 20} MB can be read: cut it to this locus."
        )
    text = text_of(
        shown,
        data,
        most=MAX_UNPACKED,
        smaller="cut it to this locus",
        not_text="is not a text file; give a TSV or CSV of measured effects",
    )
    found = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not (line.startswith("#") and not line.lower().startswith("#chr"))
    ]
    if len(found) > MAX_ROWS:
        raise UserError(f"{shown} has more than {MAX_ROWS:,} lines; cut it to this locus.")
    return found


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    except csv.Error:
        return [cell.strip() for cell in line.split(separator)]


def _places(header: Sequence[str]) -> dict[str, int]:
    """Where each known column stands."""
    return {
        column: next(header.index(name) for name in names if name in header)
        for column, names in _COLUMNS.items()
        if set(names) & set(header)
    }


def _row(cells: Sequence[str], places: Mapping[str, int]) -> Measurement:
    """One line.

    Raises:
        ValueError: with a reason that can be shown.
    """
    if len(cells) <= max(places[column] for column in _NEEDED):
        raise ValueError(f"it has {len(cells)} columns")
    chrom, position, ref, alt, value = (cells[places[column]] for column in _NEEDED)
    ref, alt = ref.upper(), "" if alt in ("-", ".", "") else alt.upper()
    if not position.isascii() or not position.isdigit() or not 1 <= int(position) <= MAX_POSITION:
        raise ValueError(f"'{position[:20]}' is no position")
    if len(ref) != 1 or ref not in BASES or len(alt) > 1 or (alt and alt not in BASES) or ref == alt:
        raise ValueError(f"{ref[:8] or '-'}>{alt[:8] or '-'} is no change of one base")
    barcodes = cells[places["barcodes"]] if "barcodes" in places and places["barcodes"] < len(cells) else ""
    return Measurement(
        chrom=chrom,
        position=int(position),
        ref=ref,
        alt=alt,
        value=_number(value),
        barcodes=int(_number(barcodes)) if barcodes and barcodes.upper() != "NA" else None,
        element=_optional(cells, places, "element"),
        release=_optional(cells, places, "release"),
    )


def _optional(cells: Sequence[str], places: Mapping[str, int], column: str) -> str:
    place = places.get(column, len(cells))
    return cells[place][:80] if place < len(cells) else ""


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"'{text[:20]}' is no number") from error
    if not math.isfinite(value):
        raise ValueError(f"'{text[:20]}' is no number")
    return value
