"""Networks that were trained on another order of the letters than A, C, G, T."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Reordered(nn.Module):
    """A network that is given its letters in its own order.

    Args:
        network: (n, 4, length) -> (n, tracks, bins), with the channels in the order of ``channels``.
        channels: the four letters in the network's order, e.g. ``AGCT``.
    """

    def __init__(self, network: nn.Module, channels: str) -> None:
        super().__init__()
        if sorted(channels) != list("ACGT"):
            raise ValueError(f"{channels=} must be the letters A, C, G and T in the network's order")
        self.network = network
        self.order: Tensor
        self.register_buffer("order", torch.tensor(["ACGT".index(letter) for letter in channels]), persistent=False)
        if hasattr(network, "embed"):
            self.embed = self._embed

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) with channels A, C, G, T -> (n, tracks, bins)."""
        return self.network(x.index_select(1, self.order))  # type: ignore[no-any-return]

    def _embed(self, x: Tensor) -> Tensor:
        """(n, 4, length) with channels A, C, G, T -> (n, features)."""
        return self.network.embed(x.index_select(1, self.order))  # type: ignore[no-any-return,operator]
