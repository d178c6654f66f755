"""The released binding models are those that the cards speak of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from models import registry
from models.binding_card import card
from models.cost import cost
from models.fit import log_odds
from models.held_out import read_contests
from models.metrics import auprc, auroc

NAMES = ("simple", "tf-binding")
needs_data = pytest.mark.skipif(
    not os.environ.get("CISLENS_DATA"), reason="set CISLENS_DATA to the folder of measured data"
)


def stored(name: str) -> dict:
    return json.loads((registry.RELEASED / name / "scores.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_the_one_that_the_scores_make(name: str) -> None:
    spec = registry.spec(name)
    assert spec.card == card(spec, stored(name), stored("simple")["scores"])


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_cost_is_that_of_the_weights(name: str) -> None:
    figures = cost(registry.load(registry.spec(name).model_id))
    assert figures == stored(name)["cost"]
    assert figures["mflop_per_member"] <= 5


def test_what_was_promised_of_held_out_peaks_was_reached() -> None:
    scores = {(row["track"], row["negatives"]): row for row in stored("tf-binding")["scores"]}
    assert scores["CTCF", "dinucleotide shuffles"]["auroc"]["value"] >= 0.975
    assert scores["PU.1", "dinucleotide shuffles"]["auroc"]["value"] >= 0.97
    assert all(row["auroc_above_simple"]["low"] > 0 for row in scores.values())


@needs_data
def test_the_released_weights_reach_the_stated_scores() -> None:
    models = {name: registry.load(registry.spec(name).model_id) for name in NAMES}
    contests = read_contests(Path(os.environ["CISLENS_DATA"]))
    for contest in contests:
        for name, model in models.items():
            row = next(
                row
                for row in stored(name)["scores"]
                if (row["track"], row["negatives"])
                == (model.spec.tracks[contest.factor].name.removesuffix(" binding"), contest.negatives)
            )
            high, low = (
                log_odds(model, rows.codes)[:, contest.factor] for rows in (contest.positive, contest.negative)
            )
            assert (contest.positive.n, contest.negative.n) == (row["n_positive"], row["n_negative"])
            assert auroc(high, low) == pytest.approx(row["auroc"]["value"], abs=0.01)
            assert auprc(high, low) == pytest.approx(row["auprc"]["value"], abs=0.01)
