"""On the Jobs screen: places in, and an atlas of the patterns that the model reads there is begun."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_atlas
from app.screens import state
from app.view import View
from app.widgets import problem, progress_in, text
from genome.errors import UserError
from interpret.atlas import FEWEST_PLACES, MOST_PLACES


def show() -> None:
    """Draws the form, closed; where no atlas can be made, the reason."""
    with st.expander("Atlas of patterns: what the model reads again and again over many places"):
        view = state.looked_at()
        reason = compute_atlas.refusal(view)
        if reason:
            st.caption(text(reason))
            return
        st.caption(
            text(
                f"TF-MoDISco over {FEWEST_PLACES} to {MOST_PLACES:,} places of {view.genome}, with the contributions to {view.track} "
                f"of {view.model}: the model and track of the Locus page.",
                600,
            )
        )
        _form(view)


def _form(view: View) -> None:
    pasted = st.text_area(
        "Places, as BED (chromosome, start from 0, end)",
        key="atlas-pasted",
        height=120,
        max_chars=compute_atlas.MAX_TEXT,
        placeholder="chr22\t19710700\t19711200",
    )
    upload = st.file_uploader("or a BED or narrowPeak file", key="atlas-file", max_upload_size=1)
    slot = st.empty()
    with st.container(horizontal=True):
        if st.button("Make the atlas", type="primary", key="atlas-start"):
            name, data = (upload.name, upload.getvalue()) if upload is not None else ("the list", pasted.encode())
            _begin(view, lambda: compute_atlas.read_places(name, data), slot)
        if compute_atlas.is_sandbox(view) and st.button("Take the sandbox's planted elements", key="atlas-planted"):
            _begin(view, compute_atlas.planted, slot)


def _begin(view: View, places, slot) -> None:  # type: ignore[no-untyped-def]
    try:
        asker = replace(state.asker(), progress=progress_in(slot, "Measuring one pass"))
        compute_atlas.start(view, places(), asker)
    except UserError as error:
        problem(str(error))
    else:
        st.rerun()
