"""What each possible substitution does to one window: three full passes for every position.

The one place that long mutagenesis asks. Anything exact with the same signature may stand here instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.core import Model, ModelSpec, Target
from models.engine import Progress, Runner

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scalars:
    """The explained scalar of each component: (n, 4, window) -> (n, components)."""

    target: Target
    passes: int = 1
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([_scalars(model, self.target, x) for x in rows[0].split(batch)]),)


@dataclass(frozen=True)
class Substituted:
    """The scalar with another base at one position: rows (n, 4, window), (n,) and (n,) -> (n, components).

    The second column is the position, the third which of the other bases: 0, 1, 2 for those that follow the one that
    stands there in the order A, C, G, T, round again. One row is one pass, so that whoever waits for the device waits
    for one.
    """

    target: Target
    passes: int = 1
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        parts = zip(*(column.split(batch) for column in rows), strict=True)
        return (torch.cat([_scalars(model, self.target, _changed(*part)) for part in parts]),)


def effects(
    run: Runner,
    spec: ModelSpec,  # noqa: ARG001  what is faster asks it for the receptive field
    x: Float,
    target: Target,
    positions: npt.NDArray[np.int64],
    progress: Progress | None = None,
) -> Float:
    """What each base in place of the one that stands there does to the scalar.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        x: float32 (1, 4, window), one-hot.
        target: the scalar.
        positions: int64 (n,), 0-based in the window.
        progress: called with the share done.

    Returns:
        float32 (components, 4, n), in the target's unit: scalar with the base minus scalar as it is; 0 for the base that
        stands there, and for all four where N stands.
    """
    n = len(positions)
    own = x[0][:, positions].argmax(axis=0)  # (n,)
    known = x[0][:, positions].any(axis=0)
    before = run(Scalars(target), (x,))[0][0]  # (components,)
    where, turns = np.repeat(positions, 3), np.tile(np.arange(3), n)
    values = run(Substituted(target), (np.broadcast_to(x, (3 * n, *x.shape[1:])), where, turns), progress)[0]
    values = values.reshape(n, 3, -1)
    found = np.zeros((len(before), 4, n), dtype=np.float32)
    for turn in range(3):
        found[:, (own + 1 + turn) % 4, np.arange(n)] = np.where(known[:, None], values[:, turn] - before, 0).T
    return found


def _changed(x: Tensor, position: Tensor, turn: Tensor) -> Tensor:
    """The windows with the base at ``position`` replaced: (n, 4, window)."""
    each = torch.arange(len(x), device=x.device)
    own = x[each, :, position].argmax(1)  # (n,)
    changed = x.clone()
    changed[each, :, position] = 0.0
    changed[each, (own + 1 + turn) % 4, position] = 1.0
    return changed


def _scalars(model: Model, target: Target, x: Tensor) -> Tensor:
    """(n, 4, window) -> (n, components)."""
    return torch.stack([target.scalar(model.spec, model.component(x, *c)) for c in model.components], dim=1)
