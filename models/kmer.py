"""The parsimonious model: every word of six letters adds a fixed amount, wherever it stands."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class KmerModel(nn.Module):
    """Adds up one weight per word of the sequence: f(x) = b + sum over words of w(word).

    It is written as products of one-hot columns, so it is a polynomial of degree ``k`` in the input: integrated gradients
    are exact with k / 2 Gauss-Legendre points, and a word that holds N adds nothing.

    Args:
        n_tracks: factors.
        k: bp per word, even.
    """

    def __init__(self, n_tracks: int = 2, k: int = 6) -> None:
        super().__init__()
        if k < 2 or k % 2:
            raise ValueError(f"{k=} must be even")
        self.half_length = k // 2
        self.weight = nn.Parameter(torch.zeros(n_tracks, 4**self.half_length, 4**self.half_length))
        self.bias = nn.Parameter(torch.zeros(n_tracks))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, n_tracks, 1) log odds."""
        return (self.counts(x) @ self.weight.flatten(1).T + self.bias)[:, :, None]

    def counts(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 4^k): how often each word occurs, in order of the letters, first slowest."""
        halves = self._half_words(x)  # (n, 4^half, length - half + 1)
        first = halves[:, :, : -self.half_length]  # (n, 4^half, words)
        second = halves[:, :, self.half_length :]  # (n, 4^half, words)
        return (first @ second.transpose(1, 2)).flatten(1)

    @torch.no_grad()
    def rescale(self, slope: Tensor, intercept: Tensor) -> None:
        """Changes each track's log odds y to ``slope`` * y + ``intercept`` (both (n_tracks,)), kept in the weights."""
        self.weight.mul_(slope[:, None, None])
        self.bias.mul_(slope).add_(intercept)

    def _half_words(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 4^half, length - half + 1): which half word starts at each position."""
        words = x
        for offset in range(1, self.half_length):
            kept = words[:, :, :-1]
            words = (kept[:, :, None] * x[:, None, :, offset:]).flatten(1, 2)
        return words
