"""Deletion and insertion: exact on an additive model, honest about chance, and refused where there is nothing to test."""

from __future__ import annotations

import numpy as np
import pytest

from genome.errors import UserError
from genome.sequence import decoded, one_hot
from interpret import faithfulness
from interpret.faithfulness import (
    FRACTIONS,
    Curves,
    NothingToExplain,
    area,
    curves,
    deletion_test,
    ends,
    matched_order,
    matched_others,
    replaced,
    scalars,
    strongest,
)
from models.core import Target
from models.engine import Pace
from tests.toy_models import Curved, Linear, random_bases, toy_engine, toy_model

WINDOW = 60
TARGET = Target("one")
LINEAR = toy_model(Linear, window=WINDOW)
WEIGHTS = LINEAR.members[0].weights[0].detach().numpy()
RUN = toy_engine(LINEAR).runner(LINEAR.spec.model_id)
SPEC = LINEAR.spec


def window(seed: int = 0) -> np.ndarray:
    return one_hot(random_bases(WINDOW, seed))


def contributions(x: np.ndarray) -> np.ndarray:
    """What an additive model says of each base, with the uniform reference."""
    return ((WEIGHTS - WEIGHTS.mean(axis=0)) * x).sum(axis=0)


def explained_windows(n: int) -> list[np.ndarray]:
    """Windows that are predicted clearly otherwise than their shuffles: at any seed there is something to explain."""
    found = []
    for seed in range(50):
        try:
            clear = abs(ends(RUN, window(seed), SPEC, TARGET, seed=0).difference) > 3
        except NothingToExplain:
            continue
        found += [window(seed)] if clear else []
    return found[:n]


X = explained_windows(1)[0]


@pytest.mark.parametrize("x", explained_windows(6))
def test_on_an_additive_model_deleting_costs_exactly_what_the_bases_add_over_those_that_replace_them(x):
    found = deletion_test(RUN, x, contributions(x), SPEC, TARGET, seed=3)
    shuffled = ends(RUN, x, SPEC, TARGET, seed=3).shuffled
    expected = [(WEIGHTS * (x - shuffle))[:, found.places].sum() for shuffle in shuffled]
    assert np.allclose(found.costs, found.sign * np.array(expected), atol=1e-4)


@pytest.mark.parametrize("x", explained_windows(6))
def test_what_counts_as_strong_has_the_sign_of_what_is_explained(x):
    values = contributions(x)
    found = deletion_test(RUN, x, values, SPEC, TARGET, seed=0)
    assert (found.sign * values[found.places] > 0).all()
    assert np.sign(found.difference) == found.sign
    assert list(found.places) == list(strongest(values, decoded(x), found.sign)[: len(found.places)])


def test_both_signs_of_what_is_explained_occur_in_these_tests():
    signs = {ends(RUN, x, SPEC, TARGET, seed=0).sign for x in explained_windows(50)}
    assert signs == {1, -1}


def test_bases_ranked_at_random_cost_what_others_cost():
    random = np.random.default_rng(0)
    tests = [deletion_test(RUN, X, random.normal(size=WINDOW), SPEC, TARGET, seed=seed) for seed in range(60)]
    costs, others = (np.array([getattr(test, name).mean() for test in tests]) for name in ("costs", "others"))
    error = np.hypot(costs.std(), others.std()) / np.sqrt(len(tests))
    assert abs(costs.mean() - others.mean()) < 3 * error
    assert 0.3 < np.mean([test.beaten for test in tests]) < 0.7


def test_contributions_put_in_another_order_are_worse_than_the_true_ones():
    random = np.random.default_rng(1)
    for x in explained_windows(5):
        values = contributions(x)
        true = deletion_test(RUN, x, values, SPEC, TARGET, seed=0)
        mixed = [deletion_test(RUN, x, random.permutation(values), SPEC, TARGET, seed=s).costs.mean() for s in range(8)]
        assert true.costs.mean() > max(mixed)
        assert true.beaten == 1
        assert curves(RUN, x, values, SPEC, TARGET, seed=0).areas()["deletion"] < area(
            curves(RUN, x, random.permutation(values), SPEC, TARGET, seed=0).deletion, points()
        )


def points() -> np.ndarray:
    return np.array([0.0, *FRACTIONS, 1.0])


@pytest.mark.parametrize("network", [Linear, Curved])
def test_everything_deleted_is_the_shuffles_and_everything_inserted_is_the_window(network):
    model = toy_model(network, window=WINDOW, n_members=2, strand_rule="average")
    run, x = toy_engine(model).runner(model.spec.model_id), X
    if network is Curved:  # its answers hardly differ: what is little is still something here
        model.spec.tracks[0].__dict__["sd"] = 1e-6
    found = curves(run, x, contributions(x), model.spec, TARGET, seed=0)
    for curve in (found.deletion, found.random_deletion.mean(axis=0)):
        assert curve[[0, -1]] == pytest.approx([1, 0], abs=1e-4)
    for curve in (found.insertion, found.random_insertion.mean(axis=0)):
        assert curve[[0, -1]] == pytest.approx([0, 1], abs=1e-4)
    assert np.array_equal(found.fractions, points())
    whole = ends(run, x, model.spec, TARGET, seed=0)
    everything = np.stack([replaced(x, shuffle, np.arange(WINDOW)) for shuffle in whole.shuffled])
    assert np.allclose(scalars(run, everything, TARGET), whole.values, atol=1e-6)


def test_on_an_additive_model_deletion_and_insertion_mirror_each_other():
    found = curves(RUN, X, contributions(X), SPEC, TARGET, seed=0)
    assert np.allclose(found.deletion + found.insertion, 1, atol=1e-4)
    assert sum(found.areas()[name] for name in ("deletion", "insertion")) == pytest.approx(1, abs=1e-4)
    assert found.areas()["deletion"] < found.areas()["random deletion"]


@pytest.mark.parametrize("seed", range(20))
def test_others_have_the_same_letters_and_lie_about_as_far_from_the_centre(seed):
    random = np.random.default_rng(seed)
    codes = decoded(window(seed))
    ranking = random.permutation(WINDOW)
    places = faithfulness._with_others(codes, ranking, 10, sign=1, values=np.ones(WINDOW))
    others, tolerance = matched_others(codes, ranking, places, random)
    assert np.array_equal(codes[others], codes[places])
    assert not set(others) & set(places)
    assert len(set(others)) == len(places)
    distance = np.abs(np.arange(WINDOW) - (WINDOW - 1) / 2)
    assert np.abs(distance[others] - distance[places]).max() <= tolerance


@pytest.mark.parametrize("seed", range(20))
def test_a_matched_order_holds_every_base_once_with_the_same_letters_in_turn(seed):
    random = np.random.default_rng(seed)
    codes = decoded(window(seed))
    ranking = random.permutation(WINDOW)
    order = matched_order(codes, ranking, random)
    assert sorted(order) == list(range(WINDOW))
    assert np.array_equal(codes[order], codes[ranking])
    distance = np.abs(np.arange(WINDOW) - (WINDOW - 1) / 2)
    assert np.abs(distance[order] - distance[ranking]).max() < WINDOW // 10


def test_as_many_bases_are_taken_as_have_others_of_their_letter():
    x = one_hot("G" * 6 + "A" * (WINDOW - 6))
    values = np.where(np.arange(WINDOW) < 6, 5.0, 1.0) - np.arange(WINDOW) * 1e-3
    places = faithfulness._with_others(decoded(x), strongest(values, decoded(x), 1), 10, sign=1, values=values)
    assert list(places) == [0, 1, 2]


def test_neither_unknown_bases_nor_those_without_a_contribution_are_ever_chosen():
    x, values = X.copy(), contributions(X)
    x[:, 5] = 0
    values = values + 0.0
    values[:5] = np.nan
    found = deletion_test(RUN, x, values, SPEC, TARGET, seed=0)
    assert found.places.min() > 5
    assert set(strongest(values, decoded(x), 1)) == set(range(6, WINDOW))


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    one, same, other = (deletion_test(RUN, X, contributions(X), SPEC, TARGET, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(one.costs, same.costs)
    assert np.array_equal(one.others, same.others)
    assert not np.array_equal(one.others, other.others)


def test_the_batch_changes_nothing():
    model = toy_model(Curved, window=WINDOW, n_members=2, strand_rule="average")
    model.spec.tracks[0].__dict__["sd"] = 1e-6
    found = []
    for batch in (1, 7, 512):
        engine = toy_engine(model)
        engine._paces[model.spec.model_id, False] = Pace(batch, 1e-5)
        found.append(deletion_test(engine.runner(model.spec.model_id), X, contributions(X), model.spec, TARGET, seed=0))
    for other in found[1:]:
        assert np.allclose(found[0].costs, other.costs, rtol=1e-5, atol=1e-6)
        assert np.allclose(found[0].others, other.others, rtol=1e-5, atol=1e-6)


def test_where_shuffled_dna_is_predicted_the_same_there_is_nothing_to_explain():
    flat = one_hot("A" * WINDOW)
    for test in (deletion_test, curves):
        with pytest.raises(NothingToExplain, match="nothing to explain"):
            test(RUN, flat, contributions(flat), SPEC, TARGET, seed=0)


def test_more_than_a_tenth_of_unknown_bases_is_refused_with_the_share():
    x = X.copy()
    x[:, :6] = 0
    deletion_test(RUN, x, contributions(x), SPEC, TARGET, seed=0)
    x[:, 6] = 0
    for test in (deletion_test, curves):
        with pytest.raises(UserError, match="12% of the bases are unknown"):
            test(RUN, x, contributions(x), SPEC, TARGET, seed=0)


def test_contributions_of_the_wrong_sign_alone_are_refused():
    sign = ends(RUN, X, SPEC, TARGET, seed=0).sign
    with pytest.raises(UserError, match="raises the prediction" if sign > 0 else "lowers the prediction"):
        deletion_test(RUN, X, np.full(WINDOW, -1.0 * sign), SPEC, TARGET, seed=0)


def test_at_least_twenty_draws_are_made():
    found = deletion_test(RUN, X, contributions(X), SPEC, TARGET, seed=0)
    assert len(found.costs) == len(found.others) >= 20
    assert curves(RUN, X, contributions(X), SPEC, TARGET, seed=0).random_deletion.shape == (20, len(points()))


def test_the_ratio_is_of_means_and_never_below_zero():
    def ratio(costs: list[float], others: list[float]) -> float:
        return faithfulness.Deletion(np.arange(2), np.array(costs), np.array(others), 1, 1.0, 1).ratio

    assert ratio([4, 8], [1, 2]) == 4
    assert ratio([4, 8], [-1, 1]) == float("inf")
    assert ratio([-4, 1], [1, 2]) == 0
    assert ratio([-4, 1], [-1, -2]) == 0


def test_areas_are_of_the_mean_curves():
    fractions = np.array([0.0, 0.5, 1.0])
    drawn = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found = Curves(fractions, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0]), drawn, drawn)
    assert found.areas() == {"deletion": 0.25, "insertion": 0.75, "random deletion": 0.5, "random insertion": 0.5}
