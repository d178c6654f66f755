"""Networks that are only measured: of the usual size, with random weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adapters.legnet import CONSTRUCT, LegNet
from models.core import Model, ModelSpec, Track


class BPNetLike(nn.Module):
    """A dilated convolutional network of 64 filters over 2,114 bp with a counts head (459 MFLOP with its profile head)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, 64, 21, padding=10)
        self.dilated = nn.ModuleList(nn.Conv1d(64, 64, 3, padding=2**i, dilation=2**i) for i in range(1, 9))
        self.counts = nn.Linear(64, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))  # (n, 64, 2114)
        for layer in self.dilated:
            h = h + torch.relu(layer(h))  # (n, 64, 2114)
        return self.counts(h.mean(2))[:, :, None]  # (n, 1, 1)


def legnet_like() -> Model:
    """MPRA-LegNet as published, over 200 bp between its adaptors, with normalisation that has seen random DNA."""
    torch.manual_seed(0)
    network = LegNet(both_strands=False)
    bases = torch.randint(0, 4, (128, 200 + len("".join(CONSTRUCT))))
    with torch.no_grad():
        for _ in range(10):  # each round moves the running means by a tenth
            network.train()(nn.functional.one_hot(bases, 4).transpose(1, 2).float())
    track = Track("expression", "", "", "log")
    name = "legnet-like"
    return Model(
        ModelSpec(f"{name}-000000000000", name, "", 200, 1, 200, (track,), "forward", 1, context=CONSTRUCT), [network]
    )
