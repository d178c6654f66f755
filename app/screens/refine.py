"""The Refine screen: a model learns from measurements; then what was gained, what was forgotten, and what the gate says."""

from __future__ import annotations

import streamlit as st

from app import compute_project, compute_refine
from app.screens import lineage, navigation, project_picker, refine_tables, state
from app.widgets import numbers_table, problem, text
from experiment import jobs, refine
from experiment.job_status import Job
from experiment.refine import CANDIDATES, SAID, Plan, Refinement
from experiment.refine_gate import BOUND
from genome.errors import UserError
from models import registry
from models.core import ModelSpec

_EVERY_SECONDS = 3.0
_CUT = dict.fromkeys(("r before", "r after", "naive control"), "%.3f") | dict.fromkeys(
    ("change", "low", "high"), "%+.3f"
)
_R = (
    "Pearson's r of predicted and measured on held-out rows that no step and no choice has seen; low and high are the 95 % "
    "interval of the change, by a paired bootstrap over clusters of rows. The naive control is the same training with "
    "nothing that holds the old."
)


def show() -> None:
    """Draws the form, and every refinement with what came of it."""
    st.html(
        '<div class="cl-brand">Refine</div>'
        '<div class="cl-sub">teach a model what the experiment said, and see what it forgot; the model itself stays as it is</div>'
    )
    specs = compute_refine.refinable()
    if not specs:
        st.caption("No model here can be refined: only reporter networks of our own architectures can.")
        return
    try:
        _form(specs)
    except UserError as error:
        problem(str(error))
    _started()
    st.markdown("##### Lineage of models")
    lineage.show()


def _form(specs: tuple[ModelSpec, ...]) -> None:
    titles = {spec.model_id: spec.title for spec in specs}
    with st.container(border=True, key="refine-form"):
        left, right = st.columns(2)
        model = str(left.selectbox("Model", list(titles), format_func=titles.__getitem__, key="refine-model"))
        spec = registry.spec(model)
        new = left.file_uploader(
            "New measurements: a table with the columns name, sequence, value (and, where known, sd, split, place)",
            key="refine-new",
        )
        old = right.file_uploader(
            "Older tables that the model learned from: shown again while it learns, and asked whether they were forgotten",
            accept_multiple_files=True,
            key="refine-old",
        )
        kept_new, kept_old = refine_tables.pickers(left, right)
        first, why = refine.usual(bool(old or kept_old))
        names = list(CANDIDATES)
        strategy = str(
            right.selectbox("Strategy", names, index=names.index(first), key=f"refine-strategy-{bool(old or kept_old)}")
        )
        right.caption(f"{SAID[strategy]}{f' Suggested here: {why}' if strategy == first else ''}")
        track = _track(left, spec, strategy)
        anchors = st.text_area(
            "Anchors: sequences (FASTA or letters) whose predictions are told before and after",
            key="refine-anchors",
            height=80,
        )
        here = st.checkbox("The window looked at last is an anchor too", value=True, key="refine-here")
        epochs, bound, seed = _numbers()
        if not st.button("Refine", type="primary", key="refine-start"):
            return
        learned, shown = refine_tables.given(new, kept_new, old or (), kept_old)
        marked = compute_refine.anchors_of(str(anchors or ""), spec)
        if here:
            marked = (compute_refine.anchor_of(state.looked_at(), spec, state.asker()), *marked)
        plan = Plan(
            spec.model_id,
            track,
            strategy,
            learned,
            shown,
            marked,
            epochs=epochs,
            bound=bound,
            seed=seed,
        )
        with st.spinner("Reading the tables"):
            compute_refine.start(plan)


def _track(place, spec: ModelSpec, strategy: str) -> str:  # type: ignore[no-untyped-def]
    if strategy == "new head":
        return str(place.text_input("Name of the new track", value="new assay", key="refine-new-track"))
    return str(place.selectbox("What the values measure", [track.name for track in spec.tracks], key="refine-track"))


def _numbers() -> tuple[int, float, int]:
    with st.expander("Details"):
        a, b, c = st.columns(3)
        epochs = int(
            a.number_input("Passes over the new rows (0: as many as they ask for)", 0, 50, 0, key="refine-epochs")
        )
        bound = float(
            b.number_input("Largest loss of r on old rows that is borne", 0.0, 0.5, BOUND, 0.01, key="refine-bound")
        )
        seed = int(c.number_input("Seed", 0, 10_000, 0, key="refine-seed"))
        st.caption(
            "Strengths and the share of old rows are searched on rows cut from training; they are told with the result. "
            "Training runs in a process of low priority, one at a time, and goes on after a restart."
        )
    return epochs, bound, seed


def _started() -> None:
    try:
        moving = any(job.unfinished for job in compute_refine.started())
        if moving:
            st.fragment(_list, run_every=_EVERY_SECONDS)(moving=True)
        else:
            _list(moving=False)
    except UserError as error:
        problem(str(error))


def _list(*, moving: bool) -> None:
    found = compute_refine.started()
    if moving and not any(job.unfinished for job in found):
        st.rerun()
    if not found:
        st.caption("Nothing was refined yet.")
    for job in found:
        with st.container(border=True, key=f"refinement-{job.digest}"):
            _card(job)


def _card(job: Job) -> None:
    st.markdown(f"**{text(job.order.title)}** · {text(job.status)}")
    if job.unfinished:
        st.progress(job.progress, text=text(job.said))
        st.button("Cancel", key=f"refine-cancel-{job.digest}", on_click=jobs.cancel, args=(job.digest,))
        return
    if job.error:
        problem(job.error)
    try:
        found = compute_refine.made(job)
    except UserError as error:
        problem(str(error))
        return
    if found is None:
        st.caption(text(job.said))
        return
    compute_refine.keep(found)
    _result(job, found)


def _result(job: Job, found: Refinement) -> None:
    """What was gained, what was forgotten, and what the gate says."""
    say = st.success if found.verdict.accepted else st.warning
    say(
        "The gate accepts it: better on the new rows beyond noise, not worse on the old."
        if found.verdict.accepted
        else "The gate does not accept it.",
        icon=":material/check:" if found.verdict.accepted else ":material/info:",
    )
    st.markdown("\n".join(f"- {text(words, 600)}" for words in found.verdict.words))
    numbers_table(compute_refine.changes_table(found), _CUT, key=f"refine-changes-{job.digest}")
    st.caption(_R)
    if found.metrics["anchors"]:
        formats = dict.fromkeys(("before", "after", "naive"), "%.2f") | {"change": "%+.2f"}
        numbers_table(compute_refine.anchors_table(found), formats, key=f"refine-anchors-{job.digest}")
    tried = ", ".join(f"{refine.strength(one)}: {one['early']:.3f}" for one in found.metrics["searched"])
    st.caption(
        text(
            f"{found.parent} refined by {found.strategy}; searched on early-stopping rows (r): {tried}. Seed {found.seed}, code "
            f"{found.code_version}. The new model is {found.child}.",
            1_000,
        )
    )
    with st.container(horizontal=True):
        view = compute_refine.then_and_now(state.looked_at(), found)
        st.page_link(
            navigation.home(),
            label="Then and now on the locus looked at",
            icon=":material/compare:",
            query_params=view.to_query(),
        )
        st.download_button(
            "Record (JSON)",
            compute_refine.record_json(found),
            file_name=f"{found.child}.refinement.json",
            mime="application/json",
            key=f"refine-record-{job.digest}",
        )
    project_picker.keep(f"refine-{job.digest}", lambda project: compute_project.keep_refinement(project, found))
