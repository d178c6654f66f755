"""The transformer family: words by convolution, then attention between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.reporter_parts import Head, ReporterNetwork, Stem, second_words


class Transformer(ReporterNetwork):
    """A reporter's activity from its letters by convolution and self-attention.

    Args:
        n_tracks: tracks; the answer holds their means and then their log variances.
        filters: words looked for.
        filter_length: bp per word, odd.
        width: features per place, a multiple of ``heads``.
        layers: layers of attention.
        heads: heads of attention.
        places: places after the convolutions, for the learned positions.
        hidden: width of the head.
        dropout: share of features left out while training.
    """

    def __init__(
        self,
        n_tracks: int = 3,
        filters: int = 96,
        filter_length: int = 11,
        width: int = 96,
        layers: int = 2,
        heads: int = 4,
        places: int = 57,
        hidden: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = Stem(filters, filter_length)
        self.second = second_words(filters, width, dropout)
        self.positions = nn.Parameter(0.02 * torch.randn(places, width))
        self.layers = nn.ModuleList(AttentionLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = Head(2 * width, hidden, n_tracks, dropout)

    def pooled(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 2 * width)."""
        h = self.second(self.stem(x)).transpose(1, 2) + self.positions  # (n, places, width)
        for layer in self.layers:
            h = layer(h)
        h = self.norm(h)
        return torch.cat([h.mean(1), h.amax(1)], dim=1)


class AttentionLayer(nn.Module):
    """Every place looks at every other, then changes by itself; both are added to what was there."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width=} must be a multiple of {heads=}")
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.own = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        """(n, places, width) -> the same shape."""
        n, places, width = h.shape
        parts = self.asked(self.before(h)).view(n, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (n, heads, places, width / heads)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, places, width)
        h = h + self.dropout(self.joined(seen))
        return h + self.dropout(self.own(self.after(h)))  # type: ignore[no-any-return]
