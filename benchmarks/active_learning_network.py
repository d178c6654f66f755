"""The small network of the acquisition benchmark: counts of words, and two hidden layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.reporter_parts import Head, ReporterNetwork


class WordCounts(ReporterNetwork):
    """A reporter's activity from how often each word of its letters occurs, on either strand.

    Of a few thousand retina elements it learned more than a small convolutional network did, at a third of the time.

    Args:
        n_tracks: tracks; the answer holds their means and then their log variances.
        length: bp per word.
        width: features after the first layer.
        hidden: width of the head.
        dropout: share of counts and features left out while training.
    """

    powers: Tensor
    place: Tensor

    def __init__(
        self, n_tracks: int = 1, length: int = 5, width: int = 64, hidden: int = 32, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.length = length
        powers = 4 ** torch.arange(length)
        digits = torch.arange(4**length)[:, None] // powers % 4
        turned = ((3 - digits).flip(1) * powers).sum(1)
        words, place = torch.unique(torch.minimum(torch.arange(4**length), turned), return_inverse=True)
        self.register_buffer("powers", powers.float(), persistent=False)
        self.register_buffer("place", torch.cat([place, torch.tensor([len(words)])]), persistent=False)
        self.n_words = len(words)
        self.scaled = nn.BatchNorm1d(self.n_words)
        self.words = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.n_words, width), nn.BatchNorm1d(width), nn.GELU()
        )
        self.head = Head(width, hidden, n_tracks, dropout)

    def pooled(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, width)."""
        return self.words(self.scaled(self.counts(x).sqrt()))  # type: ignore[no-any-return]

    def counts(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, words): a word and its reverse complement are one; a word with N is none."""
        letters = (
            x[:, 1] + 2 * x[:, 2] + 3 * x[:, 3] + (len(self.place) - 1) * (1 - x.sum(1))
        )  # (n, positions), N is large
        words = (letters.unfold(1, self.length, 1) @ self.powers).clamp(max=len(self.place) - 1).long()
        places = self.place[words]
        counted = x.new_zeros(len(x), self.n_words + 1)
        return counted.scatter_add_(1, places, torch.ones_like(places, dtype=x.dtype))[:, :-1]
