"""An atlas of patterns started from a page: its places, its job, and what came of it. No Streamlit here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app import atlas_record, compute, compute_jobs
from app.compute import Asker
from app.figures import atlas as figure
from app.figures.logos import Palette
from app.view import PASTED, View
from experiment import estimate, jobs, long_atlas
from experiment.job_status import Job
from genome import sandbox
from genome.catalog import genome_entry
from genome.errors import UserError
from genome.locus import Locus
from interpret import atlas, modisco
from interpret.atlas import Atlas
from interpret.background_build import places_of
from models import registry
from models.core import Target

KIND = "atlas"
MAX_TEXT = 500_000  # bytes of a list of places: 5,000 rows and their names
_RULE = 1


@dataclass(frozen=True)
class Made:
    """A finished atlas.

    Attributes:
        found: its patterns.
        about: everything that decides them, as plain values.
    """

    found: Atlas
    about: dict[str, Any]


def refusal(view: View) -> str:
    """Why no atlas can be made of a view's model, track and genome here, one sentence; empty when it can."""
    try:
        modisco.check_installed()
        if view.genome == PASTED or not genome_entry(view.genome).is_local:
            return (
                "An atlas reads many places, so it needs a genome that is kept here: choose another on the Locus page, or run "
                "'cislens genomes fetch'."
            )
    except UserError as error:
        return str(error)
    return jobs.trouble()


def read_places(name: str, data: bytes) -> tuple[Locus, ...]:
    """The places of an uploaded or pasted list, BED or narrowPeak.

    Raises:
        UserError: when it is too large, or no such list; naming the line that is wrong.
    """
    if len(data) > MAX_TEXT:
        raise UserError(
            f"This list has {len(data):,} bytes; give at most {atlas.MOST_PLACES:,} places in {MAX_TEXT:,} bytes."
        )
    return places_of(name, data)


def is_sandbox(view: View) -> bool:
    """Whether the genome looked at is the one whose elements are known."""
    return view.genome != PASTED and genome_entry(view.genome).synthetic


def planted() -> tuple[Locus, ...]:
    """Where the sandbox's elements were planted."""
    return tuple(element.locus for element in sandbox.elements())


def start(view: View, places: tuple[Locus, ...], asker: Asker) -> Job:
    """Starts the atlas of some places on the view's model, track and reference, or finds the one that runs or is done.

    Raises:
        UserError: when it cannot be made here, or the places are too few or too many.
    """
    if words := refusal(view):
        raise UserError(words)
    spec = registry.spec(view.model)
    target = compute.target(spec, view)
    source = compute.genome(view, asker)
    kept = atlas.stretches(spec, source, places)
    bases = long_atlas.written(spec, source, kept)
    baseline = view.baseline if view.method == "ig" else "uniform"
    cost = compute_jobs.cost_of(spec, asker, gradient=True, wait=True)
    if cost is None:
        raise ValueError(f"{cost=} though it was waited for")
    now = estimate.now(cost, 0)
    estimate.refuse_too_large(now, spec)
    passes = long_atlas.passes(spec, len(kept), baseline)
    parameters: dict[str, str | int | float] = {
        "rule": _RULE,
        "model": spec.model_id,
        "genome": source.name,
        "track": target.track,
        "reduce": target.reduce,
        "baseline": baseline,
        "seed": view.seed,
        "places_given": len(places),
        "discovery": atlas_record.discovery(),
    }
    said = estimate.sentence(now, passes, f"{passes:,} passes at least for {len(kept):,} places")
    title = f"Atlas of patterns: {spec.name}, {target.track}, {len(kept):,} places of {source.name}"
    return jobs.start(KIND, parameters, bases=bases, title=title, said=f"{said} Then TF-MoDISco, a minute or more.")


def made(job: Job) -> Made:
    """What a finished job found.

    Raises:
        UserError: when it is not finished, a file of it is damaged, or its model is not here any more.
    """
    if job.result is None:
        raise UserError("This atlas is not finished yet.")
    text = {name: str(value) for name, value in job.order.parameters.items()}
    try:
        found = long_atlas.read(jobs.arrays(job.digest))
        spec = registry.spec(text["model"])
        target = Target(text["track"], text["reduce"])  # type: ignore[arg-type]  # checked when it was started
        about = atlas_record.about(
            spec, target, text["genome"], int(text["places_given"]), found, text["baseline"], int(text["seed"]),
            text["discovery"],
        )  # fmt: skip
    except (KeyError, ValueError, IndexError) as error:
        raise UserError("The result of this job was damaged; remove the job and start it again.") from error
    return Made(found, about | {"places_digest": text.get("bases", "")})


def as_json(made: Made) -> str:
    """The patterns with everything that decides them."""
    patterns = [atlas_record.as_json(pattern) for pattern in made.found.patterns]
    return json.dumps(made.about | {"patterns": patterns}, indent=1) + "\n"


def as_meme(made: Made) -> str:
    """The patterns for other motif tools."""
    return atlas.meme(made.found, about=made.about["caption"])


def as_svg(made: Made, palette: Palette) -> str:
    """The picture."""
    return figure.atlas_svg(made.found, unit=made.about["unit"], caption=made.about["caption"], palette=palette)
