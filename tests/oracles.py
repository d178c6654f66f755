"""The sandbox's own grammar as a model: what a network without any error would say."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from genome.sandbox import activity
from genome.sequence import letters
from models.core import Model, ModelSpec, Track


class Grammar(nn.Module):
    """The true activity of a window, (n, 4, window) -> (n, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        found = [activity(letters(row)) for row in x.numpy().astype(np.float32)]
        return torch.tensor(found, dtype=torch.float32)[:, None, None]


class Pairs(nn.Module):
    """f(x) = sum of weights, and a bonus where two chosen letters stand together; (n, 4, window) -> (n, 1, 1)."""

    def __init__(self, window: int, bonus: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.weights = nn.Parameter(torch.randn(4, window, generator=generator))
        self.bonus = bonus

    def forward(self, x: Tensor) -> Tensor:
        both = x[:, 0, 5] * x[:, 0, 12]
        return (torch.einsum("nbl,bl->n", x, self.weights) + self.bonus * both)[:, None, None]


def one_track(
    name: str, network: nn.Module, window: int, *, unit: str = "activity", strand_rule: str = "forward"
) -> Model:
    """A model of one member and one track."""
    spec = ModelSpec(
        model_id=f"{name}-000000000000",
        name=name,
        title=name,
        input_length=window,
        output_length=1,
        resolution=window,
        tracks=(Track("activity", "none", "none", unit),),
        strand_rule=strand_rule,  # type: ignore[arg-type]
        n_members=1,
    )
    return Model(spec, [network])
