"""The part of the Design form where the picks of active learning are chosen, or given from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import compute
from app.compute_acquire import LOG2_BOUNDS
from app.design_candidates import n_windows, stretches
from app.design_question import DesignQuestion
from app.screens import state
from app.set_rows import read_text
from app.view import View
from app.widgets import text
from experiment.acquire import reason
from experiment.design_picks import PICK_BOUNDS, Picks
from genome.errors import UserError
from models import registry

PREFIX = "design-"
_HERE, _GIVEN = "chosen here", "pasted"
_TILED, _LISTED = "windows over the places", "a list"
_NUMBERS = {"n": "pick", "step": "pick_step", "around": "around"}  # names of a plan -> of a link and of the form
_USUAL = Picks(50, around=5_000)
_WORDS = {
    "core-set": "unlike one another (core-set)",
    "lcmd": "most to learn, spread out (LCMD)",
    "variance": "where the networks disagree (variance)",
    "entropy": "class of activity least certain (entropy)",
    "margin": "two classes of activity closest (margin)",
    "mix": "half at random, half by LCMD (mix)",
    "random": "at random",
}


@dataclass(frozen=True)
class Asked:
    """What the form asks for.

    Attributes:
        wanted: what is to be chosen; None where picks are given.
        given: picks from elsewhere.
        candidates: among which is chosen; empty for windows over the places.
    """

    wanted: Picks | None = None
    given: str = ""
    candidates: str = ""


NONE = Asked()


def put(asked: DesignQuestion | None) -> None:
    """Fills in what a link asks for, or usual values."""
    values: Any = st.session_state
    wanted = (asked.plan.picks if asked is not None else None) or _USUAL
    given = asked is not None and asked.plan.picks is None and bool(asked.acquired)
    values[key_of("picks_from")] = _GIVEN if given else _HERE
    values[key_of("pool")] = _LISTED if asked is not None and asked.candidates else _TILED
    values[key_of("strategy")] = wanted.strategy
    for part, name in _NUMBERS.items():
        values[key_of(name)] = getattr(wanted, part)
    values[key_of("low")], values[key_of("high")] = (float(bound) for bound in wanted.bounds or LOG2_BOUNDS)


def section(view: View, *, listed: bool, beside: bool) -> None:
    """Draws the part.

    Args:
        view: whose model and track choose.
        listed: whether places are listed; else the place looked at is meant.
        beside: whether random elements are ordered too.
    """
    values: Any = st.session_state
    with st.container(border=True, key="designing-picks"):
        columns = st.columns([0.22, 0.14, 0.34, 0.3])
        columns[0].segmented_control("Active-learning picks", [_HERE, _GIVEN], key=key_of("picks_from"), required=True)
        if values[key_of("picks_from")] == _GIVEN:
            st.text_area(
                "Picks from elsewhere: rows of the list of places by number, places, or a FASTA",
                key=key_of("acquired"),
                height=120,
                placeholder="12\n57\n101",
            )
            return
        _number(columns[1], "n", "How many")
        columns[2].selectbox("Strategy", list(_WORDS), format_func=_WORDS.__getitem__, key=key_of("strategy"))
        columns[3].segmented_control("Candidates", [_TILED, _LISTED], key=key_of("pool"), required=True)
        if values[key_of("strategy")] in ("entropy", "margin"):
            _classes(view)
        if values[key_of("pool")] == _TILED:
            _windows(view, listed=listed, beside=beside)
        else:
            _list()
        st.caption(text(reason(values[key_of("strategy")]), 500))
        if not beside:
            st.caption(
                "Choose the arm random too: as many random candidates beside the picks show whether choosing helped."
            )


def read() -> Asked:
    """What stands in the form.

    Raises:
        UserError: when a list is empty, or a file is none.
    """
    values: Any = st.session_state
    if values[key_of("picks_from")] == _GIVEN:
        return Asked(given=values[key_of("acquired")])
    strategy = values[key_of("strategy")]
    bounds = (values[key_of("low")], values[key_of("high")]) if strategy in ("entropy", "margin") else None
    numbers = {part: int(values[key_of(name)]) for part, name in _NUMBERS.items()}
    wanted = Picks(strategy=strategy, bounds=bounds, **numbers)
    if values[key_of("pool")] == _TILED:
        return Asked(wanted)
    upload = values.get(key_of("file-candidates"))
    listed = read_text(upload.getvalue()) if upload is not None else values[key_of("candidates")]
    if not listed.strip():
        raise UserError(f"The list of candidates is empty; paste sequences or places, or choose {_TILED}.")
    return Asked(wanted, candidates=listed)


def key_of(name: str) -> str:
    """The key of a part of the Design form; all of them are kept while another page is open."""
    return f"{PREFIX}{name}"


def _number(column: Any, part: str, label: str) -> None:
    low, high, words = PICK_BOUNDS[part]
    column.number_input(label, low, high, step=1, key=key_of(_NUMBERS[part]), help=f"The {words}.")


def _classes(view: View) -> None:
    """Where classes of activity begin."""
    spec = registry.spec(view.model)
    unit = spec.tracks[spec.track_index(view.track)].unit
    low, high = st.columns(2)
    low.number_input(text(f"Silencers lie below ({unit})"), step=0.5, key=key_of("low"))
    high.number_input(text(f"Enhancers lie above ({unit})"), step=0.5, key=key_of("high"))


def _windows(view: View, *, listed: bool, beside: bool) -> None:
    """Windows over the places, and how many there are over the place looked at."""
    values: Any = st.session_state
    step, around, said = st.columns([0.17, 0.2, 0.63], vertical_alignment="bottom")
    _number(step, "step", "A window every (bp)")
    _number(around, "around", "Around each place (bp)")
    if listed:
        said.caption("Windows of an element's length over the places of the list, and as many bp around each.")
        return
    length, wanted = values[key_of("length")], values[key_of("pick")]
    genome = compute.genome(view, state.asker())
    many = n_windows(
        stretches((view.locus,), length, values[key_of("around")], genome), length, values[key_of("pick_step")]
    )
    random = ", and as many at random" if beside else ""
    enough = many >= wanted * (2 if beside else 1)
    said.caption(
        text(
            f"{many:,} windows of {length:,} bp over {view.locus} and around it, of which {wanted:,} are chosen{random}"
            + ("." if enough else ": too few; take more bp around the place, a shorter step, or fewer picks.")
        )
    )


def _list() -> None:
    """Candidates that are pasted or uploaded."""
    left, right = st.columns([0.6, 0.4])
    left.text_area(
        "Sequences as long as an element (FASTA, or a table with a column sequence), or places, of which the middle counts",
        key=key_of("candidates"),
        height=140,
        placeholder=">enhancer 1\nACGT…",
    )
    upload = right.file_uploader(
        "or a file of them: FASTA, table, BED", key=key_of("file-candidates"), max_upload_size=5
    )
    if upload is not None:
        right.caption(text(f"{upload.name} counts instead of what is typed."))
