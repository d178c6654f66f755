"""The store under kill -9, full disks and somebody else's hands: nothing half there, nothing lost that was answered for."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
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


def begun(do: Do, home: Path, toys: list[tuple[Path, str]]) -> dict[str, Any]:
    """A home with a parent model, a project and one record of each kind, all answered for."""
    (home / "models").mkdir(parents=True)
    write_case(home / "models" / "toy", "kmer", seed=0, name="toy")
    for what, words in (
        ("project", {"name": "first"}),
        ("hypothesis", {"project": 1, "seed": 0}),
        ("design", {"project": 1, "seed": 0}),
        ("measure", {"project": 1, "seed": 0}),
        ("refine", {"parent": toys[0][1], "made": toys[1][0]}),
    ):
        assert "done" in do(home, what, **words), what
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
    shutil.copytree(home, tmp_path / "whole")
    shutil.copytree(home, tmp_path / "first")
    whole = do(tmp_path / "whole", what, **words)
    after = do(tmp_path / "whole", "state")["done"]
    assert "done" in whole
    assert before != after
    kept = 0
    for step in whole["steps"]:
        answer = do(home, what, kill=step, look=True, **words)
        assert answer["killed"], (step, answer)
        assert "done" not in answer
        assert answer["state"] == before, step
        if do_took_effect(home, tmp_path / "first"):
            assert do(home, "state")["done"] == after, step
            kept += 1
            shutil.rmtree(home)
            shutil.copytree(tmp_path / "first", home)
    assert "done" in do(home, what, **words)  # and it can simply be done again
    assert do(home, "state")["done"] == after
    return kept


def do_took_effect(home: Path, first: Path) -> bool:
    """Whether the database says other things than at first; it is read as any reader would, and left as it is."""
    return rows(home) != rows(first)


def rows(home: Path) -> list[list[tuple[object, ...]]]:
    """Everything in the tables."""
    with closing(sqlite3.connect(home / "store" / "store.sqlite")) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table' order by 1")]
        return [database.execute(f"select * from {name} order by 1").fetchall() for name in names]


def test_killed_during_an_upload_at_every_step(do, toys, tmp_path):
    kept = killed_everywhere(
        do, tmp_path, lambda home: begun(do, home, toys), "measure", project=1, seed=7, size=3_000_000
    )
    assert kept >= 1  # after the commit, before the answer
