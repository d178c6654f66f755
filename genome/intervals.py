"""A person's own tracks: BED, narrowPeak, bedGraph or bigWig, read from the uploaded bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.source import ContigNames
from genome.uploads import text_of

MAX_UPLOAD = 50 << 20  # bytes
MAX_UNPACKED = 400 << 20  # bytes, of a gzip
MAX_ROWS = 5_000_000
MAX_POSITION = 10**12
MAX_BINS = 20_000  # values of a signal inside one locus; beyond that they are averaged

Form = Literal["bed", "bedgraph", "narrowpeak", "bigwig"]

_BIGWIG = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
# Fewest columns of each form, and the column that holds its value (from 0).
_COLUMNS = {"bed": (3, 4), "bedgraph": (4, 3), "narrowpeak": (7, 6)}
_BIGBED = (b"\xeb\xf2\x89\x87", b"\x87\x89\xf2\xeb")


@dataclass(frozen=True)
class Feature:
    """One row of a person's own track.

    Attributes:
        locus: 0-based half-open.
        name: as the file has it; never to be shown as HTML.
        value: the signal (bedGraph, bigWig), the score (BED) or signalValue (narrowPeak); None when there is none.
        strand: ``+``, ``-`` or ``.``.
    """

    locus: Locus
    name: str = ""
    value: float | None = None
    strand: str = "."

    @property
    def start(self) -> int:
        """First base, 0-based."""
        return self.locus.start

    @property
    def end(self) -> int:
        """One past the last base, 0-based."""
        return self.locus.end


@dataclass(frozen=True)
class Features:
    """What a person's own track holds inside one stretch, by place.

    Attributes:
        is_signal: True for bedGraph and bigWig, False for regions (BED, narrowPeak).
        items: the rows.
    """

    is_signal: bool
    items: tuple[Feature, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.items)

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """int64 (n,), first base of each row, 0-based genome position."""
        return np.array([item.start for item in self.items], dtype=np.int64)

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """int64 (n,), one past the last base of each row, 0-based genome position."""
        return np.array([item.end for item in self.items], dtype=np.int64)

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """float32 (n,), value of each row in the file's unit; NaN where a region has none."""
        return np.array([np.nan if item.value is None else item.value for item in self.items], dtype=np.float32)


@dataclass(frozen=True)
class Intervals:
    """A person's own track, read and checked whole.

    Attributes:
        name: name of the file.
        form: what its rows mean.
        contigs: chromosome names as the file spells them.
    """

    name: str
    form: Form
    contigs: tuple[str, ...]
    _rows: Mapping[str, _Rows]
    _content: str | bytes

    @property
    def is_signal(self) -> bool:
        """Whether it is a value along the genome rather than a list of regions."""
        return self.form in ("bedgraph", "bigwig")

    def inside(self, locus: Locus) -> Features:
        """The features that share a base with a stretch, by place, in the locus's own chromosome spelling.

        A bigWig with more than ``MAX_BINS`` values there is averaged over at most ``MAX_BINS`` bins.
        """
        chrom = ContigNames(self.name, self.contigs).find(locus.chrom)
        if chrom is None:
            return Features(self.is_signal)
        if isinstance(self._content, bytes):
            return Features(True, tuple(_signal(self.name, self._content, chrom, locus)))
        rows = self._rows[chrom]
        hits = np.flatnonzero((rows.starts < locus.end) & (rows.ends > locus.start))
        return Features(self.is_signal, tuple(self._feature(rows, int(i), locus.chrom) for i in hits))

    def _feature(self, rows: _Rows, index: int, chrom: str) -> Feature:
        line = self._content[int(rows.begins[index]) : int(rows.stops[index])]
        _, start, end, name, value, strand = _row(self.name, 0, str(line), self.form)
        return Feature(Locus(chrom, start, end), name, value, strand)


@dataclass(frozen=True)
class _Rows:
    """The rows of one chromosome, by start. int64 (n,) each: 0-based starts and ends; begin and end of the line of text."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]


def read_intervals(name: str, data: bytes, locus: Locus) -> Features:
    """The features of an uploaded track inside a stretch: ``parse_intervals(name, data).inside(locus)``."""
    return parse_intervals(name, data).inside(locus)


@lru_cache(maxsize=4)
def parse_intervals(name: str, data: bytes) -> Intervals:
    """Reads and checks an uploaded track: BED, narrowPeak, bedGraph (plain or gzip) or bigWig. The last four are kept.

    Args:
        name: name of the file; its ending tells bedGraph and narrowPeak from BED.
        data: its bytes.

    Raises:
        UserError: when it is empty, too large, cut short, or no such file; naming the line that is wrong.
    """
    shown = " ".join(name.split())[-60:] or "the upload"
    if not data:
        raise UserError(f"{shown} is empty; choose a BED, bedGraph, narrowPeak or bigWig file.")
    if len(data) > MAX_UPLOAD:
        raise UserError(f"{shown} has {len(data) >> 20:,} MB; upload at most {MAX_UPLOAD >> 20} MB, or a part of it.")
    if data[:4] in _BIGWIG:
        return _parse_bigwig(shown, data)
    if data[:4] in _BIGBED:
        raise UserError(f"{shown} is a bigBed; upload it as BED (bigBedToBed converts it).")
    text = text_of(
        shown,
        data,
        most=MAX_UNPACKED,
        smaller="upload a part of it",
        not_text="is not a text file; upload BED, bedGraph, narrowPeak or bigWig",
    )
    return _parse_text(shown, text)


def _parse_text(shown: str, text: str) -> Intervals:
    form = _form(shown.lower(), text)
    found: dict[str, list[tuple[int, int, int, int]]] = {}
    n_rows = offset = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        begin, offset = offset, offset + len(line)
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        chrom, start, end, *_ = _row(shown, number, line, form)
        found.setdefault(chrom, []).append((start, end, begin, offset))
        n_rows += 1
        if n_rows > MAX_ROWS:
            raise UserError(f"{shown} has more than {MAX_ROWS:,} rows; upload a part of it, or a bigWig.")
    if not n_rows:
        raise UserError(f"{shown} holds no intervals; each row needs chromosome, start and end.")
    rows = {chrom: _Rows(*np.array(sorted(places), dtype=np.int64).T) for chrom, places in found.items()}
    return Intervals(shown, form, tuple(rows), rows, text)


def _form(ending: str, text: str) -> Form:
    """What the rows mean, by the file's ending or its track line."""
    ending = ending.removesuffix(".gz")
    if ending.endswith((".bedgraph", ".bg", ".bdg")) or "type=bedGraph" in text[:2000]:
        return "bedgraph"
    return "narrowpeak" if ending.endswith((".narrowpeak", ".broadpeak")) else "bed"


def _row(shown: str, number: int, line: str, form: Form) -> tuple[str, int, int, str, float | None, str]:
    """One row, checked: chromosome, start, end (0-based half-open), name, value, strand."""
    fields = (line.rstrip("\r\n").split("\t") if "\t" in line else line.split())[:12]
    needed, column = _COLUMNS[form]
    if len(fields) < needed:
        raise UserError(f"Line {number} of {shown} has {len(fields)} columns; this form needs at least {needed}.")
    try:
        start, end = int(fields[1]), int(fields[2])
        value = _number(fields[column]) if len(fields) > column and not _is_free(form, fields[column]) else None
    except ValueError as error:
        raise UserError(f"Line {number} of {shown} is not an interval: its numbers cannot be read.") from error
    if not fields[0] or start < 0 or end <= start or end > MAX_POSITION:
        raise UserError(f"Line {number} of {shown} is not an interval: it starts at {start} and ends at {end}.")
    if form == "bedgraph":
        return fields[0], start, end, "", value, "."
    name = fields[3][:200] if len(fields) > 3 else ""
    strand = fields[5] if len(fields) > 5 and fields[5] in ("+", "-") else "."
    return fields[0], start, end, name, value, strand


def _is_free(form: Form, text: str) -> bool:
    """Whether a value need not be a number: people write all sorts of things into the fifth column of a BED."""
    return form == "bed" and not re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", text, re.IGNORECASE)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{value=}")
    return value


def _parse_bigwig(shown: str, data: bytes) -> Intervals:
    with _opened(shown, data) as (reader, error_type):
        try:
            contigs = tuple(reader.chroms())
            for chrom in contigs[:1]:
                next(iter(reader.records(chrom, 0, 1)), None)
        except error_type as error:
            raise UserError(f"{shown} is cut short or damaged; upload it again.") from error
    return Intervals(shown, "bigwig", contigs, {}, data)


def _signal(shown: str, data: bytes, chrom: str, locus: Locus) -> Iterator[Feature]:
    with _opened(shown, data) as (reader, error_type):
        try:
            start, end = max(locus.start, 0), min(locus.end, reader.chroms()[chrom])
            records = list(reader.records(chrom, start, end)) if start < end else []
        except error_type as error:
            raise UserError(f"{shown} is cut short or damaged; upload it again.") from error
    if len(records) > MAX_BINS:
        records = _averaged(records, start, end)
    for left, right, value in records:
        if math.isfinite(value):
            yield Feature(Locus(locus.chrom, left, right), "", float(value))


def _averaged(records: list[tuple[int, int, float]], start: int, end: int) -> list[tuple[int, int, float]]:
    """Mean over covered bases in ``MAX_BINS`` bins of equal width (the last may be shorter)."""
    width = -(-(end - start) // MAX_BINS)
    values = np.full(end - start, np.nan)
    for left, right, value in records:
        values[max(left, start) - start : min(right, end) - start] = value
    padded = np.full(-(-len(values) // width) * width, np.nan)
    padded[: len(values)] = values
    bins = padded.reshape(-1, width)
    covered = np.isfinite(bins).sum(axis=1)
    means = np.nansum(bins, axis=1) / np.maximum(covered, 1)
    places = start + width * np.arange(len(bins))
    return [
        (int(place), min(int(place) + width, end), float(mean))
        for place, mean, count in zip(places, means, covered, strict=True)
        if count
    ]


class _opened:
    """Opens the bytes of a bigWig for the length of a block: gives the reader and its error type."""

    def __init__(self, shown: str, data: bytes) -> None:
        self._shown = shown
        self._data = data

    def __enter__(self) -> tuple[Any, type[Exception]]:
        import pybigtools

        try:
            self._reader = pybigtools.open(io.BytesIO(self._data))
        except pybigtools.BBIReadError as error:
            raise UserError(f"{self._shown} is cut short or damaged; upload it again.") from error
        return self._reader, pybigtools.BBIReadError

    def __exit__(self, *_: object) -> None:
        self._reader.close()
