"""The store under kill -9, full disks and somebody else's hands: nothing half there, nothing lost that was answered for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models import registry
from tests.models.folders import write_case

ROOT = Path(__file__).parents[2]
Do = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def do() -> Iterator[Do]:
    """Does one thing to the store of a folder in a process of its own."""
    command = [sys.executable, "-m", "tests.experiment.store_child"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(home: Path, what: str, **words: Any) -> dict[str, Any]:
        order = {"home": str(home), "do": what, **{k: str(v) if isinstance(v, Path) else v for k, v in words.items()}}
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert answer.get("error") in (None, "UserError"), answer.get("trace")
        return answer

    yield ask
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=60)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    """Four models of one name: a parent and what refinements made of it; folder and model_id."""
    place = tmp_path_factory.mktemp("toys")
    made = [write_case(place / str(seed), "kmer", seed=seed, name="toy") for seed in range(4)]
    return [(folder, registry.read_folder(folder).model_id) for folder in made]


def begun(do: Do, home: Path) -> dict[str, Any]:
    """A home with a project and one record of each kind, all answered for."""
    home.mkdir(parents=True)
    for what in ("project", "hypothesis", "design", "measure"):
        assert "done" in do(home, what, project=1, seed=0, name="first"), what
    return do(home, "state")["done"]


def with_models(do: Do, home: Path, toys: list[tuple[Path, str]]) -> dict[str, Any]:
    """The same with a model and one that was refined from it."""
    begun(do, home)
    shutil.copytree(toys[0][0], home / "models" / "toy")
    assert "done" in do(home, "refine", parent=toys[0][1], made=toys[1][0])
    return do(home, "state")["done"]


def killed_everywhere(
    do: Do, tmp_path: Path, prepare: Callable[[Path], dict[str, Any]], what: str, **words: Any
) -> int:
    """Kills an act at each of its steps; after each kill the store is as before the act, or as after it.

    Returns:
        How many kills came after the act had taken effect.
    """
    home = tmp_path / "home"
    before = prepare(home)
    first = do(home, "open", look=True)["state"]
    shutil.copytree(home, tmp_path / "whole")
    shutil.copytree(home, tmp_path / "first")
    whole = do(tmp_path / "whole", what, **words)
    after = do(tmp_path / "whole", "state")["done"]
    assert "done" in whole
    assert before != after
    kept = 0
    for step in whole["steps"]:
        answer = do(home, what, kill=step, look=True, **words)
        if answer["state"] != first:  # the kill before this one came after the commit
            assert do(home, "state")["done"] == after, step
            kept += 1
            shutil.rmtree(home)
            shutil.copytree(tmp_path / "first", home)
            answer = do(home, what, kill=step, look=True, **words)
        assert answer["state"] == first, step
        assert answer["killed"], (step, answer)
        assert "done" not in answer
    if do(home, "state")["done"] != after:
        assert "done" in do(home, what, **words)  # it can simply be done again
    return kept + 1


def test_killed_during_an_upload_at_every_step(do, tmp_path):
    assert (
        killed_everywhere(do, tmp_path, lambda home: begun(do, home), "measure", project=1, seed=7, size=3_000_000) > 1
    )


def test_killed_while_a_design_is_saved_at_every_step(do, tmp_path):
    assert killed_everywhere(do, tmp_path, lambda home: begun(do, home), "design", project=1, seed=7, n=50) > 1


def test_killed_while_a_refined_model_is_added_at_every_step(do, toys, tmp_path):
    words = {"parent": toys[1][1], "made": toys[2][0]}
    assert killed_everywhere(do, tmp_path, lambda home: with_models(do, home, toys), "refine", **words) > 1


def test_killed_during_a_promotion_at_every_step(do, toys, tmp_path):
    words = {"model_id": toys[1][1]}
    assert killed_everywhere(do, tmp_path, lambda home: with_models(do, home, toys), "promote", **words) > 1


def test_killed_during_a_roll_back_at_every_step(do, toys, tmp_path):
    def prepare(home: Path) -> dict[str, Any]:
        with_models(do, home, toys)
        assert "done" in do(home, "promote", model_id=toys[1][1])
        return do(home, "state")["done"]

    assert killed_everywhere(do, tmp_path, prepare, "roll back", model_id=toys[1][1]) > 1
