"""Jobs: killed and gone on with, cancelled, shared, failed in a sentence, and never more than numbers on disk."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from app import compute, compute_jobs
from app.compute import Asker
from experiment import job_files, jobs, long_mutagenesis
from experiment.job_files import Order, digest_of
from genome.errors import UserError
from genome.sequence import one_hot
from models import registry
from tests.experiment import far

ROOT = Path(__file__).parents[2]
REGION = "sb1:101-120"


def server(home: Path, *words: str) -> subprocess.Popen[str]:
    """A server of its own, on a folder."""
    environment = os.environ | {"CISLENS_HOME": str(home), "CISLENS_ARCHITECTURES": far.PATH}
    command = [sys.executable, "-m", "tests.experiment.server", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def told(home: Path, *words: str) -> list[dict]:
    """What a server says until it ends."""
    process = server(home, *words)
    out, err = process.communicate(timeout=330)
    assert process.returncode == 0, err[-3000:]
    return [json.loads(line) for line in out.splitlines()]


def killed(home: Path, after: int, *words: str) -> list[dict]:
    """What a server says until it is killed, when so many parts of its job are written."""
    process = server(home, *words, "serve")
    said = [json.loads(process.stdout.readline()) for _ in range(1 + len(words))]
    digest = said[-1]["digest"]
    end = time.monotonic() + 100
    while not (home / "jobs" / digest / f"{after - 1}.npz").is_file():
        assert process.poll() is None, process.stderr.read()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return said


def computed(home: Path) -> Counter[str]:
    return Counter((home / "computed.txt").read_text().split())


def test_a_job_killed_halfway_goes_on_where_it_was(own_home: Path, tmp_path: Path) -> None:
    digest = killed(own_home, 3, "start,parts=6,pause=0.4")[-1]["digest"]
    assert not job_files.result_path(digest).exists()
    written = {int(path.stem): path.stat().st_mtime_ns for path in (own_home / "jobs" / digest).glob("[0-9].npz")}
    assert {0, 1, 2} <= set(written)
    job = next(line for line in told(own_home, "wait", "jobs") if line.get("digest") == digest)
    assert (job["status"], job["progress"], job["error"]) == ("done", 1.0, "")
    times = computed(own_home)
    assert all(times[str(index)] == 1 for index in written), times
    assert sum(times.values()) <= 7  # at most the part that was being computed, twice
    assert set(times) == {str(index) for index in range(6)}
    uninterrupted = next(
        line for line in told(tmp_path, "start,parts=6,pause=0.01", "wait", "jobs")[2:] if "digest" in line
    )
    assert job["values"] == uninterrupted["values"] == {"squares": [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]}


@pytest.fixture(scope="module")
def far_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict], list[dict]]:
    """A server with the far model whose job was killed after its first part, and the one that went on."""
    home = tmp_path_factory.mktemp("far-home")
    far.write_far(home / "models")
    first = killed(home, 1, f"far,{REGION}")
    partial = home / "partial"
    partial.mkdir()
    return home, first, told(home, "wait", "jobs")


def test_a_long_window_is_a_job_with_what_it_takes_said_before(far_home) -> None:
    _, first, then = far_home
    job = next(line for line in then if "digest" in line)
    assert job["digest"] == first[-1]["digest"]
    assert (job["status"], job["error"]) == ("done", "")
    assert "a pass, 3 x 20 positions: about" in job["estimate"]
    assert "of memory." in job["estimate"]


def test_a_long_window_stays_within_the_memory_that_was_stated(far_home) -> None:
    _, first, then = far_home
    stated, before = first[-1]["needed"], first[-1]["before"]
    assert stated < 2e9
    assert then[-1]["peak"] - before < stated


def test_mutagenesis_of_a_long_window_is_the_difference_of_predictions(far_home, monkeypatch) -> None:
    home, first, _ = far_home
    monkeypatch.setenv("CISLENS_HOME", str(home))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", far.PATH)
    job = jobs.job(first[-1]["digest"])
    view = compute_jobs.view_of(job)
    found = compute_jobs.values(job)
    assert found["effects"].shape == (2, 4, 20)
    assert list(found["positions"]) == list(range(100, 120))
    model, window = registry.load(view.model), far.WINDOW
    sequence = compute.sequence(view, Asker())
    first_base = int(np.flatnonzero(sequence.positions == view.locus.start)[0]) + (600 - window) // 2
    bases = sequence.bases[first_base : first_base + window]
    assert bases.count("N") > 80_000  # the window hangs off both ends of the chromosome
    import torch

    place = int(np.flatnonzero(sequence.positions == 107)[0]) - first_base
    changed = [bases, *(bases[:place] + base + bases[place + 1 :] for base in "ACGT")]
    with torch.no_grad():
        y = model(torch.from_numpy(np.stack([one_hot(b) for b in changed])))[:, 1].mean(1).numpy()
    mean = compute_jobs.mean_effects(found)[:, 7]
    assert mean[found["codes"][7]] == 0
    assert np.abs(mean).max() > 1e-7
    np.testing.assert_allclose(mean, y[1:] - y[0], atol=2e-7)


@pytest.fixture(scope="module")
def busy_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """A server that was asked for much: the same twice, one that refuses, one that breaks, one that is cancelled."""
    home = tmp_path_factory.mktemp("busy-home")
    words = [
        "start,parts=2,pause=0.01",
        "start,parts=2,pause=0.01",
        "start,parts=2,pause=0.01,refuses=1",
        "start,parts=2,pause=0.01,breaks=1",
        "wait",
        "start,parts=50,pause=0.4",
        "cancel-running",
        "wait",
        "start,parts=2,pause=0.01",
        "jobs",
    ]
    return home, told(home, *words)


def by_parameters(lines: list[dict], **wanted: object) -> dict:
    return next(line for line in reversed(lines) if "digest" in line and line["parameters"].items() >= wanted.items())


def test_the_same_question_is_one_job_also_when_it_is_done(busy_home) -> None:
    _, lines = busy_home
    first, second = lines[1:3]
    assert first["digest"] == second["digest"] == digest_of("counting", {"parts": 2, "pause": 0.01})
    again = lines[6]
    assert (again["digest"], again["status"]) == (first["digest"], "done")
    assert len([line for line in lines[7:] if line.get("digest") == first["digest"]]) == 1


def test_a_part_that_refuses_gives_its_sentence(busy_home) -> None:
    job = by_parameters(busy_home[1], refuses=1)
    assert (job["status"], job["error"]) == ("failed", "This part cannot be computed; ask for another.")
    assert job["progress"] == 0.5


def test_a_fault_nobody_foresaw_is_said_in_one_sentence(busy_home) -> None:
    job = by_parameters(busy_home[1], breaks=1)
    assert job["status"] == "failed"
    assert "KeyError" in job["error"]
    assert "Traceback" not in job["error"]


def test_a_cancelled_job_stops_and_keeps_what_it_has(busy_home) -> None:
    job = by_parameters(busy_home[1], parts=50)
    assert job["status"] == "cancelled"
    assert job["progress"] < 0.5
    assert "started again it goes on from there" in job["said"]


def test_the_queue_holds_no_pickle_and_reads_none(busy_home) -> None:
    home, lines = busy_home
    database = sqlite3.connect(home / "jobs" / "queue.sqlite")
    kinds = {row[0] for row in database.execute("select distinct serialization from workflow_status")}
    assert kinds == {"portable_json"}
    digest = by_parameters(lines, breaks=1)["digest"]
    import base64

    trap = home / "trapped"
    evil = base64.b64encode(pickle.dumps(Trap(str(trap)))).decode()
    database.execute(
        "update workflow_status set error = ?, serialization = 'py_pickle' where workflow_uuid = ?", (evil, digest)
    )
    database.commit()
    database.close()
    job = by_parameters(told(home, "jobs"), breaks=1)
    assert job["status"] == "failed"
    assert not trap.exists()


class Trap:
    """What runs when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_a_second_server_on_the_same_folder_takes_over_when_the_first_is_killed(own_home: Path) -> None:
    first = server(own_home, "serve")
    assert json.loads(first.stdout.readline()) == {"trouble": "", "notice": ""}
    second = server(own_home, "start,parts=3,pause=1.0", "wait", "jobs")
    assert "takes over" in json.loads(second.stdout.readline())["notice"]
    digest = json.loads(second.stdout.readline())["digest"]
    end = time.monotonic() + 60
    while not (own_home / "computed.txt").is_file():  # the first runs what was started at the second
        assert time.monotonic() < end
        time.sleep(0.05)
    first.kill()
    first.communicate()
    out, err = second.communicate(timeout=100)
    assert second.returncode == 0, err[-3000:]
    job = next(line for line in map(json.loads, out.splitlines()) if line.get("digest") == digest)
    assert (job["status"], job["values"]) == ("done", {"squares": [0.0, 1.0, 4.0]})


def test_a_queue_that_cannot_be_opened_is_said_in_one_sentence(own_home: Path) -> None:
    (own_home / "jobs").mkdir()
    (own_home / "jobs" / "queue.sqlite").write_bytes(b"this is no database" * 100)
    thread = jobs.launch(lambda model_id: None, max_bytes=lambda: 1)
    thread.join(timeout=60)
    said = jobs.trouble()
    jobs.stop()
    assert said.startswith("Jobs cannot run on this server (")
    assert said.endswith("everything else works.")
    assert "\n" not in said


@pytest.mark.parametrize("content", [pickle.dumps([1]), b"", b"PK\x03\x04 and nothing more", None])
def test_a_file_that_is_no_table_of_numbers_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "result.npz"
    if content is None:
        np.savez(path, allow_pickle=True, x=np.array([{"a": 1}], dtype=object))
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match="no table of numbers"):
        job_files.read_arrays(path)


def test_objects_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        job_files.write_arrays(tmp_path / "x.npz", {"x": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [None, True, [1], float("nan"), b"x"])
def test_parameters_are_texts_and_numbers(value: object) -> None:
    with pytest.raises(ValueError, match=r"texts or numbers|JSON compliant"):
        digest_of("counting", {"x": value})  # type: ignore[dict-item]


def test_the_least_recently_used_results_go_first_and_never_a_busy_one(own_home: Path) -> None:
    digests = []
    for index in range(4):
        order = Order("counting", {"parts": 1, "index": index}, 1, "Counting", "", float(index))
        job_files.write_order(order, "")
        job_files.finish(order, {"x": np.zeros(1000)})
        os.utime(job_files.result_path(order.digest), (100 + index, 100 + index))
        digests.append(order.digest)
    assert job_files.surplus(10**9, set()) == []
    assert job_files.surplus(18_000, set()) == digests[:2]
    job_files.read_result(digests[0])
    assert job_files.surplus(18_000, {digests[1]}) == [digests[2], digests[3]]


def test_letters_that_were_pasted_are_checked(own_home: Path) -> None:
    order = Order("counting", {"bases": job_files.digest_of_bases("ACGT")}, 1, "Counting", "", 0.0)
    job_files.write_order(order, "ACGT")
    assert job_files.bases_of(order) == "ACGT"
    (job_files.place(order.digest) / "bases.txt").write_text("ACGA")
    with pytest.raises(UserError, match="damaged"):
        job_files.bases_of(order)


def test_where_nothing_was_launched_the_reason_is_said() -> None:
    assert "do not run here" in jobs.trouble()
    with pytest.raises(UserError, match="do not run here"):
        jobs.start("counting", {"parts": 1}, title="Counting")


def test_a_slice_depends_on_the_model_alone() -> None:
    assert long_mutagenesis.slice_length(registry.spec("tf-binding")) == 256
