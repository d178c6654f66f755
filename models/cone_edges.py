"""The ends of windows along a stretch: where padding reaches, a window differs from the stretch that it is cut out of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from models.cone_shared import Shared, cut_off, paddings, reach, turns
from models.cone_walk import Stretch, Walk, along, without_padding
from models.difference_trace import Step

_LEFT, _RIGHT = False, True  # ends of a window along the input

Read = Callable[[int, int, int], Tensor]  # a step's number, first place and one past the last -> its result there


class Edges:
    """What the shared steps give at the ends of windows, as they are and changed.

    A window that ends where its stretch ends needs nothing: the stretch is padded there as the window is.

    Args:
        shared: the steps that are taken once for all windows.
        wide: walks through them over whole stretches.
        offsets: where in a stretch its windows begin, 0-based.
        extra: places that a stretch has more than a window.
    """

    def __init__(self, shared: Shared, wide: Walk, offsets: tuple[int, ...], extra: int) -> None:
        self.shared, self.wide, self.extra = shared, wide, extra
        self.windows = {_LEFT: [one for one in offsets if one > 0], _RIGHT: [one for one in offsets if one < extra]}
        self.own: dict[tuple[bool, int], Tensor] = {}  # (windows x n, channels, places), by end and step
        self.changed: dict[tuple[bool, int, int], Tensor] = {}  # (edits, channels, places), by end, step and offset

    def take(self, at: int) -> None:
        """Finds the ends of all windows after a step that the walk has just taken."""
        step = self.wide.program.steps[at - 1]
        for end in (_LEFT, _RIGHT):
            first, last = self._span(end, at)
            if first == last or not self.windows[end]:
                continue
            spans = self._read_by(step, at, first, last)
            self.own[end, at] = _taken(step, spans, partial(self._own, end))
            for offset in self.windows[end]:
                if any(self._is_changed(end, offset, *span) for span in spans):
                    self.changed[end, at, offset] = _taken(step, spans, partial(self._changed, end, offset))
        for key in [key for key in self.own if key[1] not in self.wide.results]:
            del self.own[key]
        for changed in [key for key in self.changed if key[1] not in self.wide.results]:
            del self.changed[changed]

    def window(self, at: int, offset: int) -> Tensor:
        """A step's result for the windows that begin at an offset: (n, channels, places)."""
        low, high = self._ends(at, offset)
        start, length = self._start(at, offset), self.shared.lengths[at]
        parts = [self.wide.results[at][:, :, start + low[1] : start + length - high[1]]]
        parts[:0] = [self._rows(low[0], at, offset)] if low[1] else []
        parts += [self._rows(high[0], at, offset)] if high[1] else []
        return along(parts)

    def changed_window(self, at: int, offset: int) -> Stretch:
        """What differs of it in the changed windows."""
        low, high = self._ends(at, offset)
        start, length = self._start(at, offset), self.shared.lengths[at]
        reached: Stretch = self.wide.changed[at]
        before, after = (self.changed.get((end, at, offset)) if width else None for end, width in (low, high))
        first = low[1] if before is not None else min(max(reached.first - start, low[1]), length - high[1] - 1)
        last = length - high[1] if after is not None else min(reached.last - start, length - high[1])
        last = max(last, first if before is not None else first + 1)
        parts = [self.wide.places(at, reached, start + first, start + last)] if last > first else []
        parts[:0] = [before] if before is not None else []
        parts += [after] if after is not None else []
        return Stretch(first - (0 if before is None else low[1]), along(parts))

    def _ends(self, at: int, offset: int) -> tuple[tuple[bool, int], tuple[bool, int]]:
        """Which end of the windows stands at a result's beginning, how far it reaches in this one, and the same behind."""
        first, last = (_RIGHT, _LEFT) if self.shared.mirrored[at] else (_LEFT, _RIGHT)
        low, high = self.shared.edges[at]
        return (first, low if offset in self.windows[first] else 0), (last, high if offset in self.windows[last] else 0)

    def _span(self, end: bool, at: int) -> tuple[int, int]:
        """The places of a step's result in a window that one of its ends reaches."""
        (low, high), length = self.shared.edges[at], self.shared.lengths[at]
        return (0, low) if self._at_beginning(end, at) else (length - high, length)

    def _at_beginning(self, end: bool, at: int) -> bool:
        return (end == _LEFT) != self.shared.mirrored[at]

    def _start(self, at: int, offset: int) -> int:
        """Where in the result of a stretch that of a window begins."""
        return self.extra - offset if self.shared.mirrored[at] else offset

    def _read_by(self, step: Step, at: int, first: int, last: int) -> list[tuple[int, int, int]]:
        """What a step reads for some places of its result: which results, from where to where; beyond 0..length is zero."""
        if step.name == "conv1d":
            left = paddings(step)[0]
            first, last = first - left, last - left + reach(step) - 1
        elif step.name == "getitem":
            begin = cut_off(step)[0]
            first, last = first + begin, last + begin
        elif turns(step):
            length = self.shared.lengths[at]
            first, last = length - last, length - first
        return [(index, first, last) for index in sorted({ref.index for ref in step.refs()})]

    def _is_changed(self, end: bool, offset: int, index: int, first: int, last: int) -> bool:
        """Whether a change reaches what is read."""
        reached, start = self.wide.changed[index], self._start(index, offset)
        return (end, index, offset) in self.changed or (reached.first < start + last and reached.last > start + first)

    def _own(self, end: bool, index: int, first: int, last: int) -> Tensor:
        """Some places of a result in all windows that have this end: (windows x n, channels, places)."""
        starts = [self._start(index, offset) for offset in self.windows[end]]
        wide = self.wide.results[index]

        def between(begin: int, stop: int) -> Tensor:
            parts = [wide[:, :, start + begin : start + stop].transpose(1, 2) for start in starts]
            return torch.cat(parts).transpose(1, 2)  # channels stay side by side in memory

        rows = len(starts) * self.wide.count
        return self._joined(end, index, (first, last), rows, self.own.get((end, index)), between)

    def _changed(self, end: bool, offset: int, index: int, first: int, last: int) -> Tensor:
        """The same of the changed windows at one offset: (edits, channels, places)."""
        start, block = self._start(index, offset), self.changed.get((end, index, offset))
        if block is None and (end, index) in self.own:
            block = self.wide.repeated(self._rows(end, index, offset))

        def between(begin: int, stop: int) -> Tensor:
            return self.wide.places(index, self.wide.changed[index], start + begin, start + stop)

        rows = self.wide.count * self.wide.changes
        return self._joined(end, index, (first, last), rows, block, between)

    def _rows(self, end: bool, at: int, offset: int) -> Tensor:
        """An end of the windows at one offset."""
        count, which = self.wide.count, self.windows[end].index(offset)
        return self.own[end, at][which * count : (which + 1) * count]

    def _joined(
        self,
        end: bool,
        index: int,
        places: tuple[int, int],
        rows: int,
        block: Tensor | None,
        between: Callable[[int, int], Tensor],
    ) -> Tensor:
        """Places of windows from the block at their end and the stretch beside it; zeros beyond."""
        length, (begin, stop) = self.shared.lengths[index], self._span(end, index)
        first, last = places
        inside = slice(max(first, 0), min(last, length))
        if self._at_beginning(end, index):
            here, there = (inside.start, min(inside.stop, stop)), (max(inside.start, stop), inside.stop)
        else:
            there, here = (inside.start, min(inside.stop, begin)), (max(inside.start, begin), inside.stop)
        parts = [between(*there)] if there[1] > there[0] else []
        if block is not None and here[1] > here[0]:
            part = block[:, :, here[0] - begin : here[1] - begin]
            parts = [part, *parts] if self._at_beginning(end, index) else [*parts, part]
        zero = self.wide.results[index].new_zeros(1, 1, 1).expand(rows, self.wide.results[index].shape[1], -1)
        before, after = max(min(last, 0) - first, 0), max(last - max(first, length), 0)
        return along([zero.expand(-1, -1, before), *parts, zero.expand(-1, -1, after)])


def _taken(step: Step, spans: list[tuple[int, int, int]], read: Read) -> Tensor:
    """A step's result for some places, from those that it reads."""
    pieces = {index: read(index, first, last) for index, first, last in spans}
    if step.name == "conv1d":
        return without_padding(step, next(iter(pieces.values())))
    if step.name == "getitem":
        index, piece = step.args[1], next(iter(pieces.values()))
        return piece[:, index[1]] if isinstance(index, tuple) and len(index) > 1 else piece
    return step.call(lambda ref: pieces[ref.index], len(next(iter(pieces.values()))))  # type: ignore[no-any-return]
