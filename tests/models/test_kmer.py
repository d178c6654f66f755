"""The parsimonious model is a sum over words, and its letters are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genome.sequence import one_hot
from models.kmer import KmerModel


def random_model(k: int = 6) -> KmerModel:
    torch.manual_seed(1)
    model = KmerModel(k=k)
    torch.nn.init.normal_(model.weight)
    torch.nn.init.normal_(model.bias)
    return model.eval().requires_grad_(False)


def summed_words(model: KmerModel, bases: str) -> list[float]:
    k = 2 * model.half_length
    weights = model.weight.flatten(1).double()
    total = model.bias.double().clone()
    for start in range(len(bases) - k + 1):
        word = bases[start : start + k]
        if "N" not in word:
            total += weights[:, sum("ACGT".index(base) * 4 ** (k - 1 - place) for place, base in enumerate(word))]
    return total.tolist()


@given(bases=st.text("ACGTN", min_size=100, max_size=100))
def test_the_answer_is_the_bias_plus_one_weight_per_word(bases: str) -> None:
    for k in (2, 4, 6):
        model = random_model(k)
        answer = model(torch.from_numpy(one_hot(bases))[None])
        assert answer.shape == (1, 2, 1)
        assert answer[0, :, 0].tolist() == pytest.approx(summed_words(model, bases), abs=1e-4)


def test_integrated_gradients_are_complete_with_three_points() -> None:
    model = random_model().double()
    random = np.random.default_rng(0)
    x = torch.from_numpy(np.eye(4)[random.integers(0, 4, (5, 100))].transpose(0, 2, 1).copy())
    reference = torch.full_like(x, 0.25)
    points, weights = np.polynomial.legendre.leggauss(3)
    gradients = torch.zeros_like(x)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        between = (reference + point * (x - reference)).requires_grad_(True)
        gradients += weight * torch.autograd.grad(model(between)[:, 0].sum(), between)[0]
    summed = (gradients * (x - reference)).sum((1, 2))
    difference = (model(x) - model(reference))[:, 0, 0]
    assert summed.tolist() == pytest.approx(difference.tolist(), abs=1e-9)


def test_rescaling_is_a_straight_line_of_the_answer() -> None:
    model = random_model()
    x = torch.from_numpy(one_hot("ACGTTGCATG" * 10))[None]
    before = model(x)[0, :, 0]
    model.rescale(torch.tensor([2.0, 0.5]), torch.tensor([-1.0, 3.0]))
    assert torch.allclose(model(x)[0, :, 0], before * torch.tensor([2.0, 0.5]) + torch.tensor([-1.0, 3.0]), atol=1e-4)


def test_a_word_of_odd_length_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        KmerModel(k=5)
