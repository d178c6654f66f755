"""Exact saturation mutagenesis of one traced function: a substitution changes only what it can reach.

A plan walks the steps of the function once for a block of neighbouring positions. As long as a layer acts place by
place or on neighbouring places, only the difference to the unchanged window is carried, on the places that it reaches;
from the first layer that ties all places together, its result is completed from the unchanged one and the rest is run
in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import difference_shapes as shapes
from models.difference_fold import folded
from models.difference_local import ACTIVATIONS, activated, average_pool, convolution, max_pool
from models.difference_steps import Block, Delta, Layer, Part, Starts, Unchanged
from models.difference_trace import Program, Ref, Step, filled, picked, trace

_RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
_ATTENTION = {
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
    "native_multi_head_attention",
    "transformer_encoder_layer_fwd",
    "bmm",
    "baddbmm",
    "matmul",
    "einsum",
}
_WEIGHTED = {"conv1d", "linear", *_RECURRENT, *_ATTENTION}


class Plan:
    """How the effect of substitutions on one scalar is computed.

    Args:
        function: (n, 4, window) -> (n,).
        window: (1, 4, window), an example.

    Raises:
        Untraceable: when the function's steps cannot be written down.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], window: Tensor) -> None:
        self.program = folded(trace(function, window), window)
        steps = self.program.steps
        self._uses = Counter(ref.index for step in steps for ref in step.refs()) + Counter([self.program.answer.index])
        self._follows = _followed(self.program, self._uses)
        self._last = {ref.index: at for at, step in enumerate(steps, start=1) for ref in step.refs()}
        self.refs = [_plain_refs(step) for step in steps]
        self.sources = [[ref.index for ref in step.refs()] for step in steps]
        self._prepared: dict[Any, Tensor] = {}
        self.by_difference: set[int] = set()  # steps that carried a difference, as last run
        self.in_full: set[int] = set()  # steps that were run on completed results

    def unchanged(self, x: Tensor, block: int) -> Unchanged:
        """Every layer's result for the window (1, 4, window), for blocks of at most ``block`` positions."""
        with torch.no_grad():
            return Unchanged(self.program, x, block + _widest_pool(self.program))

    def answer(self, unchanged: Unchanged) -> Tensor:
        """(1,), the scalar of the unchanged window."""
        return picked(unchanged.results, self.program.answer)  # type: ignore[no-any-return]

    @torch.no_grad()
    def effects(self, unchanged: Unchanged, positions: Starts, changes: Tensor) -> Tensor:
        """What each substitution does to the scalar.

        Args:
            unchanged: the window.
            positions: int64 (positions,), consecutive and ascending, 0-based in the window.
            changes: (positions, alternatives, 4), new column minus the one that stands there.

        Returns:
            (positions, alternatives), edited minus unchanged.
        """
        block = Block(unchanged, self._uses, self._follows, self._prepared)
        values: dict[int, Any] = {0: Delta([Part(positions, changes[:, :, None])])}
        walk = _Walk(self, block, values, changes.shape[0] * changes.shape[1])
        for at, step in enumerate(self.program.steps, start=1):
            if step.fresh:
                values[at] = walk.result(at, step)
                for ref in {ref.index for ref in step.refs()}:
                    if self._last[ref] == at and ref != self.program.answer.index:
                        values.pop(ref, None)
                        walk.completed.pop(ref, None)
        return (walk.complete(self.program.answer) - self.answer(unchanged)).view(changes.shape[:2])

    def described(self, unchanged: Unchanged) -> tuple[str, bool]:
        """One sentence for people on how it is computed, and whether anything is carried as a difference at all."""
        steps = self.program.steps
        layers = [at for at, step in enumerate(steps, start=1) if step.name in _WEIGHTED]
        carried = [at for at in layers if at in self.by_difference]
        spread = [at for at in layers if at in self.in_full and _has_places(unchanged.results[at])]
        if not spread and carried:
            return f"Exact differences through {len(carried)} layers.", True
        carried = [at for at in carried if at < min(spread, default=at + 1)]
        because = _because({steps[at - 1].name for at in self.in_full})
        if not carried:
            return f"Full passes, because {because}.", False
        count = "layer" if len(carried) == 1 else f"{len(carried)} layers"
        return f"Exact differences through the first {count}, then full passes, because {because}.", True


class _Walk:
    """One block's results so far: differences, or whole results of every edit."""

    def __init__(self, plan: Plan, block: Block, values: dict[int, Any], count: int) -> None:
        self.plan, self.block, self.values, self.count = plan, block, values, count
        self.completed: dict[int, Tensor] = {}

    def result(self, at: int, step: Step) -> Any:
        """A step's result: a difference where its layer allows it, else whole."""
        refs = self.plan.refs[at - 1]
        if refs is None:
            args = filled(step.args, self._as_it_is, 1)
            found = [self._as_it_is(ref) for ref in step.refs() if self._fresh(ref)]
        else:
            args_list = list(step.args)
            found = []
            for place, ref in refs:
                args_list[place] = self._as_it_is(ref)
                if self._fresh(ref):
                    found.append(args_list[place])
            args = tuple(args_list)
        if found and all(isinstance(value, Delta) for value in found):
            result = carried(Layer(self.block, at, self.plan.sources[at - 1]), step, args)
            if result is not None:
                self.plan.by_difference.add(at)
                return result
        self.plan.in_full.add(at)
        return step.call(self.complete, self.count)

    def complete(self, ref: Ref) -> Any:
        """A result for every edit."""
        if not self._fresh(ref):
            return self._constant(ref)
        value = self.values[ref.index]
        if isinstance(value, Delta):
            if ref.index not in self.completed:
                self.completed[ref.index] = self.block.full(value, ref.index)
            return self.completed[ref.index]
        return value if ref.item is None else value[ref.item]

    def _fresh(self, ref: Ref) -> bool:
        return ref.index == 0 or self.plan.program.steps[ref.index - 1].fresh

    def _as_it_is(self, ref: Ref) -> Any:
        if not self._fresh(ref):
            return picked(self.block.unchanged.results, ref)
        value = self.values[ref.index]
        return value if ref.item is None else value[ref.item]

    def _constant(self, ref: Ref) -> Any:
        """What does not depend on the letters, for as many windows as there are edits."""

        def look_up(inner: Ref) -> Any:
            if not self._fresh(inner):
                return self._constant(inner)
            result = picked(self.block.unchanged.results, inner)
            return result.expand(self.count, *result.shape[1:])

        found = self.plan.program.steps[ref.index - 1].call(look_up, self.count)
        return found if ref.item is None else found[ref.item]


def carried(layer: Layer, step: Step, args: tuple[Any, ...]) -> Any:
    """A step on differences; None where its layer needs whole results."""
    name, kwargs = step.name, step.kwargs
    if name == "cat":
        return shapes.joined(layer, *args, **kwargs)
    if name in ("add", "sub", "mul", "truediv", "div"):
        return None if kwargs else _arithmetic(layer, name, *args)
    if not args or not isinstance(args[0], Delta):
        return None
    if name in ACTIVATIONS:
        if args[0].flat or any(isinstance(part, Tensor) and part.numel() > 1 for part in args[1:]):
            return None
        return activated(layer, lambda z: step.function(z, *args[1:], **kwargs), name, args[0])
    handler = _HANDLERS.get(name)
    return None if handler is None else handler(layer, *args, **kwargs)


def _arithmetic(layer: Layer, name: str, one: Any, other: Any) -> Any:
    both = isinstance(one, Delta) and isinstance(other, Delta)
    if name in ("add", "sub"):
        if not both and (name == "add" or isinstance(one, Delta)):
            return shapes.unmoved(layer, one if isinstance(one, Delta) else other)
        if name == "add":
            return shapes.total(layer, one, other)
        negative = shapes.scaled(layer, other, -1.0)
        return negative if not both or negative is None else shapes.total(layer, one, negative)
    if name == "mul":
        if both:
            return shapes.product(layer, one, other)
        return shapes.scaled(layer, one, other) if isinstance(one, Delta) else shapes.scaled(layer, other, one)
    return None if both or not isinstance(one, Delta) else shapes.scaled(layer, one, other, divide=True)


def _reduced(kind: str) -> Callable[..., Any]:
    """The reduction over places of that kind, when it is over places alone."""

    def reduce(layer: Layer, delta: Delta, dim: Any = None, keepdim: bool = False) -> Any:  # noqa: ARG001  see result
        axes = dim if isinstance(dim, (tuple, list)) else (dim,)
        if delta.flat or len(axes) != 1 or axes[0] not in (2, -1):
            return None
        if kind in ("mean", "sum"):
            return shapes.averaged(layer, delta, mean=kind == "mean")
        if kind == "amax":
            return shapes.highest(layer, delta, partial(torch.amax, dim=2), "cummax")
        return shapes.highest(layer, delta, partial(torch.logsumexp, dim=2), "logcumsumexp")

    return reduce


def _adaptive(kind: str) -> Callable[..., Any]:
    """Adaptive pooling into one place."""

    def reduce(layer: Layer, delta: Delta, output_size: Any, *_: Any) -> Any:
        return _reduced(kind)(layer, delta, 2) if output_size in (1, (1,), [1]) else None

    return reduce


def _flattened(layer: Layer, delta: Delta, *_: Any, **__: Any) -> Any:
    """``flatten(1)``, or a view that does the same."""
    result, before = layer.result, layer.unchanged.results[layer.sources[0]]
    if result.dim() != 2 or before.dim() != 3 or result.shape[1] != before.shape[1] * before.shape[2]:
        return None
    return Delta([layer.block.shared(delta)], delta.flipped, flat=True)


_HANDLERS: dict[str, Callable[..., Any]] = {
    "conv1d": convolution,
    "avg_pool1d": average_pool,
    "max_pool1d": max_pool,
    "mean": _reduced("mean"),
    "sum": _reduced("sum"),
    "amax": _reduced("amax"),
    "logsumexp": _reduced("logsumexp"),
    "adaptive_avg_pool1d": _adaptive("mean"),
    "adaptive_max_pool1d": _adaptive("amax"),
    "getitem": shapes.sliced,
    "pad": shapes.padded,
    "flip": shapes.turned,
    "neg": lambda layer, delta: shapes.scaled(layer, delta, -1.0),
    "flatten": _flattened,
    "view": _flattened,
    "reshape": _flattened,
    "linear": shapes.linear,
}


def _followed(program: Program, uses: Counter[int]) -> dict[int, str]:
    """Convolutions whose result one activation alone reads: step -> the activation's name."""
    found = {}
    for step in program.steps:
        if step.name in ACTIVATIONS and step.args and isinstance(step.args[0], Ref):
            source = step.args[0].index
            tensors = [part for part in step.args[1:] if isinstance(part, (Ref, Tensor))]
            if source and uses[source] == 1 and program.steps[source - 1].name == "conv1d" and not tensors:
                found[source] = step.name
    return found


def _plain_refs(step: Step) -> list[tuple[int, Ref]] | None:
    """(place, reference) of the arguments that are references; None when some lie deeper."""
    refs = [(place, part) for place, part in enumerate(step.args) if isinstance(part, Ref)]
    return refs if len(refs) == len(step.refs()) else None


def _widest_pool(program: Program) -> int:
    """Places beyond a stretch that the pools of the program may read."""
    sizes = [16]
    for step in program.steps:
        if step.name in ("max_pool1d", "avg_pool1d"):
            numbers = [part for part in (*step.args[1:4], *step.kwargs.values()) if isinstance(part, (int, tuple))]
            sizes.append(2 * max((int(np.max(number)) for number in numbers), default=1))
    return sum(sizes)


def _has_places(result: Any) -> bool:
    tensor = result[0] if isinstance(result, (tuple, list)) else result
    return isinstance(tensor, Tensor) and tensor.dim() >= 3 and tensor.shape[-1] > 1 and tensor.shape[-2] > 1


def _because(names: set[str]) -> str:
    if names & _RECURRENT:
        return "a recurrent layer reads all positions in order"
    if names & (_ATTENTION - {"matmul", "einsum"}):
        return "attention ties all positions together"
    if "mul" in names and names & {"sigmoid", "hardsigmoid"}:
        return "squeeze-and-excite gates tie all positions together"
    return "its layers do not act on neighbouring positions alone"
