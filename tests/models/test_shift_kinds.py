"""Imbalance, label shift and concept shift, on sets whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.shift_kinds import (
    ALARM,
    concept_drift,
    conformal_p_values,
    imbalance,
    prior_by_em,
    shift_of_predictions,
)


def test_bins_of_imbalance_hold_every_row_once_and_their_own_errors():
    labels = np.array([0.0, 0.1, 0.2, 0.9, 1.0, np.nan])
    bins = imbalance(labels, np.array([0.5, 0.1, 0.2, 0.4, 0.5, 3.0]), n_bins=2)
    assert [one.n for one in bins] == [3, 2]
    assert bins[0].bias == pytest.approx(0.5 / 3)
    assert bins[1].bias == pytest.approx(-0.5)
    assert bins[1].error == pytest.approx(0.5)


def test_an_empty_bin_has_no_error():
    middle = imbalance([0.0, 1.0], [0.0, 1.0], n_bins=3)[1]
    assert middle.n == 0
    assert math.isnan(middle.error)


def test_labels_that_are_all_equal_fall_into_one_bin():
    assert sum(one.n for one in imbalance([2.0] * 4, [1.0] * 4)) == 4


@pytest.mark.parametrize(("labels", "predictions"), [([1.0], [1.0, 2.0]), ([np.nan], [1.0]), ([], [])])
def test_imbalance_refuses_what_it_cannot_pair(labels, predictions):
    with pytest.raises(ValueError, match=r"shape|row"):
        imbalance(labels, predictions)


def test_predictions_of_the_same_kind_have_not_moved_and_others_have():
    random = np.random.default_rng(0)
    known = random.normal(size=400)
    same, moved = shift_of_predictions(random.normal(size=300), known), shift_of_predictions(known + 1, known)
    assert same.p_value > 0.05
    assert moved.p_value < 1e-6
    assert moved.median_moved == pytest.approx(1)


def test_the_distance_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(1)
    ours, known = random.normal(size=200), random.normal(0.2, 1, size=300)
    theirs = stats.ks_2samp(ours, known, method="asymp")
    found = shift_of_predictions(ours, known)
    assert found.distance == pytest.approx(theirs.statistic)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=0.15)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_em_finds_the_share_of_positives_from_calibrated_log_odds(share):
    """Two normal distributions at -1.5 and +1.5 with variance 1: the log odds at even odds are 3 x."""
    random = np.random.default_rng(2)
    positive = random.random(8000) < share
    x = random.normal(np.where(positive, 1.5, -1.5), 1)
    assert prior_by_em(3 * x) == pytest.approx(share, abs=0.02)
    assert prior_by_em(3 * x + math.log(0.2 / 0.8), trained_prior=0.2) == pytest.approx(share, abs=0.02)


def test_em_refuses_an_impossible_prior_and_an_empty_set():
    with pytest.raises(ValueError, match="prior"):
        prior_by_em([0.0], trained_prior=1.0)
    with pytest.raises(ValueError, match="number"):
        prior_by_em([np.nan])


def test_p_values_of_exchangeable_errors_are_even_and_raise_no_alarm():
    random = np.random.default_rng(3)
    errors = np.abs(random.normal(size=1500))
    p_values = conformal_p_values(errors[500:], errors[:500])
    assert np.histogram(p_values, bins=5, range=(0, 1))[0].min() > 150
    assert concept_drift(p_values).alarm_at is None


def test_larger_errors_raise_the_alarm_after_the_change_and_not_before():
    random = np.random.default_rng(4)
    errors = np.abs(random.normal(size=900))
    errors[700:] *= 4
    drift = concept_drift(conformal_p_values(errors[400:], errors[:400]))
    assert drift.alarm_at is not None
    assert 300 < drift.alarm_at <= 500
    assert drift.wealth[drift.alarm_at - 1] >= ALARM > drift.wealth[: drift.alarm_at - 1].max()


def test_false_alarms_stay_under_one_in_a_hundred():
    random = np.random.default_rng(5)
    alarms = sum(concept_drift(random.random(150)).alarm_at is not None for _ in range(300))
    assert alarms <= 6


def test_equal_errors_are_ties_broken_evenly():
    p_values = conformal_p_values(np.ones(400), np.ones(100))
    assert 0.4 < p_values.mean() < 0.6


def test_what_is_no_p_value_or_no_error_is_refused():
    for wrong in ([], [0.5, 1.2], [[0.5]], [np.nan]):
        with pytest.raises(ValueError, match="p-values"):
            concept_drift(wrong)
    with pytest.raises(ValueError, match="numbers"):
        conformal_p_values([np.nan], [1.0])
