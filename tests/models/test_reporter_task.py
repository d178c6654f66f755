"""What a batch of reporter elements is, and what is made small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models import reporter_train
from models.augment import reversed_codes
from models.kmer import KmerModel
from models.reporter_data import Elements, Parts
from models.reporter_task import (
    ReporterRecipe,
    ReporterTask,
    answers_of,
    constructs,
    kept_columns,
    standardised,
)
from models.reporter_train import fit_words, word_counts
from models.residual import Residual
from models.shuffle import N_CODE, codes_of

CONTEXT = ("AGG", "CAT")
NAN = np.float32("nan")


def elements(n: int = 64, length: int = 40, columns: int = 2, seed: int = 0) -> Elements:
    random = np.random.default_rng(seed)
    labels = random.normal(size=(n, columns)).astype(np.float32)
    labels[::3, 1:] = NAN
    codes = random.integers(0, 4, (n, length)).astype(np.int8)
    return Elements(codes, labels, np.ones(n, np.float32), np.arange(n))


def task(**changed: object) -> ReporterTask:
    recipe = ReporterRecipe("residual", context=CONTEXT, batch=16, **changed)  # type: ignore[arg-type]
    return ReporterTask(elements(), elements(seed=1), recipe, 2)


def small(n_tracks: int = 2) -> Residual:
    torch.manual_seed(0)
    return Residual(n_tracks, filters=8, filter_length=5, widths=(8, 8), hidden=8)


def batches(of: ReporterTask, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(of.batches(np.random.SeedSequence(seed)))


def test_only_the_insert_is_reversed_the_adaptors_stand() -> None:
    for x, _ in batches(task(max_shift=0)):
        assert torch.equal(x[:, :, :3], constructs(np.zeros((16, 0), np.int8), CONTEXT)[:, :, :3])
        assert torch.equal(x[:, :, -3:], constructs(np.zeros((16, 0), np.int8), CONTEXT)[:, :, -3:])


def test_a_batch_holds_training_rows_on_either_strand() -> None:
    rows = elements()
    known = {row.tobytes() for row in rows.codes} | {row.tobytes() for row in reversed_codes(rows.codes)}
    forward = {row.tobytes() for row in rows.codes}
    seen = [row.argmax(0).numpy().astype(np.int8)[3:-3].tobytes() for x, _ in batches(task(max_shift=0)) for row in x]
    assert len(seen) == 64
    assert set(seen) <= known
    assert 0 < sum(row in forward for row in seen) < 64


def test_a_moved_insert_keeps_its_length_and_shows_n() -> None:
    x = torch.cat([x for x, _ in batches(task(max_shift=6))])
    unknown = (x.sum(1) == 0).sum(1)
    assert x.shape[2] == 46
    assert unknown.max() <= 6
    assert (unknown > 0).any()
    assert (unknown == 0).any()


def test_missing_labels_weigh_nothing() -> None:
    one = task()
    _, labels = batches(one)[0]
    answer = torch.randn(16, 4, 1)
    changed = labels.clone()
    changed[:, 0][labels[:, 1] == 0] = 1e6
    assert (labels[:, 1] == 0).any()
    assert torch.isclose(one.loss(answer, labels), one.loss(answer, changed))


def test_the_loss_is_least_at_the_truth() -> None:
    one = task()
    _, labels = batches(one)[0]
    truth = torch.cat([labels[:, 0], torch.zeros(16, 2)], 1)[:, :, None]
    off = truth.clone()
    off[:, :2] += 0.5
    assert one.loss(truth, labels) < one.loss(off, labels)


def test_the_same_seed_gives_the_same_batches() -> None:
    for (x, y), (again, labels) in zip(batches(task(), 4), batches(task(), 4), strict=True):
        assert torch.equal(x, again)
        assert torch.equal(y, labels)
    assert not torch.equal(batches(task(), 4)[0][0], batches(task(), 5)[0][0])


def test_answers_are_the_same_for_either_strand_of_an_insert() -> None:
    model, codes = small(), elements().codes
    for one, other in zip(
        answers_of(model, codes, CONTEXT), answers_of(model, reversed_codes(codes), CONTEXT), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_reversing_twice_gives_the_insert_and_n_stays_n() -> None:
    codes = codes_of("ACGTN")[None]
    assert reversed_codes(codes)[0].tolist() == [N_CODE, 0, 1, 2, 3]
    assert (reversed_codes(reversed_codes(codes)) == codes).all()


def test_cutting_the_head_keeps_the_first_columns() -> None:
    model = standardised(
        small(3), replace(elements(), labels=np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32))
    )
    before = answers_of(model, elements().codes, CONTEXT)
    after = answers_of(kept_columns(model, 2), elements().codes, CONTEXT)
    for whole, cut in zip(before, after, strict=True):
        np.testing.assert_allclose(whole[:, :2], cut, rtol=1e-6)


def test_the_score_asks_the_judged_columns_only() -> None:
    one = task()
    spoiled = one.early.labels.copy()
    spoiled[:, 1] = -spoiled[:, 1]
    other = replace(one, early=replace(one.early, labels=spoiled))
    model = small()
    assert replace(one, judged=1).score(model) == pytest.approx(replace(other, judged=1).score(model))
    assert one.score(model) != pytest.approx(other.score(model))


def test_the_word_model_finds_additive_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter_train, "WORD_LENGTH", 4)
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (1500, 60)).astype(np.int8)
    truth = word_counts(KmerModel(1, 4), codes)[:, :1]  # AAAA on either strand
    labels = (3 * truth + 1).astype(np.float32)
    labels[:50] = NAN
    rows = Elements(codes, labels, np.ones(1500, np.float32), np.arange(1500))
    model = fit_words(Parts(rows, rows, rows, rows, {}), 1)
    both = (model(constructs(codes, ("", ""))) + model(constructs(reversed_codes(codes), ("", "")))) / 2
    assert np.corrcoef(both[:, 0, 0].detach().numpy(), truth[:, 0])[0, 1] > 0.9
