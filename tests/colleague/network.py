"""Seven tracks of reads in 8 bp bins over the middle 512 bp of 1,024, by dilated convolutions."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn


class Dilated(nn.Module):
    """(n, 4, 1024) -> (n, 7, 64) expected reads."""

    def __init__(self, width: int = 16, depth: int = 5, n_tracks: int = 7) -> None:
        super().__init__()
        self.enter = nn.Conv1d(4, width, 15, padding=7)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=2**layer, dilation=2**layer) for layer in range(depth)
        )
        self.leave = nn.Conv1d(width, n_tracks, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = nn.functional.gelu(self.enter(x))
        for layer in self.layers:
            h = h + nn.functional.gelu(layer(h))
        binned = nn.functional.avg_pool1d(h, 8)[:, :, 32:96]
        return nn.functional.softplus(self.leave(binned))


class Noisy(Dilated):
    """Forgot that dropout is for training."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(x), 0.5, training=True)


class Undefined(Dilated):
    """Divides zero by zero."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * torch.nan


class OnlyWithoutN(Dilated):
    """Divides by what stands at each place, which is nothing where N stands."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / x.sum(1).amin(1)[:, None, None]


class Stepped(Dilated):
    """Counts letters by argmax."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.one_hot(x.argmax(1), 4).transpose(1, 2).float())


class Deaf(Dilated):
    """Says the same whatever it reads."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 0)


class Company(Dilated):
    """Normalises by whoever else is asked."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y / y.sum(0, keepdim=True)


class Short(Dilated):
    """Gives fewer bins than it promised."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, :, 1:]


class Sharp(Dilated):
    """Leaps between two points of any path."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 100 * torch.sigmoid(3000 * (x[:, :, 500].amax(1) - 0.618))[:, None, None]


class Broken(Dilated):
    """Fails in its own code."""

    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("a key of its own")


class Quitting(Dilated):
    """Says goodbye as if all were well."""

    def forward(self, x: Tensor) -> Tensor:
        raise SystemExit(0)


class Endless(Dilated):
    """Never comes back."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(600)
        return super().forward(x)


class Greedy(Dilated):
    """Wants 400 GB to think."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.zeros(100_000_000_000)[:1]


def not_a_network(**options: object) -> str:
    """A function where a class should be."""
    return "hello"
