"""What many variants do: overview plots, a table with filters, and files of all of it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import compute_variants, variant_list
from app.compute_variants import Batch
from app.export import RESEARCH_USE
from app.figures import variants as figures
from app.screens import state, variant_files
from app.variant_list import ORDERS, SHOWN_ROWS, Found, Wanted
from app.widgets import text
from genome.variant_rows import STATUSES
from interpret.wording import signed

_FIRST = 10  # rows that are listed while the rest is computed


def overview(batch: Batch, *, moving: bool) -> None:
    """The effects that are computed so far: the largest, and plots unless more of them come every moment.

    Three plots anew every few seconds keep a browser busy, and on a small machine everybody who looks at something else.
    """
    track = _track(batch)
    st.caption(f"{batch.computed:,} of {batch.known.count:,} alleles are computed.")
    if not moving:
        _plots(batch, track, key="partial")
    wanted = Wanted(track)
    found = variant_list.select(batch, wanted)
    st.markdown("**The largest effects so far**")
    _rows(batch, wanted, found, "variants-so-far", _FIRST)


def show(batch: Batch) -> None:
    """Everything of a finished batch."""
    track = _track(batch)
    st.markdown(_sentence(batch, track))
    _plots(batch, track, key="done")
    wanted = _filters(batch, track)
    found = variant_list.select(batch, wanted)
    n = len(found.places)
    shown = f"the first {SHOWN_ROWS:,} of {n:,}" if n > SHOWN_ROWS else f"{n:,}"
    st.caption(
        f"Showing {shown} alleles that match, of {batch.known.count:,}, {ORDERS[wanted.order]}. A column's head sorts "
        "what is shown; the files below hold every allele."
    )
    _rows(batch, wanted, found, "variants-table", SHOWN_ROWS)
    ranked = (
        f"Percentile: of {found.among}." if found.ranks is not None else f"{found.among[:1].upper()}{found.among[1:]}."
    )
    st.caption(text(f"{variant_list.formula(batch, track)} {ranked}", 1_200))
    variant_files.show(batch)
    st.caption(RESEARCH_USE)


def _track(batch: Batch) -> str:
    tracks = [track.name for track in batch.spec.tracks]
    if len(tracks) == 1:
        return tracks[0]
    first = state.looked_at().track
    at = tracks.index(first) if first in tracks else 0
    return str(st.selectbox("Track", tracks, index=at, key=f"variants-track-{batch.spec.model_id}"))


def _sentence(batch: Batch, track: str) -> str:
    """What stands out, in one line."""
    index = batch.spec.track_index(track)
    effects = batch.numbers.delta[:, index]
    known = np.isfinite(effects)
    if not known.any():
        return "**None of the alleles has an effect that can be computed**; the table says why."
    largest = int(np.nanargmax(np.abs(effects)))
    (row,) = compute_variants.rows_at(batch, [largest])
    spread = batch.numbers.values[compute_variants.SPREAD, largest, index]
    beside = f" (networks spread by {spread:.2g})" if batch.spec.n_members > 1 else ""
    sure = "" if batch.numbers.agree[largest, index] else "; the networks do not agree on its sign"
    written = text(compute_variants.printable(f"{row.chrom}:{row.position:,} {row.ref}>{row.alt}", 60))
    return (
        f"**{int(known.sum()):,} effects on {text(track)}.** The largest is {written}: "
        f"{text(signed(float(effects[largest]), 2))} {text(_unit(batch, track))}{beside}{sure}."
    )


def _plots(batch: Batch, track: str, *, key: str) -> None:
    numbers, index = batch.numbers, batch.spec.track_index(track)
    effects, unit = numbers.delta[:, index], _unit(batch, track)
    left, middle, right = st.columns([0.33, 0.4, 0.27])
    with left:
        st.caption("How large the effects are")
        st.plotly_chart(figures.distribution(effects, unit), key=f"variants-sizes-{key}")
    with middle:
        drawn = min(figures.MAX_DOTS, int(np.isfinite(effects).sum()))
        st.caption(f"Where the {drawn:,} largest lie")
        names = [compute_variants.printable(name, 30) for name in numbers.chroms.tolist()]
        shown = figures.along_the_genome(effects, numbers.chrom, numbers.start, names, unit)
        st.plotly_chart(shown, key=f"variants-places-{key}")
    with right:
        st.caption("What became of the alleles")
        pending = batch.known.count - batch.computed
        st.plotly_chart(figures.became(variant_list.statuses(batch), pending), key=f"variants-became-{key}")


def _filters(batch: Batch, track: str) -> Wanted:
    first = st.columns([0.3, 0.22, 0.48], vertical_alignment="bottom")
    words = first[0].text_input("Place, change or ID", key="variants-words", placeholder="chr22:1971, C>T or rs123")
    order = first[1].selectbox("Order", list(ORDERS), format_func=ORDERS.__getitem__, key="variants-order")
    known = sorted(variant_list.statuses(batch))
    statuses = first[2].multiselect(
        "Status", known, format_func=lambda code: STATUSES[code], key="variants-statuses", placeholder="all"
    )
    second = st.columns([0.3, 0.22, 0.48], vertical_alignment="bottom")
    least = second[0].number_input(
        f"Effect at least, {_unit(batch, track)}", min_value=0.0, value=0.0, step=0.1, key="variants-least"
    )
    rank = second[1].number_input("Percentile at least", 0.0, 100.0, 0.0, step=1.0, key="variants-rank")
    agree = second[2].checkbox(
        "Only where all networks give the same sign", key="variants-agree", disabled=batch.spec.n_members == 1
    )
    return Wanted(track, tuple(statuses), float(least), float(rank), bool(agree), words or "", str(order))


def _rows(batch: Batch, wanted: Wanted, found: Found, key: str, most: int) -> None:
    columns = variant_list.records(batch, wanted, found, state.locus_address(), most)
    unit = _unit(batch, wanted.track)
    members = batch.spec.n_members
    config = {
        "look": st.column_config.LinkColumn(
            "look", display_text="open", width="small", help="This variant in depth, on the Variants page."
        ),
        "effect": st.column_config.NumberColumn("effect", help=f"ALT − REF, {unit}", format="%+.3g"),
        "spread": st.column_config.NumberColumn(
            "spread", help=f"Standard deviation between {members} networks, {unit}"
        ),
        "lowest": st.column_config.NumberColumn("lowest", help="Smallest effect over the placements of the window"),
        "highest": st.column_config.NumberColumn("highest", help="Largest effect over the placements of the window"),
        "percentile": st.column_config.NumberColumn("percentile", help=f"Of {found.among}", format="%.2f"),
        "REF": st.column_config.NumberColumn("REF", help=f"Prediction with REF, {unit}"),
        "ALT": st.column_config.NumberColumn("ALT", help=f"Prediction with ALT, {unit}"),
        "note": st.column_config.TextColumn("note", width="medium"),
    }
    for name in ("line", "change", "status", "look"):
        config.setdefault(name, st.column_config.Column(name, width="small"))
    st.dataframe(columns, hide_index=True, column_config=config, placeholder="", key=key)


def _unit(batch: Batch, track: str) -> str:
    spec = batch.spec
    return spec.tracks[spec.track_index(track)].target.unit(spec)
