"""Small networks of many kinds, written in modules alone, so that peers that hook modules read them too: (n, 2, 1) each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.core import Model
from models.tf_binding import TFBinding
from tests.toy_models import WINDOW, toy_spec


class Pooling(nn.Module):
    """Convolution, maximum over overlapping positions, dense head."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(4, 8, 5),
            nn.ReLU(),
            nn.MaxPool1d(3, 2),
            nn.Flatten(),
            nn.Linear(56, 16),
            nn.ReLU(),
            nn.Linear(16, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, :, None]


class Dilated(nn.Module):
    """Residual convolutions at growing distances, then a mean, as in BPNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, 8, 7, padding=3)
        self.dilated = nn.ModuleList(nn.Conv1d(8, 8, 3, padding=2**i, dilation=2**i) for i in range(1, 4))
        self.kinks = nn.ModuleList(nn.ReLU() for _ in range(4))
        self.counts = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.kinks[0](self.first(x))
        for layer, kink in zip(self.dilated, self.kinks[1:], strict=True):
            h = h + kink(layer(h))
        return self.counts(h.mean(2))[:, :, None]


class Normed(nn.Module):
    """Batch normalisation, ELU and softplus, with a residual and a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ELU(), nn.MaxPool1d(2))
        self.second = nn.Sequential(nn.Conv1d(8, 8, 3, padding=1), nn.BatchNorm1d(8), nn.Softplus())
        self.head = nn.Linear(80, 2)
        for norm in (self.first[1], self.second[1]):
            nn.init.normal_(norm.running_mean, std=0.1)
            nn.init.uniform_(norm.running_var, 0.1, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return self.head((h + self.second(h)).flatten(1))[:, :, None]


class Averaging(nn.Module):
    """Mean over positions and a head between 0 and 1."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv1d(4, 8, 5), nn.GELU(), nn.AvgPool1d(4), nn.Flatten(), nn.Linear(32, 8)),
            *(nn.Tanh(), nn.Linear(8, 2), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, :, None]


class Classes(nn.Module):
    """Probabilities that sum to one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv1d(4, 8, 5), nn.SiLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(64, 2), nn.Softmax(1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(5 * x)[:, :, None]


class Exponential(nn.Module):
    """exp as a module, for a peer that sees nothing else."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


class InModules(nn.Module):
    """The shipped tf-binding network with its activations as modules."""

    def __init__(self, network: TFBinding) -> None:
        super().__init__()
        self.motifs, self.combine, self.head = network.motifs, network.combine, network.head
        self.exponential, self.pool, self.kink = Exponential(), nn.AvgPool1d(network.pool), nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.pool(self.exponential(self.motifs(x)))
        return self.head(self.kink(self.combine(h)).flatten(1))[:, :, None]


class Gated(nn.Module):
    """Squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate, self.head = nn.Conv1d(4, 8, 5), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        h = h * torch.sigmoid(self.gate(h.mean(2)))[:, :, None]
        return self.head(h.mean(2))[:, :, None]


class Remembering(nn.Module):
    """A recurrent layer."""

    def __init__(self, layer: type[nn.RNNBase] = nn.LSTM) -> None:
        super().__init__()
        self.first, self.reader, self.head = nn.Conv1d(4, 8, 5), layer(8, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.reader(torch.relu(self.first(x)).transpose(1, 2))
        return self.head(h.mean(1))[:, :, None]


class Attending(nn.Module):
    """Every place looks at every other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv1d(4, 8, 5), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x)).transpose(1, 2)
        h = nn.functional.scaled_dot_product_attention(h, h, h)
        return self.head(h.mean(1))[:, :, None]


def one_network(network: nn.Module, *, window: int = WINDOW) -> Model:
    """A model of one member, as given strand only."""
    return Model(toy_spec(type(network).__name__.lower(), window=window), [network])


def seeded(kind: type[nn.Module]) -> nn.Module:
    """A network with fixed random weights, large enough to be far from linear."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = kind()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(2)
    return network.eval().requires_grad_(False)
