"""What pages that ask about a place have in common: the place looked at, asked of a model that is chosen there, and links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from app import compute
from app.screens import navigation, state
from app.view import View
from app.widgets import problem, text
from genome.errors import UserError
from models import registry


def asked_place(key: str, of_model: Callable[[View, str], View], *, edits_are: str, then: str) -> View:
    """The place looked at on the Locus page, asked of the chosen model; draws the picker and the way back.

    Args:
        key: of the picker, which remembers a model for each that is looked at.
        of_model: the view looked at and a model_id -> the view that is asked.
        edits_are: what edits are called after their number.
        then: what can be done about the place, after a colon.
    """
    looked_at = state.looked_at()
    picker, place = st.columns([0.45, 0.55], vertical_alignment="bottom")
    specs = {spec.model_id: spec for spec in registry.specs()}
    ids = list(specs)
    key = f"{key}-{looked_at.model}"
    if st.session_state.get(key) not in ids:
        st.session_state[key] = looked_at.model if looked_at.model in ids else ids[0]
    chosen = picker.selectbox("Model", ids, format_func=lambda name: specs[name].title, key=key)
    view = of_model(looked_at, str(chosen))
    view = replace(view, contig=compute.contig_digest(view, state.asker()))
    edits = f", with {len(view.edits)} edit{'s' if len(view.edits) > 1 else ''}{edits_are}" if view.edits else ""
    place.page_link(
        navigation.home(),
        label=f"{text(view.genome)} **{text(view.locus)}**{edits}: {then} on the Locus page",
        icon=":material/search:",
        query_params=view.to_query(),
    )
    return view


def open_link(
    query: dict[str, str], read: Callable[[dict[str, str]], Any], *, key: str, opened: str, pending: str
) -> None:
    """Takes up the view and the question of an address, once; a damaged one is said and left.

    Args:
        query: the address.
        read: the question in it, or None; raises ``UserError`` when it is damaged.
        key: of the picker of models, as in ``asked_place``.
        opened: where the session keeps the address that was opened last.
        pending: where it keeps a question until the form is drawn.
    """
    if st.session_state.get(opened) == query:
        return
    st.session_state[opened] = query
    try:
        asked = read(query)
        view, wrong = state.of_link(query)
    except UserError as error:
        problem(str(error))
        return
    if wrong:
        problem(wrong)
    state.look_at(view)
    st.session_state[f"{key}-{view.model}"] = view.model
    if asked is not None:
        st.session_state[pending] = asked
