"""Intervals: what is promised on exchangeable rows is kept, and what breaks the promise is said."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genome.errors import UserError
from genome.locus import Locus
from models import intervals, registry
from models.core import Prediction
from models.intervals import coverage, coverage_by_bin, fit, risk_coverage, rows_needed, scatter
from tests.toy_models import toy_spec

MODEL_ID = "toy-000000000000"


def rows(n: int, seed: int, *, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Residuals whose size follows their sigma, and the sigmas."""
    random = np.random.default_rng(seed)
    sigmas = random.uniform(0.2, 3.0, n)
    return factor * sigmas * random.standard_t(4, n), sigmas


def wrote(path: Path, n: int = 400, **tracks: int) -> Path:
    found = {name: rows(n, seed) for name, seed in (tracks or {"one": 0}).items()}
    intervals.write(path, MODEL_ID, found, split="toy rows")
    return path


def test_on_exchangeable_rows_the_stated_share_is_covered():
    """The law of conformal prediction: over calibrations and rows together the share is the one stated."""
    inside = n = 0
    for seed in range(60):
        residuals, sigmas = rows(200, 2 * seed)
        truth, widths = rows(50, 2 * seed + 1)
        low, high = fit(residuals, sigmas).interval(np.zeros(50), widths, 0.9)
        found = coverage(truth, low, high, 0.9)
        inside, n = inside + round(found.share * found.n), n + found.n
    # 200 calibration rows cover 0.9 to 0.9 + 1/201 on average; 3,000 rows, whose calibrations vary too
    assert abs(inside / n - 0.9) < 0.02


def test_of_a_large_calibration_the_coverage_of_test_rows_lies_in_the_binomial_band():
    found = fit(*rows(20_000, 0))
    truth, widths = rows(3_000, 1)
    for confidence in (0.5, 0.8, 0.9, 0.95):
        low, high = found.interval(np.zeros(3_000), widths, confidence)
        assert coverage(truth, low, high, confidence).as_stated


def test_where_residuals_are_larger_than_those_of_the_calibration_coverage_collapses_and_says_so():
    found = fit(*rows(2_000, 0))
    truth, widths = rows(1_000, 1, factor=3.0)
    low, high = found.interval(np.zeros(1_000), widths)
    seen = coverage(truth, low, high)
    assert seen.share < seen.low
    assert not seen.as_stated


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 300), percent=st.integers(5, 99), seed=st.integers(0, 10**6))
def test_the_width_is_the_finite_sample_quantile(n, percent, seed):
    """ceil((n + 1) c)-th smallest of |residual| / sigma, in exact arithmetic."""
    residuals, sigmas = rows(n, seed)
    place = ceil(Fraction(n + 1) * Fraction(percent, 100))
    found = fit(residuals, sigmas)
    if place > n:
        with pytest.raises(UserError, match="calibration rows cannot give"):
            found.interval(0.0, 1.0, percent / 100)
        return
    expected = np.sort(np.abs(residuals) / sigmas)[place - 1]
    low, high = found.interval(1.5, 2.0, percent / 100)
    assert float(high) == pytest.approx(1.5 + 2 * expected)
    assert float(low) == pytest.approx(1.5 - 2 * expected)


@pytest.mark.parametrize(("confidence", "needed"), [(0.5, 1), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_a_confidence_needs_so_many_calibration_rows_and_not_one_less(confidence, needed):
    assert rows_needed(confidence) == needed
    low, high = fit(*rows(needed, 0)).interval(0.0, 1.0, confidence)
    assert np.isfinite([low, high]).all()
    if needed > 1:
        with pytest.raises(UserError, match=f"at least {needed} are needed"):
            fit(*rows(needed - 1, 0)).interval(0.0, 1.0, confidence)


def test_intervals_widen_with_sigma_and_with_confidence_and_stay_centred():
    found = fit(*rows(500, 0))
    low, high = found.interval(np.full(4, 2.0), np.array([0.1, 0.5, 1.0, 4.0]))
    assert (np.diff(high - low) > 0).all()
    assert (low + high) / 2 == pytest.approx(np.full(4, 2.0))
    widths = [float(np.subtract(*found.interval(0.0, 1.0, c)[::-1])) for c in (0.1, 0.5, 0.8, 0.9, 0.99)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


@pytest.mark.parametrize(
    ("residuals", "sigmas"),
    [([], []), ([1.0], [0.0]), ([1.0], [-1.0]), ([np.nan], [1.0]), ([1.0, 2.0], [1.0]), ([[1.0]], [[1.0]])],
)
def test_rows_that_are_not_numbers_are_refused(residuals, sigmas):
    with pytest.raises(ValueError, match=r"residuals|shape"):
        fit(residuals, sigmas)


@pytest.mark.parametrize(("sigma", "confidence"), [(0.0, 0.9), (np.nan, 0.9), (1.0, 0.0), (1.0, 1.0)])
def test_an_interval_without_a_width_or_a_confidence_is_refused(sigma, confidence):
    with pytest.raises(ValueError, match=r"sigma|confidence"):
        fit(*rows(200, 0)).interval(0.0, sigma, confidence)


def test_importing_the_library_leaves_the_warning_filters_alone():
    before = list(warnings.filters)
    fit(*rows(20, 0))
    assert warnings.filters == before


def test_sigma_joins_what_members_and_measurements_scatter():
    noisy = replace(toy_spec(n_members=3), noise=True)
    assert scatter(noisy, [3.0, 0.0], [4.0, 2.0]) == pytest.approx([5.0, 2.0])
    assert scatter(toy_spec(n_members=3), [0.5, 2.0], None) == pytest.approx([0.5, 2.0])
    assert scatter(toy_spec(), [0.0, 0.0], None) == pytest.approx([1.0, 1.0])
    assert (scatter(toy_spec(n_members=3), [0.0], None) > 0).all()
    for spec, noise in ((noisy, None), (toy_spec(n_members=3), [1.0])):
        with pytest.raises(ValueError, match="noise"):
            scatter(spec, [1.0], noise)


def test_a_file_gives_back_the_same_intervals_and_the_same_bytes(tmp_path):
    path = wrote(tmp_path / "a.safetensors", two=1, one=0)
    again = wrote(tmp_path / "b.safetensors", one=0, two=1)
    assert path.read_bytes() == again.read_bytes()
    found = intervals.read(path, MODEL_ID)
    assert sorted(found.tracks) == ["one", "two"]
    assert found.split == "toy rows"
    for name, seed in (("one", 0), ("two", 1)):
        expected = np.array(fit(*rows(400, seed)).interval(0.3, 0.7))
        assert np.array(found.tracks[name].interval(0.3, 0.7)) == pytest.approx(expected, rel=1e-5)


def test_a_file_of_another_model_is_refused_with_both_names(tmp_path):
    with pytest.raises(UserError, match=f"beside other-1 were made for {MODEL_ID}"):
        intervals.read(wrote(tmp_path / "a.safetensors"), "other-1")


@pytest.mark.parametrize("damage", [lambda b: b[:-40], lambda b: b"", lambda b: b.replace(b"toy rows", b"toy\\ows\\")])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = wrote(tmp_path / "a.safetensors")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="cannot be read"):
        intervals.read(path, MODEL_ID)


def test_a_model_without_a_file_has_no_interval_and_one_with_it_only_on_its_tracks(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "companion", lambda *_: None)
    assert intervals.calibration(MODEL_ID) is None
    assert intervals.interval(MODEL_ID, "one", 0.0, 1.0) is None
    path = wrote(tmp_path / intervals.FILE)
    monkeypatch.setattr(registry, "companion", lambda *_: path)
    assert intervals.interval(MODEL_ID, "one", 0.0, 1.0) is not None
    assert intervals.interval(MODEL_ID, "two", 0.0, 1.0) is None
    wrote(path, n=900)
    found = intervals.calibration(MODEL_ID)
    assert found is not None
    assert found.tracks["one"].n == 900  # a file that changed is read again


def test_the_released_classifiers_pretend_no_interval():
    for name in ("tf-binding", "simple"):
        assert intervals.calibration(registry.spec(name).model_id) is None


def test_the_band_of_a_prediction_is_its_interval_in_every_bin(tmp_path, monkeypatch):
    path = wrote(tmp_path / intervals.FILE)
    monkeypatch.setattr(registry, "companion", lambda *_: path)
    members = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32)
    starts = np.arange(0, 50, 10)
    spec = toy_spec(n_members=3)
    found = Prediction(Locus("toy", 0, 50), members.mean(0), members, starts, starts + 10, spec, "")
    band = intervals.band(found)
    assert band is not None
    for index in range(5):
        expected = fit(*rows(400, 0)).interval(found.values[0, index], found.spread[0, index])
        assert band.at(0, index) == pytest.approx([float(end) for end in expected], rel=1e-4)
    assert band.at(1, 0) is None  # no calibration rows for the second track
    monkeypatch.setattr(registry, "companion", lambda *_: None)
    assert intervals.band(found) is None


def test_coverage_counts_the_ends_in_and_knows_the_band_of_so_many_rows():
    found = coverage([0.0, 1.0, 2.0, 9.0], np.zeros(4), np.full(4, 2.0), 0.75)
    assert (found.share, found.n) == (0.75, 4)
    assert coverage(np.zeros(1_000), np.zeros(1_000), np.ones(1_000), 0.9).share == 1.0
    assert not coverage(np.zeros(1_000), np.zeros(1_000), np.ones(1_000), 0.9).as_stated
    large = coverage(np.zeros(1_000), np.zeros(1_000), np.ones(1_000), 0.9)
    assert (large.low, large.high) == pytest.approx((0.875, 0.924), abs=0.002)
    assert str(large) == "100.0 % of 1,000 rows inside (90 % stated; 87.5 % to 92.4 % expected)"
    for wrong in ([], [np.nan]):
        with pytest.raises(ValueError, match=r"shape|number"):
            coverage(wrong, np.zeros(len(wrong)), np.ones(len(wrong)))


def test_coverage_by_bin_shows_where_it_fails():
    truth = np.concatenate([np.zeros(200), np.full(200, 5.0)])
    bins = ["like"] * 200 + ["unlike"] * 200
    found = coverage_by_bin(truth, np.full(400, -1.0), np.full(400, 1.0), bins)
    assert {name: seen.share for name, seen in found.items()} == {"like": 1.0, "unlike": 0.0}
    assert sum(seen.n for seen in found.values()) == 400
    with pytest.raises(ValueError, match="shape"):
        coverage_by_bin(truth, truth, truth, ["like"])


def test_risk_grows_with_coverage_where_sigma_knows_the_error():
    errors, sigmas = rows(2_000, 0)
    found = risk_coverage(errors, sigmas)
    assert found.share[-1] == 1.0
    assert found.risk[-1] == pytest.approx(np.abs(errors).mean())
    assert found.best < found.area < found.chance
    assert risk_coverage(errors, -sigmas).area > found.chance
    assert risk_coverage(errors, np.abs(errors)).area == pytest.approx(found.best)


def test_the_risk_of_rows_that_tie_does_not_depend_on_their_order():
    errors = np.array([1.0, 5.0, 3.0, 0.0])
    found = risk_coverage(errors, [1, 1, 1, 0])
    assert found.risk == pytest.approx([0.0, 1.5, 2.0, 2.25])
    assert risk_coverage(errors[[2, 0, 1, 3]], [1, 1, 1, 0]).risk == pytest.approx(found.risk)
    assert risk_coverage(errors, np.ones(4)).area == pytest.approx(found.chance)
