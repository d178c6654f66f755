"""A small convolutional network that reads 100 bp and gives the log odds that each factor binds."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NormedConvolution(nn.Module):
    """Filters along DNA whose answers have mean 0 and variance 1 over the training rows, then a scale and an offset.

    While it is trained it normalises by batch; afterwards scale and offset are folded into the filters, so that an
    answer depends on no other row.

    Args:
        channels: rows of the input.
        filters: rows of the output.
        length: positions each filter reads.
    """

    def __init__(self, channels: int, filters: int, length: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, filters, length, bias=False)
        self.norm = nn.BatchNorm1d(filters)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, positions) -> (n, filters, positions - length + 1)."""
        if self.training:
            return self.norm(self.convolution(x))  # type: ignore[no-any-return]
        mean, variance = self.norm.get_buffer("running_mean"), self.norm.get_buffer("running_var")
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        offset = self.norm.bias - mean * scale
        return F.conv1d(x, self.convolution.weight * scale[:, None, None], offset)


class TFBinding(nn.Module):
    """Motif detectors, how they stand to one another, and where.

    Filters of motif length, whose answer is raised to a power of e (a probability from a log-odds score, which makes
    filters read as motifs), a mean over neighbouring positions, filters that combine them over some 40 bp, and a
    weighted sum over filters and places. Every step is smooth, so that integrated gradients converge with few points.

    Args:
        n_tracks: factors.
        input_length: bp.
        filters: motif filters.
        filter_length: bp each filter reads.
        pool: positions averaged into one.
        combined: filters of the second layer.
        combined_length: pooled positions that the second layer reads.
        dropout: share of values hidden during training.
    """

    def __init__(
        self,
        n_tracks: int = 2,
        input_length: int = 100,
        filters: int = 64,
        filter_length: int = 21,
        pool: int = 8,
        combined: int = 64,
        combined_length: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        places = (input_length - filter_length + 1) // pool - combined_length + 1
        if places < 1:
            raise ValueError(f"{input_length=}, {filter_length=}, {pool=}, {combined_length=}")
        self.pool, self.dropout = pool, dropout
        self.motifs = NormedConvolution(4, filters, filter_length)
        self.combine = NormedConvolution(filters, combined, combined_length)
        self.head = nn.Linear(combined * places, n_tracks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, n_tracks, 1) log odds."""
        h = F.dropout(self.embed(x), self.dropout, self.training)
        return self.head(h)[:, :, None]  # type: ignore[no-any-return]

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, combined * places): the features before the last layer."""
        h = F.avg_pool1d(self.motifs(x).exp(), self.pool)  # (n, filters, pooled positions)
        h = F.dropout(h, self.dropout, self.training)
        return F.gelu(self.combine(h)).flatten(1)

    @torch.no_grad()
    def rescale(self, slope: Tensor, intercept: Tensor) -> None:
        """Changes each track's log odds y to ``slope`` * y + ``intercept`` (both (n_tracks,)), kept in the weights."""
        self.head.weight.mul_(slope[:, None])
        self.head.bias.mul_(slope).add_(intercept)
