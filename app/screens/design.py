"""The Design screen: from the place looked at to an order sheet, with what it costs and where the constructs lie."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute, compute_design, compute_whatif
from app import design_question as questions
from app import view as views
from app.design_question import DesignQuestion
from app.screens import consent, design_answer, design_form, navigation, state
from app.view import View
from app.widgets import problem, progress_in, text
from genome.catalog import RemoteNotAllowed
from genome.errors import UserError
from models import registry

_MADE, _OPENED, _PENDING, _MODEL = "design-made", "design-opened", "design-pending", "designing-model"
_AT_ONCE = 20  # lines of a list up to which a link is made by itself


def show() -> None:
    """Draws the form, and the library that was made last."""
    st.html(
        '<div class="cl-brand">Design</div>'
        '<div class="cl-sub">from the place looked at to an order sheet: what to measure, beside which controls, at what cost</div>'
    )
    design_form.keep_typed()
    _open_link()
    try:
        view = _view()
        linked = design_form.fill_in(view, st.session_state.pop(_PENDING, None))
    except RemoteNotAllowed as refusal:
        consent.ask(state.looked_at().genome, refusal)
        return
    except UserError as error:
        problem(str(error))
        st.page_link(navigation.home(), label="Choose another place on the Locus page", icon=":material/search:")
        return
    with st.container(border=True, key="design-form"):
        read = design_form.form(view)
        try:
            asked, wrong = read(), ""
        except UserError as error:
            asked, wrong = None, str(error)
        pressed = _buttons(asked)
    waiting = st.empty()
    slow = asked is not None and asked.places.count("\n") >= _AT_ONCE
    if asked is None and (pressed or wrong):
        problem(wrong)
    elif asked is not None and (pressed or (linked and not slow)):
        _make(asked, waiting)
    made = st.session_state.get(_MADE)
    if made is not None:
        question, design = made
        if question.view.locus != view.locus or question.view.model != view.model:
            st.caption(f"The library below is for {text(question.view.locus)}; make it again for this place.")
        design_answer.show(design)


def _open_link() -> None:
    """Takes up the view and the design of the address, once; a damaged one is said and left."""
    query = st.query_params.to_dict()
    if not views.is_link(query) or st.session_state.get(_OPENED) == query:
        return
    st.session_state[_OPENED] = query
    try:
        asked = questions.from_query(query) if questions.asks(query) else None
        view, wrong = state.of_link(query)
    except UserError as error:
        problem(str(error))
        return
    if wrong:
        problem(wrong)
    state.look_at(view)
    st.session_state[f"{_MODEL}-{view.model}"] = view.model
    if asked is not None:
        st.session_state[_PENDING] = asked


def _view() -> View:
    """The place looked at on the Locus page, asked of the chosen model."""
    looked_at = state.looked_at()
    picker, place = st.columns([0.45, 0.55], vertical_alignment="bottom")
    specs = {spec.model_id: spec for spec in registry.specs()}
    ids = list(specs)
    key = f"{_MODEL}-{looked_at.model}"
    if st.session_state.get(key) not in ids:
        st.session_state[key] = looked_at.model if looked_at.model in ids else ids[0]
    chosen = picker.selectbox("Model", ids, format_func=lambda name: specs[name].title, key=key)
    view = looked_at if chosen == looked_at.model else compute_whatif.of_model(looked_at, str(chosen))
    view = replace(view, contig=compute.contig_digest(view, state.asker()), beside=None, panel="edit")
    edits = f", with {len(view.edits)} edit{'s' if len(view.edits) > 1 else ''} as variants" if view.edits else ""
    place.page_link(
        navigation.home(),
        label=f"{text(view.genome)} **{text(view.locus)}**{edits}: choose another on the Locus page",
        icon=":material/search:",
        query_params=view.to_query(),
    )
    return view


def _buttons(asked: DesignQuestion | None) -> bool:
    """Make the library, or copy the link of the question; whether to make it now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Make the library", type="primary", key="design-make")
        if asked is None:
            return pressed
        menu = st.popover("Copy link", on_change="rerun", key="designing-link")
        if menu.open:
            with menu:
                link = asked.link(state.address())
                if link:
                    st.code(link, language=None, wrap_lines=True)
                    st.caption(
                        text(
                            f"The icon at its right end copies it; it makes this library. {state.link_notice(asked.view)}"
                        )
                    )
                else:
                    st.caption("The lists are too long for a link; the manifest below holds all of it.")
    return pressed


def _make(asked: DesignQuestion, waiting) -> None:  # type: ignore[no-untyped-def]
    """Makes the library under a bar; Cancel, or anything else that is pressed meanwhile, gives it up."""
    link = asked.link(state.address())
    query = asked.to_query() if link else asked.view.to_query()
    st.session_state[_OPENED] = query  # so that the address written here is not taken for a link that was opened
    st.query_params.from_dict(query)
    with waiting.container(horizontal=True, vertical_alignment="bottom"):
        slot = st.container().empty()
        st.button("Cancel", key="design-cancel", type="tertiary")
    try:
        asker = replace(state.asker(), progress=progress_in(slot, "Making the library"))
        made = compute_design.design(asked, asker, address=state.locus_address(), link=link)
    except UserError as error:
        st.session_state.pop(_MADE, None)
        waiting.empty()
        problem(str(error))
    else:
        waiting.empty()
        st.session_state[_MADE] = (asked, made)
