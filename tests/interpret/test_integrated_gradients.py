"""Laws of integrated gradients: completeness, exactness, equality with captum, invariance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from genome.locus import Locus
from genome.sequence import Sequence
from interpret.integrated_gradients import PathGradients
from interpret.methods import attribute
from interpret.references import BASELINES, reference_windows
from models.core import Model, Target
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

FLANK = 2 * WINDOW


def explain(model: Model, length: int, *, seed: int = 0, **options: object):
    bases = random_bases(length + 2 * FLANK, seed)
    sequence = Sequence(bases, Locus("toy", 0, len(bases)))
    locus = Locus("toy", FLANK, FLANK + length)
    run = toy_engine(model).runner(model.spec.model_id)
    return attribute(run, model.spec, sequence, locus, Target("one"), **options)


@pytest.mark.parametrize("baseline", BASELINES)
def test_attributions_of_a_linear_model_are_its_weights_minus_the_reference(baseline):
    model = toy_model(Linear)
    found = explain(model, WINDOW, baseline=baseline, seed=3)
    weights = model.members[0].weights[0].numpy()
    if baseline == "zeros":
        assert np.allclose(found.hypothetical, weights, atol=1e-6)
    if baseline == "uniform":
        assert np.allclose(found.hypothetical, weights - weights.mean(0), atol=1e-6)
    assert abs(found.gap) < 1e-5
    assert found.converged
    assert found.points == 8


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("length", [7, WINDOW, 63])
def test_contributions_add_up_to_the_difference(baseline, length):
    found = explain(toy_model(Curved, n_members=2, strand_rule="average"), length, baseline=baseline)
    assert found.converged
    assert abs(found.gap) <= 0.01 * found.denominator + 0.001 * 10
    assert np.isclose(found.members.mean(0), found.values, atol=1e-6).all()
    assert np.isclose(found.strands.mean(0), found.values, atol=1e-6).all()


def test_the_gap_is_that_of_the_values_shown():
    model = toy_model(Curved)
    found = explain(model, WINDOW, baseline="zeros")
    x = torch.from_numpy(found.sequence.one_hot())[None]
    with torch.no_grad():
        difference = float(model(x)[0, 0, 0] - model(torch.zeros_like(x))[0, 0, 0])
    assert np.isclose(found.gap, found.values.sum() - difference, atol=1e-6)


def test_a_window_equals_captums_own_result_with_the_same_points():
    model = toy_model(Curved, n_members=2, strand_rule="average")
    found = explain(model, WINDOW, baseline="zeros")
    x = torch.from_numpy(found.sequence.one_hot())[None]
    explainer = IntegratedGradients(lambda y: model(y)[:, 0].mean(1))
    peer = explainer.attribute(x, baselines=0, n_steps=found.points, method="gausslegendre").detach().numpy()[0]
    assert np.allclose(found.values, peer.sum(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("points", [8, 16])
@pytest.mark.parametrize("batch", [1, 5, 64])
def test_gradients_along_a_path_equal_captums_own_whatever_the_batch(points, batch):
    model = toy_model(Curved, strand_rule="average")
    bases = np.random.default_rng(0).integers(0, 4, (3, WINDOW))
    x = torch.from_numpy(np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy())
    reference = torch.from_numpy(reference_windows(x.numpy(), "shuffled", seed=0)[:, 4])
    (ours,) = PathGradients(Target("one"), points)(model, batch, x, reference)
    for index, component in enumerate(model.components):
        explainer = IntegratedGradients(
            lambda y, component=component: model.component(y, *component)[:, 0].mean(1), multiply_by_inputs=False
        )
        peer = explainer.attribute(x, baselines=reference, n_steps=points, method="gausslegendre")
        assert torch.allclose(ours[:, index], peer.float(), atol=1e-6)


def test_a_long_locus_of_an_additive_model_keeps_the_size_of_each_element():
    model = toy_model(Linear)
    with torch.no_grad():  # every base adds what it is worth, wherever it lies in the window
        model.members[0].weights[:] = model.members[0].weights[:, :, :1]
    found = explain(model, 100, baseline="uniform")
    worth = model.members[0].weights[0, :, 0].numpy()
    expected = (found.sequence.one_hot() * (worth - worth.mean())[:, None]).sum(0)
    start, end = found.core
    assert end - start == 100
    assert np.allclose(found.values[start:end], expected[start:end], atol=1e-5)
    assert abs(found.gap) < 1e-4


def test_unknown_bases_contribute_nothing():
    model = toy_model(Curved)
    bases = random_bases(FLANK) + "ACGTNNNNNNACGTACGTNA" + random_bases(FLANK, 1)
    sequence = Sequence(bases, Locus("toy", 0, len(bases)))
    run = toy_engine(model).runner(model.spec.model_id)
    for baseline in BASELINES:
        found = attribute(
            run, model.spec, sequence, Locus("toy", FLANK, FLANK + WINDOW), Target("one"), baseline=baseline
        )
        unknown = np.array([base == "N" for base in found.sequence.bases])
        assert unknown.sum() == 7
        assert (found.hypothetical[:, unknown] == 0).all()
        assert found.converged


def test_the_same_seed_gives_the_same_letters_and_another_seed_others():
    model = toy_model(Curved)
    first = explain(model, WINDOW, baseline="shuffled", seed=1)
    again = explain(model, WINDOW, baseline="shuffled", seed=1)
    other = explain(model, WINDOW, baseline="shuffled", seed=2)
    assert (first.values == again.values).all()
    assert not np.allclose(first.values, other.values)


class Cliff(Linear):
    """All of the change happens in one tiny step of the path, which no quadrature sees."""

    def forward(self, x):
        share = x.sum((1, 2)) / x.shape[2]
        return torch.sigmoid(1e6 * (share - 0.6))[:, None, None].expand(-1, 2, 1)


def test_a_function_that_never_adds_up_is_said_not_to():
    found = explain(toy_model(Cliff), WINDOW, baseline="zeros")
    assert not found.converged
    assert found.points == 256
    assert found.relative_gap > 0.5


def test_an_unknown_baseline_is_a_programmers_error():
    with pytest.raises(ValueError, match="baseline"):
        explain(toy_model(Linear), WINDOW, baseline="random")


def test_the_letters_of_a_base_do_not_depend_on_where_the_screen_was_moved_to():
    model = toy_model(Curved)
    run = toy_engine(model).runner(model.spec.model_id)
    sequence = Sequence(random_bases(400), Locus("toy", 1003, 1403))
    left = attribute(run, model.spec, sequence, Locus("toy", 1101, 1231), Target("one"))
    right = attribute(run, model.spec, sequence, Locus("toy", 1142, 1300), Target("one"))
    letters = [
        dict(zip(found.sequence.positions[slice(*found.core)], found.values[slice(*found.core)], strict=True))
        for found in (left, right)
    ]
    shared = set(letters[0]) & set(letters[1])
    assert len(shared) == 1231 - 1142
    assert all(abs(letters[0][p] - letters[1][p]) < 1e-5 for p in shared)
