"""What a model is, what it answers, and what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genome.locus import Locus

StrandRule = Literal["average", "forward"]

# Part of every model_id: raise it when the meaning of a prediction changes (strand averaging, tiling, N handling).
RULE_VERSION = 1


@dataclass(frozen=True)
class Track:
    """One thing a model predicts.

    Attributes:
        name: short name, unique within the model.
        assay: the experiment it imitates, e.g. ``ChIP-seq``.
        biosample: cell type or tissue it was measured in.
        strand: ``.`` when the track has no strand, else ``+`` or ``-``.
        unit: text for the axis.
        sd: standard deviation of the track on held-out rows, in ``unit``; sets the tolerance of convergence.
    """

    name: str
    assay: str
    biosample: str
    unit: str
    strand: Literal[".", "+", "-"] = "."
    sd: float = 1.0

    def __post_init__(self) -> None:
        if not self.name or not self.unit or not self.sd > 0:
            raise ValueError(f"{self.name=}, {self.unit=}, {self.sd=}")


@dataclass(frozen=True)
class ModelSpec:
    """What is known about a model without running it.

    Attributes:
        model_id: name + ``-`` + 12 hex of SHA-256 over (weights of all members, model.toml, rule version).
        name: the model's name; the newest released model of that name answers when only the name is given.
        title: a few words for people.
        input_length: window in bp.
        output_length: bins per track and window.
        resolution: bp per bin.
        tracks: what it predicts.
        strand_rule: ``average``: both strands are asked and averaged; ``forward``: as given only.
        n_members: members of the ensemble.
        card: Markdown text of the model card.
        origin: one sentence on what it was trained on.
    """

    model_id: str
    name: str
    title: str
    input_length: int
    output_length: int
    resolution: int
    tracks: tuple[Track, ...]
    strand_rule: StrandRule
    n_members: int
    card: str = field(default="", repr=False)
    origin: str = ""

    def __post_init__(self) -> None:
        if min(self.input_length, self.output_length, self.resolution, self.n_members) < 1 or not self.tracks:
            raise ValueError(f"{self.input_length=}, {self.output_length=}, {self.n_members=}, {self.tracks=}")
        if len({track.name for track in self.tracks}) != len(self.tracks):
            raise ValueError(f"track names repeat: {[track.name for track in self.tracks]}")

    def track_index(self, name: str) -> int:
        """The place of a track among ``tracks``.

        Raises:
            ValueError: when there is none of that name.
        """
        names = [track.name for track in self.tracks]
        if name not in names:
            raise ValueError(f"{name=} is not one of {names}")
        return names.index(name)

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands that are asked: ``+`` alone, or both."""
        return ("+", "-") if self.strand_rule == "average" else ("+",)


@dataclass(frozen=True)
class Target:
    """The one scalar that is explained or compared.

    Attributes:
        track: name of the track.
        reduce: how the bins of one window become one number.
    """

    track: str
    reduce: Literal["mean"] = "mean"


@dataclass(frozen=True)
class Prediction:
    """What a model predicts along a locus.

    Attributes:
        locus: the stretch that was asked for, 0-based half-open.
        values: float32 (tracks, bins), in each track's unit; mean over members and strands.
        members: float32 (n_members, tracks, bins), each member's own answer (mean over strands).
        starts: int64 (bins,), 0-based genome position where each bin starts.
        ends: int64 (bins,), one past its end.
        spec: the model that answered.
        rule: one sentence on how windows were placed.
    """

    locus: Locus
    values: npt.NDArray[np.float32]
    members: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    spec: ModelSpec
    rule: str

    def __post_init__(self) -> None:
        bins = len(self.starts)
        n_tracks = len(self.spec.tracks)
        if self.values.shape != (n_tracks, bins) or self.members.shape != (self.spec.n_members, n_tracks, bins):
            raise ValueError(f"{self.values.shape=}, {self.members.shape=}, {n_tracks=}, {bins=}")

    @property
    def spread(self) -> npt.NDArray[np.float32]:
        """float32 (tracks, bins), standard deviation between members (n - 1); zero for a single member."""
        if len(self.members) == 1:
            return np.zeros_like(self.values)
        return self.members.std(axis=0, ddof=1)


class Model(nn.Module):
    """An ensemble as one function: (n, 4, input_length) -> (n, tracks, bins), the mean over members and strands.

    It is shared by every session and thread: evaluation mode, parameters frozen, never mutated. A *component* is one
    member asked on one strand; the mean over components is the explained function, so an attribution that is linear in
    the function (integrated gradients) may be taken per component and averaged.
    """

    def __init__(self, spec: ModelSpec, members: Seq[nn.Module]) -> None:
        super().__init__()
        if len(members) != spec.n_members:
            raise ValueError(f"{len(members)=}, {spec.n_members=}")
        self.spec = spec
        self.members = nn.ModuleList(members)
        self.eval().requires_grad_(False)

    @property
    def components(self) -> tuple[tuple[int, str], ...]:
        """(member, strand) of each component, members outermost."""
        return tuple((member, strand) for member in range(self.spec.n_members) for strand in self.spec.strands)

    def component(self, x: Tensor, member: int, strand: str) -> Tensor:
        """One member's answer on one strand, (n, 4, input_length) -> (n, tracks, bins), in forward coordinates."""
        if strand == "+":
            return self.members[member](x)  # type: ignore[no-any-return]
        y = self.members[member](x.flip(1, 2))
        return y.flip(2)[:, self._swapped()]  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, tracks, bins): mean over members and strands."""
        return torch.stack([self.component(x, *c) for c in self.components]).mean(0)

    def _swapped(self) -> list[int]:
        """Track order on the other strand: a ``+`` track changes places with the ``-`` track of the same assay."""
        keys = {(t.assay, t.biosample, t.unit, t.strand): i for i, t in enumerate(self.spec.tracks)}
        other: dict[str, Literal[".", "+", "-"]] = {".": ".", "+": "-", "-": "+"}
        return [
            keys[t.assay, t.biosample, t.unit, other[t.strand]] if t.strand != "." else i
            for i, t in enumerate(self.spec.tracks)
        ]
