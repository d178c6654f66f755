"""Which known motifs the letters resemble: each database logo beside the contribution peak it matches."""

from __future__ import annotations

import streamlit as st

from app.answer import Answer
from app.figures import logos, tracks
from app.widgets import text
from interpret import motifs
from interpret.motifs import MotifCall
from interpret.wording import signed

MAX_SHOWN = 12


def show(found: Answer) -> None:
    """Draws one row per stretch of contributions that stands out, strongest first."""
    if found.attribution is None:
        st.caption("Motifs are named where letters are shown: zoom in.")
        return
    if not found.calls:
        st.caption("No stretch of contributions stands out from the rest of this sequence.")
        return
    st.caption(text(motifs.NOTE, 600))
    for call in found.calls[:MAX_SHOWN]:
        _row(found, call)
    if len(found.calls) > MAX_SHOWN:
        st.caption(f"{len(found.calls) - MAX_SHOWN} weaker stretches are drawn in the browser above.")


def _row(found: Answer, call: MotifCall) -> None:
    attribution = found.attribution
    if attribution is None:
        raise ValueError("a motif row needs contributions")
    start, end = tracks.genome_stretch(attribution, call.start, call.end)
    words, picture = st.columns([0.36, 0.64], vertical_alignment="center")
    with words:
        direction = "raise" if call.contribution > 0 else "lower"
        st.markdown(
            f"**{text(call.label or 'No name')}**  \n{start + 1:,}–{end:,}: these bases {direction} the prediction by "
            f"{signed(abs(call.contribution))}"
        )
        if call.named and call.motif is not None:
            st.caption(
                f"{text(call.motif.name)} ({text(call.motif.matrix_id)}), strand {call.strand}, q = {call.q_value:.1e}. "
                f"Family: {text(', '.join(call.families))}."
            )
            if call.ties:
                names = ", ".join(text(tie.name) for tie in call.ties[:8])
                more = f" and {len(call.ties) - 8} more" if len(call.ties) > 8 else ""
                st.caption(f"Fits about as well: {names}{more}.")
        else:
            st.caption(text(call.reason[:1].upper() + call.reason[1:].rstrip(".") + "."))
    with picture:
        part = attribution.sequence.part(*attribution.whole)
        values = attribution.values[slice(*attribution.whole)]
        svg = logos.match_svg(call, part, values, palette=st.session_state["palette"])
        st.image(svg)
