"""The pickers: genome, model, track, and how to explain."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.examples import EXAMPLES, first_place
from app.export import RESEARCH_USE
from app.screens import state
from app.screens.beside import name_of as beside_name
from app.side_by_side import choices
from app.view import MAX_SEED, PASTED, REDUCTIONS, Beside, View
from app.widgets import UNITS, text
from genome import catalog
from genome.locus import parse_locus
from interpret.methods import BASELINE_WORDS, METHODS
from models import registry
from models.core import ModelSpec

NOTHING = "nothing"


def show(view: View) -> None:
    """Draws the sidebar; a choice changes the view before the page runs again."""
    _follow(view)
    with st.sidebar:
        st.html('<div class="cl-brand">Cislens</div><div class="cl-sub">see what the model sees</div>')
        _genome(view)
        spec = registry.spec(view.model)
        names = [found.model_id for found in registry.specs()]
        help_unit = UNITS.get(spec.tracks[0].unit)
        if spec.model_id not in names:
            names.append(spec.model_id)
        st.selectbox("Model", names, format_func=_model_name, key="model", on_change=_changed, args=(view, "model"))
        members = f"{spec.n_members} members" if spec.n_members > 1 else "1 member"
        unit = text(spec.tracks[0].unit)
        st.caption(f"{text(spec.title)} · {spec.input_length} bp window · {members} · {unit}", help=help_unit)
        st.selectbox("Track", [t.name for t in spec.tracks], key="track", on_change=_changed, args=(view, "track"))
        _explained(view, spec)
        _beside(view)
        st.selectbox(
            "Explain with",
            list(METHODS),
            format_func=lambda m: METHODS[m].title,
            key="method",
            on_change=_changed,
            args=(view, "method"),
            help="  \n".join(f"**{text(m.title)}.** {text(m.question)}" for m in METHODS.values()),
        )
        method = METHODS[view.method]
        st.selectbox(
            "Reference",
            method.baselines,
            format_func=lambda b: BASELINE_WORDS[b].choice,
            key="baseline",
            on_change=_changed,
            args=(view, "baseline"),
            disabled=len(method.baselines) == 1,
            help="What the sequence is compared with. Uniform: a quarter of each base everywhere. Zeros: no base at all, "
            "as in many papers. Shuffles: the same bases in another order; slower, and it depends on the seed.",
        )
        if BASELINE_WORDS[view.baseline].seeded:
            st.number_input("Seed", 0, MAX_SEED, key="seed", on_change=_changed, args=(view, "seed"))
        st.selectbox("Letter colours", ["safe", "classic"], format_func=_palette_name, key="palette")
        strands = "both strands" if len(spec.strands) > 1 else "forward strand"
        seed = f" · seed {view.seed}" if BASELINE_WORDS[view.baseline].seeded else ""
        st.caption(f"Read on {strands}{seed}")
        with st.popover("About this model", width="stretch"):
            st.markdown(spec.card or text(spec.origin) or "This model has no card.")
        for fault in registry.problems():
            st.caption(f"A model is left out: {text(fault)}")
        st.caption(RESEARCH_USE)


def _explained(view: View, spec: ModelSpec) -> None:
    """Which number of the track is explained; nothing to choose where there is one."""
    known = next((t.reductions for t in spec.tracks if t.name == view.track), ())
    if len(known) < 2:
        return
    st.session_state["reduce"] = view.reduce if view.reduce in known else known[0]
    st.selectbox(
        "Explain",
        known,
        format_func=lambda reduce: REDUCTIONS[reduce].capitalize(),
        key="reduce",
        on_change=_changed,
        args=(view, "reduce"),
        help="A profile can be explained twice: how many reads fall into the window, or where in it they fall, however "
        "many they are.",
    )


def _beside(view: View) -> None:
    """What is drawn beneath on the same locus."""
    options: list[Beside | str] = [NOTHING, *choices(view)]
    if view.beside is not None and view.beside not in options:
        options.append(view.beside)
    st.selectbox(
        "Side by side with",
        options,
        format_func=lambda beside: beside if beside == NOTHING else beside_name(beside, view),
        key="beside",
        on_change=_changed,
        args=(view, "beside"),
        help="Another cell type of this model, or another model, drawn beneath on the same locus.",
    )


def _genome(view: View) -> None:
    entries = {entry.name: entry for entry in catalog.genomes()}
    names = [*entries, *([PASTED] if view.genome == PASTED else [])]

    def title(name: str) -> str:
        if name == PASTED:
            return "Pasted sequence"
        return f"{entries[name].title}" + ("" if entries[name].is_local else " · from UCSC")

    picker, note = st.container(), st.empty()
    picker.selectbox("Genome", names, format_func=title, key="genome", on_change=_changed, args=(view, "genome"))
    if view.genome in entries and entries[view.genome].synthetic:
        note.html('<div class="cl-synthetic">Synthetic DNA, made for trying things out: no organism has it.</div>')


def _follow(view: View) -> None:
    """Sets the pickers to the view: the address decides, the pickers follow."""
    chosen = {
        "genome": view.genome,
        "model": view.model,
        "track": view.track,
        "method": view.method,
        "baseline": view.baseline,
        "seed": view.seed,
        "beside": view.beside or NOTHING,
    }
    for key, value in chosen.items():
        st.session_state[key] = value
    st.session_state.setdefault("palette", "safe")


def _changed(view: View, key: str) -> None:
    value = st.session_state[key]
    if key == "genome":
        if value == PASTED:
            return
        place = first_place(value)
        locus = parse_locus(place) if place else view.locus
        track = next((e.track for e in EXAMPLES if e.genome == value), view.track)
        known = [t.name for t in registry.spec(view.model).tracks]
        track = track if track in known else view.track
        view = replace(
            view,
            reduce=view.reduce if track == view.track else "mean",
            genome=value,
            locus=locus,
            edits=(),
            contig="",
            bases="",
            stored="",
            track=track,
        )
    elif key == "model":
        names = [track.name for track in registry.spec(value).tracks]
        view = replace(view, model=value, track=view.track if view.track in names else names[0], reduce="mean")
    elif key == "track":
        view = replace(view, track=value, reduce="mean")
    elif key == "method":
        view = view.with_method(value)
    elif key == "beside":
        view = replace(view, beside=None if value == NOTHING else value)
    else:
        view = replace(view, **{key: value})
    if view.beside == Beside(view.model, view.track):
        view = replace(view, beside=None)
    state.go(view)


def _model_name(model_id: str) -> str:
    """Name and version apart, as people read them."""
    name, _, version = model_id.rpartition("-")
    return f"{name} · {version}"


def _palette_name(palette: str) -> str:
    return {"safe": "Colour-blind safe", "classic": "Classic (A green, C blue, G orange, T red)"}[palette]
