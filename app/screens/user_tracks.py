"""Tracks that the model did not make: the sandbox's planted truth, and the visitor's own BED or bigWig."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.answer import Answer
from app.figures import tracks
from app.view import View
from app.widgets import problem, text
from genome import catalog
from genome.errors import UserError
from genome.intervals import Features, Intervals, parse_intervals
from genome.sandbox import sites

_UPLOADS, _LAST = "uploaded_tracks", "last_upload"
MAX_UPLOADS = 5


def show(found: Answer) -> None:
    """Draws the upload, and what was uploaded so far."""
    st.caption(
        "Your own measured regions or signal beside the prediction: BED, narrowPeak, bedGraph or bigWig, up to 50 MB, in "
        f"coordinates of {text(found.view.genome)}. Files stay in this session and are not part of the link."
    )
    upload = st.file_uploader("BED, bedGraph, narrowPeak or bigWig", key="track-file", label_visibility="collapsed")
    kept: dict[str, Intervals] = st.session_state.setdefault(_UPLOADS, {})
    if upload is not None and st.session_state.get(_LAST) != upload.file_id:
        try:
            read = parse_intervals(upload.name, upload.getvalue())
        except UserError as error:
            problem(str(error))
        else:
            st.session_state[_LAST] = upload.file_id
            kept[read.name] = read
            while len(kept) > MAX_UPLOADS:
                kept.pop(next(iter(kept)))
            st.rerun()
    for name in list(kept):
        row = st.columns([0.85, 0.15], vertical_alignment="center")
        row[0].markdown(text(name))
        row[1].button("Remove", key=f"remove-{name}", type="tertiary", on_click=kept.pop, args=(name,))


def uploaded(view: View) -> list[dict[str, Any]]:
    """The visitor's tracks as far as they lie in the locus."""
    kept: dict[str, Intervals] = st.session_state.get(_UPLOADS, {})
    return [
        _row(f"upload-{number}", name, track.inside(view.locus)) for number, (name, track) in enumerate(kept.items())
    ]


def truth(view: View) -> list[dict[str, Any]]:
    """What was planted in the sandbox, for checking a method against its known answer."""
    known = {entry.name: entry for entry in catalog.genomes()}
    if view.genome not in known or not known[view.genome].synthetic:
        return []
    locus = view.locus
    planted = [
        {
            "start": site.locus.start,
            "end": site.locus.end,
            "name": site.key,
            "strand": site.strand,
            "details": {"Role": site.role, "Strength": f"{site.strength:.2f}", "Matrix": site.matrix_id},
        }
        for site in sites()
        if site.locus.chrom == locus.chrom and site.locus.start < locus.end and site.locus.end > locus.start
    ]
    return [tracks.intervals("planted", "Planted", "sites put into this DNA", planted, color="#64748b")]


def _row(identifier: str, name: str, found: Features) -> dict[str, Any]:
    if found.is_signal:
        values = found.values.tolist()
        return tracks.signal(identifier, name, "your file", found.starts.tolist(), found.ends.tolist(), values)
    items = [{"start": f.start, "end": f.end, "name": f.name, "strand": f.strand} for f in found.items]
    return tracks.intervals(identifier, name, "your file", items)
