"""The engine: right answers in any company, turns, merging, cancelling, memory."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from genome.errors import UserError
from models.engine import BATCH_NICENESS, HELD_SECONDS, PAINTING_SECONDS, Engine, Pace, measure_pace
from models.predict import Components
from tests.toy_models import WINDOW, Curved, Linear, toy_engine, toy_model


def rows(n: int, seed: int = 0) -> tuple[np.ndarray]:
    bases = np.random.default_rng(seed).integers(0, 4, (n, WINDOW))
    return (np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1),)


def test_batch_size_and_order_do_not_change_an_answer():
    model = toy_model(Curved, n_members=2, strand_rule="average")
    x = rows(300)[0]
    order = np.random.default_rng(1).permutation(300)
    answers = []
    for batch in (1, 7, 256):
        engine = toy_engine(model)
        engine._paces[model.spec.model_id, False] = Pace(batch, 1e-4)
        answers.append(engine.run(model.spec.model_id, Components(), (x,))[0])
        shuffled = engine.run(model.spec.model_id, Components(), (x[order],))[0]
        assert np.allclose(shuffled, answers[-1][order], rtol=1e-5, atol=1e-6)
    assert np.allclose(answers[0], answers[1], rtol=1e-5, atol=1e-6)
    assert np.allclose(answers[0], answers[2], rtol=1e-5, atol=1e-6)


def test_the_mean_over_components_is_the_model():
    model = toy_model(Curved, n_members=3, strand_rule="average")
    x = rows(5)
    components = toy_engine(model).run(model.spec.model_id, Components(), x)[0]
    with torch.no_grad():
        assert np.allclose(components.mean(1), model(torch.from_numpy(x[0])).numpy(), rtol=1e-5, atol=1e-6)


def test_eight_sessions_at_once_each_get_their_own_answer():
    model = toy_model(Curved)
    engine = toy_engine(model)
    inputs = [rows(50 + n, seed=n) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: engine.run(model.spec.model_id, Components(), inputs[n], session=n)[0], range(8))
        )
    for n in range(8):
        alone = toy_engine(model).run(model.spec.model_id, Components(), inputs[n])[0]
        assert np.allclose(answers[n], alone, rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class Recorded:
    """Waits a little, and writes down the sizes and first values of its slices."""

    log: tuple[list, ...] = ()
    passes: int = 1
    gradient: bool = False
    wait: float = 0.0

    def __hash__(self) -> int:
        return id(self.log[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recorded) and self.log[0] is other.log[0]

    def __call__(self, model, batch, *columns):
        self.log[0].append(columns[0][:, 0, 0].tolist())
        time.sleep(self.wait)
        return (columns[0].sum((1, 2)),)


def held_engine(room: int) -> tuple[Engine, str]:
    model = toy_model(Linear)
    engine = toy_engine(model)
    engine._paces[model.spec.model_id, False] = Pace(room, 10.0)
    return engine, model.spec.model_id


def marked(n: int, mark: float) -> tuple[np.ndarray]:
    x = np.zeros((n, 4, WINDOW), dtype=np.float32)
    x[:, 0, 0] = mark
    return (x,)


def together(engine: Engine, model_id: str, calls: list) -> list:
    """Starts every (function, rows, session) while the device is busy, so that they queue in this order."""
    gate = Recorded(([],), wait=0.4)
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        first = pool.submit(engine.run, model_id, gate, marked(1, 0.0), session="gate")
        time.sleep(0.15)
        futures = []
        for function, x, session in calls:
            futures.append(pool.submit(engine.run, model_id, function, x, session=session))
            time.sleep(0.03)
        first.result()
        return [future.result()[0] for future in futures]


def test_requests_of_two_sessions_for_the_same_function_share_a_slice():
    engine, model_id = held_engine(room=10)
    shared = Recorded(([],))
    answers = together(engine, model_id, [(shared, marked(3, 1.0), "a"), (shared, marked(4, 2.0), "b")])
    assert shared.log[0] == [[1.0] * 3 + [2.0] * 4]
    assert answers[0].tolist() == [1.0] * 3
    assert answers[1].tolist() == [2.0] * 4


def test_sessions_take_turns():
    engine, model_id = held_engine(room=2)
    order: list = []

    class Turn(Recorded):
        def __call__(self, model, batch, *columns):
            order.append(float(columns[0][0, 0, 0]))
            return (columns[0].sum((1, 2)),)

    long, short = Turn(([],)), Turn(([],))
    together(engine, model_id, [(long, marked(8, 1.0), "a"), (short, marked(2, 2.0), "b")])
    assert order.index(2.0) == 1
    assert order.count(1.0) == 4


def test_batch_work_waits_for_interactive_work():
    engine, model_id = held_engine(room=1)
    order: list = []

    class Turn(Recorded):
        def __call__(self, model, batch, *columns):
            order.append(float(columns[0][0, 0, 0]))
            time.sleep(0.05)
            return (columns[0].sum((1, 2)),)

    slow, quick = Turn(([],)), Turn(([],))
    with ThreadPoolExecutor(2) as pool:
        batch = pool.submit(engine.run, model_id, slow, marked(6, 1.0), session="a", priority="batch")
        time.sleep(0.08)
        interactive = pool.submit(engine.run, model_id, quick, marked(2, 2.0), session="b")
        interactive.result(), batch.result()
    last_interactive = len(order) - 1 - order[::-1].index(2.0)
    assert order[last_interactive + 1 :].count(1.0) >= 2


def test_progress_that_raises_cancels_the_request_and_frees_the_device():
    engine, model_id = held_engine(room=1)
    slow = Recorded(([],), wait=0.03)

    def stop(done: float) -> None:
        if done > 0.1:
            raise CancelledError

    with pytest.raises(CancelledError):
        engine.run(model_id, slow, marked(200, 1.0), progress=stop)
    time.sleep(0.2)
    assert len(slow.log[0]) < 100
    assert engine.waiting() == 0
    assert engine.run(model_id, Recorded(([],)), marked(1, 3.0))[0].tolist() == [3.0]


def test_progress_grows_to_the_end():
    engine, model_id = held_engine(room=1)
    seen: list[float] = []
    engine.run(model_id, Recorded(([],), wait=0.02), marked(20, 1.0), progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 1


def test_a_batch_waits_for_pages_but_not_for_ever_and_nobody_else_does():
    model = toy_model()
    engine, model_id, x = toy_engine(model), model.spec.model_id, rows(3)
    engine.run(model_id, Components(), x)  # the pace is measured
    ended: list[str] = []

    def ask(priority: str) -> None:
        engine.run(model_id, Components(), x, session=priority, priority=priority)
        ended.append(priority)

    with ThreadPoolExecutor(2) as pool:
        with engine.awaited("page"):
            started = time.monotonic()
            batch = pool.submit(ask, "batch")
            pool.submit(ask, "interactive").result()
            batch.result(timeout=10)  # held, not forbidden
            assert time.monotonic() - started >= HELD_SECONDS
        assert ended == ["interactive", "batch"]
        with engine.awaited("page"):
            batch = pool.submit(ask, "batch")
        started = time.monotonic()
        batch.result()
        assert PAINTING_SECONDS / 2 < time.monotonic() - started < HELD_SECONDS  # while the browser paints
        with engine.awaited("batch"):  # the page itself asks for it
            started = time.monotonic()
            ask("batch")
            assert time.monotonic() - started < HELD_SECONDS


def test_out_of_memory_halves_the_batch_and_still_answers():
    model = toy_model(Curved)
    engine = toy_engine(model)
    engine._paces[model.spec.model_id, False] = Pace(64, 1e-3)

    class Greedy(Components):
        def __call__(self, model, batch, *rows):
            if batch > 8:
                raise torch.OutOfMemoryError("no room")
            return super().__call__(model, batch, *rows)

    answer = engine.run(model.spec.model_id, Greedy(), rows(40))[0]
    plain = engine.run(model.spec.model_id, Components(), rows(40))[0]
    assert np.allclose(answer, plain, atol=1e-6)
    assert engine.pace(model.spec.model_id).batch == 8


def test_a_row_that_can_never_fit_is_refused_in_words():
    engine, model_id = held_engine(room=4)

    class Endless(Recorded):
        def __call__(self, model, batch, *columns):
            raise torch.OutOfMemoryError("no room")

    with pytest.raises(UserError, match="does not fit"):
        engine.run(model_id, Endless(([],)), marked(2, 1.0))


def test_a_failing_function_fails_its_own_request_only():
    engine, model_id = held_engine(room=4)

    class Broken(Recorded):
        def __call__(self, model, batch, *columns):
            raise ZeroDivisionError("broken")

    with pytest.raises(ZeroDivisionError):
        engine.run(model_id, Broken(([],)), marked(2, 1.0))
    assert engine.run(model_id, Recorded(([],)), marked(1, 3.0))[0].tolist() == [3.0]


def test_a_model_that_cannot_be_loaded_fails_the_request():
    engine = toy_engine()
    with pytest.raises(KeyError):
        engine.run("nowhere-000000000000", Components(), rows(1))


def test_the_pace_is_measured_once_per_model():
    model = toy_model(Curved)
    engine = toy_engine(model, pace=None)
    first = engine.pace(model.spec.model_id)
    assert first is engine.pace(model.spec.model_id)
    assert first.batch >= 1
    assert first.row_seconds > 0


def test_only_the_engine_calls_a_model():
    """One engine owns the device: no other code below app/ asks a model, except inside functions given to it."""
    import re
    from pathlib import Path

    root = Path(__file__).parents[2]
    allowed = {
        "models/engine.py",
        "models/core.py",
        "models/predict.py",
        "interpret/integrated_gradients.py",
        "interpret/gradient.py",
        "interpret/deeplift.py",
        "interpret/crossings.py",
        "models/sketch.py",
        "experiment/refine.py",  # what it trains: in a process of its own, under a lease
        "experiment/refine_steps.py",
        "models/alleles.py",
        "models/train.py",
        "models/held_out.py",
        "models/footprint.py",
        "models/difference.py",
    }
    # What trains, checks or describes a model on one thread, before anybody is served.
    beforehand = ("models/reporter_", "models/profile_", "models/shift_build", "models/check", "interpret/equip")
    for path in [
        p for folder in ("genome", "interpret", "models", "experiment", "app") for p in (root / folder).rglob("*.py")
    ]:
        name = path.relative_to(root).as_posix()
        if name not in allowed and not name.startswith(beforehand):
            assert (
                not re.search(r"\bregistry\.load\(|\bmodel\.component\(", path.read_text()) or name == "app/compute.py"
            ), name


def test_waiting_threads_are_not_stopped_by_a_slow_one():
    engine, model_id = held_engine(room=1)
    slow = Recorded(([],), wait=0.02)
    done = threading.Event()
    thread = threading.Thread(
        target=lambda: (engine.run(model_id, slow, marked(120, 1.0), session="slow"), done.set()), daemon=True
    )
    thread.start()
    time.sleep(0.1)
    start = time.perf_counter()
    engine.run(model_id, Recorded(([],)), marked(1, 2.0), session="quick")
    assert time.perf_counter() - start < 1.5
    assert not done.is_set()
    thread.join()


def test_a_window_that_takes_long_is_passed_through_once():
    asked = []

    class Slow(Linear):
        def forward(self, x):
            asked.append(len(x))
            time.sleep(0.05)
            return super().forward(x)

    model = toy_model(Slow)
    pace = measure_pace(model, torch.device("cpu"), gradient=False, seconds=0.01)
    assert asked == [1]
    assert (pace.batch, pace.row_seconds) == (1, pytest.approx(0.05, rel=2))


def test_batches_of_very_long_windows_stay_small():
    asked = []

    class Long(Linear):
        def forward(self, x):
            asked.append(x.shape[0])
            return x.mean((1, 2))[:, None, None].expand(-1, 2, 1)

    model = toy_model(Long, window=196_608)
    measure_pace(model, torch.device("cpu"), gradient=False, seconds=5.0)
    assert max(asked) == 8


def test_a_part_of_a_batch_teaches_no_pace() -> None:
    """One row alone takes longer than a row of a full batch: it must not make long work look longer still."""
    model = toy_model()
    engine = toy_engine(model)
    known = engine.pace(model.spec.model_id)
    engine._paces[model.spec.model_id, False] = replace(known, batch=8, row_seconds=1e-9)
    x = np.zeros((1, 4, model.spec.input_length), np.float32)
    engine.run(model.spec.model_id, Components(), (x,))
    assert engine.pace(model.spec.model_id).row_seconds == 1e-9
    engine.run(model.spec.model_id, Components(), (np.repeat(x, 8, axis=0),))
    assert engine.pace(model.spec.model_id).row_seconds > 1e-9


def test_a_pace_that_was_kept_is_taken_again_and_a_strange_one_is_measured(tmp_path):
    path, model_id = tmp_path / "pace.json", toy_model(Linear).spec.model_id
    first = toy_engine(toy_model(Linear), pace=None)
    first.keep_pace(model_id, path)
    kept = json.loads(path.read_text())
    assert kept["batch"] == first.pace(model_id).batch
    path.write_text(json.dumps(kept | {"batch": 7}))
    second = toy_engine(toy_model(Linear), pace=None)
    second.keep_pace(model_id, path)
    assert second.pace(model_id).batch == 7
    for text in (json.dumps(kept | {"batch": 7, "about": ["another computer"]}), "[]", "rubbish", "{}"):
        path.write_text(text)
        third = toy_engine(toy_model(Linear), pace=None)
        third.keep_pace(model_id, path)
        assert third.pace(model_id).batch != 7
        assert json.loads(path.read_text())["about"] == kept["about"]


@dataclass(frozen=True)
class Niceness:
    """How much the thread that computes gives way, in each row."""

    passes: int = 1
    gradient: bool = False

    def __call__(self, model, batch, *rows):
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return (torch.full((len(rows[0]), 1), float(nice)),)


@pytest.mark.skipif(sys.platform != "linux", reason="threads of one process have one priority elsewhere")
def test_batch_work_gives_way_to_pages_and_interactive_work_does_not():
    model = toy_model(Linear)
    run = toy_engine(model).runner
    x = np.zeros((2, 4, model.spec.input_length), np.float32)
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    (gentle,) = run(model.spec.model_id, priority="batch")(Niceness(), (x,))
    (prompt,) = run(model.spec.model_id)(Niceness(), (x,))
    assert (gentle == before + BATCH_NICENESS).all() or (gentle == 19).all()
    assert (prompt == before).all()
