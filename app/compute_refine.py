"""Refinements as the page and the command line ask for them: planned, started, looked at, kept. No Streamlit here."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence as Seq
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import compute
from app.compute import Asker
from app.view import Beside, View
from experiment import jobs, long_refine, refine, refine_steps
from experiment.job_status import Job
from experiment.refine import Plan, Refinement
from experiment.refine_strategy import why_not
from genome.errors import UserError
from genome.home import folder
from genome.locus import Locus
from genome.paste import read_records
from models import registry
from models.core import ModelSpec

REPORTERS = ("residual", "recurrent", "transformer")
MOST_ANCHORS = 50


def can_be_refined(spec: ModelSpec) -> str:
    """Why a model cannot be refined here, one sentence; empty when it can. Nothing is loaded that is not a reporter."""
    if refine.architecture(spec.model_id)[0] not in REPORTERS:
        return why_not(spec, compute.engine().model(spec.model_id).members[0]) or ""
    return ""


def refinable() -> tuple[ModelSpec, ...]:
    """The models that can be refined."""
    return tuple(spec for spec in registry.specs() if refine.architecture(spec.model_id)[0] in REPORTERS)


def start(plan: Plan) -> Job:
    """Checks a plan and starts its job, or finds the one that was started on the same.

    Raises:
        UserError: when it cannot be done.
    """
    refine.prepare(plan)
    spec = registry.spec(plan.parent)
    steps = len(refine_steps.steps(plan, spec.n_members))
    return jobs.start(
        long_refine.KIND_NAME,
        long_refine.parameters_of(plan),
        title=f"{spec.name} refined by {plan.strategy}",
        said=f"{steps} steps in a process of low priority: each strength on one network, the naive control, all networks, the gate.",
    )


def started() -> tuple[Job, ...]:
    """Every refinement that was started, the newest first."""
    return tuple(job for job in jobs.jobs() if job.order.kind == long_refine.KIND_NAME)


def made(job: Job) -> Refinement | None:
    """What a job made; None before it is finished."""
    return long_refine.read(jobs.arrays(job.digest)) if job.result is not None else None


def keep(found: Refinement) -> None:
    """Lets the new model answer to its full model_id; its name goes on answering as before.

    The store of projects, which promotes and rolls back, is to be put in here. Called twice it does nothing more.
    """
    if found.child in {spec.model_id for spec in registry.archived(registry.spec(found.parent).name)}:
        return
    source = refine.place(found.plan) / refine_steps.MODEL
    archive = folder("models", "archive")
    with tempfile.TemporaryDirectory(prefix=".refined-", dir=folder("models")) as scratch:
        shutil.copytree(source, Path(scratch) / "model")
        if not (archive / found.child).exists():
            (Path(scratch) / "model").rename(archive / found.child)


def anchors_of(text: str, spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """Anchor windows from FASTA or plain letters, each centred in the model's window.

    Raises:
        UserError: when one is too long, or there are too many.
    """
    if not text.strip():
        return ()
    records = read_records(text)
    if len(records) > MOST_ANCHORS:
        raise UserError(f"Give at most {MOST_ANCHORS} anchors; these are {len(records):,}.")
    return tuple((record.name, _window(record.name, record.bases, spec.input_length)) for record in records)


def anchor_of(view: View, spec: ModelSpec, asker: Asker) -> tuple[str, str]:
    """The model's window around the middle of what is looked at, with its edits."""
    if view.bases or view.stored:
        sequence = compute.sequence(view, asker)
        return str(view.locus.chrom), _window(view.locus.chrom, sequence.bases, spec.input_length)
    middle = (view.locus.start + view.locus.end) // 2
    start = middle - spec.input_length // 2
    window = Locus(view.locus.chrom, start, start + spec.input_length)
    sequence = compute.reference(replace(view, locus=window, edits=()), asker)
    return f"{view.genome} {window}", sequence.bases


def then_and_now(view: View, found: Refinement) -> View:
    """The place that is looked at, by the parent, with the refined model beside it: before and after on any locus."""
    spec = registry.spec(found.parent)
    names = [track.name for track in spec.tracks]
    track = found.plan.track if found.plan.track in names else names[0]
    reduce = spec.tracks[spec.track_index(track)].reductions[0]
    now = Beside(found.child, found.plan.track)
    return replace(view, model=found.parent, track=track, reduce=reduce, beside=now, panel="beside")


def changes_table(found: Refinement) -> dict[str, list[Any]]:
    """What was gained and what was forgotten, table by table, as columns."""
    rows = found.verdict.changes
    return {
        "held-out rows of": [f"{'new' if one.new else 'old'}: {one.name}" for one in rows],
        "rows": [one.rows for one in rows],
        "r before": [one.before for one in rows],
        "r after": [one.after for one in rows],
        "change": [one.change for one in rows],
        "low": [one.low for one in rows],
        "high": [one.high for one in rows],
        "naive control": [one.naive for one in rows],
    }


def anchors_table(found: Refinement) -> dict[str, list[Any]]:
    """Predictions of the anchors before and after, as columns."""
    rows: Seq[dict[str, Any]] = found.metrics["anchors"]
    columns: dict[str, list[Any]] = {"anchor": [one["name"] for one in rows]}
    for name in ("before", "after", "naive"):
        columns[name] = [one[name] for one in rows]
    columns["change"] = [one["after"] - one["before"] for one in rows]
    return columns


def record_json(found: Refinement) -> str:
    """The record as a file."""
    return json.dumps(found.to_json(), indent=1) + "\n"


def _window(name: str, bases: str, length: int) -> str:
    if len(bases) > length:
        raise UserError(
            f"The anchor {name} has {len(bases):,} bp; the model's window has {length}. Give the part that matters."
        )
    before = (length - len(bases)) // 2
    return "N" * before + bases + "N" * (length - len(bases) - before)
