"""A sum over short words, read off as a table: equal to full passes, and found by the steps of a network alone."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from models import registry
from models.alleles import one_hot, scalars, ways_for
from models.difference_trace import Untraceable, trace
from models.kmer import KmerModel
from models.words import Words
from tests.networks import LENGTH, NETWORKS, model_of, network


class WordsByConvolution(nn.Module):
    """Filters of five letters, bent, and added up over all places."""

    def __init__(self, *, padding: int = 0, length: int = 5, bent_again: bool = False) -> None:
        super().__init__()
        self.filters = nn.Conv1d(4, 8, length, padding=padding)
        self.head, self.bent_again = nn.Linear(8, 2), bent_again

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, 2, 1)."""
        h = torch.relu(self.filters(x)).sum(2)
        return self.head(torch.tanh(h) if self.bent_again else h)[:, :, None]


def made(kind: type[nn.Module], **options: object) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        built = kind(**options)
        if isinstance(built, KmerModel):
            nn.init.normal_(built.weight)
            nn.init.normal_(built.bias)
    return built.eval().requires_grad_(False)


def codes(*shape: int) -> Tensor:
    """Letters with an N among eight."""
    drawn = torch.randint(0, 8, shape, generator=torch.Generator().manual_seed(3))
    return torch.where(drawn == 7, 4, drawn % 4).to(torch.uint8)


@pytest.mark.parametrize("kind", [KmerModel, WordsByConvolution])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_sum_over_words_is_what_full_passes_say_of_every_window_and_change(kind, strand):
    model = model_of(made(kind), strand_rule="average")
    function, window = partial(scalars, model, (0, strand)), one_hot(codes(1, LENGTH))
    words = Words(trace(function, window), window)
    assert words.length == (6 if kind is KmerModel else 5)
    stretches, letters, offsets, place = codes(4, LENGTH + 20), codes(4, 3) % 4, (0, 7, 20), 30
    changed = stretches[:, None].repeat(1, 4, 1)
    changed[:, 1:, place] = letters
    windows = torch.stack([changed[..., first : first + LENGTH] for first in offsets], 1)
    with torch.no_grad():
        wanted = function(one_hot(windows.flatten(0, 2))).unflatten(0, windows.shape[:3])
    found = words.both(stretches, offsets, place, letters)
    assert (found - wanted).abs().max() < 1e-5 * (1 + wanted.abs().max())
    assert torch.equal(words.whole(windows[:, 1, 0]), found[:, 1, 0])
    same = letters == stretches[:, place, None]
    assert same.any()
    assert torch.equal(
        found[:, :, 1:][same[:, None].expand(-1, 3, -1)],
        found[:, :, :1].expand(-1, -1, 3, -1)[same[:, None].expand(-1, 3, -1)],
    )


@pytest.mark.parametrize(
    "other",
    [
        made(WordsByConvolution, padding=2),
        made(WordsByConvolution, length=7),
        made(WordsByConvolution, bent_again=True),
        *(network(kind) for kind in NETWORKS),
    ],
)
def test_every_other_network_is_refused(other):
    model, window = model_of(other), one_hot(codes(1, LENGTH))
    program = trace(partial(scalars, model, (0, "+")), window)
    with pytest.raises(Untraceable, match="no sum over"):
        Words(program, window)
    assert not ways_for(model).words


@pytest.mark.parametrize("name", ["simple", "simple-retina", "simple-lentimpra"])
def test_the_baselines_that_come_along_are_looked_up(name):
    ways = ways_for(registry.load(registry.spec(name).model_id))
    assert [words.length for words in ways.words] == [6] * len(ways.words) != []
    assert ways.how.startswith("Looked up")
