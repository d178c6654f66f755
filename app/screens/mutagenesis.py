"""Every substitution along the locus: predicted effects under the letters, measured ones under them where a table is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import streamlit as st

from app import compute_mutagenesis, export, export_substitutions
from app.answer import Answer
from app.compute import Asker
from app.figures import heatmap, heatmap_files, tracks
from app.figures.heatmap import Map
from app.figures.logos import Palette
from app.screens import measured
from app.view import View
from app.widgets import problem, progress_in, text
from genome.errors import UserError
from interpret.attribution import Attribution
from interpret.substitutions import Substitutions, substitutions

_RANKED, _ASKED, _DONE = "rank-substitutions", "mutagenesis-asked", "mutagenesis-done"
_COLOURS = (
    "Blue raises the prediction, orange lowers it; a dot marks the base that stands there. The strongest 1 % of changes "
    "have the full colour."
)
_UNRANKED = (
    "No percentile: the background ranks windows around each change, and these lie elsewhere. "
    "“Rank every substitution” reads those windows too."
)


@dataclass(frozen=True)
class Shown:
    """What the panel draws.

    Attributes:
        attribution: the mutagenesis.
        effects: the map: of the mutagenesis, or of windows around each change where every substitution is ranked.
        maps: the predicted map, then the measured one where there is one.
        ranking: one sentence on percentiles.
    """

    attribution: Attribution
    effects: Substitutions
    maps: tuple[Map, ...]
    ranking: str


def patient(view: View) -> bool:
    """Whether this visitor asked for the mutagenesis of this place, knowing how long it takes."""
    return st.session_state.get(_ASKED) == _asked(view)


def browser_rows(found: Answer, asker: Asker) -> list[dict[str, Any]]:
    """The maps for the genome browser while this panel is open.

    What is quick is computed here, under a bar; what takes time is computed in the panel, which also says why there are
    none, and drawn here when it is done.
    """
    if found.view.panel != "mutagenesis":
        return []
    slot = st.empty()
    waiting = _waiting(asker, slot, "Trying every substitution")
    done = st.session_state.get(_DONE) == _asked(found.view)
    try:
        attribution = compute_mutagenesis.mutagenesis(found.view, waiting, patient=done)
    except UserError:
        return []
    finally:
        slot.empty()
    effects, _, _ = _ranked(found, attribution, asker)
    rows = [tracks.mutagenesis(heatmap.predicted_map(effects, ""), found.view.locus)]
    compared = measured.chosen(found, effects)
    below = None if compared is None else measured.as_map(compared)
    if below is not None:
        rows.append(tracks.mutagenesis(below, found.view.locus, identifier="measured", name="Measured"))
    return rows


def show(found: Answer, asker: Asker) -> None:
    """Draws the panel."""
    slot = st.empty()
    waiting = _waiting(asker, slot, "Trying every substitution")
    asked = patient(found.view)
    if asked:
        waiting.wait()  # the bar stands there at once
    try:
        attribution = compute_mutagenesis.mutagenesis(found.view, waiting, patient=asked)
    except compute_mutagenesis.TakesTime as error:
        slot.empty()
        st.markdown(text(error))
        st.button(
            "Try every substitution",
            on_click=lambda: st.session_state.update({_ASKED: _asked(found.view)}),
            type="primary",
        )
        st.caption("You can leave this place at any time, and it stops.")
        return
    except UserError as error:
        slot.empty()
        problem(str(error))
        return
    slot.empty()
    if asked and st.session_state.get(_DONE) != _asked(found.view):
        st.session_state[_DONE] = _asked(found.view)
        st.rerun()  # for the genome browser
    with st.container(horizontal=True, vertical_alignment="center", key="mutagenesis-tools"):
        st.toggle(
            "Rank every substitution",
            key=_RANKED,
            help="Reads every substitution in several windows around it, as the background and the Edit panel do, so that "
            "its percentile can be given. Slower.",
        )
        measured.menu(found)
        files = st.popover("Take away", key="mutagenesis-files", on_change="rerun")
    effects, percentiles, ranking = _ranked(found, attribution, asker)
    compared = measured.chosen(found, effects)
    below = None if compared is None else measured.as_map(compared)
    around = ", in windows around each change" if st.session_state.get(_RANKED) else ""
    title = f"Mutagenesis: {found.view.track}, alt − ref{around}"
    predicted = heatmap.predicted_map(effects, title, percentiles)
    shown = Shown(attribution, effects, (predicted, *([] if below is None else [below])), ranking)
    palette = st.session_state["palette"]
    st.plotly_chart(heatmap.figure(shown.maps, found.attribution, found.view.locus, palette), key="mutagenesis-figure")
    st.caption(text(f"{_COLOURS} {effects.rule} {ranking}", 900))
    st.caption(text(caption(found, shown), 600))
    if files.open:
        with files:
            _files(found, shown, palette)
    if compared is not None:
        with st.container(border=True):
            measured.show(found, effects, compared)


def caption(found: Answer, shown: Shown) -> str:
    """The line that pins the picture: model, track, method, reference, strands, place."""
    note = f" {shown.attribution.note}" if shown.attribution.note else ""
    view = compute_mutagenesis.mutagenesis_view(found.view)
    return f"{export.caption(view, shown.attribution)}.{note}"


def files(found: Answer, shown: Shown, palette: Palette) -> dict[str, tuple[str, Callable[[], bytes | str]]]:
    """By ending: what the file holds, and how it is made."""
    view = compute_mutagenesis.mutagenesis_view(found.view)
    words = f"{caption(found, shown)} {shown.effects.rule}"

    def page(form: Literal["pdf", "png"]) -> Callable[[], bytes]:
        return lambda: heatmap_files.publication(
            shown.maps, found.attribution, view.locus, words, form, palette=palette
        )

    def rows(form: Literal["tsv", "csv"]) -> Callable[[], str]:
        return lambda: export_substitutions.table(
            view, shown.attribution, shown.effects, contig_digest=view.contig, form=form
        )

    return {
        "svg": (
            "Figure, vector",
            lambda: heatmap_files.picture(shown.maps, found.attribution, view.locus, words, palette=palette),
        ),
        "pdf": ("Figure, vector", page("pdf")),
        "png": ("Figure, picture", page("png")),
        "tsv": ("Every substitution, table", rows("tsv")),
        "csv": ("Every substitution, table", rows("csv")),
        "json": (
            "Everything, with provenance",
            lambda: export_substitutions.as_json(view, shown.attribution, shown.effects, contig_digest=view.contig),
        ),
    }


def _files(found: Answer, shown: Shown, palette: Palette) -> None:
    locus = found.view.locus
    stem = f"cislens_mutagenesis_{locus.chrom}_{locus.start + 1}-{locus.end}_{found.view.track.replace(' ', '-')}"
    for ending, (label, content) in files(found, shown, palette).items():
        st.download_button(
            f"{label} (.{ending})",
            content,
            f"{stem}.{ending}",
            key=f"mutagenesis-{ending}",
            on_click="ignore",
            type="tertiary",
        )
    st.caption("Every file names model, track, method, centring, seed and strand.")


def _ranked(found: Answer, attribution: Attribution, asker: Asker) -> tuple[Substitutions, heatmap.Float | None, str]:
    """The map that is drawn, its percentiles, and what they are of or why there are none."""
    effects = substitutions(attribution)
    if not st.session_state.get(_RANKED):
        return effects, None, _UNRANKED
    slot = st.empty()
    try:
        placed = compute_mutagenesis.placed(found.view, _waiting(asker, slot, "Ranking every substitution"))
    except UserError as error:
        return effects, None, str(error)
    finally:
        slot.empty()
    percentiles, among = compute_mutagenesis.percentiles(found.view, placed, asker)
    if percentiles is None:
        return placed, None, f"{among[:1].upper()}{among[1:].rstrip('.')}."
    return placed, percentiles, f"Percentiles are of {among}."


def _asked(view: View) -> tuple[object, ...]:
    """What was asked for: the same on another panel and by another method."""
    return view.model, view.genome, view.locus, view.edits, view.track, view.reduce


def _waiting(asker: Asker, slot: object, what: str) -> Asker:
    return replace(asker, progress=progress_in(slot, what))
