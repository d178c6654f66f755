"""Which known motifs the letters resemble, each beside the contribution peak it matches; and what letters alone match."""

from __future__ import annotations

import streamlit as st

from app import compute_motifs
from app.answer import Answer
from app.figures import logos, tracks
from app.screens import state
from app.widgets import text
from genome.errors import UserError
from interpret import matches, motifs
from interpret.motifs import MotifCall
from interpret.wording import signed

MAX_SHOWN = 12
MATCHES = "motif-matches-drawn"  # whether the browser draws them, in this session


def show(found: Answer) -> None:
    """Draws one row per stretch of contributions that stands out, strongest first; then what letters alone match."""
    _peaks(found)
    st.divider()
    _matches(found)


def match_rows(found: Answer) -> list[tracks.Track]:
    """The browser's track of motif matches, or none where it is switched off or the locus is too long for it."""
    if not st.session_state.get(MATCHES, True) or found.view.locus.length > compute_motifs.MAX_SCANNED:
        return []
    return [tracks.motif_matches(compute_motifs.motif_matches(found.view, state.asker()), found.sequence)]


def _matches(found: Answer) -> None:
    """The matches of letters alone, as a table with what the model makes of each."""
    st.markdown("**Motif matches, letters alone**")
    drawn = st.toggle("Draw them in the browser", value=st.session_state.get(MATCHES, True))
    if drawn != st.session_state.get(MATCHES, True):
        st.session_state[MATCHES] = drawn
        st.rerun()
    try:
        listed = compute_motifs.motif_matches(found.view, state.asker())
    except UserError as error:
        st.caption(text(str(error)))
        return
    st.caption(text(matches.NOTE, 600))
    if listed.places:
        st.dataframe(tracks.match_table(listed, found.sequence), hide_index=True, width="stretch")
    else:
        st.caption("No match stands out from chance.")
    if listed.more:
        st.caption(
            f"{listed.more:,} further places match some motif at p < 0.0001, which chance alone can do; they are not listed."
        )


def _peaks(found: Answer) -> None:
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
