"""Every method of attribution on the same locus: their letters under each other, and how far they agree."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_mutagenesis
from app.answer import Answer
from app.compute import Asker
from app.compute_mutagenesis import Row
from app.figures import methods as methods_figure
from app.screens import mutagenesis, state
from app.widgets import progress_in, text
from interpret.methods import METHODS, in_words
from interpret.wording import signed


def show(found: Answer, asker: Asker) -> None:
    """Draws the letters of every method, then a line on each: agreement, or why it refuses, and a button to use it."""
    if found.attribution is None:
        st.caption("Methods are compared where letters are shown: zoom in.")
        return
    slot = st.empty()
    waiting = replace(asker, progress=progress_in(slot, "Explaining by every method"))
    rows = compute_mutagenesis.side_by_side(found.view, waiting, patient=mutagenesis.patient(found.view))
    slot.empty()
    st.caption(
        "One attribution is one opinion. Each method answers another question in its own size, so each row has its own "
        "axis: compare which bases stand out, not how high they are."
    )
    drawn = [(row.attribution, "used on this page" if row.shown else _agreement(row)) for row in rows]
    st.plotly_chart(
        methods_figure.figure(
            [(one, more) for one, more in drawn if one is not None],
            found.view.locus,
            st.session_state["palette"],
        ),
        key="methods-figure",
    )
    for row in rows:
        _line(row, found)


def _line(row: Row, found: Answer) -> None:
    """One method in words."""
    method = METHODS[row.view.method]
    words, button = st.columns([0.8, 0.2], vertical_alignment="center")
    with words:
        name = in_words(row.attribution) if row.attribution is not None else method.words
        said = "used on this page" if row.shown else _refusal(row) or _agreement(row)
        st.markdown(f"**{text(name[:1].upper() + name[1:])}** · {text(said, 400)}")
        note = row.attribution.note if row.attribution is not None else ""
        st.caption(text(f"{method.question} {note}".strip(), 500))
    if not row.shown and row.attribution is not None:
        button.button(
            "Explain with this",
            key=f"explain-with-{row.view.method}",
            width="stretch",
            on_click=state.go,
            args=(replace(row.view, panel=found.view.panel),),
        )


def _refusal(row: Row) -> str:
    """Why a method gave nothing, and where it can be had if it only takes time."""
    if row.view.method == compute_mutagenesis.MUTAGENESIS and row.refusal:
        return f"{row.refusal} See the panel Mutagenesis"
    return row.refusal.rstrip(".")


def _agreement(row: Row) -> str:
    """How far a method ranks the bases as the one of the page does."""
    if row.agreement is None:
        return "its contributions never change here, so their order cannot be compared"
    return f"Spearman {signed(row.agreement, 2)} with the method used on this page"
