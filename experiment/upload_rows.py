"""The alleles of an upload as they were understood on one genome: read once, kept as small files of rows.

A row is one line, so a slice of a job reads the thousand lines it needs and never the file that was given.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from experiment import uploads
from genome.errors import UserError
from genome.source import Genome
from genome.variant_rows import VariantRow, in_chunks
from genome.variant_tally import Tally
from interpret.variant_parts import as_list, as_row

PART_ROWS = 1_000  # rows of a file
MAX_ROWS = 1_000_000
FIRST_PROBLEMS = 100
_LETTERS = 100  # of an allele that it is found by
_RULE = 2  # raise it when rows are written or understood otherwise
_ABOUT = "about.json"
_GONE = "The variants of this upload are not kept here any more; give the file again."


@dataclass(frozen=True)
class Understood:
    """What was made of an upload.

    Attributes:
        upload: its digest.
        key: names its rows among those on other genomes.
        genome: name of the genome.
        count: alleles, each one row.
        ok: alleles whose effect can be computed.
        snvs: of these, changes of one base.
        lines: number of the last line with an allele.
        statuses: alleles by status.
        problems: (line, status, reason) of the first alleles without an effect.
        remarks: sentences on lines that are odd, though their alleles are ok.
        doubt: a sentence when the file seems to be of another build; else empty.
        contigs: digest of each chromosome that an allele lies on.
    """

    upload: str
    key: str
    genome: str
    count: int
    ok: int
    snvs: int
    lines: int
    statuses: dict[str, int]
    problems: tuple[tuple[int, str, str], ...]
    remarks: tuple[str, ...]
    doubt: str
    contigs: dict[str, str]

    @property
    def bases(self) -> str:
        """12 hex digits that tell the genome's bases under these variants from those of another build."""
        return hashlib.sha256(json.dumps(sorted(self.contigs.items())).encode()).hexdigest()[:12]


def keep(
    upload: str, genome: Genome, rows: Iterable[VariantRow], *, note: Callable[[int], None] | None = None
) -> Understood:
    """Writes rows down as they come, a file at a time, and counts them.

    Args:
        upload: its digest.
        genome: what they were checked against.
        rows: in the order of the file.
        note: told how many rows are written, after each file; may raise to give up.

    Raises:
        UserError: when there are none, or too many.
    """
    key, home = key_of(genome), uploads.place(upload)
    new = Path(tempfile.mkdtemp(prefix=".rows-", dir=home))
    try:
        found = _written(new, upload, key, genome, rows, note)
        (new / _ABOUT).write_text(json.dumps(asdict(found)))
        kept = _place(upload, key)
        if understood(upload, genome) is None:  # there is nothing, or what was read on other bases
            shutil.rmtree(kept, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else read the same file at this moment
            new.rename(kept)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return found


def understood(upload: str, genome: Genome) -> Understood | None:
    """What is known of an upload on a genome; None when it was not read on these bases."""
    try:
        text = json.loads((_place(upload, key_of(genome)) / _ABOUT).read_text())
        problems = tuple(tuple(one) for one in text["problems"])
        found = Understood(**text | {"problems": problems, "remarks": tuple(text["remarks"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    same = all(genome.contig_digest(chrom) == digest for chrom, digest in found.contigs.items())
    return found if same else None


def is_read(upload: str) -> bool:
    """Whether the variants of an upload were understood on any genome."""
    return any(uploads.place(upload).glob(f"rows-*/{_ABOUT}"))


def last_genome(upload: str) -> str:
    """The genome that the variants of an upload were read on last; empty when they never were."""
    found = sorted(uploads.place(upload).glob(f"rows-*/{_ABOUT}"), key=lambda path: path.stat().st_mtime)
    return str(json.loads(found[-1].read_text())["genome"]) if found else ""


def key_of(genome: Genome) -> str:
    """What names the rows of one genome, from its name, build and chromosomes."""
    text = json.dumps([_RULE, genome.name, genome.build, sorted(genome.contigs.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(upload: str, key: str, start: int, stop: int) -> tuple[VariantRow, ...]:
    """Rows from ``start`` to ``stop`` (0-based half-open), fewer at the end.

    Raises:
        UserError: when they are not here any more.
    """
    found: list[VariantRow] = []
    for part in range(start // PART_ROWS, -(-stop // PART_ROWS)):
        lines = _lines(upload, key, part)
        first = part * PART_ROWS
        found += [_as_row(line) for line in lines[max(0, start - first) : stop - first]]
    return tuple(found)


def pick(upload: str, key: str, indices: Sequence[int]) -> list[VariantRow]:
    """The rows at some places, in the order asked for.

    Raises:
        UserError: when they are not here any more.
    """
    by_part: dict[int, list[int]] = {}
    for index in indices:
        by_part.setdefault(index // PART_ROWS, []).append(index)
    found: dict[int, VariantRow] = {}
    for part, wanted in by_part.items():
        lines = _lines(upload, key, part)
        found |= {index: _as_row(lines[index % PART_ROWS]) for index in wanted}
    return [found[index] for index in indices]


def search(upload: str, key: str, count: int, words: str) -> npt.NDArray[np.bool_]:
    """Which of ``count`` rows hold some words as written, whatever the case: ``chr22:19710933``, an ID, ``C>T``, or parts.

    Returns:
        bool (count,).
    """
    needle, found = _searched(words).replace(",", ""), np.zeros(count, dtype=bool)
    for part in range(-(-count // PART_ROWS)):
        for index, line in enumerate(_lines(upload, key, part)):
            found[part * PART_ROWS + index] = needle in line.partition("\t")[0]
    return found


def _written(
    new: Path, upload: str, key: str, genome: Genome, rows: Iterable[VariantRow], note: Callable[[int], None] | None
) -> Understood:
    tally = Tally()
    problems: list[tuple[int, str, str]] = []
    contigs: dict[str, str] = {}
    snvs = lines = 0
    for part, chunk in enumerate(in_chunks(rows, PART_ROWS)):
        tally.add(chunk)
        if tally.total > MAX_ROWS:
            raise UserError(
                f"This file has more than {MAX_ROWS:,} alleles; split it, or use 'cislens variants' on the command line."
            )
        _write(new / f"{part}.rows", chunk)
        lines = chunk[-1].line
        for row in chunk:
            if row.reason and len(problems) < FIRST_PROBLEMS:
                problems.append((row.line, row.status, row.reason))
            if row.locus is not None and row.locus.chrom not in contigs:
                contigs[row.locus.chrom] = genome.contig_digest(row.locus.chrom)
            snvs += row.variant is not None and len(row.variant.ref) == len(row.variant.alt) == 1
        if note is not None:
            note(tally.total)
    if not tally.total:
        raise UserError("There is no variant in it; give a VCF, or lines such as 'chr22 19710933 C T'.")
    return Understood(
        upload=upload,
        key=key,
        genome=genome.name,
        count=tally.total,
        ok=tally.counts["ok"],
        snvs=snvs,
        lines=lines,
        statuses=dict(tally.counts),
        problems=tuple(problems),
        remarks=tally.odd_lines(),
        doubt=tally.doubt(genome),
        contigs=contigs,
    )


def _write(path: Path, rows: Iterable[VariantRow]) -> None:
    """A line for each row: what it is found by, a tab, and the row as JSON."""
    lines = (f"{_found_by(row)}\t{json.dumps(as_list(row), separators=(',', ':'))}\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8", errors="replace", newline="\n")


def _found_by(row: VariantRow) -> str:
    return _searched(f"{row.chrom}:{row.position} {row.ref[:_LETTERS]}>{row.alt[:_LETTERS]} {row.name}")


def _searched(text: str) -> str:
    return " ".join(text.lower().split())


def _as_row(line: str) -> VariantRow:
    return as_row(json.loads(line.partition("\t")[2]))


def _lines(upload: str, key: str, part: int) -> list[str]:
    path = _place(upload, key) / f"{part}.rows"
    try:
        stamp = os.stat(path).st_mtime_ns
    except OSError as error:
        raise UserError(_GONE) from error
    return _kept_lines(path, stamp)


@lru_cache(maxsize=32)
def _kept_lines(path: Path, _modified: int) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except OSError as error:
        raise UserError(_GONE) from error


def _place(upload: str, key: str) -> Path:
    return uploads.place(upload) / f"rows-{key}"


def chunks(upload: str, key: str, count: int, size: int) -> Iterator[tuple[VariantRow, ...]]:
    """All rows in order, ``size`` at a time."""
    for start in range(0, count, size):
        yield read(upload, key, start, min(start + size, count))
