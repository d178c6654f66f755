"""The queue of jobs on disk: DBOS on SQLite, which survives a killed process. The only file that knows DBOS.

DBOS keeps who waits, who runs and how it ended; what was computed lies in the job's own folder (``job_files``). Its usual
format for values is pickle: here it gets JSON, and a pickle that somebody put into the database is refused. It is told
of no service outside this computer, and starts no server of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dbos import DBOS, DBOSClient, DBOSConfig
from dbos import _serialization as formats
from dbos import error as dbos_error

Status = Literal["queued", "running", "done", "failed", "cancelled"]
Perform = Callable[[str], None]

_QUEUE, _WORKFLOW, _APPLICATION = "cislens-jobs", "cislens-job", "cislens"
# One version for ever: work of another version would never be taken up again. A kind whose numbers change says so in
# its parameters instead.
_VERSION = "1"
_MOST_BEGINNINGS = 50
_STATUS: dict[str, Status] = {
    "DELAYED": "queued",
    "ENQUEUED": "queued",
    "PENDING": "running",
    "SUCCESS": "done",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}


@dataclass(frozen=True)
class State:
    """What the queue knows of a job.

    Attributes:
        status: where it stands.
        updated: when that changed last, seconds since 1970.
        fault: (name of the error, its text) of a failed job, else None.
    """

    status: Status
    updated: float
    fault: tuple[str, str] | None


class Steps:
    """What the workflow calls; set when the queue is launched, for DBOS finds workflows by name before that."""

    count: Callable[[str], int]
    one: Callable[[str, int], None]
    finish: Perform


@DBOS.step(name="slice")
def _slice(digest: str, index: int) -> None:
    Steps.one(digest, index)


@DBOS.step(name="finish")
def _finish(digest: str) -> None:
    Steps.finish(digest)


@DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=_MOST_BEGINNINGS)
def _work(digest: str) -> None:
    """One job from its first slice to its result. What was done before a restart is not done again."""
    for index in range(Steps.count(digest)):
        _slice(digest, index)
    _finish(digest)


class _NoPickle(formats.DefaultSerializer):
    """Takes the place of DBOS's pickles, which it would read whatever format it was told to write."""

    def serialize(self, data: Any) -> str:  # noqa: ARG002
        raise TypeError("values of jobs are JSON")

    def deserialize(self, serialized_data: str) -> Any:  # type: ignore[override]  # noqa: ARG002
        raise TypeError("a pickle is not read")


def launch(path: Path, count: Callable[[str], int], one: Callable[[str, int], None], finish: Perform) -> None:
    """Starts working on the queue, first on what was interrupted. One process at a time may do so for one file.

    Args:
        path: the SQLite file.
        count: digest -> how many slices.
        one: computes one slice.
        finish: brings the slices together.
    """
    Steps.count, Steps.one, Steps.finish = staticmethod(count), staticmethod(one), staticmethod(finish)  # type: ignore[assignment]
    formats.DBOSDefaultSerializer = _NoPickle()
    config: DBOSConfig = {
        "name": _APPLICATION,
        "system_database_url": _url(path),
        "application_version": _VERSION,
        "executor_id": _APPLICATION,
        "serializer": formats.DBOSPortableJSON,
        "log_level": "WARNING",
        "enable_otlp": False,
        "conductor_key": None,
        "notification_listener_polling_interval_sec": 1.0,
    }
    DBOS(config=config)
    logging.getLogger("dbos").addFilter(_is_news)
    DBOS.launch()
    DBOS.register_queue(_QUEUE, worker_concurrency=1, polling_interval_sec=0.5, on_conflict="always_update")


def stop() -> None:
    """Stops working on the queue; what runs is taken up again by the next launch."""
    DBOS.destroy()
    logging.getLogger("dbos").removeFilter(_is_news)


class Queue:
    """The queue as any process sees it: it puts jobs in, looks, cancels, and runs none."""

    def __init__(self, path: Path) -> None:
        formats.DBOSDefaultSerializer = _NoPickle()
        self._client = DBOSClient(
            system_database_url=_url(path),
            serializer=formats.DBOSPortableJSON,
            application_name=_APPLICATION,
            retry_connection_errors=False,
        )

    def add(self, digest: str) -> None:
        """Puts a job at the end of the queue. One that is there already is left where it is."""
        self._client.enqueue(
            {
                "workflow_name": _WORKFLOW,
                "queue_name": _QUEUE,
                "workflow_id": digest,
                "app_version": _VERSION,
            },
            digest,
        )

    def states(self, digests: list[str] | None = None) -> dict[str, State]:
        """Where jobs stand, all or some."""
        rows = self._client.list_workflows(workflow_ids=digests, name=_WORKFLOW, load_input=False)
        return {row.workflow_id: _state(row) for row in rows}

    def cancel(self, digest: str) -> None:
        """Takes a job out of the queue, or lets it stop at its next word of progress."""
        self._client.cancel_workflow(digest)

    def forget(self, digest: str) -> None:
        """Deletes what the queue knows of a job."""
        self._client.delete_workflow(digest)

    def close(self) -> None:
        """Gives back its connections."""
        self._client.destroy()


class Stopped(BaseException):
    """The server ends: the job is left as it is, and gone on with after the next launch."""


def cancelled(digest: str) -> BaseException:
    """What a running job raises to end itself where it was cancelled."""
    return dbos_error.DBOSWorkflowCancelledError(f"job {digest} was cancelled")


def _state(row: Any) -> State:
    fault = None
    if row.error is not None:
        fault = (str(getattr(row.error, "name", type(row.error).__name__)), str(row.error))
    elif row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        fault = ("UserError", f"It was begun {_MOST_BEGINNINGS} times and never came to its end; ask for less.")
    return State(_STATUS[row.status], (row.updated_at or row.created_at or 0) / 1000, fault)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of DBOS's log says something: a job that was cancelled or failed is told of by ``jobs``."""
    known = ("Exception encountered in background workflow", "is no longer owned by this execution")
    return not any(part in record.getMessage() for part in known)


def _url(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"
