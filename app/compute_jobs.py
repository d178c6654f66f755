"""What a view asks for that takes too long to wait for: offered, started, looked at, cancelled. No Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app import compute
from app.compute import Asker
from app.settings import jobs_bytes
from app.view import PASTED, View
from experiment import estimate, jobs, long_letters, long_mutagenesis, stretch
from experiment.estimate import Cost
from experiment.job_status import Job
from genome.errors import UserError
from genome.locus import Locus
from interpret.methods import BASELINE_WORDS, COVER, METHODS
from models import registry
from models.core import ModelSpec

JobKind = Literal["letters", "mutagenesis"]
KINDS: tuple[JobKind, ...] = ("letters", "mutagenesis")
NAMES: dict[str, str] = {"letters": "contributions", "mutagenesis": "every substitution"}
_KINDS = {"letters": long_letters, "mutagenesis": long_mutagenesis}
_WANTED: dict[str, set[str]] = {
    "letters": {"values", "positions", "converged", "worst_gap"},
    "mutagenesis": {"effects", "codes", "positions"},
}
_QUICK_WINDOW = 20_000  # bp; one pass through a shorter window is measured while somebody waits
# Raise it when a kind's numbers change: old results are then another job's.
_RULE = 1


@dataclass(frozen=True)
class Asked:
    """A job that a view may ask for.

    Attributes:
        view: what is looked at, its chromosome's digest filled in.
        kind: letters, or mutagenesis.
        region: the part of the locus that is worked on, 0-based half-open; letters take the whole locus.
    """

    view: View
    kind: JobKind
    region: Locus

    @property
    def title(self) -> str:
        """What it is, for people."""
        where = f"{self.view.genome} {self.region}"
        return f"{NAMES[self.kind].capitalize()} of {where}: {self.view.track}"


def launch() -> None:
    """Opens the queue of jobs in the background, on this server's engine behind everything interactive."""
    jobs.launch(
        lambda model_id: compute.engine().runner(model_id, session="jobs", priority="batch"), max_bytes=jobs_bytes
    )


def asked(view: View, kind: JobKind, asker: Asker, region: Locus | None = None) -> Asked:
    """The job of a view.

    Args:
        view: what is looked at.
        kind: letters, or mutagenesis.
        asker: who asks.
        region: for mutagenesis, the part that is worked on; without it the whole locus.

    Raises:
        UserError: when the region lies outside the locus.
    """
    region = region if region is not None and kind == "mutagenesis" else view.locus
    inside = view.locus.start <= region.start < region.end <= view.locus.end
    if region.chrom != view.locus.chrom or not inside:
        raise UserError(f"{region} does not lie inside {view.locus}; choose a part of what is on screen.")
    return Asked(lasting(view, asker), kind, region)


def lasting(view: View, asker: Asker) -> View:
    """The view as a job keeps it. A job outlives its page: what was pasted is kept on this server, and so is its link."""
    if view.bases:
        view = replace(view, stored=compute.store_bases(view.bases), bases="")
    return replace(view, contig=compute.contig_digest(view, asker), beside=None)


def found(asked: Asked, asker: Asker) -> Job | None:
    """The job as it was started, in whatever session; None when it was not."""
    return jobs.find(asked.kind, _parameters(asked, asker), _bases(asked, asker))


def cost(asked: Asked, asker: Asker, *, wait: bool) -> Cost | None:
    """What one pass of the job's model costs here: see ``cost_of``."""
    return cost_of(registry.spec(asked.view.model), asker, gradient=asked.kind == "letters", wait=wait)


def cost_of(spec: ModelSpec, asker: Asker, *, gradient: bool, wait: bool) -> Cost | None:
    """What one pass of a model costs here; None where it is not known and somebody would have to wait for it.

    Args:
        spec: the model.
        asker: who asks.
        gradient: whether the pass goes back as well.
        wait: whether to measure it even where that takes long.
    """
    key = ("cost", spec.model_id, gradient)
    if not wait and spec.input_length > _QUICK_WINDOW and not compute.cache().holds(key):
        return None
    measured: Cost = compute.cache().get(
        key,
        lambda: estimate.measure(compute.engine(), spec, gradient=gradient, progress=asker.progress),
        wait=asker.wait,
    )
    return measured


def expected(asked: Asked, cost: Cost, asker: Asker) -> str:
    """What the job is expected to take, one sentence.

    Raises:
        UserError: when it does not fit this server's memory.
    """
    spec = registry.spec(asked.view.model)
    parameters, bases = _parameters(asked, asker), _bases(asked, asker)
    beside = long_letters.array_bytes(parameters, bases) if asked.kind == "letters" else 0
    now = estimate.now(cost, beside)
    estimate.refuse_too_large(now, spec)
    passes = _KINDS[asked.kind].passes(parameters, bases)
    if asked.kind == "letters":
        return estimate.sentence(
            now, passes, f"{passes:,} passes at least (more where contributions do not add up yet)"
        )
    cover = 1 if asked.view.locus.length <= spec.input_length else COVER
    each = f" in {cover} windows each" if cover > 1 else ""
    return estimate.sentence(now, passes, f"3 x {asked.region.length:,} positions{each}")


def start(asked: Asked, asker: Asker) -> Job:
    """Starts a job, or finds the one that runs or is done.

    Raises:
        UserError: when it does not fit this server's memory, or no jobs can be started here.
    """
    if jobs.trouble():
        raise UserError(jobs.trouble())
    spec = registry.spec(asked.view.model)
    compute.target(spec, asked.view)
    measured = cost(asked, asker, wait=True)
    if measured is None:
        raise ValueError(f"{measured=} though it was waited for")
    said = expected(asked, measured, asker)
    return jobs.start(asked.kind, _parameters(asked, asker), bases=_bases(asked, asker), title=asked.title, said=said)


def view_of(job: Job) -> View:
    """The view that a job was started from.

    Raises:
        UserError: when the job was not started from one.
    """
    text = {name: str(value) for name, value in job.order.parameters.items()}
    try:
        return View(
            model=text["model"],
            genome=text["genome"],
            contig=text["contig"],
            locus=Locus(text["chrom"], int(text["start"]), int(text["end"])),
            track=text["track"],
            edits=stretch.edits_of(text["edits"], text["chrom"]),
            method=text.get("method", "ig"),
            baseline=text.get("baseline", "uniform"),
            seed=int(text.get("seed", 0)),
            stored=text["stored"],
            reduce=text["reduce"],  # type: ignore[arg-type]  # checked by View
        )
    except (KeyError, ValueError) as error:
        raise UserError("This job was not started from a locus on this page.") from error


def provenance(job: Job) -> str:
    """Model, track, method, reference, seed and strands of a job's numbers, one sentence."""
    view = view_of(job)
    spec = registry.spec(view.model)
    strands = "both strands" if len(spec.strands) == 2 else "the strand as given"
    whose = f"{spec.model_id}, {view.track}, mean over {spec.n_members} networks and {strands}"
    unit = compute.target(spec, view).unit(spec)
    if job.order.kind == "mutagenesis":
        return f"{whose}: in-silico mutagenesis, the change of the prediction against the base that stands there, in {unit}."
    compared = BASELINE_WORDS[view.baseline]
    seed = f", seed {view.seed}" if compared.seeded else ""
    return f"{whose}: {METHODS[view.method].words}, {compared.short}{seed}, in {unit}."


def values(job: Job) -> dict[str, npt.NDArray[Any]]:
    """What a job has computed; NaN where it has not got to yet. See ``experiment.long_mutagenesis.finish``.

    Raises:
        UserError: when a file of it is damaged.
    """
    found = jobs.arrays(job.digest)
    if not _WANTED[job.order.kind] <= set(found):
        raise UserError("The result of this job was damaged; remove the job and start it again.")
    return found


def mean_effects(values: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """float32 (4, length): the effects of mutagenesis, mean over members and strands; 0 for the base that stands there."""
    return np.asarray(values["effects"].mean(axis=0), dtype=np.float32)


def _bases(asked: Asked, asker: Asker) -> str:
    return compute.reference(asked.view, asker).bases


def _parameters(asked: Asked, asker: Asker) -> dict[str, str | int | float]:
    view = asked.view
    spec: ModelSpec = registry.spec(view.model)
    parameters = stretch.written(
        spec.model_id,
        compute.reference(view, asker),
        view.locus,
        asked.region,
        view.edits,
        compute.target(spec, view),
    )
    parameters |= {"rule": _RULE, "genome": view.genome, "contig": view.contig}
    parameters["stored"] = view.stored if view.genome == PASTED else ""
    if asked.kind == "letters":
        parameters |= {"method": view.method, "baseline": view.baseline, "seed": view.seed}
    return parameters
