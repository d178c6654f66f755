"""What many variants do: chunks of rows in, chunks of effects out, in the same order, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.source import Genome
from genome.variant_rows import VariantRow
from interpret.allele_scalars import allele_scalars
from interpret.effects import VALUES, summed_up
from interpret.variant_windows import allele_windows
from models.core import ModelSpec
from models.engine import Progress, Runner

Float = npt.NDArray[np.float32]

_ARRAYS = (*VALUES, "signs_agree")
_MOST_BYTES = 1 << 24  # letters of all windows that stand in memory at a time


@dataclass(frozen=True)
class VariantEffects:
    """The effects of a chunk of variants, each alone, on the usual explained scalar of every track.

    All arrays are NaN (or False) in the row of a variant that has no effect; ``rows`` says why.

    Attributes:
        rows: the variants, in the order given.
        before: float32 (n, tracks), prediction with REF, mean over members, strands and placements of the window.
        after: float32 (n, tracks), with ALT.
        delta: float32 (n, tracks), after - before; exactly 0 where REF and ALT are the same.
        spread: float32 (n, tracks), standard deviation of delta between members (n - 1); 0 for one member.
        low, high: float32 (n, tracks), smallest and largest delta over the placements.
        signs_agree: bool (n, tracks), whether every member gives delta the same sign.
    """

    rows: tuple[VariantRow, ...]
    before: Float
    after: Float
    delta: Float
    spread: Float
    low: Float
    high: Float
    signs_agree: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = (len(self.rows), self.before.shape[1])
        for name in _ARRAYS:
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, not {shape}")


def score(
    run: Runner,
    spec: ModelSpec,
    genome: Genome,
    chunks: Iterable[tuple[VariantRow, ...]],
    *,
    progress: Progress | None = None,
) -> Iterator[VariantEffects]:
    """The effects of many variants, each alone: an iterator of chunks in, one of their effects out, one in memory.

    The same numbers as ``interpret.effects.effect`` of one edit at a time. Chunks know nothing of each other.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        genome: where the bases are read.
        chunks: rows in tuples (``genome.variant_rows.in_chunks``); one that is not ok is handed on without an effect.
        progress: called with the number of rows done so far.

    Yields:
        For each chunk its effects. Rows that cannot be scored come back refused: longer than half a window, or with
        more than 10 % N in their windows.
    """
    done = 0
    for rows in chunks:
        effects = _scored(run, spec, genome, rows, _after(progress, done))
        done += len(rows)
        if progress is not None:
            progress(done)
        yield effects


def _scored(
    run: Runner, spec: ModelSpec, genome: Genome, rows: tuple[VariantRow, ...], progress: Progress | None
) -> VariantEffects:
    """The effects of one chunk, computed in blocks that fit the memory."""
    per_block = max(1, _MOST_BYTES // (2 * spec.placements * spec.input_length))
    parts = []
    for first in range(0, len(rows), per_block):
        block = rows[first : first + per_block]
        parts.append(_block(run, spec, genome, block, _stretched(progress, first, len(block))))
    if len(parts) == 1:
        return parts[0]
    if not parts:
        empty = np.zeros((0, len(spec.tracks)), np.float32)
        return VariantEffects((), empty, empty, empty, empty, empty, empty, empty.astype(bool))
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    return VariantEffects(tuple(row for part in parts for row in part.rows), **joined)


def _block(
    run: Runner, spec: ModelSpec, genome: Genome, rows: tuple[VariantRow, ...], progress: Progress | None
) -> VariantEffects:
    found = [row if row.status != "ok" else allele_windows(row, spec, genome) for row in rows]
    scored = [at for at, windows in enumerate(found) if not isinstance(windows, VariantRow)]
    judged = tuple(one if isinstance(one, VariantRow) else row for row, one in zip(rows, found, strict=True))
    values = np.full((len(rows), 2, spec.placements, spec.n_members, len(spec.tracks)), np.nan, dtype=np.float32)
    if scored:
        windows = np.stack([one for one in found if not isinstance(one, VariantRow)])  # (n, 2, placements, window)
        values[scored] = allele_scalars(run, spec, windows, progress)
    return VariantEffects(judged, **summed_up(values[:, 0], values[:, 1]))


def _after(progress: Progress | None, done: int) -> Progress | None:
    return None if progress is None else lambda more: progress(done + more)


def _stretched(progress: Progress | None, first: int, count: int) -> Progress | None:
    """Progress of a block, as the number of rows done of its chunk."""
    return None if progress is None else lambda share: progress(first + share * count)
