"""What a job has found, drawn as its kind is drawn elsewhere."""

from __future__ import annotations

import base64

import streamlit as st

from app import compute, compute_atlas, compute_jobs, compute_question
from app.figures import job_values
from app.screens import what_if_answer
from app.widgets import text
from experiment.job_status import Job
from models import registry


def can_be_drawn(job: Job) -> bool:
    """Whether there is anything to draw: of some kinds also what is computed so far."""
    if job.order.kind in compute_jobs.KINDS:
        return bool(job.result or job.partial)
    return job.result is not None and job.order.kind in (compute_question.JOB_KIND, compute_atlas.KIND)


def show(job: Job) -> None:
    """Draws it.

    Raises:
        UserError: when a file of it is damaged, or its model or genome is not here any more.
    """
    if job.order.kind == compute_question.JOB_KIND:
        what_if_answer.show(*compute_question.answer_of(job), key=job.digest)
    elif job.order.kind == compute_atlas.KIND:
        _atlas(job)
    else:
        _along_the_locus(job)


def _along_the_locus(job: Job) -> None:
    found, view = compute_jobs.values(job), compute_jobs.view_of(job)
    spec = registry.spec(view.model)
    unit = compute.target(spec, view).unit(spec)
    said = compute_jobs.provenance(job)
    if job.order.kind == "letters":
        figure = job_values.contributions(found["values"], found["positions"], unit)
    else:
        figure = job_values.effects(compute_jobs.mean_effects(found), found["positions"], unit)
    st.plotly_chart(figure, key=f"figure-{job.digest}")
    st.caption(text(said, 600))
    if job.order.kind == "letters" and not found["converged"]:
        st.caption(f"Not every window adds up: the worst is off by {float(found['worst_gap']):.3g} {text(unit)}.")


def _atlas(job: Job) -> None:
    made = compute_atlas.made(job)
    svg = compute_atlas.as_svg(made, st.session_state.get("palette", "safe"))
    st.image("data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode())
    about = made.about
    st.caption(text(f"{about['discovery']}. Kept: {about['kept']}. {about['names']}", 1_200))
    if about["patterns_too_faint"]:
        st.caption(f"{about['patterns_too_faint']:,} further patterns add up to too little and are left out.")
    if about["places_not_converged"]:
        st.caption(f"The contributions of {about['places_not_converged']:,} places do not add up.")
    with st.container(horizontal=True):
        for label, ending, content in (
            ("Patterns (.json)", "json", compute_atlas.as_json(made)),
            ("For motif tools (.meme)", "meme", compute_atlas.as_meme(made)),
            ("Picture (.svg)", "svg", svg),
        ):
            st.download_button(
                label,
                content,
                f"cislens_atlas_{job.digest[:12]}.{ending}",
                key=f"atlas-{ending}-{job.digest}",
                on_click="ignore",
                type="tertiary",
            )
