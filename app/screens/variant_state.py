"""Which variant the Variants page looks at: in the address, and in the session for somebody who comes back by the menu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from app import compute
from app import variant_question as questions
from app.screens import state
from app.variant_question import VariantQuestion, asked_of
from app.view import PASTED, View
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.phased import read_phased
from models import registry

PREFIX = "variant-in-"
TYPED, SEVERAL, MODE = PREFIX + "typed", PREFIX + "several", PREFIX + "mode"
ONE, TOGETHER = "One variant", "Several together"
_ASKED, _BLANK, _WRONG, _NOTICES = "variant-asked", "variant-blank", "variant-wrong", "variant-notices"
_FOLLOWS = "variant-follows"
COPIES = "variant-copies"  # the copies of a pasted VCF, by name


def current() -> tuple[VariantQuestion | None, str]:
    """What is asked, or None, and a sentence where the address cannot be read."""
    query = st.query_params.to_dict()
    if not query and _ASKED in st.session_state:  # somebody comes back by the menu
        query = st.session_state[_ASKED]
    if not query:
        return None, ""
    if not questions.asks(query):
        return None, "This link names no variant; type one below." if "v" in query else ""
    try:
        return _of_link(query)
    except UserError as error:
        return None, str(error)


def go(question: VariantQuestion) -> None:
    """Makes a question the one that is asked; the boxes show it."""
    query = question.to_query()
    st.session_state[_ASKED] = query
    st.query_params.from_dict(query)


def forget(view: View) -> None:
    """Asks about nothing; the pickers stay as they are in the view."""
    st.session_state.pop(_ASKED, None)
    st.session_state[_BLANK] = view
    st.query_params.clear()


def blank() -> View:
    """Genome, model and track for the next question, where none is asked: those chosen last, or looked at last."""
    found: View = st.session_state.get(_BLANK) or replace(state.looked_at(), edits=(), contig="", beside=None)
    return found


def choose(view: View, question: VariantQuestion | None) -> None:
    """Another model, track or method for the question, or for the next one; what cannot be is said and nothing changes."""
    if question is None:
        st.session_state[_BLANK] = view
        return
    try:
        go(asked_of(view, question.variants, registry.spec(view.model), question.alleles))
    except UserError as error:
        refuse(str(error))


def choose_genome(genome: str, view: View) -> None:
    """Another genome: a variant of one is none of another, so nothing is asked; what was typed stays."""
    if genome != PASTED:
        forget(replace(view, genome=genome, contig="", edits=(), bases="", stored=""))


def ask(typed: str, view: View) -> None:
    """Asks about the variant that was typed.

    Raises:
        UserError: when it is none, or does not fit the genome or the model.
    """
    place = state.place_of(typed, view)
    if not place.edits:
        raise UserError(
            "This is a place or a sequence, and no change of bases; write a variant such as chr22:19,710,933 C>T, a line of a "
            "VCF, an rsID or g. HGVS."
        )
    question = asked_of(view, place.edits, registry.spec(view.model), place.alleles)
    go(question)
    st.session_state[_FOLLOWS] = question.variants  # the box keeps what was typed
    note(*place.notices)


def ask_together(typed: str, view: View) -> None:
    """Asks about several variants, one a line, on one chromosome copy.

    Raises:
        UserError: naming the line that cannot be used.
    """
    if "#CHROM" in typed:
        _ask_copies(typed, view)
        return
    found: list[Variant] = []
    notices: list[str] = []
    for number, line in enumerate(typed.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            place = state.place_of(line, view)
            if len(place.edits) != 1 or place.alleles:
                raise UserError("write one change of bases with one alternative allele.")
        except UserError as error:
            raise UserError(f"Line {number}: {error}") from error
        found += place.edits
        notices += [f"Line {number}: {notice}" for notice in place.notices]
    if len(found) < 2:
        raise UserError("Write at least two variants, one a line.")
    st.session_state.pop(COPIES, None)
    _go_together(tuple(found), view)
    note(*notices)


def go_copy(variants: tuple[Variant, ...], view: View) -> None:
    """Asks about another copy of the pasted VCF."""
    try:
        _go_together(variants, view)
    except UserError as error:
        refuse(str(error))


def _ask_copies(typed: str, view: View) -> None:
    """Asks about the first copy of a phased VCF that carries several variants, and keeps the others to choose from."""
    genome = compute.genome(view, state.asker())
    names = list(dict.fromkeys(line.split("\t")[0] for line in typed.splitlines() if line.strip() and line[0] != "#"))
    if len(names) != 1:
        raise UserError(
            "Paste the lines of one chromosome, with tabs between the columns, below the line that begins with #CHROM."
        )
    chrom = genome.canonical(names[0])
    people = read_phased(typed.splitlines(), genome, Locus(chrom, 0, genome.contigs[chrom]))
    copies = {
        f"{person.sample}, copy {number}": copy
        for person in people
        for number, copy in enumerate(person.copies, 1)
        if copy
    }
    reasons = [f"{person.sample}: {person.reason}" for person in people if person.reason]
    if not copies:
        raise UserError(reasons[0] if reasons else "No copy in this VCF carries any of its variants.")
    st.session_state[COPIES] = copies
    _go_together(next((copy for copy in copies.values() if len(copy) > 1), next(iter(copies.values()))), view)
    note(*reasons[:5])


def _go_together(variants: tuple[Variant, ...], view: View) -> None:
    question = asked_of(view, variants, registry.spec(view.model))
    go(question)
    st.session_state[_FOLLOWS] = question.variants  # the box keeps what was typed


def note(*notices: str) -> None:
    """Keeps sentences for the next drawing."""
    st.session_state[_NOTICES] = notices


def messages() -> tuple[str, tuple[str, ...]]:
    """What went wrong, or nothing, and notices; each is told once."""
    return st.session_state.pop(_WRONG, ""), st.session_state.pop(_NOTICES, ())


def follow(question: VariantQuestion | None) -> None:
    """Keeps what was typed, and shows a question that came by link in the boxes."""
    for key in list(st.session_state):
        if str(key).startswith(PREFIX):
            st.session_state[key] = st.session_state[key]  # what is not drawn now would be forgotten
    st.session_state.setdefault(MODE, ONE)
    if question is None:
        return
    box = TYPED if question.alone is not None else SEVERAL
    if st.session_state.get(_FOLLOWS) == question.variants and box in st.session_state:
        return  # shown before; from another page one comes back to an empty box
    st.session_state[_FOLLOWS] = question.variants
    if question.alone is not None:
        st.session_state[TYPED], st.session_state[MODE] = str(question.alone), ONE
    else:
        st.session_state[SEVERAL], st.session_state[MODE] = "\n".join(map(str, question.variants)), TOGETHER


def _of_link(query: Mapping[str, str]) -> tuple[VariantQuestion, str]:
    """The question of an address, in the window of a model that is on this server.

    Raises:
        UserError: when it is damaged, or its variants do not fit that model.
    """
    linked = questions.from_query(query)
    view, wrong = state.of_link(linked.view.to_query())
    question = asked_of(view, view.edits, registry.spec(view.model), linked.alleles)
    st.session_state[_ASKED] = question.to_query()
    return question, wrong


def go_allele(question: VariantQuestion, allele: Variant) -> None:
    """Another alternative allele of the same site."""
    view = question.view
    try:
        go(asked_of(view, (allele,), registry.spec(view.model), question.alleles))
    except UserError as error:
        refuse(str(error))


def refuse(message: str) -> None:
    """Keeps a sentence on what went wrong for the next drawing."""
    st.session_state[_WRONG] = message


def with_digest(question: VariantQuestion) -> VariantQuestion:
    """The question with the chromosome's digest, for a link.

    Raises:
        UserError: when the genome cannot be read, or is not the one that the link was made on.
    """
    return replace(question, view=replace(question.view, contig=compute.contig_digest(question.view, state.asker())))
