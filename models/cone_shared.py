"""Which steps of a network are the same for every window along a stretch, so that overlapping windows can share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from models.difference_local import ACTIVATIONS
from models.difference_trace import Program, Ref, Step

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
PLACE_BY_PLACE = ACTIVATIONS | {"neg"}
EDGES = 0.6  # share of a window's places that its ends may reach in a step that is still shared
OF_TWO = {"add", "sub", "mul", "truediv", "div", "rsub"}


@dataclass
class Shared:
    """The steps that read neighbouring places alone, one place after another.

    Attributes:
        lengths: places of each one's result in a window, by its number; the input is 0.
        mirrored: whether its places run against those of the input, as behind a flip.
        edges: how many places at its beginning and at its end depend on where the window ends, because of padding.
    """

    lengths: dict[int, int]
    mirrored: dict[int, bool]
    edges: dict[int, tuple[int, int]]


def shared_steps(program: Program, results: list[Any]) -> Shared:
    """Finds them, and writes their slices so that they hold for a stretch of any length.

    Args:
        program: the steps.
        results: every step's result for one window.
    """
    found = Shared({0: results[0].shape[2]}, {0: False}, {0: (0, 0)})
    for at, step in enumerate(program.steps, start=1):
        sources = {ref.index for ref in step.refs()}
        if not sources or not sources <= found.lengths.keys() or not _has_places(results[at]):
            continue
        mirrored = {found.mirrored[index] for index in sources}
        before = {found.lengths[index] for index in sources}
        if len(mirrored) != 1 or len(before) != 1 or not _slides(step, before.copy().pop()):
            continue
        edges = _edges(step, [found.edges[index] for index in sources])
        length = results[at].shape[2]
        if sum(edges) > EDGES * length or sum(edges) + reach(step) > length:
            continue
        found.lengths[at], found.edges[at] = length, edges
        found.mirrored[at] = mirrored.pop() != turns(step)
    return found


def _edges(step: Step, before: list[tuple[int, int]]) -> tuple[int, int]:
    """How many places at both ends of a step's result depend on where the window ends."""
    first, last = (max(ends) for ends in zip(*before, strict=True))
    if step.name == "conv1d":
        left, right = paddings(step)
        return first + left, last + right
    if step.name == "getitem":
        begin, end = cut_off(step)
        return max(0, first - begin), max(0, last - end)
    return (last, first) if turns(step) else (first, last)


def turns(step: Step) -> bool:
    """Whether a step turns the places round."""
    return step.name == "flip" and 2 in _axes(step)


def cut_off(step: Step) -> tuple[int, int]:
    """Places that a slice, counted from both ends, leaves out before and after."""
    index = step.args[1]
    if not isinstance(index, tuple) or len(index) < 3:
        return 0, 0
    return index[2].start or 0, -(index[2].stop or 0)


def reach(step: Step) -> int:
    """Places that a step reads for one place of its result."""
    if step.name != "conv1d":
        return 1
    given = bound(step, CONVOLUTION)
    return (int(given["weight"].shape[2]) - 1) * one(given.get("dilation", 1)) + 1


def paddings(step: Step) -> tuple[int, int]:
    """Zeros that a convolution reads before the first place and after the last."""
    padding = bound(step, CONVOLUTION).get("padding", 0)
    if not isinstance(padding, str):
        return one(padding), one(padding)
    beyond = reach(step) - 1 if padding == "same" else 0
    return beyond // 2, beyond - beyond // 2


def _has_places(result: Any) -> bool:
    return isinstance(result, Tensor) and result.dim() == 3


def _slides(step: Step, length: int) -> bool:
    """Whether a step does the same at every place. A slice of places is rewritten to count from both ends."""
    if step.name == "conv1d":
        given = bound(step, CONVOLUTION)
        return isinstance(given["weight"], Tensor) and one(given.get("stride", 1)) == 1
    if step.name == "flip":
        return not step.kwargs and 0 not in _axes(step)
    if step.name == "cat":
        given = bound(step, ("tensors", "dim"))
        return given.get("dim", 0) in (1, -2) and all(isinstance(part, Ref) for part in given["tensors"])
    if step.name == "getitem":
        return _counts_from_both_ends(step, length)
    others = [part for part in (*step.args, *step.kwargs.values()) if not isinstance(part, Ref)]
    plain = all(not isinstance(part, Tensor) or part.dim() == 0 or part.shape[-1] == 1 for part in others)
    return plain and step.name in PLACE_BY_PLACE | OF_TWO


def _counts_from_both_ends(step: Step, length: int) -> bool:
    index = step.args[1]
    index = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(part, slice) and part.step in (None, 1) for part in index) or index[0] != slice(None):
        return False
    if len(index) == 3:
        first, last, _ = index[2].indices(length)
        step.args = (step.args[0], (*index[:2], slice(first, last - length or None)))
    return True


def _axes(step: Step) -> set[int]:
    dims = step.args[1:]
    given = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    return {dim % 3 for dim in given}


def bound(step: Step, names: tuple[str, ...]) -> dict[str, Any]:
    """A step's arguments by name."""
    return dict(zip(names, step.args, strict=False)) | step.kwargs


def one(value: Any) -> int:
    """The one number of ``1`` or ``(1,)``."""
    return int(value[0]) if isinstance(value, (tuple, list)) else int(value)
