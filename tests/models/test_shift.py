"""The badge: like, at the edge of or unlike the training data, with false alarms as promised and reasons in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from genome.errors import UserError
from models import registry, shift
from models.core import Model, ModelSpec
from models.shift import (
    FILE,
    MEASURES,
    SIGNALS,
    Reference,
    encoded,
    find_reference,
    is_unlike,
    judge,
    measure,
    outside,
    read_reference,
    tails,
)
from models.shift_build import build_reference, direct, predicted, rows_of, thinned, threshold, write_reference
from models.shuffle import letters_of
from tests.toy_models import toy_engine, toy_spec

WINDOW = 100
STEPS = np.array([[0.4, 0.1, 0.2, 0.3], [0.3, 0.4, 0.02, 0.28], [0.3, 0.2, 0.4, 0.1], [0.15, 0.2, 0.25, 0.4]])


class Counts(nn.Module):
    """Two tracks: shares of C and of G; its features are the shares of the four bases."""

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(x)[:, 1:3, None]

    def embed(self, x: Tensor) -> Tensor:
        return x.mean(2)


class Blind(nn.Module):
    """The same without features to show."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(2)[:, 1:3, None]


def source(n: int, seed: int) -> np.ndarray:
    """DNA in which what comes next depends on the base before, and CG is rare."""
    random = np.random.default_rng(seed)
    heights, rows = STEPS.cumsum(axis=1), np.zeros((n, WINDOW), np.int8)
    rows[:, 0] = random.integers(0, 4, n)
    for place in range(1, WINDOW):
        rows[:, place] = (random.random(n)[:, None] > heights[rows[:, place - 1]]).sum(axis=1).clip(0, 3)
    return rows


def model_of(network: type[nn.Module] = Counts) -> Model:
    return Model(toy_spec("counts", window=WINDOW), [network()])


@pytest.fixture(scope="module")
def reference() -> Reference:
    model = model_of()
    return build_reference(
        direct(model), model.spec, source(2500, 1), calibration=source(2000, 2), seed=3, organism="human"
    )


def features(codes: np.ndarray) -> np.ndarray:
    return encoded(codes).mean(2)


def rate(reference: Reference, codes: np.ndarray) -> float:
    return float(is_unlike(reference, codes, features(codes)).mean())


def made(kind: str, n: int = 300) -> np.ndarray:
    """Made-up DNA that no reference has seen."""
    random = np.random.default_rng(9)
    rows = random.integers(0, 4, (n, WINDOW))
    if kind == "low GC":
        rows = random.choice(4, (n, WINDOW), p=(0.45, 0.05, 0.05, 0.45))
    elif kind == "high GC":
        rows = random.choice(4, (n, WINDOW), p=(0.08, 0.42, 0.42, 0.08))
    elif kind == "repeats":
        rows = np.stack([np.resize(random.integers(0, 4, int(random.integers(1, 7))), WINDOW) for _ in range(n)])
    elif kind == "N":
        rows = source(n, 8).astype(np.int64)
        rows[:, 20:31] = 4
    return rows.astype(np.int8)


def test_one_in_twenty_fresh_sequences_of_the_same_source_is_called_unlike(reference):
    assert 0.035 < rate(reference, source(3000, 4)) < 0.065


def test_one_in_twenty_more_is_at_the_edge(reference):
    codes = source(1500, 5)
    found = [verdict.standing for verdict in judge(reference, codes, features(codes))]
    assert 0.03 < found.count("edge") / len(found) < 0.07
    assert "unknown" not in found


@pytest.mark.parametrize("kind", ["evenly drawn", "low GC", "high GC", "repeats", "N"])
def test_made_up_dna_that_set_no_threshold_is_caught(reference, kind):
    assert rate(reference, made(kind)) >= 0.9


def test_the_verdict_and_the_quick_answer_agree(reference):
    codes = np.concatenate([source(100, 6), made("low GC", 30), made("N", 30)])
    standings = [verdict.standing == "unlike" for verdict in judge(reference, codes, features(codes))]
    assert standings == is_unlike(reference, codes, features(codes)).tolist()
    assert 0 < sum(standings) < len(codes)


def test_each_reason_is_in_words(reference):
    def reasons(bases: str) -> str:
        codes = shift.codes_from([bases])
        return "; ".join(judge(reference, codes, features(codes))[0].reasons)

    plain = letters_of(source(1, 6)[0])
    assert "GC 100 %: all of the training sequences have less" in reasons("GC" * 50)
    assert "a repeat of CA over 60 bp" in reasons(plain[:40] + "CA" * 30).replace("a repeat of AC", "a repeat of CA")
    assert reasons("N" * 12 + plain[12:]).startswith("12 % of the bases are N")
    assert "6-letter words are less usual" in reasons(letters_of(made("evenly drawn")[0]))


def test_like_the_training_data_needs_no_reason(reference):
    codes = source(300, 7)
    for verdict in judge(reference, codes, features(codes)):
        assert bool(verdict.reasons) == (verdict.standing != "like")
        assert len(verdict.measures) == len(MEASURES)


def test_strangeness_is_a_rank_among_calibration_rows(reference):
    codes = source(1500, 10)
    ranks = np.array([verdict.stranger_than for verdict in judge(reference, codes, features(codes))])
    assert ranks.mean() == pytest.approx(0.5, abs=0.05)
    assert judge(reference, made("low GC", 1), features(made("low GC", 1)))[0].stranger_than > 0.99


def test_a_few_n_are_the_edge_and_many_are_unlike_whatever_the_rest(reference):
    row = source(200, 11)
    row = row[[v.standing == "like" for v in judge(reference, row, features(row))]][:1]
    for n_unknown, standing in ((1, "like"), (5, "edge"), (11, "unlike"), (100, "unlike")):
        some = row.copy()
        some[0, :n_unknown] = 4
        assert judge(reference, some, None)[0].standing == standing


def test_either_strand_gets_the_same_verdict_without_an_embedding(reference):
    codes = source(200, 12)
    turned = (3 - codes)[:, ::-1].astype(np.int8)
    assert is_unlike(reference, codes).tolist() == is_unlike(reference, turned).tolist()


def test_tails_are_shares_of_calibration_rows_at_least_as_far_out():
    table = np.tile(np.arange(9, dtype=np.float32), (4, 1))
    found = tails(table, np.array([[0.0, 8.0, 4.0, np.nan]]))[0]
    expected = {("gc", False): 0.2, ("gc", True): 1.0, ("surprise", True): 0.2, ("repetitiveness", True): 0.6}
    for signal, value in zip(SIGNALS, found, strict=True):
        assert value == pytest.approx(expected.get((signal.measure, signal.high), 1.0))


def test_the_shares_of_the_false_alarms_add_up_to_all_of_them():
    assert sum(signal.share for signal in SIGNALS) == pytest.approx(1)


def test_a_threshold_is_never_passed_by_more_than_its_share():
    random = np.random.default_rng(0)
    for scores in (random.random(1000), np.ones(50), random.integers(0, 30, 500) / 30.0):
        limit = threshold(scores, 0.05)
        assert (scores <= limit).mean() <= 0.05
    assert threshold(np.arange(1.0, 101.0), 0.05) == 5


def test_thinning_keeps_the_distribution():
    values = np.random.default_rng(0).normal(size=5001)
    kept = thinned(values, 500)
    assert len(kept) == 500
    assert np.quantile(kept, [0.05, 0.5, 0.95]) == pytest.approx(np.quantile(values, [0.05, 0.5, 0.95]), abs=0.02)
    assert np.isnan(thinned(np.full(10, np.nan), 4)).all()


def test_a_network_without_features_is_judged_by_the_sequence_alone():
    model = model_of(Blind)
    found = build_reference(
        direct(model), model.spec, source(1500, 1), calibration=source(1000, 2), seed=3, embedding=False
    )
    assert found.embedding is None
    assert np.isnan(measure(found, source(3, 5))[:, MEASURES.index("distance")]).all()
    assert 0.02 < is_unlike(found, source(1500, 4)).mean() < 0.08
    assert is_unlike(found, made("evenly drawn")).mean() > 0.8


def test_the_engine_and_the_fixed_batches_build_the_same_reference(reference):
    model = model_of()
    run = toy_engine(model).runner(model.spec.model_id)
    found = build_reference(run, model.spec, source(2500, 1), calibration=source(2000, 2), seed=3, organism="human")
    assert found.unlike == pytest.approx(reference.unlike, rel=0.05)
    assert found.answers == pytest.approx(reference.answers, abs=1e-6)


def test_letters_and_codes_build_the_same_reference():
    model, train, held = model_of(), source(300, 1), source(250, 2)
    one = build_reference(direct(model), model.spec, train, calibration=held, seed=1)
    letters = [[letters_of(row) for row in rows] for rows in (train, held)]
    other = build_reference(direct(model), model.spec, letters[0], calibration=letters[1], seed=1)
    assert one.strangeness.tobytes() == other.strangeness.tobytes()


def test_answers_labels_and_errors_of_the_calibration_rows_are_kept_sorted():
    model, held = model_of(), source(400, 2)
    answers = predicted(direct(model), model.spec, held)
    labels = answers + np.float32(0.5)
    labels[:100, 1] = np.nan
    found = build_reference(direct(model), model.spec, source(300, 1), calibration=held, labels=labels)
    assert found.residuals == pytest.approx(np.full((2, 400), 0.5), abs=1e-5)
    assert found.answers[0] == pytest.approx(np.sort(answers[:, 0]))
    assert (np.diff(found.labels, axis=1) >= 0).all()


def test_rows_that_do_not_fit_are_refused():
    model, train = model_of(), source(300, 1)
    build = lambda *rows, **more: build_reference(direct(model), model.spec, rows[0], calibration=rows[1], **more)  # noqa: E731
    with pytest.raises(ValueError, match="are training rows"):
        build(train, train)
    with pytest.raises(ValueError, match="at least"):
        build(train, source(50, 2))
    with pytest.raises(ValueError, match="must be"):
        build(train[:, :50], source(300, 2))
    with pytest.raises(ValueError, match="labels"):
        build(train, source(300, 2), labels=np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="lengths"):
        build(["ACGT", "ACG"], source(300, 2))


def test_sequences_of_another_length_are_refused(reference):
    with pytest.raises(ValueError, match="must be"):
        judge(reference, np.zeros((1, WINDOW + 1), np.int8))


def test_what_is_read_back_gives_the_same_verdicts_and_the_same_bytes(reference, tmp_path: Path):
    path = write_reference(reference, tmp_path)
    first = path.read_bytes()
    read = read_reference(path, model_of().spec)
    codes = np.concatenate([source(200, 13), made("low GC", 20)])
    assert judge(read, codes, features(codes)) == judge(reference, codes, features(codes))
    assert (read.organism, read.n_training, read.seed) == ("human", 2500, 3)
    assert write_reference(read, tmp_path).read_bytes() == first
    assert len(first) < 300_000


def broken(reference: Reference, folder: Path, spec: ModelSpec) -> str:
    with pytest.raises(UserError) as refusal:
        read_reference(folder / FILE, spec)
    assert "shift_build" in str(refusal.value)
    return str(refusal.value)


def test_a_file_of_another_model_or_a_damaged_one_is_refused(reference, tmp_path: Path):
    spec = model_of().spec
    path = write_reference(reference, tmp_path)
    assert "made for counts-000000000000" in broken(reference, tmp_path, replace(spec, model_id="counts-111111111111"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be used" in broken(reference, tmp_path, spec)
    path.write_bytes(b"\x80\x04K\x01.")
    assert "cannot be used" in broken(reference, tmp_path, spec)
    write_reference(replace(reference, window=50), tmp_path)
    assert "does not fit" in broken(reference, tmp_path, spec)


def test_a_file_without_an_array_or_with_numbers_that_are_none_is_refused(reference, tmp_path: Path):
    spec = model_of().spec
    path = write_reference(reference, tmp_path)
    arrays = load_file(path)
    said = {"reference": json.dumps(metadata(path))}
    save_file({name: array for name, array in arrays.items() if name != "strangeness"}, path, said)
    assert "strangeness" in broken(reference, tmp_path, spec)
    save_file(arrays | {"chains": np.full_like(arrays["chains"], np.nan)}, path, said)
    assert "not numbers" in broken(reference, tmp_path, spec)
    save_file(arrays, path)
    assert "cannot be used" in broken(reference, tmp_path, spec)


def metadata(path: Path) -> dict[str, object]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as archive:
        return json.loads(archive.metadata()["reference"])


def test_what_the_model_was_not_trained_for_is_said_in_words():
    spec = replace(
        toy_spec(), tracks=tuple(replace(t, assay="lentiMPRA", biosample="HepG2") for t in toy_spec().tracks)
    )
    assert outside(spec, "human", "human") == ()
    assert outside(spec, "human", "") == outside(spec, "", "yeast") == ()
    assert outside(spec, "human", "yeast") == ("it was trained on human DNA, and this is yeast DNA",)
    assert outside(spec, "human", assay="lentiMPRA", biosample="hep-g2") == ()
    assert (
        "not trained for the cell type or tissue liver, but for: HepG2" in outside(spec, "human", biosample="liver")[0]
    )


def test_the_released_reference_belongs_to_the_released_model():
    spec = registry.spec("tf-binding")
    found = find_reference(spec)
    assert found is not None
    assert found.model_id == spec.model_id
    assert found.organism == "human"
    assert found.embedding is not None
    features_length = registry.load(spec.model_id).embedding(torch.zeros(1, 4, spec.input_length)).shape[1]
    assert found.embedding.axes.shape[0] == features_length


def test_a_model_without_the_file_has_no_reference(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(registry, "companion", lambda model_id, name: None)
    assert find_reference(toy_spec()) is None


def test_rows_of_a_model_nobody_knows_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="not known here"):
        rows_of("somebodys", tmp_path)


@pytest.mark.data
def test_held_out_peaks_keep_the_false_alarms_and_made_up_dna_is_caught(data: Path):
    from models.binding_data import read_peaks

    peaks = read_peaks(data)
    codes = peaks.codes[np.isin(peaks.chroms, ("chr9", "chr10"))][::4]
    spec = registry.spec("tf-binding")
    reference, model = find_reference(spec), registry.load(spec.model_id)
    assert reference is not None
    embedded = lambda rows: model.embedding(torch.from_numpy(encoded(rows))).detach().numpy()  # noqa: E731
    assert is_unlike(reference, codes, embedded(codes)).mean() < 0.08
    random = np.random.default_rng(0).integers(0, 4, (500, WINDOW)).astype(np.int8)
    assert is_unlike(reference, random, embedded(random)).mean() > 0.8
