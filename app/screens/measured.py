"""A person's own table of measured effects beside the predicted ones; it stays in the session, never in the link."""

from __future__ import annotations

import streamlit as st

from app.answer import Answer
from app.figures import measured as measured_figure
from app.figures.heatmap import Map
from app.widgets import problem, text
from genome import catalog
from genome.errors import UserError
from interpret.measured import FEWEST_BARCODES, MeasuredTable, parse_measured
from interpret.measured_beside import FEWEST_PAIRS, Comparison, compare, elements_in
from interpret.substitutions import Substitutions
from interpret.wording import signed

_TABLE, _LAST = "measured_table", "last_measured_file"
_LOG2 = "log2 fold change"
_OWN = "in the table's unit"


def menu(found: Answer) -> None:
    """A menu that takes a table of measured effects, chooses its element, and lets it go."""
    with st.popover("Add measured effects", key="measured-menu"):
        st.caption(
            "A table of measured effects of substitutions, such as saturation mutagenesis: columns for chromosome, position "
            f"(counted from 1), ref, alt and value; barcodes, element and release are read too. Up to 20 MB, in coordinates "
            f"of {text(found.view.genome)}. It stays in this session and is not part of the link."
        )
        upload = st.file_uploader("Measured effects, TSV or CSV", key="measured-file", label_visibility="collapsed")
        if upload is not None and st.session_state.get(_LAST) != upload.file_id:
            try:
                st.session_state[_TABLE] = parse_measured(upload.name, upload.getvalue())
            except UserError as error:
                problem(str(error))
            else:
                st.session_state[_LAST] = upload.file_id
                st.rerun()
        table = _table()
        if table is None:
            return
        st.markdown(f"**{text(table.name)}** · {len(table.rows):,} measured changes")
        for fault in table.faults:
            st.caption(text(fault))
        known = elements_in(table, found.view.locus, _build(found))
        if len(known) > 1:
            st.selectbox("Element", known, key="measured-element", format_func=lambda name: name or "without a name")
        st.button("Remove", key="remove-measured", type="tertiary", on_click=lambda: st.session_state.pop(_TABLE, None))


def chosen(found: Answer, effects: Substitutions) -> Comparison | None:
    """The table of this session beside a map of predicted effects; None without one."""
    table = _table()
    if table is None:
        return None
    element = st.session_state.get("measured-element")
    return compare(table, effects, found.view.locus, _build(found), element=element)


def as_map(shown: Comparison) -> Map | None:
    """The second map; None where nothing of the table lies here."""
    if not shown.names:
        return None
    return Map(f"Measured{_where(shown)}, alt − ref", unit(shown), shown.sequence, shown.effects, what="measured")


def unit(shown: Comparison) -> str:
    """What measured effects are counted in: known of published tables only."""
    return _LOG2 if shown.source is not None else _OWN


def show(found: Answer, effects: Substitutions, shown: Comparison) -> None:
    """Draws what was measured against what is predicted, what to make of it, and what was left out."""
    if not shown.names:
        st.caption(f"Nothing in {text(_name())} was measured here. {_left_out(shown)}")
        return
    words, picture = st.columns([0.42, 0.58], vertical_alignment="center")
    with words:
        st.markdown(f"**Measured and predicted: {len(shown.names):,} substitutions**")
        if shown.spearman is None or shown.pearson is None:
            st.markdown(f"Too few for a correlation, or one of the two never changes; it needs {FEWEST_PAIRS}.")
        else:
            st.markdown(
                f"Spearman {text(signed(shown.spearman, 2))} · Pearson {text(signed(shown.pearson, 2))} · n = {len(shown.names):,}"
            )
        st.caption(text(_sentence(found, effects, shown), 600))
        st.caption(f"At least {FEWEST_BARCODES} barcodes where the table counts them. {_left_out(shown)}")
    with picture:
        st.plotly_chart(measured_figure.scatter(shown, effects.unit, unit(shown)), key="measured-scatter")


def _sentence(found: Answer, effects: Substitutions, shown: Comparison) -> str:
    """What the two numbers are, so that nobody compares their sizes."""
    track = found.spec.tracks[found.spec.track_index(found.view.track)]
    measured = (
        f"Measured in {shown.source.cells} by reporter" if shown.source is not None else "Measured as your table says"
    )
    of = f" of {track.biosample}" if _is_news(track.biosample, track.name) else ""
    return f"{measured}; the model predicts {track.name}{of} ({effects.unit}): compare the pattern, not the size."


def _is_news(biosample: str, track: str) -> bool:
    """Whether a model says which cells it was trained on, and the track's name does not say it already."""
    named = bool(biosample) and not biosample.lower().startswith(("not ", "none", "unknown"))
    return named and biosample.split()[0].lower() not in track.lower()


def _left_out(shown: Comparison) -> str:
    return f"Left out: {text('; '.join(shown.left_out), 600)}." if shown.left_out else ""


def _where(shown: Comparison) -> str:
    return f": {shown.source.words}" if shown.source is not None else f": {_name()}"


def _table() -> MeasuredTable | None:
    table: MeasuredTable | None = st.session_state.get(_TABLE)
    return table


def _name() -> str:
    table = _table()
    return "the table" if table is None else table.name


def _build(found: Answer) -> str:
    """The assembly of the view; of pasted bases there is none."""
    return next((entry.build for entry in catalog.genomes() if entry.name == found.view.genome), found.view.genome)
