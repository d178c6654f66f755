"""Networks that are timed: of published shapes, with random weights of a fixed seed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.adapters.legnet import LegNet
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


def bpnet_like() -> Model:
    """The BPNet-like network over 2,114 bp."""
    torch.manual_seed(0)
    return _measured("bpnet-like", BPNetLike(), 2_114)


def legnet_like() -> Model:
    """MPRA-LegNet as published, over 230 bp.

    Its normalisation has seen random DNA, so that no signal dies out, with the variance doubled: with random weights at
    full size a path has so many kinks that captum's 50 points do not add up either, and nothing could be compared.
    """
    torch.manual_seed(0)
    network = LegNet(both_strands=False)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm1d)]
    for norm in norms:
        norm.momentum = None  # the plain mean over what it sees
    network.train()
    with torch.no_grad():
        network(torch.from_numpy(random_windows(256, 230)))
    for norm in norms:
        norm.running_var *= 2  # type: ignore[operator]
    return _measured("legnet-like", network, 230)


def random_windows(count: int, window: int, seed: int = 0) -> np.ndarray:
    """float32 (count, 4, window), one-hot."""
    bases = np.random.default_rng(seed).integers(0, 4, (count, window))
    return np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy()


def _measured(name: str, network: nn.Module, window: int) -> Model:
    """A model of one track whose standard deviation is that over random DNA: it sets when contributions add up."""
    network.eval()
    with torch.inference_mode():
        sd = float(network(torch.from_numpy(random_windows(32, window, seed=1))).std())
    spec = ModelSpec(
        f"{name}-000000000000",
        name,
        "",
        window,
        1,
        window,
        (Track("counts", "random DNA", "none", "log", sd=sd),),
        "forward",
        1,
    )
    return Model(spec, [network])
