"""Records of the loop: they turn into JSON and back, and refuse what they cannot be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from experiment.hypothesis import Hypothesis, Intervention
from experiment.measurements import Dropped, Measurements, Reading

ORIGINAL = Intervention("E1 original", "original", "ACGTACGTAC", 2, 6)
KILLED = Intervention("E1 kill", "kill", "ACTTACGTAC", 2, 6, predicted=-1.25)
HYPOTHESIS = Hypothesis("model=m", "CTCF drives it", "m-000000000000", "activity", -1.25, -1.5, -1.0, "activity", (ORIGINAL, KILLED))  # fmt: skip
MEASURED = Measurements(
    "plate.tsv",
    "MPRA",
    "log2(RNA/DNA)",
    (
        Reading("E1", "ACGT", "1", 0.5, 0.2, 12),
        Reading("E2", "", "1", -1.0, control="negative control", link="locus=x"),
    ),
    "0" * 64,
    (Dropped(7, "a count below 0", "-3"),),
    {"a count below 0": 1},
    ("Read by tabs.",),
)


@pytest.mark.parametrize("record", [HYPOTHESIS, MEASURED])
def test_a_record_comes_back_from_its_json_as_it_was(record: Hypothesis | Measurements) -> None:
    assert type(record).from_json(json.loads(json.dumps(record.to_json()))) == record


def test_a_hypothesis_without_a_broken_construct_cannot_be_refuted_and_is_refused() -> None:
    with pytest.raises(ValueError, match="broken"):
        replace(HYPOTHESIS, interventions=(ORIGINAL,))
    with pytest.raises(ValueError, match="original"):
        replace(HYPOTHESIS, interventions=(KILLED,))


def test_a_construct_that_changes_nothing_that_is_there_is_refused() -> None:
    with pytest.raises(ValueError, match="end"):
        replace(KILLED, end=11)
    with pytest.raises(ValueError, match="ACGTN"):
        replace(KILLED, bases="acgt")


def test_json_that_is_no_record_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no hypothesis"):
        Hypothesis.from_json({"claim": "x"})
    with pytest.raises(ValueError, match="no measurements"):
        Measurements.from_json({"name": "x"})


def test_measurements_know_their_elements_and_replicates() -> None:
    assert MEASURED.names == ("E1", "E2")
    assert MEASURED.replicates == ("1",)
    assert MEASURED.n_dropped == 1
