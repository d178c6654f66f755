"""The committed figures of the causal loop keep what was asked of them: ``python -m benchmarks.causal_loop`` makes them again."""

from __future__ import annotations

import json
from pathlib import Path

from experiment.oracle import RETINA_NOISE

RECORD = json.loads((Path(__file__).parents[2] / "benchmarks/causal_loop.json").read_text())


def test_verdicts_are_right_nine_times_in_ten_and_at_most_a_quarter_stays_undecided() -> None:
    found = RECORD["verdicts"]
    assert found["hypotheses"] >= 100
    assert 2 * found["false"] == found["hypotheses"]
    assert found["right_of_all"] >= 0.9
    assert found["undecided"] <= 0.25
    for draws in RECORD["verdicts_under_other_noise"].values():
        assert draws["right_of_decided_lowest"] >= 0.9
        assert draws["undecided_highest"] <= 0.25
    assert RECORD["noise"]["sd"] == RETINA_NOISE.sd


def test_the_correlate_is_believed_first_and_dropped_because_of_the_interventions() -> None:
    first, after, control = (one["NRF1"]["predicted"] for one in RECORD["belief"].values())
    assert first < -RECORD["smallest_effect_of_interest"]
    assert abs(after) < abs(first) / 4
    assert abs(control) > 2 * abs(after)
