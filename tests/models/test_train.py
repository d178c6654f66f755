"""Training learns, gives the same weights twice, goes on where it was stopped, and the released scores hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import registry
from models.binding_data import (
    BACKGROUND,
    FACTORS,
    PEAK,
    TEST_CHROMS,
    VALIDATION_CHROMS,
    Rows,
    Splits,
    canonical_kmers,
    read_peaks,
    read_splits,
    shares_kmer,
    shuffled,
)
from models.fit import fit_member, log_odds, validation_score
from models.held_out import TEST_SEED
from models.kmer import KmerModel
from models.metrics import auroc
from models.train import RECIPES, train, with_shuffles

SMALL = replace(RECIPES["simple"], epochs=3, batch=32)
WORDS = ("GGCGCC", "TTCCGG")  # one for each factor


def planted_rows(count: int, seed: int) -> Rows:
    """Random windows: a third with the word of each factor, a third with none."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (3 * count, 100)).astype(np.int8)
    factors = np.repeat([0, 1, -1], count).astype(np.int8)
    for row, factor in enumerate(factors):
        if factor >= 0:
            place = random.integers(20, 74)
            codes[row, place : place + 6] = ["ACGT".index(base) for base in WORDS[factor]]
    labels = np.stack([factors == 0, factors == 1], axis=1).astype(np.float32)
    kinds = np.where(factors < 0, BACKGROUND, PEAK).astype(np.int8)
    return Rows(codes, labels, kinds, factors, np.full(3 * count, "chr1"), np.arange(3 * count))


def quiet(_line: str) -> None:
    """Says nothing."""


def test_training_finds_the_words_that_were_planted():
    validation = with_shuffles(planted_rows(60, seed=1))
    model = fit_member(KmerModel, planted_rows(200, seed=0), validation, SMALL, member=0, say=quiet)
    untrained = KmerModel(**SMALL.options).eval()
    assert validation_score(model, validation) > 0.85
    assert validation_score(untrained, validation) < 0.6


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    splits = Splits(planted_rows(60, 0), planted_rows(30, 1), planted_rows(5, 2), {})
    folders = [train(SMALL, splits, out=tmp_path / n / "out", work=tmp_path / n / "work", workers=1) for n in "ab"]
    for name in ("model.toml", "member-0.safetensors"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_stopped_fit_goes_on_where_it_was(tmp_path):
    rows, validation = planted_rows(60, 0), with_shuffles(planted_rows(30, 1))
    whole = fit_member(KmerModel, rows, validation, SMALL, member=0, say=quiet)
    passes = []

    def stop(line: str) -> None:
        passes.append(line)
        if len(passes) == 2:
            raise KeyboardInterrupt

    state = tmp_path / "member-0.fit"
    with pytest.raises(KeyboardInterrupt):
        fit_member(KmerModel, rows, validation, SMALL, member=0, checkpoint=state, say=stop)
    after = []
    again = fit_member(KmerModel, rows, validation, SMALL, member=0, checkpoint=state, say=after.append)
    assert len(after) == 1
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


@pytest.mark.data
def test_no_place_and_no_sequence_is_on_both_sides_of_a_split(data: Path):
    splits = read_splits(data)
    assert set(splits.test.chroms) == set(TEST_CHROMS)
    assert not set(splits.train.chroms) & {*TEST_CHROMS, *VALIDATION_CHROMS}
    assert not set(splits.validation.chroms) & set(TEST_CHROMS)
    test = canonical_kmers(splits.test.codes)
    for rows in (splits.train, splits.validation):
        assert not shares_kmer(canonical_kmers(rows.codes), test).any()


@pytest.mark.data
@pytest.mark.parametrize(("factor", "goal"), [("CTCF", 0.975), ("PU.1", 0.97)])
def test_released_weights_give_the_scores_on_their_card(data: Path, factor: str, goal: float):
    peaks = read_peaks(data)
    index = FACTORS.index(factor)
    positive = peaks.chosen(np.isin(peaks.chroms, TEST_CHROMS)).of(PEAK, index)
    negative = shuffled(positive, seed=TEST_SEED)
    areas = {}
    for name in RECIPES:
        spec = registry.spec(name)
        model = registry.load(spec.model_id)
        areas[name] = auroc(*(log_odds(model, rows.codes)[:, index] for rows in (positive, negative)))
        scores = json.loads((registry.RELEASED / name / "scores.json").read_text())["scores"]
        noted = next(s for s in scores if s["track"] == factor and s["negatives"] == "dinucleotide shuffles")
        assert abs(areas[name] - noted["auroc"]["value"]) < 0.01
        assert f"{noted['auroc']['value']:.3f}" in spec.card
        if name != "simple":
            assert noted["auroc_above_simple"]["low"] > 0
    assert areas["tf-binding"] >= goal
