"""What a substitution does to the result of each kind of layer: only where it differs from the unchanged sequence.

Differences stand position by position: float32 (positions edited, alternatives, width, channels), one stretch of
``width`` places for each edited position, beginning where ``starts`` says. Outside 0..length they are zero, as the
padding of a convolution is the same whatever the letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from models.difference_trace import Program

Starts = npt.NDArray[np.int64]

_MOST_TAPS = 8  # a convolution that reads more places than this is left to torch's own

ACTIVATIONS = frozenset(
    "relu gelu exp elu sigmoid tanh softplus silu leaky_relu mish selu celu hardtanh relu6 hardswish hardsigmoid "
    "logsigmoid softsign square sqrt rsqrt log log1p log2 expm1 abs sin cos erf reciprocal pow clamp clamp_min "
    "clamp_max clip".split()
)


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

    def handed_on(self, delta: Delta, source: int) -> list[Part]:
        """The parts for a sum: whole and kept apart when another step reads them too."""
        return [self.shared(delta)] if self.uses[source] > 1 else delta.parts

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


def _within(starts: Starts, width: int, length: int) -> tuple[int, int]:
    """The columns of all stretches, as (first, one past the last), outside of which none lies within 0..length."""
    return max(0, -int(starts.max())), width - max(0, int(starts.min()) + width - length)


def nothing(part: Part, channels: int) -> Part:
    """A difference of zero: no edited position reaches this layer."""
    return Part(np.zeros_like(part.starts), part.values.new_zeros(*part.values.shape[:2], 1, channels))


def cropped(part: Part, length: int) -> Part:
    """Only what lies within 0..length."""
    first, last = _within(part.starts, part.width, length)
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


def convolution(
    block: Block,
    at: int,
    input: Delta,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Delta | None:
    """``conv1d`` with stride 1: each difference times every tap, added at the places that read it."""
    taps = weight.shape[2]
    dilation = single(dilation)
    reach = (taps - 1) * dilation
    left = {"same": reach // 2, "valid": 0}[padding] if isinstance(padding, str) else single(padding)
    if single(stride) != 1 or input.flat:
        return None
    part = block.one(input)
    length = block.unchanged.length(at)
    starts, width = part.starts + (left - reach), part.width + reach
    first, last = _within(starts, width, length)
    if first >= last:
        return Delta([nothing(part, weight.shape[0])], input.flipped)
    starts = starts + first
    activation = block.follows.get(at)
    if taps > _MOST_TAPS and part.width > 1 or groups > 1:
        rows = part.values.flatten(0, 1).transpose(1, 2)
        found = torch.conv1d(rows, weight, None, 1, reach, dilation, groups).transpose(1, 2)
        values = found[:, first:last].unflatten(0, part.values.shape[:2])
        if activation:
            values = values + _start(block, at, activation, starts, last - first)
        else:
            values = values.contiguous()
    else:
        values = _taps(block, at, part, weight, dilation, first, last, starts, activation)
    found_part = Part(starts, values, with_base=activation is not None)
    return Delta([found_part if activation else clear_outside(found_part, length)], input.flipped)


def _start(block: Block, at: int, activation: str, starts: Starts, width: int) -> Tensor:
    """What the differences are added to when an activation follows; relu's is min(z, 0), see ``activated``."""
    return block.unchanged.window(at, starts, width, "below zero" if activation == "relu" else "as it is")


def _taps(
    block: Block,
    at: int,
    part: Part,
    weight: Tensor,
    dilation: int,
    first: int,
    last: int,
    starts: Starts,
    activation: str | None,
) -> Tensor:
    """One product with all taps side by side, whose columns are then added at their distances."""
    n_out, n_in, taps = weight.shape
    positions, alternatives, width, _ = part.values.shape
    # (channels in, taps x channels out); the last tap reaches the leftmost place.
    columns = block.prepare((at, "taps"), lambda: weight.flip(2).permute(1, 2, 0).reshape(n_in, -1).contiguous())
    products = (part.values.reshape(-1, n_in) @ columns).view(positions, alternatives, width, taps, n_out)
    if activation is None and width == 1 and dilation == 1:
        return products[:, :, 0, first:last]
    values = products.new_empty(positions, alternatives, last - first, n_out)
    if activation is None:
        values.zero_()
    else:
        values.copy_(_start(block, at, activation, starts, last - first))
    if width == 1 and dilation == 1:
        return values.add_(products[:, :, 0, first:last])
    for tap in range(taps):
        left = max(tap * dilation, first)
        right = min(tap * dilation + width, last)
        if left < right:
            values[:, :, left - first : right - first] += products[
                :, :, left - tap * dilation : right - tap * dilation, tap
            ]
    return values


def activated(
    block: Block, at: int, source: int, function: Callable[[Tensor], Tensor], name: str, delta: Delta
) -> Delta:
    """f(z + difference) - f(z) on the stretch.

    For relu the convolution has left min(z, 0) + difference, and the result is the larger of this and -max(z, 0):
    one step less over the memory.
    """
    part = block.one(delta)
    if part.with_base and name == "relu":
        values = torch.maximum(
            part.values, block.unchanged.window(source, part.starts, part.width, "negated"), out=part.values
        )
    else:
        shifted = part.values
        if not part.with_base:
            shifted = shifted + block.unchanged.window(source, part.starts, part.width)
        values = function(shifted)
        values -= block.unchanged.window(at, part.starts, part.width)
    return Delta([clear_outside(Part(part.starts, values), block.unchanged.length(at))], delta.flipped)


def single(value: Any) -> int:
    """The one number of ``1`` or ``(1,)``."""
    return int(value[0]) if isinstance(value, (tuple, list)) else int(value)


def average_pool(
    block: Block,
    at: int,
    input: Delta,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Delta | None:
    """``avg_pool1d``: linear, so the mean of the differences."""
    size, step, left = single(kernel_size), single(stride or kernel_size), single(padding)
    if ceil_mode or (left and not count_include_pad) or input.flat:
        return None
    starts, spread, _ = _pooled_over(block, input, at, size, step, left)
    means = spread.unfold(2, size, step).mean(-1)
    return Delta([clear_outside(Part(starts, means), block.unchanged.length(at))], input.flipped)


def max_pool(
    block: Block,
    at: int,
    source: int,
    input: Delta,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Delta | None:
    """``max_pool1d``: the maxima that a changed value can touch are taken again."""
    size, step, left = single(kernel_size), single(stride or kernel_size), single(padding)
    if ceil_mode or return_indices or single(dilation) != 1 or input.flat:
        return None
    starts, spread, reads = _pooled_over(block, input, at, size, step, left)
    spread += block.unchanged.window(source, reads, spread.shape[2])
    length = block.unchanged.length(source)
    for row, start in enumerate(reads.tolist()):
        if start < 0:
            spread[row, :, :-start] = -torch.inf
        if start + spread.shape[2] > length:
            spread[row, :, max(0, length - start) :] = -torch.inf
    maxima = spread.unfold(2, size, step).amax(-1)
    maxima -= block.unchanged.window(at, starts, maxima.shape[2])
    return Delta([clear_outside(Part(starts, maxima), block.unchanged.length(at))], input.flipped)


def _pooled_over(block: Block, delta: Delta, at: int, size: int, step: int, left: int) -> tuple[Starts, Tensor, Starts]:
    """The pools that a stretch touches: their first index, the differences under them, and where these begin."""
    part = block.one(delta)
    first = -((size - 1 - left - part.starts) // step)  # ceil((start - size + 1 + left) / step)
    last = (part.starts + part.width - 1 + left) // step
    pools = max(int((last - first).max()) + 1, 1)
    reads = first * step - left
    spread = part.values.new_zeros(*part.values.shape[:2], (pools - 1) * step + size, part.values.shape[3])
    for rows, offset in by_offset(part.starts - reads):
        end = min(offset + part.width, spread.shape[2])
        if offset >= 0:
            spread[rows, :, offset:end] = part.values[rows][:, :, : end - offset]
        else:
            spread[rows, :, :end] = part.values[rows][:, :, -offset : end - offset]
    return first, spread, reads
