"""A job as people see it: where it stands, how far it is, how long it will take, and why it failed."""

from __future__ import annotations

import contextlib
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiment import job_files
from experiment.job_files import Order

if TYPE_CHECKING:
    from experiment.durable import State, Status


@dataclass(frozen=True)
class Job:
    """A job as people see it.

    Attributes:
        order: what was asked.
        status: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        progress: share done, 0 to 1.
        said: where it stands, one sentence.
        updated: when something happened last, seconds since 1970.
        error: why it failed, one sentence; empty otherwise.
        partial: the files of the slices that are written, in order.
        result: the file of the result, or None.
    """

    order: Order
    status: Status
    progress: float
    said: str
    updated: float
    error: str
    partial: tuple[Path, ...]
    result: Path | None

    @property
    def digest(self) -> str:
        """Its key."""
        return self.order.digest

    @property
    def unfinished(self) -> bool:
        """Whether something may still happen to it by itself."""
        return self.status in ("queued", "running")


def described(order: Order, state: State | None, share: float) -> Job:
    """A job as it stands.

    Args:
        order: what was asked.
        state: what the queue knows of it, None when nothing.
        share: share done of the slice that runs, 0 to 1.
    """
    path = job_files.result_path(order.digest)
    result = path if path.is_file() else None
    partial = () if result else tuple(job_files.slice_paths(order))
    progress = 1.0 if result else min(1.0, (len(partial) + share) / order.slices)
    status = _status(state, result)
    error = ""
    if status == "failed":
        error = _sentence(state.fault if state else None)
    times = _times(partial)
    updated = max([order.created, *times, *([state.updated] if state else [])])
    said = _said(order, status, times, share)
    return Job(order, status, progress, said, updated, error, partial, result)


def _times(paths: tuple[Path, ...]) -> list[float]:
    """When files were written; one that was brought together with the others at this moment has no time."""
    found = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found.append(path.stat().st_mtime)
    return found


def _status(state: State | None, result: Path | None) -> Status:
    """The files decide what is done; the queue decides the rest."""
    if result is not None:
        return "done"
    if state is None or state.status == "cancelled":
        return "cancelled"
    return "failed" if state.status == "done" else state.status


def _sentence(fault: tuple[str, str] | None) -> str:
    if fault is None:
        return "Its result is gone; start it again."
    name, words = fault
    if name == "UserError":
        return words
    return f"It was ended by a fault that nobody foresaw ({name}: {' '.join(words.split())[:200]}); the server's log has more."


def _said(order: Order, status: Status, times: list[float], share: float) -> str:
    """Where a job stands; what is left is judged by what its slices took so far."""
    done = f"{len(times):,} of {order.slices:,} parts"
    if status == "done":
        return "Finished."
    if status == "queued":
        return f"Waits for its turn; {done} are computed." if times else "Waits for its turn."
    if status != "running":
        return f"Stopped after {done}; started again it goes on from there."
    steps = [after - before for before, after in zip(sorted(times), sorted(times)[1:], strict=False)]
    if not steps:
        return f"{done}."
    left = statistics.median(steps) * (order.slices - len(times) - share)
    return f"{done}, about {duration(max(left, 1.0))} left."


def duration(seconds: float) -> str:
    """A time in words that nobody takes for exact."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h" if seconds < 36 * 3600 else f"{round(seconds / 86400)} days"
