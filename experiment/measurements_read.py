"""Reads what a reporter assay gave: counts by barcode, or activities, line by line; nothing that is left out goes unsaid."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from experiment.measurements import LISTED, LOG2_ACTIVITY, Control, Dropped, Measurements, Reading
from experiment.measurements_layout import WANTED, Layout, control_by_name, control_of, recognise, rows
from genome.errors import UserError
from genome.sequence import clean_bases
from genome.variant_lines import Line, Source, encoded
from interpret.measured import MeasuredTable

MAX_ELEMENTS = 300_000
MAX_REPLICATES = 24
MAX_BASES = 20_000  # bp of one element
CUT_ROW = "the row is cut short"
LONG_ROW = "the row has more cells than the header"
NO_COUNT = "a count is no whole number of 0 or more"
NO_NUMBER = "the value is no number"
NO_NAME = "the row has no name"
NO_DNA = "no DNA was counted for the barcode"
TWICE = "the barcode stands there twice for one replicate"
SHARED = "the barcode belongs to another element"
AGAIN = "the element was measured twice in one replicate"
OTHER_BASES = "the element has other bases further up"
NO_BASES = "the sequence is no DNA"
MANY_REPLICATES = f"more than {MAX_REPLICATES} replicates"
FEW = "fewer barcodes than asked for"
_BLOCK = 1 << 20


class _LeftOut(Exception):
    """Why a row is left out, and what stood there."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail[:60]


@dataclass
class _Element:
    """What is known of one element while rows are read."""

    index: int
    bases: str
    control: Control
    link: str


@dataclass
class _Sum:
    """Counts of one element in one replicate, over its barcodes; ``first`` and ``second`` are powers of log2 RNA/DNA."""

    n: int = 0
    dna: int = 0
    rna: int = 0
    first: float = 0.0
    second: float = 0.0

    def add(self, dna: int, rna: int) -> None:
        """Counts one barcode."""
        ratio = math.log2((rna + 1) / (dna + 1))
        self.n, self.dna, self.rna = self.n + 1, self.dna + dna, self.rna + rna
        self.first, self.second = self.first + ratio, self.second + ratio**2

    @property
    def sd(self) -> float | None:
        """Standard deviation between barcodes."""
        if self.n < 2:
            return None
        return math.sqrt(max(self.second - self.first**2 / self.n, 0.0) / (self.n - 1))


@dataclass
class _Kept:
    """Everything while rows are read: in memory stands what was summed, never the rows."""

    layout: Layout
    elements: dict[str, _Element] = field(default_factory=dict)
    sums: dict[tuple[str, str], _Sum] = field(default_factory=dict)
    readings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    replicates: dict[str, int] = field(default_factory=dict)
    barcodes: dict[str, int] = field(default_factory=dict)  # which element's, and in which replicates: one number each
    dropped: list[Dropped] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unknown_letters: int = 0

    def note_barcode(self, barcode: str, element: int, replicates: Sequence[str]) -> None:
        """Remembers where a barcode was seen; raises when it cannot stand there."""
        owner, seen = divmod(self.barcodes.get(barcode, element << MAX_REPLICATES), 1 << MAX_REPLICATES)
        if owner != element:
            raise _LeftOut(SHARED, barcode)
        for name in replicates:
            place = 1 << self.replicates.setdefault(name, len(self.replicates))
            if place >= 1 << MAX_REPLICATES:
                raise _LeftOut(MANY_REPLICATES, name)
            if seen & place:
                raise _LeftOut(TWICE, barcode)
            seen |= place
        self.barcodes[barcode] = element << MAX_REPLICATES | seen

    def drop(self, line: int, reason: str, detail: str = "") -> None:
        """Counts a row that is left out."""
        self.counts[reason] += 1
        if len(self.dropped) < LISTED:
            self.dropped.append(Dropped(line, reason, detail))


def read(source: Source, name: str, *, fewest_barcodes: int = 1) -> Measurements:
    """Reads an MPRA table, plain or gzip, with tabs, commas, semicolons or blanks, in memory that grows with its elements only.

    Counts by barcode are summed for each element and replicate; the activity is log2 of RNA over DNA, each sum with one more
    read, minus the same of the whole replicate, so that the depth of sequencing plays no part. Activities are taken as they are.

    Args:
        source: the file.
        name: what it is called.
        fewest_barcodes: elements with fewer in a replicate are left out of it.

    Raises:
        UserError: when it is no such table, or nothing in it can be used. Single rows are listed instead.
    """
    layout = recognise(source)
    if layout.kind not in ("counts", "activities"):
        raise ValueError(f"{layout.kind=} is read elsewhere")
    kept = _Kept(layout)
    take = _take_counts if layout.kind == "counts" else _take_activity
    for line, cells in rows(source, layout):
        try:
            _check(line, cells, layout)
            take(kept, cells)
        except _LeftOut as reason:
            kept.drop(line.number, reason.reason, reason.detail)
        if len(kept.elements) > MAX_ELEMENTS:
            raise UserError(f"{name} has more than {MAX_ELEMENTS:,} elements; split it.")
    found = _activities(kept, fewest_barcodes) if layout.kind == "counts" else tuple(kept.readings.values())
    if not found:
        first = kept.dropped[0] if kept.dropped else None
        why = f" Line {first.line}: {first.reason}." if first is not None else ""
        raise UserError(f"{name} holds no measurement that can be used.{why} Please {WANTED}.")
    if len({one.replicate for one in found}) > MAX_REPLICATES:
        raise UserError(f"{name} has more than {MAX_REPLICATES} replicates; is another column taken for the replicate?")
    return Measurements(
        name, "MPRA", layout.unit, found, digest_of(source), tuple(kept.dropped), dict(kept.counts), _remarks(kept)
    )


def of_variants(table: MeasuredTable, digest: str) -> Measurements:
    """Measured changes as they are read for the Locus page, as measurements."""
    found: dict[tuple[str, str], Reading] = {}
    for row in table.rows:
        name = f"{row.chrom}:{row.position} {row.ref or '-'}>{row.alt or '-'}" + (
            f" {row.element}" if row.element else ""
        )
        parts = [(str(k + 1), value) for k, value in enumerate(row.replicates)] or [("", row.value)]
        for replicate, value in parts:
            if math.isfinite(value):
                found.setdefault((name, replicate), Reading(name, "", replicate, value, row.error, row.barcodes))
    unit = table.unit or "as in the table"
    return Measurements(table.name, "variant effects", unit, tuple(found.values()), digest, remarks=table.faults)


def digest_of(source: Source) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    found = hashlib.sha256()
    if isinstance(source, str):
        found.update(encoded(source))
        return found.hexdigest()
    handle = source.open("rb") if hasattr(source, "open") else source
    handle.seek(0)
    while block := handle.read(_BLOCK):
        found.update(block)
    if handle is not source:
        handle.close()
    return found.hexdigest()


def _check(line: Line, cells: Sequence[str], layout: Layout) -> None:
    if line.fault:
        raise _LeftOut(line.fault.rstrip("."))
    if len(cells) < len(layout.header):
        raise _LeftOut(CUT_ROW, f"{len(cells)} of {len(layout.header)} cells")
    if len(cells) > len(layout.header):
        raise _LeftOut(LONG_ROW, f"{len(cells)} instead of {len(layout.header)} cells")


def _take_counts(kept: _Kept, cells: Sequence[str]) -> None:
    """One barcode, in one replicate or in all of them."""
    layout = kept.layout
    name, barcode = layout.cell(cells, "name"), layout.cell(cells, "barcode").upper()
    if layout.counts:
        found = [(replicate, cells[dna], cells[rna]) for replicate, dna, rna in layout.counts]
    else:
        found = [(layout.cell(cells, "replicate") or "1", layout.cell(cells, "dna"), layout.cell(cells, "rna"))]
    numbers = [(replicate, _count(dna), _count(rna)) for replicate, dna, rna in found if dna or rna]
    if not any(dna for _, dna, _ in numbers):
        raise _LeftOut(NO_DNA, barcode)
    one = _known(kept, name, cells)
    if barcode:
        kept.note_barcode(barcode, one.index, [replicate for replicate, _, _ in numbers])
    for replicate, dna, rna in numbers:
        if dna:
            kept.sums.setdefault((name, replicate), _Sum()).add(dna, rna)


def _take_activity(kept: _Kept, cells: Sequence[str]) -> None:
    """One element, in one replicate or in all of them."""
    layout = kept.layout
    name = layout.cell(cells, "name") or layout.cell(cells, "bases")[:40].upper()
    if layout.values:
        found = [(replicate, cells[place]) for replicate, place in layout.values]
    else:
        found = [(layout.cell(cells, "replicate"), layout.cell(cells, "value"))]
    values = [(replicate, _number(value)) for replicate, value in found if value.upper() not in ("", "NA", "NAN")]
    if not values:
        raise _LeftOut(NO_NUMBER, found[0][1])
    if any((name, replicate) in kept.readings for replicate, _ in values):
        raise _LeftOut(AGAIN, name)
    one = _known(kept, name, cells)
    sd, barcodes = layout.cell(cells, "sd"), layout.cell(cells, "barcodes")
    for replicate, value in values:
        kept.readings[name, replicate] = Reading(
            name,
            one.bases,
            replicate,
            value,
            _optional(sd),
            int(_optional(barcodes) or 0) or None,
            one.control,
            one.link,
        )


def _known(kept: _Kept, name: str, cells: Sequence[str]) -> _Element:
    """The element of a row, which must be as it was further up."""
    if not name:
        raise _LeftOut(NO_NAME)
    typed = kept.layout.cell(cells, "bases")
    known = kept.elements.get(name)
    if known is not None and (not typed or typed.upper() == known.bases):
        return known
    bases = _bases(kept, typed) if typed else ""
    if known is None:
        marked = kept.layout.cell(cells, "control")
        control = control_of(marked) if marked else control_by_name(name)
        known = kept.elements[name] = _Element(
            len(kept.elements), bases, control, kept.layout.cell(cells, "link")[:4_000]
        )
    elif known.bases != bases:
        raise _LeftOut(OTHER_BASES, name)
    return known


def _bases(kept: _Kept, typed: str) -> str:
    if len(typed) > MAX_BASES:
        raise _LeftOut(NO_BASES, f"{len(typed):,} letters")
    try:
        bases, notices = clean_bases(typed)
    except UserError as error:
        raise _LeftOut(NO_BASES, typed) from error
    kept.unknown_letters += bool(notices)
    return bases


def _count(text: str) -> int:
    value = _number(text or "0", NO_COUNT)
    if value < 0 or value != int(value):
        raise _LeftOut(NO_COUNT, text)
    return int(value)


def _number(text: str, reason: str = NO_NUMBER) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _LeftOut(reason, text) from error
    if not math.isfinite(value):
        raise _LeftOut(reason, text)
    return value


def _optional(text: str) -> float | None:
    """A number of 0 or more, where one stands there."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _activities(kept: _Kept, fewest: int) -> tuple[Reading, ...]:
    """log2 RNA over DNA of each element and replicate, freed from the depth of the replicate."""
    depth: dict[str, list[int]] = {}
    for (_, replicate), part in kept.sums.items():
        total = depth.setdefault(replicate, [0, 0])
        total[0], total[1] = total[0] + part.dna, total[1] + part.rna
    level = {name: math.log2((rna + 1) / (dna + 1)) for name, (dna, rna) in depth.items()}
    found = []
    for (name, replicate), part in kept.sums.items():
        if part.n < fewest:
            kept.drop(0, FEW, f"{name}, replicate {replicate}: {part.n}")
            continue
        one = kept.elements[name]
        value = math.log2((part.rna + 1) / (part.dna + 1)) - level[replicate]
        found.append(Reading(name, one.bases, replicate, value, part.sd, part.n, one.control, one.link))
    return tuple(found)


def _remarks(kept: _Kept) -> tuple[str, ...]:
    """What a reader of the numbers should know."""
    said = []
    if kept.layout.kind == "counts":
        said.append(
            f"Activity is {LOG2_ACTIVITY} of counts summed over barcodes, one read added, minus that of the replicate."
        )
    if kept.unknown_letters:
        said.append(
            f"{kept.unknown_letters:,} sequences had letters other than A, C, G, T and N, or U; see the Locus page."
        )
    if not any(one.bases for one in kept.elements.values()):
        said.append(
            "The table has no sequences, so nothing can be predicted; add a column sequence, or the order sheet."
        )
    return tuple(said)
