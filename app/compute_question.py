"""Answers to questions of the What if screen, what they cost, and the one that can be a job. No Streamlit here."""

from __future__ import annotations

from dataclasses import replace

from app import compute, compute_jobs, compute_whatif
from app.compute import Asker
from app.compute_whatif import Act
from app.limits import MAX_INLINE_WINDOW
from app.question import Question, question
from app.view import PASTED, View
from app.whatif_record import Result
from experiment import estimate, jobs, long_surrogate, stretch
from experiment.job_files import Parameters
from experiment.job_status import Job, duration
from genome.errors import UserError
from interpret.quiet import DRAWN
from interpret.surrogate import Surrogate
from interpret.whatif import check_scale
from interpret.whatif_pairs import designs_of
from models import registry

JOB_KIND = "additive"
SAID_SECONDS = 3.0  # what takes longer has its time said before it is asked
JOB_SECONDS = 10.0  # what takes longer is offered as a job
LINK_SECONDS = 30.0  # what takes longer is not asked by opening a link
# Raise it when the numbers of the job change: old results are then another job's.
_RULE = 1


def ask(view: View, asked: Question, asker: Asker) -> Result:
    """The answer to a question about a view.

    Raises:
        UserError: when it cannot be understood or answered.
    """
    seed = asked.number("seed")
    if asked.kind == "change":
        act: Act = asked.text("act")  # type: ignore[assignment]  # one of them, says Question
        where = (asked.text(name) for name in ("motif", "where", "to", "strand"))
        return compute_whatif.change(view, act, *where, seed, asker)
    if asked.kind == "tiles":
        return compute_whatif.tiles(view, asked.number("tile"), asked.number("n"), seed, asker)
    n, scale = asked.number("n"), asked.scale
    if asked.kind == "pair":
        words, drawn = (asked.text("first"), asked.text("second")), asked.text("backgrounds")
        return compute_whatif.spacing(view, *words, _gaps(asked), n, seed, scale, asker, drawn=drawn)
    if asked.kind == "everywhere":
        motif, strand, drawn = (asked.text(name) for name in ("motif", "strand", "backgrounds"))
        return compute_whatif.everywhere(view, motif, strand, n, seed, scale, asker, drawn=drawn)
    if asked.kind == "stretch":
        return compute_whatif.needed(view, asked.text("where"), asked.text("motif"), n, seed, scale, asker)
    return compute_whatif.additive(view, n, seed, scale, asker)


def passes(view: View, asked: Question) -> int:
    """How many windows a question asks, at most."""
    spec = registry.spec(view.model)
    windows = 1 if view.locus.length <= spec.input_length else spec.placements
    if asked.kind == "change":
        return 2 * windows
    n = asked.number("n")
    if asked.kind == "tiles":
        return windows * (n + 1) * (view.locus.length // asked.number("tile") + 1)
    if asked.kind == "stretch":
        return windows * (3 * n + 1)
    if asked.kind == "additive":
        return n
    quiet = DRAWN * n if asked.text("backgrounds") == "quiet" else 0
    if asked.kind == "everywhere":
        return quiet + 2 * n
    return quiet + n * designs_of(spec, len(_gaps(asked)))


def seconds(view: View, asked: Question) -> float | None:
    """How long a question takes on this server; None for a model of which one pass takes too long to be measured now."""
    spec = registry.spec(view.model)
    if spec.input_length > MAX_INLINE_WINDOW:
        return None
    return passes(view, asked) * compute.engine().pace(spec.model_id).row_seconds


def cost_words(taken: float | None, *, as_job: bool) -> str:
    """What a question takes, said before it is asked; empty where nobody would notice.

    Args:
        taken: seconds, None where they are not known.
        as_job: whether it can be a job.
    """
    later = "; as a job it goes on when you close the page" if as_job else ""
    if taken is None:
        return f"One pass of this model takes long, and how long is not measured yet{later}."
    return f"About {duration(taken)} here{later}." if taken >= SAID_SECONDS else ""


def may_be_job(asked: Question, taken: float | None) -> bool:
    """Whether a question is offered as a job."""
    return asked.kind == JOB_KIND and (taken is None or taken >= JOB_SECONDS)


def found_job(view: View, asked: Question, asker: Asker) -> Job | None:
    """The job of a question as it was started, in whatever session; None when it was not."""
    view = _kept(view, asker)
    return jobs.find(JOB_KIND, _parameters(view, asked, asker), compute.reference(view, asker).bases)


def start(view: View, asked: Question, asker: Asker) -> Job:
    """Starts the job of a question, or finds the one that runs or is done.

    Raises:
        UserError: when the question makes no sense, does not fit this server's memory, or no jobs can be started here.
    """
    if asked.kind != JOB_KIND:
        raise ValueError(f"{asked.kind=} is no job")
    if jobs.trouble():
        raise UserError(jobs.trouble())
    spec = registry.spec(view.model)
    check_scale(spec, asked.scale)
    view = _kept(view, asker)
    cost = compute_jobs.cost_of(spec, asker, gradient=False, wait=True)
    if cost is None:
        raise ValueError(f"{cost=} though it was waited for")
    now = estimate.now(cost, 0)
    estimate.refuse_too_large(now, spec)
    n = passes(view, asked)
    return jobs.start(
        JOB_KIND,
        _parameters(view, asked, asker),
        bases=compute.reference(view, asker).bases,
        title=f"How additive: {view.genome} {view.locus}, {spec.name}, all tracks",
        said=estimate.sentence(now, n, f"{n:,} mutants"),
    )


def question_of(job: Job) -> tuple[View, Question]:
    """The view and the question that a job was started from.

    Raises:
        UserError: when it was not started from one.
    """
    parameters = job.order.parameters
    try:
        n, seed, scale = int(parameters["n"]), int(parameters["seed"]), str(parameters["scale"])
    except (KeyError, ValueError) as error:
        raise UserError("This job was not started from a question on this page.") from error
    return replace(compute_jobs.view_of(job), seed=0), question("additive", n=n, seed=seed, scale=scale)


def answer_of(job: Job) -> tuple[View, Surrogate]:
    """The answer of a finished job.

    Raises:
        UserError: when it is not finished, or a file of it is damaged.
    """
    view, _ = question_of(job)
    try:
        return view, long_surrogate.read(job.order.parameters, jobs.arrays(job.digest))
    except (KeyError, ValueError, IndexError) as error:
        raise UserError("The result of this job was damaged; remove the job and start it again.") from error


def _gaps(asked: Question) -> range:
    return range(asked.number("gap-low"), asked.number("gap-high") + 1, asked.number("gap-step"))


def _kept(view: View, asker: Asker) -> View:
    """What decides the answer of a job: it is on all tracks, whichever is looked at and however it is explained."""
    first = registry.spec(view.model).tracks[0].name
    return replace(compute_jobs.lasting(view, asker), track=first, reduce="mean", seed=0)


def _parameters(view: View, asked: Question, asker: Asker) -> Parameters:
    spec = registry.spec(view.model)
    reference = compute.reference(view, asker)
    target = compute.target(spec, view)
    parameters = stretch.written(spec.model_id, reference, view.locus, view.locus, view.edits, target)
    stored = view.stored if view.genome == PASTED else ""
    return parameters | {
        "rule": _RULE,
        "genome": view.genome,
        "contig": view.contig,
        "stored": stored,
        "n": asked.number("n"),
        "seed": asked.number("seed"),
        "scale": asked.scale,
    }
