"""A person's own table of measured effects: taken in, chosen from, let go. It stays in the session, never in the link."""

from __future__ import annotations

import streamlit as st

from app import compute_measured
from app.answer import Answer
from app.compute import Asker
from app.figures.heatmap import Map
from app.widgets import problem, text
from genome.errors import UserError
from interpret.measured import LOG2, MeasuredTable, parse_measured
from interpret.measured_beside import measured_map
from interpret.measured_hgvs import NeedsTarget, parse_target
from interpret.measured_match import Matched, elements_in
from interpret.substitutions import Substitutions

_TABLE, _LAST, _PENDING, _MATCHED = "measured_table", "last_measured_file", "pending_measured", "matched_measured"
_OWN = "in the table's unit"


def menu(found: Answer) -> None:
    """A menu that takes a table of measured effects, chooses its element, and lets it go."""
    with st.popover("Add measured effects", key="measured-menu"):
        st.caption(
            "A table of measured effects of changes: saturation mutagenesis as published (1-bp deletions too), MaveDB's scores "
            "(hgvs_nt and score), or columns for chromosome, position (counted from 1), ref, alt and value, of any change; "
            "barcodes, standard error, replicates, element and release are read too. Up to 20 MB, in coordinates of "
            f"{text(found.view.genome)}. It stays in this session and is not part of the link."
        )
        upload = st.file_uploader("Measured effects, TSV or CSV", key="measured-file", label_visibility="collapsed")
        if upload is not None and st.session_state.get(_LAST) != upload.file_id:
            st.session_state[_LAST] = upload.file_id
            _take(upload.name, upload.getvalue(), "")
        if _PENDING in st.session_state:
            _ask_for_target()
        table = table_given()
        if table is None:
            return
        _chosen(found, table)


def _take(name: str, data: bytes, where: str) -> None:
    """Reads a table; one that counts along its target waits until somebody says where that lies."""
    st.session_state.pop(_PENDING, None)
    try:
        st.session_state[_TABLE] = parse_measured(name, data, target=parse_target(where) if where else None)
    except UserError as error:
        problem(str(error))
        if isinstance(error, NeedsTarget) or where:
            st.session_state[_PENDING] = (name, data)
    else:
        st.rerun()


def _ask_for_target() -> None:
    with st.form("measured-target-form", border=False):
        where = st.text_input("Place of the target's first base, and strand", placeholder="chr22:19,710,789 +")
        if st.form_submit_button("Read the table") and where.strip():
            _take(*st.session_state[_PENDING], where)


def _chosen(found: Answer, table: MeasuredTable) -> None:
    """What is known of the table that was given."""
    along = f", counted from {text(table.target)}" if table.target is not None else ""
    st.markdown(f"**{text(table.name)}** · {len(table.rows):,} measured changes{along}")
    for fault in table.faults:
        st.caption(text(fault))
    known = elements_in(table, found.view.locus, compute_measured.build_of(found.view))
    if len(known) > 1:
        st.selectbox("Element", known, key="measured-element", format_func=lambda name: name or "without a name")
    st.number_input(
        "Ceiling, if you know it",
        min_value=0.0,
        max_value=1.0,
        value=None,
        step=0.01,
        key="measured-ceiling",
        help="How well the measurement agrees with a repeat of itself, as a correlation. Columns of replicates, or a second "
        "element on the same stretch, are used where there are any.",
    )
    st.button("Remove", key="remove-measured", type="tertiary", on_click=_remove)


def _remove() -> None:
    for key in (_TABLE, _MATCHED, _PENDING):
        st.session_state.pop(key, None)


def chosen(found: Answer, asker: Asker) -> Matched | None:
    """What the table of this session measured in the locus; None without one."""
    table = table_given()
    if table is None:
        return None
    view = found.view
    element, typed = st.session_state.get("measured-element"), st.session_state.get("measured-ceiling")
    key = (id(table), view.genome, view.contig, view.locus, view.edits, element, typed)
    kept = st.session_state.get(_MATCHED)
    if kept is None or kept[0] != key:
        # The table is kept with it, so that its id is nobody else's.
        kept = (key, table, compute_measured.matched(view, table, asker, element=element, typed=typed))
        st.session_state[_MATCHED] = kept
    made: Matched = kept[2]
    return made


def as_map(shown: Matched, effects: Substitutions) -> Map | None:
    """The second map; None where no substitution of the table lies here."""
    if not any(one.kind == "substitution" for one in shown.matches):
        return None
    values = measured_map(shown, effects.sequence)
    return Map(f"Measured{_where(shown)}, alt − ref", unit(shown), effects.sequence, values, what="measured")


def unit(shown: Matched) -> str:
    """What measured effects are counted in: known of published tables, and where the header says so."""
    table = table_given()
    return LOG2 if shown.source is not None or (table is not None and table.unit == LOG2) else _OWN


def table_given() -> MeasuredTable | None:
    """The table of this session."""
    table: MeasuredTable | None = st.session_state.get(_TABLE)
    return table


def name() -> str:
    """Of that table."""
    table = table_given()
    return "the table" if table is None else table.name


def _where(shown: Matched) -> str:
    return f": {shown.source.words}" if shown.source is not None else f": {name()}"
