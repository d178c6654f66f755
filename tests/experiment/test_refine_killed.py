"""The server killed with -9 again and again while a model is refined: the model that comes out is the one of a quiet run."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from experiment import refine, refine_steps
from experiment.refine import Plan
from models import registry
from models.reporter_equip import ensemble_answers
from models.shuffle import codes_of
from tests.experiment.refine_toys import rows, table, write_toy
from tests.experiment.test_jobs import server, told


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_toy(tmp_path / "models", members=1)
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path / "models"))
    torch.set_num_threads(1)
    return tmp_path / "models"


def planned(home: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan whose tables are kept in a home."""
    home.mkdir()
    monkeypatch.setenv("CISLENS_HOME", str(home))
    new = refine.keep_table("new.tsv", table(420, word="CCGG", gain=-2.0, seed=11))
    old = refine.keep_table("old.tsv", table(420, seed=12))
    return Plan(registry.spec("toy-reporter").model_id, "activity", "distill", new, (old,), epochs=3)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def killed(home: Path, reached: Callable[[], bool], *words: str) -> None:
    """A server that is killed as soon as something is so; whatever it started ends as well."""
    process = server(home, *words, "serve")
    end = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, process.stderr.read()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while working(home):
        assert time.monotonic() < end, "a child outlives its server"
        time.sleep(0.05)


def working(home: Path) -> list[str]:
    """Processes that refine in a home, by what they were started with."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:  # it has just ended
            continue
        if "experiment.refine_child" in words and any(str(home) in word for word in words):
            found.append(" ".join(words))
    return found


def answered(bases: list[str]) -> np.ndarray:
    """What the parent says."""
    model = registry.load(registry.spec("toy-reporter").model_id)
    return ensemble_answers(model, np.stack([codes_of(one) for one in bases]))[0]


def test_the_server_is_killed_in_the_middle_of_a_refinement(models, tmp_path, monkeypatch):
    bases, _ = rows(20, seed=9)
    parent, said = digests(models / "toy-reporter"), answered(bases)
    quiet = planned(tmp_path / "quiet", monkeypatch)
    whole = refine.prepare(quiet)
    for index in range(len(refine_steps.steps(quiet, 1))):
        refine_steps.run_step(refine_steps.bench(whole), index, lambda _: None)

    home = tmp_path / "home"
    plan = planned(home, monkeypatch)
    assert plan == quiet
    where = refine.place(plan)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    fits = where / "fits"
    killed(home, lambda: any(fits.glob("*.fit")), f"refine,{tmp_path / 'plan.json'}")  # within the first fit
    killed(home, lambda: len(list(fits.glob("*.safetensors"))) >= 2)  # between two fits, or within the third
    killed(
        home, lambda: (where / "model").is_dir() or (where / "refinement.json").is_file()
    )  # while the model is written
    assert refine_steps.read_record(whole) is not None
    (job,) = [one for one in told(home, "wait", "jobs") if "digest" in one]

    assert job["status"] == "done", job
    assert refine_steps.read_record(where) == refine_steps.read_record(whole)
    assert digests(where / "model") == digests(whole / "model")
    assert not [path for path in where.rglob("*") if path.suffix in (".part", ".fit")]
    assert digests(models / "toy-reporter") == parent
    np.testing.assert_array_equal(answered(bases), said)
    assert os.environ["CISLENS_HOME"] == str(home)
