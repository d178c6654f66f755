"""The What if screen: pull and push on the sequence looked at, on all tracks at once, and see how sure the answer is."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import compute_question, compute_whatif
from app import question as questions
from app.question import Question
from app.screens import navigation, state, what_if_answer, what_if_forms, what_if_job
from app.screens.asked_place import asked_place, open_link
from app.screens.what_if_forms import QUESTIONS
from app.view import View
from app.whatif_record import Result
from app.widgets import problem, progress_in, text
from genome.errors import UserError
from interpret.trans import asked as asked_in_words

_ANSWERS, _QUESTION, _PENDING, _OPENED = "whatif-answers", what_if_forms.CHOSEN, "whatif-pending", "whatif-opened"
_MODEL = "whatif-model"


def show() -> None:
    """Draws the question, the form, and the last answer to it."""
    st.html(
        '<div class="cl-brand">What if</div>'
        '<div class="cl-sub">change the sequence, not the cell: what would the model predict, and how sure is that?</div>'
    )
    _keep_typed()
    query = st.query_params.to_dict()
    if questions.asks(query):
        open_link(query, questions.from_query, key=_MODEL, opened=_OPENED, pending=_PENDING)
    try:
        view = asked_place(_MODEL, compute_whatif.of_model, edits_are="", then="change it")
        what_if_forms.fill_in(view, state.asker())
    except UserError as error:
        problem(str(error))
        st.page_link(navigation.home(), label="Choose another place on the Locus page", icon=":material/search:")
        return
    linked = _fill_in_linked(view)
    _ask(view)
    name = str(
        st.segmented_control("Question", list(QUESTIONS), key=_QUESTION, required=True, label_visibility="collapsed")
    )
    st.caption(QUESTIONS[name])
    with st.container(border=True, key="whatif-form"):
        read = what_if_forms.form(name, view)
        try:
            asked, wrong = read(), ""
        except UserError as error:
            asked, wrong = None, str(error)
        pressed = _buttons(view, asked, linked=linked)
    waiting = st.empty()
    if pressed and asked is None:
        problem(wrong)
    elif pressed and asked is not None:
        _answer(name, asked, view, waiting)
    last: tuple[View, Result] | None = st.session_state.get(_ANSWERS, {}).get(name)
    if last is not None:
        if _bases(last[0]) != _bases(view):
            st.caption(
                f"The answer below is for {text(last[0].locus)} and {text(last[0].model)}; ask again for this place."
            )
        what_if_answer.show(*last)


def _fill_in_linked(view: View) -> bool:
    """Fills in the question of a link once its bases can be read; whether there was one."""
    asked: Question | None = st.session_state.pop(_PENDING, None)
    if asked is not None:
        what_if_forms.fill_in_question(asked, view)
    return asked is not None


def _buttons(view: View, asked: Question | None, *, linked: bool) -> bool:
    """Ask, as a job, copy the link, and what it costs; whether to ask now.

    A link asks by itself, unless that takes longer than somebody who only opened it may want to wait.
    """
    asker = state.asker()
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Ask the model", type="primary", key="whatif-ask")
        if asked is None:
            return pressed or linked
        taken = compute_question.seconds(view, asked)
        as_job = compute_question.may_be_job(asked, taken)
        if as_job:
            what_if_job.offer(view, asked, asker)
        _copy_link(view, asked)
    words = compute_question.cost_words(taken, as_job=as_job)
    slow = taken is None or taken >= compute_question.LINK_SECONDS
    if words or (linked and slow):
        st.caption(text(f"{words} This link asks when you press the button." if linked and slow else words))
    return pressed or (linked and not slow)


def _copy_link(view: View, asked: Question) -> None:
    """A menu that holds the link of the question as it stands in the form."""
    menu = st.popover("Copy link", on_change="rerun", key="whatif-link")
    if menu.open:
        with menu:
            st.code(asked.link(view, state.address()), language=None, wrap_lines=True)
            st.caption(text(f"The icon at its right end copies it; it asks this question. {state.link_notice(view)}"))


def _keep_typed() -> None:
    """Keeps what was typed into the forms that are not drawn now."""
    st.session_state.setdefault(_QUESTION, next(iter(QUESTIONS)))
    for key in list(st.session_state):
        if str(key).startswith(what_if_forms.PREFIX):
            st.session_state[key] = st.session_state[key]


def _ask(view: View) -> None:
    """The box for a question in words: it chooses the question below, or says why there is no answer."""
    with st.form("whatif-words", border=False):
        box, go = st.columns([0.88, 0.12], vertical_alignment="bottom")
        typed = box.text_input(
            "What if…",
            key=what_if_forms.PREFIX + "words",
            max_chars=200,
            placeholder="take out the CTCF site · POU5F1::SOX2 and NR5A2 together · shuffle tiles",
        )
        pressed = go.form_submit_button("Find", width="stretch")
    if not pressed or not str(typed).strip():
        return
    found = asked_in_words(str(typed))
    if found.refusal:
        st.warning(text(found.refusal, 800), icon=":material/block:")
        return
    motifs = compute_whatif.motifs_in(view, str(typed), state.asker())
    if found.kind is None and not motifs:
        st.info("This question was not understood; choose one below.", icon=":material/info:")
        return
    what_if_forms.fill_in_words(str(typed), motifs)
    st.session_state[_QUESTION] = what_if_forms.NAMES[found.kind or "change"]
    st.caption(f"Filled in below under “{text(st.session_state[_QUESTION])}”: check it and ask.")


def _answer(name: str, asked: Question, view: View, waiting: DeltaGenerator) -> None:
    """Asks under a bar; Cancel, or anything else that is pressed meanwhile, gives the question up."""
    asker = state.asker()
    query = view.to_query() | asked.to_query()
    st.session_state[_OPENED] = (
        query  # so that the address that is written here is not taken for a link that was opened
    )
    st.query_params.from_dict(query)
    with waiting.container(horizontal=True, vertical_alignment="bottom"):
        slot = st.container().empty()
        st.button("Cancel", key="whatif-cancel", type="tertiary")
    try:
        told = replace(asker, progress=progress_in(slot, "Asking the model"))
        found = compute_question.ask(view, asked, told)
    except UserError as error:
        waiting.empty()
        problem(str(error))
    else:
        waiting.empty()
        st.session_state.setdefault(_ANSWERS, {})[name] = (view, found)


def _bases(view: View) -> tuple[object, ...]:
    return view.model, view.genome, view.locus, view.edits, view.bases, view.stored
