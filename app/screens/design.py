"""The Design screen: from the place looked at to an order sheet, with what it costs and where the constructs lie."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_design, compute_whatif
from app import design_question as questions
from app import view as views
from app.design_question import DesignQuestion
from app.screens import consent, design_answer, design_form, navigation, state
from app.screens.asked_place import asked_place, open_link
from app.view import View
from app.widgets import problem, progress_in, text
from genome.catalog import RemoteNotAllowed
from genome.errors import UserError

_MADE, _OPENED, _PENDING, _MODEL = "design-made", "design-opened", "design-pending", "designing-model"
_AT_ONCE = 20  # lines of a list up to which a link is made by itself


def show() -> None:
    """Draws the form, and the library that was made last."""
    st.html(
        '<div class="cl-brand">Design</div>'
        '<div class="cl-sub">from the place looked at to an order sheet: what to measure, beside which controls, at what cost</div>'
    )
    design_form.keep_typed()
    query = st.query_params.to_dict()
    if views.is_link(query):
        open_link(query, _linked, key=_MODEL, opened=_OPENED, pending=_PENDING)
    try:
        view = asked_place(_MODEL, _of_model, edits_are=" as variants", then="choose another")
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
    slow = asked is not None and max(asked.places.count("\n"), asked.candidates.count("\n")) >= _AT_ONCE
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


def _linked(query: dict[str, str]) -> DesignQuestion | None:
    """The design of an address; None where it is a view alone."""
    return questions.from_query(query) if questions.asks(query) else None


def _of_model(view: View, model: str) -> View:
    """The place as another page would have it, but with nothing beside it, and open where edits are seen."""
    found = view if model == view.model else compute_whatif.of_model(view, model)
    return replace(found, beside=None, panel="edit")


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
