"""Change bases and see what it does: substitute, delete, insert, undo; the edits travel in the link."""

from __future__ import annotations

import html
from dataclasses import replace

import streamlit as st

from app import compute
from app.answer import Answer
from app.compute import Asker
from app.figures import compare
from app.screens import navigation, state
from app.view import View
from app.widgets import problem, text
from genome.errors import UserError
from genome.locus import Variant
from genome.sequence import clean_bases
from interpret.background import Rank
from interpret.effects import Effect
from interpret.wording import digits_for, reading, signed

CHOSEN = "chosen_base"
_KINDS = ("Substitute", "Delete", "Insert before")
MAX_INSERT = 200


def show(found: Answer, asker: Asker) -> None:
    """Draws the panel: on the left what to change and what it did, on the right the letters before and after."""
    left, right = st.columns([0.42, 0.58])
    with left.container(border=True):
        _form(found, asker)
        _list(found, asker)
    with right.container(border=True):
        _letters(found, asker)


def _form(found: Answer, asker: Asker) -> None:
    view = found.view
    chosen = st.session_state.pop(CHOSEN, None)
    if chosen is not None:
        st.session_state["edit-position"] = f"{chosen + 1:,}"
    elif st.session_state.get("edit-follows") != view.locus:
        st.session_state["edit-position"] = f"{(view.locus.start + view.locus.end) // 2 + 1:,}"
    st.session_state["edit-follows"] = view.locus
    with st.form("edit", border=False):
        kind = st.segmented_control("Change", _KINDS, default=_KINDS[0], key="edit-kind", required=True)
        where, what, go = st.columns([0.4, 0.35, 0.25], vertical_alignment="bottom")
        position = where.text_input("Position", key="edit-position", help="Click a base above to fill this in.")
        new = what.text_input(
            "Bases", key="edit-bases", placeholder="T, or 4 to delete", help="New bases; to delete, how many bases."
        )
        if go.form_submit_button("Apply", width="stretch"):
            try:
                state.go(view.with_edit(variant(found, str(kind), position, new, asker)))
                st.session_state.pop(CHOSEN, None)
            except UserError as error:
                problem(str(error))
            else:
                st.rerun()


def variant(found: Answer, kind: str, position: str, new: str, asker: Asker) -> Variant:
    """The change that the form describes, with its REF allele read from the genome.

    Args:
        found: the answer on screen.
        kind: one of Substitute, Delete, Insert before.
        position: 1-based text.
        new: new bases, or how many to delete.

    Raises:
        UserError: when it is not a change of bases inside the locus.
    """
    view = found.view
    digits = position.replace(",", "").replace(" ", "").rpartition(":")[2]
    if not digits.isdigit() or not view.locus.contains(int(digits) - 1):
        first, last = view.locus.start + 1, view.locus.end
        raise UserError(f"The position must lie inside the locus: a number from {first:,} to {last:,}.")
    place = int(digits)
    if kind == "Delete":
        count = int(new) if new.strip().isdigit() else len(new.strip()) or 1
        if not 1 <= count <= MAX_INSERT or place - 1 + count > view.locus.end:
            raise UserError(f"Write how many bases to delete, from 1 to {MAX_INSERT}, all inside the locus.")
        return _made(view, place, _reference(view, place, count, asker), "")
    bases, _ = clean_bases(new)
    if len(bases) > MAX_INSERT:
        raise UserError(f"At most {MAX_INSERT} bases can be written at once, and these are {len(bases):,}.")
    if kind == "Insert before":
        return _made(view, place, "", bases)
    if place - 1 + len(bases) > view.locus.end:
        raise UserError("These bases reach beyond the locus; write fewer, or widen the locus.")
    reference = _reference(view, place, len(bases), asker)
    if reference == bases:
        raise UserError(f"The genome already has {bases} at {place:,}; write another base.")
    return _made(view, place, reference, bases)


def _made(view: View, position: int, ref: str, alt: str) -> Variant:
    new = Variant(view.locus.chrom, position, ref, alt)
    for edit in view.edits:
        if edit.start < max(new.end, new.start + 1) and new.start < max(edit.end, edit.start + 1):
            raise UserError(f"This overlaps the edit {edit}; undo that one first.")
    return new


def _reference(view: View, position: int, count: int, asker: Asker) -> str:
    bases = compute.reference(view, asker)
    offset = position - 1 - bases.locus.start
    return bases.bases[offset : offset + count]


def _list(found: Answer, asker: Asker) -> None:
    view = found.view
    if not view.edits:
        st.caption("No edits yet. Click a base above, or write a position, and see what the change does.")
        return
    plural = "s" if len(view.edits) > 1 else ""
    st.markdown(f"**{len(view.edits)} edit{plural}** in this link")
    with st.container(gap="xxsmall", key="edits"):
        for edit in view.edits:
            _row(found, edit, asker)
    if len(view.edits) > 1:
        try:
            _line("together", "", compute.edit_effect(view, view.edits, asker), found, levels=True)
        except UserError as error:
            st.caption(f"Together: {text(error)}")
    effect_rule = _rule(view, asker)
    st.caption(f"{text(found.view.track)}, change in {text(_unit(found))}; ± between members. {text(effect_rule)}")
    st.button("Reset", type="tertiary", on_click=lambda: state.go(_unedited(view)))


def _row(found: Answer, edit: Variant, asker: Asker) -> None:
    words, undo = st.columns([0.82, 0.18], vertical_alignment="center")
    try:
        with words:
            shown = compute.edit_effect(found.view, (edit,), asker)
            _line(f"{edit.position:,}", _change(edit), shown, found)
            placed, rank = compute.effect_percentile(found.view, edit, asker)
            st.html(f'<div class="cl-note">{html.escape(_ranked(shown, placed, rank, found))}</div>')
            st.page_link(
                navigation.variants_page(),
                label="See as a variant",
                help="What this change does by itself: both alleles in register, every track, the motif made or broken.",
                query_params=replace(found.view, edits=(edit,), beside=None).to_query(),
            )
    except UserError as error:
        words.caption(text(error))
    undo.button("Undo", key=f"undo-{edit}", type="tertiary", on_click=_undo, args=(found.view, edit))


def _line(where: str, what: str, effect: Effect, found: Answer, *, levels: bool = False) -> None:
    track = found.spec.track_index(found.view.track)
    delta = float(effect.delta[track])
    tone = "cl-up" if delta > 0 else "cl-down"
    sign = "+" if delta > 0 else ""
    digits = _digits(found)
    value = f"{sign}{signed(delta, digits)} ± {effect.spread[track]:.{digits}f}"
    tail = (
        f" &nbsp;{signed(float(effect.before[track]), digits)} → {signed(float(effect.after[track]), digits)}"
        if levels or what
        else ""
    )
    warn = "" if effect.signs_agree[track] or abs(delta) < 0.05 else " · members disagree in sign"
    st.html(
        f'<div class="cl-edit"><span>{html.escape(where)} <b>{html.escape(what)}</b></span>'
        f'<span><span class="{tone}">{html.escape(value)}</span>{tail}{html.escape(warn)}</span></div>'
    )


def _ranked(shown: Effect, placed: Effect, rank: Rank, found: Answer) -> str:
    """The percentile in words, with the value it belongs to where that is not the one shown."""
    track = found.spec.track_index(found.view.track)
    words = rank.text
    if rank.percentile is not None and shown.rule != placed.rule:
        sign = "+" if placed.delta[track] > 0 else ""
        words = f"{sign}{signed(float(placed.delta[track]), _digits(found))} in windows around it, {words}"
    return f"{words[:1].upper()}{words[1:]}{' · ' if rank.flag else ''}{rank.flag}"


def _digits(found: Answer) -> int:
    """Digits after the point: one for log odds, one more than the track itself needs for a change of an activity."""
    track = found.spec.tracks[found.spec.track_index(found.view.track)]
    return 1 if reading(track.unit, track.kind) == "odds" else digits_for(track.sd) + 1


def _letters(found: Answer, asker: Asker) -> None:
    st.markdown("**Letters before and after**")
    if not found.view.edits:
        st.caption("Make an edit to compare the contributions in register.")
        return
    if found.attribution is None:
        st.caption(f"Letters are computed for up to {compute.MAX_LETTERS:,} bp: zoom in.")
        return
    before = compute.attribution(_unedited(found.view), asker)
    picture = compare.before_and_after(before, found.attribution, found.view.edits, palette=st.session_state["palette"])
    st.image(picture)
    st.caption(
        f"Contributions to {text(found.view.track)}, {text(found.attribution.unit)}, on one scale; gaps keep them in register."
    )


def _change(edit: Variant) -> str:
    if not edit.alt:
        return f"delete {edit.ref if len(edit.ref) <= 12 else f'{len(edit.ref)} bp'}"
    if not edit.ref:
        return f"insert {edit.alt if len(edit.alt) <= 12 else f'{len(edit.alt)} bp'}"
    return f"{edit.ref}>{edit.alt}"


def _rule(view: View, asker: Asker) -> str:
    try:
        return compute.edit_effect(view, view.edits[:1], asker).rule
    except UserError:
        return ""


def _unit(found: Answer) -> str:
    """What effects are counted in: always the usual scalar of the track, whatever is explained."""
    track = found.spec.tracks[found.spec.track_index(found.view.track)]
    return track.target.unit(found.spec)


def _unedited(view: View) -> View:
    return replace(view, edits=())


def _undo(view: View, edit: Variant) -> None:
    state.go(view.without_edit(edit))
