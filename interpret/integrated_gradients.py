"""Which bases a prediction rests on: integrated gradients until they add up.

Sundararajan, Taly, Yan 2017 (arXiv 1703.01365). With a reference whose columns sum as the sequence's do (uniform,
shuffled), the letters are gradient-corrected at once (Majdandzic, Rajesh, Koo 2023, Genome Biology 24:109).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from interpret.attribution import Explained, Float, from_references
from interpret.crossings import mean_slopes
from interpret.references import reference_windows
from interpret.rescale import NotCovered
from models.core import Model, ModelSpec, Target
from models.engine import Progress, Runner
from models.predict import Scalars

FIRST_POINTS = 8
MOST_POINTS = 256


@dataclass(frozen=True)
class PathGradients:
    """Mean gradient along the straight path from a reference to a window, for each component.

    Rows are (x, reference), both (n, 4, window). Returns the mean gradients (n, components, 4, window), by Gauss-Legendre
    quadrature: what captum gives with as many steps, in whole batches across windows and references.
    """

    target: Target
    points: int
    gradient: bool = True

    @property
    def passes(self) -> int:
        return self.points

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        x, reference = rows
        places, weights = np.polynomial.legendre.leggauss(self.points)
        place, weight = ((torch.from_numpy(part).to(x) / 2)[:, None, None] for part in (places + 1, weights))
        mean = x.new_zeros(len(x), len(model.components), *x.shape[1:])
        for steps in torch.arange(len(x) * self.points, device=x.device).split(batch):
            row, point = steps // self.points, steps % self.points
            between = torch.lerp(reference[row], x[row], place[point])
            for index, component in enumerate(model.components):
                letters = between.detach().requires_grad_()
                scalar = self.target.scalar(model.spec, model.component(letters, *component))
                (gradient,) = torch.autograd.grad(scalar.sum(), letters)
                mean[:, index].index_add_(0, row, gradient * weight[point])
        return (mean,)


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

    Paths from shuffled DNA are cut into steps (``interpret.crossings``), where the network's steps have a slope rule. Else
    the number of points on the path is raised from 8 by doubling until every window adds up, at most 256.

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
    (values,) = run(Scalars(target), (x,), None)
    (ends,) = run(Scalars(target), (references.reshape(-1, *x.shape[1:]),), None)
    ends = ends.reshape(*references.shape[:2], -1)
    sd = spec.tracks[spec.track_index(target.track)].sd
    note = ""
    if baseline == "shuffled":
        try:
            slopes, steps, moved = mean_slopes(run, x, references, target, progress)
        except NotCovered as reason:
            note = f"The path is read at points, for its steps have no slope rule here: {reason.why}."
        else:
            crossed = from_references(x, references, slopes, values, ends, points=steps)
            if crossed.sums is not None and crossed.sums.met(sd).all():
                note = f"Each step is crossed by its mean slope; with half as many the letters are {moved:.1%} away."
                return replace(crossed, note=note, stepped=True)
            note = "The path is read at points, for its steps did not add up on this network."
    gradients, points = _converged_gradients(run, x, references, values, ends, target, sd, progress)
    return replace(from_references(x, references, gradients, values, ends, points=points), note=note)


def _converged_gradients(
    run: Runner,
    x: Float,
    references: Float,
    values: Float,
    ends: Float,
    target: Target,
    sd: float,
    progress: Progress | None,
) -> tuple[Float, int]:
    """Mean gradients of every (window, reference), with the points of a window raised until it adds up; most points."""
    count, window = references.shape[1], x.shape[1:]
    gradients = np.empty((*references.shape[:2], values.shape[1], *window), dtype=np.float32)
    todo, points = np.arange(len(x)), FIRST_POINTS
    excess = np.full(len(x), np.inf)
    while True:
        rows = (np.repeat(x[todo], count, axis=0), references[todo].reshape(-1, *window))
        (found,) = run(PathGradients(target, points), rows, progress)
        gradients[todo] = found.reshape(len(todo), count, *found.shape[1:])
        sums = from_references(x[todo], references[todo], gradients[todo], values[todo], ends[todo]).sums
        before, excess[todo] = excess[todo], np.nan_to_num(sums.excess(sd), nan=np.inf)  # type: ignore[union-attr]  # it adds up
        missed = excess[todo] > 1
        todo, before = todo[missed], before[missed]
        if not len(todo) or 2 * points > MOST_POINTS:
            return gradients, points
        doublings = min(_doublings(*both) for both in zip(excess[todo], before, strict=True))
        points = min(points * 2**doublings, MOST_POINTS)


def _doublings(excess: float, before: float) -> int:
    """How often to double the points of a window, for a gap ``excess`` times too large that was ``before`` the last time.

    Along a smooth path the gap falls so fast that once is enough. Along one with many kinks it falls as points are added,
    and trying every number on the way would double the work.
    """
    if before > 3 * excess or not math.isfinite(before):
        return 1
    return max(1, math.ceil(math.log2(excess)))
