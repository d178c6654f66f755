"""Which bases a prediction rests on: integrated gradients through captum, until they add up.

Sundararajan, Taly, Yan 2017 (arXiv 1703.01365). With a reference whose columns sum as the sequence's do (uniform,
shuffled), the letters are gradient-corrected at once (Majdandzic, Rajesh, Koo 2023, Genome Biology 24:109).
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genome.locus import Locus
from genome.sequence import Sequence, letters, one_hot
from models.core import Model, ModelSpec, Target
from models.engine import Progress, Runner
from models.shuffle import dinucleotide_shuffle
from models.tiling import Tiling, core_of, overlap_add, tile, windows

Float = npt.NDArray[np.float32]
Baseline = Literal["uniform", "zeros", "shuffled"]
BASELINES: tuple[Baseline, ...] = ("uniform", "zeros", "shuffled")

N_SHUFFLES = 20
FIRST_POINTS = 8
MOST_POINTS = 256
RELATIVE_TOLERANCE = 0.01  # of |f(x) - mean f(reference)|
ABSOLUTE_TOLERANCE = 0.001  # of the track's standard deviation
COVER = 4  # windows that cover each base of a long locus


@dataclass(frozen=True)
class Attribution:
    """The contribution of each base to one scalar.

    Attributes:
        sequence: the stretch that was explained, flanks of the outermost windows included.
        hypothetical: float32 (4, length), in the track's unit: what each base would contribute if it stood there.
        values: float32 (length,), the contribution of the base that stands there (hypothetical x one-hot).
        members: float32 (n_members, length), the same for each member of the ensemble.
        strands: float32 (n_strands, length), the same for each strand that was asked.
        core: (start, end) of the locus asked for, counted in ``sequence``; beyond it bases lie in fewer windows.
        target: the scalar.
        method: how it was computed.
        baseline: the reference.
        seed: of the shuffles.
        points: most points used on a path, over the windows.
        gap: sum(values) - (f(x) - mean f(reference)), in the track's unit.
        denominator: |f(x) - mean f(reference)|, in the track's unit.
        relative_gap: |gap| / denominator, a fraction.
        worst_gap: the largest |gap| of one window, in the track's unit.
        converged: whether every window meets |gap| <= 1 % of its difference + 0.001 sd of the track.
        spec: the model.
        rule: one sentence on how windows were placed.
    """

    sequence: Sequence
    hypothetical: Float
    values: Float
    members: Float
    strands: Float
    core: tuple[int, int]
    target: Target
    method: str
    baseline: Baseline
    seed: int
    points: int
    gap: float
    denominator: float
    relative_gap: float
    worst_gap: float
    converged: bool
    spec: ModelSpec
    rule: str

    def __post_init__(self) -> None:
        length = self.sequence.length
        if self.hypothetical.shape != (4, length) or self.values.shape != (length,):
            raise ValueError(f"{self.hypothetical.shape=}, {self.values.shape=}, {length=}")
        if not np.isfinite(self.values).all():
            raise ValueError("contributions are not finite")

    @property
    def unit(self) -> str:
        """What contributions are counted in."""
        return self.target.unit(self.spec)

    @property
    def whole(self) -> tuple[int, int]:
        """(start, end), counted in ``sequence``, of the bases that are explained in full: one window, or the core."""
        return (0, self.sequence.length) if self.sequence.length == self.spec.input_length else self.core


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


def attribute(
    run: Runner,
    spec: ModelSpec,
    sequence: Sequence,
    locus: Locus,
    target: Target,
    *,
    baseline: Baseline = "uniform",
    seed: int = 0,
    progress: Progress | None = None,
) -> Attribution:
    """The bases that a prediction along a locus rests on.

    A locus inside one window explains the single centred window. Along a longer one the explained scalar is the sum
    over windows divided by the number of windows that cover a base, so one element keeps the size it has in a window.
    The number of points on the path is doubled from 8 until every window adds up, at most 256.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases (edits applied) that reach a window beyond the locus on both sides.
        locus: the stretch asked for, 0-based half-open, in genome coordinates.
        target: the scalar to explain.
        baseline: ``uniform`` (0.25 each), ``zeros``, or ``shuffled`` (20 dinucleotide-preserving shuffles).
        seed: of the shuffles.
        progress: called with the share done (a lower bound while points are being raised).

    Raises:
        ValueError: for an unknown track or baseline.
    """
    if baseline not in BASELINES:
        raise ValueError(f"{baseline=} is not one of {BASELINES}")
    track = spec.track_index(target.track)
    core = core_of(sequence, locus.start, locus.end)
    tiling = tile(core, window=spec.input_length, stride=_stride(spec), origin=int(sequence.positions[0]))
    x = windows(sequence.one_hot(), tiling)
    references = reference_windows(x, baseline, seed=seed)
    paths = _converged_paths(run, x, references, target, spec.tracks[track].sd, progress)
    return _assemble(paths, x, references, sequence, tiling, spec, target, baseline, seed)


def warm() -> None:
    """Imports captum ahead of time: it takes a second that nobody should wait for."""
    from captum.attr import IntegratedGradients  # noqa: F401


def reference_windows(x: Float, baseline: Baseline, *, seed: int) -> Float:
    """The references of each window: float32 (windows, references, 4, window). N stays N in every one.

    Args:
        x: float32 (windows, 4, window), one-hot.
        baseline: which kind.
        seed: of the shuffles; the same window gets the same shuffles wherever it stands.
    """
    known = x.sum(axis=1, keepdims=True)
    if baseline == "zeros":
        return np.zeros_like(x)[:, None]
    if baseline == "uniform":
        return np.repeat(0.25 * known, 4, axis=1)[:, None]
    shuffled = np.empty((len(x), N_SHUFFLES, *x.shape[1:]), dtype=np.float32)
    for index, window in enumerate(x):
        bases = letters(window)
        for draw in range(N_SHUFFLES):
            shuffled[index, draw] = one_hot(dinucleotide_shuffle(bases, seed=_derived_seed(seed, draw)))
    return shuffled


@dataclass
class _Paths:
    """Mean gradients and end values of every (window, reference), filled in as they converge."""

    gradients: Float  # (windows, references, components, 4, window)
    values: Float  # (windows, components)
    references: Float  # (windows, references, components)
    points: npt.NDArray[np.int64]  # (windows,)
    gaps: Float  # (windows,), of the mean over components and references
    converged: npt.NDArray[np.bool_]  # (windows,)


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
                np.zeros(n_windows, bool),
            )
        paths.gradients[todo], paths.values[todo], paths.references[todo] = gradients, values, ends
        paths.points[todo] = points
        difference = values.mean(1) - ends.mean((1, 2))
        sums = ((x[todo, None] - references[todo])[:, :, None] * gradients).sum((3, 4), dtype=np.float64).mean((1, 2))
        paths.gaps[todo] = sums - difference
        paths.converged[todo] = np.abs(paths.gaps[todo]) <= (
            RELATIVE_TOLERANCE * np.abs(difference) + ABSOLUTE_TOLERANCE * sd
        )
        todo = todo[~paths.converged[todo]]
        points *= 2
        if points > MOST_POINTS:
            break
    if paths is None:
        raise ValueError("there is no window to explain")
    return paths


def _assemble(
    paths: _Paths,
    x: Float,
    references: Float,
    sequence: Sequence,
    tiling: Tiling,
    spec: ModelSpec,
    target: Target,
    baseline: Baseline,
    seed: int,
) -> Attribution:
    """Brings the windows together along the span and works out the completeness of what is shown."""
    start, end = tiling.span
    span = sequence.part(start, end)  # a ValueError when the caller gave too little beyond the locus
    centred = paths.gradients - (references[:, :, None] * paths.gradients).sum(3, keepdims=True)
    known = x.sum(axis=1)[:, None, None]
    per_component = (centred.mean(1) * known).astype(np.float32)  # (windows, components, 4, window); N contributes 0
    hypothetical = overlap_add(per_component, tiling)  # (components, 4, span)
    letters_by_component = (hypothetical * span.one_hot()).sum(axis=1)
    grid = letters_by_component.reshape(spec.n_members, len(spec.strands), -1)
    values = grid.mean((0, 1))
    difference = (paths.values.mean(1) - paths.references.mean((1, 2))).sum(dtype=np.float64) / tiling.cover
    gap = float(values.sum(dtype=np.float64) - difference)
    denominator = float(abs(difference))
    return Attribution(
        sequence=span,
        hypothetical=hypothetical.mean(0),
        values=values,
        members=grid.mean(1),
        strands=grid.mean(0),
        core=(tiling.core[0] - start, tiling.core[1] - start),
        target=target,
        method="integrated gradients",
        baseline=baseline,
        seed=seed,
        points=int(paths.points.max()),
        gap=gap,
        denominator=denominator,
        relative_gap=abs(gap) / denominator if denominator else float(gap != 0),
        worst_gap=float(np.abs(paths.gaps).max()),
        converged=bool(paths.converged.all()),
        spec=spec,
        rule=tiling.rule,
    )


def _stride(spec: ModelSpec) -> int:
    """A quarter of the window, or the next divisor of it."""
    divisors = [d for d in range(1, spec.input_length + 1) if spec.input_length % d == 0]
    return min(divisors, key=lambda d: (abs(d - spec.input_length / COVER), d))


def _derived_seed(seed: int, draw: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{draw}".encode()).digest()[:4], "big")
