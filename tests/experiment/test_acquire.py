"""Which sequences to measure next: laws of every strategy, and of what a batch is expected to tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment.acquire import DEFAULT, GAINS, STRATEGIES, Candidates, choose, keys_of, reason
from experiment.activeml import class_uncertainty, core_set
from experiment.expected import class_shares, expected_information
from experiment.lcmd import largest_cluster_maximum_distance
from genome.errors import UserError


def some(rows: int = 60, seed: int = 0) -> Candidates:
    random = np.random.default_rng(seed)
    members = random.normal(size=(3, rows))
    return Candidates(
        keys=random.permutation(10_000)[:rows].astype(np.uint64),
        members=members,
        classes=class_shares(members, np.full(rows, 0.5), (-1, 1)),
        embeddings=random.normal(size=(rows, 5)),
        gradients=random.normal(size=(rows, 8)),
    )


def with_seen(candidates: Candidates) -> Candidates:
    random = np.random.default_rng(99)
    return replace(candidates, seen_embeddings=random.normal(size=(7, 5)), seen_gradients=random.normal(size=(7, 8)))


def slow_lcmd(features: np.ndarray, seen: np.ndarray, n: int) -> list[int]:
    """The same by its definition: all distances to all centres anew at each choice, in double precision."""
    chosen: list[int] = []
    if not len(seen):
        chosen.append(int(np.argmax((features**2).sum(1))))
    while len(chosen) < n:
        centres = np.concatenate([seen, features[chosen]])
        squared = ((features[:, None] - centres[None]) ** 2).sum(2)
        nearest, distance = squared.argmin(1), squared.min(1)
        rest = np.array([row not in chosen for row in range(len(features))])
        sums = [distance[rest & (nearest == centre)].sum() for centre in range(len(centres))]
        inside = rest & (nearest == int(np.argmax(sums)))
        chosen.append(int(np.argmax(np.where(inside, distance, -1))))
    return chosen


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seen", [False, True])
def test_a_batch_never_repeats_a_row_and_is_as_large_as_asked(strategy, seen):
    candidates = with_seen(some()) if seen else some()
    for n in (1, 7, 60):
        chosen = choose(strategy, candidates, n)
        assert len(set(chosen.rows.tolist())) == len(chosen.rows) == len(chosen.arms) == len(chosen.scores) == n
        assert sum(chosen.shares.values()) == n
        assert 0 <= chosen.rows.min() <= chosen.rows.max() < 60


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_order_of_the_candidates_chooses_the_same_ones(strategy):
    candidates = with_seen(some())
    order = np.random.default_rng(3).permutation(candidates.n)
    chosen, again = choose(strategy, candidates, 12, seed=4), choose(strategy, candidates.chosen(order), 12, seed=4)
    assert (candidates.keys[chosen.rows] == candidates.chosen(order).keys[again.rows]).all()
    np.testing.assert_array_equal(chosen.scores, again.scores)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_chooses_the_same_and_random_draws_follow_it(strategy):
    one, again, other = (choose(strategy, some(), 12, seed=seed) for seed in (1, 1, 2))
    assert (one.rows == again.rows).all()
    if strategy in ("random", "mix"):
        assert set(one.rows.tolist()) != set(other.rows.tolist())


def test_random_takes_every_candidate_as_often():
    candidates = some(20)
    taken = np.bincount(np.concatenate([choose("random", candidates, 5, seed=seed).rows for seed in range(800)]))
    assert len(taken) == 20
    assert np.abs(taken - 200).max() < 60  # 4.9 standard deviations


@pytest.mark.parametrize("strategy", ["core-set", "lcmd"])
@pytest.mark.parametrize("seen", [False, True])
def test_identical_candidates_are_not_both_chosen_while_others_remain(strategy, seen):
    ten = some(10)
    twice = ten.chosen(np.tile(np.arange(10), 3))
    twice = with_seen(twice) if seen else twice
    chosen = choose(strategy, twice, 10)
    assert sorted(chosen.rows % 10) == list(range(10))
    assert len(set(choose(strategy, twice, 30).rows.tolist())) == 30


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_lcmd_is_its_slow_direct_version(seed, measured):
    random = np.random.default_rng(seed)
    features = random.normal(size=(40, 6)) * random.exponential(size=(40, 1))
    seen = random.normal(size=(5, 6)) if measured else np.zeros((0, 6))
    assert largest_cluster_maximum_distance(features, seen, 15).tolist() == slow_lcmd(features, seen, 15)


@pytest.mark.parametrize("measured", [False, True])
def test_a_core_set_takes_the_farthest_each_time(measured):
    random = np.random.default_rng(5)
    features = random.normal(size=(50, 4))
    seen = random.normal(size=(6, 4)) if measured else np.zeros((0, 4))
    chosen = core_set(features, seen, 12).tolist()
    for place in range(0 if measured else 1, 12):
        centres = np.concatenate([seen, features[chosen[:place]]])
        distance = ((features[:, None] - centres[None]) ** 2).sum(2).min(1)
        assert chosen[place] == int(np.argmax(distance))


def test_margin_and_entropy_agree_for_two_classes():
    share = np.random.default_rng(0).random(200)
    two = np.stack([share, 1 - share], axis=1)
    margin, entropy = (class_uncertainty(two, method) for method in ("margin_sampling", "entropy"))
    assert (np.argsort(margin) == np.argsort(entropy)).all()
    candidates = replace(some(200), classes=two, embeddings=None)
    assert set(choose("margin", candidates, 30).rows.tolist()) == set(choose("entropy", candidates, 30).rows.tolist())


@pytest.mark.parametrize("strategy", ["variance", "entropy", "margin"])
def test_without_a_shortlist_the_highest_scores_are_taken(strategy):
    chosen = choose(strategy, some(), 10, shortlist=1)
    everything = choose(strategy, some(), 60, shortlist=1)
    assert (np.diff(everything.scores) <= 0).all()
    assert (chosen.rows == everything.rows[:10]).all()
    spread = choose(strategy, some(), 10, shortlist=3)
    assert set(spread.rows.tolist()) <= set(everything.rows[:30].tolist())


def test_a_shortlist_makes_the_batch_more_diverse():
    near = np.repeat(np.random.default_rng(1).normal(size=(20, 5)), 3, axis=0)
    candidates = replace(some(), embeddings=near, members=np.outer([-1, 0, 1], np.repeat(np.arange(20) + 1.0, 3)))
    kinds = {size: len(set((choose("variance", candidates, 9, shortlist=size).rows // 3).tolist())) for size in (1, 3)}
    assert kinds == {1: 3, 3: 9}


def test_the_mix_keeps_its_shares_to_the_row():
    shares = {"random": 0.2, "lcmd": 0.5, "margin": 0.3}
    for n in range(1, 30):
        chosen = choose("mix", some(), n, shares=shares)
        assert sum(chosen.shares.values()) == n
        assert {name: chosen.arms.count(name) for name in shares} == chosen.shares
        assert all(abs(chosen.shares[name] - n * share) < 1 for name, share in shares.items())
    assert choose("mix", some(), 20, shares=shares).shares == {"random": 4, "lcmd": 10, "margin": 6}


@pytest.mark.parametrize("shares", [{"random": -1, "lcmd": 2}, {"luck": 1}, {"mix": 1}, {"random": 0}])
def test_shares_that_mean_nothing_are_refused(shares):
    with pytest.raises(UserError, match="shares"):
        choose("mix", some(), 5, shares=shares)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n", [0, 61])
def test_more_than_there_are_is_refused_with_the_number(strategy, n):
    with pytest.raises(UserError, match=f"{n} cannot be chosen from 60 candidates"):
        choose(strategy, some(), n)


@pytest.mark.parametrize("name", ["members", "classes", "embeddings", "gradients"])
def test_what_is_no_number_is_refused_by_name(name):
    values = getattr(some(), name).copy()
    values.flat[3] = np.nan
    with pytest.raises(ValueError, match=f"{name} holds 1 values"):
        replace(some(), **{name: values})


@pytest.mark.parametrize(
    ("strategy", "needs"),
    [
        ("variance", "members"),
        ("margin", "classes"),
        ("entropy", "classes"),
        ("core-set", "embeddings"),
        ("lcmd", "gradients"),
    ],
)
def test_a_strategy_that_lacks_what_it_needs_is_refused(strategy, needs):
    with pytest.raises(UserError, match="choose by another strategy"):
        choose(strategy, replace(some(), **{needs: None}), 5)


def test_one_network_cannot_disagree():
    with pytest.raises(UserError, match="single network"):
        choose("variance", replace(some(), members=np.zeros((1, 60))), 5)


def test_keys_are_of_the_letters():
    codes = np.random.default_rng(0).integers(0, 4, (50, 20)).astype(np.int8)
    keys = keys_of(np.concatenate([codes, codes[:1]]))
    assert len(set(keys.tolist())) == 50
    assert keys[0] == keys[50]


def test_classes_are_shares_of_a_normal_distribution():
    shares = class_shares(np.array([[0.0, 5.0, -5.0]]), np.full(3, 1.0), (-1, 1))
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares[0], [0.158655, 0.682689, 0.158655], atol=1e-5)
    assert shares[1, 2] > 0.999
    assert shares[2, 0] > 0.999


def information(rows, *, seed=0, noise=1.0, n=40):
    random = np.random.default_rng(seed)
    members, features = random.normal(size=(4, n)), random.normal(size=(n, 6))
    return expected_information(members, features, np.full(n, noise), np.array(rows, dtype=np.int64))


def test_expected_information_is_that_of_the_gaussian_process():
    random = np.random.default_rng(0)
    members, features = random.normal(size=(4, 40)), random.normal(size=(40, 6))
    rows, noise = np.array([3, 8, 30]), random.random(40) + 0.5
    centred = features - features.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True) * members.std(0, ddof=1)[:, None]
    kernel = unit @ unit.T
    measured = kernel[np.ix_(rows, rows)] + np.diag(noise[rows])
    after = np.diag(kernel - kernel[:, rows] @ np.linalg.solve(measured, kernel[rows]))
    told = expected_information(members, features, noise, rows)
    np.testing.assert_allclose([told.before, told.after], [np.diag(kernel).mean(), after.mean()], rtol=1e-6)


def test_more_rows_and_less_noise_tell_more_and_nothing_tells_nothing():
    shares = [information(range(n)).share for n in (0, 1, 5, 40)]
    assert shares[0] == pytest.approx(0)
    assert shares == sorted(set(shares))
    assert shares[-1] < 1
    assert information(range(5), noise=0.1).share > information(range(5)).share


def test_a_candidate_and_its_copy_tell_less_than_two_others():
    members = np.random.default_rng(0).normal(size=(3, 4))
    members[:, 1] = members[:, 0]
    features = np.eye(4)[[0, 0, 1, 2]]
    told = [
        expected_information(members[:, [0, 0, 2, 2]], features, np.ones(4), np.array(rows))
        for rows in ([0, 1], [0, 2])
    ]
    assert told[0].after > told[1].after


def test_what_speaks_for_a_strategy_is_what_the_benchmark_measured():
    measured = json.loads((Path(__file__).parents[2] / "benchmarks" / "active_learning.json").read_text())
    found = {
        one["strategy"]: tuple(round(one["against_random"][part], 3) for part in ("value", "low", "high"))
        for one in measured["areas"]
        if one["on"] == "valid" and one["against_random"]
    }
    assert found == GAINS
    assert max(found, key=lambda name: found[name][0]) == DEFAULT
    assert "usual" in reason(DEFAULT)
    assert all(reason(name).endswith(".") for name in STRATEGIES)
    assert {name for name in GAINS if "about as well as" in reason(name)} == {n for n in found if found[n][1] <= 0}
    assert "left this one out" in reason("entropy")
