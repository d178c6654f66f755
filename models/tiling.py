"""Asking a model with a short window about a long stretch: which windows, and how their answers come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.sequence import Sequence


@dataclass(frozen=True)
class Tiling:
    """Windows along a sequence.

    Attributes:
        window: window length in bp.
        stride: distance between windows in bp; divides the window.
        starts: int64 (windows,), first base of each window, counted in the sequence (0-based).
        core: (start, end) of the stretch that was asked for, counted in the sequence (0-based half-open).
        single: whether the stretch fits one window, which is then centred on it.
    """

    window: int
    stride: int
    starts: npt.NDArray[np.int64]
    core: tuple[int, int]
    single: bool

    @property
    def cover(self) -> int:
        """Windows that cover each base of the core."""
        return 1 if self.single else self.window // self.stride

    @property
    def span(self) -> tuple[int, int]:
        """(start, end) of everything the windows touch, counted in the sequence (0-based half-open)."""
        return int(self.starts[0]), int(self.starts[-1]) + self.window

    @property
    def rule(self) -> str:
        """One sentence for people on how the windows were placed."""
        if self.single:
            return f"One {self.window} bp window, centred on the locus."
        return (
            f"{len(self.starts):,} windows of {self.window} bp, one every {self.stride} bp; "
            f"each base lies in {self.cover} of them."
        )


def tile(core: tuple[int, int], *, window: int, stride: int, origin: int = 0) -> Tiling:
    """Places windows over a stretch so that every base of it is covered equally often.

    Windows run past both edges of the stretch and start at multiples of the stride in the genome, so that a base is
    seen by the same windows wherever the screen was moved to. A stretch that fits one window gets the single centred
    one.

    Args:
        core: (start, end) of the stretch, counted in the sequence (0-based half-open).
        window: window length in bp.
        stride: distance between windows in bp.
        origin: 0-based genome position of the first base of the sequence.

    Raises:
        ValueError: when the stride does not divide the window, or the stretch is empty.
    """
    start, end = core
    if end <= start or stride < 1 or window % stride:
        raise ValueError(f"{core=}, {window=}, {stride=}")
    if end - start <= window:
        centred = start + (end - start - window) // 2
        return Tiling(window, stride, np.array([centred], dtype=np.int64), core, True)
    leftmost = start - window + 1
    starts = np.arange(leftmost + (-(leftmost + origin)) % stride, end, stride, dtype=np.int64)
    return Tiling(window, stride, starts, core, False)


def core_of(sequence: Sequence, start: int, end: int) -> tuple[int, int]:
    """The part of an edited sequence that stands for genome positions ``start`` to ``end`` (0-based half-open).

    Inserted bases belong to the position they stand at.

    Raises:
        ValueError: when no base of that stretch is left.
    """
    inside = np.flatnonzero((sequence.positions >= start) & (sequence.positions < end))
    if not len(inside):
        raise ValueError(f"no base of {start=}, {end=} is left in {sequence.locus}")
    return int(inside[0]), int(inside[-1]) + 1


def windows(encoded: npt.NDArray[np.float32], tiling: Tiling) -> npt.NDArray[np.float32]:
    """Cuts the windows out of a one-hot sequence, N beyond its ends.

    Args:
        encoded: float32 (4, length).
        tiling: where the windows lie.

    Returns:
        float32 (windows, 4, window).
    """
    left = max(0, -int(tiling.starts[0]))
    right = max(0, int(tiling.starts[-1]) + tiling.window - encoded.shape[1])
    padded = np.pad(encoded, ((0, 0), (left, right)))
    view = np.lib.stride_tricks.sliding_window_view(padded, tiling.window, axis=1)
    return np.ascontiguousarray(view[:, tiling.starts + left].transpose(1, 0, 2))


def overlap_add(parts: npt.NDArray[np.float32], tiling: Tiling) -> npt.NDArray[np.float32]:
    """Sums what each window says of its bases along the span, divided by the cover.

    Args:
        parts: float32 (windows, ..., window).
        tiling: where the windows lie.

    Returns:
        float32 (..., span length): the attribution of ``sum over windows of f / cover``.
    """
    start, end = tiling.span
    total = np.zeros((*parts.shape[1:-1], end - start), dtype=np.float64)
    for part, first in zip(parts, tiling.starts, strict=True):
        total[..., first - start : first - start + tiling.window] += part
    return (total / tiling.cover).astype(np.float32)
