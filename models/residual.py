"""The convolutional residual family: words, then words of words at ever coarser places, then their mean and maximum."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from models.reporter_parts import Head, ReporterNetwork, Stem


class Residual(ReporterNetwork):
    """A reporter's activity from its letters by residual convolutions.

    Args:
        n_tracks: tracks; the answer holds their means and then their log variances.
        filters: words looked for.
        filter_length: bp per word, odd.
        widths: channels after each halving of the places.
        kernel_length: places per residual convolution, odd.
        hidden: width of the head.
        dropout: share of features left out while training.
    """

    def __init__(
        self,
        n_tracks: int = 3,
        filters: int = 96,
        filter_length: int = 11,
        widths: tuple[int, ...] = (96, 128, 160),
        kernel_length: int = 5,
        hidden: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = Stem(filters, filter_length)
        sizes = [filters, *widths]
        self.blocks = nn.ModuleList(
            ResidualBlock(before, after, kernel_length, dropout) for before, after in pairwise(sizes)
        )
        self.head = Head(2 * sizes[-1], hidden, n_tracks, dropout)

    def pooled(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 2 * channels)."""
        h = self.stem(x)  # (n, filters, length / 2)
        for block in self.blocks:
            h = block(h)  # (n, width, half the places)
        return torch.cat([h.mean(2), h.amax(2)], dim=1)


class ResidualBlock(nn.Module):
    """A wider convolution, one that is added to its input, and half the places."""

    def __init__(self, before: int, after: int, length: int, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Sequential(nn.Conv1d(before, after, 1, bias=False), nn.BatchNorm1d(after))
        self.inner = nn.Sequential(
            nn.Conv1d(after, after, length, padding=length // 2, bias=False), nn.BatchNorm1d(after), nn.GELU()
        )
        self.dropout = nn.Dropout(dropout)
        self.pool = nn.AvgPool1d(2)

    def forward(self, h: Tensor) -> Tensor:
        """(n, before, places) -> (n, after, places / 2)."""
        h = self.widen(h)
        return self.pool(h + self.dropout(self.inner(h)))  # type: ignore[no-any-return]
