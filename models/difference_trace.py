"""A network written down as a list of steps: what it does to any number of windows, found by watching it run twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_COUNTS = (2, 3)  # numbers of windows in the two runs: what differs between them grows with the number
_READS_VALUES = {"item", "tolist", "numpy", "equal", "allclose", "is_nonzero", "bool", "int", "float", "index"}
_WRITES = {"setitem", "set", "copy"}
_TAKES_FORM_ONLY = {"to", "type_as", "expand_as", "view_as"}  # of all arguments but the first


class Untraceable(Exception):
    """A network whose steps cannot be written down; says why in words for people."""


@dataclass(frozen=True)
class Ref:
    """The result of an earlier step, or one of its results; step 0 is the input."""

    index: int
    item: int | None = None


@dataclass(frozen=True)
class Sized:
    """A whole number that depends on the number of windows n: slope * n + offset."""

    slope: int
    offset: int


@dataclass
class Step:
    """One call: ``function(*args, **kwargs)``, where a ``Ref`` stands for a result and a ``Sized`` for a count.

    Attributes:
        name: the function's plain name: ``__iadd__``, ``add_`` and ``add`` are all ``add``.
        writes: whether the call changes its first argument, which is then given a copy.
        fresh: whether the result depends on the letters; else it is a constant for a given number of windows.
    """

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    writes: bool = False
    fresh: bool = False

    def refs(self) -> list[Ref]:
        """The results that it reads."""
        return list(_refs((self.args, self.kwargs)))

    def call(self, look_up: Callable[[Ref], Any], count: int) -> Any:
        """Makes the call for ``count`` windows."""
        args = filled(self.args, look_up, count)
        if self.writes:
            args = (args[0].clone(), *args[1:])
        return self.function(*args, **filled(self.kwargs, look_up, count))


@dataclass
class Program:
    """Steps 1, 2, ... (step 0 is the input), and which result is the answer."""

    steps: list[Step]
    answer: Ref

    def run(self, x: Tensor) -> list[Any]:
        """Every result for some windows (n, channels, length), the input first."""
        results: list[Any] = [x]
        for step in self.steps:
            results.append(step.call(lambda ref: picked(results, ref), len(x)))
        return results


def picked(results: list[Any], ref: Ref) -> Any:
    """What a reference stands for."""
    return results[ref.index] if ref.item is None else results[ref.index][ref.item]


def trace(function: Callable[[Tensor], Tensor], window: Tensor) -> Program:
    """Writes down what a function does to windows.

    Args:
        function: (n, channels, length) -> anything with n rows.
        window: (1, channels, length), an example.

    Raises:
        Untraceable: when its steps depend on the letters, or cannot be seen.
    """
    records = [_record(function, window.expand(count, -1, -1).clone()) for count in _COUNTS]
    if len({len(record.steps) for record in records}) != 1 or records[0].answer != records[1].answer:
        raise Untraceable("its steps depend on how many windows it is given")
    steps = [_merged(one, other) for one, other in zip(records[0].steps, records[1].steps, strict=True)]
    fresh = [True]
    for step in steps:
        step.fresh = any(fresh[ref.index] for ref in _refs(_values_read(step)))
        fresh.append(step.fresh)
    return without_unused(Program(steps, records[0].answer))


class _Recorder(TorchFunctionMode):
    """Keeps every call that makes a tensor."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.known: dict[int, Ref] = {id(x): Ref(0)}
        self.alive: list[Any] = [x]  # an id is only good while its object lives

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        raw = getattr(func, "__name__", "")
        name = _plain(raw)
        outputs = result if isinstance(result, (tuple, list)) else [result]
        if not any(isinstance(part, Tensor) for part in outputs):
            if name in _READS_VALUES and any(id(t) in self.known for t in args):
                raise Untraceable("its steps depend on the letters")
            if name in _WRITES:
                raise Untraceable("it writes into its own intermediate values")
            return result
        if raw == "__get__" and not _is_view_property(func):
            return result  # a parameter's .data or .grad: itself a constant
        step = Step(func, name, self._written(args), self._written(kwargs), writes=_changes_first(raw, kwargs))
        if kwargs.get("out") is not None or name in _WRITES:
            raise Untraceable("it writes into its own intermediate values")
        self.steps.append(step)
        self.alive.append(result)
        for item, tensor in enumerate(outputs):
            if not isinstance(tensor, Tensor):
                continue
            self.known[id(tensor)] = Ref(len(self.steps), None if isinstance(result, Tensor) else item)
            self.alive.append(tensor)
        return result

    def _written(self, value: Any) -> Any:
        return _mapped(value, lambda leaf: self.known.get(id(leaf), leaf) if isinstance(leaf, Tensor) else leaf)


def _record(function: Callable[[Tensor], Tensor], x: Tensor) -> Program:
    recorder = _Recorder(x)
    with torch.no_grad(), recorder:
        answer = function(x)
    if not isinstance(answer, Tensor) or id(answer) not in recorder.known:
        raise Untraceable("its steps cannot be seen from outside")
    return Program(recorder.steps, recorder.known[id(answer)])


def _merged(one: Step, other: Step) -> Step:
    """Two records of the same step for 2 and 3 windows as one for any number."""
    if one.function is not other.function and one.name != other.name:
        raise Untraceable("its steps depend on how many windows it is given")
    return Step(one.function, one.name, _both(one.args, other.args), _both(one.kwargs, other.kwargs), one.writes)


def _both(one: Any, other: Any) -> Any:
    """The common form of two arguments."""
    if type(one) is not type(other):
        raise Untraceable("its steps depend on how many windows it is given")
    if isinstance(one, Tensor):
        if one is other or (one.shape == other.shape and torch.equal(one, other)):
            return one
        raise Untraceable("it makes numbers that cannot be followed")
    if isinstance(one, dict):
        if one.keys() != other.keys():
            raise Untraceable("its steps depend on how many windows it is given")
        return {key: _both(one[key], other[key]) for key in one}
    if isinstance(one, slice):
        return slice(_both(one.start, other.start), _both(one.stop, other.stop), _both(one.step, other.step))
    if isinstance(one, (tuple, list)):
        if len(one) != len(other):
            raise Untraceable("its steps depend on how many windows it is given")
        parts = [_both(a, b) for a, b in zip(one, other, strict=True)]
        return parts if isinstance(one, list) else tuple(parts)
    if isinstance(one, int) and not isinstance(one, bool) and one != other:
        slope = (other - one) // (_COUNTS[1] - _COUNTS[0])
        return Sized(slope, one - slope * _COUNTS[0])
    if isinstance(one, (torch.dtype, torch.device, torch.memory_format)) or one == other:
        return one
    raise Untraceable("its steps depend on how many windows it is given")


def without_unused(program: Program) -> Program:
    """Leaves out what the answer does not read, and works out once what depends neither on letters nor on n."""
    wanted = {program.answer.index}
    for index in range(len(program.steps), 0, -1):
        if index in wanted:
            wanted.update(ref.index for ref in program.steps[index - 1].refs())
    moved = {0: 0}
    steps: list[Step] = []
    settled: dict[int, Any] = {}
    for index, step in enumerate(program.steps, start=1):
        if index not in wanted:
            continue

        def renumbered(ref: Ref) -> Any:
            if ref.index in settled:
                return settled[ref.index] if ref.item is None else settled[ref.index][ref.item]
            return Ref(moved[ref.index], ref.item)

        kept = with_refs(step, renumbered)
        if not kept.refs() and not _sized((kept.args, kept.kwargs)):
            with torch.no_grad():
                settled[index] = kept.call(lambda ref: ref, 1)
            continue
        steps.append(kept)
        moved[index] = len(steps)
    if program.answer.index in settled:
        raise Untraceable("its answer does not depend on the letters")
    return Program(steps, Ref(moved[program.answer.index], program.answer.item))


def with_refs(step: Step, change: Callable[[Ref], Any]) -> Step:
    """The same step reading other results."""

    def changed(leaf: Any) -> Any:
        return change(leaf) if isinstance(leaf, Ref) else leaf

    args, kwargs = _mapped(step.args, changed), _mapped(step.kwargs, changed)
    return Step(step.function, step.name, args, kwargs, step.writes, step.fresh)


def with_constants(step: Step, change: Callable[[Any], Any]) -> Step:
    """The same step with every constant of its arguments changed."""

    def changed(leaf: Any) -> Any:
        return leaf if isinstance(leaf, (Ref, Sized)) else change(leaf)

    args, kwargs = _mapped(step.args, changed), _mapped(step.kwargs, changed)
    return Step(step.function, step.name, args, kwargs, step.writes, step.fresh)


def _values_read(step: Step) -> Any:
    """The arguments of which a step reads the values, not only type and shape."""
    if step.name.startswith("new_") or step.name.endswith("_like"):
        return ()
    return step.args[:1] if step.name in _TAKES_FORM_ONLY else (step.args, step.kwargs)


def filled(value: Any, look_up: Callable[[Ref], Any], count: int) -> Any:
    """Arguments with references and counts filled in."""

    def fill(leaf: Any) -> Any:
        if isinstance(leaf, Ref):
            return look_up(leaf)
        return leaf.slope * count + leaf.offset if isinstance(leaf, Sized) else leaf

    return _mapped(value, fill)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nest of tuples, lists, dicts and slices with every leaf changed."""
    if isinstance(value, (tuple, list)):
        parts = [_mapped(part, change) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}
    if isinstance(value, slice):
        return slice(*(_mapped(part, change) for part in (value.start, value.stop, value.step)))
    return change(value)


def _leaves(value: Any) -> list[Any]:
    found: list[Any] = []
    _mapped(value, found.append)
    return found


def _refs(value: Any) -> list[Ref]:
    return [leaf for leaf in _leaves(value) if isinstance(leaf, Ref)]


def _sized(value: Any) -> bool:
    return any(isinstance(leaf, Sized) for leaf in _leaves(value))


def _plain(name: str) -> str:
    """``__iadd__`` -> ``add``, ``relu_`` -> ``relu``; ``__rsub__`` stays ``rsub``: it is another function."""
    bare = name.strip("_")
    if name.startswith("__") and bare in ("iadd", "isub", "imul", "itruediv", "radd", "rmul"):
        return bare[1:]
    return bare


def _changes_first(name: str, kwargs: dict[str, Any]) -> bool:
    """Whether a call changes its first argument in place."""
    if name.startswith("__"):
        return name.startswith("__i") and name not in ("__invert__", "__index__", "__int__")
    if name.endswith("_"):
        return True
    return kwargs.get("inplace") is True


def _is_view_property(func: Any) -> bool:
    """Whether a property of a tensor is a way to look at it (``.T``, ``.mT``)."""
    owner = getattr(func, "__self__", None)
    return getattr(owner, "__name__", "") in ("T", "mT", "H", "mH")
