"""The What if screen: pull and push on the sequence looked at, on all tracks at once, and see how sure the answer is."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import compute, compute_whatif
from app.compute import Asker
from app.screens import navigation, state, what_if_answer, what_if_forms
from app.screens.what_if_forms import QUESTIONS, Question
from app.view import View
from app.whatif_record import Result
from app.widgets import problem, progress_in, text
from genome.errors import UserError
from interpret.trans import asked
from models import registry

_ANSWERS, _QUESTION = "whatif-answers", "whatif-question"


def show() -> None:
    """Draws the question, the form, and the last answer to it."""
    st.html(
        '<div class="cl-brand">What if</div>'
        '<div class="cl-sub">change the sequence, not the cell: what would the model predict, and how sure is that?</div>'
    )
    _keep_typed()
    try:
        view = _view()
        what_if_forms.fill_in(view, state.asker())
    except UserError as error:
        problem(str(error))
        st.page_link(navigation.home(), label="Choose another place on the Locus page", icon=":material/search:")
        return
    _ask(view)
    question = str(
        st.segmented_control("Question", list(QUESTIONS), key=_QUESTION, required=True, label_visibility="collapsed")
    )
    st.caption(QUESTIONS[question])
    with st.container(border=True, key="whatif-form"):
        wanted = what_if_forms.form(question, view)
        pressed = st.button("Ask the model", type="primary", key="whatif-ask")
    waiting = st.empty()
    if pressed:
        _answer(question, wanted, view, waiting)
    last: tuple[View, Result] | None = st.session_state.get(_ANSWERS, {}).get(question)
    if last is not None:
        if _bases(last[0]) != _bases(view):
            st.caption(
                f"The answer below is for {text(last[0].locus)} and {text(last[0].model)}; ask again for this place."
            )
        what_if_answer.show(*last)


def _keep_typed() -> None:
    """Keeps what was typed into the forms that are not drawn now."""
    st.session_state.setdefault(_QUESTION, next(iter(QUESTIONS)))
    for key in list(st.session_state):
        if str(key).startswith(what_if_forms.PREFIX):
            st.session_state[key] = st.session_state[key]


def _view() -> View:
    """The place looked at on the Locus page, asked of the chosen model."""
    looked_at = state.looked_at()
    picker, place = st.columns([0.45, 0.55], vertical_alignment="bottom")
    specs = {spec.model_id: spec for spec in registry.specs()}
    ids = list(specs)
    first = ids.index(looked_at.model) if looked_at.model in ids else 0
    chosen = picker.selectbox(
        "Model", ids, index=first, format_func=lambda name: specs[name].title, key=f"whatif-model-{looked_at.model}"
    )
    view = compute_whatif.of_model(looked_at, str(chosen))
    view = replace(view, contig=compute.contig_digest(view, state.asker()))
    edits = f", with {len(view.edits)} edit{'s' if len(view.edits) > 1 else ''}" if view.edits else ""
    place.page_link(
        navigation.home(),
        label=f"{text(view.genome)} **{text(view.locus)}**{edits}: change it on the Locus page",
        icon=":material/search:",
        query_params=view.to_query(),
    )
    return view


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
    found = asked(str(typed))
    if found.refusal:
        st.warning(text(found.refusal, 800), icon=":material/block:")
        return
    motifs = compute_whatif.motifs_in(view, str(typed), state.asker())
    kinds: dict[str | None, str] = {kind: name for name, kind in what_if_forms.KINDS.items()}
    if found.kind is None and not motifs:
        st.info("This question was not understood; choose one below.", icon=":material/info:")
        return
    what_if_forms.fill_in_words(str(typed), motifs)
    st.session_state[_QUESTION] = kinds[found.kind or "change"]
    st.caption(f"Filled in below under “{text(st.session_state[_QUESTION])}”: check it and ask.")


def _answer(question: str, wanted: Question, view: View, waiting: DeltaGenerator) -> None:
    """Asks under a bar; Cancel, or anything else that is pressed meanwhile, gives the question up."""
    asker = state.asker()
    with waiting.container(horizontal=True, vertical_alignment="bottom"):
        slot = st.container().empty()
        st.button("Cancel", key="whatif-cancel", type="tertiary")
    try:
        found = wanted(Asker(asker.session, asker.remote_allowed, progress_in(slot, "Asking the model")))
    except UserError as error:
        waiting.empty()
        problem(str(error))
    else:
        waiting.empty()
        st.session_state.setdefault(_ANSWERS, {})[question] = (view, found)


def _bases(view: View) -> tuple[object, ...]:
    return view.model, view.genome, view.locus, view.edits, view.bases, view.stored
