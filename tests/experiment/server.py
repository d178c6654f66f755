"""A server without a page: opens the queue of jobs in CISLENS_HOME and does what the words after it say, one JSON line each.

start KEY=VALUE ...   starts a counting job       wait      until nothing is unfinished
far REGION            starts mutagenesis of far   jobs      prints every job
refine FILE           starts the plan in a file   serve     waits to be killed
cancel DIGEST         cancels
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app import compute, compute_jobs, compute_refine
from app.compute import Asker
from app.view import View
from experiment import job_kinds, jobs
from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Work
from experiment.refine import Plan
from genome.errors import UserError
from genome.locus import Locus, parse_locus
from models import registry

PATIENCE = 300.0  # a machine may be busy; nobody waits so long where all is well


def count(work: Work, index: int) -> Arrays:
    """Takes a while, and notes that it was asked."""
    with (Path(os.environ["CISLENS_HOME"]) / "computed.txt").open("a") as log:
        log.write(f"{index}\n")
    for part in range(4):
        time.sleep(float(work.parameters["pause"]) / 4)
        work.progress(part / 4)
    if work.parameters.get("refuses") == index:
        raise UserError("This part cannot be computed; ask for another.")
    if work.parameters.get("breaks") == index:
        raise KeyError("nobody thought of this")
    return {"squares": np.array([index * index])}


def together(parameters: Parameters, bases: str, parts: Sequence[Arrays | None]) -> Arrays:
    """The squares, NaN where they are not computed."""
    return {"squares": np.concatenate([np.array([np.nan]) if part is None else part["squares"] for part in parts])}


job_kinds.add_kind(job_kinds.Kind("counting", lambda parameters, _: int(parameters["parts"]), count, together))


def said(**words: object) -> None:
    print(json.dumps(words), flush=True)


def tell(job: jobs.Job) -> None:
    values = {}
    if job.result is not None and job.order.kind == "counting":
        values = {name: array.tolist() for name, array in jobs.arrays(job.digest).items()}
    said(
        digest=job.digest, status=job.status, progress=job.progress, said=job.said, error=job.error, values=values,
        parameters=dict(job.order.parameters), estimate=job.order.said,
    )  # fmt: skip


def unfinished() -> bool:
    return any(job.unfinished for job in jobs.jobs())


def far(region: str) -> None:
    """Mutagenesis with a window of 196,608 bp at the start of a chromosome that is shorter than the window."""
    spec = registry.spec("far")
    view = View(spec.model_id, "sandbox", Locus("sb1", 100, 700), "track 1")
    asker = Asker(session="test")
    asked = compute_jobs.asked(view, "mutagenesis", asker, parse_locus(region))
    compute.engine().model(spec.model_id)
    before = peak()
    cost = compute_jobs.cost(asked, asker, wait=True)
    job = compute_jobs.start(asked, asker)
    said(digest=job.digest, needed=cost.needed, before=before)


def peak() -> int:
    """The most memory this process ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def do(words: list[str]) -> None:
    name, rest = words[0], words[1:]
    if name == "start":
        parameters = {key: float(value) if "." in value else int(value) for key, value in (w.split("=") for w in rest)}
        tell(jobs.start("counting", parameters, title="Counting"))
    elif name == "far":
        far(rest[0])
    elif name == "refine":
        tell(compute_refine.start(Plan.from_json(json.loads(Path(rest[0]).read_text()))))
    elif name == "cancel":
        jobs.cancel(rest[0])
    elif name == "cancel-running":
        until(lambda: any(job.status == "running" and job.progress > 0 for job in jobs.jobs()))
        jobs.cancel(next(job.digest for job in jobs.jobs() if job.status == "running"))
    elif name == "wait":
        until(lambda: not unfinished())
    elif name == "serve":
        time.sleep(PATIENCE)
    elif name == "jobs":
        for job in jobs.jobs():
            tell(job)
        said(peak=peak(), notice=jobs.notice())
    else:
        raise ValueError(f"{name=}")


def until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


if __name__ == "__main__":
    compute_jobs.launch()
    until(lambda: jobs.trouble() != "The queue of jobs is being opened; try again in a moment.")
    said(trouble=jobs.trouble(), notice=jobs.notice())
    for line in sys.argv[1:]:
        do(line.split(","))
    jobs.stop()
