"""The Models screen: which model answers for my assay and cell type, how good it is, and what it does not know."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import models_table
from app.compute import SIMPLE
from app.models_table import Found, Row, Scores
from app.screens import navigation, state
from app.view import View
from app.widgets import text
from models import registry
from models.core import ModelSpec, Track

MAX_TRACKS = 12
_PLACEHOLDER = "cell type, assay, factor … e.g. K562 reporter"
_FAITHFULNESS = (
    "Bases are replaced by those of dinucleotide-preserving shuffles, strongest first (deletion), or put into the shuffles "
    "(insertion); 1 is the prediction of the window, 0 that of its shuffles. A method is of use when it beats the random "
    "order. Average precision: how well the size of the contributions tells bases of planted sites from others, in the "
    "sandbox, where the truth is known. Methods share the windows, so small differences mean more than their intervals say."
)
_SATURATION = (
    "Predicted against measured effects of every substitution and deletion of one base in six reporter elements (Kircher et al. "
    "2019), each in five windows inside the element, by the head of the nearest cells; intervals over resampled positions. "
    "Two experiments on the same element agree no better than the last column says."
)
_WIDTHS = [0.27, 0.2, 0.24, 0.16, 0.13]


def show() -> None:
    """Draws the search and one card per model; folders are read again each time, so a new model is simply there."""
    specs = _ordered(registry.specs())
    st.html('<div class="cl-brand">Models</div><div class="cl-sub">which model for my cell type and assay?</div>')
    typed = st.text_input("Find a track", key="find-track", placeholder=_PLACEHOLDER, label_visibility="collapsed")
    found = models_table.search(str(typed or ""), specs)
    if found.sentence:
        st.markdown(text(found.sentence, 1000))
    for fault in registry.problems():
        st.warning(f"A model is left out: {text(fault)}", icon=":material/info:")
    if not specs:
        st.caption("There is no model here yet; add one with `cislens models add FOLDER`.")
    for spec in _fitting(specs, found):
        _card(spec, found)


def _ordered(specs: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Each model once, the simple ones that the others are compared with last."""
    once = {spec.model_id: spec for spec in specs}
    return tuple(sorted(once.values(), key=lambda spec: spec.name.startswith(SIMPLE)))


def _fitting(specs: tuple[ModelSpec, ...], found: Found) -> tuple[ModelSpec, ...]:
    """The models of the tracks found, or those that come near."""
    wanted = {row.spec.model_id for row in found.rows or found.nearest}
    return tuple(spec for spec in specs if spec.model_id in wanted) or (() if found.rows else specs)


def _card(spec: ModelSpec, found: Found) -> None:
    with st.container(border=True, key=f"model-{spec.model_id}"):
        title, name = st.columns([0.68, 0.32], vertical_alignment="center")
        title.markdown(f"##### {text(spec.title)}")
        title.html(_facts(spec))
        name.code(spec.model_id, language=None)
        _tracks(spec, found)
        _scores(models_table.scores(spec), "Held-out scores ({} comparisons, 95 % intervals)")
        _scores(
            models_table.scores(spec, models_table.FAITHFULNESS),
            "Which method finds the bases that matter ({} comparisons, 95 % intervals)",
            _FAITHFULNESS,
        )
        _scores(
            models_table.scores(spec, models_table.SATURATION),
            "Measured effects of changes: saturation mutagenesis ({} comparisons, 95 % intervals)",
            _SATURATION,
        )
        if spec.origin:
            st.caption(f"Learned from: {text(spec.origin, 600)}")
        _card_text(spec)
        _versions(spec)


def _facts(spec: ModelSpec) -> str:
    """What is known at a glance, as HTML; every word is escaped."""
    import html

    parts = [
        f"<span><i>{html.escape(name)}</i> {html.escape(value)}</span>" for name, value in models_table.facts(spec)
    ]
    return f'<div class="cl-facts">{"".join(parts)}</div>'


def _tracks(spec: ModelSpec, found: Found) -> None:
    """What it predicts, the tracks that were searched for first, each with a link to look at it."""
    wanted = {row.track.name for row in found.rows or found.nearest if row.spec.model_id == spec.model_id}
    ordered = sorted(spec.tracks, key=lambda track: track.name not in wanted)
    with st.container(gap="xxsmall", key=f"tracks-{spec.model_id}"):
        for column, name in zip(
            st.columns(_WIDTHS), ("Track", "Assay", "Cell type or tissue", "Unit", ""), strict=True
        ):
            column.caption(name)
        for track in ordered[:MAX_TRACKS]:
            _track(Row(spec, track))
    if len(ordered) > MAX_TRACKS:
        st.caption(f"{len(ordered) - MAX_TRACKS:,} more tracks: search above for an assay or a cell type.")


def _track(row: Row) -> None:
    name, assay, biosample, unit, link = st.columns(_WIDTHS, vertical_alignment="center")
    track = row.track
    name.markdown(f"**{text(track.name)}**{_strand(track)}")
    assay.markdown(text(track.assay))
    biosample.markdown(text(track.biosample))
    unit.markdown(text(track.unit))
    link.page_link(
        navigation.home(),
        label="Open on a locus",
        icon=":material/arrow_forward:",
        query_params=opened(state.looked_at(), row.spec, track).to_query(),
    )


def _strand(track: Track) -> str:
    return "" if track.strand == "." else f" ({'forward' if track.strand == '+' else 'reverse'} strand)"


def opened(view: View, spec: ModelSpec, track: Track) -> View:
    """The place that was looked at last, seen by a model's track."""
    return replace(view, model=spec.model_id, track=track.name, reduce=track.reductions[0], beside=None)


def _scores(table: Scores, title: str, meaning: str = "") -> None:
    if table.problem:
        st.caption(text(table.problem))
    if not table.lines:
        return
    with st.expander(title.format(len(table.lines))):
        head = [" | ".join(text(name) for name in table.header), " | ".join("---" for _ in table.header)]
        lines = [" | ".join(text(cell) or "—" for cell in line) for line in table.lines]
        st.markdown("\n".join(f"| {line} |" for line in (*head, *lines)))
        for words in filter(None, (table.ceiling, meaning, table.note)):
            st.caption(text(words, 1000))


def _card_text(spec: ModelSpec) -> None:
    """The model card, section by section: data, scores, calibration and what the model is known to get wrong."""
    sections = models_table.card_sections(spec.card)
    if not sections:
        st.caption("This model has no card: what it was trained on and where it fails is not known here.")
        return
    with st.expander("Model card: data, scores, calibration, limits"):
        for panel, (_, body) in zip(st.tabs([text(name, 40) for name, _ in sections]), sections, strict=True):
            panel.markdown(body)


def _versions(spec: ModelSpec) -> None:
    older = registry.archived(spec.name)
    if older:
        names = ", ".join(text(version.model_id) for version in older)
        st.caption(f"Older and refined versions, which links made with them still open: {names}.")
