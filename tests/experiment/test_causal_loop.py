"""The causal loop: a small one runs from end to end and resumes, and the committed figures keep what was asked of them.

``python -m benchmarks.causal_loop`` makes the figures again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import causal_loop as loop
from benchmarks import causal_loop_networks as networks
from benchmarks.causal_loop_claims import is_true, shares, true_effect
from experiment import refine_steps
from experiment.hypothesis import Hypothesis
from experiment.measurements import Measurements
from experiment.oracle import RETINA_NOISE, measure
from experiment.refine_rows import as_table, read_tables
from genome import sandbox_build
from models.reporter_task import ReporterRecipe

RECORD = json.loads((Path(__file__).parents[2] / "benchmarks/causal_loop.json").read_text())
SMALL = loop.Scale(
    (101,), (121,), held_out=121, members=1, claims=12, asked=40, draws=1, recipe=ReporterRecipe(
        "residual", {**loop.OPTIONS, "filters": 16, "widths": (16,), "hidden": 16}, epochs=12, batch=16, learning_rate=1e-2, averaging=0.9,
    ),
)  # fmt: skip


@pytest.fixture
def small(own_home, monkeypatch) -> Iterator[loop.Scale]:
    """A loop of seconds: genomes of 160 elements, refinements of four passes or one."""
    torch.set_num_threads(1)
    monkeypatch.setattr(refine_steps, "LEAST_SHOWN", 1)
    monkeypatch.setattr(sandbox_build, "CONTIGS", (("sb1", 160),))
    loop.genome.cache_clear()
    yield SMALL
    loop.genome.cache_clear()


def test_a_small_loop_gives_every_figure_and_resumes_to_the_same(small, tmp_path, monkeypatch, capsys):
    results, claims = tmp_path / "loop.json", tmp_path / "claims.json"
    loop.run([0], small, results, claims)
    first = results.read_text()
    record = json.loads(first)
    assert record.keys() == RECORD.keys()
    assert record["belief"].keys() == RECORD["belief"].keys()
    assert record["verdicts"]["pooled"]["hypotheses"] == 24
    assert record["verdicts"]["pooled"]["false"] == 12
    for arm in record["refinement"].values():
        assert {change["name"] for change in arm[0]["changes"]} >= {"elements"}
    found = [Hypothesis.from_json(one) for one in json.loads(claims.read_text())["hypotheses"]]
    assert [is_true(one) for one in found] == [True] * 12 + [False] * 12
    monkeypatch.setattr(loop, "one_seed", None)  # nothing may be done again
    loop.run([0], small, results, claims)
    assert results.read_text() == first
    capsys.readouterr()


def test_what_judges_a_refinement_was_in_no_training(small):
    """The product keeps to the sides that the tables state, and an element's constructs are on the side of the element."""
    measured = measured_elements()
    rows = networks.table(measured, {measured.names[0]: 3.0})
    sd = networks.sd_of(rows)
    (cut,) = read_tables([("old", as_table(rows))], networks.spec_of("none", 1, sd), networks.TRACK)
    trained, early = networks.learnt(rows, sd)
    seen = {codes.tobytes() for part in (trained, early) for codes in part.codes}
    assert len(seen) == trained.n + early.n == sum(row.split == "train" for row in rows)
    kept = [codes.tobytes() for part in (cut.early, cut.calibration, cut.valid) for codes in part.codes]
    assert cut.stated
    assert not seen & set(kept)
    assert seen == {codes.tobytes() for codes in cut.train.codes}
    assert len(kept) + len(seen) == len(rows)
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row.place, set()).add(row.split)
    assert {len(found) for found in sides.values()} == {1}
    assert sum(row.weight == 3.0 for row in rows) == 1


def measured_elements() -> Measurements:
    return measure(networks.all_elements([loop.genome(101)]), seed=1, replicates=3)


def test_shares_count_what_is_decided():
    true, false = ({"supported": 6, "refuted": 1, "undecided": 3}, {"supported": 0, "refuted": 9, "undecided": 1})
    found = shares(true, false)
    assert (found["right_of_decided"], found["right_of_all"], found["undecided"]) == (0.938, 0.75, 0.2)


def test_verdicts_are_right_nine_times_in_ten_and_at_most_a_quarter_stays_undecided():
    assert len(RECORD["seeds"]) >= 3
    for found in (RECORD["verdicts"]["pooled"], *RECORD["verdicts"]["by_seed"]):
        assert found["hypotheses"] >= 100
        assert 2 * found["false"] == found["hypotheses"]
        assert found["right_of_decided"] >= 0.9
        assert found["undecided"] <= 0.25
    for draws in RECORD["verdicts_under_other_noise"].values():
        assert draws["right_of_decided_lowest"] >= 0.9
        assert draws["undecided_highest"] <= 0.25
    assert RECORD["noise"]["sd"] == RETINA_NOISE.sd


def test_the_correlate_is_believed_first_and_dropped_because_of_the_interventions():
    """Under every seed, by the product's own refinement."""
    first, after, control = (
        np.array(RECORD["belief"][arm]["NRF1"]["predicted"]["by_seed"])
        for arm in (loop.FIRST, loop.AFTER, loop.CONTROL)
    )
    assert (first < -RECORD["smallest_effect_of_interest"]).all()
    assert (np.abs(after) < np.abs(first) / 3).all()
    assert (np.abs(control) > 2 * np.abs(after)).all()


def test_the_example_of_the_measure_page_has_true_claims_and_false_ones():
    content = json.loads(loop.CLAIMS_FILE.read_text())["hypotheses"]
    effects = [true_effect(Hypothesis.from_json(one)) for one in content]
    assert len(effects) == 2 * loop.EXAMPLES
    assert all(effect <= -RECORD["smallest_effect_of_interest"] for effect in effects[: loop.EXAMPLES])
    assert all(abs(effect) < 0.05 for effect in effects[loop.EXAMPLES :])
