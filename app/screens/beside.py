"""Two models or cell types side by side: how they may be compared, and one place or edit read across all tracks."""

from __future__ import annotations

import streamlit as st

from app import side_by_side
from app.answer import Answer
from app.compute import Asker
from app.side_by_side import Line, Pair, Table
from app.view import Beside, View
from app.widgets import problem, progress_in, text
from genome.errors import UserError
from models import registry


def name_of(beside: Beside, view: View) -> str:
    """What the picker says: the cell type or the other model."""
    known = {spec.model_id: spec for spec in registry.specs()}
    spec = known.get(beside.model)
    track = next((t for t in spec.tracks if t.name == beside.track), None) if spec else None
    if beside.model == view.model:
        return f"{beside.track} · {track.biosample}" if track and track.biosample not in track.name else beside.track
    return f"{spec.name if spec else beside.model}: {beside.track}"


def pair(found: Answer, asker: Asker) -> Pair | None:
    """Both answers, computed under a bar; a mistake in the second is said, and the first stays."""
    if found.view.beside is None:
        return None
    slot = st.empty()
    waiting = Asker(asker.session, asker.remote_allowed, progress_in(slot, "Computing the second answer"))
    try:
        return side_by_side.pair(found, waiting)
    except UserError as error:
        problem(f"Nothing is drawn beside: {error}")
        return None
    finally:
        slot.empty()


def show(found: Answer, asker: Asker) -> None:
    """Draws the table of tracks."""
    table = side_by_side.table(found, asker)
    place = f"{found.headline.start + 1:,}–{found.headline.end:,}"
    st.markdown(f"**Every track at {text(place)}**")
    st.markdown(_table(table, with_change=bool(found.view.edits)))
    if found.view.beside is None:
        st.caption("Choose another cell type or model under “Side by side with” to draw it beneath on the same locus.")
    edited = (
        " Changes are what all edits together do." if found.view.edits else " Make an edit to read it across tracks."
    )
    more = f" {table.left_out:,} more tracks are left out." if table.left_out else ""
    st.caption(f"Numbers of different units or models are not comparable.{edited}{more}")
    st.caption(" ".join(text(notice) for notice in table.notices))


def _table(table: Table, *, with_change: bool) -> str:
    names = ["Model", "Track", "Assay", "Cell type", "Predicted", *(["Change"] if with_change else []), "Unit"]
    ranked = any(line.rank for line in table.lines)
    names += ["Among"] if ranked else []
    lines = [_cells(line, with_change=with_change, ranked=ranked) for line in table.lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names), *lines))


def _cells(line: Line, *, with_change: bool, ranked: bool) -> list[str]:
    track = line.track
    spread = f" ± {line.spread:.2f}" if line.spread is not None else ""
    name = f"**{text(track.name)}**" if line.drawn else text(track.name)
    cells = [text(line.model), name, text(track.assay), text(track.biosample), f"{_number(line.value)}{spread}"]
    if with_change:
        cells.append(_change(line))
    unit = f"{track.unit}, along the locus" if track.kind == "profile" else track.unit
    return [*cells, text(unit), *([text(line.rank)] if ranked else [])]


def _change(line: Line) -> str:
    if line.change is None:
        return "—"
    delta, spread = line.change
    sign = "+" if delta >= 0.005 else ""
    between = f" ± {spread:.2f}" if line.spread is not None else ""
    unit = f" log {text(line.track.unit)}" if line.track.kind == "profile" else ""
    return f"{sign}{_number(delta)}{between}{unit}"


def _number(value: float) -> str:
    """Two digits after the point and a real minus sign."""
    shown = f"{value:,.2f}"
    return ("0.00" if shown == "-0.00" else shown).replace("-", "\u2212")
