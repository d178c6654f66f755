"""One variant in depth: a box and pickers, then the answer, or in its place what to try and why there is none."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compute_variant
from app.compute import Asker
from app.examples import Example, variant_examples
from app.export import RESEARCH_USE
from app.screens import consent, navigation, state, variant_answer, variant_state
from app.screens.variant_state import MODE, ONE, PREFIX, SEVERAL, TOGETHER, TYPED
from app.variant_question import VariantQuestion
from app.view import MAX_SEED, PASTED, View
from app.widgets import problem, progress_in, text
from genome import catalog
from genome.catalog import RemoteNotAllowed
from genome.errors import UserError
from genome.locus import Variant
from interpret.methods import BASELINE_WORDS, METHODS
from models import registry

_PLACEHOLDER = "chr22:19710933 C>T · a line of a VCF · rs12345 · NC_000022.10:g.19710933C>T"
_TOGETHER_HELP = "One variant a line, as above or as lines of a VCF; all on one copy of one chromosome."
_LOCAL = "variant-local-"


def show() -> None:
    """Draws the tab."""
    question, wrong = variant_state.current()
    variant_state.follow(question)
    view = question.view if question is not None else variant_state.blank()
    typed = _boxes(view, question)
    _pickers(view, question)
    refused, notices = variant_state.messages()
    with st.container(key="variant-messages"):
        for message in (wrong, refused):
            if message:
                problem(message)
        if typed is not None:
            _ask(typed, view)
        for notice in notices:
            st.caption(text(notice, 500))
        if question is not None:
            _choose_allele(question)
            _choose_copy(question)
    with st.container(key="variant-answer"):
        if question is None:
            _empty(view)
        else:
            _answer(question)
    st.caption(RESEARCH_USE)


def _boxes(view: View, question: VariantQuestion | None) -> str | None:
    """The box, the menu with the link beside it, and the examples; what was typed when Look was pressed."""
    with st.container(key="search-row"):
        find, copy = st.columns([0.89, 0.11], vertical_alignment="bottom")
    with find.form("variant-find", border=False):
        box, look = st.columns([0.9, 0.1], vertical_alignment="bottom")
        if st.session_state[MODE] == ONE:
            typed = box.text_input("Variant", key=TYPED, placeholder=_PLACEHOLDER, label_visibility="collapsed")
        else:
            typed = box.text_area(
                "Variants on one chromosome copy", key=SEVERAL, height=110, help=_TOGETHER_HELP,
                placeholder="chr22:19,710,890 C>T\nchr22:19,710,933 C>T",
            )  # fmt: skip
        pressed = look.form_submit_button("Look", type="primary", width="stretch")
    with copy:
        _copy_link(question)
    with st.container(horizontal=True, vertical_alignment="center", key="examples"):
        st.segmented_control("How many", (ONE, TOGETHER), key=MODE, required=True, label_visibility="collapsed")
        for example in variant_examples(view.genome) if st.session_state[MODE] == ONE else ():
            st.button(
                example.label,
                type="tertiary",
                key=f"variant-example-{example.label}",
                on_click=_try,
                args=(example, view),
            )
    return str(typed) if pressed else None


def _pickers(view: View, question: VariantQuestion | None) -> None:
    """Genome, model, track, and how letters are made; a choice changes what is asked before the page runs again."""
    specs = {spec.model_id: spec for spec in registry.specs()}
    entries = {entry.name: entry.title for entry in catalog.genomes()} | {PASTED: "Pasted sequence"}
    genomes = [name for name in entries if name != PASTED or view.genome == PASTED]
    spec = registry.spec(view.model)
    for key, value in (("genome", view.genome), ("model", spec.model_id), ("track", view.track)):
        st.session_state[_LOCAL + key] = value
    models = list(dict.fromkeys([*specs, spec.model_id]))
    with st.container(key="variant-pickers"):
        where, model, track, how = st.columns([0.24, 0.36, 0.22, 0.18], vertical_alignment="bottom")
    where.selectbox(
        "Genome", genomes, format_func=entries.__getitem__, key=_LOCAL + "genome",
        on_change=lambda: variant_state.choose_genome(st.session_state[_LOCAL + "genome"], view),
    )  # fmt: skip
    model.selectbox(
        "Model", models, format_func=lambda name: registry.spec(name).title, key=_LOCAL + "model",
        on_change=lambda: variant_state.choose(_of_model(view, st.session_state[_LOCAL + "model"]), question),
    )  # fmt: skip
    track.selectbox(
        "Track", [one.name for one in spec.tracks], key=_LOCAL + "track",
        on_change=lambda: variant_state.choose(
            replace(view, track=st.session_state[_LOCAL + "track"], reduce="mean"), question
        ),
    )  # fmt: skip
    with how.popover("Letters by", width="stretch"):
        _letters_by(view, question)


def _letters_by(view: View, question: VariantQuestion | None) -> None:
    """Method, reference, seed and colours of the letters; effects do not depend on them."""
    for key, value in (("method", view.method), ("baseline", view.baseline), ("seed", view.seed)):
        st.session_state[_LOCAL + key] = value
    st.selectbox(
        "Explain with", list(METHODS), format_func=lambda name: METHODS[name].title, key=_LOCAL + "method",
        on_change=lambda: variant_state.choose(view.with_method(st.session_state[_LOCAL + "method"]), question),
    )  # fmt: skip
    known = METHODS[view.method].baselines
    st.selectbox(
        "Reference", known, format_func=lambda name: BASELINE_WORDS[name].choice, key=_LOCAL + "baseline",
        disabled=len(known) == 1,
        on_change=lambda: variant_state.choose(replace(view, baseline=st.session_state[_LOCAL + "baseline"]), question),
    )  # fmt: skip
    if BASELINE_WORDS[view.baseline].seeded:
        st.number_input(
            "Seed", 0, MAX_SEED, key=_LOCAL + "seed",
            on_change=lambda: variant_state.choose(replace(view, seed=int(st.session_state[_LOCAL + "seed"])), question),
        )  # fmt: skip
    st.session_state.setdefault(PREFIX + "palette", "safe")
    st.selectbox(
        "Letter colours", ["safe", "classic"], key=PREFIX + "palette",
        format_func=lambda name: {"safe": "Colour-blind safe", "classic": "Classic"}[name],
    )  # fmt: skip
    st.caption("These decide the letters and their checks; effects do not depend on them.")


def _of_model(view: View, model: str) -> View:
    """The view asked of another model, on its first track where it has none of that name."""
    names = [track.name for track in registry.spec(model).tracks]
    same = view.track in names
    return replace(
        view, model=model, track=view.track if same else names[0], reduce=view.reduce if same else "mean", beside=None
    )


def _try(example: Example, view: View) -> None:
    """Types an example into the box and asks it."""
    st.session_state[TYPED] = example.typed
    names = [track.name for track in registry.spec(view.model).tracks]
    if example.track in names:
        view = replace(view, track=example.track, reduce="mean")
    try:
        variant_state.ask(example.typed, view)
    except UserError as error:
        variant_state.refuse(str(error))


def _ask(typed: str, view: View) -> None:
    try:
        with st.spinner("Looking…"):
            if st.session_state[MODE] == ONE:
                variant_state.ask(typed, view)
            else:
                variant_state.ask_together(typed, view)
    except RemoteNotAllowed as refusal:
        consent.ask(view.genome, refusal)
    except UserError as error:
        problem(str(error))
        consent.offer_lookup(typed)
    else:
        st.rerun()


def _choose_allele(question: VariantQuestion) -> None:
    """Which of the alternative alleles of a site is looked at."""
    if not question.alleles:
        return
    key = _LOCAL + "allele"
    st.session_state[key] = question.alone
    st.segmented_control(
        "Alternative allele",
        question.alleles,
        format_func=_allele,
        key=key,
        required=True,
        on_change=lambda: variant_state.go_allele(question, st.session_state[key]),
    )


def _choose_copy(question: VariantQuestion) -> None:
    """Which chromosome copy of a pasted VCF is looked at."""
    copies: dict[str, tuple[Variant, ...]] = st.session_state.get(variant_state.COPIES, {})
    shown = next((name for name, variants in copies.items() if variants == question.variants), None)
    if shown is None or len(copies) < 2:
        return
    key = _LOCAL + "copy"
    st.session_state[key] = shown
    st.selectbox(
        "Chromosome copy",
        list(copies),
        key=key,
        width=320,
        on_change=lambda: variant_state.go_copy(copies[st.session_state[key]], question.view),
    )


def _allele(variant: Variant) -> str:
    shown = [bases if len(bases) <= 12 else f"{len(bases)} bp" for bases in (variant.ref, variant.alt)]
    return f"{shown[0] or '–'} → {shown[1] or '–'}"


def _copy_link(question: VariantQuestion | None) -> None:
    """A menu that holds the link; the icon in it copies."""
    menu = st.popover("Copy link", width="stretch", on_change="rerun", key="variant-link", disabled=question is None)
    if question is None or not menu.open:
        return
    with menu:
        try:
            whole = variant_state.with_digest(question)
        except UserError as error:
            problem(str(error))
            return
        st.code(whole.link(state.address()), language=None, wrap_lines=True)
        st.caption(
            text(
                "The icon at its right end copies it. It holds the variant, the model and how it was explained, and opens to "
                f"the same numbers.{' ' + state.link_notice(whole.view) if whole.view.genome == PASTED else ''}"
            )
        )


def _empty(view: View) -> None:
    """Nothing is asked yet."""
    st.markdown("Type a variant above" + (", or open an example." if variant_examples(view.genome) else "."))
    st.caption(
        "You will see what it does on each track with the spread between the networks and a percentile, the letters of both "
        "alleles base under base, the motif it makes or breaks, and one sentence on whether to believe it."
    )
    if not variant_examples(view.genome):
        st.caption(f"There are examples for the sandbox, hg19 and hg38, and none for {text(view.genome)}.")


def _answer(question: VariantQuestion) -> None:
    """Computes under a bar in a place kept for it, then draws."""
    top, strip = variant_answer.places()
    asker = state.asker()
    slot = strip.container(height=70, border=False).empty()
    waiting = Asker(asker.session, asker.remote_allowed, progress_in(slot, "Computing"))
    try:
        found = compute_variant.variant_answer(question, waiting, thorough=variant_answer.thorough(question))
    except RemoteNotAllowed as refusal:
        strip.empty()
        consent.ask(question.view.genome, refusal)
        return
    except UserError as error:
        strip.empty()
        problem(str(error))
        st.caption("Nothing you typed is lost: correct it above, or open an example.")
        return
    variant_state.go(found.question)
    variant_answer.show(found, top, strip, asker, st.session_state.get(PREFIX + "palette", "safe"))
    st.page_link(
        navigation.home(),
        label="Open the changed sequence on the Locus page",
        icon=":material/arrow_forward:",
        query_params=found.view.to_query(),
    )
