"""Pasted sequences as a small genome of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from genome.errors import UserError
from genome.sequence import clean_bases
from genome.source import MemoryGenome

MAX_PASTE = 2_000  # bp whose contributions are shown as letters
MAX_PASTE_TOTAL = 1_000_000  # bp in one paste, all records together
MAX_RECORDS = 1_000
_MAX_TEXT = 4 * MAX_PASTE_TOTAL


@dataclass(frozen=True)
class PastedRecord:
    """One pasted sequence.

    Attributes:
        name: a contig name made from its FASTA header, unique in the paste, without spaces or colons.
        bases: upper-case ACGTN.
        notices: sentences about what was changed when it was read.
    """

    name: str
    bases: str
    notices: tuple[str, ...] = ()


def read_records(text: str) -> tuple[PastedRecord, ...]:
    """Reads pasted letters, or FASTA with one or many records.

    Raises:
        UserError: when it is empty, too long, no DNA, or a record has no letters.
    """
    if len(text) > _MAX_TEXT:
        raise UserError(f"This paste is too long; paste at most {MAX_PASTE_TOTAL:,} letters at once.")
    records: list[PastedRecord] = []
    for title, body in _split(text.lstrip("\ufeff")):
        try:
            bases, notices = clean_bases(body)
        except UserError as error:
            if not title:
                raise
            raise UserError(f"In the record '{_shown(title)}': {error}") from error
        records.append(PastedRecord(_unique(_contig_name(title), records), bases, notices))
    if not records:
        raise UserError("There is no sequence here; paste DNA letters such as ACGTTGCA.")
    total = sum(len(record.bases) for record in records)
    if total > MAX_PASTE_TOTAL or len(records) > MAX_RECORDS:
        raise UserError(
            f"This paste holds {len(records):,} records with {total:,} letters; paste at most {MAX_RECORDS:,} records and "
            f"{MAX_PASTE_TOTAL:,} letters at once."
        )
    return tuple(records)


def pasted_genome(records: Iterable[PastedRecord]) -> MemoryGenome:
    """Pasted records as a genome whose contigs are the records; its build is a digest of names and bases."""
    contigs = {record.name: record.bases for record in records}
    digest = hashlib.sha256("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()).encode()).hexdigest()[:12]
    return MemoryGenome("pasted", contigs, build=f"pasted-{digest}")


def looks_like_sequence(text: str) -> bool:
    """Whether typed text is meant as a sequence rather than a name.

    So is a FASTA; at least 8 letters, four fifths of them bases; and at least 20 letters of any kind (perhaps a protein).
    """
    if text.lstrip("\ufeff \t\r\n").startswith(">"):
        return True
    letters = re.sub(r"[\s\d]", "", text).upper()
    if not letters.isascii() or not letters.isalpha():
        return False
    n_bases = sum(letters.count(letter) for letter in "ACGTUN")
    return len(letters) >= 20 or (len(letters) >= 8 and n_bases >= 0.8 * len(letters))


def _split(text: str) -> list[tuple[str, str]]:
    """(header, letters) of each record; letters before the first header are a record without one."""
    pieces: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.lstrip().startswith(">"):
            pieces.append((line.strip()[1:].strip() or "record", []))
        elif line.strip() and not line.startswith(";"):
            if not pieces:
                pieces.append(("", []))
            pieces[-1][1].append(line)
    return [(title, "\n".join(lines)) for title, lines in pieces]


def _contig_name(title: str) -> str:
    word = title.split()[0] if title.split() else "pasted"
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", word)[:60].strip("_.-") or "pasted"


def _unique(name: str, records: list[PastedRecord]) -> str:
    taken = {record.name.lower() for record in records}
    number, candidate = 2, name
    while candidate.lower() in taken:
        candidate, number = f"{name[:50]}_{number}", number + 1
    return candidate


def _shown(title: str) -> str:
    return " ".join(title.split())[:40]
