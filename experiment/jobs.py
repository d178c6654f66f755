"""Work that takes longer than anyone waits: started once, seen from every session, cancelled, and gone on with after a kill.

A job is a kind and its parameters; their digest is its name, so the same question asked twice is one job. It is cut
into slices, each of which writes one file: after a restart work goes on at the first slice whose file is missing.
One job runs at a time, behind everything interactive, first come first served.

Two servers on one CISLENS_HOME: the first holds a lock file and runs the jobs of both; the second puts jobs in, looks
and cancels, and takes over when the first one ends, however it ends.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy.typing as npt

from experiment import job_files
from experiment.job_files import Arrays, Order, Parameters
from experiment.job_kinds import Work, kind_of
from experiment.job_status import Job, described
from genome.errors import UserError
from genome.home import folder
from models.engine import Runner

if TYPE_CHECKING:
    from experiment.durable import Queue, State

_log = logging.getLogger(__name__)
_CHECK_SECONDS = 1.0  # how often a running slice looks whether it was cancelled
_NOT_HERE = "Jobs do not run here; start the server with 'cislens serve'."
_NOT_YET = "The queue of jobs is being opened; try again in a moment."
WAITING = (
    "Another Cislens server that uses the same folder runs the jobs, those started here as well; "
    "this one takes over when it ends."
)


@dataclass
class _Here:
    """What this process knows of the queue.

    Attributes:
        runner: model_id -> the engine behind everything interactive.
        max_bytes: what all jobs together may take on disk.
        queue: the queue, once it can be used.
        trouble: why there is none.
        waits: whether another process runs the jobs.
        shares: share done of the slice that runs, by digest.
        lock: the lock file, held while this process runs the jobs.
        stopped: set when the server ends.
    """

    runner: Callable[[str], Runner]
    max_bytes: Callable[[], int]
    queue: Queue | None = None
    trouble: str = _NOT_YET
    waits: bool = False
    shares: dict[str, float] = field(default_factory=dict)
    lock: IO[str] | None = None
    stopped: bool = False


_here: _Here | None = None


def launch(runner: Callable[[str], Runner], *, max_bytes: Callable[[], int]) -> threading.Thread:
    """Opens the queue in the background: imports and disk are waited for by nobody.

    Args:
        runner: model_id -> the engine, bound to that model, at the priority of batch work.
        max_bytes: says what all jobs may take on disk; the least recently used are deleted beyond it.

    Returns:
        The thread that opens it.
    """
    global _here
    if _here is not None and not _here.stopped:
        raise ValueError("jobs are launched already")
    _here = _Here(runner, max_bytes)
    thread = threading.Thread(target=_open, args=(_here,), name="cislens-jobs", daemon=True)
    thread.start()
    return thread


def stop() -> None:
    """Ends the work in this process; what was running is gone on with after the next launch."""
    global _here
    here, _here = _here, None
    if here is None:
        return
    here.stopped = True
    if here.lock is not None:
        from experiment import durable

        durable.stop()
        here.lock.close()
    if here.queue is not None:
        here.queue.close()


def trouble() -> str:
    """Why no job can be started here, one sentence; empty when it can."""
    return _NOT_HERE if _here is None else _here.trouble


def notice() -> str:
    """What people should know of the queue, one sentence; empty when there is nothing."""
    return WAITING if _here is not None and _here.waits else ""


def start(kind: str, parameters: Parameters, *, bases: str = "", title: str, said: str = "") -> Job:
    """Starts a job, or finds the one that was started on the same: queued, running or done, it is left alone.

    Args:
        kind: name in the table of kinds.
        parameters: texts and numbers that decide the result.
        bases: the letters it works on.
        title: what it is, for people.
        said: what it is expected to take, for people.

    Raises:
        UserError: when jobs cannot be started here, or the parameters make no sense.
    """
    queue = _queue()
    if bases:
        parameters = {**parameters, "bases": job_files.digest_of_bases(bases)}
    digest = job_files.digest_of(kind, parameters)
    known = _find(digest)
    if known is not None and (known.unfinished or known.status == "done"):
        return known
    count = kind_of(kind).slices(parameters, bases)
    if count < 1:
        raise ValueError(f"{count=} slices of {kind=}")
    job_files.write_order(Order(kind, parameters, count, title, said, time.time()), bases)
    _asking(queue.forget, digest)
    _asking(queue.add, digest)
    return job(digest)


def job(digest: str) -> Job:
    """One job.

    Raises:
        UserError: when it is not here.
    """
    found = _find(digest)
    if found is None:
        raise UserError("This job is not kept here any more; start it again.")
    return found


def find(kind: str, parameters: Parameters, bases: str = "") -> Job | None:
    """The job that was started on these parameters, or None."""
    if bases:
        parameters = {**parameters, "bases": job_files.digest_of_bases(bases)}
    return _find(job_files.digest_of(kind, parameters))


def jobs() -> list[Job]:
    """Every job, the newest first."""
    states = _states(None)
    return [described(order, states.get(order.digest), _share(order.digest)) for order in reversed(job_files.orders())]


def cancel(digest: str) -> None:
    """Stops a job; what it has computed is kept, and starting it again goes on from there.

    Raises:
        UserError: when jobs cannot be reached.
    """
    _asking(_queue().cancel, digest)


def remove(digest: str) -> None:
    """Deletes a job and its result.

    Raises:
        UserError: when it is not finished, or jobs cannot be reached.
    """
    if job(digest).unfinished:
        raise UserError("This job is not finished; cancel it first.")
    _asking(_queue().forget, digest)
    job_files.remove(digest)


def discard(digest: str) -> None:
    """Deletes a job and its result wherever it stands, because what it works on was deleted."""
    if _here is not None and _here.queue is not None:
        if _states([digest]).get(digest) is not None:
            _asking(_here.queue.cancel, digest)
        _asking(_here.queue.forget, digest)
    job_files.remove(digest)


def arrays(digest: str) -> dict[str, npt.NDArray[Any]]:
    """The result of a job, or as much of it as is computed: what is missing is NaN.

    Raises:
        UserError: when a file of it is damaged.
    """
    order = job_files.order_of(digest)
    if job_files.result_path(digest).is_file():
        return job_files.read_result(digest)
    return dict(_together(order))


def _open(here: _Here) -> None:
    """Becomes the process that runs the jobs, waiting for the one before it to end if there is one."""
    try:
        here.max_bytes()  # refuses a setting that is no number
        path = folder("jobs") / "queue.sqlite"
        lock = (path.parent / "queue.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            from experiment import durable

            here.queue, here.trouble, here.waits = durable.Queue(path), "", True
            fcntl.flock(lock, fcntl.LOCK_EX)  # sleeps until the other process is gone
        if here.stopped:
            lock.close()
            return
        here.lock = lock
        _run(here, path)
    except Exception as error:  # noqa: BLE001  said on the screen; the page goes on without jobs
        _log.exception("the queue of jobs cannot be opened")
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {_line(error)}"
        here.trouble = f"Jobs cannot run on this server ({reason[:200]}); everything else works."


def _run(here: _Here, path: Path) -> None:
    from experiment import durable

    durable.launch(
        path,
        lambda digest: job_files.order_of(digest).slices,
        lambda digest, index: _slice(here, digest, index),
        lambda digest: _finish(here, digest),
    )
    if here.queue is None:
        here.queue = durable.Queue(path)
    here.trouble, here.waits = "", False


def _slice(here: _Here, digest: str, index: int) -> None:
    """Computes one slice, unless its file is there."""
    path = job_files.slice_path(digest, index)
    if path.is_file() or job_files.result_path(digest).is_file():
        return
    try:
        order = job_files.order_of(digest)
        kind = kind_of(order.kind)
        work = Work(order.parameters, job_files.bases_of(order), here.runner, _progress(here, digest))
        work.progress(0.0)
        job_files.write_arrays(path, kind.run_slice(work, index))
    except UserError:
        raise
    except Exception:
        _log.exception("slice %d of job %s failed", index, digest)
        raise
    finally:
        here.shares.pop(digest, None)


def _finish(here: _Here, digest: str) -> None:
    """Brings the slices together, and makes room where results take too much."""
    order = job_files.order_of(digest)
    if job_files.result_path(digest).is_file():
        return
    for index in range(order.slices):
        _slice(here, digest, index)  # a slice that was deleted meanwhile is computed again
    job_files.finish(order, _together(order))
    busy = {name for name, state in _states(None).items() if state.status in ("queued", "running")} | {digest}
    for name in job_files.surplus(here.max_bytes(), busy):
        _asking(_queue().forget, name)
        job_files.remove(name)


def _together(order: Order) -> Arrays:
    paths = (job_files.slice_path(order.digest, index) for index in range(order.slices))
    parts = [job_files.read_arrays(path) if path.is_file() else None for path in paths]
    try:
        return kind_of(order.kind).finish(order.parameters, job_files.bases_of(order), parts)
    except (KeyError, IndexError, ValueError) as error:  # a slice that this kind did not write
        raise UserError("A part of this job was damaged; remove the job and start it again.") from error


def _progress(here: _Here, digest: str) -> Callable[[float], None]:
    """Notes the share done, and ends the job where it was cancelled or the server stops."""
    looked = [0.0]

    def note(done: float) -> None:
        here.shares[digest] = min(max(done, 0.0), 1.0)
        now = time.monotonic()
        if now - looked[0] < _CHECK_SECONDS:
            return
        looked[0] = now
        from experiment import durable

        if here.stopped:
            raise durable.Stopped(digest)
        state = _queue_of(here).states([digest]).get(digest)
        if state is None or state.status == "cancelled":
            raise durable.cancelled(digest)

    return note


def _queue_of(here: _Here) -> Queue:
    while here.queue is None:  # the launch takes up what was interrupted before it returns
        time.sleep(0.05)
    return here.queue


def _find(digest: str) -> Job | None:
    try:
        order = job_files.order_of(digest)
    except UserError:
        return None
    return described(order, _states([digest]).get(digest), _share(digest))


def _share(digest: str) -> float:
    return _here.shares.get(digest, 0.0) if _here is not None else 0.0


def _queue() -> Queue:
    if _here is None or _here.queue is None:
        raise UserError(trouble())
    return _here.queue


def _states(digests: list[str] | None) -> dict[str, State]:
    """What the queue knows; nothing where it is not open."""
    if _here is None or _here.queue is None:
        return {}
    found: dict[str, State] = _asking(_here.queue.states, digests)
    return found


def _asking(question: Callable[..., Any], *arguments: Any) -> Any:
    """Asks the queue; what its database says is put in a sentence."""
    try:
        return question(*arguments)
    except Exception as error:
        raise UserError(f"The queue of jobs cannot be read ({_line(error)}); try again in a moment.") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
