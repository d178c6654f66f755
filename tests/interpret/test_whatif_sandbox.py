"""On the sandbox the truth is known: the shipped profile network tells the planted pair, the independent pair, the correlate."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.whatif_sandbox import INDEPENDENT, PLANTED, necessity, pair, quiet_window
from interpret.whatif_pairs import STRONG_SHARE
from models import registry
from models.engine import Engine


@pytest.fixture(scope="module")
def spec():
    return registry.spec("sandbox-profile")


@pytest.fixture(scope="module")
def run(spec):
    return Engine(registry.load).runner(spec.model_id)


def test_the_planted_pair_is_found_at_its_spacing_and_orientation(spec, run):
    found = pair(run, spec, quiet_window(spec), PLANTED, (1, 4, 7, 10, 13), 20, "amount")
    assert found["planted_cells"] == found["planted_cells_called_strong"] == 3
    assert found["other_cells_called_strong"] == 0
    assert found["mean_in_planted_cells"] == pytest.approx(400, rel=0.1)  # the grammar's bonus: 2 x 200 reads
    assert found["largest_elsewhere"] < STRONG_SHARE * found["mean_in_planted_cells"]
    assert "POU5F1::SOX2 (+) then NR5A2 (+), 4 to 10 bp between" in found["said"]


def test_no_interaction_is_reported_for_the_independent_pair(spec, run):
    found = pair(run, spec, quiet_window(spec), INDEPENDENT, (0, 4, 7, 15), 20, "amount")
    assert found["other_cells_called"] == 0
    assert found["said"].startswith("No interaction")
    assert found["pair_effect"] == pytest.approx(320, rel=0.1)


def test_on_a_logarithm_the_independent_pair_would_look_like_an_interaction(spec, run):
    """Why reads are the scale: counts add up, their logarithms do not."""
    found = pair(run, spec, quiet_window(spec), INDEPENDENT, (4, 7), 20, "explained")
    assert all(value < -0.5 for row in found["interaction"].values() for value in row)


def test_the_correlate_goes_with_activity_but_is_neither_needed_nor_enough_and_a_cause_is_both(spec, run, monkeypatch):
    monkeypatch.setattr("benchmarks.whatif_sandbox.SITES", 6)
    correlate, cause = (necessity(run, spec, key) for key in ("NRF1", "SPI1"))
    assert correlate["mean_activity_of_elements_with_it"] > 2 * correlate["mean_activity_of_elements_without_it"]
    assert correlate["sites_called_needed_or_enough"] == 0
    assert max(abs(correlate["needed_reads"]), abs(correlate["enough_reads"])) < 10
    assert cause["sites_called_needed_or_enough"] == cause["sites"]
    assert min(cause["needed_reads"], cause["enough_reads"]) > 100
    assert np.isfinite(list(cause.values())[4:]).all()
