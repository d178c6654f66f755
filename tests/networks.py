"""Small networks of the kinds that people explain: (n, 4, length) -> (n, tracks, 1), with random weights of a fixed seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.core import Model, ModelSpec, Track

LENGTH = 60  # bp that every network here reads


class Basset(nn.Module):
    """Convolution, relu and max pooling, then dense layers over all that is left."""

    def __init__(self, tracks: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(4, 12, 9, padding=4),
            nn.BatchNorm1d(12),
            nn.ReLU(),
            nn.MaxPool1d(3),
            nn.Conv1d(12, 10, 5),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(10 * 8, 16),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(16, tracks),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, 60) -> (n, tracks, 1)."""
        return self.layers(x)[:, :, None]


class DilatedResidual(nn.Module):
    """BPNet in small: dilated convolutions added to what was there, and a mean."""

    def __init__(self, tracks: int = 2, filters: int = 8, layers: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, filters, 7, padding=3)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)
        )
        self.activations = nn.ModuleList(nn.ReLU() for _ in range(layers + 1))
        self.head = nn.Linear(filters, tracks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, tracks, 1)."""
        h = self.activations[0](self.first(x))
        for layer, activation in zip(self.dilated, list(self.activations)[1:], strict=True):
            h = h + activation(layer(h))
        return self.head(h.mean(2))[:, :, None]


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1 that depends on the means of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, 4), nn.SiLU(), nn.Linear(4, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, places) -> the same shape."""
        return x * self.layers(x.mean(2))[:, :, None]


class Excited(nn.Module):
    """LegNet in small: convolutions with squeeze and excitation at ever coarser places."""

    def __init__(self, tracks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, 10, 7, padding="same", bias=False), nn.BatchNorm1d(10), nn.SiLU())
        self.block = nn.Sequential(
            nn.Conv1d(10, 20, 1), nn.SiLU(), nn.Conv1d(20, 20, 5, padding="same", groups=20), nn.SiLU()
        )
        self.excite = SqueezeExcite(20)
        self.join = nn.Sequential(nn.Conv1d(30, 12, 5, padding="same"), nn.BatchNorm1d(12), nn.SiLU(), nn.MaxPool1d(2))
        self.head = nn.Linear(12, tracks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, tracks, 1)."""
        h = self.stem(x)
        h = self.join(torch.cat([self.excite(self.block(h)), h], dim=1))
        return self.head(h.mean(2))[:, :, None]


class Attention(nn.Module):
    """Words by convolution, then self-attention between them."""

    def __init__(self, tracks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, 12, 7, padding=3), nn.GELU(), nn.AvgPool1d(4))
        self.layer = nn.TransformerEncoderLayer(12, 3, 24, batch_first=True)
        self.head = nn.Linear(12, tracks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, tracks, 1)."""
        return self.head(self.layer(self.stem(x).transpose(1, 2)).mean(1))[:, :, None]


class ReadInOrder(nn.Module):
    """Words by convolution, then a recurrent layer that reads them in order."""

    def __init__(self, tracks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, 12, 7, padding=3), nn.GELU(), nn.MaxPool1d(2))
        self.reader = nn.LSTM(12, 8, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, tracks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, tracks, 1)."""
        h, _ = self.reader(self.stem(x).transpose(1, 2))
        return self.head(torch.cat([h.mean(1), h.amax(1)], dim=1))[:, :, None]


NETWORKS: tuple[type[nn.Module], ...] = (Basset, DilatedResidual, Excited, Attention, ReadInOrder)


def network(kind: type[nn.Module], seed: int = 0) -> nn.Module:
    """One of them in evaluation mode, with normalisation layers that have seen data, and effects of some tenths."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = kind()
        for part in made.modules():
            if isinstance(part, (nn.Conv1d, nn.Linear)):
                part.weight.data.mul_(2)
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
                nn.init.normal_(part.weight, 1, 0.2)
                nn.init.normal_(part.bias, 0, 0.2)
    return made.eval().requires_grad_(False)


def model_of(
    *members: nn.Module, length: int = LENGTH, strand_rule: str = "forward", context: tuple[str, str] = ("", "")
) -> Model:
    """Networks of two tracks as one ensemble."""
    spec = ModelSpec(
        model_id=f"{type(members[0]).__name__.lower()}-000000000000",
        name=type(members[0]).__name__.lower(),
        title="A small network",
        input_length=length,
        output_length=1,
        resolution=length,
        tracks=(Track("one", "toy", "none", "log odds"), Track("two", "toy", "none", "log odds")),
        strand_rule=strand_rule,  # type: ignore[arg-type]
        n_members=len(members),
        context=context,
    )
    return Model(spec, members)
