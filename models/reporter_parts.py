"""What the reporter families share: how letters are read, and how features become means and log variances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -4.0, 3.0  # of standardised labels: keeps a measurement's scatter within reason


class Stem(nn.Module):
    """Words found in the letters, and half the places."""

    def __init__(self, filters: int, filter_length: int) -> None:
        super().__init__()
        if filter_length % 2 == 0:
            raise ValueError(f"{filter_length=} must be odd")
        self.words = nn.Conv1d(4, filters, filter_length, padding=filter_length // 2, bias=False)
        self.norm = nn.BatchNorm1d(filters)
        self.pool = nn.MaxPool1d(2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, filters, length / 2)."""
        return self.pool(nn.functional.gelu(self.norm(self.words(x))))  # type: ignore[no-any-return]


def second_words(before: int, after: int, dropout: float) -> nn.Sequential:
    """Words of words at half the places: (n, before, places) -> (n, after, places / 2)."""
    return nn.Sequential(
        nn.Conv1d(before, after, 5, padding=2, bias=False),
        nn.BatchNorm1d(after),
        nn.GELU(),
        nn.AvgPool1d(2),
        nn.Dropout(dropout),
    )


class Head(nn.Module):
    """Features to means and log variances in the unit of each track.

    Attributes:
        centre, scale: (n_tracks,) mean and standard deviation of the training labels, in each track's unit.
    """

    def __init__(self, features: int, hidden: int, n_tracks: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(features, hidden), nn.BatchNorm1d(hidden), nn.GELU())
        self.dropout = nn.Dropout(dropout)
        self.mean = nn.Linear(hidden, n_tracks)
        self.log_variance = nn.Linear(hidden, n_tracks)
        self.register_buffer("centre", torch.zeros(n_tracks))
        self.register_buffer("scale", torch.ones(n_tracks))
        self.centre: Tensor
        self.scale: Tensor

    def features(self, h: Tensor) -> Tensor:
        """(n, features) -> (n, hidden)."""
        return self.first(h)  # type: ignore[no-any-return]

    def forward(self, h: Tensor) -> Tensor:
        """(n, features) -> (n, 2 * n_tracks, 1): means, then log variances, in the tracks' units."""
        h = self.dropout(self.features(h))
        mean = self.mean(h) * self.scale + self.centre
        # The scatter is read off the features without shaping them: the means alone decide what is learned.
        scatter = self.log_variance(h.detach()).clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)
        return torch.cat([mean, scatter + 2 * self.scale.log()], dim=1)[:, :, None]


class ReporterNetwork(nn.Module):
    """What every family is: features of the whole construct, however they are found, and a head."""

    head: Head

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 2 * n_tracks, 1): means, then log variances."""
        return self.head(self.pooled(x))  # type: ignore[no-any-return]

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, hidden): the features before the last layer."""
        return self.head.features(self.pooled(x))

    def pooled(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, features): each family's own part."""
        raise NotImplementedError
