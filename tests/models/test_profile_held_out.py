"""Scores of the profile model: the measures are right on known cases, and the released figures hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

from genome.sandbox import sites
from models import registry
from models.metrics import divergence
from models.profile_data import MARGIN, OUTPUT_LENGTH, shipped
from models.profile_held_out import (
    counts_scores,
    deletion_scores,
    log_counts,
    loss_per_read,
    profile_scores,
    site_windows,
    word_baseline,
)
from models.profile_task import NAME, answers
from models.shuffle import letters_of

FOLDER = registry.RELEASED / NAME


@pytest.fixture(scope="module")
def test_rows():
    return shipped()


@pytest.fixture(scope="module")
def stored():
    return json.loads((FOLDER / "scores.json").read_text())


@pytest.fixture(scope="module")
def model():
    return registry.load(registry.spec(NAME).model_id)


@pytest.fixture(scope="module")
def told(model, test_rows):
    return answers(model, test_rows.windows())


def test_profiles_of_one_shape_do_not_diverge_and_disjoint_ones_diverge_by_one_bit():
    a = np.array([[[1.0, 2.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])
    b = np.array([[[2.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [3.0, 9.0]]])
    np.testing.assert_allclose(divergence(a, b), [0.0, 1.0], atol=1e-12)


def test_the_loss_per_read_is_least_at_the_shape_of_the_reads(test_rows):
    reads, truth = (test_rows.profiles(r)[:20] for r in (test_rows.reads, test_rows.expected))
    flat = np.ones_like(truth)
    assert loss_per_read(flat, reads) == pytest.approx(np.log(2 * OUTPUT_LENGTH))
    assert loss_per_read(reads, reads) < loss_per_read(truth, reads) < loss_per_read(flat, reads)


def test_the_truth_has_no_error_and_its_score_on_an_experiment_is_the_ceiling(test_rows):
    truth, reads = test_rows.profiles(test_rows.expected)[:40], test_rows.profiles(test_rows.reads)[:40]
    rows = counts_scores({"noisy": log_counts(reads)}, log_counts(truth), log_counts(reads))
    assert rows[-1]["truth"]["value"] == 1.0
    assert rows[-1]["experiment"] == rows[0]["truth"]
    assert profile_scores({"same": truth}, truth, reads)[0]["divergence"] == 0.0


def test_windows_around_sites_hold_their_letters():
    planted = list(sites())[::50]
    genome_letters = [letters_of(row) for row in site_windows(planted)]
    for site, bases in zip(planted, genome_letters, strict=True):
        start = site.locus.start - (site.locus.start + site.locus.end) // 2 + len(bases) // 2
        from genome.sandbox import sandbox_genome

        assert bases[start : start + site.locus.length] == sandbox_genome().sequence(site.locus).bases


def test_the_word_baseline_finds_what_words_alone_tell(test_rows):
    """Fitted and asked on the same windows it nearly repeats them: 375 rows, 4,096 words."""
    found = word_baseline(test_rows, test_rows, test_rows)
    assert np.corrcoef(found, log_counts(test_rows.profiles(test_rows.reads)))[0, 1] > 0.9


def test_the_released_figures_are_of_the_released_model_and_hold(stored, model, told, test_rows):
    assert stored["model_id"] == model.spec.model_id
    truth, reads = test_rows.profiles(test_rows.expected), test_rows.profiles(test_rows.reads)
    entry = next(row for row in stored["scores"] if row["name"] == NAME)
    found = np.corrcoef(log_counts(told), log_counts(truth))[0, 1]
    assert found == pytest.approx(entry["truth"]["value"], abs=0.01)
    shape = next(row for row in stored["profiles"] if row["name"] == NAME)
    again = profile_scores({NAME: told}, truth, reads)[0]
    assert again["divergence"] == pytest.approx(shape["divergence"], abs=0.01)
    assert again["loss_per_read"] == pytest.approx(shape["loss_per_read"], abs=0.01)


def test_the_model_is_near_its_truth_and_far_above_words_and_the_mean_profile(stored):
    counts = {row["name"]: row for row in stored["scores"]}
    assert counts[NAME]["truth"]["value"] > 0.9
    assert counts[NAME]["truth"]["low"] > counts["words (ridge)"]["truth"]["high"]
    assert counts["the truth itself"]["experiment"]["value"] >= counts[NAME]["experiment"]["value"] - 0.005
    shapes = {row["name"]: row for row in stored["profiles"]}
    assert shapes[NAME]["divergence"] < 0.5 * shapes["mean profile of the training windows"]["divergence"]
    assert shapes["the truth itself"]["loss_per_read"] < shapes[NAME]["loss_per_read"]


def test_deleting_planted_sites_does_what_the_simulator_says(model):
    rows = {row["name"]: row for row in deletion_scores(model)}
    assert rows["all planted sites"]["sites"] == len(sites())
    assert rows["all planted sites"]["pearson"] > 0.8
    assert rows["CTCF"]["pearson"] > 0.8
    assert rows["NRF1"]["error"] < 0.1  # the correlate leaves no reads, and the model was not taken in


def test_unknown_bases_lower_the_answer_to_the_background(model):
    from models.profile_data import INPUT_LENGTH
    from models.shuffle import N_CODE

    blank = np.full((1, INPUT_LENGTH), N_CODE, dtype=np.int8)
    assert answers(model, blank).sum() < 3 * 30
    assert INPUT_LENGTH - 2 * MARGIN == OUTPUT_LENGTH


def test_the_card_is_made_from_the_scores(stored, model):
    from models.profile_card import card

    truth = FOLDER / "truth.json"
    found = json.loads(truth.read_text()) if truth.is_file() else None
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == card(model.spec, stored, found)


def test_weights_are_small(model):
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 3_000_000
    assert stored_flop() <= 30


def stored_flop():
    return json.loads((FOLDER / "scores.json").read_text())["cost"]["mflop_per_member"]
