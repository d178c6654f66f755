"""The store under kill -9, full disks and somebody else's hands: nothing half there, nothing lost that was answered for."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import registry
from tests.experiment import store_records as records
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


def test_killed_while_it_is_first_opened_at_every_step(do, tmp_path):
    empty = do(tmp_path / "whole", "state")["done"]
    steps = do(tmp_path / "counted", "open")["steps"]
    for step in steps:
        home = tmp_path / str(step)
        assert do(home, "open", kill=step)["killed"]
        assert do(home, "state")["done"] == empty
        shutil.rmtree(home)


def test_killed_during_a_restore_at_every_step(do, tmp_path):
    after = begun(do, tmp_path / "saved")
    assert "done" in do(tmp_path / "saved", "backup", file=tmp_path / "saved.zip")
    first = tmp_path / "first"
    assert "done" in do(first, "project", name="another")
    before = do(first, "state")["done"]
    words = {"file": tmp_path / "saved.zip", "over": True}
    shutil.copytree(first, tmp_path / "whole")
    whole = do(tmp_path / "whole", "restore", **words)
    assert do(tmp_path / "whole", "state")["done"] == after
    assert whole["done"]["projects"] == 1
    seen = set()
    for step in whole["steps"]:
        home = tmp_path / str(step)
        shutil.copytree(first, home)
        assert do(home, "restore", kill=step, **words)["killed"]
        state = do(home, "state")["done"]
        assert state in (before, after), step
        seen.add(state == after)
        shutil.rmtree(home)
    assert seen == {False, True}


def test_killed_by_the_kernel_at_any_moment_nothing_answered_for_is_lost(do, tmp_path):
    """Not between two lines but anywhere: in the middle of a write, of a commit, of waiting for the disk."""
    home = tmp_path / "home"
    begun(do, home)
    last = 0
    for moment in range(12):
        answer = do(home, "many", seconds=0.02 + 0.037 * moment)
        assert answer["killed"]
        answered = max(last, answer.get("answered", 0))
        kept = len(do(home, "state")["done"]["measurements"]) - 1  # begun() made one
        assert answered <= kept <= max(last, answered + 1)
        last = kept
    assert last > 0


@pytest.mark.parametrize(
    ("what", "words", "limit"),
    [
        ("measure", {"project": 1, "seed": 9, "size": 2_000_000}, 1_000_000),
        ("design", {"project": 1, "seed": 9, "n": 8_000}, 400_000),
        ("backup", {"file": "out.zip"}, 4_000),
    ],
)
def test_a_disk_without_room_refuses_and_leaves_everything_as_it_was(do, tmp_path, what, words, limit):
    """No file may grow beyond a limit: writes fail as they do on a full disk."""
    home = tmp_path / "home"
    before = begun(do, home)
    if "file" in words:
        words = {"file": tmp_path / words["file"]}
    answer = do(home, what, limit=limit, **words)
    assert "nothing was changed" in answer["said"]
    assert do(home, "state")["done"] == before
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert "done" in do(home, what, **words)


class Expected:
    """What was answered for, kept by hand."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.records: dict[str, set[str]] = {kind: set() for kind in ("hypotheses", "designs", "measurements")}
        self.children: list[int] = []
        self.stack: list[int] = []  # models promoted, the one that answers last

    def after(self, what: str, number: int) -> Expected:
        """What is there when one more thing was answered for."""
        new = copy.deepcopy(self)
        if what == "hypothesis":
            new.records["hypotheses"].add(digest(records.hypothesis(number)))
        elif what == "design":
            new.records["designs"].add(digest(records.design(number)))
            new.records["hypotheses"].add(digest(records.hypothesis(1_000_000 + number)))
        elif what == "measure":
            new.records["measurements"].add(digest(records.measurements(number)))
        elif what == "refine" and number not in self.children:
            new.children.append(number)
        elif what == "promote" and number in self.children and self.stack[-1:] != [number]:
            new.stack.append(number)
        elif what == "roll back" and self.stack[-1:] == [number]:
            new.stack.pop()
        return new

    def is_in(self, state: dict[str, Any]) -> bool:
        """Whether a store holds exactly this."""
        answers = self.ids[self.stack[-1]] if self.stack else self.ids[0]
        return (
            all(state[kind] == sorted(digests) for kind, digests in self.records.items())
            and [row[0] for row in state["lineage"] if row[1]] == [self.ids[number] for number in self.children]
            and state["answers"] == answers
        )


def digest(record: dict[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


numbers = {
    "hypothesis": st.integers(0, 5),
    "design": st.integers(0, 3),
    "measure": st.integers(0, 3),
    "refine": st.integers(1, 3),
    "promote": st.integers(1, 3),
    "roll back": st.integers(1, 3),
}
acts = st.sampled_from(sorted(numbers)).flatmap(lambda what: st.tuples(st.just(what), numbers[what]))


@settings(max_examples=8)
@given(st.lists(st.tuples(acts, st.one_of(st.none(), st.integers(1, 250))), min_size=3, max_size=9))
def test_whatever_was_answered_for_is_there_and_nothing_else(do, toys, tmp_path_factory, sequence):
    """Any sequence of acts, killed anywhere or not, on a store that is opened anew each time."""
    home = tmp_path_factory.mktemp("any")
    (home / "models").mkdir()
    shutil.copytree(toys[0][0], home / "models" / "toy")
    assert "done" in do(home, "project", name="first")
    expected = Expected([model_id for _, model_id in toys])
    for (what, number), kill in sequence:
        folder, model_id = toys[number] if what in ("refine", "promote", "roll back") else (None, "")
        words = {"project": 1, "seed": number, "made": folder, "parent": toys[0][1], "model_id": model_id}
        answer = do(home, what, kill=kill, **words)
        state, after = do(home, "state")["done"], expected.after(what, number)
        if "done" in answer:
            assert after.is_in(state)
        elif "error" in answer:
            assert expected.is_in(state)
        else:
            assert expected.is_in(state) or after.is_in(state)
        expected = after if after.is_in(state) else expected
