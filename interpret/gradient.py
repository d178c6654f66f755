"""How steeply a prediction rises with each base: gradient x input, with the gradient's own correction.

Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034). DNA has exactly one base at each position, so what the gradient says
of all four together means nothing: its mean over A, C, G and T is taken off (Majdandzic, Rajesh, Koo 2023, Genome
Biology 24:109). That is the first-order change from a uniform reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from interpret.attribution import Explained, Float
from models.core import Model, ModelSpec, Target
from models.engine import Progress, Runner


@dataclass(frozen=True)
class InputGradients:
    """The gradient of the scalar at each window, for each component: (n, 4, window) -> (n, components, 4, window)."""

    target: Target
    passes: int = 1
    gradient: bool = True

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([self._of(model, x) for x in rows[0].split(batch)]),)

    def _of(self, model: Model, x: Tensor) -> Tensor:
        found = []
        for component in model.components:
            letters = x.detach().clone().requires_grad_()
            scalar = self.target.scalar(model.spec, model.component(letters, *component))
            found.append(torch.autograd.grad(scalar.sum(), letters)[0])
        return torch.stack(found, dim=1)


def explain(
    run: Runner,
    x: Float,
    spec: ModelSpec,  # noqa: ARG001  the signature of every method
    target: Target,
    baseline: str,  # noqa: ARG001  there is one
    seed: int,  # noqa: ARG001  nothing is drawn
    progress: Progress | None,
) -> Explained:
    """What each base of each window would contribute to first order; it does not promise to add up.

    Args:
        run: the engine, bound to a model.
        x: float32 (windows, 4, window), one-hot.
        spec: that model.
        target: the scalar.
        baseline: uniform.
        seed: not used.
        progress: called with the share done.
    """
    (gradients,) = run(InputGradients(target), (x,), progress)
    centred = gradients - gradients.mean(axis=2, keepdims=True)
    return Explained(centred * x.sum(axis=1)[:, None, None], None)
