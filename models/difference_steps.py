"""What a substitution does to the result of each kind of layer: only where it differs from the unchanged sequence.

Differences stand position by position: float32 (positions edited, alternatives, width, channels), one stretch of
``width`` places for each edited position, beginning where ``starts`` says. Outside 0..length they are zero, as the
padding of a convolution is the same whatever the letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from models.difference_trace import Program

Starts = npt.NDArray[np.int64]


@dataclass
class Part:
    """One stretch of differences for each edited position.

    Attributes:
        starts: int64 (positions,), the place of the first column; 0-based.
        values: float32 (positions, alternatives, width, channels).
        owned: whether nothing else reads the values, so that they may be changed in place.
        with_base: whether the values of the unchanged sequence are already added (only between a convolution and
            the activation that alone reads it).
    """

    starts: Starts
    values: Tensor
    owned: bool = True
    with_base: bool = False

    @property
    def width(self) -> int:
        """Places."""
        return self.values.shape[2]


@dataclass
class Delta:
    """The difference of one layer's result, as a sum of parts.

    Attributes:
        parts: what adds up to it.
        flipped: whether edited positions stand in reverse order, as behind a flip of the sequence.
        flat: whether the layer's result has been flattened to (n, channels * length).
    """

    parts: list[Part]
    flipped: bool = False
    flat: bool = False


class Unchanged:
    """Every layer's result for the unchanged window, and what is drawn from them again and again.

    Args:
        program: the steps.
        x: (1, 4, window).
        margin: places beyond either end that a stretch may reach.
    """

    def __init__(self, program: Program, x: Tensor, margin: int) -> None:
        self.results = program.run(x)
        self.margin = margin
        self._made: dict[tuple[int, str], Any] = {}

    def length(self, at: int) -> int:
        """Places of a layer's result."""
        return self.results[at].shape[2]  # type: ignore[no-any-return]

    def made(self, at: int, kind: str, make: Callable[[Tensor], Tensor]) -> Tensor:
        """Something computed once from a layer's result."""
        if (at, kind) not in self._made:
            self._made[at, kind] = make(self.results[at])
        return self._made[at, kind]  # type: ignore[no-any-return]

    def window(self, at: int, starts: Starts, width: int, kind: str = "as it is") -> Tensor:
        """(positions, 1, width, channels) of a layer's result at each stretch; zero beyond its ends.

        Neighbouring stretches overlap in memory and are not copied. ``kind`` ``negated`` and ``below zero`` are
        -max(z, 0) and min(z, 0).
        """
        rows = self.made(at, kind, lambda result: _rows(result, kind, self.margin))  # (length + 2 margin, channels)
        channels, first = rows.shape[1], int(starts[0]) + self.margin
        if (np.diff(starts) == 1).all():
            size, stride = (len(starts), 1, width, channels), (channels, 0, channels, 1)
            return rows.as_strided(size, stride, first * channels)
        places = torch.from_numpy(starts[:, None] + np.arange(width) + self.margin)
        return rows[places.to(rows.device)][:, None]


def _rows(result: Tensor, kind: str, margin: int) -> Tensor:
    rows = result[0].T
    if kind == "negated":
        rows = -rows.clamp_min(0)
    elif kind == "below zero":
        rows = rows.clamp_max(0)
    return F.pad(rows, (0, 0, margin, margin)).contiguous()


class Block:
    """Some edited positions on their way through the layers; each handler below is given it.

    Args:
        unchanged: the window without edits.
        uses: how many steps read each result.
        follows: for a convolution that one activation alone reads: the activation's name.
        prepared: weights in the order in which they are used, kept by the plan.
    """

    def __init__(
        self, unchanged: Unchanged, uses: Mapping[int, int], follows: dict[int, str], prepared: dict[Any, Tensor]
    ) -> None:
        self.unchanged, self.uses, self.follows, self.prepared = unchanged, uses, follows, prepared

    def one(self, delta: Delta) -> Part:
        """All parts added into one."""
        if len(delta.parts) > 1:
            delta.parts = [added(delta.parts)]
        return delta.parts[0]

    def shared(self, delta: Delta) -> Part:
        """All parts as one that others look at too, so that it is not changed in place any more."""
        part = self.one(delta)
        part.owned = False
        return part

    def prepare(self, key: Any, make: Callable[[], Tensor]) -> Tensor:
        """Weights in another order, made once."""
        if key not in self.prepared:
            self.prepared[key] = make()
        return self.prepared[key]

    def full(self, delta: Delta, at: int) -> Tensor:
        """The layer's whole result for every edit: (edits, channels, length), or (edits, channels * length)."""
        part = self.one(delta)
        result = self.unchanged.results[at]
        whole = result.view(1, part.values.shape[3], -1) if delta.flat else result
        positions, alternatives = part.values.shape[:2]
        rows = whole[0].T.expand(positions, alternatives, -1, -1).clone(memory_format=torch.contiguous_format)
        length = rows.shape[2]
        for row, start, values in zip(rows, part.starts.tolist(), part.values, strict=True):
            first, last = max(start, 0), min(start + part.width, length)
            if first < last:
                row[:, first:last] += values[:, first - start : last - start]
        if delta.flipped:
            rows = rows.flip(0)
        rows = rows.flatten(0, 1).transpose(1, 2)
        return rows.flatten(1) if delta.flat else rows

    def summed(self, delta: Delta) -> Tensor:
        """The sum of the differences over all places: (edits, channels)."""
        total = sum(part.values.sum(2) for part in delta.parts)
        assert isinstance(total, Tensor)
        return (total.flip(0) if delta.flipped else total).flatten(0, 1)


class Layer(NamedTuple):
    """One step of a program for one block.

    Attributes:
        block: the block.
        at: the step.
        sources: the steps whose results it reads, in order.
    """

    block: Block
    at: int
    sources: list[int]

    @property
    def unchanged(self) -> Unchanged:
        """The window without edits."""
        return self.block.unchanged

    @property
    def result(self) -> Any:
        """The step's own result for the unchanged window."""
        return self.block.unchanged.results[self.at]

    @property
    def length(self) -> int:
        """Places of its result."""
        return self.block.unchanged.length(self.at)

    @property
    def length_before(self) -> int:
        """Places of what it reads."""
        return self.block.unchanged.length(self.sources[0])


def added(parts: list[Part]) -> Part:
    """Parts as one: the widest takes the others in where it may be changed."""
    first = np.min([part.starts for part in parts], axis=0)
    last = np.max([part.starts + part.width for part in parts], axis=0)
    width = int((last - first).max())
    widest = max(parts, key=lambda part: (part.width, part.owned))
    if widest.width == width and (widest.starts == first).all():
        total = widest.values if widest.owned else widest.values.clone()
        rest = [part for part in parts if part is not widest]
    else:
        total = widest.values.new_zeros(*widest.values.shape[:2], width, widest.values.shape[3])
        rest = parts
    for part in rest:
        for rows, offset in by_offset(part.starts - first):
            total[rows, :, offset : offset + part.width] += part.values[rows]
    return Part(first, total)


def by_offset(offsets: Starts) -> list[tuple[Any, int]]:
    """Which positions share an offset: all of them as one slice when they do, else by value."""
    if (offsets == offsets[0]).all():
        return [(slice(None), int(offsets[0]))]
    return [(torch.from_numpy(np.flatnonzero(offsets == offset)), int(offset)) for offset in np.unique(offsets)]


def within(starts: Starts, width: int, length: int) -> tuple[int, int]:
    """The columns of all stretches, as (first, one past the last), outside of which none lies within 0..length."""
    return max(0, -int(starts.max())), width - max(0, int(starts.min()) + width - length)


def nothing(part: Part, channels: int) -> Part:
    """A difference of zero: no edited position reaches this layer."""
    return Part(np.zeros_like(part.starts), part.values.new_zeros(*part.values.shape[:2], 1, channels))


def cropped(part: Part, length: int) -> Part:
    """Only what lies within 0..length."""
    first, last = within(part.starts, part.width, length)
    if first >= last:
        return nothing(part, part.values.shape[3])
    whole = first == 0 and last == part.width
    values = part.values if whole else part.values[:, :, first:last]
    cut = Part(part.starts + first, values, owned=False)
    if cut.starts.min() < 0 or cut.starts.max() + cut.width > length:
        cut = clear_outside(Part(cut.starts, values.clone()), length)
    return cut


def clear_outside(part: Part, length: int) -> Part:
    """Sets to zero what lies beyond the ends of the layer."""
    if part.starts.min() < 0 or part.starts.max() + part.width > length:
        for row, start in enumerate(part.starts.tolist()):
            if start < 0:
                part.values[row, :, :-start] = 0
            if start + part.width > length:
                part.values[row, :, max(0, length - start) :] = 0
    return part
