"""AUROC, average precision and their bootstrap, against definitions and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import (
    auprc,
    auroc,
    bootstrap_auprc,
    bootstrap_auroc,
    bootstrap_correlation,
    interval,
    pearson,
    spearman,
)

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=30)


@given(high=SCORES, low=SCORES)
def test_auroc_is_the_share_of_pairs_in_order(high: list[int], low: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in high for b in low]
    assert auroc(high, low) == pytest.approx(np.mean(pairs))


@given(high=SCORES, low=SCORES)
def test_auprc_is_precision_summed_over_steps_of_recall(high: list[int], low: list[int]) -> None:
    area, before = 0.0, 0
    for threshold in sorted(set(high + low), reverse=True):
        found, wrong = sum(a >= threshold for a in high), sum(b >= threshold for b in low)
        area += (found - before) / len(high) * found / (found + wrong)
        before = found
    assert auprc(high, low) == pytest.approx(area)


def test_perfect_reversed_and_constant_scores() -> None:
    assert (auroc([3, 4], [1, 2]), auprc([3, 4], [1, 2])) == (1.0, 1.0)
    assert auroc([1, 2], [3, 4]) == 0.0
    assert auroc([1] * 7, [1] * 3) == 0.5
    assert auprc([1] * 7, [1] * 3) == pytest.approx(0.7)


def test_auroc_of_two_normal_distributions_is_the_known_area() -> None:
    random = np.random.default_rng(0)
    assert auroc(random.normal(1, 1, 200_000), random.normal(0, 1, 200_000)) == pytest.approx(0.7602, abs=0.003)


@pytest.mark.parametrize("resample", [bootstrap_auroc, bootstrap_auprc])
def test_resampling_gives_the_metric_of_the_rows_that_were_drawn(resample) -> None:  # type: ignore[no-untyped-def]
    metric = {bootstrap_auroc: auroc, bootstrap_auprc: auprc}[resample]
    random = np.random.default_rng(1)
    high, low = random.integers(0, 9, (2, 40)).astype(float), random.integers(-4, 6, (2, 70)).astype(float)
    areas = resample(high, low, n_resamples=5, seed=3)
    draws = np.random.default_rng(3)
    for index in range(5):
        of_high, of_low = draws.integers(0, 40, 40), draws.integers(0, 70, 70)
        for model in range(2):
            assert areas[model, index] == pytest.approx(metric(high[model, of_high], low[model, of_low]))


def test_the_interval_of_auroc_has_the_width_of_its_standard_error() -> None:
    random = np.random.default_rng(2)
    high, low = random.normal(1, 1, (1, 400)), random.normal(0, 1, (1, 400))
    figure = interval(auroc(high[0], low[0]), bootstrap_auroc(high, low)[0])
    spread = np.std([auroc(random.normal(1, 1, 400), random.normal(0, 1, 400)) for _ in range(400)])
    assert figure.low < figure.value < figure.high
    assert (figure.high - figure.low) / (2 * 1.96 * spread) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("high", "low"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([[1.0]], [1.0])])
def test_missing_or_unknown_scores_are_refused(high: list[float], low: list[float]) -> None:
    with pytest.raises(ValueError, match="scores must be"):
        auroc(high, low)


def test_correlations_equal_scipys() -> None:
    from scipy.stats import pearsonr, spearmanr

    random = np.random.default_rng(0)
    a = random.integers(0, 9, 80).astype(float)
    b = a + random.normal(size=80)
    assert pearson(a, b) == pytest.approx(pearsonr(a, b).statistic)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_correlations_leave_out_what_was_not_measured_and_refuse_constants() -> None:
    a, b = np.arange(6.0), np.array([1.0, 2.0, np.nan, 3.0, 5.0, 4.0])
    known = ~np.isnan(b)
    assert pearson(a, b) == pytest.approx(np.corrcoef(a[known], b[known])[0, 1])
    assert np.isnan(pearson(np.ones(6), b))
    assert np.isnan(spearman(a, np.full(6, np.nan)))


def test_clusters_are_drawn_whole() -> None:
    random = np.random.default_rng(1)
    measured = random.normal(size=100)
    predicted = measured + random.normal(size=100)
    single = bootstrap_correlation(pearson, predicted[None], measured, np.arange(100), seed=2)
    twice = bootstrap_correlation(
        pearson, np.repeat(predicted, 2)[None], np.repeat(measured, 2), np.repeat(np.arange(100), 2), seed=2
    )
    np.testing.assert_allclose(single, twice)  # saying everything twice adds no certainty
    assert single.std() > 0.01
