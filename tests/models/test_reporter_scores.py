"""The table on the card: what is compared, and what the released models must still reach."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from models import intervals, registry
from models.metrics import pearson
from models.reporter_data import Elements, read_lentimpra, read_retina
from models.reporter_equip import ensemble_answers
from models.reporter_scores import ceiling, compare

RELEASED = ("lentimpra", "retina")


def rows(n: int = 120) -> Elements:
    random = np.random.default_rng(0)
    labels = random.normal(size=(n, 2)).astype(np.float32)
    labels[::4, 1] = np.nan
    return Elements(np.zeros((n, 10), np.int8), labels, np.ones(n, np.float32), np.arange(n) // 2)


def test_a_better_model_lies_above_the_baseline_and_a_copy_of_it_does_not() -> None:
    test = rows()
    known = np.nan_to_num(test.labels)
    random = np.random.default_rng(1)
    base = known + 2 * random.normal(size=known.shape)
    found = compare(
        {"simple": base, "good": known + 0.5 * random.normal(size=known.shape), "copy": base},
        test,
        ("a", "b"),
        baseline="simple",
        n_resamples=200,
    )
    by_name = {(entry["name"], entry["column"]): entry for entry in found}
    assert by_name["good", "a"]["pearson_above_simple"]["low"] > 0
    assert by_name["copy", "b"]["pearson_above_simple"] == {"value": 0, "low": 0, "high": 0}
    assert by_name["good", "b"]["rows"] == 90
    assert "pearson_above_simple" not in by_name["simple", "a"]


def test_the_ceiling_is_the_agreement_of_what_was_measured_twice() -> None:
    first, again = np.array([1.0, 2.0, np.nan, 4.0], np.float32), np.array([1.0, 2.0, 3.0, np.nan], np.float32)
    assert ceiling(first, again)["rows"] == 2
    assert ceiling(np.arange(5, dtype=np.float32), 2 * np.arange(5, dtype=np.float32))["pearson"] == 1.0


@pytest.mark.parametrize("name", RELEASED)
def test_scores_belong_to_the_released_weights(name: str) -> None:
    scores = json.loads((registry.RELEASED / name / "scores.json").read_text())
    assert scores["model_id"] == registry.spec(name).model_id
    assert intervals.calibration(scores["model_id"]) is not None


@pytest.mark.parametrize("name", RELEASED)
def test_the_released_weights_reach_their_card_on_the_held_out_rows(name: str) -> None:
    folder = os.environ.get("CISLENS_DATA")
    if not folder:
        pytest.skip("the measurements are not here: set CISLENS_DATA to their folder")
    test = (read_lentimpra if name == "lentimpra" else read_retina)(Path(folder)).test
    scores = json.loads((registry.RELEASED / name / "scores.json").read_text())
    values, _ = ensemble_answers(registry.load(scores["model_id"]), test.codes)
    told = {entry["column"]: entry for entry in scores["scores"] if entry["name"] == name}
    for index, track in enumerate(registry.spec(name).tracks):
        assert pearson(values[:, index], test.labels[:, index]) == pytest.approx(
            told[track.name]["pearson"]["value"], abs=0.001
        )
        assert told[track.name][f"pearson_above_simple-{name}"]["low"] > 0
