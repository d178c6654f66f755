"""The forms of the What if screen: each is read as a question, and filled in from one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import compute_whatif
from app.compute import Asker
from app.question import ACTS, BACKGROUNDS, FIELDS, Question, question
from app.view import MAX_SEED, PASTED, View
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

PREFIX = "whatif-in-"
QUESTIONS = {
    "Change a motif": "Put a motif in, take it out, move it or turn it at this place. The number of bases stays the same.",
    "Two motifs": "Two motifs at every spacing, in all orders and orientations: do they do more together than apart?",
    "Shuffle tiles": "Scramble this place tile by tile (CRISPR interference in silico): which parts carry the prediction?",
    "Everywhere": "One motif in the middle of many backgrounds: what it does by itself, whatever stands around it.",
    "Needed or enough": "A stretch scrambled where it stands, and kept while all else is scrambled.",
    "How additive": "How much of what the model does here is a sum over single bases, and how much needs pairs.",
}
KINDS: dict[str, Kind] = dict(zip(QUESTIONS, FIELDS, strict=True))
NAMES: dict[Kind, str] = {kind: name for name, kind in KINDS.items()}
CHOSEN = "whatif-question"  # where the screen keeps which question is open
Read = Callable[[], Question]
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
    _set("act", ACTS[0] if motif else "Put in")
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


def fill_in_question(asked: Question, view: View) -> None:
    """Fills the form of a question in from a link."""
    st.session_state[CHOSEN] = NAMES[asked.kind]
    for name, value in asked.values:
        st.session_state[PREFIX + _key(asked.kind, name, view)] = value


def form(name: str, view: View) -> Read:
    """Draws the fields of a question and gives what reads them: a UserError where one holds what it cannot."""
    return _FORMS[name](view)


def _key(kind: Kind, name: str, view: View) -> str:
    """Where a field of a question is kept, after ``PREFIX``."""
    if name == "scale":
        return f"{kind}-scale-{registry.spec(view.model).name}"
    own = {
        ("everywhere", "motif"): "everywhere", ("stretch", "where"): "stretch", ("stretch", "motif"): "needed-motif",
        ("additive", "n"): "mutants",
    }  # fmt: skip
    plain = kind == "change" or name in ("first", "second", "tile") or name.startswith("gap-")
    return own.get((kind, name), name if plain else f"{kind}-{name}")


def _change(view: View) -> Read:
    act = st.segmented_control("What to do", ACTS, key=PREFIX + "act", required=True) or ACTS[0]
    motif, where, last, draw = st.columns([0.34, 0.32, 0.18, 0.16])
    name = motif.text_input("Motif", key=PREFIX + "motif", help=_MOTIF, max_chars=80)
    help_where = _WHERE if act != "Put in" else "Of its first base; left empty, it stands in the middle of the locus."
    empty = "middle of the locus" if act == "Put in" else "best match of the motif"
    at = where.text_input(
        "Position" if act == "Put in" else "Position or stretch",
        key=PREFIX + "where",
        max_chars=80,
        help=help_where,
        placeholder=empty,
    )
    to, strand, seed = "", "+", _kept_seed(view)
    if act == "Move":
        to = last.text_input("Move to", key=PREFIX + "to", help="Where its first base should stand.", max_chars=80)
    if act == "Put in":
        strand = last.selectbox("Strand", ("+", "-"), key=PREFIX + "strand", help="The way it points.")
    if act in ("Take out", "Move"):  # a shuffle fills the place that becomes free
        seed = _number(draw, "seed", "Seed", view.seed, 0, MAX_SEED, 1)
    return lambda: question("change", act=act, motif=name, where=at, to=to, strand=strand, seed=seed)


def _pair(view: View) -> Read:
    left, right, low, high, step = st.columns([0.3, 0.3, 0.13, 0.14, 0.13])
    first = left.text_input("First motif", key=PREFIX + "first", help=_MOTIF, max_chars=80)
    second = right.text_input("Second motif", key=PREFIX + "second", help=_MOTIF, max_chars=80)
    narrowest = _number(low, "gap-low", "Gap from, bp", 0, 0, 500, 1)
    widest = _number(high, "gap-high", "to, bp", 16, 0, 500, 1)
    every = _number(step, "gap-step", "every, bp", 2, 1, 50, 1)
    draws = _draws(view, "pair", drawn=True)
    return lambda: question(
        "pair", first=first, second=second, gap_low=narrowest, gap_high=widest, gap_step=every, **draws
    )


def _tiles(view: View) -> Read:
    tile, shuffles, start = st.columns(3)
    default = 10 if view.locus.length <= 300 else 20
    length = _number(tile, "tile", "Tile, bp", default, SHORTEST_TILE, 1_000, 5)
    n = _number(shuffles, "tiles-n", "Shuffles of each tile", FEWEST_SHUFFLES, FEWEST_SHUFFLES, 1_000, 10)
    seed = _number(start, "tiles-seed", "Seed", view.seed, 0, MAX_SEED, 1)
    return lambda: question("tiles", tile=length, n=n, seed=seed)


def _everywhere(view: View) -> Read:
    motif, strand = st.columns([0.75, 0.25])
    name = motif.text_input("Motif", key=PREFIX + "everywhere", help=_MOTIF, max_chars=80)
    along = strand.selectbox("Strand", ("+", "-"), key=PREFIX + "everywhere-strand")
    draws = _draws(view, "everywhere", drawn=True)
    return lambda: question("everywhere", motif=name, strand=along, **draws)


def _needed(view: View) -> Read:
    stretch, motif = st.columns(2)
    where = stretch.text_input(
        "Stretch", key=PREFIX + "stretch", help=_WHERE, placeholder="best match of the motif", max_chars=80
    )
    st.session_state.setdefault(PREFIX + "needed-motif", st.session_state[PREFIX + "motif"])
    name = motif.text_input(
        "or the best match of", key=PREFIX + "needed-motif", help="Read where no stretch is given.", max_chars=80
    )
    draws = _draws(view, "stretch", drawn=False)
    return lambda: question("stretch", where=where, motif=name, **draws)


def _additive(view: View) -> Read:
    mutants, start, what = st.columns([0.25, 0.2, 0.55])
    least = 3_000
    n = _number(mutants, "mutants", "Mutants", least, 1_000, 30_000, 1_000)
    seed = _number(start, "additive-seed", "Seed", view.seed, 0, MAX_SEED, 1)
    scale = _scale(what, view, "additive")
    return lambda: question("additive", n=n, seed=seed, scale=scale)


_FORMS: dict[str, Callable[[View], Read]] = dict(
    zip(QUESTIONS, (_change, _pair, _tiles, _everywhere, _needed, _additive), strict=True)
)
_MOTIF = "A factor such as CTCF, a JASPAR accession such as MA0139, or DNA letters. A name stands for its best-scoring sequence."
_WHERE = (
    "A position (58,420) or a stretch (58,420-58,438) of the locus; left empty, the best match of the motif is taken."
)


def _draws(view: View, kind: Kind, *, drawn: bool) -> dict[str, Any]:
    """Backgrounds, seed and scale, side by side; where motifs are put into them, also what they are."""
    many, start, what, *kinds = st.columns([0.2, 0.2, 0.3, 0.3] if drawn else [0.25, 0.2, 0.55])
    found: dict[str, Any] = {
        "n": _number(many, f"{kind}-n", "Backgrounds", FEWEST_BACKGROUNDS, FEWEST_BACKGROUNDS, 1_000, 50),
        "seed": _number(start, f"{kind}-seed", "Seed", view.seed, 0, MAX_SEED, 1),
        "scale": _scale(what, view, kind),
    }
    if drawn:
        offered, key = ["shuffled"] if view.genome == PASTED else list(BACKGROUNDS), f"{PREFIX}{kind}-backgrounds"
        if st.session_state.get(key) not in offered:
            st.session_state[key] = offered[0]
        found["backgrounds"] = kinds[0].selectbox(
            "Put into",
            offered,
            format_func=lambda name: BACKGROUNDS[name],
            key=key,
            help="Shuffles keep the composition of this window. Quiet windows are real DNA nearby of which the model predicts "
            "least: the lowest third of those drawn.",
        )
    return found


def _kept_seed(view: View) -> int:
    """The seed of a change that draws nothing: part of the question all the same."""
    return int(st.session_state.setdefault(PREFIX + "seed", view.seed))


def _scale(place: DeltaGenerator, view: View, kind: Kind) -> Scale:
    """What effects are counted in; a model with one scale only is given no choice."""
    spec = registry.spec(view.model)
    scales: list[Scale] = ["explained", "amount"] if has_amounts(spec) else ["explained"]
    key = PREFIX + _key(kind, "scale", view)
    if st.session_state.get(key) not in scales:
        st.session_state[key] = default_scale(spec)
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
