"""Which bases a prediction rests on: integrated gradients through captum, until they add up.

Sundararajan, Taly, Yan 2017 (arXiv 1703.01365). With a reference whose columns sum as the sequence's do (uniform,
shuffled), the letters are gradient-corrected at once (Majdandzic, Rajesh, Koo 2023, Genome Biology 24:109).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from interpret.attribution import Explained, Float, Sums
from interpret.references import reference_windows
from models.core import Model, ModelSpec, Target
from models.engine import Progress, Runner

FIRST_POINTS = 8
MOST_POINTS = 256


@dataclass(frozen=True)
class PathGradients:
    """Mean gradient along the straight path from a reference to a window, for each component.

    Rows are (x, reference), both (n, 4, window). Returns the mean gradients (n, components, 4, window) and the values
    f(x) and f(reference), both (n, components).
    """

    target: Target
    points: int
    gradient: bool = True

    @property
    def passes(self) -> int:
        return self.points

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        per_call = max(1, batch // self.points)
        parts = [
            self._component_gradients(model, batch, x, reference)
            for x, reference in zip(rows[0].split(per_call), rows[1].split(per_call), strict=True)
        ]
        gradients, values, references = (torch.cat(column) for column in zip(*parts, strict=True))
        return gradients, values, references

    def _component_gradients(self, model: Model, batch: int, x: Tensor, reference: Tensor) -> tuple[Tensor, ...]:
        from captum.attr import IntegratedGradients

        gradients, values, references = [], [], []
        for component in model.components:

            def scalar(y: Tensor, component: tuple[int, str] = component) -> Tensor:
                return self.target.scalar(model.spec, model.component(y, *component))

            explain = IntegratedGradients(scalar, multiply_by_inputs=False)  # type: ignore[no-untyped-call]
            with warnings.catch_warnings():
                # captum warns when one row's points exceed the internal batch; it then goes on point by point.
                warnings.filterwarnings("ignore", message="Internal batch size cannot be less than")
                gradients.append(
                    explain.attribute(
                        x,
                        baselines=reference,
                        n_steps=self.points,
                        method="gausslegendre",
                        internal_batch_size=batch if self.points * len(x) > batch else None,
                    ).detach()
                )
            with torch.no_grad():
                values.append(scalar(x))
                references.append(scalar(reference))
        return torch.stack(gradients, 1), torch.stack(values, 1), torch.stack(references, 1)


def explain(
    run: Runner,
    x: Float,
    spec: ModelSpec,
    target: Target,
    baseline: str,
    seed: int,
    progress: Progress | None,
) -> Explained:
    """What each base of each window adds on the way from the reference.

    The number of points on the path is doubled from 8 until every window adds up, at most 256.

    Args:
        run: the engine, bound to a model.
        x: float32 (windows, 4, window), one-hot.
        spec: that model.
        target: the scalar to explain.
        baseline: ``uniform`` (0.25 each), ``zeros``, or ``shuffled`` (20 dinucleotide-preserving shuffles).
        seed: of the shuffles.
        progress: called with the share done (a lower bound while points are being raised).

    Raises:
        ValueError: for an unknown track or baseline.
    """
    references = reference_windows(x, baseline, seed=seed)  # type: ignore[arg-type]  # checked there
    paths = _converged_paths(run, x, references, target, spec.tracks[spec.track_index(target.track)].sd, progress)
    centred = paths.gradients - (references[:, :, None] * paths.gradients).sum(3, keepdims=True)
    known = x.sum(axis=1)[:, None, None]
    contributions = (centred.mean(1) * known).astype(np.float32)  # (windows, components, 4, window); N contributes 0
    differences = paths.values.mean(1) - paths.references.mean((1, 2))
    return Explained(contributions, Sums(differences, paths.gaps), points=int(paths.points.max()))


def warm() -> None:
    """Imports captum ahead of time: it takes a second that nobody should wait for."""
    from captum.attr import IntegratedGradients  # noqa: F401


@dataclass
class _Paths:
    """Mean gradients and end values of every (window, reference), filled in as they converge."""

    gradients: Float  # (windows, references, components, 4, window)
    values: Float  # (windows, components)
    references: Float  # (windows, references, components)
    points: npt.NDArray[np.int64]  # (windows,)
    gaps: Float  # (windows,), of the mean over components and references


def _converged_paths(
    run: Runner, x: Float, references: Float, target: Target, sd: float, progress: Progress | None
) -> _Paths:
    """Doubles the points of every window that does not add up yet."""
    n_windows, n_references = references.shape[:2]
    paths: _Paths | None = None
    todo = np.arange(n_windows)
    points = FIRST_POINTS
    while len(todo):
        rows = (np.repeat(x[todo], n_references, axis=0), references[todo].reshape(-1, *x.shape[1:]))
        gradients, values, ends = run(PathGradients(target, points), rows, progress)
        shape = (len(todo), n_references)
        gradients, ends = gradients.reshape(*shape, *gradients.shape[1:]), ends.reshape(*shape, -1)
        values = values.reshape(*shape, -1)[:, 0]
        if paths is None:
            paths = _Paths(
                gradients,
                values,
                ends,
                np.full(n_windows, points),
                np.zeros(n_windows, np.float32),
            )
        paths.gradients[todo], paths.values[todo], paths.references[todo] = gradients, values, ends
        paths.points[todo] = points
        difference = values.mean(1) - ends.mean((1, 2))
        sums = ((x[todo, None] - references[todo])[:, :, None] * gradients).sum((3, 4), dtype=np.float64).mean((1, 2))
        paths.gaps[todo] = sums - difference
        todo = todo[~Sums(difference, paths.gaps[todo]).met(sd)]
        points *= 2
        if points > MOST_POINTS:
            break
    if paths is None:
        raise ValueError("there is no window to explain")
    return paths
