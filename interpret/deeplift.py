"""DeepLIFT with shuffled references: how much of the change from each reference goes through each base.

The rescale rule (``interpret.rescale``) per reference, then the mean over references, as in DeepSHAP (Lundberg, Lee 2017,
arXiv 1705.07874).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from interpret.attribution import Explained, Float, from_references
from interpret.references import reference_windows
from interpret.rescale import pair, parted
from models.core import Model, ModelSpec, Target
from models.engine import Progress, Runner


@dataclass(frozen=True)
class Multipliers:
    """How the scalar changes with each base between a reference and a window, by the rescale rule, for each component.

    Rows are (x, reference), both (n, 4, window). Returns multipliers (n, components, 4, window) and the values f(x) and
    f(reference), both (n, components).
    """

    target: Target
    passes: int = 2
    gradient: bool = True

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        per_call = max(1, batch // self.passes)
        parts = [self._of(model, *both) for both in zip(rows[0].split(per_call), rows[1].split(per_call), strict=True)]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _of(self, model: Model, x: Tensor, reference: Tensor) -> tuple[Tensor, ...]:
        multipliers, values, ends = [], [], []
        for component in model.components:
            letters = x.detach().clone().requires_grad_()
            answer = self.target.scalar(model.spec, model.component(pair(letters, reference), *component))
            value, end = parted(answer)
            multipliers.append(torch.autograd.grad(value.sum(), letters)[0])
            values.append(value.detach())
            ends.append(end)
        return torch.stack(multipliers, 1), torch.stack(values, 1), torch.stack(ends, 1)


def explain(
    run: Runner,
    x: Float,
    spec: ModelSpec,  # noqa: ARG001  the signature of every method
    target: Target,
    baseline: str,
    seed: int,
    progress: Progress | None,
) -> Explained:
    """What goes through each base of each window, compared with its references.

    Args:
        run: the engine, bound to a model.
        x: float32 (windows, 4, window), one-hot.
        spec: that model.
        target: the scalar to explain.
        baseline: ``shuffled`` (20 dinucleotide-preserving shuffles), ``uniform`` (0.25 each) or ``zeros``.
        seed: of the shuffles.
        progress: called with the share done.

    Raises:
        ValueError: for an unknown baseline.
        UserError: when the rule does not cover a step of this network; the text says which.
    """
    references = reference_windows(x, baseline, seed=seed)  # type: ignore[arg-type]  # checked there
    count = references.shape[:2]
    rows = (np.repeat(x, count[1], axis=0), references.reshape(-1, *x.shape[1:]))
    multipliers, values, ends = (
        part.reshape(*count, *part.shape[1:]) for part in run(Multipliers(target), rows, progress)
    )
    return from_references(x, references, multipliers, values[:, 0], ends)
