"""Measured effects of changes, as saturation mutagenesis gives them: read from a table of any of three kinds.

With columns as in Kircher et al. 2019, with ``hgvs_nt`` and ``score`` as MaveDB gives them, or simply chromosome, position,
ref, alt and value.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from genome.errors import UserError
from genome.uploads import text_of
from interpret.measured_hgvs import Form, LeftOut, TargetPlace, allele_of

MAX_UPLOAD = 20 << 20  # bytes
MAX_UNPACKED = 100 << 20  # bytes, of a gzip
MAX_ROWS = 200_000
MAX_POSITION = 10**12
MAX_ALLELE = 2_000  # bp of one allele
FEWEST_BARCODES = 10  # a change seen with fewer is measured too badly to be compared
LOG2 = "log2 fold change"
_SHOWN = 5  # faults that are listed one by one

# What the columns of published tables are called, in lower case.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "chrom": ("chrom", "chromosome", "chr", "#chrom", "#chromosome", "#chr"),
    "position": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternative"),
    "value": ("coefficient", "value", "effect", "score", "log2fc", "log2 effect", "log2 variant expression effect"),
    "error": ("stderror", "std_error", "standard_error", "stderr", "se", "score_se"),
    "barcodes": ("barcodes", "tags", "tag"),
    "element": ("element", "region", "name"),
    "release": ("release", "build", "assembly", "genome"),
}
_PLAIN = ("chrom", "position", "ref", "alt", "value")
_MAVEDB = "hgvs_nt"
_REPLICATE = re.compile(
    r"(?:(?:value|score|effect|coefficient|log2fc)[ _.-])?rep(?:licate)?[ _.-]?\d+"
    r"(?:[ _.-](?:value|score|effect|coefficient|log2fc))?"
)
_BUILDS = {"hg19": "GRCh37", "hg38": "GRCh38", "mm10": "GRCm38", "mm39": "GRCm39"}


@dataclass(frozen=True)
class Measurement:
    """One measured change of bases.

    Attributes:
        chrom: chromosome as the table spells it, or an accession.
        position: 1-based position of the first base of ``ref``; of the base that inserted ones come before where it is empty.
        ref: the bases that were replaced, N where the table does not say them; empty for an insertion.
        alt: the bases put in their place; empty for a deletion.
        value: the effect, in the table's unit (log2 of alt over ref in published tables).
        barcodes: how many barcodes it was seen with; None where the table does not say.
        element: the stretch it was measured in, as the table names it; empty where it does not.
        release: the assembly its position is counted in; empty where the table does not say.
        error: standard error of ``value``; None where the table does not say.
        replicates: ``value`` in each replicate, NaN where it was not measured; empty without such columns.
        form: ``dup`` or ``inv`` where the new bases follow from those that stand there.
    """

    chrom: str
    position: int
    ref: str
    alt: str
    value: float
    barcodes: int | None = None
    element: str = ""
    release: str = ""
    error: float | None = None
    replicates: tuple[float, ...] = ()
    form: Form = ""

    @property
    def start(self) -> int:
        """0-based position of the first changed base."""
        return self.position - 1

    @property
    def end(self) -> int:
        """0-based position one past the last base of ``ref``."""
        return self.start + len(self.ref)


@dataclass(frozen=True)
class MeasuredTable:
    """A table of measured effects.

    Attributes:
        name: of the file.
        rows: what could be read.
        faults: one sentence on each of the first lines that could not, and one on how many more there are.
        skipped: how many rows are no single change of the genome, by kind, in words.
        unit: what its values are counted in where its header says so, else empty.
        target: where its target lies, where its positions are counted along one.
    """

    name: str
    rows: tuple[Measurement, ...]
    faults: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    unit: str = ""
    target: TargetPlace | None = None


@dataclass(frozen=True)
class _Columns:
    """Where each known column stands, and those of replicates."""

    places: Mapping[str, int]
    replicates: tuple[int, ...] = ()
    target: TargetPlace | None = None


def parse_measured(name: str, data: bytes, *, target: TargetPlace | None = None) -> MeasuredTable:
    """Reads a table of measured effects, plain or gzip, with tabs, commas or spaces.

    With a header, its columns are found by name; without one, the first five are chromosome, position (1-based), ref, alt
    and value. An empty allele, ``-`` or ``.`` is no base: a deletion or an insertion.

    Args:
        name: of the file.
        data: its bytes.
        target: where base 1 of the positions lies, for a MaveDB table that counts along its target.

    Raises:
        NeedsTarget: when it counts along its target and none is given.
        UserError: when it is empty, too large, or no such table. Single lines that cannot be read are listed instead.
    """
    shown = " ".join(name.split())[-60:] or "the table"
    lines = _lines(shown, data)
    if not lines:
        raise UserError(f"{shown} is empty; give a table with chromosome, position, ref, alt and value.")
    separator = next((mark for mark in ("\t", ",") if mark in lines[0][1]), None)
    header = [cell.lower() for cell in cells_of(lines[0][1], separator)]
    columns, named = _columns(shown, header, target)
    rows: list[Measurement] = []
    faults: list[str] = []
    skipped: Counter[str] = Counter()
    for number, line in lines[1:] if named else lines:
        try:
            rows.append(_row(cells_of(line, separator), columns))
        except LeftOut as reason:
            skipped[str(reason)] += 1
        except ValueError as error:
            faults.append(f"Line {number} is left out: {error}.")
    counted = tuple(f"{n:,} {plural(words, n)}" for words, n in skipped.most_common())
    if not rows:
        why = f" {faults[0]}" if faults else f" It has {'; '.join(counted)}." if counted else ""
        raise UserError(f"{shown} holds no measured effect that can be read.{why}")
    more = len(faults) - _SHOWN
    listed = faults[:_SHOWN] + ([f"{more:,} more lines are left out."] if more > 0 else [])
    unit = LOG2 if named and "log2" in header[columns.places["value"]] else ""
    return MeasuredTable(shown, tuple(rows), tuple(listed), counted, unit, target)


def build_of(release: str) -> str:
    """The assembly under the name that genomes have here: hg19 and GRCh37 are one."""
    text = release.strip()
    known = _BUILDS.get(text.lower(), text)
    match = re.fullmatch(r"(grc[hm]\d+)(\.p\d+)?", known, re.IGNORECASE)
    return match[1][:3].upper() + match[1][3:].lower() if match else known


def plural(words: str, n: int) -> str:
    """Words whose first one is counted: ``row of a kind`` becomes ``rows of a kind``."""
    first, _, rest = words.partition(" ")
    return words if n == 1 else f"{first}s {rest}".rstrip()


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


def cells_of(line: str, separator: str | None) -> list[str]:
    """The cells of one line, quotes taken away; a separator of None is any run of blanks."""
    if separator is None:
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    except csv.Error:
        return [cell.strip() for cell in line.split(separator)]


def _columns(shown: str, header: Sequence[str], target: TargetPlace | None) -> tuple[_Columns, bool]:
    """Where the columns stand, and whether the first line names them."""
    places = {
        column: next(header.index(name) for name in names if name in header)
        for column, names in _COLUMNS.items()
        if set(names) & set(header)
    }
    replicates = tuple(index for index, name in enumerate(header) if _REPLICATE.fullmatch(name))
    if set(_PLAIN) <= set(places):
        return _Columns(places, replicates), True
    if _MAVEDB in header:
        if "value" not in places:
            raise UserError(f"{shown} has {_MAVEDB} but no column score; give MaveDB's table of scores.")
        return _Columns(places | {_MAVEDB: header.index(_MAVEDB)}, replicates, target), True
    if "hgvs_pro" in header or "hgvs" in header:
        raise UserError(f"{shown} names changes of a protein only; give a table with a column {_MAVEDB}.")
    if len(header) < 5 or not re.fullmatch(r"[\d,]+", header[1]):
        lacking = ", ".join(column for column in _PLAIN if column not in places)
        raise UserError(f"{shown} lacks a column for {lacking}; its first line should name the columns.")
    return _Columns({column: index for index, column in enumerate(_PLAIN)}), False


def _row(cells: Sequence[str], columns: _Columns) -> Measurement:
    """One line.

    Raises:
        ValueError: with a reason that can be shown.
    """
    places, found = columns.places, _alleles(cells, columns)
    barcodes = _cell(cells, places.get("barcodes"))
    return replace(
        found,
        barcodes=int(_number(barcodes)) if barcodes and barcodes.upper() != "NA" else None,
        element=_cell(cells, places.get("element"))[:80],
        release=_cell(cells, places.get("release"))[:80],
        error=_positive(_cell(cells, places.get("error"))),
        replicates=tuple(_or_nan(_cell(cells, place)) for place in columns.replicates),
    )


def _alleles(cells: Sequence[str], columns: _Columns) -> Measurement:
    """What was changed and its value, by either way of writing it."""
    places = columns.places
    if _MAVEDB in places:
        change, value = _cell(cells, places[_MAVEDB]), _cell(cells, places["value"])
        allele = allele_of(change, columns.target)
        if value.upper() in ("", "NA", "NAN", "NONE"):
            raise LeftOut("row without a score")
        return Measurement(allele.chrom, allele.position, allele.ref, allele.alt, _number(value), form=allele.form)
    if len(cells) <= max(places[column] for column in _PLAIN):
        raise ValueError(f"it has {len(cells)} columns")
    chrom, position, ref, alt, value = (cells[places[column]] for column in _PLAIN)
    ref, alt = ("" if allele in ("-", ".") else allele.upper() for allele in (ref, alt))
    if not position.isascii() or not position.isdigit() or not 1 <= int(position) <= MAX_POSITION:
        raise ValueError(f"'{position[:20]}' is no position")
    if not set(ref + alt) <= set("ACGTN") or max(len(ref), len(alt)) > MAX_ALLELE or "N" in alt:
        raise ValueError(f"{ref[:8] or '-'}>{alt[:8] or '-'} is no change of bases")
    if ref == alt:
        raise ValueError(f"{ref[:8] or '-'}>{alt[:8] or '-'} changes nothing")
    return Measurement(chrom, int(position), ref, alt, _number(value))


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place] if place is not None and place < len(cells) else ""


def _number(text: str) -> float:
    value = _or_nan(text)
    if not math.isfinite(value):
        raise ValueError(f"'{text[:20]}' is no number")
    return value


def _or_nan(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _positive(text: str) -> float | None:
    value = _or_nan(text)
    return value if value > 0 else None
