"""A network that adds up one number per short word, wherever it stands: read off once as a table, then only looked up.

Whether a network is one follows from its written-down steps (``models.difference_trace``): each step up to one sum over all
places reads a few neighbouring letters, and all that comes after it is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from models.cone_shared import CONVOLUTION, OF_TWO, PLACE_BY_PLACE, bound, one, paddings, reach
from models.cone_walk import tensors_in
from models.difference_trace import Program, Ref, Step, Untraceable, picked, with_constants

LONGEST = 6  # letters of a word: 5 ** 6 words, N included
_AT_ONCE = 2_048  # words
_LINEAR = {
    "flatten",
    "reshape",
    "view",
    "getitem",
    "flip",
    "stack",
    "cat",
    "mean",
    "sum",
    "unsqueeze",
    "squeeze",
    "neg",
}


@dataclass(frozen=True)
class _Places:
    """A result whose place p is read off the letters from p + first to p + last (0-based half-open).

    Attributes:
        axis: which dimension holds the places, counted from the last: -1 or -2.
        mirrored: whether places and letters are counted from the window's end.
    """

    first: int
    last: int
    axis: int = -1
    mirrored: bool = False


@dataclass(frozen=True)
class _Summed:
    """A result that is linear in sums, over all places, of what is read off ``length`` letters."""

    length: int


class Words:
    """A function of windows as a table of words.

    Args:
        program: its steps, (n, 4, window) -> (n, numbers).
        window: (1, 4, window), an example.

    Raises:
        Untraceable: when it is no sum over short words.
    """

    def __init__(self, program: Program, window: Tensor) -> None:
        with torch.no_grad():
            self.length = _word_length(program, window)
            exact = Program([with_constants(step, _doubled) for step in program.steps], program.answer)
            self.window, self.device = window.shape[2], window.device
            self.constant, self.table = self._tabulated(exact)

    def _tabulated(self, program: Program) -> tuple[Tensor, Tensor]:
        """What an answer begins with, (numbers,), and what each word adds, (5 ** length, numbers), float64."""
        words = torch.tensor(list(product(range(5), repeat=self.length)), dtype=torch.uint8, device=self.device)
        answers = torch.cat([self._asked(program, part) for part in words.split(_AT_ONCE)])
        longer = torch.zeros(1, self.length + 1, dtype=torch.uint8, device=self.device)
        constant = 2 * answers[0] - self._asked(program, longer)[0]  # two words AAAAAA in a row
        return constant, answers - constant

    def _asked(self, program: Program, codes: Tensor) -> Tensor:
        letters = torch.arange(4, dtype=codes.dtype, device=codes.device)[:, None]
        results = program.run((codes[:, None] == letters).double())
        return results[program.answer.index]  # type: ignore[no-any-return]

    @torch.no_grad()
    def whole(self, codes: Tensor) -> Tensor:
        """The function itself, of letters' codes uint8 (n, window): float32 (n, numbers)."""
        return (self.constant + self._added(codes).sum(1)).float()

    @torch.no_grad()
    def both(self, codes: Tensor, offsets: Sequence[int], place: int, letters: Tensor) -> Tensor:
        """The function of several windows along each stretch, and of the same windows with other letters at one place.

        Args:
            codes: uint8 (n, length), stretches.
            offsets: where in a stretch its windows begin, 0-based.
            place: the changed letter, 0-based in the stretch.
            letters: uint8 (n, changes), what stands there instead.

        Returns:
            float32 (n, windows, 1 + changes, numbers), the unchanged first.
        """
        all_codes = codes[:, None].repeat(1, 1 + letters.shape[1], 1)
        all_codes[:, 1:, place] = letters
        added, count = self._added(all_codes), self.window - self.length + 1  # (n, 1 + changes, places, numbers)
        summed = torch.stack([added[:, :, first : first + count].sum(2) for first in offsets], 1)
        return (self.constant + summed).float()

    def _added(self, codes: Tensor) -> Tensor:
        """What the word at each place adds: uint8 (..., length) -> float64 (..., places, numbers)."""
        wide, places = codes.long(), codes.shape[-1] - self.length + 1
        index = wide[..., :places]
        for at in range(1, self.length):
            index = 5 * index + wide[..., at : places + at]
        return self.table[index]


def _doubled(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _word_length(program: Program, window: Tensor) -> int:
    """Letters of the words that an answer is a sum over; most networks are refused at one of their first steps.

    Raises:
        Untraceable: when it is none.
    """
    kinds: dict[int, _Places | _Summed] = {0: _Places(0, 1)}
    results: list[Any] = [window]
    for at, step in enumerate(program.steps, start=1):
        results.append(step.call(lambda ref: picked(results, ref), 1))
        kind = _kind(step, kinds, results, results[at])
        if kind is None:
            raise Untraceable("it is no sum over words")
        kinds[at] = kind
    answer = kinds[program.answer.index]
    lengths = {kind.length for kind in kinds.values() if isinstance(kind, _Summed)}
    if not isinstance(answer, _Summed) or len(lengths) != 1 or answer.length > LONGEST:
        raise Untraceable("it is no sum over short words")
    return answer.length


def _kind(step: Step, kinds: dict[int, _Places | _Summed], results: list[Any], result: Any) -> _Places | _Summed | None:
    """What kind of result a step gives, or None where nothing is known of it."""
    refs = step.refs()
    if not refs or not isinstance(result, Tensor) or any(ref.item is not None for ref in refs):
        return None
    given = [kinds[ref.index] for ref in refs]
    if all(isinstance(kind, _Summed) for kind in given):
        return given[0] if _is_linear(step, result) else None
    if not all(isinstance(kind, _Places) for kind in given):
        return None
    places: list[_Places] = given  # type: ignore[assignment]
    return _of_places(step, places, [results[ref.index] for ref in refs], results[0].shape[2], result)


def _is_linear(step: Step, result: Tensor) -> bool:
    """Whether a step of sums is linear, and ties no window to another."""
    if len(result) != 1:
        return False
    if step.name in ("matmul", "linear", "mul", "truediv", "div"):
        return isinstance(step.args[0], Ref) and len(step.refs()) == 1
    return step.name in _LINEAR | {"add", "sub"}


def _of_places(step: Step, given: list[_Places], read: list[Tensor], length: int, result: Tensor) -> Any:
    """The kind of a step that reads results with places."""
    kind, same = given[0], len({(each.axis, each.mirrored) for each in given}) == 1
    counts = {each.shape[known.axis] for each, known in zip(read, given, strict=True)}
    if step.name == "matmul" and len(given) == 2 and [each.axis for each in given] == [-1, -2] and len(counts) == 1:
        return _sum(given, counts.pop(), length) if given[0].mirrored == given[1].mirrored else None
    others = [part for part in tensors_in([*step.args, *step.kwargs.values()]) if part.dim()]
    if step.name == "conv1d":
        plain = kind.axis == -1 and len(given) == 1 and paddings(step) == (0, 0)
        strided = one(bound(step, CONVOLUTION).get("stride", 1)) != 1
        return None if strided or not plain else _Places(kind.first, kind.last + reach(step) - 1, -1, kind.mirrored)
    if step.name in PLACE_BY_PLACE | OF_TWO and same and len(counts) == 1 and kind.axis == -1:
        if any(part.shape[-1] != 1 for part in others) or result.shape[-1] not in counts:
            return None
        first, last = min(each.first for each in given), max(each.last for each in given)
        return _Places(first, last, -1, kind.mirrored)
    if len(given) > 1 or others:
        return None
    return _of_one(step, kind, read[0], length)


def _of_one(step: Step, kind: _Places, read: Tensor, length: int) -> Any:
    """The kind of a step that moves the places of one result, or sums over them."""
    axes = [part for part in step.args[1:] if isinstance(part, int)]
    dims = [axis % read.dim() for axis in axes]
    at = read.dim() + kind.axis
    if step.name == "getitem":
        return _of_slice(step.args[1], kind, read)
    if step.name == "flatten" and len(dims) == 2 and dims[0] > 0 and dims[1] < at:
        return kind
    if step.name == "transpose" and set(dims) == {read.dim() - 1, read.dim() - 2}:
        return _Places(kind.first, kind.last, -3 - kind.axis, kind.mirrored)
    if step.name == "flip" and dims and 0 not in dims:
        if at not in dims:
            return kind
        begin = length - read.shape[at] + 1
        return _Places(begin - kind.last, begin - kind.first, kind.axis, not kind.mirrored)
    if step.name == "sum" and dims == [at]:
        return _sum([kind], read.shape[at], length)
    return None


def _sum(given: list[_Places], count: int, length: int) -> _Summed | None:
    """A sum over places that holds each word of a window once."""
    word = max(each.last for each in given) - min(each.first for each in given)
    return _Summed(word) if count == length - word + 1 else None


def _of_slice(index: Any, kind: _Places, read: Tensor) -> _Places | None:
    """``h[:, None, a:b]``: slices and new dimensions before the places."""
    index = index if isinstance(index, tuple) else (index,)
    if kind.axis != -1 or index[0] != slice(None) or not all(part is None or isinstance(part, slice) for part in index):
        return None
    slices = [part for part in index if part is not None]
    if any(part.step not in (None, 1) for part in slices) or (len(slices) == read.dim() and index[-1] is None):
        return None
    begin = slices[-1].indices(read.shape[-1])[0] if len(slices) == read.dim() else 0
    return _Places(kind.first + begin, kind.last + begin, -1, kind.mirrored)
