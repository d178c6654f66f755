"""A set of sequences as people bring it: FASTA, a table, plain lines, or intervals on a genome. No Streamlit here.

A row that cannot be used is named and left out; the others are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from genome.errors import UserError
from genome.intervals import Feature, Intervals, parse_intervals
from genome.locus import Locus
from genome.paste import read_records
from genome.sequence import clean_bases
from genome.source import Genome
from genome.uploads import text_of

MAX_ROWS = 20_000
MAX_REMOTE_ROWS = 200  # of a genome that is read from a server, window by window
MAX_BYTES = 20 << 20
MAX_UNPACKED = 100 << 20
_LABEL = "measured"


@dataclass(frozen=True)
class SetRow:
    """One sequence of a set.

    Attributes:
        name: as the file has it; never to be shown as HTML.
        bases: upper-case ACGTN.
        locus: its place, 0-based half-open, where it has one.
        measured: what was measured of it, or None.
    """

    name: str
    bases: str
    locus: Locus | None = None
    measured: float | None = None


@dataclass(frozen=True)
class SequenceSet:
    """A set of sequences.

    Attributes:
        rows: those that can be used, in the order of the file (intervals by place).
        problems: one sentence for each row that was left out.
    """

    rows: tuple[SetRow, ...]
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rows) + len(self.problems) > MAX_ROWS:
            raise UserError(f"This set has more than {MAX_ROWS:,} rows; give a part of it.")


def read_text(data: bytes) -> str:
    """The text of an upload, plain or gzip.

    Raises:
        UserError: when it is too large, damaged or no text.
    """
    if len(data) > MAX_BYTES:
        raise UserError(f"This file has {len(data) >> 20:,} MB; upload at most {MAX_BYTES >> 20} MB, or a part of it.")
    return text_of(
        "This file",
        data,
        most=MAX_UNPACKED,
        smaller="upload a part of it",
        not_text="is not text; upload FASTA, TSV, BED or narrowPeak",
    )


def is_intervals(name: str, text: str) -> bool:
    """Whether a text is a list of intervals rather than of sequences."""
    if name.lower().removesuffix(".gz").endswith((".bed", ".narrowpeak", ".broadpeak")):
        return True
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith(_COMMENTS)), "")
    fields = [] if first.lstrip().startswith(">") else first.split()
    return len(fields) >= 3 and fields[1].isdigit() and fields[2].isdigit()


_COMMENTS = ("#", "track", "browser")


def is_records(text: str) -> bool:
    """Whether a text is a FASTA, or a table with a column ``sequence``."""
    lines = [line for line in text.splitlines() if line.strip()]
    return text.lstrip("\ufeff \t\r\n").startswith(">") or (bool(lines) and "sequence" in _header(lines))


def read_sequences(text: str) -> SequenceSet:
    """Sequences from FASTA, from a table with a column ``sequence`` (and ``name``, ``measured``), or from plain lines.

    Raises:
        UserError: when there is not one sequence that can be used, or there are too many.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 50 * MAX_ROWS or text.count(">") > MAX_ROWS:
        raise UserError(f"This set has more than {MAX_ROWS:,} rows; give a part of it.")
    if text.lstrip("\ufeff \t\r\n").startswith(">"):
        found = list(_fasta(text))
    elif lines and "sequence" in _header(lines):
        found = list(_table(lines))
    else:
        found = [_plain(f"line {number}", line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return _gathered(found, "There is no sequence here; paste DNA, or upload FASTA, a table, BED or narrowPeak.")


def read_places(name: str, text: str, source: Genome, window: int, *, remote: bool) -> SequenceSet:
    """The window in the middle of each interval of a BED or narrowPeak.

    Args:
        name: of the file; its ending tells narrowPeak from BED.
        text: its content.
        source: the genome that the coordinates belong to.
        window: bp read around each centre.
        remote: whether the genome is read from a server; fewer rows are then taken.

    Raises:
        UserError: when no interval can be used, or there are too many.
    """
    most = MAX_REMOTE_ROWS if remote else MAX_ROWS
    if len(text.splitlines()) > 2 * MAX_ROWS:
        raise UserError(f"This file has more than {MAX_ROWS:,} rows; give a part of it.")
    features, problems = _features(name or "the upload", text)
    if len(features) > most:
        where = "of a genome that is read from a server" if remote else "at once"
        raise UserError(f"This file has {len(features):,} intervals; give at most {most:,} {where}.")
    found: list[SetRow | str] = [_placed(feature, source, window) for feature in features]
    return _gathered([*found, *problems], "None of these intervals can be read; check the genome and the file.")


def _gathered(found: list[SetRow | str], empty: str) -> SequenceSet:
    rows = tuple(row for row in found if isinstance(row, SetRow))
    problems = tuple(row for row in found if isinstance(row, str))
    if not rows:
        raise UserError(f"{problems[0]} Nothing else could be read." if problems else empty)
    return SequenceSet(rows, problems)


def _plain(name: str, letters: str, measured: float | None = None) -> SetRow | str:
    """A row, or the sentence that says what is wrong with it."""
    try:
        return SetRow(name, clean_bases(letters)[0], measured=measured)
    except UserError as error:
        return f"{name}: {error}"


def _fasta(text: str) -> Iterator[SetRow | str]:
    for number, part in enumerate(text.lstrip("\ufeff \t\r\n").split("\n>"), 1):
        record = part if part.startswith(">") else f">{part}"
        try:
            read = read_records(record)
        except UserError as error:
            yield f"Record {number}: {error}"
        else:
            yield from (SetRow(one.name, one.bases) for one in read)


def _header(lines: list[str]) -> list[str]:
    first = next((line for line in lines if not line.startswith("#")), "")
    return [name.strip().lower() for name in first.lstrip("\ufeff").split("\t" if "\t" in first else ",")]


def _table(lines: list[str]) -> Iterator[SetRow | str]:
    columns = _header(lines)
    body = [(number, line) for number, line in enumerate(lines, 1) if not line.startswith("#")]
    mark = "\t" if "\t" in body[0][1] else ","
    for number, line in body[1:]:
        fields = [field.strip().strip('"') for field in line.split(mark)]
        if len(fields) != len(columns):
            yield f"Line {number} has {len(fields)} columns, and the header {len(columns)}; correct it."
            continue
        row = dict(zip(columns, fields, strict=True))
        try:
            measured = _measured(row.get(_LABEL, ""))
        except ValueError:
            yield f"Line {number}: '{row[_LABEL][:20]}' is not a number; write the measurement as 1.25, or leave it empty."
            continue
        found = _plain(f"line {number}", row["sequence"], measured)
        yield found if isinstance(found, str) else SetRow(row.get("name") or found.name, found.bases, None, measured)


def _measured(text: str) -> float | None:
    if not text or text.lower() in ("na", "nan"):
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{value=}")
    return value


def _features(name: str, text: str) -> tuple[list[Feature], list[str]]:
    """The intervals of a file, and a sentence for each line that is none."""
    try:
        return _listed(parse_intervals(name, text.encode())), []
    except UserError as error:
        whole = error
    features: list[Feature] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith(_COMMENTS):
            continue
        try:
            features += _listed(parse_intervals(name, line.encode()))
        except UserError as error:
            problems.append(str(error).replace("Line 1 of", f"Line {number} of", 1))
    if not features:
        raise whole
    return features, problems


def _listed(found: Intervals) -> list[Feature]:
    if found.is_signal:
        raise UserError(f"{found.name} is a signal along the genome; upload intervals as BED or narrowPeak.")
    return [one for chrom in found.contigs for one in found.inside(Locus(chrom, 0, 10**12))]


def _placed(feature: Feature, source: Genome, window: int) -> SetRow | str:
    place = feature.locus.resized(window)
    try:
        chrom = source.canonical(place.chrom)
        locus = Locus(chrom, place.start, place.end)
        if locus.end <= 0 or locus.start >= source.contigs[chrom]:
            return f"{feature.locus} lies beyond the end of {chrom}; check the genome."
        return SetRow(feature.name or str(feature.locus), source.sequence(locus).bases, locus)
    except UserError as error:
        return f"{feature.locus}: {error}"
