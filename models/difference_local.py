"""What a substitution does to convolutions, activations and pools: the layers that read neighbouring places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models.difference_steps import Delta, Layer, Part, Starts, by_offset, clear_outside, nothing, within

_LONG, _WIDE = 100, 32  # places and channels from which one product per tap and edit beats one product for all

ACTIVATIONS = frozenset(
    (
        *("relu", "gelu", "exp", "elu", "sigmoid", "tanh", "softplus", "silu", "leaky_relu", "mish", "selu", "celu"),
        *("hardtanh", "relu6", "hardswish", "hardsigmoid", "logsigmoid", "softsign", "square", "sqrt", "rsqrt", "log"),
        *("log1p", "log2", "expm1", "abs", "sin", "cos", "erf", "reciprocal", "pow", "clamp", "clamp_min", "clamp_max"),
        "clip",
    )
)


def convolution(
    layer: Layer,
    delta: Delta,
    weight: Any,
    bias: Any = None,  # noqa: ARG001  a constant: no difference
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Delta | None:
    """``conv1d`` with stride 1: each difference times every tap, added at the places that read it."""
    dilation = _single(dilation)
    reach = (weight.shape[2] - 1) * dilation
    left = {"same": reach // 2, "valid": 0}[padding] if isinstance(padding, str) else _single(padding)
    if _single(stride) != 1 or delta.flat:
        return None
    part = layer.block.one(delta)
    starts = part.starts + (left - reach)
    first, last = within(starts, part.width + reach, layer.length)
    if first >= last:
        return Delta([nothing(part, weight.shape[0])], delta.flipped)
    starts = starts + first
    activation = layer.block.follows.get(layer.at)
    if groups > 1:
        rows = part.values.flatten(0, 1).transpose(1, 2)
        found = torch.conv1d(rows, weight, None, 1, reach, dilation, groups).transpose(1, 2)
        values = found[:, first:last].unflatten(0, part.values.shape[:2])
        if activation is not None:
            values = values + _base(layer, activation, starts, last - first)
    else:
        base = None if activation is None else _base(layer, activation, starts, last - first)
        values = _by_taps(layer, part, weight, dilation, (first, last), base)
    found_part = Part(starts, values, with_base=activation is not None)
    return Delta([found_part if activation else clear_outside(found_part, layer.length)], delta.flipped)


def _base(layer: Layer, activation: str, starts: Starts, width: int) -> Tensor:
    """What the differences are added to when an activation follows; relu's is min(z, 0), see ``activated``."""
    return layer.unchanged.window(layer.at, starts, width, "below zero" if activation == "relu" else "as it is")


def _by_taps(
    layer: Layer, part: Part, weight: Tensor, dilation: int, kept: tuple[int, int], base: Tensor | None
) -> Tensor:
    """Products with the taps, added at their distances; the last tap reaches the leftmost place."""
    n_out, n_in, taps = weight.shape
    positions, alternatives, width, _ = part.values.shape
    first, last = kept
    by_tap = layer.block.prepare((layer.at, "taps"), lambda: weight.flip(2).permute(2, 1, 0).contiguous())
    if width == 1 and dilation == 1:
        columns = by_tap[first:last].transpose(0, 1).reshape(n_in, -1)
        products = (part.values.reshape(-1, n_in) @ columns).view(positions, alternatives, last - first, n_out)
        return products if base is None else products.add_(base)
    values = part.values.new_empty(positions, alternatives, last - first, n_out)
    if base is None:
        values.zero_()
    else:
        values.copy_(base)
    spans = [(max(tap * dilation, first), min(tap * dilation + width, last)) for tap in range(taps)]
    if width >= _LONG and n_out >= _WIDE:
        every, edits = values.flatten(0, 1), part.values.flatten(0, 1)
        for tap, (left, right) in enumerate(spans):
            if left < right:
                read = edits[:, left - tap * dilation : right - tap * dilation]
                every[:, left - first : right - first].baddbmm_(read, by_tap[tap].expand(len(edits), -1, -1))
        return values
    columns = layer.block.prepare((layer.at, "columns"), lambda: by_tap.transpose(0, 1).reshape(n_in, -1))
    products = (part.values.reshape(-1, n_in) @ columns).view(positions, alternatives, width, taps, n_out)
    for tap, (left, right) in enumerate(spans):
        if left < right:
            read = products[:, :, left - tap * dilation : right - tap * dilation, tap]
            values[:, :, left - first : right - first] += read
    return values


def activated(layer: Layer, function: Callable[[Tensor], Tensor], name: str, delta: Delta) -> Delta:
    """f(z + difference) - f(z) on the stretch.

    For relu the convolution has left min(z, 0) + difference, and the result is the larger of this and -max(z, 0):
    one step less over the memory.
    """
    part = layer.block.one(delta)
    if part.with_base and name == "relu":
        values = torch.maximum(
            part.values, layer.unchanged.window(layer.sources[0], part.starts, part.width, "negated"), out=part.values
        )
    else:
        shifted = part.values
        if not part.with_base:
            shifted = shifted + layer.unchanged.window(layer.sources[0], part.starts, part.width)
        values = function(shifted)
        values -= layer.unchanged.window(layer.at, part.starts, part.width)
    return Delta([clear_outside(Part(part.starts, values), layer.length)], delta.flipped)


def _single(value: Any) -> int:
    """The one number of ``1`` or ``(1,)``."""
    return int(value[0]) if isinstance(value, (tuple, list)) else int(value)


def average_pool(
    layer: Layer,
    delta: Delta,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Delta | None:
    """``avg_pool1d``: linear, so the mean of the differences."""
    size, step, left = _single(kernel_size), _single(stride or kernel_size), _single(padding)
    if ceil_mode or (left and not count_include_pad) or delta.flat:
        return None
    starts, spread, _ = _pooled_over(layer, delta, size, step, left)
    means = spread.unfold(2, size, step).mean(-1)
    return Delta([clear_outside(Part(starts, means), layer.length)], delta.flipped)


def max_pool(
    layer: Layer,
    delta: Delta,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Delta | None:
    """``max_pool1d``: the maxima that a changed value can touch are taken again."""
    size, step, left = _single(kernel_size), _single(stride or kernel_size), _single(padding)
    if ceil_mode or return_indices or _single(dilation) != 1 or delta.flat:
        return None
    starts, spread, reads = _pooled_over(layer, delta, size, step, left)
    spread += layer.unchanged.window(layer.sources[0], reads, spread.shape[2])
    length = layer.length_before
    for row, start in enumerate(reads.tolist()):
        if start < 0:
            spread[row, :, :-start] = -torch.inf
        if start + spread.shape[2] > length:
            spread[row, :, max(0, length - start) :] = -torch.inf
    maxima = spread.unfold(2, size, step).amax(-1)
    maxima -= layer.unchanged.window(layer.at, starts, maxima.shape[2])
    return Delta([clear_outside(Part(starts, maxima), layer.length)], delta.flipped)


def _pooled_over(layer: Layer, delta: Delta, size: int, step: int, left: int) -> tuple[Starts, Tensor, Starts]:
    """The pools that a stretch touches: their first index, the differences under them, and where these begin."""
    part = layer.block.one(delta)
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
