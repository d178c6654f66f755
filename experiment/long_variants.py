"""The effects of every allele of an upload as a job: so many rows to a slice, and numbers only in what is kept of it.

The rows themselves stay with the upload (``upload_rows``); row i of the arrays belongs to row i there. A job lives no
longer than its upload.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from experiment import upload_rows
from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Kind, Work
from experiment.upload_rows import Understood
from genome.blocks import BlockGenome
from genome.catalog import open_genome
from genome.errors import UserError
from genome.source import Genome
from genome.variant_rows import STATUSES, VariantRow
from interpret.effects import VALUES
from interpret.variants import VariantEffects, score
from models import registry
from models.core import ModelSpec
from models.engine import Progress, Runner

KIND_NAME = "variants"
MOST_SLICES = 20_000
MOST_BYTES = 2_000_000_000  # of the arrays of one job
PENDING = 255  # in place of a status where a row is not computed yet
SNV = 0
KINDS = ("single base", "several bases", "insertion", "deletion", "insertion and deletion", "no change")
_SLICE_BASES = 2_000_000  # a slice's rows times the window: more rows of a short window


@dataclass(frozen=True)
class Numbers:
    """What is computed of n rows, in their order.

    Attributes:
        values: float32 (6, n, tracks), VALUES; NaN where there is no effect.
        agree: bool (n, tracks), whether every member gives the effect the same sign.
        status: uint8 (n,), numbers into STATUSES, or PENDING.
        kind: uint8 (n,), numbers into KINDS.
        start: int64 (n,), first base, 0-based; -1 where a row has no place.
        chrom: uint16 (n,), numbers into ``chroms``.
        chroms: text (k,), the genome's names of chromosomes.
        refused: int64 (r,), places of the rows that were understood and yet could not be computed.
        reasons: bytes (r,), why not.
    """

    values: npt.NDArray[np.float32]
    agree: npt.NDArray[np.bool_]
    status: npt.NDArray[np.uint8]
    kind: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    chrom: npt.NDArray[np.uint16]
    chroms: npt.NDArray[np.str_]
    refused: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.bytes_]

    @classmethod
    def empty(cls, count: int, n_tracks: int) -> Numbers:
        """Those of rows of which nothing is computed yet."""
        return cls(
            values=np.full((len(VALUES), count, n_tracks), np.nan, dtype=np.float32),
            agree=np.zeros((count, n_tracks), dtype=bool),
            status=np.full(count, PENDING, dtype=np.uint8),
            kind=np.full(count, len(KINDS) - 1, dtype=np.uint8),
            start=np.full(count, -1, dtype=np.int64),
            chrom=np.zeros(count, dtype=np.uint16),
            chroms=np.zeros(0, dtype=np.str_),
            refused=np.zeros(0, dtype=np.int64),
            reasons=np.zeros(0, dtype=np.bytes_),
        )

    @property
    def delta(self) -> npt.NDArray[np.float32]:
        """float32 (n, tracks), the effects."""
        return self.values[VALUES.index("delta")]

    def why(self, start: int, stop: int) -> dict[int, str]:
        """Why the rows from ``start`` to ``stop`` that were understood could not be computed, by their places."""
        first, last = np.searchsorted(self.refused, (start, stop))
        part = zip(self.refused[first:last].tolist(), self.reasons[first:last].tolist(), strict=True)
        return {place: reason.decode() for place, reason in part}


def rows_per_slice(spec: ModelSpec) -> int:
    """How many rows a slice has: it depends on the model's window alone, so a restart cuts the work alike."""
    return max(1, min(upload_rows.PART_ROWS, _SLICE_BASES // spec.input_length))


def check_size(spec: ModelSpec, count: int) -> None:
    """Refuses a job that nobody would see the end of, or whose result would not fit.

    Raises:
        UserError: when there are too many rows for the model.
    """
    most = MOST_SLICES * rows_per_slice(spec)
    if count > most:
        raise UserError(
            f"{spec.name} reads {spec.input_length:,} bp at once, so a job of it takes at most {most:,} alleles, and these "
            f"are {count:,}; give fewer, or take a model with a shorter window."
        )
    size = count * len(spec.tracks) * (4 * len(VALUES) + 1)
    if size > MOST_BYTES:
        raise UserError(
            f"{count:,} alleles on the {len(spec.tracks):,} tracks of {spec.name} take more than {MOST_BYTES // 10**9} GB; "
            "give fewer, or use 'cislens variants' on the command line."
        )


def slices(parameters: Parameters, bases: str) -> int:  # noqa: ARG001  nothing but the rows is worked on
    """How many slices the rows make."""
    return -(-int(parameters["count"]) // rows_per_slice(registry.spec(str(parameters["model"]))))


def run_slice(work: Work, index: int) -> Arrays:
    """The effects of one slice's rows: the arrays of ``Numbers``."""
    spec = registry.spec(str(work.parameters["model"]))
    genome = open_genome(str(work.parameters["genome"]))
    known = upload_rows.understood(str(work.parameters["upload"]), genome)
    if known is None or known.bases != work.parameters["contigs"]:
        raise UserError(
            "The upload was deleted, or the genome here is not the one it was read on; give the file again."
        )
    return vars(computed(work.runner(spec.model_id), spec, genome, known, index, work.progress))


def computed(
    run: Runner, spec: ModelSpec, genome: Genome, known: Understood, index: int, progress: Progress | None
) -> Numbers:
    """The effects of one slice's rows.

    Args:
        run: the engine, bound to the model.
        spec: that model.
        genome: the one the rows were read on.
        known: the rows.
        index: which slice.
        progress: called with the share done.
    """
    each = rows_per_slice(spec)
    rows = upload_rows.read(known.upload, known.key, index * each, min((index + 1) * each, known.count))
    share = None if progress is None else lambda done: progress(done / max(1, len(rows)))
    (effects,) = score(run, spec, BlockGenome(genome), [rows], progress=share)
    return numbers_of(rows, effects)


def numbers_of(rows: tuple[VariantRow, ...], effects: VariantEffects) -> Numbers:
    """What is kept of the effects of some rows, given as they were understood."""
    chroms = sorted({row.locus.chrom for row in rows if row.locus is not None})
    number = {chrom: place for place, chrom in enumerate(chroms)}
    pairs = list(zip(rows, effects.rows, strict=True))
    refused = [place for place, (asked, found) in enumerate(pairs) if asked.status != found.status]
    return Numbers(
        values=np.stack([getattr(effects, name) for name in VALUES]).astype(np.float32),
        agree=effects.signs_agree,
        status=np.array([STATUSES.index(row.status) for row in effects.rows], dtype=np.uint8),
        kind=np.array([kind_of(row) for row in rows], dtype=np.uint8),
        start=np.array([-1 if row.locus is None else row.locus.start for row in rows], dtype=np.int64),
        chrom=np.array([0 if row.locus is None else number[row.locus.chrom] for row in rows], dtype=np.uint16),
        chroms=np.array(chroms, dtype=np.str_),
        refused=np.array(refused, dtype=np.int64),
        reasons=np.array([effects.rows[place].reason.encode() for place in refused], dtype=np.bytes_),
    )


def kind_of(row: VariantRow) -> int:
    """What sort of change a row is, as its number in KINDS; of one without a change, or without a place, the last."""
    if row.variant is None:
        return len(KINDS) - 1
    ref, alt = row.variant.ref, row.variant.alt
    if len(ref) == len(alt):
        return SNV if len(ref) == 1 else 1
    if alt.startswith(ref):
        return 2
    return 3 if ref.startswith(alt) else 4


def finish(parameters: Parameters, bases: str, parts: Seq[Arrays | None]) -> Arrays:  # noqa: ARG001
    """The numbers of all rows; those that are not computed yet have the status PENDING and NaN."""
    spec = registry.spec(str(parameters["model"]))
    found = [None if part is None else Numbers(**part) for part in parts]
    return vars(together(found, int(parameters["count"]), rows_per_slice(spec), len(spec.tracks)))


def together(parts: Seq[Numbers | None], count: int, each: int, n_tracks: int) -> Numbers:
    """The numbers of ``count`` rows from those of their slices, ``each`` rows to a slice.

    Raises:
        ValueError: when a part has other rows than its slice.
    """
    found = Numbers.empty(count, n_tracks)
    chroms: dict[str, int] = {}
    refused, reasons = [found.refused], [found.reasons]
    for index, part in enumerate(parts):
        if part is None:
            continue
        first = index * each
        rows = slice(first, min(first + each, count))
        if len(part.status) != rows.stop - rows.start:
            raise ValueError(f"{len(part.status)=} in a slice of {rows.stop - rows.start} rows")
        found.values[:, rows] = part.values
        for name in ("agree", "status", "kind", "start"):
            getattr(found, name)[rows] = getattr(part, name)
        numbers = [chroms.setdefault(str(chrom), len(chroms)) for chrom in part.chroms]
        found.chrom[rows] = np.array(numbers or [0], dtype=np.uint16)[part.chrom]
        refused.append(part.refused + first)
        reasons.append(part.reasons)
    names = np.array(list(chroms), dtype=np.str_)
    return replace(found, chroms=names, refused=np.concatenate(refused), reasons=np.concatenate(reasons))


def effects_of(found: Numbers, rows: tuple[VariantRow, ...], start: int) -> VariantEffects:
    """The effects of some rows again.

    Args:
        found: the numbers of all rows, each computed.
        rows: as they were understood.
        start: place of the first of them, from 0.
    """
    part, why = slice(start, start + len(rows)), found.why(start, start + len(rows))
    known = tuple(
        row.refused(STATUSES[found.status[place]], why[place]) if place in why else row
        for place, row in enumerate(rows, start)
    )
    values = dict(zip(VALUES, found.values[:, part], strict=True))
    return VariantEffects(rows=known, signs_agree=found.agree[part], **values)


KIND = Kind(KIND_NAME, slices, run_slice, finish)
