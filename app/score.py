"""Scores every sequence of a file: one row each, in the order they came. No Streamlit here."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app import compute
from app.export import check_place
from genome.errors import UserError
from genome.home import replaced
from genome.sequence import clean_bases, fitted, one_hot
from models import registry
from models.core import ModelSpec
from models.predict import Components, by_member

CHUNK = 2_048
CHUNK_BASES = 20_000_000  # of all windows of a chunk together, so that long windows do not fill the memory
MAX_BASES = 10_000_000


@dataclass(frozen=True)
class Record:
    """A named sequence of a file: letters ACGTN."""

    name: str
    bases: str


def score_file(model: str, source: Path, out: Path) -> int:
    """Writes a TSV with one row per sequence and one column per track; returns the number of rows.

    A sequence shorter than the model's window stands in its middle with N around it; of a longer one the central
    window is scored. The file's ``#`` lines say so. ``out`` appears only when everything was scored.

    Raises:
        UserError: when the file cannot be read as FASTA or TSV, naming the line.
    """
    spec = registry.spec(model)
    check_place(out)
    if out.exists() and source.exists() and out.samefile(source):
        raise UserError(f"{out.name} would be written over the sequences themselves; give another --out.")
    count = 0
    with replaced(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in _header(spec))
        file.write("\t".join(["name", *(track.name for track in spec.tracks)]) + "\n")
        for chunk in _chunks(read_records(source), max(1, min(CHUNK, CHUNK_BASES // spec.input_length))):
            for record, values in zip(chunk, _score(spec, chunk), strict=True):
                file.write(record.name + "".join(f"\t{value:.6g}" for value in values) + "\n")
            count += len(chunk)
    return count


def read_records(source: Path) -> Iterator[Record]:
    """The sequences of a FASTA, or of a TSV with columns name and sequence (plain or gzip), one after another.

    Raises:
        UserError: naming the line that cannot be used.
    """
    try:
        open_text = gzip.open if source.suffix == ".gz" else open
        with open_text(source, "rt", encoding="utf-8-sig") as file:
            first = file.readline()
            if not first:
                raise UserError(f"{source.name} is empty; give a FASTA, or a TSV with columns name and sequence.")
            lines = enumerate(file, start=2)
            if first.startswith(">"):
                yield from _fasta(first, lines)
            else:
                yield from _table(first, lines)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(
            f"{source.name} cannot be read as FASTA or TSV ({type(error).__name__}); check the file."
        ) from error


def _score(spec: ModelSpec, chunk: list[Record]) -> npt.NDArray[np.float32]:
    """float32 (records, tracks), in each track's unit."""
    x = np.stack([one_hot(fitted(record.bases, spec.input_length)) for record in chunk])
    components = compute.engine().run(spec.model_id, Components(), (x,), session="score", priority="batch")[0]
    values: npt.NDArray[np.float32] = by_member(components, spec).mean(axis=(1, 3))
    return values


def _header(spec: ModelSpec) -> list[str]:
    units = ", ".join(f"{track.name} in {track.unit}" for track in spec.tracks)
    return [
        f"model {spec.model_id}; {units}; mean over {spec.n_members} members and strands {' '.join(spec.strands)}",
        f"window {spec.input_length} bp: shorter sequences are centred and padded with N, of longer ones the central "
        f"{spec.input_length} bp are scored",
        "letters: lower case counts as upper case, U as T in a sequence without T, ambiguous letters (IUPAC) as N",
    ]


def _chunks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _fasta(first: str, lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    name, at, size = first[1:].strip(), 1, 0
    parts: list[str] = []
    for number, line in lines:
        if line.startswith(">"):
            yield _record(name, "".join(parts), at)
            name, at, parts, size = line[1:].strip(), number, [], 0
        else:
            parts.append(line.strip())
            size += len(parts[-1])
            _check_length(size, at)
    yield _record(name, "".join(parts), at)


def _table(first: str, lines: Iterator[tuple[int, str]]) -> Iterator[Record]:
    number = 1
    while first.startswith("#"):
        number, first = next(lines, (number, ""))
    columns = first.rstrip("\r\n").split("\t")
    if "name" not in columns or "sequence" not in columns:
        raise UserError(
            "The file is neither FASTA (first line begins with >) nor a TSV with columns name and sequence."
        )
    name_at, bases_at = columns.index("name"), columns.index("sequence")
    for number, line in lines:
        fields = line.rstrip("\r\n").split("\t")
        if not line.strip():
            continue
        if len(fields) != len(columns):
            raise UserError(f"Line {number} has {len(fields)} columns, and the header {len(columns)}; correct it.")
        _check_length(len(fields[bases_at]), number)
        yield _record(fields[name_at], fields[bases_at], number)


def _check_length(length: int, line: int) -> None:
    if length > MAX_BASES:
        raise UserError(f"The sequence in line {line} is longer than {MAX_BASES:,} bp; score a part of it.")


def _record(name: str, bases: str, line: int) -> Record:
    try:
        return Record(" ".join(name.split()) or f"line {line}", clean_bases(bases)[0])
    except UserError as error:
        raise UserError(f"Line {line} ('{' '.join(name.split())[:40]}'): {error}") from error
