"""The form of the Design screen: arms, numbers, lists, the oligo, prices. What is not opened keeps its usual values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.design_question import DesignQuestion
from app.screens import design_picks
from app.screens.design_picks import PREFIX, key_of
from app.view import View
from app.widgets import text
from experiment.design import ARMS, BOUNDS, Arm, Costs, Plan
from experiment.design_layout import ENZYMES, GUIDE_LAYOUT, LAYOUTS, Layout
from genome.errors import UserError
from genome.uploads import text_of
from models import registry

OWN = "your own"
_FOLLOWS = "designing-follows"
_MPRA_ARMS: tuple[Arm, ...] = ("hypothesis", "positive control", "negative control")
_CRISPRI_ARMS: tuple[Arm, ...] = ("tiling", "random", "positive control", "negative control")
_WORDS: dict[Arm, str] = {
    "hypothesis": "hypothesis mutants",
    "saturation": "saturation",
    "tiling": "tiling",
    "variant": "variants, both alleles",
    "acquired": "active-learning picks",
    "random": "random",
    "positive control": "positive controls",
    "negative control": "negative controls",
}
_LAYOUT_KEYS = ("left", "middle", "right", "barcode_length", "gc_low", "gc_high", "longest_run", "longest_oligo")
_COST_KEYS = ("per_oligo", "per_replicate", "budget", "currency")


def keep_typed() -> None:
    """Keeps what was typed while another page, or another part of the form, is open."""
    for key in list(st.session_state):
        if str(key).startswith(PREFIX) and not str(key).startswith(
            (f"{PREFIX}make", f"{PREFIX}cancel", f"{PREFIX}file", f"{PREFIX}get")
        ):
            st.session_state[key] = st.session_state[key]


def fill_in(view: View, asked: DesignQuestion | None) -> bool:
    """Fills in usual values where there are none yet, or those of a link; whether there was one."""
    spec = registry.spec(view.model)
    usual = Plan(length=min(spec.input_length, 200))
    if asked is not None or key_of("arms") not in st.session_state:
        _put(asked.plan if asked is not None else usual)
        for name in ("places", "acquired", "positives", "candidates"):
            st.session_state[key_of(name)] = getattr(asked, name) if asked is not None else ""
        design_picks.put(asked)
        st.session_state[key_of("name")] = asked.name if asked is not None else "library"
    elif st.session_state.get(_FOLLOWS) != view.model:
        st.session_state[key_of("length")] = usual.length
    st.session_state[_FOLLOWS] = view.model
    return asked is not None


def _put(plan: Plan) -> None:
    state: Any = st.session_state
    state[key_of("assay")], state[key_of("arms")] = plan.assay, list(plan.arms)
    state[key_of("was")] = plan.assay
    for name in (*BOUNDS, "deletions", "leave_out"):
        state[key_of(name)] = getattr(plan, name)
    known = {**LAYOUTS, GUIDE_LAYOUT.name: GUIDE_LAYOUT}
    state[key_of("layout")] = plan.layout.name if known.get(plan.layout.name) == plan.layout else OWN
    _put_layout(plan.layout)
    for name in _COST_KEYS:
        value = getattr(plan.costs, name)
        state[key_of(name)] = value if name == "currency" else float(value)


def _put_layout(layout: Layout) -> None:
    for name in _LAYOUT_KEYS:
        st.session_state[key_of(name)] = getattr(layout, name)
    known = [site for site in layout.sites if site in ENZYMES]
    st.session_state[key_of("sites")] = known
    st.session_state[key_of("other_sites")] = ", ".join(site for site in layout.sites if site not in ENZYMES)


def form(view: View) -> Callable[[], DesignQuestion]:
    """Draws the form; what it returns reads it, and raises a UserError where it holds what it cannot."""
    assay = st.segmented_control(
        "Assay", ["MPRA", "CRISPRi"], key=key_of("assay"), required=True, on_change=_other_assay
    )
    guides = assay == "CRISPRi"
    shown = [arm for arm in ARMS if not guides or arm in _CRISPRI_ARMS]
    st.pills("Arms", shown, selection_mode="multi", format_func=_WORDS.__getitem__, key=key_of("arms"))
    chosen: list[Arm] = [arm for arm in st.session_state[key_of("arms")] if arm in shown]
    _numbers(chosen, guides=guides)
    if "acquired" in chosen:
        design_picks.section(view, listed=bool(_places().strip()), beside="random" in chosen)
    listed = [name for name in ("places", "positives") if st.session_state.get(key_of(name))]
    with st.expander(
        f"Lists of places and controls{f' ({len(listed)} given)' if listed else ''}", key="designing-lists"
    ):
        _lists(guides=guides)
    layout = _oligo(guides=guides)
    with st.expander("Prices and budget", key="designing-prices"):
        _prices()
    st.checkbox("Leave out what cannot be ordered, and list it", key=key_of("leave_out"))
    return lambda: _read(view, chosen, layout, guides=guides)


def _other_assay() -> None:
    """The usual arms and oligo of the assay that was chosen."""
    assay = st.session_state[key_of("assay")]
    guides = assay == "CRISPRi"
    layout = GUIDE_LAYOUT if guides else next(iter(LAYOUTS.values()))
    st.session_state[key_of("arms")] = list(_CRISPRI_ARMS[:2] + _CRISPRI_ARMS[3:] if guides else _MPRA_ARMS)
    st.session_state[key_of("layout")] = layout.name
    _put_layout(layout)


def _numbers(chosen: list[Arm], *, guides: bool) -> None:
    """The numbers that the chosen arms need."""
    wanted = [("guides", "Guides per place")] if guides else [("length", "Element (bp)"), ("barcodes", "Barcodes each")]
    wanted.append(("replicates", "Replicates"))
    by_arm: dict[Arm, tuple[str, str]] = {
        "hypothesis": ("motifs", "Motifs to break"),
        "tiling": ("step", "Tile step (bp)"),
        "random": ("random", "Random"),
        "positive control": ("positive", "Positive controls"),
        "negative control": ("negative", "Negative controls"),
    }
    for arm, field in by_arm.items():
        if (
            arm in chosen
            and not (guides and arm in ("tiling", "positive control"))
            and not (arm == "random" and "acquired" in chosen)
        ):
            wanted.append(field)
    wanted.append(("seed", "Seed"))
    for column, (name, label) in zip(st.columns(len(wanted)), wanted, strict=True):
        low, high, words = BOUNDS[name]
        column.number_input(label, low, high, step=1, key=key_of(name), help=f"The {words}.")
    if "saturation" in chosen:
        st.checkbox("Saturation also deletes each base", key=key_of("deletions"))


def _lists(*, guides: bool) -> None:
    """Lists that are typed, pasted or uploaded."""
    left, right = st.columns(2)
    left.text_area(
        "Places or variants, one a line, or a BED; empty: the place looked at",
        key=key_of("places"),
        height=120,
        placeholder="chr22:19,710,789-19,711,173\nchr22:19,710,933 C>T",
    )
    upload = left.file_uploader("or a file of them", key=key_of("file"), max_upload_size=5)
    if upload is not None and st.session_state.get("designing-upload") != upload.file_id:
        st.session_state["designing-upload"] = upload.file_id
        st.session_state["designing-uploaded"] = _uploaded(upload.name, upload.getvalue())
    if upload is not None:
        left.caption(text(f"{upload.name} counts instead of what is typed."))
    right.text_area(
        "Guides of 20 letters that are known to work"
        if guides
        else "Positive controls: places or a FASTA; empty: drawn",
        key=key_of("positives"),
        height=120,
    )


def _uploaded(name: str, data: bytes) -> str:
    return text_of(
        name, data, most=5_000_000, smaller="give a part of it", not_text="is not a text file; give a BED or a list"
    )


def _oligo(*, guides: bool) -> Callable[[], Layout]:
    """The oligo in one line, its parts to be opened; returns how to read it."""
    names = [GUIDE_LAYOUT.name] if guides else list(LAYOUTS)
    state: Any = st.session_state
    if state[key_of("layout")] not in (*names, OWN):
        state[key_of("layout")] = names[0]
    with st.expander(f"Oligo: {text(_summary(guides=guides), 200)}", key="designing-oligo"):
        st.selectbox("Layout", [*names, OWN], key=key_of("layout"), on_change=_layout_chosen)
        for column, (name, label) in zip(
            st.columns(3),
            (("left", "5' adaptor"), ("middle", "Before the barcode"), ("right", "3' adaptor")),
            strict=True,
        ):
            column.text_input(label, key=key_of(name), max_chars=100, on_change=_own)
        columns = st.columns(5)
        columns[0].number_input("Barcode length", 0, 20, key=key_of("barcode_length"), on_change=_own, disabled=guides)
        columns[1].number_input("GC from", 0.0, 1.0, step=0.05, key=key_of("gc_low"), on_change=_own)
        columns[2].number_input("GC to", 0.0, 1.0, step=0.05, key=key_of("gc_high"), on_change=_own)
        columns[3].number_input("Longest run of a base", 1, 20, key=key_of("longest_run"), on_change=_own)
        columns[4].number_input("Longest oligo", 1, 500, key=key_of("longest_oligo"), on_change=_own)
        enzymes, other = st.columns([0.65, 0.35])
        enzymes.multiselect("Sites that may not occur", list(ENZYMES), key=key_of("sites"), on_change=_own)
        other.text_input("Others, as letters", key=key_of("other_sites"), on_change=_own, placeholder="GAAGAC, CCWGG")

    def read() -> Layout:
        values = {name: state[key_of(name)] for name in _LAYOUT_KEYS}
        for name in ("left", "middle", "right"):
            values[name] = "".join(str(values[name]).split())
        others = [site.strip() for site in str(state[key_of("other_sites")]).split(",") if site.strip()]
        return Layout(state[key_of("layout")], sites=(*state[key_of("sites")], *others), **values)

    return read


def _summary(*, guides: bool) -> str:
    """The oligo in a few words."""
    state: Any = st.session_state
    fixed = sum(len("".join(str(state[key_of(name)]).split())) for name in ("left", "middle", "right"))
    barcode = 0 if guides else state[key_of("barcode_length")]
    sites = [*state[key_of("sites")], *filter(None, [state[key_of("other_sites")]])]
    parts = [f"{fixed + barcode + (20 if guides else state[key_of('length')])} bases"]
    parts += [f"barcodes of {barcode}"] if barcode else []
    return ", ".join(parts) + (f", without {', '.join(sites)}" if sites else "")


def _layout_chosen() -> None:
    known = {**LAYOUTS, GUIDE_LAYOUT.name: GUIDE_LAYOUT}
    chosen = known.get(st.session_state[key_of("layout")])
    if chosen is not None:
        _put_layout(chosen)
        if not chosen.barcode_length:
            st.session_state[key_of("barcodes")] = 0
        elif not st.session_state[key_of("barcodes")]:
            st.session_state[key_of("barcodes")] = 10


def _own() -> None:
    st.session_state[key_of("layout")] = OWN


def _prices() -> None:
    columns = st.columns(4)
    columns[0].number_input("Price of an oligo", 0.0, 1e6, step=0.01, key=key_of("per_oligo"))
    columns[1].number_input("Price of a replicate", 0.0, 1e9, step=50.0, key=key_of("per_replicate"))
    columns[2].number_input("Budget (0: no bound)", 0.0, 1e12, step=100.0, key=key_of("budget"))
    columns[3].text_input("Currency", key=key_of("currency"), max_chars=8)
    st.caption("With your supplier's prices the library says what it costs; without them it names no cost.")


def _read(view: View, chosen: list[Arm], layout: Callable[[], Layout], *, guides: bool) -> DesignQuestion:
    state: Any = st.session_state
    costs = Costs(*(state[key_of(name)] for name in _COST_KEYS))
    numbers = {name: int(state[key_of(name)]) for name in BOUNDS}
    numbers["barcodes"] = 0 if guides else numbers["barcodes"]
    if not chosen:
        raise UserError("Choose at least one arm of the design.")
    picked = design_picks.read() if "acquired" in chosen else design_picks.NONE
    plan = Plan(
        picks=picked.wanted,
        assay="CRISPRi" if guides else "MPRA",
        arms=tuple(chosen),
        layout=layout(),
        costs=costs,
        deletions=bool(state[key_of("deletions")]),
        leave_out=bool(state[key_of("leave_out")]),
        **numbers,
    )
    return DesignQuestion(
        view, plan, state[key_of("name")], _places(), picked.given, state[key_of("positives")], picked.candidates
    )


def _places() -> str:
    """The list of places: of the file, or else as typed."""
    state: Any = st.session_state
    uploaded = state.get("designing-uploaded", "") if state.get(key_of("file")) is not None else ""
    return str(uploaded or state[key_of("places")])
