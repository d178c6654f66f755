"""A sequence and its reference on their way through a network together: the rescale rule of DeepLIFT.

Shrikumar, Greenside, Kundaje 2017 (arXiv 1704.02685). The change of the answer is handed back, layer by layer, in proportion
to the change of each signal. A signal of the sequence carries the same signal of the reference with it (``Paired``);
nothing is put on the network, so any number of sessions may explain one model at once. A step of the network is known
to be linear, or has a rule, or the network is refused with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genome.errors import UserError
from interpret.rescale_steps import (
    BOUNDS,
    ELEMENTWISE,
    GATE,
    LIKE,
    LINEAR,
    POOLS,
    PRODUCTS,
    QUOTIENTS,
    READ,
    REASONS,
    SUMS,
)

LEAST_CHANGE = 1e-6  # of a signal; below it the slope is the derivative, for the quotient of two such numbers is noise

Function = Callable[..., Any]
Back = Callable[[Tensor], Tensor]


class NotCovered(UserError):
    """The rule does not cover a step of the network."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"DeepLIFT does not cover this network: {why}; use integrated gradients.")


class Paired(Tensor):
    """A signal of the sequence, with what the same signal is for its reference.

    Attributes:
        reference: of the same shape; no gradient goes through it.
    """

    reference: Tensor

    @classmethod
    def __torch_function__(
        cls, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every step of a network comes by here."""
        with torch._C.DisableTorchFunctionSubclass():
            return _step(func, args, dict(kwargs or {}))


class Chained(Paired):
    """A signal of rows that follow one another, in which the reference of each row is the row before it.

    So every row goes through the network once, and a path of n steps costs n + 1 rows. The first row has itself as its
    reference: what is handed back to it means nothing.
    """

    @property
    def reference(self) -> Tensor:  # type: ignore[override]
        """Each row replaced by the one before it; no gradient goes through it."""
        with torch._C.DisableTorchFunctionSubclass():
            rows = self.as_subclass(Tensor).detach()
            return torch.cat([rows[:1], rows[:-1]])


def chain(rows: Tensor) -> Chained:
    """Rows on their way through a network, each with the one before it as its reference."""
    with torch._C.DisableTorchFunctionSubclass():
        return rows.as_subclass(Chained)


def pair(signal: Tensor, reference: Tensor) -> Paired:
    """A signal that carries its reference with it."""
    with torch._C.DisableTorchFunctionSubclass():
        paired = signal.as_subclass(Paired)
    paired.reference = reference
    return paired


def parted(paired: Tensor) -> tuple[Tensor, Tensor]:
    """The signal, through which contributions are handed back, and that of the reference.

    Raises:
        NotCovered: when the answer is no signal of the sequence.
    """
    if not isinstance(paired, Paired):
        raise NotCovered("its answer does not depend on the sequence")
    with torch._C.DisableTorchFunctionSubclass():
        return paired.as_subclass(Tensor), paired.reference


def _step(func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One step of the network, for the sequence and for the reference."""
    name = func.__name__
    name = name[2:-2] if name.startswith("__") and name.endswith("__") else name
    signals = _signals((args, kwargs))
    if name in READ or not signals or (name in LIKE and not isinstance(args[0], Paired)):
        return func(*_of_sequence(args), **_of_sequence(kwargs))
    in_place = bool(kwargs.get("inplace")) or name.endswith("_")
    name = name.rstrip("_")
    if name in QUOTIENTS and len(signals) == 1:
        name = "mul" if isinstance(args[0], Paired) else "reciprocal"
    if (name in PRODUCTS or name in QUOTIENTS) and len(signals) > 1:
        raise NotCovered(GATE)
    if name == "batch_norm" and _in_training(args, kwargs):
        raise NotCovered("it normalises each sequence by the others")
    if name in SUMS or name in PRODUCTS or name in LINEAR:
        return _linear(func, args, kwargs)
    if len(signals) == 1:
        if name in ELEMENTWISE:
            return _elementwise(func, args, kwargs, signals[0], in_place=in_place, exact=name in BOUNDS)
        if name in POOLS:
            return _pooled(POOLS[name], args, kwargs, signals[0])
        if name in ("amax", "max"):
            return _largest(name, signals[0], *args[1:], **kwargs)
        if name == "softmax":
            return _softmax(signals[0], *args[1:], **kwargs)
    raise NotCovered(REASONS.get(name, _unknown(func.__name__)))


def _unknown(name: str) -> str:
    return f"it takes a step that has no rule (“{name}”)"


class _Rule(torch.autograd.Function):
    """A step whose answer is known, with a rule for what is handed back."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor, answer: list[Tensor], back: Back) -> Tensor:  # noqa: ARG004
        ctx.back = back
        return answer[0]  # in a list: no input of the step, so that the network may go on to change it in place

    @staticmethod
    def backward(ctx: Any, *given: Any) -> tuple[Tensor | None, ...]:
        return ctx.back(given[0]), None, None


def _ruled(signal: Tensor, answer: Tensor, back: Back) -> Tensor:
    return _Rule.apply(signal, [answer], back)  # type: ignore[no-untyped-call]


def _linear(func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The same for both; torch's own gradient is the rule."""
    answer = func(*_of_sequence(args), **_of_sequence(kwargs))
    if not isinstance(answer, (Tensor, tuple, list)):
        return answer  # a property that is no signal, such as the shape
    if isinstance(_signals((args, kwargs))[0], Chained):
        if isinstance(answer, Tensor):
            return chain(answer)
        return tuple(chain(part) if isinstance(part, Tensor) else part for part in answer)
    with torch.no_grad():
        reference = func(*_of_reference(args), **_of_reference(kwargs))
    if isinstance(answer, Tensor):
        return pair(answer, reference)
    if not all(isinstance(part, Tensor) for part in answer):
        return answer
    return tuple(pair(*both) for both in zip(answer, reference, strict=True))


def _elementwise(
    func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], signal: Paired, *, in_place: bool, exact: bool
) -> Paired:
    """The slope between reference and sequence; where they hardly differ, the derivative at the sequence.

    Args:
        func, args, kwargs: the step.
        signal: the one signal among its arguments.
        in_place: whether the step changes its signal.
        exact: whether slopes of the smallest change are good (``BOUNDS``), so that only those of none are missing.
    """

    def applied(numbers: Tensor) -> Tensor:
        numbers = numbers.clone() if in_place else numbers
        return func(*_replaced(args, signal, numbers), **_replaced(kwargs, signal, numbers))

    plain, chained = signal.as_subclass(Tensor), isinstance(signal, Chained)
    with torch.no_grad():
        here = plain.detach()
        there = here[:-1] if chained else signal.reference  # a chain needs no second row: the one before is there
        answer = applied(here)
        if answer.shape != plain.shape:
            raise NotCovered(_unknown(func.__name__))
        reference = answer[:-1] if chained else applied(there)
        change = (here[1:] if chained else here) - there
        slope = ((answer[1:] if chained else answer) - reference).div_(change)
        still = _still(slope, change, exact=exact)
    if len(still[0]):
        # Where other numbers come with the signal (the slopes of a PReLU), its shape matters.
        alone = not any(isinstance(part, Tensor) and part is not signal for part in (*args, *kwargs.values()))
        rows = here[len(here) - len(slope) :]
        with torch.enable_grad():
            letters = (rows[still] if alone else rows.clone()).requires_grad_()
            (derivative,) = torch.autograd.grad(applied(letters).sum(), letters)
        slope[still] = derivative if alone else derivative[still]
    found = _ruled(plain, answer, lambda given: _times(given, slope))
    if not in_place:
        return _along(signal, found, reference)
    plain.copy_(found)
    if not chained:
        with torch.no_grad():
            signal.reference.copy_(reference)
    return signal


def _still(slope: Tensor, change: Tensor, *, exact: bool) -> tuple[Tensor, ...]:
    """Where a signal changes too little for a slope, by axis. ``change`` is used up."""
    if not exact:
        return (change.abs_() < LEAST_CHANGE).nonzero(as_tuple=True)
    if not slope.sum().isnan():  # one number says that there is no 0 / 0: looking for places takes much longer
        return (slope.new_empty(0, dtype=torch.long),)
    return slope.isnan().nonzero(as_tuple=True)


def _times(given: Tensor, slope: Tensor) -> Tensor:
    """What a slope hands back; nothing to the first row of a chain, which has no slope."""
    if len(slope) == len(given):
        return given * slope
    found = torch.empty_like(given)
    found[:1] = 0
    torch.mul(given[1:], slope, out=found[1:])
    return found


def _along(signal: Paired, answer: Tensor, reference: Tensor) -> Paired:
    """The answer of a step, of the same kind as what was given."""
    return chain(answer) if isinstance(signal, Chained) else pair(answer, reference)


def _pooled(with_indices: Function, args: tuple[Any, ...], kwargs: dict[str, Any], signal: Paired) -> Paired:
    """Maximum over neighbouring positions, each named by its place among all: (n, channels, positions...)."""
    kwargs.pop("return_indices", None)
    plain = signal.as_subclass(Tensor)
    with torch.no_grad():
        top, winner = with_indices(plain, *args[1:], **kwargs)
        reference_top, other = with_indices(signal.reference, *args[1:], **kwargs)
    flat = (part.flatten(2) for part in (plain, signal.reference, top, reference_top, winner, other))
    back = _to_winners(*flat, dim=2)
    return _along(signal, _ruled(plain, top, lambda given: back(given.flatten(2)).view_as(plain)), reference_top)


def _largest(name: str, signal: Paired, dim: Any = None, keepdim: bool = False) -> Any:
    """Maximum along one axis."""
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int):
        raise NotCovered("it takes the maximum over several axes at once")
    plain = signal.as_subclass(Tensor)
    with torch.no_grad():
        top, winner = plain.max(dim, keepdim=True)
        reference_top, other = signal.reference.max(dim, keepdim=True)
    back = _to_winners(plain, signal.reference, top, reference_top, winner, other, dim=dim)
    found = _ruled(plain, top, back)
    if not keepdim:
        found, reference_top, winner = found.squeeze(dim), reference_top.squeeze(dim), winner.squeeze(dim)
    shown = _along(signal, found, reference_top)
    return shown if name == "amax" else torch.return_types.max((shown, winner))


def _to_winners(
    signal: Tensor, reference: Tensor, top: Tensor, reference_top: Tensor, winner: Tensor, other: Tensor, *, dim: int
) -> Back:
    """What a maximum hands back: its rise to the position that wins here, its fall to the one that won there.

    Args:
        signal, reference: what the maximum was taken of.
        top, reference_top: the maxima.
        winner, other: where they stand along ``dim``, here and there.
        dim: the axis.
    """
    change = signal.detach() - reference
    still = change == 0
    higher = torch.maximum(top, reference_top)
    rise, fall = higher - reference_top, top - higher

    def back(given: Tensor) -> Tensor:
        def put(values: Tensor, where: Tensor) -> Tensor:
            return torch.zeros_like(change).scatter_add(dim, where, values)

        routed = put(given * rise, winner) + put(given * fall, other)
        return torch.where(still, put(given, winner), routed / change.masked_fill(still, 1))

    return back


def _softmax(signal: Paired, dim: int | None = None, *_: Any, **__: Any) -> Paired:
    """exp, sum, reciprocal and product, each by its own slope, as in tangermeme; products by log ratios."""
    if dim is None:
        raise NotCovered("its softmax does not say along which axis")
    with torch.no_grad():
        here, there = signal.as_subclass(Tensor).detach(), signal.reference
        top = torch.maximum(here.amax(dim, keepdim=True), there.amax(dim, keepdim=True))
        a, a0 = (here - top).exp(), (there - top).exp()
        v, v0 = (part.sum(dim, keepdim=True).clamp_min(torch.finfo(a.dtype).tiny).reciprocal() for part in (a, a0))
        y, y0 = a * v, a0 * v0
        change = here - there
        log_v = v.log() - v0.log()
        exp_slope = _slope(a - a0, change, a0)
        y_slope = _slope(y - y0, change + log_v, y0)
        v_slope = y_slope * _slope(log_v, v - v0, v0.reciprocal())

    def back(given: Tensor) -> Tensor:
        return given * y_slope - exp_slope * (given * v_slope * v * v0).sum(dim, keepdim=True)

    return _along(signal, _ruled(signal.as_subclass(Tensor), y, back), y0)


def _slope(rise: Tensor, run: Tensor, otherwise: Tensor) -> Tensor:
    """rise / run, or the derivative where there is no run to speak of."""
    still = run.abs() < LEAST_CHANGE
    return torch.where(still, otherwise, rise / run.masked_fill(still, 1))


def _in_training(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether ``F.batch_norm`` is asked for the statistics of the batch."""
    return bool(kwargs.get("training", args[5] if len(args) > 5 else False))


def _signals(value: Any) -> list[Paired]:
    """Every signal of the sequence among the arguments of a step."""
    if isinstance(value, Paired):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    return [found for part in value for found in _signals(part)] if isinstance(value, (tuple, list)) else []


def _of_sequence(value: Any) -> Any:
    """The arguments of a step as they are for the sequence alone."""
    return _mapped(value, lambda signal: signal.as_subclass(Tensor))


def _of_reference(value: Any) -> Any:
    """The same arguments as they are for the reference."""
    return _mapped(value, lambda signal: signal.reference)


def _replaced(value: Any, signal: Paired, by: Tensor) -> Any:
    return _mapped(value, lambda found: by if found is signal else found)


def _mapped(value: Any, change: Callable[[Paired], Tensor]) -> Any:
    if isinstance(value, Paired):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return type(value)([_mapped(part, change) for part in value])
    return value
