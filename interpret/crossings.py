"""Integrated gradients along paths with kinks: each step of the path is crossed by its slope, not judged by a derivative.

Between two pieces of DNA a network of rectifiers is a line with hundreds of kinks. A derivative at a point says nothing of
the kinks beside it, so the error of a quadrature falls with the number of points only. Here the path is cut into steps,
and the change from one end of a step to the other is handed back by the rescale rule (``interpret.rescale``; Shrikumar,
Greenside, Kundaje 2017): a signal that passes its kink within a step counts with its mean slope. The contributions add
up whatever the number of steps, and with more of them tend to integrated gradients (Sundararajan, Taly, Yan 2017): on a
BPNet-like network 8 steps are as near as 50 points. Where maxima compete (pooling) they are as near as as many points. As
the sum says nothing here, what is left is judged by halving the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from interpret.attribution import Float
from interpret.rescale import chain, parted
from models.core import Model, Target
from models.engine import Progress, Runner

FIRST_STEPS = 8
MOST_STEPS = 64
MOVED = 0.05  # how far letters may move when the steps are halved, of their size (root of the summed squares)
LONGER, SMALL = 3, 4  # chains have three times the rows of a usual batch, but where a window is so long that few fit
LOOKED_AT = 5  # references of a window whose first steps are halved to see how far its letters move


@dataclass(frozen=True)
class Crossings:
    """Mean slope along the straight path from a reference to a window, for each component.

    Rows are (x, reference), both (n, 4, window). Returns the mean slopes (n, components, 4, window): contributions are
    (x - reference) times them.
    """

    target: Target
    steps: int
    gradient: bool = True

    @property
    def passes(self) -> int:
        return self.steps + 1

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        x, reference = rows
        mean = x.new_zeros(len(x), len(model.components), *x.shape[1:])
        rows_together = batch if batch < SMALL else LONGER * batch
        for row, node, first in _chains(len(x), self.steps, rows_together):
            which = torch.from_numpy(row).to(x.device)
            share = torch.from_numpy(node).to(x)[:, None, None] / self.steps
            letters_there = torch.lerp(reference[which], x[which], share)
            counts = torch.from_numpy(~first).to(x)
            for index, component in enumerate(model.components):
                letters = letters_there.detach().requires_grad_()
                scalar = self.target.scalar(model.spec, model.component(chain(letters), *component))
                (slopes,) = torch.autograd.grad((parted(scalar)[0] * counts).sum(), letters)
                mean[:, index].index_add_(0, which, slopes / self.steps)
        return (mean,)


def _chains(
    count: int, steps: int, batch: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]]:
    """Paths cut into chains of about ``batch`` rows: one more where that keeps a path whole, and at least 2.

    Returns:
        Of each chain: which path each of its rows is of, at which end of a step it stands (0 to ``steps``), and whether a
        path is taken up there, so that it follows nothing.
    """
    longest = steps if steps <= batch else max(1, batch - 1)
    pieces = [(row, first, min(first + longest, steps)) for row in range(count) for first in range(0, steps, longest)]
    together = max(1, batch // (longest + 1))
    found = []
    for start in range(0, len(pieces), together):
        part = pieces[start : start + together]
        row = np.concatenate([np.full(last - first + 1, path) for path, first, last in part])
        node = np.concatenate([np.arange(first, last + 1) for _, first, last in part])
        begins = np.concatenate([np.arange(last - first + 1) == 0 for _, first, last in part])
        found.append((row, node, begins))
    return found


def mean_slopes(
    run: Runner, x: Float, references: Float, target: Target, progress: Progress | None
) -> tuple[Float, int, float]:
    """Slopes of every (window, reference), with the steps of a window doubled until its letters keep still.

    Args:
        run: the engine, bound to a model.
        x: float32 (windows, 4, window), one-hot.
        references: float32 (windows, references, 4, window).
        target: the scalar to explain.
        progress: called with the share done (a lower bound).

    Returns:
        float32 (windows, references, components, 4, window); the most steps of one window; and how far the letters of a
        window moved at most when its steps were halved, of their size (of ``FIRST_STEPS``: those of its first references,
        which move as far as those of all or farther, for what is off differs between references).

    Raises:
        NotCovered: when the rule does not cover a step of this network.
    """

    def crossed(which: npt.NDArray[np.int64], there: Float, steps: int) -> Float:
        rows = (np.repeat(x[which], there.shape[1], axis=0), there[which].reshape(-1, *x.shape[1:]))
        (slopes,) = run(Crossings(target, steps), rows, progress)
        return slopes.reshape(len(which), there.shape[1], *slopes.shape[1:])

    some, steps = references[:, :LOOKED_AT], FIRST_STEPS
    found = crossed(np.arange(len(x)), references, steps)
    moved = _moved(x, some, crossed(np.arange(len(x)), some, steps // 2), found[:, :LOOKED_AT])
    while len(todo := np.flatnonzero(~(moved <= MOVED))) and steps < MOST_STEPS:
        steps *= 2
        before, found[todo] = found[todo], crossed(todo, references, steps)
        moved[todo] = _moved(x[todo], references[todo], before, found[todo])
    return found, steps, float(moved.max())


def _moved(x: Float, references: Float, before: Float, after: Float) -> npt.NDArray[np.float64]:
    """float (windows,): how far the letters moved when steps were halved, of their size; 0 where there is none."""
    change = (x[:, None] - references)[:, :, None]
    letters = [(change * slopes).mean((1, 2), dtype=np.float64).sum(1) for slopes in (before, after)]
    moved, size = (np.sqrt((part**2).sum(1)) for part in (letters[1] - letters[0], letters[1]))
    return np.divide(moved, size, out=np.zeros_like(moved), where=size > 0)
