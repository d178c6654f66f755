"""The forms of the What if screen: each gives a question that waits for who asks."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import compute_whatif
from app.compute import Asker
from app.view import View
from app.whatif_record import Result
from interpret.trans import Kind
from interpret.whatif import (
    FEWEST_BACKGROUNDS,
    FEWEST_SHUFFLES,
    Scale,
    default_scale,
    has_amounts,
    scale_words,
    unit_of,
)
from interpret.whatif_stretch import SHORTEST_TILE
from models import registry

Question = Callable[[Asker], Result]
PREFIX = "whatif-in-"
QUESTIONS = {
    "Change a motif": "Put a motif in, take it out, move it or turn it at this place. The number of bases stays the same.",
    "Two motifs": "Two motifs at every spacing, in all orders and orientations: do they do more together than apart?",
    "Shuffle tiles": "Scramble this place tile by tile (CRISPR interference in silico): which parts carry the prediction?",
    "Everywhere": "One motif in the middle of many backgrounds: what it does by itself, whatever stands around it.",
    "Needed or enough": "A stretch scrambled where it stands, and kept while all else is scrambled.",
    "How additive": "How much of what the model does here is a sum over single bases, and how much needs pairs.",
}
KINDS: dict[str, Kind] = dict(
    zip(QUESTIONS, ("change", "pair", "tiles", "everywhere", "stretch", "additive"), strict=True)
)
_ACTS: tuple[compute_whatif.Act, ...] = ("Take out", "Put in", "Move", "Flip")
_FOR = "whatif-filled-for"


def fill_in(view: View, asker: Asker) -> None:
    """Fills the forms in for a place and a model, once: with the motif that stands there, if one does."""
    place = (view.model, view.genome, view.locus, view.edits)
    if st.session_state.get(_FOR) == place:
        return
    first, second = compute_whatif.first_motifs(registry.spec(view.model))
    motif, where = compute_whatif.found_here(view, asker)
    _set("first", first)
    _set("second", second)
    _set("everywhere", motif or first)
    _set("act", _ACTS[0] if motif else "Put in")
    _set("motif", motif or first)
    _set("where", where)
    _set("stretch", where or compute_whatif.middle_of(view))
    st.session_state[_FOR] = place


def fill_in_words(typed: str, motifs: tuple[str, ...]) -> None:
    """Fills the forms in from a question in words."""
    acts = {"Put in": r"\b(put|insert|add)", "Move": r"\bmov", "Flip": r"\b(flip|turn|invert)"}
    act = next((name for name, pattern in acts.items() if re.search(pattern, typed, re.IGNORECASE)), "Take out")
    _set("act", act)
    if motifs:
        for name in ("motif", "everywhere", "first"):
            _set(name, motifs[0])
        _set("where", "")
        _set("stretch", "")
        _set("needed-motif", motifs[0])
    if len(motifs) > 1:
        _set("second", motifs[1])


def form(question: str, view: View) -> Question:
    """Draws the fields of a question and gives what asks it."""
    return _FORMS[question](view)


def _change(view: View) -> Question:
    act = st.segmented_control("What to do", _ACTS, key=PREFIX + "act", required=True) or _ACTS[0]
    motif, where, last = st.columns([0.4, 0.36, 0.24])
    name = motif.text_input("Motif", key=PREFIX + "motif", help=_MOTIF, max_chars=80)
    help_where = _WHERE if act != "Put in" else "Of its first base; left empty, it stands in the middle of the locus."
    empty = "middle of the locus" if act == "Put in" else "best match of the motif"
    at = where.text_input(
        "Position" if act == "Put in" else "Position or stretch",
        key=PREFIX + "where",
        help=help_where,
        placeholder=empty,
    )
    to = (
        last.text_input("Move to", key=PREFIX + "to", help="Where its first base should stand.")
        if act == "Move"
        else ""
    )
    strand = "+"
    if act == "Put in":
        strand = last.selectbox("Strand", ("+", "-"), key=PREFIX + "strand", help="The way it points.")
    return lambda asker: compute_whatif.change(view, act, name, at, to, strand, view.seed, asker)


def _pair(view: View) -> Question:
    left, right, low, high, step = st.columns([0.3, 0.3, 0.13, 0.14, 0.13])
    first = left.text_input("First motif", key=PREFIX + "first", help=_MOTIF, max_chars=80)
    second = right.text_input("Second motif", key=PREFIX + "second", help=_MOTIF, max_chars=80)
    narrowest = _number(low, "gap-low", "Gap from, bp", 0, 0, 500, 1)
    widest = _number(high, "gap-high", "to, bp", 16, 0, 500, 1)
    every = _number(step, "gap-step", "every, bp", 2, 1, 50, 1)
    n, seed, scale = _draws(view, "pair")
    gaps = range(narrowest, widest + 1, every)
    return lambda asker: compute_whatif.spacing(view, first, second, gaps, n, seed, scale, asker)


def _tiles(view: View) -> Question:
    tile, shuffles, start = st.columns(3)
    default = 10 if view.locus.length <= 300 else 20
    length = _number(tile, "tile", "Tile, bp", default, SHORTEST_TILE, 1_000, 5)
    n = _number(shuffles, "tile-n", "Shuffles of each tile", FEWEST_SHUFFLES, FEWEST_SHUFFLES, 1_000, 10)
    seed = _number(start, "tile-seed", "Seed", view.seed, 0, 2**31 - 1, 1)
    return lambda asker: compute_whatif.tiles(view, length, n, seed, asker)


def _everywhere(view: View) -> Question:
    motif, strand = st.columns([0.75, 0.25])
    name = motif.text_input("Motif", key=PREFIX + "everywhere", help=_MOTIF, max_chars=80)
    along = strand.selectbox("Strand", ("+", "-"), key=PREFIX + "everywhere-strand")
    n, seed, scale = _draws(view, "everywhere")
    return lambda asker: compute_whatif.everywhere(view, name, along, n, seed, scale, asker)


def _needed(view: View) -> Question:
    stretch, motif = st.columns(2)
    where = stretch.text_input("Stretch", key=PREFIX + "stretch", help=_WHERE, placeholder="best match of the motif")
    st.session_state.setdefault(PREFIX + "needed-motif", st.session_state[PREFIX + "motif"])
    name = motif.text_input(
        "or the best match of", key=PREFIX + "needed-motif", help="Read where no stretch is given.", max_chars=80
    )
    n, seed, scale = _draws(view, "needed")
    return lambda asker: compute_whatif.needed(view, where, name, n, seed, scale, asker)


def _additive(view: View) -> Question:
    mutants, start, what = st.columns([0.25, 0.2, 0.55])
    least = 3_000
    n = _number(mutants, "mutants", "Mutants", least, 1_000, 30_000, 1_000)
    seed = _number(start, "additive-seed", "Seed", view.seed, 0, 2**31 - 1, 1)
    scale = _scale(what, view, "additive")
    return lambda asker: compute_whatif.additive(view, n, seed, scale, asker)


_FORMS: dict[str, Callable[[View], Question]] = dict(
    zip(QUESTIONS, (_change, _pair, _tiles, _everywhere, _needed, _additive), strict=True)
)
_MOTIF = "A factor such as CTCF, a JASPAR accession such as MA0139, or DNA letters. A name stands for its best-scoring sequence."
_WHERE = (
    "A position (58,420) or a stretch (58,420-58,438) of the locus; left empty, the best match of the motif is taken."
)


def _draws(view: View, name: str) -> tuple[int, int, Scale]:
    """Backgrounds, seed and scale, side by side."""
    many, start, what = st.columns([0.25, 0.2, 0.55])
    n = _number(many, f"{name}-n", "Backgrounds", FEWEST_BACKGROUNDS, FEWEST_BACKGROUNDS, 1_000, 50)
    seed = _number(start, f"{name}-seed", "Seed", view.seed, 0, 2**31 - 1, 1)
    return n, seed, _scale(what, view, name)


def _scale(place: DeltaGenerator, view: View, name: str) -> Scale:
    """What effects are counted in; a model with one scale only is given no choice."""
    spec = registry.spec(view.model)
    scales: list[Scale] = ["explained", "amount"] if has_amounts(spec) else ["explained"]
    key = f"{PREFIX}{name}-scale-{spec.name}"
    st.session_state.setdefault(key, default_scale(spec))
    chosen = place.selectbox(
        "Counted in",
        scales,
        format_func=lambda scale: unit_of(spec, 0, scale),
        key=key,
        help=" ".join(scale_words(spec, scale) for scale in scales),
    )
    return chosen or scales[0]


def _number(place: DeltaGenerator, name: str, label: str, first: int, low: int, high: int, step: int) -> int:
    key = PREFIX + name
    st.session_state.setdefault(key, min(max(first, low), high))
    return int(place.number_input(label, low, high, step=step, key=key))


def _set(name: str, value: str) -> None:
    st.session_state[PREFIX + name] = value
