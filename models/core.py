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
from genome.sequence import one_hot

StrandRule = Literal["average", "forward"]
Reduce = Literal["mean", "counts", "profile"]

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
        sd: standard deviation of the track's explained scalar on held-out rows; sets the tolerance of convergence.
        kind: ``scalar``: a bin is one measurement; ``profile``: bins are expected reads, in which both their sum and
            their shape can be explained.
    """

    name: str
    assay: str
    biosample: str
    unit: str
    strand: Literal[".", "+", "-"] = "."
    sd: float = 1.0
    kind: Literal["scalar", "profile"] = "scalar"

    def __post_init__(self) -> None:
        if not self.name or not self.unit or not self.sd > 0:
            raise ValueError(f"{self.name=}, {self.unit=}, {self.sd=}")
        if self.strand not in (".", "+", "-") or self.kind not in ("scalar", "profile"):
            raise ValueError(f"{self.strand=}, {self.kind=}")

    @property
    def reductions(self) -> tuple[Reduce, ...]:
        """The scalars of this track that can be explained, the usual one first."""
        return ("counts", "profile") if self.kind == "profile" else ("mean",)

    @property
    def target(self) -> Target:
        """The usual scalar of this track."""
        return Target(self.name, self.reductions[0])


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
        context: letters that stand before and after every window in the assay (the adaptors of a reporter construct).
            They are put in by the model, in one orientation on either strand, and never explained.
        noise: whether the networks also predict how far one measurement scatters (log variance per track and bin).
        placements: windows in which a change is read, from a quarter window left of the centre to a quarter right of
            it; 1 is the centred window alone.
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
    context: tuple[str, str] = ("", "")
    noise: bool = False
    placements: int = 5

    def __post_init__(self) -> None:
        if not set("".join(self.context)) <= set("ACGT"):
            raise ValueError(f"{self.context=} must be made of A, C, G and T")
        numbers = (self.input_length, self.output_length, self.resolution, self.n_members, self.placements)
        if min(numbers) < 1 or not self.tracks:
            raise ValueError(f"{numbers=} must be above 0, and {self.tracks=} not empty")
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

    def strand_pair(self, index: int) -> tuple[int, ...]:
        """The tracks that measure the same thing as one track, on either strand: itself alone when it has no strand."""
        one = self.tracks[index]
        return tuple(
            i
            for i, t in enumerate(self.tracks)
            if i == index or (t.strand not in (".", one.strand) and one.strand != "." and _same_but_strand(t, one))
        )

    def usual_scalars(self, y: Tensor) -> Tensor:
        """The usual scalar of every track: (n, tracks, bins) -> (n, tracks)."""
        return torch.stack([track.target.scalar(self, y) for track in self.tracks], 1)

    @property
    def strands(self) -> tuple[str, ...]:
        """The strands that are asked: ``+`` alone, or both."""
        return ("+", "-") if self.strand_rule == "average" else ("+",)


@dataclass(frozen=True)
class Target:
    """The one scalar that is explained or compared.

    Attributes:
        track: name of the track.
        reduce: how the bins of one window become one number. ``mean``: their mean. ``counts``: natural log of one plus
            their sum, over both strands of a stranded pair. ``profile``: their shape whatever their sum: log reads
            minus their mean, weighted by each bin's share of the reads, as in BPNet (Avsec et al. 2021). There the share is
            held constant; here it moves with the reads, or contributions along a path would not add up.
    """

    track: str
    reduce: Reduce = "mean"

    def scalar(self, spec: ModelSpec, y: Tensor) -> Tensor:
        """(n, tracks, bins) -> (n,).

        Raises:
            ValueError: when the model has no such track, or the track no such scalar.
        """
        index = spec.track_index(self.track)
        if self.reduce not in spec.tracks[index].reductions:
            raise ValueError(f"{self.reduce=} is not one of {spec.tracks[index].reductions}")
        if self.reduce == "mean":
            return y[:, index].mean(1)
        both = y[:, list(spec.strand_pair(index))].flatten(1)  # (n, strands x bins)
        if self.reduce == "counts":
            return both.sum(1).log1p()
        logits = both.clamp_min(torch.finfo(y.dtype).tiny).log()
        logits = logits - logits.mean(1, keepdim=True)
        return (logits * logits.softmax(1)).sum(1)

    def unit(self, spec: ModelSpec) -> str:
        """What the scalar, and so each contribution to it, is counted in: text for an axis."""
        unit = spec.tracks[spec.track_index(self.track)].unit
        return {"mean": unit, "counts": f"log {unit}", "profile": f"log {unit}, shape only"}[self.reduce]


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
        noise: float32 (tracks, bins), standard deviation of one measurement as the networks predict it, in each
            track's unit; None where they predict none.
    """

    locus: Locus
    values: npt.NDArray[np.float32]
    members: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    spec: ModelSpec
    rule: str
    noise: npt.NDArray[np.float32] | None = None

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

    before: Tensor
    after: Tensor

    def __init__(self, spec: ModelSpec, members: Seq[nn.Module]) -> None:
        super().__init__()
        if len(members) != spec.n_members:
            raise ValueError(f"{len(members)=}, {spec.n_members=}")
        self.spec = spec
        self.members = nn.ModuleList(members)
        for name, bases in zip(("before", "after"), spec.context, strict=True):
            self.register_buffer(name, torch.from_numpy(one_hot(bases))[None], persistent=False)
        self.eval().requires_grad_(False)

    @property
    def components(self) -> tuple[tuple[int, str], ...]:
        """(member, strand) of each component, members outermost."""
        return tuple((member, strand) for member in range(self.spec.n_members) for strand in self.spec.strands)

    def component(self, x: Tensor, member: int, strand: str) -> Tensor:
        """One member's answer on one strand, (n, 4, input_length) -> (n, tracks, bins), in forward coordinates."""
        return self._answer(x, member, strand)[:, : len(self.spec.tracks)]

    def component_with_noise(self, x: Tensor, member: int, strand: str) -> tuple[Tensor, Tensor]:
        """One member's answer on one strand and the variance of a measurement around it, both (n, tracks, bins).

        Raises:
            ValueError: when the model predicts no noise.
        """
        if not self.spec.noise:
            raise ValueError(f"{self.spec.model_id} predicts no noise")
        answer = self._answer(x, member, strand)
        n_tracks = len(self.spec.tracks)
        return answer[:, :n_tracks], answer[:, n_tracks:].exp()

    def embedding(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, features): what the first member makes of the forward strand before its last layer.

        Raises:
            ValueError: when the architecture tells nothing of the kind (it has no method ``embed``).
        """
        embed = getattr(self.members[0], "embed", None)
        if embed is None:
            raise ValueError(f"{self.spec.model_id} has no embedding")
        return embed(self._in_context(x))  # type: ignore[no-any-return]

    def _answer(self, x: Tensor, member: int, strand: str) -> Tensor:
        """Everything one member says: (n, tracks, bins), or twice the tracks with log variances as the second half."""
        if strand == "+":
            return self.members[member](self._in_context(x))  # type: ignore[no-any-return]
        y = self.members[member](self._in_context(x.flip(1, 2)))
        order = self._swapped()
        if self.spec.noise:
            order = [*order, *(len(order) + i for i in order)]
        return y.flip(2)[:, order]  # type: ignore[no-any-return]

    def _in_context(self, x: Tensor) -> Tensor:
        """The window between the constant letters of the assay: (n, 4, before + input_length + after)."""
        if not any(self.spec.context):
            return x
        before, after = (letters.to(x).expand(len(x), -1, -1) for letters in (self.before, self.after))
        return torch.cat([before, x, after], dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, tracks, bins): mean over members and strands."""
        return torch.stack([self.component(x, *c) for c in self.components]).mean(0)

    def _swapped(self) -> list[int]:
        """Track order on the other strand: a ``+`` track changes places with the ``-`` track of the same assay."""
        return [
            next((other for other in self.spec.strand_pair(i) if other != i), i) for i in range(len(self.spec.tracks))
        ]


def _same_but_strand(one: Track, other: Track) -> bool:
    return (one.assay, one.biosample, one.unit, one.kind) == (other.assay, other.biosample, other.unit, other.kind)
