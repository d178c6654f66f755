"""Training of the profile model: it learns, repeats, resumes, and writes a folder that the registry reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models import registry
from models.loop import progress_of
from models.profile_data import shipped
from models.profile_task import (
    NAME,
    TRAIN_SEEDS,
    VALIDATION_SEEDS,
    ProfileRecipe,
    ProfileTask,
    answers,
    train,
)

SMALL = ProfileRecipe(
    options={"filters": 4, "layers": 5, "head_length": 57},
    train_seeds=TRAIN_SEEDS[:1],
    validation_seeds=VALIDATION_SEEDS[:1],
    members=1,
    epochs=1,
    batch=32,
)


@pytest.fixture(scope="module", autouse=True)
def one_core():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def task():
    whole = shipped()  # stands for a simulated genome, which takes seconds to build
    return ProfileTask(
        replace(whole, centres=whole.centres[:96]), replace(whole, centres=whole.centres[100:130]), SMALL
    )


@pytest.fixture
def fast(monkeypatch, task):
    """Training on a few windows instead of whole genomes."""
    monkeypatch.setattr(
        "models.profile_task.simulate", lambda seeds: task.train if seeds == SMALL.train_seeds else task.validation
    )


def test_a_pass_shows_every_window_once_and_repeats_with_its_seed(task):
    seeds = [np.random.SeedSequence(entropy) for entropy in (1, 1, 2)]
    one, again, other = (list(task.batches(seed)) for seed in seeds)
    assert len(one) == task.steps() == 3
    assert sum(len(x) for x, _ in one) == len(task.train.centres)
    assert all(torch.equal(a, b) for pair in zip(one, again, strict=True) for a, b in zip(*pair, strict=True))
    assert not torch.equal(one[0][0], other[0][0])
    assert one[0][0].shape == (32, 4, 500)
    assert one[0][1].shape == (32, 2, 300)


def test_training_learns_repeats_to_the_byte_and_the_registry_reads_it(fast, task, tmp_path, monkeypatch):
    recipe = replace(SMALL, epochs=2)
    folders = [train(tmp_path / name, tmp_path / f"work-{name}", 1, recipe=recipe) for name in ("a", "b")]
    for file in ("member-0.safetensors", "model.toml"):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes()
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path / "a"))
    model = registry.load(registry.spec(NAME).model_id)
    assert [(track.strand, track.kind) for track in model.spec.tracks] == [("+", "profile"), ("-", "profile")]
    assert model.spec.strand_pair(0) == (0, 1)
    assert answers(model, task.validation.windows()).shape == (30, 2, 300)


def test_a_fit_gets_better_and_another_member_differs(fast, tmp_path):
    train(tmp_path / "out", tmp_path / "work", 1, recipe=replace(SMALL, epochs=5, members=2, batch=8))
    said = [progress_of(tmp_path / "work" / NAME / f"member-{member}.fit")["history"] for member in range(2)]
    assert all(history[-1] > history[0] for history in said)
    assert said[0] != said[1]


def test_a_stopped_run_goes_on_to_the_same_bytes(fast, tmp_path, monkeypatch):
    recipe = replace(SMALL, epochs=2)
    whole = train(tmp_path / "whole", tmp_path / "work-whole", 1, recipe=recipe)

    def stop(line):
        raise KeyboardInterrupt(line)

    monkeypatch.setattr("models.profile_task.say_at_once", stop)
    with pytest.raises(KeyboardInterrupt, match="pass 1/2"):
        train(tmp_path / "cut", tmp_path / "work", 1, recipe=recipe)
    lines = []
    monkeypatch.setattr("models.profile_task.say_at_once", lines.append)
    again = train(tmp_path / "cut", tmp_path / "work", 1, recipe=recipe)
    assert [line.partition(",")[0] for line in lines] == [f"{NAME} member 0: pass 2/2"]
    assert (again / "member-0.safetensors").read_bytes() == (whole / "member-0.safetensors").read_bytes()
