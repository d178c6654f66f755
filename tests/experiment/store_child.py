"""A process that does one thing to the store in a child of its own, and kills it with -9 at the line it is told.

Each line on standard input is one order, each on standard output what came of it. Lines are counted in the modules of the
store alone, so number k is the k-th step of what the store does, whatever happens elsewhere.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from experiment import store, store_backup
from experiment.store import Store
from genome.errors import UserError
from models import promoted
from tests.experiment import store_records as records

COUNTED = ("experiment/store", "models/promoted.py", "genome/home.py")


def refine(kept: Store, words: dict[str, Any]) -> None:
    from models import registry

    made = Path(words["made"])
    record = records.refinement(words["parent"], registry.read_folder(made).model_id)
    kept.add_refinement(kept.add_project("models"), record, made)


def measure(kept: Store, words: dict[str, Any]) -> None:
    seed, size = words["seed"], words.get("size", 300)
    kept.add_measurements(words["project"], records.measurements(seed, size), records.upload(seed, size))


def many(kept: Store, words: dict[str, Any]) -> None:
    """One upload after another, each told of when it is answered for, until the kernel ends it all."""
    signal.setitimer(signal.ITIMER_REAL, words["seconds"])  # nobody handles the signal: the process is gone at once
    for seed in range(1, 1_000_000):
        measure(kept, {"project": 1, "seed": seed})
        words["say"](answered=seed)


ACTS: dict[str, Callable[[Store, dict[str, Any]], object]] = {
    "project": lambda kept, words: kept.add_project(words["name"]),
    "hypothesis": lambda kept, words: kept.add_hypothesis(words["project"], records.hypothesis(words["seed"])),
    "design": lambda kept, words: kept.add_design(words["project"], records.design(words["seed"], words.get("n", 4))),
    "measure": measure,
    "refine": refine,
    "promote": lambda kept, words: kept.promote(words["model_id"]),
    "roll back": lambda kept, words: kept.roll_back(words["model_id"]),
    "backup": lambda kept, words: dict(kept.backup(Path(words["file"]))),
    "open": lambda kept, words: None,
    "many": lambda kept, words: many(kept, words),
}


def state(kept: Store) -> dict[str, Any]:
    """Everything that is in a store, and that it is whole."""
    found: dict[str, Any] = {"projects": sorted(project.name for project in kept.projects())}
    for kind in ("hypotheses", "designs", "measurements", "refinements"):
        found[kind] = sorted(entry.digest for entry in kept.entries(kind))
    for entry in kept.entries("designs"):
        assert [row["name"] for row in kept.elements(entry.id)] == [
            element["name"] for element in kept.record("designs", entry.id)["elements"]
        ]
    for entry in kept.entries("measurements"):
        record = kept.record("measurements", entry.id)
        assert [row["value"] for row in kept.measured_rows(entry.id)] == record["rows"]["value"]
        assert len(kept.upload(record["digest"])) > 0  # checked against its digest there
    home = Path(os.environ["CISLENS_HOME"])
    named = {kept.record("measurements", entry.id)["digest"] for entry in kept.entries("measurements")}
    assert {path.name for path in (home / "store" / "files").iterdir()} == named
    children = {node.model_id for node in kept.lineage() if node.parent is not None}
    assert {path.name for path in (home / "models" / "refined").iterdir()} == children
    assert not list(home.glob(".restoring-*")) + list(home.glob("restore-ready"))
    found["lineage"] = [(node.model_id, node.parent, node.answers) for node in kept.lineage()]
    found["history"] = [(one.action, one.model_id, one.before) for one in kept.promotions()]
    said = [node.model_id for node in kept.lineage() if node.answers]
    assert promoted.read() == ({"toy": said[0]} if said else {})
    return found | (answering(children) if (home / "models" / "toy").exists() else {})


def answering(children: set[str]) -> dict[str, Any]:
    """What the registry says: every model answers to its id, which is a digest over its files."""
    from models import registry

    for model_id in children:
        assert registry.spec(model_id).model_id == model_id
    return {"answers": registry.spec("toy").model_id}


def on_disk(home: Path) -> dict[str, Any]:
    """Every row of every table, every file of the store by its size, and what answers to names."""
    with closing(sqlite3.connect(home / "store" / "store.sqlite")) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table' order by 1")]
        rows = {name: database.execute(f"select * from {name} order by 1").fetchall() for name in names}
    kept = [path for part in ("store/files", "models", "pasted") for path in (home / part).rglob("*") if path.is_file()]
    files = {str(path.relative_to(home)): path.stat().st_size for path in kept}
    return {"rows": rows, "files": dict(sorted(files.items())), "answers": promoted.read()}


def act(words: dict[str, Any], steps: Steps, say: Callable[..., None]) -> object:
    """Does one thing, and says before it, where ``look`` asks for it, what is in the store."""
    os.environ["CISLENS_HOME"] = words["home"]
    if words["do"] == "restore":
        steps.begin()
        return dict(store_backup.restore(Path(words["file"]), Path(words["home"]), over=words.get("over", False)))
    if words["do"] == "open":  # the opening itself is what is killed
        steps.begin()
    kept = store.open_store()
    if words["do"] == "state":
        return state(kept)
    if words.get("look"):
        say(state=on_disk(Path(words["home"])))
    if "limit" in words:
        resource.setrlimit(resource.RLIMIT_FSIZE, (words["limit"], words["limit"]))
    if words["do"] != "open":
        steps.begin()
    return ACTS[words["do"]](kept, words | {"say": say})


class Steps:
    """What the store does, step by step: each line of its modules, and each return from one.

    Attributes:
        kill: number of the step before which the process dies; None for none.
        count: steps so far.
        first: number of the step at which each line was first reached.
    """

    def __init__(self, kill: int | None) -> None:
        self.kill, self.count = kill, 0
        self.first: dict[tuple[str, int], int] = {}

    def begin(self) -> None:
        sys.settrace(self._call)

    def marks(self) -> list[int]:
        """The steps that are worth dying at: where each line was first reached, and every one of the last few."""
        return sorted({*self.first.values(), *range(max(1, self.count - 8), self.count + 1)})

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._step if any(part in frame.f_code.co_filename for part in COUNTED) else None

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event in ("line", "return"):
            self.count += 1
            self.first.setdefault((frame.f_code.co_filename, frame.f_lineno), self.count)
            if self.count == self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._step


def in_a_child(words: dict[str, Any]) -> dict[str, Any]:
    """What a child answered before it ended, or was killed."""
    if (Path(words["home"]) / "models" / "toy").is_dir():  # models are in play; torch is loaded once, here
        importlib.import_module("models.registry").RELEASED = Path("nowhere")
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        steps = Steps(words.get("kill"))
        answer: dict[str, Any] = {}

        def say(**more: Any) -> None:
            os.write(writes, (json.dumps(more) + "\n").encode())

        try:
            answer = {"done": act(words, steps, say)}
        except BaseException as error:  # noqa: BLE001  told to the test
            name = "UserError" if isinstance(error, UserError) else type(error).__name__
            answer = {"error": name, "said": str(error), "trace": traceback.format_exc()[-3000:]}
        sys.settrace(None)
        say(**answer, steps=steps.marks())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = [json.loads(line) for line in pipe]
    _, status = os.waitpid(child, 0)
    return {key: value for one in said for key, value in one.items()} | {"killed": os.WIFSIGNALED(status)}


def warm_up() -> None:
    """Loads what every child would load again."""
    with tempfile.TemporaryDirectory() as home:
        words = {"home": home, "project": 1, "seed": 1, "name": "first"}
        for what in ("project", "hypothesis", "design", "measure", "state"):
            act(words | {"do": what}, Steps(None), lambda **_: None)
            sys.settrace(None)
        store.close_store()


if __name__ == "__main__":
    warm_up()
    for order in sys.stdin:
        print(json.dumps(in_a_child(json.loads(order))), flush=True)
