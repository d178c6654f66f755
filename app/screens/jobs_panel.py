"""On the Locus screen: what is too long to wait for, offered as a job, with what it will take."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_jobs
from app.answer import Answer
from app.compute import Asker
from app.compute_jobs import Asked, JobKind
from app.limits import has_letters
from app.screens import navigation
from app.widgets import problem, progress_in, text
from experiment import jobs
from genome.errors import UserError


def show(found: Answer, asker: Asker) -> None:
    """Offers contributions and mutagenesis as jobs where the locus has no letters; draws nothing elsewhere."""
    if has_letters(found.spec, found.view.locus):
        return
    if jobs.trouble():
        st.caption(text(jobs.trouble()))
        return
    for kind, label in (
        ("letters", f"Compute letters for all {found.view.locus.length:,} bp as a job"),
        ("mutagenesis", f"Try every substitution in all {found.view.locus.length:,} bp as a job"),
    ):
        try:
            _offer(compute_jobs.asked(found.view, kind, asker), kind, label, asker)  # type: ignore[arg-type]
        except UserError as error:
            problem(str(error))


def _offer(asked: Asked, kind: JobKind, label: str, asker: Asker) -> None:
    known = compute_jobs.found(asked, asker)
    slot = st.container(horizontal=True, vertical_alignment="center", key=f"job-offer-{kind}")
    with slot:
        if known is not None and (known.unfinished or known.status == "done"):
            st.caption(text(f"{known.order.title}: {known.said}"))
            st.page_link(navigation.jobs_page(), label="Open jobs", icon=":material/schedule:")
            return
        pressed = st.button(label, key=f"start-{kind}")
        place = st.empty()
        cost = compute_jobs.cost(asked, asker, wait=False)
        if cost is None:
            place.caption("How long it takes is measured first; that takes one pass.")
            if pressed:  # the first press measures and says, the second starts
                bar = replace(asker, progress=progress_in(place, "Measuring one pass"))
                cost = compute_jobs.cost(asked, bar, wait=True)
                pressed = False
        if cost is not None:
            place.caption(text(compute_jobs.expected(asked, cost, asker), 400))
    if pressed:
        compute_jobs.start(asked, asker)
        st.rerun()
