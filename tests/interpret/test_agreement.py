"""Methods compared: what agreement and disagreement mean, base by base."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from interpret.agreement import Agreement, compared, disagreed
from interpret.attribution import Attribution
from tests.interpret.test_trust import attribution_of


def explained(values: np.ndarray, method: str = "integrated gradients") -> Attribution:
    return replace(attribution_of(np.stack([values, values]).astype(np.float32)), method=method)


def values(length: int = 100, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=length).astype(np.float32)


def agreement_of(a: np.ndarray, *others: np.ndarray) -> Agreement:
    return compared(explained(a), [explained(b, f"method {i}") for i, b in enumerate(others)])


def test_the_same_order_agrees_wholly_whatever_the_scale():
    found = agreement_of(values(), 7 * values(), np.sign(values()) * np.abs(values()) ** 3)
    assert found.correlation == pytest.approx(1)
    assert not len(found.places)


def test_the_reverse_order_disagrees_wholly_and_every_strong_base_is_marked():
    found = agreement_of(values(), -values())
    assert found.correlation == pytest.approx(-1)
    strongest = np.argsort(-np.abs(values()))[:10]
    assert set(found.places) == set(strongest)


def test_constant_contributions_cannot_be_compared():
    assert np.isnan(agreement_of(values(), np.ones(100)).correlation)
    assert np.isnan(Agreement(()).correlation)


def test_the_correlation_is_spearmans_with_ties():
    a, b = np.round(values(60, 1), 1), np.round(values(60, 2) + values(60, 1), 1)
    assert agreement_of(a, b).correlation == pytest.approx(spearmanr(a, b)[0], abs=1e-6)


def test_the_median_over_the_methods_counts_so_one_odd_method_does_not_decide():
    found = agreement_of(values(), values(), 2 * values(), -values())
    assert found.correlation == pytest.approx(1)
    assert not len(found.places)
    assert [round(other.correlation) for other in found.others] == [1, 1, -1]


def test_a_strong_base_is_marked_where_the_other_method_finds_it_weak_or_of_the_other_sign():
    a = np.linspace(1, 2, 100).astype(np.float32)
    weak, turned, equal = a.copy(), a.copy(), a.copy()
    weak[99] = 0.5
    turned[98] *= -1
    equal[97] = 1.9
    assert list(disagreed(a, weak)) == [99]
    assert list(disagreed(a, turned)) == [98]
    assert list(disagreed(a, equal)) == []


def test_disagreement_is_mutual():
    assert np.array_equal(disagreed(values(80, 1), values(80, 2)), disagreed(values(80, 2), values(80, 1)))


def test_only_the_locus_itself_is_compared():
    a, b = values(), values()
    b[:10] = -b[:10]
    shown, other = (replace(explained(row), core=(10, 100)) for row in (a, b))
    assert compared(shown, [other]).correlation == pytest.approx(1)


def test_contributions_of_another_place_are_no_comparison():
    with pytest.raises(ValueError, match="is not"):
        compared(explained(values()), [explained(values(50))])
