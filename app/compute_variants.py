"""Many variants: a file in, what was understood of it, their effects at once or as a job. No Streamlit here."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from app import compute, compute_jobs
from app.compute import Asker
from app.settings import upload_bytes
from app.variant_table import table_of, write_parquet, write_tsv
from app.variant_vcf import write_vcf
from experiment import estimate, job_files, jobs, long_variants, upload_rows, uploads
from experiment.job_status import Job, duration
from experiment.long_variants import Numbers
from experiment.upload_rows import Understood
from experiment.uploads import Upload
from genome.blocks import BlockGenome
from genome.catalog import genome_entry, open_ensembl, open_genome
from genome.errors import UserError
from genome.source import Genome
from genome.variant_files import open_variants, read_variants
from genome.variant_rows import VariantRow
from interpret import background
from interpret.effects import VALUES
from interpret.variants import VariantEffects
from models.core import ModelSpec

INLINE_SECONDS = 2.0  # what takes less is answered while somebody waits
MAX_REMOTE_ROWS = 50  # of a genome that is read from a server, place by place
_TYPED_BYTES = 10_000  # a list up to this size may hold rsIDs, each of which is asked of a server
SPREAD = VALUES.index("spread")
_RULE = 1  # raise it when the numbers of a job change: old results are then another job's


@dataclass(frozen=True)
class Given:
    """A file of variants and what was understood of it on one genome."""

    upload: Upload
    known: Understood


@dataclass(frozen=True)
class Batch:
    """The effects of a file's alleles, or as many as are computed.

    Attributes:
        spec: the model.
        known: the alleles.
        numbers: of each of them.
    """

    spec: ModelSpec
    known: Understood
    numbers: Numbers

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What decides the numbers of a finished one."""
        return self.spec.model_id, self.known.upload, self.known.key, self.known.bases

    @property
    def computed(self) -> int:
        """How many alleles are done, with an effect or without."""
        return int((self.numbers.status != long_variants.PENDING).sum())


def take(source: IO[bytes], name: str, genome: str, owner: str, asker: Asker) -> Given:
    """Keeps a file for its owner and reads its variants on a genome.

    Args:
        source: the file at its start.
        name: what people call it.
        genome: name in the table of genomes.
        owner: token of who gives it.
        asker: who asks; told the share that is read.

    Raises:
        UserError: when it is too large, holds no variants, or the genome cannot be read here.
    """
    _opened(genome, asker)
    upload = uploads.store(source, name, owner, max_bytes=upload_bytes())
    try:
        return given(upload.digest, genome, owner, asker)
    except UserError:
        if not upload_rows.is_read(upload.digest):  # it is no file of variants, so it is not kept
            uploads.remove(upload.digest, owner)
        raise


def take_text(text: str, genome: str, owner: str, asker: Asker) -> Given:
    """Keeps what was pasted: see ``take``."""
    return take(io.BytesIO(text.strip("\n").encode("utf-8", "replace")), "pasted", genome, owner, asker)


def given(digest: str, genome: str, owner: str, asker: Asker) -> Given:
    """A file that was given before, read on a genome if it was not yet.

    Raises:
        UserError: when it is not here any more, somebody else's, or holds no variants.
    """
    upload, source = uploads.of_owner(digest, owner), _opened(genome, asker)
    known = upload_rows.understood(digest, source)
    if known is None:
        path = uploads.data_path(digest)
        lookup = open_ensembl(genome, remote_allowed=asker.remote_allowed) if upload.size <= _TYPED_BYTES else None
        with path.open("rb") as file:

            def note(rows: int) -> None:
                _refuse_remote(source.name, rows)
                if asker.progress is not None:
                    asker.progress(file.tell() / max(1, upload.size))

            known = upload_rows.keep(digest, source, read_variants(file, BlockGenome(source), lookup=lookup), note=note)
    _refuse_remote(source.name, known.count)
    return Given(upload, known)


def first_rows(known: Understood, count: int = 10) -> list[dict[str, object]]:
    """The first alleles as they were written and understood, for a table."""
    return [
        {
            "line": row.line,
            "as written": printable(f"{row.chrom}:{row.position:,} {row.ref}>{row.alt}", 80),
            "ID": printable(row.name, 40),
            "understood as": printable(row.variant, 80) if row.variant else "no change" if row.locus else "",
            "status": row.status,
            "note": printable(row.reason or row.notice, 200),
        }
        for row in upload_rows.read(known.upload, known.key, 0, min(count, known.count))
    ]


def seconds(spec: ModelSpec, known: Understood, asker: Asker) -> float:
    """About how long all effects take on this server, by the measured pace of one pass."""
    cost = compute_jobs.cost_of(spec, asker, gradient=False, wait=True)
    if cost is None:
        raise ValueError(f"{cost=} though it was waited for")
    estimate.refuse_too_large(estimate.now(cost, 0), spec)
    return 2 * spec.placements * known.ok * cost.seconds


def expected(spec: ModelSpec, known: Understood, took: float) -> str:
    """What it takes, one sentence."""
    windows = "a window" if spec.placements == 1 else f"{spec.placements} windows"
    return f"{known.ok:,} alleles, REF and ALT in {windows} each: about {duration(took)} while nothing else runs here."


def at_once(spec: ModelSpec, known: Understood, asker: Asker) -> Batch:
    """The effects of a small file, computed while somebody waits."""
    long_variants.check_size(spec, known.count)
    genome = _opened(known.genome, asker)
    run = compute.runner(spec, asker)
    each = long_variants.rows_per_slice(spec)

    def make() -> Numbers:
        count = -(-known.count // each)
        parts: list[Numbers | None] = []
        for index in range(count):
            share = None if asker.progress is None else _part(asker.progress, index, count)
            parts.append(long_variants.computed(run, spec, genome, known, index, share))
        return long_variants.together(parts, known.count, each, len(spec.tracks))

    key = ("variants", spec.model_id, known.upload, known.key, known.bases)
    return Batch(spec, known, compute.cache().get(key, make, wait=asker.wait))


def job_of(spec: ModelSpec, known: Understood) -> Job | None:
    """The job of these variants, in whatever session it was started; None when it was not."""
    return jobs.find(long_variants.KIND_NAME, _parameters(spec, known))


def start(spec: ModelSpec, known: Understood, said: str) -> Job:
    """Starts the job of these variants, or finds the one that runs or is done.

    Raises:
        UserError: when it is too large for this model, or jobs cannot be started here.
    """
    if jobs.trouble():
        raise UserError(jobs.trouble())
    if not genome_entry(known.genome).is_local:
        raise UserError(
            f"{known.genome} is read from a server, place by place; so many variants need it here: run "
            f"'cislens genomes fetch {known.genome}'."
        )
    long_variants.check_size(spec, known.count)
    # A job is seen by everybody on this server: its title names neither the file nor a place.
    title = f"Effects of {known.count:,} variants on {known.genome}: {spec.name}"
    return jobs.start(long_variants.KIND_NAME, _parameters(spec, known), title=title, said=said)


def so_far(spec: ModelSpec, known: Understood, job: Job) -> Batch:
    """What a job has computed.

    Raises:
        UserError: when a file of it is damaged.
    """
    if job.result is None:
        try:
            return Batch(spec, known, _partial(spec, known, job))
        except UserError:
            job = jobs.job(job.digest)
            if job.result is None:  # else it was finished while its slices were read
                raise
    key = ("variants of job", job.digest, job.updated)
    try:
        return Batch(spec, known, compute.cache().get(key, lambda: Numbers(**jobs.arrays(job.digest))))
    except TypeError as error:
        raise UserError("The result of this job was damaged; remove the job and start it again.") from error


def percentiles(batch: Batch, track: str) -> tuple[npt.NDArray[np.float32] | None, str]:
    """Where the sizes of single-base effects stand in the model's background.

    Returns:
        float32 (n,) from 0 to 100, NaN where there is none, and what they are percentiles of; or None and why.
    """
    spec = batch.spec
    synthetic = genome_entry(batch.known.genome).synthetic
    try:
        found = background.chosen(spec.model_id, synthetic=synthetic)
    except UserError as error:
        return None, f"no percentile: {error}"
    if found is None:
        return None, f"no percentile: {spec.name} has no background; make one with cislens background {spec.name}"
    deltas = np.where(
        batch.numbers.kind == long_variants.SNV, batch.numbers.delta[:, spec.track_index(track)], np.float32(np.nan)
    )
    ranks, among = found.rank_effects(track, deltas, synthetic=synthetic)
    return ranks, among if ranks is None else f"{among}; single-base changes only"


def rows_at(batch: Batch, places: list[int]) -> list[VariantRow]:
    """Some rows as they were understood, by their places in the file from 0."""
    return upload_rows.pick(batch.known.upload, batch.known.key, places)


def chunks(batch: Batch) -> Iterator[VariantEffects]:
    """All effects in the order of the file, a thousand rows at a time: what the writers of files take."""
    known = batch.known
    for start in range(0, known.count, upload_rows.PART_ROWS):
        rows = upload_rows.read(known.upload, known.key, start, min(start + upload_rows.PART_ROWS, known.count))
        yield long_variants.effects_of(batch.numbers, rows, start)


def file_of(batch: Batch, ending: str) -> bytes:
    """All alleles as a file, those without an effect with their reason.

    Args:
        batch: the effects, all computed.
        ending: ``tsv``, ``vcf.gz`` or ``parquet``.
    """
    known = batch.known
    genome = open_genome(known.genome, remote_allowed=True)  # its bases were read when the rows were
    table = table_of(batch.spec, genome)
    with tempfile.TemporaryDirectory(prefix=".file-", dir=uploads.place(known.upload)) as folder:
        path = Path(folder) / f"effects.{ending}"
        if ending == "tsv":
            write_tsv(path, chunks(batch), table)
        elif ending == "parquet":
            write_parquet(path, chunks(batch), table)
        elif ending == "vcf.gz":
            write_vcf(path, chunks(batch), table, open_variants(uploads.data_path(known.upload)))
        else:
            raise ValueError(f"{ending=}")
        return path.read_bytes()


def printable(value: object, most: int) -> str:
    """What somebody wrote as one line of text that any page can show."""
    line = " ".join(str(value).encode("utf-8", "replace").decode().split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _opened(genome: str, asker: Asker) -> Genome:
    return open_genome(genome, remote_allowed=asker.remote_allowed)


def _refuse_remote(genome: str, rows: int) -> None:
    if rows > MAX_REMOTE_ROWS and not genome_entry(genome).is_local:
        raise UserError(
            f"{genome} is read from a server, place by place, and that is done for at most {MAX_REMOTE_ROWS} variants; "
            f"keep the genome here with 'cislens genomes fetch {genome}'."
        )


def _parameters(spec: ModelSpec, known: Understood) -> dict[str, str | int | float]:
    return {
        "rule": _RULE,
        "model": spec.model_id,
        "genome": known.genome,
        "upload": known.upload,
        "rows": known.key,
        "contigs": known.bases,
        "count": known.count,
    }


def _partial(spec: ModelSpec, known: Understood, job: Job) -> Numbers:
    """The numbers of the slices that are written; each is read once."""
    parts: list[Numbers | None] = []
    for index in range(job.order.slices):
        path = job_files.slice_path(job.digest, index)
        key = ("slice of variants", job.digest, index)
        if compute.cache().holds(key) or path.is_file():
            parts.append(compute.cache().get(key, lambda path=path: _slice(path)))
        else:
            parts.append(None)
    return long_variants.together(parts, known.count, long_variants.rows_per_slice(spec), len(spec.tracks))


def _slice(path: Path) -> Numbers:
    try:
        return Numbers(**job_files.read_arrays(path))
    except TypeError as error:
        raise UserError("A part of this job was damaged; remove the job and start it again.") from error


def _part(progress, index: int, count: int):  # type: ignore[no-untyped-def]
    """Progress of one part of several."""
    return lambda done: progress((index + done) / count)
