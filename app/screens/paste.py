"""A larger box for sequences: FASTA with several lines or records, and files."""

from __future__ import annotations

import streamlit as st

from app.screens import state
from app.view import PASTED, View
from app.widgets import problem
from genome.errors import UserError

MAX_UPLOAD_MB = 5


def show(view: View) -> None:
    """Draws the menu, and a picker where several records were pasted."""
    with st.popover("Paste or upload a sequence", type="tertiary"):
        pasted = st.text_area("Sequence or FASTA", key="pasted", height=160, placeholder=">my enhancer\nACGT…")
        upload = st.file_uploader("or a FASTA file", key="fasta", max_upload_size=MAX_UPLOAD_MB)
        if st.button("Look at it", type="primary", key="look-pasted"):
            try:
                content = upload.getvalue().decode("utf-8") if upload is not None else pasted
                state.find(content if content.lstrip().startswith(">") else f">pasted\n{content}", view)
            except UnicodeDecodeError:
                problem("This file is not text; upload DNA letters as FASTA.")
            except UserError as error:
                problem(str(error))
            else:
                st.rerun()
    records = state.records()
    if view.genome == PASTED and len(records) > 1:
        _pick(records, view)


def _pick(records: list[tuple[str, str]], view: View) -> None:
    """Lets one choose among the pasted records; the address decides which is shown."""
    names = [name for name, _ in records]
    st.session_state["record"] = view.locus.chrom if view.locus.chrom in names else names[0]
    st.selectbox(
        "Record",
        names,
        key="record",
        label_visibility="collapsed",
        width=260,
        on_change=lambda: state.open_record(records[names.index(st.session_state["record"])], view),
    )
