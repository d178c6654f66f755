"""A convolutional network that reads 500 bp and gives the reads expected at each of the middle 300, on either strand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ProfileNetwork(nn.Module):
    """What binds, what stands beside it, and the reads that this leaves: shape and number apart, as in BPNet.

    Filters of motif length, then layers whose filters read three positions at distances 2, 4, 8, ..., each added to what
    was known before (Avsec et al. 2021). From these features one head draws the shape of the profile over both strands
    together, and another says at each position how many reads it adds, so that counts add up over sites. No position is
    padded: an answer depends on letters alone, never on where the window ends, and a window that is longer by one base
    gives one more. Every step is smooth, so that integrated gradients converge with few points.

    Args:
        n_tracks: strands.
        filters: features at each position.
        stem_length: bp that the first filters read, odd.
        layers: dilated layers.
        head_length: positions of features from which the shape at one position is drawn, odd.
    """

    def __init__(
        self, n_tracks: int = 2, filters: int = 32, stem_length: int = 21, layers: int = 5, head_length: int = 57
    ) -> None:
        super().__init__()
        if stem_length % 2 == 0 or head_length % 2 == 0 or min(n_tracks, filters, layers) < 1:
            raise ValueError(f"{stem_length=} and {head_length=} must be odd; {n_tracks=}, {filters=}, {layers=}")
        self.stem = nn.Conv1d(4, filters, stem_length)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, dilation=2**layer) for layer in range(1, layers + 1)
        )
        self.shape = nn.Conv1d(filters, n_tracks, head_length)
        self.amount = nn.Conv1d(filters, 1, 1)
        self.margin = (stem_length - 1) // 2 + sum(2**layer for layer in range(1, layers + 1)) + (head_length - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, n_tracks, length - 2 * margin) expected reads."""
        h = self._features(x)  # (n, filters, positions + head_length - 1)
        shape = self.shape(h)  # (n, n_tracks, positions)
        shares = shape.flatten(1).softmax(1).view_as(shape)
        log_counts = self.amount(self._middle(h)).logsumexp(2, keepdim=True)  # (n, 1, 1)
        return shares * log_counts.exp()  # type: ignore[no-any-return]

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, filters): the features both heads read, as a mean over the predicted positions."""
        return self._middle(self._features(x)).mean(2)

    def _features(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, filters, positions + head_length - 1)."""
        h = F.gelu(self.stem(x))  # (n, filters, length - stem_length + 1)
        for layer in self.dilated:
            reach = layer.dilation[0]  # type: ignore[index,union-attr]
            h = h[:, :, reach:-reach] + F.gelu(layer(h))
        return h

    def _middle(self, h: Tensor) -> Tensor:
        """Features at the predicted positions alone."""
        beyond = (self.shape.kernel_size[0] - 1) // 2
        return h[:, :, beyond : h.shape[2] - beyond]


def profile_loss(answer: Tensor, reads: Tensor, *, mean_reads: float, count_weight: float) -> Tensor:
    """How badly expected reads explain observed ones, as one number: shape and number apart (Avsec et al. 2021).

    Args:
        answer: (n, tracks, bins) expected reads.
        reads: (n, tracks, bins) observed reads.
        mean_reads: typical reads of a window; the multinomial loss is given in units of it.
        count_weight: weight of the squared error of log(1 + reads of the window).
    """
    expected, observed = answer.flatten(1), reads.flatten(1)
    totals = observed.sum(1)
    log_shares = expected.clamp_min(torch.finfo(expected.dtype).tiny).log() - expected.sum(1, keepdim=True).log()
    shape = -(observed * log_shares).sum(1) / mean_reads
    number = (totals.log1p() - expected.sum(1).log1p()).square()
    return (shape + count_weight * number).mean()
