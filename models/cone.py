"""A window and the same window with a few letters changed, answered together: only what the change reaches is done twice.

The steps of a network are written down (``models.difference_trace``) and walked once for many windows. As long as a step
acts place by place or on neighbouring places, the changed window is kept as the stretch that differs; a step that ties
all places together is run on whole results. Unlike ``models.difference``, which follows every change of one window, each
window here is another one, all changed at the same place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.cone_edges import Edges
from models.cone_shared import shared_steps
from models.cone_walk import Stretch, Walk
from models.difference_fold import folded
from models.difference_trace import Program


class Cone:
    """A function of windows that can be asked for a window and its changes at once.

    Args:
        program: its steps, (n, 4, window) -> (n, numbers).
        window: (1, 4, window), an example.

    Raises:
        Untraceable: when a layer behaves as in training.
    """

    def __init__(self, program: Program, window: Tensor) -> None:
        self.program = folded(program, window)
        self.window = window.shape[2]
        with torch.no_grad():
            shared = shared_steps(self.program, self.program.run(window))
        self.sliding = shared
        self.shared = sorted(shared.lengths.keys() - {0})
        self.rest = [at for at in range(1, len(self.program.steps) + 1) if at not in shared.lengths]
        read = {ref.index for at in self.rest for ref in self.program.steps[at - 1].refs()} | {
            self.program.answer.index
        }
        self.handed_on = sorted(read & shared.lengths.keys())

    @torch.no_grad()
    def whole(self, x: Tensor) -> Tensor:
        """The function itself: (n, 4, window) -> (n, numbers)."""
        walk = Walk(self.program, {0: x}, {})
        walk.run([*self.shared, *self.rest], ())
        return walk.answer()

    @torch.no_grad()
    def both(self, x: Tensor, offsets: tuple[int, ...], place: int, columns: Tensor) -> Tensor:
        """The function of several windows along each stretch, and of the same windows changed.

        What only reads neighbouring places is computed once for all windows of a stretch, and again at the ends of a
        window as far as padding reaches.

        Args:
            x: (n, 4, length), stretches.
            offsets: where in a stretch its windows begin, 0-based.
            place: the first changed letter, 0-based in the stretch, the same in all, inside every window.
            columns: (n, changes, 4, letters), what stands there instead.

        Returns:
            (n, windows, 1 + changes, numbers), the unchanged first.
        """
        wide, edges = self._wide(x, place, columns, offsets)
        found = []
        for offset in offsets:
            walk = self._walk(wide, edges, offset)
            found.append(torch.cat([walk.answer()[:, None], walk.changed_answer().unflatten(0, columns.shape[:2])], 1))
        return torch.stack(found, 1)

    def _wide(self, x: Tensor, place: int, columns: Tensor, offsets: tuple[int, ...]) -> tuple[Walk, Edges]:
        """The shared steps over whole stretches, and what differs from them at the ends of the windows."""
        wide = Walk(self.program, {0: x}, {0: Stretch(place, columns.flatten(0, 1))}, columns.shape[1])
        edges = Edges(self.sliding, wide, offsets, x.shape[2] - self.window)
        wide.run(self.shared, self.handed_on, edges.take)
        return wide, edges

    def _walk(self, wide: Walk, edges: Edges, offset: int) -> Walk:
        """The other steps for the windows that begin at an offset."""
        results = {at: edges.window(at, offset) for at in self.handed_on}
        changed = {at: edges.changed_window(at, offset) for at in self.handed_on}
        walk = Walk(self.program, results, changed, wide.changes)
        walk.run(self.rest, ())
        return walk

    @torch.no_grad()
    def work(self, x: Tensor, place: int) -> tuple[int, int, int]:
        """Multiplications of windows (n, 4, window), those that a letter takes part in, and those in shared steps: about."""
        wide, edges = self._wide(x, place, x[:, None, :, place : place + 1], (0,))
        walk = self._walk(wide, edges, 0)
        return max(wide.work[0] + walk.work[0], 1), wide.work[1] + walk.work[1], wide.work[0]
