"""The screen for a set of sequences: are they like what the model was trained on, which are not, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from app import compute_set
from app.compute_set import SetReport
from app.figures import shift as figures
from app.screens import state
from app.set_rows import MAX_REMOTE_ROWS, MAX_ROWS, read_text
from app.view import PASTED
from app.widgets import problem, progress_in, text
from genome import catalog
from genome.errors import UserError
from models import registry
from models.core import ModelSpec
from models.shift import MEASURES, Reference

_REPORT = "sequence_set_report"
_UPLOAD_MB = 20
_SHOWN_PROBLEMS = 20
_TITLES = {
    "gc": "GC",
    "surprise": "words, bits per base",
    "repetitiveness": "repeats",
    "distance": "distance in the network",
}


def show() -> None:
    """Draws the form, and what was found of the last set."""
    st.html(
        '<div class="cl-brand">A set of sequences</div>'
        '<div class="cl-sub">is it like what the model was trained on, and where not, why?</div>'
    )
    spec, genome = _pickers()
    with st.form("sequence-set", border=False):
        pasted = st.text_area("Sequences", height=140, placeholder=">enhancer 1\nACGT…", key="set-pasted")
        upload = st.file_uploader(
            "or a file: FASTA, a table with columns name, sequence and perhaps measured, BED or narrowPeak",
            key="set-file",
            max_upload_size=_UPLOAD_MB,
        )
        biosample = st.text_input("Cell type or tissue you ask about (optional)", key="set-biosample", max_chars=80)
        st.caption(
            f"Up to {MAX_ROWS:,} sequences, or {MAX_REMOTE_ROWS} intervals of a genome that is read from a server. "
            "They stay in this session."
        )
        pressed = st.form_submit_button("Compare with the training data", type="primary")
    if pressed:
        _compare(spec, genome, pasted, upload, biosample)
    found: SetReport | None = st.session_state.get(_REPORT)
    if found is not None:
        _found(found)


def _pickers() -> tuple[ModelSpec, str]:
    """Which model judges, and which genome intervals belong to."""
    model, genome = st.columns(2)
    specs = registry.specs()
    names = [spec.model_id for spec in specs]
    first = state.looked_at().model
    at = names.index(first) if first in names else 0
    titles = {spec.model_id: spec.title for spec in specs}
    chosen = model.selectbox("Model", names, index=at, format_func=titles.__getitem__, key="set-model")
    entries = [entry for entry in catalog.genomes() if entry.is_local or state.remote_allowed()]
    places = {entry.name: entry.title for entry in entries} | {PASTED: "none: sequences only"}
    picked = genome.selectbox(
        "Genome of intervals (BED, narrowPeak)", list(places), format_func=places.__getitem__, key="set-genome"
    )
    return registry.spec(str(chosen)), str(picked)


def _compare(spec: ModelSpec, genome: str, pasted: str, upload: object, biosample: str) -> None:
    slot = st.empty()
    asker = replace(state.asker(), progress=progress_in(slot, "Reading and predicting"))
    st.session_state.pop(_REPORT, None)
    try:
        name, content = _content(pasted, upload)
        found, where = compute_set.read_set(name, content, genome, spec, asker)
        st.session_state[_REPORT] = compute_set.report(spec, found, where, asker, biosample=biosample)
    except UserError as error:
        problem(str(error))
    finally:
        slot.empty()


def _content(pasted: str, upload: object) -> tuple[str, str]:
    """Name and text of what was given; a file counts before the box."""
    data = getattr(upload, "getvalue", None)
    if data is None:
        return "", read_text(pasted.encode())
    return str(getattr(upload, "name", "")), read_text(data())


def _found(found: SetReport) -> None:
    tracks = [track.name for track in found.spec.tracks]
    track = str(st.selectbox("Track", tracks, key=f"set-track-{found.spec.model_id}")) if len(tracks) > 1 else tracks[0]
    st.caption(f"{len(found.rows):,} sequences, {text(found.spec.model_id)}. {_source(found.reference)}")
    for sentence in found.scope:
        st.warning(text(f"Not what the model was trained for: {sentence}.", 600), icon=":material/info:")
    for name, sentence in compute_set.findings(found, track):
        st.markdown(f"**{text(name)}.** {text(sentence, 800)}")
    _problems(found)
    st.plotly_chart(figures.figure(_panels(found, track)), key="set-figure")
    columns = compute_set.table(found, track, state.locus_address())
    st.dataframe(
        columns,
        hide_index=True,
        column_config={"look": st.column_config.LinkColumn("look", display_text="open")},
        key="set-table",
    )
    st.download_button(
        "Download the table (CSV)",
        compute_set.as_csv(columns, found.spec),
        file_name=f"{found.spec.name}-sequence-set.csv",
        mime="text/csv",
        on_click="ignore",
    )


def _source(reference: Reference | None) -> str:
    if reference is None:
        return "What this model was trained on is not known here; only predictions are shown."
    trained = f" {reference.organism.capitalize()} DNA." if reference.organism else ""
    return text(
        f"Compared with {reference.n_training:,} training sequences, thresholds from {reference.n_calibration:,} others of "
        f"the same source.{trained} {reference.rows}",
        800,
    )


def _problems(found: SetReport) -> None:
    """Every row that was left out, by name; the first of many on the page, all in a box that scrolls."""
    if not found.problems:
        return
    box = st.expander(f"{len(found.problems):,} rows were left out", expanded=len(found.problems) <= _SHOWN_PROBLEMS)
    with box, st.container(height=200, border=False):
        st.markdown("\n".join(f"- {text(sentence)}" for sentence in found.problems))


def _panels(found: SetReport, track: str) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """The set and the training-like sequences, measure by measure."""
    index, reference = found.spec.track_index(track), found.reference
    panels: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        _TITLES[name]: (found.measures[:, column], reference.measured(name) if reference else None)
        for column, name in enumerate(MEASURES)
    }
    unit = found.spec.tracks[index].unit
    panels[f"predicted, {unit}"] = (found.answers[:, index], reference.answers[index] if reference else None)
    return panels
