"""The contribution of each base to one scalar: what every method of attribution gives, and how windows come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.sequence import Sequence
from models.core import ModelSpec, Target
from models.tiling import Tiling, overlap_add

Float = npt.NDArray[np.float32]

RELATIVE_TOLERANCE = 0.01  # of |f(x) - mean f(reference)|
ABSOLUTE_TOLERANCE = 0.001  # of the track's standard deviation


@dataclass(frozen=True)
class Sums:
    """How the contributions of each window add up.

    Attributes:
        differences: float (windows,), f(x) - mean f(reference), in the track's unit.
        gaps: float (windows,), sum of contributions minus that, in the same unit.
    """

    differences: Float
    gaps: Float

    def met(self, sd: float) -> npt.NDArray[np.bool_]:
        """bool (windows,): |gap| <= 1 % of the difference + 0.001 of the track's standard deviation ``sd``."""
        return self.excess(sd) <= 1

    def excess(self, sd: float) -> npt.NDArray[np.floating]:
        """float (windows,): |gap| as a multiple of what is allowed; NaN counts as too much."""
        allowed = RELATIVE_TOLERANCE * np.abs(self.differences) + ABSOLUTE_TOLERANCE * sd
        return (np.abs(self.gaps) / allowed).astype(np.float32)


@dataclass(frozen=True)
class Explained:
    """What a method says of each window.

    Attributes:
        contributions: float32 (windows, components, 4, window), what each base would contribute if it stood there, in
            the track's unit; 0 at N.
        sums: how they add up; None for a method that does not promise that they do.
        points: most points on a path, or steps of it; 0 for a method without one.
        stepped: whether paths were cut into steps crossed by their mean slope, rather than read at points.
        note: one sentence on how it was computed, where there is something to say (a fallback, a refusal to save time).
    """

    contributions: Float
    sums: Sums | None
    points: int = 0
    note: str = ""
    stepped: bool = False


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
        method: how it was computed, in words.
        baseline: what the sequence was compared with.
        seed: of the shuffles.
        points: most points used on a path (or steps of it), over the windows; 0 where there is no path.
        gap: sum(values) - (f(x) - mean f(reference)), in the track's unit. This and the next three are NaN for a method
            that does not promise to add up.
        denominator: |f(x) - mean f(reference)|, in the track's unit.
        relative_gap: |gap| / denominator, a fraction.
        worst_gap: the largest |gap| of one window, in the track's unit.
        converged: whether every window meets |gap| <= 1 % of its difference + 0.001 sd of the track; None for a method
            that does not promise to add up.
        spec: the model.
        rule: one sentence on how windows were placed.
        note: one sentence on how it was computed, where there is something to say.
        hypothetical_members: float32 (n_members, 4, length), ``hypothetical`` of each member of the ensemble; None where
            the members are not known apart.
        stepped: whether paths were cut into steps crossed by their mean slope, rather than read at points.
    """

    sequence: Sequence
    hypothetical: Float
    values: Float
    members: Float
    strands: Float
    core: tuple[int, int]
    target: Target
    method: str
    baseline: str
    seed: int
    points: int
    gap: float
    denominator: float
    relative_gap: float
    worst_gap: float
    converged: bool | None
    spec: ModelSpec
    rule: str
    note: str = ""
    hypothetical_members: Float | None = None
    stepped: bool = False

    def __post_init__(self) -> None:
        length = self.sequence.length
        if self.hypothetical.shape != (4, length) or self.values.shape != (length,):
            raise ValueError(f"{self.hypothetical.shape=}, {self.values.shape=}, {length=}")
        if not np.isfinite(self.values).all():
            raise ValueError("contributions are not finite")

    @property
    def path(self) -> str:
        """How the way from the reference was followed, such as ``8 points``; empty where there is no way."""
        return f"{self.points} {'steps' if self.stepped else 'points'}" if self.points else ""

    @property
    def unit(self) -> str:
        """What contributions are counted in."""
        return self.target.unit(self.spec)

    @property
    def whole(self) -> tuple[int, int]:
        """(start, end), counted in ``sequence``, of the bases that are explained in full: one window, or the core."""
        return (0, self.sequence.length) if self.sequence.length == self.spec.input_length else self.core

    @property
    def spread(self) -> Float:
        """float32 (length,), standard deviation of each contribution between members (n - 1); zero for one member."""
        if len(self.members) == 1:
            return np.zeros_like(self.values)
        return self.members.std(axis=0, ddof=1)


def from_references(
    x: Float, references: Float, multipliers: Float, values: Float, ends: Float, *, points: int = 0
) -> Explained:
    """Contributions to a change from references: the mean over them of sum_b m_b (e_i - reference_b), 0 at N.

    Args:
        x: float32 (windows, 4, window), one-hot.
        references: float32 (windows, references, 4, window).
        multipliers: float32 (windows, references, components, 4, window), m: change of the scalar with each base.
        values: float32 (windows, components), f(x).
        ends: float32 (windows, references, components), f(reference).
        points: most points on a path, where there is one.
    """
    centred = multipliers - (references[:, :, None] * multipliers).sum(3, keepdims=True)
    contributions = (centred.mean(1) * x.sum(axis=1)[:, None, None]).astype(np.float32)
    differences = values.mean(1) - ends.mean((1, 2))
    sums = ((x[:, None] - references)[:, :, None] * multipliers).sum((3, 4), dtype=np.float64).mean((1, 2))
    return Explained(contributions, Sums(differences, (sums - differences).astype(np.float32)), points=points)


def together(
    explained: Explained,
    sequence: Sequence,
    tiling: Tiling,
    spec: ModelSpec,
    target: Target,
    *,
    method: str,
    baseline: str,
    seed: int,
) -> Attribution:
    """Brings windows together along the span and works out the completeness of what is shown.

    Raises:
        ValueError: when the sequence does not reach as far as the windows.
    """
    start, end = tiling.span
    span = sequence.part(start, end)
    hypothetical = overlap_add(explained.contributions, tiling)  # (components, 4, span)
    by_component = (hypothetical * span.one_hot()).sum(axis=1)
    grid = by_component.reshape(spec.n_members, len(spec.strands), -1)
    values = grid.mean((0, 1))
    gap = denominator = relative_gap = worst_gap = float("nan")
    converged = None
    if explained.sums is not None:
        difference = explained.sums.differences.sum(dtype=np.float64) / tiling.cover
        gap = float(values.sum(dtype=np.float64) - difference)
        denominator = float(abs(difference))
        relative_gap = abs(gap) / denominator if denominator else float(gap != 0)
        worst_gap = float(np.abs(explained.sums.gaps).max())
        converged = bool(explained.sums.met(spec.tracks[spec.track_index(target.track)].sd).all())
    return Attribution(
        sequence=span,
        hypothetical=hypothetical.mean(0),
        values=values,
        members=grid.mean(1),
        strands=grid.mean(0),
        core=(tiling.core[0] - start, tiling.core[1] - start),
        target=target,
        method=method,
        baseline=baseline,
        seed=seed,
        points=explained.points,
        gap=gap,
        denominator=denominator,
        relative_gap=relative_gap,
        worst_gap=worst_gap,
        converged=converged,
        spec=spec,
        rule=tiling.rule,
        note=explained.note,
        hypothetical_members=hypothetical.reshape(spec.n_members, len(spec.strands), 4, -1).mean(1),
        stepped=explained.stepped,
    )
