"""The profile network: what it may see, that its answer is a profile, and that its loss is least at the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.core import Model, ModelSpec, Target, Track
from models.profile import ProfileNetwork, profile_loss
from models.profile_data import INPUT_LENGTH, MARGIN, OUTPUT_LENGTH
from models.profile_task import ProfileRecipe, model_spec


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ProfileNetwork(filters=8).eval().requires_grad_(False)


def letters(n=2, length=INPUT_LENGTH, seed=0):
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def test_five_hundred_letters_give_three_hundred_positions_on_two_strands(network):
    y = network(letters())
    assert y.shape == (2, 2, OUTPUT_LENGTH)
    assert network.margin == MARGIN
    assert (y > 0).all()


def test_every_letter_of_the_window_and_no_other_can_be_seen(network):
    x = letters(1).requires_grad_(True)
    network.shape(network._features(x))[0, 0, 0].backward()
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero().flatten()
    assert (seen.min(), seen.max()) == (0, 2 * MARGIN)


def test_a_window_one_base_further_has_the_same_shape_one_base_further(network):
    x = letters(1, INPUT_LENGTH + 1)
    near, far = (network(x[:, :, start : start + INPUT_LENGTH]).log() for start in (0, 1))
    difference = near[:, :, 1:] - far[:, :, :-1]  # shapes agree up to the sum of their own window
    assert difference.std() < 1e-4


def test_counts_add_up_over_positions(network):
    """What two windows that lie side by side expect sums to what the long window expects."""
    x = letters(1, 2 * OUTPUT_LENGTH + 2 * MARGIN)
    halves = [network(x[:, :, start : start + INPUT_LENGTH]).sum() for start in (0, OUTPUT_LENGTH)]
    assert network(x).sum() == pytest.approx(float(sum(halves)), rel=1e-5)


def test_an_answer_depends_on_no_other_row(network):
    x = letters(5)
    np.testing.assert_allclose(network(x)[3:4], network(x[3:4]), rtol=1e-5)


def test_the_embedding_is_one_row_of_features_per_window(network):
    assert network.embed(letters(3)).shape == (3, 8)


def test_even_filter_lengths_are_refused():
    with pytest.raises(ValueError, match="odd"):
        ProfileNetwork(stem_length=20)
    with pytest.raises(ValueError, match="layers"):
        ProfileNetwork(layers=0)


def test_both_strands_are_one_function_with_strands_swapped(network):
    model = Model(model_spec(ProfileRecipe(members=1)), [network])
    x = letters(2)
    np.testing.assert_allclose(model(x.flip(1, 2)), model(x).flip(1, 2), rtol=1e-5)


def test_counts_and_shape_of_the_pair_can_be_explained(network):
    model = Model(model_spec(ProfileRecipe(members=1)), [network])
    x = letters(2).requires_grad_(True)
    y = model(x)
    for reduce in ("counts", "profile"):
        one, other = (Target(track.name, reduce).scalar(model.spec, y) for track in model.spec.tracks)
        assert torch.allclose(one, other)  # a pair has one sum and one shape
        gradient = torch.autograd.grad(one.sum(), x, retain_graph=True)[0]
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0


def test_the_model_says_that_it_is_synthetic():
    spec = model_spec(ProfileRecipe())
    assert "No organism" in spec.origin
    assert isinstance(spec, ModelSpec)
    assert all(isinstance(track, Track) and track.kind == "profile" for track in spec.tracks)


def test_the_loss_is_least_at_the_observed_reads():
    generator = torch.Generator().manual_seed(1)
    reads = torch.poisson(torch.full((2, 2, 5), 4.0), generator=generator) + 1
    found = (torch.rand(2, 2, 5, generator=generator) + 1).requires_grad_(True)
    optimizer = torch.optim.Adam([found], lr=0.1)
    for _ in range(600):
        optimizer.zero_grad()
        profile_loss(found, reads, mean_reads=10.0, count_weight=1.0).backward()
        optimizer.step()
    assert torch.allclose(found.detach(), reads, rtol=0.02)


def test_the_shape_loss_is_the_multinomial_one_and_the_count_loss_the_squared_logarithm():
    reads = torch.tensor([[[3.0, 1.0], [0.0, 4.0]]])
    answer = torch.tensor([[[1.0, 1.0], [2.0, 4.0]]])
    shape = -(3 * np.log(1 / 8) + np.log(1 / 8) + 4 * np.log(4 / 8)) / 10
    assert float(profile_loss(answer, reads, mean_reads=10.0, count_weight=0.0)) == pytest.approx(shape, rel=1e-5)
    twice = float(profile_loss(2 * answer, reads, mean_reads=10.0, count_weight=3.0))
    assert twice == pytest.approx(shape + 3 * (np.log(9) - np.log(17)) ** 2, rel=1e-5)


def test_the_shape_scalar_is_a_function_whose_contributions_add_up(network):
    """Its gradient, summed along a path between two windows, is its difference: no part of it is held constant."""
    model = Model(model_spec(ProfileRecipe(members=1)), [network])
    target = Target("reads +", "profile")
    start, end = letters(1, seed=1).double(), letters(1, seed=2).double()
    double = model.double()
    total = 0.0
    nodes, weights = np.polynomial.legendre.leggauss(32)
    for node, weight in zip(nodes, weights, strict=True):
        x = (start + (node + 1) / 2 * (end - start)).requires_grad_(True)
        gradient = torch.autograd.grad(target.scalar(model.spec, double(x)).sum(), x)[0]
        total += weight / 2 * float((gradient * (end - start)).sum())
    whole = float(target.scalar(model.spec, double(end)) - target.scalar(model.spec, double(start)))
    network.float()
    assert total == pytest.approx(whole, rel=1e-3, abs=1e-5)
