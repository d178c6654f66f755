"""The Jobs screen: what takes longer than anyone waits, how far it is, and what it has found so far."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app import compute_jobs, compute_question
from app.screens import atlas_form, job_results, navigation, variant_uploads
from app.widgets import problem, text
from experiment import jobs, long_variants
from experiment.job_status import Job
from genome.errors import UserError

_EVERY_SECONDS = 1.0
_WORDS = {"queued": "waits", "running": "runs", "done": "done", "failed": "failed", "cancelled": "stopped"}
_MOST_JOBS = 50


def show() -> None:
    """Draws the jobs of this server, again every second as long as one of them runs or waits."""
    st.html('<div class="cl-brand">Jobs</div><div class="cl-sub">what takes longer than anyone waits</div>')
    if jobs.trouble():
        problem(jobs.trouble())
    if jobs.notice():
        st.caption(text(jobs.notice()))
    atlas_form.show()
    try:
        moving = any(job.unfinished for job in jobs.jobs())
    except UserError as error:
        problem(str(error))
        return
    if moving:
        st.fragment(_list, run_every=_EVERY_SECONDS)(moving=True)
    else:
        _list(moving=False)


def _list(*, moving: bool) -> None:
    try:
        found = jobs.jobs()
    except UserError as error:
        problem(str(error))
        return
    if moving and not any(job.unfinished for job in found):
        st.rerun()  # nothing moves any more, so nothing is asked again
    if not found:
        st.caption(
            "There are no jobs. On a locus too long for letters, the Locus page offers to compute them as a job."
        )
    for job in found[:_MOST_JOBS]:
        _card(job)
    if len(found) > _MOST_JOBS:
        st.caption(f"{len(found) - _MOST_JOBS:,} older jobs are not listed.")


def _card(job: Job) -> None:
    with st.container(border=True, key=f"job-{job.digest}"):
        title, buttons = st.columns([0.7, 0.3], vertical_alignment="center")
        title.markdown(f"**{text(job.order.title)}** · {_WORDS[job.status]}")
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            _buttons(job)
        if job.unfinished:
            st.progress(job.progress, text=text(job.said))
        elif job.status != "done":
            st.caption(text(job.said))
        if job.error:
            problem(job.error)
        began = datetime.fromtimestamp(job.order.created).astimezone()
        st.caption(text(f"Asked for on {began:%d %B %Y, %H:%M}. {job.order.said}", 600))
        _values(job)


def _buttons(job: Job) -> None:
    try:
        view = compute_jobs.view_of(job)
    except UserError:
        view = None
    if view is not None:
        page, label, query = navigation.home(), "Locus", view.to_query()
        if job.order.kind == compute_question.JOB_KIND:
            view, asked = compute_question.question_of(job)
            page, label, query = navigation.what_if_page(), "What if", view.to_query() | asked.to_query()
        st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=query)
    if not variant_uploads.may_change(job):
        st.caption("Belongs to who gave its file.")
        return
    if job.order.kind == long_variants.KIND_NAME:
        st.page_link(navigation.variants_page(), label="Variants", icon=":material/arrow_forward:")
    if job.unfinished:
        st.button("Cancel", key=f"cancel-{job.digest}", on_click=_told(jobs.cancel), args=(job.digest,))
    else:
        st.button("Remove", key=f"remove-{job.digest}", on_click=_told(jobs.remove), args=(job.digest,))


def _told(act):  # type: ignore[no-untyped-def]
    """A button's action, whose refusal is said on the page."""

    def call(digest: str) -> None:
        try:
            act(digest)
        except UserError as error:
            st.toast(text(error), icon=":material/info:")

    return call


def _values(job: Job) -> None:
    """What is computed so far, drawn when somebody wants to see it."""
    if not job_results.can_be_drawn(job):
        return
    label = "Draw it" if job.result else "Draw what is computed so far"
    if not st.toggle(label, key=f"draw-{job.digest}"):
        return
    try:
        job_results.show(job)
    except UserError as error:
        problem(str(error))
