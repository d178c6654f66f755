"""Fitting: it learns, it repeats, it goes on where it was stopped, and what it writes can be loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import registry
from models.binding_data import BACKGROUND, PEAK, Rows, Splits, joined
from models.fit import Recipe, calibration, encoded, fit_member, log_odds, validation_score
from models.kmer import KmerModel
from models.shuffle import codes_of
from models.train import RECIPES, train, with_shuffles

MOTIFS = ("CCACCAGGGGGC", "AAAGAGGAAGTG")
TINY = replace(
    RECIPES["tf-binding"],
    options={"filters": 8, "filter_length": 13, "combined": 8, "combined_length": 3},
    members=2,
    epochs=3,
    batch=64,
)


def planted(n: int, *, seed: int) -> Rows:
    """Random DNA with the motif of one factor near the middle, and as much without."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (3 * n, 100)).astype(np.int8)
    labels = np.zeros((3 * n, 2), dtype=np.float32)
    for factor, motif in enumerate(MOTIFS):
        for row in range(factor * n, (factor + 1) * n):
            start = random.integers(30, 60)
            codes[row, start : start + len(motif)] = codes_of(motif)
            labels[row, factor] = 1
    kinds = np.repeat(np.array([PEAK, PEAK, BACKGROUND], dtype=np.int8), n)
    factors = np.repeat(np.array([0, 1, -1], dtype=np.int8), n)
    return Rows(codes, labels, kinds, factors, np.full(3 * n, "chr1"), np.arange(3 * n))


def build(**options: object) -> torch.nn.Module:
    return train.__globals__["ARCHITECTURES"]["tf_binding"](**options)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(module: torch.nn.Module) -> np.ndarray:
    return torch.cat([value.flatten().double() for value in module.state_dict().values()]).numpy()


def quiet(_: str) -> None:
    """Says nothing."""


def test_a_small_fit_finds_planted_motifs() -> None:
    validation = with_shuffles(planted(150, seed=2))
    torch.manual_seed(0)
    before = validation_score(build(**TINY.options), validation)
    module = fit_member(build, planted(600, seed=1), validation, TINY, member=0, say=quiet)
    assert before < 0.7
    assert validation_score(module, validation) > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_member_others() -> None:
    rows, validation = planted(60, seed=1), with_shuffles(planted(40, seed=2))
    first, again, other = (fit_member(build, rows, validation, TINY, member=m, say=quiet) for m in (0, 0, 1))
    assert (weights(first) == weights(again)).all()
    assert not np.allclose(weights(first), weights(other))


def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    rows, validation = planted(60, seed=1), with_shuffles(planted(40, seed=2))
    whole = fit_member(build, rows, validation, TINY, member=0, say=quiet)
    said: list[str] = []

    def stop_after_two(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "member-0.fit"
    with pytest.raises(KeyboardInterrupt):
        fit_member(build, rows, validation, TINY, member=0, checkpoint=checkpoint, say=stop_after_two)
    resumed = fit_member(build, rows, validation, TINY, member=0, checkpoint=checkpoint, say=said.append)
    assert ["pass 1/3" in said[0], "pass 2/3" in said[1], "pass 3/3" in said[2], len(said)] == [True, True, True, 3]
    assert (weights(resumed) == weights(whole)).all()


def test_a_state_of_another_recipe_is_not_taken_up(tmp_path: Path) -> None:
    rows, validation = planted(30, seed=1), with_shuffles(planted(30, seed=2))
    said: list[str] = []
    for seed in (1, 2):
        recipe = replace(TINY, epochs=1, seed=seed)
        fit_member(build, rows, validation, recipe, member=0, checkpoint=tmp_path / "0.fit", say=said.append)
    assert len(said) == 2


def test_training_writes_a_model_that_the_registry_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    validation = planted(60, seed=2)
    splits = Splits(planted(100, seed=1), validation, planted(20, seed=3), {"test": 0, "validation": 0})
    for run in ("first", "second"):
        train(replace(TINY, epochs=1), splits, out=tmp_path / run, work=tmp_path / f"{run}-work", workers=1)
    folder, again = tmp_path / "first/tf-binding", tmp_path / "second/tf-binding"
    assert {path.name for path in folder.iterdir()} == {"model.toml", "member-0.safetensors", "member-1.safetensors"}
    assert all((again / path.name).read_bytes() == path.read_bytes() for path in folder.iterdir())
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path / "first"))
    model = registry.load(registry.spec("tf-binding").model_id)
    assert model.spec.n_members == 2
    scores = log_odds(model, with_shuffles(validation).codes)
    assert scores.std(axis=0).tolist() == pytest.approx([track.sd for track in model.spec.tracks], abs=1e-3)
    slope, intercept = calibration(scores, with_shuffles(validation))
    assert slope.tolist() == pytest.approx([1, 1], abs=1e-3)
    assert intercept.tolist() == pytest.approx([0, 0], abs=1e-3)


def test_calibration_finds_the_line_that_scores_were_bent_by() -> None:
    random = np.random.default_rng(0)
    n = 40_000
    truth = random.normal(0, 2, n)
    bound = (random.random(n) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    rows = Rows(
        codes=np.zeros((n, 1), dtype=np.int8),
        labels=np.stack([bound, 1 - bound], axis=1),
        kinds=np.full(n, BACKGROUND, dtype=np.int8),
        factors=np.full(n, -1, dtype=np.int8),
        chroms=np.full(n, "chr1"),
        starts=np.arange(n),
    )
    slope, intercept = calibration(np.stack([3 * truth + 1, -truth / 2], axis=1), rows)
    even = np.log(bound.mean() / (1 - bound.mean()))  # calibration assumes even odds, the rows have these
    assert slope.tolist() == pytest.approx([1 / 3, 2], rel=0.05)
    assert intercept.tolist() == pytest.approx([-1 / 3 - even, even], abs=0.06)


def test_windows_are_encoded_with_n_as_zeros() -> None:
    x = encoded(codes_of("ACGTN")[None])
    assert x[0, :, :4].tolist() == np.eye(4).tolist()
    assert x[0, :, 4].tolist() == [0, 0, 0, 0]


def test_unknown_labels_do_not_matter() -> None:
    rows = planted(40, seed=1)
    unknown = rows.labels.copy()
    unknown[:40, 1] = np.nan
    flipped = np.where(np.isnan(unknown), np.nan, rows.labels).astype(np.float32)
    parts = [Rows(**{**vars(rows), "labels": labels}) for labels in (unknown, flipped)]
    recipe = Recipe("t", "t", "kmer", {"k": 2}, epochs=1, batch=32, max_shift=0)
    fits = [fit_member(KmerModel, part, joined([rows]), recipe, member=0, say=quiet) for part in parts]
    assert np.isfinite(weights(fits[0])).all()
    assert (weights(fits[0]) == weights(fits[1])).all()


def test_a_recipe_that_cannot_be_followed_is_refused() -> None:
    with pytest.raises(ValueError, match="max_shift=60"):
        replace(TINY, max_shift=60)
