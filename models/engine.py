"""The only way to a device: requests of all sessions, batched, merged, in turn, with progress and cancelling."""

from __future__ import annotations

import ctypes
import itertools
import os
import platform
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genome.errors import UserError
from models.core import Model
from models.layout import laid_out
from models.pace import Pace as Pace
from models.pace import free, kept_pace
from models.pace import measure_pace as measure_pace
from models.progress import Progress as Progress
from models.threads import threads_for

Array = npt.NDArray[Any]
Priority = Literal["interactive", "batch"]

BATCH_NICENESS = 10  # a fifth to a tenth of a processor that somebody else wants as well
HELD_SECONDS = 1.0  # that a slice of a batch waits at most while somebody waits for a page
PAINTING_SECONDS = 0.4  # that a browser takes for a page, perhaps on the same processors
SLICE_SECONDS = 0.2  # a slice is the unit of fairness, progress and cancelling
_POLL_SECONDS = 0.03
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h


class Function(Protocol):
    """Something computed row by row on a model: hashable, pure, and with nothing that ties one row to another.

    Attributes:
        passes: what one row costs, in passes through one window.
        gradient: whether it needs gradients.
    """

    @property
    def passes(self) -> int: ...
    @property
    def gradient(self) -> bool: ...
    def __hash__(self) -> int: ...
    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]: ...


class Runner(Protocol):
    """``run(function, rows, progress)`` on one model: what the interpret layer is given instead of a device."""

    def __call__(
        self, function: Function, rows: tuple[Array, ...], progress: Progress | None = None
    ) -> tuple[Array, ...]: ...


@dataclass(eq=False)
class Request:
    """One session's rows on their way through the device."""

    model_id: str
    function: Function
    rows: tuple[Array, ...]
    session: Hashable
    priority: Priority
    taken: int = 0
    done: int = 0
    parts: list[tuple[int, tuple[Array, ...]]] = field(default_factory=list)
    error: BaseException | None = None
    cancelled: bool = False
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def count(self) -> int:
        """Rows in all."""
        return len(self.rows[0])


def choose_device() -> torch.device:
    """CUDA if there is one, else Apple's MPS, else the CPU; ``CISLENS_DEVICE`` overrides."""
    named = os.environ.get("CISLENS_DEVICE")
    if named:
        return torch.device(named)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


class Engine:
    """Owns one device and answers every session in turn.

    Interactive requests go round-robin between sessions in slices of about 0.2 s; batch requests run only when no
    interactive one waits. Rows of different sessions that ask the same function of the same model share a slice.
    """

    def __init__(self, load: Callable[[str], Model], *, device: torch.device | None = None, keep: int = 8) -> None:
        self.device = device or choose_device()
        if self.device.type == "cuda":
            # Shown numbers are float32: TF32 would move them by a thousandth between machines.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cuda.matmul.allow_tf32 = False
        if self.device.type == "cpu":
            _keep_freed_memory()
        self._load = load
        self._keep = keep
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._paces: dict[tuple[str, bool], Pace] = {}
        self._queues: dict[Priority, OrderedDict[Hashable, deque[Request]]] = {
            "interactive": OrderedDict(),
            "batch": OrderedDict(),
        }
        self._wake = threading.Condition()
        self._awaited: list[Hashable] = []  # sessions whose page is being made
        self._painted: tuple[Hashable, float] = None, 0.0  # whose page was made last, and when it will be on the screen
        self._worker: threading.Thread | None = None
        self._gently = ThreadPoolExecutor(1, "cislens-batch", initializer=_give_way)

    def runner(self, model_id: str, *, session: Hashable = None, priority: Priority = "interactive") -> Runner:
        """``run`` with the model, session and priority filled in."""

        def run_on(function: Function, rows: tuple[Array, ...], progress: Progress | None = None) -> tuple[Array, ...]:
            return self.run(model_id, function, rows, session=session, priority=priority, progress=progress)

        return run_on

    def run(
        self,
        model_id: str,
        function: Function,
        rows: tuple[Array, ...],
        *,
        session: Hashable = None,
        priority: Priority = "interactive",
        progress: Progress | None = None,
    ) -> tuple[Array, ...]:
        """Computes ``function`` for every row and waits for it.

        Args:
            model_id: the model, as ``load`` knows it.
            function: what to compute.
            rows: float32 arrays with the same number of rows n.
            session: who asks; sessions take turns.
            priority: ``batch`` yields to everything interactive.
            progress: called with the share done about 30 times a second in the calling thread; when it raises, the
                request is cancelled and the exception goes on.

        Returns:
            Arrays of n rows in the order asked.

        Raises:
            UserError: when one row does not fit the device's memory.
            CancelledError: when the request was cancelled elsewhere.
        """
        if not rows or len({len(part) for part in rows}) != 1 or len(rows[0]) == 0:
            raise ValueError(f"rows need one common length above 0: {[np.shape(part) for part in rows]}")
        request = Request(model_id, function, rows, session or threading.get_ident(), priority)
        self._enqueue(request)
        try:
            while not request.finished.wait(_POLL_SECONDS):
                if progress is not None:
                    progress(request.done / request.count)
        except BaseException:
            request.cancelled = True
            raise
        if request.error is not None:
            raise request.error
        parts = [part for _, part in sorted(request.parts, key=lambda item: item[0])]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def pace(self, model_id: str, *, gradient: bool = False) -> Pace:
        """The batch size of a model on this device, measured once (about a third of a second), then remembered."""
        key = (model_id, gradient)
        if key not in self._paces:
            self._paces[key] = measure_pace(self.model(model_id), self.device, gradient=gradient)
        return self._paces[key]

    def keep_pace(self, model_id: str, path: Path) -> None:
        """Takes the pace of passes without gradients from a file, or measures it and writes it there.

        Then batches are cut alike in every process that alone uses its engine, and the last digits do not change from
        run to run, as long as the memory suffices.
        """
        measured = kept_pace(path, self.device, lambda: self.pace(model_id))
        self._paces[model_id, False] = measured

    def model(self, model_id: str) -> Model:
        """The model on the device; the least recently used of more than ``keep`` is let go."""
        with self._wake:
            if model_id in self._models:
                self._models.move_to_end(model_id)
                return self._models[model_id]
        model = self._load(model_id).to(self.device)
        with self._wake:
            self._models[model_id] = model
            while len(self._models) > self._keep:
                self._models.popitem(last=False)
        return model

    @contextmanager
    def awaited(self, session: Hashable) -> Iterator[None]:
        """Within it somebody waits for a page: slices of the batches of others are held back, for a moment each."""
        with self._wake:
            self._awaited.append(session)
        try:
            yield
        finally:
            with self._wake:
                self._awaited.remove(session)
                self._painted = (session, time.monotonic() + PAINTING_SECONDS)
                self._wake.notify_all()

    def waiting(self) -> int:
        """Requests that are not finished."""
        with self._wake:
            return sum(len(queue) for queues in self._queues.values() for queue in queues.values())

    def _enqueue(self, request: Request) -> None:
        with self._wake:
            self._queues[request.priority].setdefault(request.session, deque()).append(request)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="cislens-engine", daemon=True)
                self._worker.start()
            self._wake.notify_all()

    def _work(self) -> None:
        """The device's own thread: one slice after another, for ever."""
        while True:
            with self._wake:
                first = self._wait_for_next()
            try:
                pace = self.pace(first.model_id, gradient=first.function.gradient)
            except Exception as error:  # noqa: BLE001  a model that cannot be loaded or run fails its request, not the engine
                self._fail([first], error)
                continue
            room = _room(pace, first.function)
            with self._wake:
                taken = self._take(first, room)
            if first.priority == "batch" and self.device.type == "cpu":
                self._gently.submit(self._compute, taken, pace).result()  # still one slice at a time
            else:
                self._compute(taken, pace)

    def _wait_for_next(self) -> Request:
        """The next request; of a batch not before nobody waits for a page, made and painted, or ``HELD_SECONDS`` are over."""
        held_until = None
        while True:
            first = self._next()
            if first is None:
                self._wake.wait()
                continue
            now = time.monotonic()
            held_until = held_until or now + HELD_SECONDS
            waited_for = first.priority == "interactive" or first.session in self._awaited
            painted = self._painted[1] if self._painted[0] != first.session else 0.0
            until = held_until if self._awaited else min(held_until, painted)
            if waited_for or now >= until:
                return first
            self._wake.wait(until - now)

    def _next(self) -> Request | None:
        """The next request in turn: interactive before batch, sessions round-robin, a session's own in order."""
        for queues in self._queues.values():
            for session in list(queues):
                queue = queues[session]
                while queue and (queue[0].cancelled or queue[0].taken >= queue[0].count):
                    gone = queue.popleft()
                    if gone.cancelled:
                        gone.error = CancelledError()
                        gone.finished.set()
                if not queue:
                    del queues[session]
                    continue
                queues.move_to_end(session)
                return queue[0]
        return None

    def _take(self, first: Request, room: int) -> list[tuple[Request, int, int]]:
        """Rows for one slice: the first request's, then those of others that ask the same of the same model."""
        taken = []
        same = [
            r
            for queue in self._queues[first.priority].values()
            for r in itertools.islice(queue, 1)
            if r is not first and r.model_id == first.model_id and r.function == first.function and not r.cancelled
        ]
        for request in [first, *same]:
            count = min(room, request.count - request.taken)
            if count > 0:
                taken.append((request, request.taken, request.taken + count))
                request.taken += count
                room -= count
        return taken

    def _compute(self, taken: list[tuple[Request, int, int]], pace: Pace) -> None:
        """Runs one slice and hands each request its rows."""
        first = taken[0][0]
        columns = [
            np.concatenate([request.rows[i][start:end] for request, start, end in taken])
            for i in range(len(first.rows))
        ]
        start = time.perf_counter()
        try:
            answer = self._fitting(first, pace, columns)
        except Exception as error:  # noqa: BLE001  handed to those who asked; the engine goes on
            return self._fail([request for request, _, _ in taken], error)
        self._learn(first, len(columns[0]), time.perf_counter() - start)
        offset = 0
        for request, begin, end in taken:
            request.parts.append((begin, tuple(a[offset : offset + end - begin] for a in answer)))
            offset += end - begin
            request.done += end - begin
            if request.done == request.count:
                request.finished.set()
        return None

    def _learn(self, first: Request, rows: int, seconds: float) -> None:
        """Moves the expected time of a row halfway to what a slice took, so that slices keep their length under load.

        A slice of less than a batch teaches nothing: its rows take longer than those of a whole one.
        """
        key = (first.model_id, first.function.gradient)
        known = self._paces[key]
        if rows < known.batch:
            return
        observed = seconds / (rows * max(1, first.function.passes))
        self._paces[key] = replace(known, row_seconds=(known.row_seconds + observed) / 2)

    def _fitting(self, first: Request, pace: Pace, columns: list[Array]) -> tuple[Array, ...]:
        """Computes the rows; out of memory, the batch is halved, and the smaller one remembered."""
        batch = pace.batch
        while True:
            try:
                return self._call(first, batch, columns, together=pace.together)
            except torch.OutOfMemoryError as error:
                if batch == 1:
                    raise UserError(
                        "One window of this model does not fit the device's memory; use a smaller model or the CPU."
                    ) from error
                batch //= 2
                self._paces[first.model_id, first.function.gradient] = replace(pace, batch=batch)
                free(self.device)

    def _call(self, first: Request, batch: int, columns: list[Array], *, together: bool) -> tuple[Array, ...]:
        model = self.model(first.model_id)
        tensors = [torch.from_numpy(np.ascontiguousarray(column)).to(self.device) for column in columns]
        with torch.set_grad_enabled(first.function.gradient), threads_for(model, self.device), laid_out(together):
            answer = first.function(model, batch, *tensors)
        return tuple(part.detach().cpu().numpy() for part in answer)

    def _fail(self, requests: list[Request], error: BaseException) -> None:
        for request in requests:
            request.error = error
            request.taken = request.count
            request.finished.set()


def _room(pace: Pace, function: Function) -> int:
    """Rows of one slice: about 0.2 s of work, in whole batches, for a rest batch of another size is slow."""
    passes = max(1, function.passes)
    batch = max(1, pace.batch // passes)
    return max(1, int(SLICE_SECONDS / (pace.row_seconds * passes)) // batch) * batch


def _give_way() -> None:
    """Makes the calling thread, and those it starts, give way to whoever is waited for: pages, browsers, interactive slices.

    On two processors a batch otherwise doubles the time until a page that needs no device is drawn. A thread cannot take
    this back, so batch work has one of its own. Elsewhere than on Linux it would hold for the whole process.
    """
    if sys.platform == "linux":
        this = (os.PRIO_PROCESS, threading.get_native_id())
        os.setpriority(*this, min(19, os.getpriority(*this) + BATCH_NICENESS))


def _keep_freed_memory() -> None:
    """Lets glibc keep what a pass frees for the next one; elsewhere nothing is changed.

    A thread other than the main one otherwise gives every large buffer back to the system and faults it in again: a
    pass through the shipped model then takes about 2.5 times as long.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_THRESHOLD, 1 << 30)
    mallopt(_M_TRIM_THRESHOLD, 1 << 29)
