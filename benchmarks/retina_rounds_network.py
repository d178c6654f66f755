"""The quick network of the campaign's replay: of the reporter family, small enough for a hundred and thirty fits on one core."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.reporter_parts import Head, ReporterNetwork


class WordNetwork(ReporterNetwork):
    """What every word of an insert stands for, added up, and a hidden layer: a convolution whose filters are all words.

    Word counts did better than a convolutional network on the first round, and a table is read much faster than filters are
    slid along.

    Args:
        n_tracks: tracks; the answer holds their means and then their log variances.
        length: bp per word.
        width: features that each word stands for.
        hidden: width of the head.
        dropout: share of features left out while training.
    """

    def __init__(
        self, n_tracks: int = 1, length: int = 5, width: int = 96, hidden: int = 64, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.length = length
        self.table = nn.Parameter(torch.randn(4**length + 1, width) / width**0.5)
        self.norm = nn.Sequential(nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(dropout))
        self.head = Head(width, hidden, n_tracks, dropout)

    def pooled(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, width)."""
        places = x.shape[2] - self.length + 1
        letters, known = x[:, 1] + 2 * x[:, 2] + 3 * x[:, 3], x.sum(1)  # (n, length)
        words = x.new_zeros(len(x), places)
        unknown = words.clone()
        for offset in range(self.length):
            words = words + 4**offset * letters[:, offset : offset + places]
            unknown += 1 - known[:, offset : offset + places]
        nothing = len(self.table) - 1
        numbers = words.masked_fill(unknown > 0, nothing).long()
        sums = nn.functional.embedding_bag(numbers, self.table, mode="sum", padding_idx=nothing)
        return self.norm(sums / places**0.5)  # type: ignore[no-any-return]
