"""On the What if screen: a question that takes long, offered as a job."""

from __future__ import annotations

import streamlit as st

from app import compute_question
from app.compute import Asker
from app.question import Question
from app.screens import navigation
from app.view import View
from app.widgets import problem, text
from experiment import jobs
from genome.errors import UserError


def offer(view: View, asked: Question, asker: Asker) -> None:
    """A button that starts the job, or where the job stands that was started on the same question."""
    if jobs.trouble():
        st.caption(text(jobs.trouble()))
        return
    try:
        known = compute_question.found_job(view, asked, asker)
        if known is None or not (known.unfinished or known.status == "done"):
            if not st.button("Ask as a job", key="whatif-as-job"):
                return
            known = compute_question.start(view, asked, asker)
    except UserError as error:
        problem(str(error))
        return
    st.caption(text(f"As a job: {known.said}"))
    st.page_link(navigation.jobs_page(), label="Open jobs", icon=":material/schedule:")
