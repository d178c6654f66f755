"""Steps of a network taken for some windows and for the same windows changed, each change as the stretch that it reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.cone_shared import CONVOLUTION, OF_TWO, PLACE_BY_PLACE, bound, one, paddings, reach
from models.difference_trace import Program, Ref, Step

_POOL = ("input", "kernel_size", "stride", "padding")


@dataclass
class Stretch:
    """What differs of a step's result (edits, channels, places): the values at some neighbouring places.

    Attributes:
        first: the first of these places, 0-based.
        values: (edits, channels, width).
    """

    first: int
    values: Tensor

    @property
    def last(self) -> int:
        """One past the last place."""
        return self.first + self.values.shape[2]


class Walk:
    """Some steps for some windows: their own results, and those of the changed windows.

    Args:
        program: the steps.
        results: what is known before the first step, by its number; 0 is the input.
        changed: the same of the changed windows.
        changes: changed windows for each window.
    """

    def __init__(self, program: Program, results: dict[int, Any], changed: dict[int, Any], changes: int = 0) -> None:
        self.program, self.results, self.changed, self.changes = program, results, changed, changes
        self.completed: dict[int, Tensor] = {}
        self.count = len(next(iter(results.values())))
        self.work = [0, 0]  # multiplications of the windows, and of the changed ones

    def run(self, steps: Sequence[int], kept: Sequence[int], after: Callable[[int], None] | None = None) -> None:
        """Takes steps in order; results that no later one reads are let go, unless they are kept.

        Args:
            steps: their numbers.
            kept: whose results are kept.
            after: called with the number of each step when its results are there, and those that it reads still are.
        """
        last = {ref.index: at for at in steps for ref in self.program.steps[at - 1].refs()}
        for at in steps:
            step = self.program.steps[at - 1]
            self.results[at] = step.call(self.result, self.count)
            self.work[0] += self._work(step, self.results[at], self.result)
            if self.changes:
                self.changed[at] = self._changed(at, step)
                self.work[1] += self._work(step, self.changed[at], self.complete)
            if after is not None:
                after(at)
            for index in {ref.index for ref in step.refs()} - {self.program.answer.index, *kept}:
                if last[index] == at:
                    for held in (self.results, self.changed, self.completed):
                        held.pop(index, None)  # type: ignore[attr-defined]

    def answer(self) -> Tensor:
        """(n, numbers), of the windows themselves."""
        return self.result(self.program.answer)  # type: ignore[no-any-return]

    def changed_answer(self) -> Tensor:
        """(edits, numbers), of the changed ones."""
        return self.complete(self.program.answer)  # type: ignore[no-any-return]

    def result(self, ref: Ref) -> Any:
        """A step's result for the windows themselves."""
        value = self.results[ref.index]
        return value if ref.item is None else value[ref.item]

    def complete(self, ref: Ref) -> Any:
        """A step's whole result for the changed windows."""
        value = self.changed[ref.index]
        if isinstance(value, Stretch):
            if ref.index not in self.completed:
                length = self.results[ref.index].shape[2]
                self.completed[ref.index] = self.places(ref.index, value, 0, length)
            return self.completed[ref.index]
        return value if ref.item is None else value[ref.item]

    def places(self, at: int, value: Stretch, first: int, last: int, beyond: float = 0.0) -> Tensor:
        """The changed windows' result from one place to another (0-based half-open), ``beyond`` outside of 0..length."""
        own = self.results[at]
        length = own.shape[2]
        parts = []
        if first < 0:
            parts.append(own.new_full((1, 1, -first), beyond).expand(len(value.values), own.shape[1], -1))
        parts.append(self.repeated(own[:, :, max(first, 0) : max(min(value.first, last), 0)]))
        parts.append(value.values[:, :, max(first - value.first, 0) : max(last - value.first, 0)])
        parts.append(self.repeated(own[:, :, max(value.last, first) : max(min(last, length), 0)]))
        if last > length:
            parts.append(own.new_full((1, 1, last - length), beyond).expand(len(value.values), own.shape[1], -1))
        return along(parts)

    def repeated(self, own: Tensor) -> Tensor:
        """Something of each window, once for each of its changes."""
        return own if self.changes == 1 else own.repeat_interleave(self.changes, 0)

    def _changed(self, at: int, step: Step) -> Any:
        """A step's result for the changed windows: a stretch where the step allows it, else whole."""
        if not step.fresh and self.changes == 1:
            return self.results[at]
        held = [self.changed[ref.index] for ref in step.refs() if self.is_fresh(ref)]
        if step.fresh and held and all(isinstance(value, Stretch) for value in held):
            found = self._carried(at, step)
            if found is not None:
                return found
        return step.call(self.complete, self.count * self.changes)

    def _work(self, step: Step, result: Any, look_up: Callable[[Ref], Any]) -> int:
        """About how many multiplications a step takes: weights times places, or an element each."""
        result = result.values if isinstance(result, Stretch) else result
        tensor = result[0] if isinstance(result, (tuple, list)) else result
        if not isinstance(tensor, Tensor):
            return 0
        weights = sum(leaf.numel() for leaf in tensors_in(step.args) if leaf.dim() > 1)
        if step.name == "conv1d":
            return weights * tensor.shape[0] * tensor.shape[-1]
        if step.name == "linear":
            return weights * (tensor.numel() // tensor.shape[-1])
        if step.name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            return weights * (tensor.numel() // tensor.shape[-1])
        if step.name in ("matmul", "bmm", "einsum") and isinstance(step.args[0], Ref):
            return tensor.numel() * int(look_up(step.args[0]).shape[-1])
        return tensor.numel()

    def is_fresh(self, ref: Ref) -> bool:
        """Whether a result depends on the letters."""
        return ref.index == 0 or self.program.steps[ref.index - 1].fresh

    def _carried(self, at: int, step: Step) -> Stretch | None:
        if not isinstance(self.results[at], Tensor) or self.results[at].dim() != 3 or not step.args:
            return None
        if step.name in PLACE_BY_PLACE:
            return _place_by_place(self, step)
        if step.name in OF_TWO:
            return _of_two(self, step)
        handler = _HANDLERS.get(step.name)
        return None if handler is None else handler(self, at, step)


def along(parts: Sequence[Tensor]) -> Tensor:
    """Neighbouring places (n, channels, some) as one, with channels side by side in memory."""
    parts = [part for part in parts if part.shape[2]]
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.transpose(1, 2) for part in parts], 1).transpose(1, 2)


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in a nest of tuples and lists."""
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in tensors_in(part)]
    return [value] if isinstance(value, Tensor) else []


def _source(walk: Walk, step: Step) -> tuple[int, Stretch] | None:
    """The one stretch that a step reads as its first argument."""
    first = step.args[0]
    if not isinstance(first, Ref) or len(step.refs()) != 1:
        return None
    return first.index, walk.changed[first.index]


def _place_by_place(walk: Walk, step: Step) -> Stretch | None:
    source = _source(walk, step)
    others = [*step.args[1:], *step.kwargs.values()]
    if source is None or any(isinstance(part, Tensor) and part.numel() > 1 for part in others):
        return None
    values = source[1].values
    kwargs = {key: value for key, value in step.kwargs.items() if key != "inplace"}
    return Stretch(source[1].first, step.function(values.clone() if step.writes else values, *step.args[1:], **kwargs))


def _of_two(walk: Walk, step: Step) -> Stretch | None:
    """A sum or product, place by place, of two stretches or of one and a constant."""
    if len(step.args) != 2 or step.kwargs:
        return None
    refs = [part for part in step.args if isinstance(part, Ref)]
    lengths = {walk.result(ref).shape[2] for ref in refs if walk.result(ref).dim() == 3}
    if len(lengths) != 1 or any(walk.result(ref).dim() != 3 or not walk.is_fresh(ref) for ref in refs):
        return None
    stretches = [walk.changed[ref.index] for ref in refs]
    first, last = min(each.first for each in stretches), max(each.last for each in stretches)
    given = []
    for part in step.args:
        if isinstance(part, Ref):
            given.append(walk.places(part.index, walk.changed[part.index], first, last))
        elif isinstance(part, Tensor) and part.dim() and part.shape[-1] > 1:
            if part.shape[-1] != lengths.copy().pop() or (part.dim() == 3 and part.shape[0] != 1):
                return None
            given.append(part[..., first:last])
        else:
            given.append(part)
    return Stretch(first, step.function(given[0].clone() if step.writes else given[0], given[1]))


def _reaching(
    walk: Walk, at: int, source: tuple[int, Stretch], size: int, stride: int, left: int, beyond: float
) -> tuple[int, Tensor]:
    """The first place of a sliding step's result that a stretch reaches, and all that is read from there on."""
    index, value = source
    length = walk.results[at].shape[2]
    first = -((size - 1 - left - value.first) // stride)  # ceil((first - size + 1 + left) / stride)
    last = (value.last - 1 + left) // stride + 1
    first = min(max(first, 0), length - 1)
    last = max(min(last, length), first + 1)  # what reaches nothing is told as one place that stays as it is
    read = walk.places(index, value, first * stride - left, (last - 1) * stride - left + size, beyond)
    return first, read


def _convolution(walk: Walk, at: int, step: Step) -> Stretch | None:
    source, given = _source(walk, step), bound(step, CONVOLUTION)
    if source is None or not isinstance(given["weight"], Tensor):
        return None
    stride = one(given.get("stride", 1))
    first, read = _reaching(walk, at, source, reach(step), stride, paddings(step)[0], 0.0)
    return Stretch(first, without_padding(step, read))


def without_padding(step: Step, read: Tensor) -> Tensor:
    """A convolution of (n, channels, places) where nothing is put beyond the ends."""
    given = bound(step, CONVOLUTION)
    rest = (one(given.get("stride", 1)), 0, one(given.get("dilation", 1)), given.get("groups", 1))
    return step.function(read, given["weight"], given.get("bias"), *rest)  # type: ignore[no-any-return]


def _pool(walk: Walk, at: int, step: Step) -> Stretch | None:
    source, given = _source(walk, step), bound(step, _POOL)
    rest = [*step.args[4:], *(value for key, value in step.kwargs.items() if key not in _POOL)]
    left, highest = one(given.get("padding", 0)), step.name == "max_pool1d"
    usual = ((), (1, False, False), (1, False)) if highest else ((), (False, True))
    if source is None or tuple(rest) not in usual:
        return None
    size = one(given["kernel_size"])
    stride = one(given.get("stride") or size)
    first, read = _reaching(walk, at, source, size, stride, left, -torch.inf if highest else 0.0)
    pool = torch.max_pool1d if highest else torch.avg_pool1d
    return Stretch(first, pool(read, size, stride))


def _cut(walk: Walk, at: int, step: Step) -> Stretch | None:
    """``h[:, a:b, c:d]``: some channels, some places."""
    source, index = _source(walk, step), step.args[1]
    index = index if isinstance(index, tuple) else (index,)
    if source is None or len(index) > 3 or not all(isinstance(part, slice) for part in index):
        return None
    if index[0] != slice(None) or any(part.step not in (None, 1) for part in index):
        return None
    before, length = walk.results[source[0]].shape[2], walk.results[at].shape[2]
    begin = index[2].indices(before)[0] if len(index) == 3 else 0
    first = min(max(source[1].first, begin), begin + length - 1)
    last = max(min(source[1].last, begin + length), first + 1)
    values = walk.places(source[0], source[1], first, last)
    return Stretch(first - begin, values[:, index[1]] if len(index) > 1 else values)


def _padded(walk: Walk, at: int, step: Step) -> Stretch | None:  # noqa: ARG001  as the others
    source, given = _source(walk, step), bound(step, ("input", "pad", "mode"))
    if source is None or given.get("mode", "constant") != "constant" or len(given["pad"]) != 2 or min(given["pad"]) < 0:
        return None
    return Stretch(source[1].first + int(given["pad"][0]), source[1].values)


def _joined(walk: Walk, at: int, step: Step) -> Stretch | None:  # noqa: ARG001  as the others
    """``cat`` of places, between constants (the adaptors of a construct), or of the channels of stretches."""
    given = bound(step, ("tensors", "dim"))
    parts, dim = given["tensors"], given.get("dim", 0)
    fresh = [part for part in parts if isinstance(part, Ref) and walk.is_fresh(part)]
    if dim in (2, -1) and len(fresh) == 1:
        before = parts[: parts.index(fresh[0])]
        tensors = [walk.result(part) if isinstance(part, Ref) else part for part in before]
        value = walk.changed[fresh[0].index]
        return Stretch(value.first + sum(tensor.shape[2] for tensor in tensors), value.values)
    if dim not in (1, -2) or len(fresh) != len(parts):
        return None
    stretches = [walk.changed[part.index] for part in parts]
    first, last = min(each.first for each in stretches), max(each.last for each in stretches)
    values = [walk.places(part.index, each, first, last) for part, each in zip(parts, stretches, strict=True)]
    return Stretch(first, step.function(values, 1))


def _turned(walk: Walk, at: int, step: Step) -> Stretch | None:
    source, dims = _source(walk, step), step.args[1:]
    dims = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    if source is None or step.kwargs or not all(isinstance(dim, int) for dim in dims):
        return None
    axes = {dim % 3 for dim in dims}
    if 0 in axes:
        return None
    length = walk.results[at].shape[2]
    return Stretch(length - source[1].last if 2 in axes else source[1].first, source[1].values.flip(*sorted(axes)))


_HANDLERS: dict[str, Callable[[Walk, int, Step], Stretch | None]] = {
    "conv1d": _convolution,
    "avg_pool1d": _pool,
    "max_pool1d": _pool,
    "getitem": _cut,
    "pad": _padded,
    "cat": _joined,
    "flip": _turned,
}
