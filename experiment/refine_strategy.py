"""How a model learns from new measurements without losing the old ones: what may change, and what holds it.

Every strategy ends in a network of the parent's own architecture, so a refined model is a model folder like any other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from models.binding_data import Codes
from models.core import ModelSpec
from models.reporter_parts import LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE, ReporterNetwork
from models.reporter_task import constructs

Trained = Literal["all", "head", "adapters", "new head"]
Pick = Literal["reservoir", "balanced", "every"]
FISHER_ROWS = 500


@dataclass(frozen=True)
class Strategy:
    """What changes in a refinement and what holds it back.

    Attributes:
        name: as people call it.
        trained: ``all`` weights; the ``head`` alone; low-rank ``adapters`` of every weight matrix; or a ``new head`` for a
            new assay, beside the old ones, which stay as they are.
        replay: old rows that are shown again per new row, drawn anew for each pass; at most every old row once.
        pick: ``reservoir``: each old row is equally likely; ``balanced``: each earlier set (round, assay) is; ``every``: no
            share, every old row once per pass.
        ewc: strength of the pull of each weight to where it was, by how much the old answers hang on it (its Fisher
            information, divided by the mean over all weights).
        l2: the same pull for every weight.
        distill: share of a new row's aim that is the parent's own answer (0 none, 1 all).
        rank: of the adapters.
        passes: over the new rows; 0: as many as the plan says.
        step: largest step size, in steps of the plan's.
    """

    name: str
    trained: Trained = "all"
    replay: float = 0.0
    pick: Pick = "reservoir"
    ewc: float = 0.0
    l2: float = 0.0
    distill: float = 0.0
    rank: int = 0
    passes: int = 0
    step: float = 1.0

    def __post_init__(self) -> None:
        if min(self.replay, self.ewc, self.l2, self.rank, self.passes) < 0 or not 0 <= self.distill <= 1:
            raise ValueError(f"{self.replay=}, {self.ewc=}, {self.l2=}, {self.rank=}, {self.distill=}, {self.passes=}")
        if self.step <= 0 or (self.pick == "every" and self.replay):
            raise ValueError(f"{self.step=}, {self.pick=}, {self.replay=}")
        if (self.ewc or self.l2) and self.trained in ("adapters", "new head"):
            raise ValueError(f"{self.trained=} does not move the weights that {self.ewc=} or {self.l2=} would hold")

    @property
    def needs_old_rows(self) -> bool:
        """Whether it cannot do without rows that the parent learned from."""
        return self.replay > 0 or self.ewc > 0 or self.pick == "every"

    @property
    def keeps_norms(self) -> bool:
        """Whether the statistics of the batch norms stay the parent's: a new assay's would change every old answer."""
        return self.trained != "all" or self.ewc > 0 or self.l2 > 0


NAIVE = Strategy("naive")


class Pupil(nn.Module):
    """A network that is refined: what may not change is frozen, and evaluated as the parent is.

    Args:
        parent: the network that it starts from; copied.
        strategy: what may change.
    """

    def __init__(self, parent: nn.Module, strategy: Strategy) -> None:
        super().__init__()
        self.network = copy.deepcopy(parent).requires_grad_(strategy.trained == "all")
        self.strategy = strategy
        if strategy.trained == "head":
            self._head.requires_grad_(True)

    @property
    def _head(self) -> nn.Module:
        return self.network.head  # type: ignore[return-value]

    def train(self, mode: bool = True) -> Pupil:
        """Training mode for what is trained, evaluation mode for what is held."""
        super().train(mode)
        if mode and self.strategy.trained == "head":
            self.network.eval()
            self._head.train()
        if mode and self.strategy.keeps_norms:
            for part in self.network.modules():
                if isinstance(part, nn.BatchNorm1d):
                    part.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """As the network."""
        return self.network(x)  # type: ignore[no-any-return]

    def merged(self) -> nn.Module:
        """The refined network, of the parent's own architecture."""
        return self.network.requires_grad_(False).eval()


class Adapted(nn.Module):
    """A frozen network whose weight matrices each get a product of two thin ones added.

    Args:
        parent: the network; copied.
        rank: columns of the thin matrices; 0 leaves the network as it is.
    """

    def __init__(self, parent: nn.Module, rank: int) -> None:
        super().__init__()
        self.network = copy.deepcopy(parent).requires_grad_(False).eval()
        self.names = [name for name, weight in self.network.named_parameters() if weight.ndim >= 2]
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for name in self.names:
            weight = self.network.get_parameter(name).flatten(1)  # (out, in)
            narrow = min(rank, *weight.shape)
            self.down.append(nn.Parameter(torch.randn(narrow, weight.shape[1]) / weight.shape[1] ** 0.5))
            self.up.append(nn.Parameter(torch.zeros(weight.shape[0], narrow)))

    def train(self, mode: bool = True) -> Adapted:
        """The network itself stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def weights(self) -> dict[str, Tensor]:
        """The adapted weights by name."""
        return {
            name: self.network.get_parameter(name) + (up @ down).view_as(self.network.get_parameter(name))
            for name, up, down in zip(self.names, self.up, self.down, strict=True)
        }

    def forward(self, x: Tensor) -> Tensor:
        """As the network with its adapted weights."""
        return functional_call(self.network, self.weights(), (x,))

    @torch.no_grad()
    def merged(self) -> nn.Module:
        """The refined network, its adapters added into its weights."""
        network = copy.deepcopy(self.network)
        for name, weight in self.weights().items():
            network.get_parameter(name).copy_(weight)
        return network.eval()


class NewHead(nn.Module):
    """A last layer for a new assay, on the frozen features of a network.

    Args:
        parent: a reporter network; copied.
        n_new: tracks of the new assay.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, parent: nn.Module, n_new: int) -> None:
        super().__init__()
        if not isinstance(parent, ReporterNetwork):
            raise ValueError(f"{type(parent).__name__} has no reporter head that could be widened")
        self.network = copy.deepcopy(parent).requires_grad_(False).eval()
        hidden = self.network.head.mean.in_features
        self.mean = nn.Linear(hidden, n_new)
        self.log_variance = nn.Linear(hidden, n_new)
        self.register_buffer("centre", torch.zeros(n_new))
        self.register_buffer("scale", torch.ones(n_new))

    def train(self, mode: bool = True) -> NewHead:
        """The network itself stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 2 * n_new, 1): means and log variances of the new tracks."""
        h = self.network.embed(x)  # (n, hidden)
        mean = self.mean(h) * self.scale + self.centre
        scatter = self.log_variance(h.detach()).clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)
        return torch.cat([mean, scatter + 2 * self.scale.log()], dim=1)[:, :, None]

    @torch.no_grad()
    def merged(self) -> nn.Module:
        """The network with the new tracks after its own, whose weights are what they were."""
        network = copy.deepcopy(self.network)
        head = network.head
        for layer, new in ((head.mean, self.mean), (head.log_variance, self.log_variance)):
            layer.weight = nn.Parameter(torch.cat([layer.weight, new.weight]), requires_grad=False)
            layer.bias = nn.Parameter(torch.cat([layer.bias, new.bias]), requires_grad=False)
            layer.out_features = len(layer.weight)
        head.centre, head.scale = torch.cat([head.centre, self.centre]), torch.cat([head.scale, self.scale])
        return network.eval()


def pull(strategy: Strategy, parent: nn.Module, codes: Codes, context: tuple[str, str]) -> Callable[..., None] | None:
    """What moves the weights of a pupil back after each step, or None.

    The pull is the exact (implicit) step down strength x importance / 2 x (weight - parent's)², so any strength is
    stable, and an endless one leaves the weights where they were.

    Args:
        strategy: with its strengths.
        parent: the network that holds.
        codes: int8 (n, length), inserts that the parent learned from; only ``ewc`` looks at them.
        context: letters of the assay around them.
    """
    if not strategy.ewc and not strategy.l2:
        return None
    anchors = {name: weight.detach().clone() for name, weight in parent.named_parameters()}
    strengths = {name: torch.full_like(anchor, strategy.l2) for name, anchor in anchors.items()}
    if strategy.ewc:
        strengths = {name: strengths[name] + strategy.ewc * f for name, f in fisher(parent, codes, context).items()}

    @torch.no_grad()
    def after_step(pupil: nn.Module, rate: float) -> None:
        for name, weight in pupil.network.named_parameters():  # type: ignore[union-attr, operator]
            if weight.requires_grad:
                weight.lerp_(anchors[name], 1 - 1 / (1 + rate * strengths[name]))

    return after_step


def fisher(network: nn.Module, codes: Codes, context: tuple[str, str], *, rows: int = FISHER_ROWS) -> dict[str, Tensor]:
    """How much the answers hang on each weight: the mean over inserts of the squared derivative of the means, in shares
    of the mean over all weights.

    That is the Fisher information of a normal measurement around the mean, which needs no labels.

    Args:
        network: (n, 4, length) -> (n, 2 * tracks, 1).
        codes: int8 (n, length); ``rows`` of them, evenly spaced, are asked.
        context: letters of the assay around them.
        rows: at most.
    """
    probe = copy.deepcopy(network).requires_grad_(True).eval()
    weights = dict(probe.named_parameters())
    sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for row in np.unique(np.linspace(0, len(codes) - 1, min(rows, len(codes))).astype(int)):
        answer = probe(constructs(codes[row : row + 1], context))[0, :, 0]
        for mean in answer[: len(answer) // 2]:
            slopes = torch.autograd.grad(mean, list(weights.values()), retain_graph=True, allow_unused=True)
            for total, slope in zip(sums.values(), slopes, strict=True):
                if slope is not None:
                    total += slope.square()
    level = sum(float(total.sum()) for total in sums.values()) / sum(total.numel() for total in sums.values())
    if not level > 0:
        raise ValueError("the answers of this network hang on none of its weights")
    return {name: total / level for name, total in sums.items()}


def why_not(spec: ModelSpec, network: nn.Module) -> str | None:
    """Why a model cannot be refined here, in one sentence; None when it can."""
    if not isinstance(network, ReporterNetwork):
        return (
            f"{spec.name} cannot be refined here: only reporter networks of our own architectures (residual, recurrent, "
            "transformer) can; choose one of those, or train a model anew."
        )
    return None
