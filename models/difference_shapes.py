"""What a substitution does to sums, slices, joins and reductions: the layers between convolutions and the head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.difference_steps import Delta, Layer, Part, added, cropped


def total(layer: Layer, one: Delta, other: Delta) -> Delta | None:
    """``one + other``: the differences stay apart until a layer needs them together."""
    if one.flipped != other.flipped or one.flat or other.flat:
        return None
    return Delta([*_handed_on(layer, one, 0), *_handed_on(layer, other, 1)], one.flipped)


def _handed_on(layer: Layer, delta: Delta, which: int) -> list[Part]:
    """The parts for a sum: whole, and not to be changed, when another step reads them too."""
    alone = layer.block.uses[layer.sources[which]] == 1
    return delta.parts if alone else [layer.block.shared(delta)]


def unmoved(layer: Layer, delta: Delta) -> Delta:
    """The difference behind a layer that adds a constant: the same."""
    return Delta(_handed_on(layer, delta, 0), delta.flipped, delta.flat)


def scaled(layer: Layer, delta: Delta, factor: Any, *, divide: bool = False) -> Delta | None:
    """``delta * factor`` for a constant: a number, one per channel, or one per channel and place."""
    if delta.flat:
        return None
    part = layer.block.one(delta)
    factors: Any = factor
    if isinstance(factor, Tensor) and factor.numel() > 1:
        shaped = factor if factor.dim() == 3 else factor.expand(1, *factor.shape[-2:]) if factor.dim() == 2 else None
        if shaped is None or shaped.shape[0] != 1:
            return None
        factors = shaped[0, :, 0] if shaped.shape[2] == 1 else _constant_window(shaped, part)
    values = part.values / factors if divide else part.values * factors
    return Delta([Part(part.starts, values)], delta.flipped)


def _constant_window(factor: Tensor, part: Part) -> Tensor:
    """The factors under a stretch; those beyond the ends multiply zeros."""
    rows = factor[0].T
    places = np.clip(part.starts[:, None] + np.arange(part.width), 0, len(rows) - 1)
    return rows[torch.from_numpy(places).to(rows.device)][:, None]


def product(layer: Layer, one: Delta, other: Delta) -> Delta | None:
    """(f + d)(g + e) - f g = d g + f e + d e, on the places that either touches."""
    if one.flipped != other.flipped or one.flat or other.flat:
        return None
    left, right = _alike(layer.block.one(one), layer.block.one(other))
    f = layer.unchanged.window(layer.sources[0], left.starts, left.width)
    g = layer.unchanged.window(layer.sources[1], right.starts, right.width)
    return Delta([Part(left.starts, left.values * (g + right.values) + f * right.values)], one.flipped)


def _alike(*parts: Part) -> list[Part]:
    """Parts widened with zeros to the same stretches."""
    first = np.min([part.starts for part in parts], axis=0)
    width = int((np.max([part.starts + part.width for part in parts], axis=0) - first).max())
    frames = [Part(first, part.values.new_zeros(*part.values.shape[:2], width, part.values.shape[3])) for part in parts]
    return [added([frame, part]) for frame, part in zip(frames, parts, strict=True)]


def sliced(layer: Layer, delta: Delta, index: Any) -> Delta | None:
    """``h[:, :, a:b]`` and ``h[:, a:b]``: a crop of places, or some channels."""
    index = index if isinstance(index, tuple) else (index,)
    if delta.flat or len(index) > 3 or not all(isinstance(part, slice) for part in index) or index[0] != slice(None):
        return None
    result = layer.result
    if any(part.step not in (None, 1) for part in index) or min(result.shape) == 0:
        return None
    part = layer.block.shared(delta)
    if len(index) > 1 and index[1] != slice(None):
        part = Part(part.starts, part.values[..., index[1]], owned=False)
    if len(index) == 3 and index[2] != slice(None):
        begin = index[2].indices(layer.length_before)[0]
        part = cropped(Part(part.starts - begin, part.values), result.shape[2])
    return Delta([Part(part.starts, part.values, owned=False)], delta.flipped)


def padded(
    layer: Layer,
    delta: Delta,
    pad: Any,
    mode: str = "constant",
    value: Any = None,  # noqa: ARG001  a constant: no difference
) -> Delta | None:
    """``F.pad`` of places with a constant: differences move by the padding on the left."""
    if mode != "constant" or delta.flat or len(pad) != 2:
        return None
    part = layer.block.shared(delta)
    part = cropped(Part(part.starts + int(pad[0]), part.values), layer.length)
    return Delta([Part(part.starts, part.values, owned=False)], delta.flipped)


def joined(layer: Layer, tensors: Any, dim: Any = 0) -> Delta | None:
    """``cat``: of places, between constants, as a construct's adaptors are; or of channels."""
    deltas = [tensor for tensor in tensors if isinstance(tensor, Delta)]
    if len({delta.flipped for delta in deltas}) != 1 or any(delta.flat for delta in deltas):
        return None
    if dim in (2, -1):
        if len(deltas) != 1:
            return None
        before = sum(t.shape[2] for t in tensors[: [isinstance(t, Delta) for t in tensors].index(True)])
        part = layer.block.shared(deltas[0])
        return Delta([Part(part.starts + before, part.values, owned=False)], deltas[0].flipped)
    if dim not in (1, -2):
        return None
    parts = _alike(*(layer.block.one(delta) for delta in deltas))
    columns, known = [], iter(parts)
    for tensor in tensors:
        if isinstance(tensor, Delta):
            columns.append(next(known).values)
        else:
            columns.append(parts[0].values.new_zeros(*parts[0].values.shape[:3], tensor.shape[1]))
    return Delta([Part(parts[0].starts, torch.cat(columns, 3))], deltas[0].flipped)


def turned(layer: Layer, delta: Delta, *dims: Any) -> Delta | None:
    """``flip`` of channels, places or both; edited positions are then counted from the other end."""
    given = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    axes = {axis % 3 for axis in given}
    if delta.flat or 0 in axes:
        return None
    part, flipped = layer.block.one(delta), delta.flipped
    starts, values = part.starts, part.values
    if 1 in axes:
        values = values.flip(3)
    if 2 in axes:
        starts = (layer.length - part.width - starts)[::-1].copy()
        values, flipped = values.flip(0, 2), not flipped
    return Delta([Part(starts, values)], flipped)


def linear(
    layer: Layer,
    delta: Delta,
    weight: Tensor,
    bias: Any = None,  # noqa: ARG001  a constant: no difference
) -> Tensor | None:
    """A linear layer over all channels and places, by the columns of its weights that the block touches alone."""
    if not delta.flat:
        return None
    part = layer.block.one(delta)
    positions, alternatives, width, channels = part.values.shape
    length = layer.unchanged.results[layer.sources[0]].shape[1] // channels
    first, last = max(int(part.starts.min()), 0), min(int(part.starts.max()) + width, length)
    touched = part.values.new_zeros(positions, alternatives, last - first, channels)
    for row, start, values in zip(touched, part.starts.tolist(), part.values, strict=True):
        begin, end = max(start, first), min(start + width, last)
        row[:, begin - first : end - first] = values[:, begin - start : end - start]
    by_place = layer.block.prepare(
        (layer.at, "places"), lambda: weight.view(-1, channels, length).permute(2, 1, 0).contiguous()
    )  # (length, channels, out)
    change = touched.view(positions, alternatives, -1) @ by_place[first:last].reshape(-1, weight.shape[0])
    if delta.flipped:
        change = change.flip(0)
    return layer.result + change.flatten(0, 1)


def averaged(layer: Layer, delta: Delta, *, mean: bool) -> Tensor:
    """The mean or sum over all places, for every edit: shaped as the layer's own result."""
    change = layer.block.summed(delta)
    if mean:
        change = change / layer.length_before
    result = layer.result
    return result + (change if result.dim() == 2 else change[:, :, None])


def highest(layer: Layer, delta: Delta, reduce: Callable[[Tensor], Tensor], running: str) -> Tensor | None:
    """``amax`` or ``logsumexp`` over all places: what stands before, under and behind the stretch, taken together.

    Args:
        reduce: (..., places, channels) -> (..., channels).
        running: ``cummax`` or ``logcumsumexp``, of which running results are kept.
    """
    if delta.flat:
        return None
    part = layer.block.one(delta)
    unchanged, source, length = layer.unchanged, layer.sources[0], layer.length_before
    before = unchanged.made(source, f"{running} before", lambda z: _running(z[0].T, running))
    behind = unchanged.made(source, f"{running} behind", lambda z: _running(z[0].T.flip(0), running))
    ends = [np.clip(part.starts, 0, length), length - np.clip(part.starts + part.width, 0, length)]
    sides = [
        rows[torch.from_numpy(end).to(rows.device)][:, None, None]
        for rows, end in zip((before, behind), ends, strict=True)
    ]
    under = part.values + unchanged.window(source, part.starts, part.width)
    for row, start in enumerate(part.starts.tolist()):
        if start < 0:
            under[row, :, :-start] = -torch.inf
        if start + part.width > length:
            under[row, :, max(0, length - start) :] = -torch.inf
    shape = (*under.shape[:2], 1, under.shape[3])
    found = reduce(torch.cat([under, *(side.expand(shape) for side in sides)], dim=2))
    found = (found.flip(0) if delta.flipped else found).flatten(0, 1)
    return found if layer.result.dim() == 2 else found[:, :, None]


def _running(rows: Tensor, kind: str) -> Tensor:
    """(length + 1, channels): the reduction of the first 0, 1, ... rows."""
    found = rows.cummax(0).values if kind == "cummax" else rows.logcumsumexp(0)
    return F.pad(found, (0, 0, 1, 0), value=-torch.inf)
