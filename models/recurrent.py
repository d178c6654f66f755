"""The recurrent family: words by convolution, then a bidirectional LSTM that reads them in order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.reporter_parts import Head, ReporterNetwork, Stem, second_words


class Recurrent(ReporterNetwork):
    """A reporter's activity from its letters by convolution and a bidirectional LSTM.

    Args:
        n_tracks: tracks; the answer holds their means and then their log variances.
        filters: words looked for.
        filter_length: bp per word, odd.
        width: channels of the second convolution.
        state: features that the LSTM carries in each direction.
        hidden: width of the head.
        dropout: share of features left out while training.
    """

    def __init__(
        self,
        n_tracks: int = 3,
        filters: int = 96,
        filter_length: int = 11,
        width: int = 96,
        state: int = 96,
        hidden: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = Stem(filters, filter_length)
        self.second = second_words(filters, width, dropout)
        self.reader = nn.LSTM(width, state, batch_first=True, bidirectional=True)
        self.head = Head(4 * state, hidden, n_tracks, dropout)

    def pooled(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 4 * state)."""
        h = self.second(self.stem(x))  # (n, width, length / 4)
        h, _ = self.reader(h.transpose(1, 2))  # (n, length / 4, 2 * state)
        return torch.cat([h.mean(1), h.amax(1)], dim=1)
