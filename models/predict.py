"""Predictions along a stretch of DNA: every window in the model's own length, both strands, every member."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genome.locus import Locus
from genome.sequence import Sequence
from models.core import Model, ModelSpec, Prediction, Target
from models.engine import Progress, Runner
from models.tiling import Tiling, core_of, tile, windows

_SLICES_PER_CALL = 4096  # windows cut at a time, so that 1 Mb never stands one-hot in every window at once


@dataclass(frozen=True)
class Components:
    """Every component's answer for each window: (n, 4, window) -> (n, components, tracks, bins).

    From a model that predicts noise, a second array of the same shape holds the variance of one measurement.
    """

    passes: int = 1
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        parts = [self._components(model, x) for x in rows[0].split(batch)]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _components(self, model: Model, x: Tensor) -> tuple[Tensor, ...]:
        if not model.spec.noise:
            return (torch.stack([model.component(x, *component) for component in model.components], dim=1),)
        pairs = [model.component_with_noise(x, *component) for component in model.components]
        return tuple(torch.stack(column, dim=1) for column in zip(*pairs, strict=True))


@dataclass(frozen=True)
class Scalars:
    """The explained scalar of each window, for each component: (n, 4, window) -> (n, components)."""

    target: Target
    passes: int = 1
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([self._of(model, x) for x in rows[0].split(batch)]),)

    def _of(self, model: Model, x: Tensor) -> Tensor:
        return torch.stack([self.target.scalar(model.spec, model.component(x, *c)) for c in model.components], dim=1)


@dataclass(frozen=True)
class Embeddings:
    """What the first member makes of each window before its last layer: (n, 4, window) -> (n, features)."""

    passes: int = 1
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([model.embedding(x) for x in rows[0].split(batch)]),)


def prediction_stride(length: int, spec: ModelSpec) -> int:
    """The distance between predicted windows in bp: fine where letters are shown, coarser along long stretches."""
    wanted = (
        spec.resolution / 10 if length <= 5_000 else spec.resolution / 4 if length <= 50_000 else spec.resolution / 2
    )
    divisors = [d for d in range(1, spec.resolution + 1) if spec.resolution % d == 0 and spec.input_length % d == 0]
    return min(divisors, key=lambda d: (abs(d - wanted), d))


def predict(
    run: Runner, spec: ModelSpec, sequence: Sequence, locus: Locus, *, progress: Progress | None = None
) -> Prediction:
    """Predicts every track along a locus.

    A locus that fits one window is answered by the single window centred on it. Along a longer one a window is placed
    every few bases, and each answer is drawn at the centre of its window: no answer is ever averaged over the locus.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases (edits applied) that reach a window beyond the locus on both sides.
        locus: the stretch asked for, 0-based half-open, in genome coordinates.
        progress: called with the share done.

    Returns:
        One bin per window (or per output bin for a model with several), in genome coordinates.
    """
    core = core_of(sequence, locus.start, locus.end)
    tiling = tile_for_prediction(core, spec, origin=int(sequence.positions[0]))
    answers = _answers(run, sequence, tiling, progress)
    starts, ends = _bin_places(sequence, tiling, spec)
    flat = _along(by_member(answers[0], spec))
    noise = np.sqrt(_along(by_member(answers[1], spec)).mean(axis=0)) if spec.noise else None
    return Prediction(locus, flat.mean(axis=0), flat, starts, ends, spec, tiling.rule, noise)


def tile_for_prediction(core: tuple[int, int], spec: ModelSpec, *, origin: int = 0) -> Tiling:
    """Windows whose central bins cover the core; bins start at multiples of their distance in the genome.

    Args:
        core: (start, end) of the stretch, counted in the sequence (0-based half-open).
        spec: the model.
        origin: 0-based genome position of the first base of the sequence.
    """
    start, end = core
    if end - start <= spec.input_length:
        return tile(core, window=spec.input_length, stride=spec.input_length)
    stride = prediction_stride(end - start, spec)
    if spec.output_length > 1:
        stride = spec.output_length * spec.resolution
    first_bin = start - (start + origin) % stride
    starts = np.arange(first_bin, end, stride, dtype=np.int64) + (stride - spec.input_length) // 2
    return Tiling(spec.input_length, stride, starts, core, False)


def run_windows(
    run: Runner, sequence: Sequence, tiling: Tiling, progress: Progress | None = None
) -> npt.NDArray[np.float32]:
    """Every component's answer in every window: float32 (windows, components, tracks, bins)."""
    return _answers(run, sequence, tiling, progress)[0]


def _answers(
    run: Runner, sequence: Sequence, tiling: Tiling, progress: Progress | None
) -> tuple[npt.NDArray[np.float32], ...]:
    """The answers of ``Components`` for every window of a tiling."""
    encoded = sequence.one_hot()
    count = len(tiling.starts)
    parts = []
    for first in range(0, count, _SLICES_PER_CALL):
        part = Tiling(tiling.window, tiling.stride, tiling.starts[first : first + _SLICES_PER_CALL], tiling.core, False)
        share = (
            None if progress is None else _share(progress, first / count, min(1.0, (first + _SLICES_PER_CALL) / count))
        )
        parts.append(run(Components(), (windows(encoded, part),), share))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _along(members: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(windows, members, tracks, bins) -> (members, tracks, windows x bins)."""
    return members.transpose(1, 2, 0, 3).reshape(*members.shape[1:3], -1)


def by_member(components: npt.NDArray[np.float32], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """(windows, components, ...) -> (windows, members, ...): the mean over the strands asked."""
    shape = components.shape
    return components.reshape(shape[0], spec.n_members, len(spec.strands), *shape[2:]).mean(axis=2)


def _bin_places(
    sequence: Sequence, tiling: Tiling, spec: ModelSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Genome starts and ends of the bins, in order; a bin over deleted bases shrinks to what is left."""
    if tiling.single and spec.output_length == 1:
        return np.array([sequence.positions[tiling.core[0]]]), np.array([sequence.positions[tiling.core[1] - 1] + 1])
    width = tiling.stride if spec.output_length == 1 else spec.resolution
    offset = (tiling.window - width * spec.output_length) // 2
    first = (tiling.starts[:, None] + offset + width * np.arange(spec.output_length)[None, :]).reshape(-1)
    last = np.minimum(first + width, sequence.length) - 1
    starts = sequence.positions[np.clip(first, 0, sequence.length - 1)]
    return starts, sequence.positions[np.clip(last, 0, sequence.length - 1)] + 1


def _share(progress: Progress, start: float, end: float) -> Progress:
    """Progress of a part, as progress of the whole."""
    return lambda done: progress(start + done * (end - start))
