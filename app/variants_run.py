"""Scores a file of variants chunk by chunk, so that a killed run goes on where it was. No Streamlit here."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from app.variant_table import Table, write_parquet, write_tsv
from app.variant_vcf import write_vcf
from experiment.job_files import read_arrays, write_arrays
from genome.blocks import BlockGenome
from genome.errors import UserError
from genome.home import replaced
from genome.resolve import Lookup
from genome.source import genome_digest
from genome.variant_files import VariantFile
from genome.variant_rows import VariantRow, in_chunks
from genome.variant_tally import Tally
from interpret.variant_parts import as_arrays, from_arrays
from interpret.variants import VariantEffects
from models.core import ModelSpec
from models.engine import Progress

ENDINGS = (".tsv", ".vcf.gz", ".parquet")
Score = Callable[[Iterable[tuple[VariantRow, ...]], Progress], Iterator[VariantEffects]]
_MANIFEST, _LOCK = "manifest.json", "lock"


@dataclass(frozen=True)
class Run:
    """A file of variants on its way to a table.

    Attributes:
        source: the variants; a file.
        out: the table; its ending says which form.
        table: what it is about.
        lookup: the service for rsIDs; None when remote reading is not allowed.
    """

    source: VariantFile
    out: Path
    table: Table
    lookup: Lookup | None = None

    @property
    def folder(self) -> Path:
        """Where the chunks that are done are kept until all are."""
        return self.out.with_name(f"{self.out.name}.parts")


def chunk_size(spec: ModelSpec) -> int:
    """Alleles in a chunk: what is lost at most by a kill. It depends on the model alone, or a restart would cut otherwise."""
    return max(8, min(1_024, 2_000_000 // spec.input_length))


def ending_of(out: Path) -> str:
    """Which form the table is to have.

    Raises:
        UserError: when the name has another ending.
    """
    found = next((ending for ending in ENDINGS if out.name.lower().endswith(ending)), None)
    if found is None:
        raise UserError(f"'{out.name}' should end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    return found


def variants_into(run: Run, score: Score, *, progress: Callable[[int, bool], None]) -> Tally:
    """Scores what is not yet scored and writes the table; returns what became of the variants.

    Args:
        run: what is wanted.
        score: effects of chunks in their order, and how many rows are done (``interpret.variants.score`` of a model).
        progress: called with the number of alleles that are done, and whether they were done before.

    Raises:
        UserError: when the folder of parts belongs to another run, or another process works on it.
    """
    size = chunk_size(run.table.spec)
    with _held(run):
        done = _finished(run)
        rows = run.source.rows(BlockGenome(run.table.genome), lookup=run.lookup)
        before = done * size
        progress(before, True)
        chunks = in_chunks(islice(rows, before, None), size)
        for effects in score(chunks, lambda more: progress(before + int(more), False)):
            write_arrays(_part(run, done), as_arrays(effects))
            done += 1
        tally = Tally()
        _write(run, _counted(run, done, tally))
    shutil.rmtree(run.folder)
    return tally


def _write(run: Run, effects: Iterator[VariantEffects]) -> None:
    ending = ending_of(run.out)
    if ending == ".tsv":
        write_tsv(run.out, effects, run.table)
    elif ending == ".parquet":
        write_parquet(run.out, effects, run.table)
    else:
        write_vcf(run.out, effects, run.table, run.source)


def _counted(run: Run, count: int, tally: Tally) -> Iterator[VariantEffects]:
    """The chunks that are kept, one after another, counted as they pass."""
    for index in range(count):
        try:
            effects = from_arrays(read_arrays(_part(run, index)))
        except (UserError, ValueError, KeyError) as error:
            raise UserError(f"{_part(run, index)} is damaged; delete it, and the same command goes on.") from error
        tally.add(effects.rows)
        yield effects


def _finished(run: Run) -> int:
    """How many chunks from the first on are kept."""
    count = 0
    while _part(run, count).is_file():
        count += 1
    return count


def _part(run: Run, index: int) -> Path:
    return run.folder / f"{index:06d}.npz"


@contextmanager
def _held(run: Run) -> Iterator[None]:
    """Makes or enters the folder of parts; only one process at a time, and only the same question."""
    run.folder.mkdir(exist_ok=True)
    with (run.folder / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{run.out.name} is being written by another cislens; wait for it.") from error
        manifest, wanted = run.folder / _MANIFEST, _manifest(run)
        if manifest.is_file():
            _check_same(run, json.loads(manifest.read_text()), wanted)
        else:
            with replaced(manifest) as temporary:
                temporary.write_text(json.dumps(wanted, indent=1, sort_keys=True) + "\n")
        yield


def _manifest(run: Run) -> dict[str, str]:
    """Everything that decides the chunks."""
    source, genome = run.source.source, run.table.genome
    if not isinstance(source, Path):
        raise ValueError(f"{source=}")
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "input": digest,
        "regions": ", ".join(str(region) for region in run.source.regions),
        "model": run.table.spec.model_id,
        "genome": f"{genome.name} {genome_digest(genome)}",
        "rsIDs": "looked up" if run.lookup else "not looked up",
        "version": version("cislens"),
        "chunk": str(chunk_size(run.table.spec)),
    }


def _check_same(run: Run, kept: dict[str, str], wanted: dict[str, str]) -> None:
    differing = [name for name in wanted if kept.get(name) != wanted[name]]
    if differing:
        raise UserError(
            f"{run.folder} holds parts of another run ({', '.join(differing)} differ); delete that folder, or give another "
            "--out."
        )
