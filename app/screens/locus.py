"""The Locus screen: a place in, the prediction, the letters it rests on, and whether to believe them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app import answer as answers
from app import compute, today
from app.components import igv
from app.examples import EXAMPLES
from app.figures import beside as beside_figure
from app.figures import letters, tracks
from app.screens import (
    beside,
    checks_panel,
    consent,
    edit,
    jobs_panel,
    methods_panel,
    motif_panel,
    mutagenesis,
    navigation,
    paste,
    provenance,
    share,
    sidebar,
    state,
    user_tracks,
)
from app.view import PANELS, Beside, View
from app.widgets import UNITS, chips, problem, progress_in, said, text
from genome import catalog
from genome.catalog import RemoteNotAllowed
from genome.errors import UserError
from interpret.checks import HOW
from interpret.checks import strip as drawn
from models.engine import Progress

BROWSER, _LOOK = "browser", "look"
_PLACEHOLDER = "coordinates · gene · rsID · variant · sequence"


def show() -> None:
    """Draws the page for what the address says."""
    view, wrong = state.current()
    head = st.container(key="head")
    # Messages have a place of their own, so that nothing below them moves to another element when one appears.
    with st.container(key="messages"):
        typed = _typed()
        moved = _moved_in_browser(view) if typed is None else typed
        # Before anything is drawn of the place that is left: a page that is drawn twice takes twice as long.
        if moved is not None and _find(moved, view):
            view, wrong = state.current()
        if wrong:
            problem(wrong)
        for notice in st.session_state.pop("notices", ()):
            st.caption(text(notice))
        _today(view)
    sidebar.show(view)
    with head:
        _search(view)
    with st.container(key="answer"):
        try:
            _answer(view)
        except RemoteNotAllowed as refusal:
            consent.ask(view.genome, refusal)
        except UserError as error:
            problem(str(error))
            st.caption("Nothing you typed is lost: correct it above, or open an example.")


def _today(view: View) -> None:
    """Where another model answers to the name by now: one line that offers the same view with it."""
    now = today.of(view)
    if now is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="then-and-now"):
        name = now.model.rpartition("-")[0]
        st.caption(text(f"This is {view.model}; {name} is {now.model} today.", 300), width="content")
        st.page_link(
            navigation.home(), label="The same with today's", icon=":material/update:", query_params=now.to_query()
        )
        both = replace(view, beside=Beside(now.model, now.track), panel="beside")
        st.page_link(navigation.home(), label="Then and now", icon=":material/compare:", query_params=both.to_query())


def _typed() -> str | None:
    """What stands in the search box, when Look was pressed: it is known before the box is drawn."""
    return str(st.session_state.get("search", "")) if st.session_state.get(_LOOK) else None


def _search(view: View) -> None:
    """The search box with the menus beside it, and the examples."""
    shown = str(view.locus)
    if st.session_state.get("search_follows") != shown:
        st.session_state["search"] = shown
        st.session_state["search_follows"] = shown
    with st.container(key="search-row"):
        find, copy, files = st.columns([0.78, 0.11, 0.11], vertical_alignment="bottom")
    with find.form("find", border=False):
        box, look = st.columns([0.9, 0.1], vertical_alignment="bottom")
        box.text_input("Search", key="search", placeholder=_PLACEHOLDER, label_visibility="collapsed")
        look.form_submit_button("Look", key=_LOOK, type="primary", width="stretch")
    with copy:
        share.copy_link(view)
    with files:
        share.take_away(view)
    with st.container(horizontal=True, vertical_alignment="center", key="examples"):
        _examples()
        paste.show(view)
        st.page_link(
            navigation.design_page(),
            label="Design an experiment here",
            icon=":material/biotech:",
            query_params=view.to_query(),
        )


def _find(typed: str, view: View) -> bool:
    """Goes to what was typed; where that cannot be found, says why and returns False."""
    try:
        with st.spinner("Looking…"):
            state.find(typed, view)
    except UserError as error:
        problem(str(error))
        return False
    st.session_state.pop("search_follows", None)  # the box shows the place found, also where it is the same place
    return True


def _moved_in_browser(view: View) -> str | None:
    """Where the user went in the browser itself; a click on a base chooses it for the edit panel."""
    state_now = igv.browser_state(BROWSER)
    if state_now.clicked is not None:
        st.session_state[edit.CHOSEN] = state_now.clicked
    return None if state_now.locus in (None, str(view.locus)) else state_now.locus


def _examples() -> None:
    st.caption("Try:", width="content")
    for example in EXAMPLES:
        entry = catalog.genome_entry(example.genome)
        if entry.is_local or state.remote_allowed():
            st.button(
                example.label,
                type="tertiary",
                key=f"example-{example.label}",
                on_click=lambda example=example: state.go(state.of_example(example)),
            )


def _answer(view: View) -> None:
    top, strip = _Place(st.container()), _Place(st.container())
    asker = state.asker()
    waiting = compute.Asker(asker.session, asker.remote_allowed, _progress(top, strip))
    found = answers.answer(view, waiting, thorough=checks_panel.asked(view))
    top.now.html(said(*found.said, found.ranked))
    with strip.now.container(horizontal=True, vertical_alignment="center", key="trust"):
        st.html(chips(drawn(found.checks)), width="stretch")
        with st.popover("How?", type="tertiary"):
            unit = found.spec.tracks[found.spec.track_index(found.view.track)].unit
            rules = ({unit.capitalize(): UNITS[unit]} if unit in UNITS else {}) | HOW
            st.markdown("\n\n".join(f"**{text(name)}.** {text(words, 600)}" for name, words in rules.items()))
    state.go(found.view)
    _browser(found, asker)
    jobs_panel.show(found, asker)
    _panels(found, asker)


@dataclass
class _Place:
    """A place on the page. What stands there stays until something else is drawn; ``cleared`` makes room at once."""

    now: Any

    def cleared(self) -> Any:
        self.now = self.now.empty()
        return self.now


def _progress(top: _Place, strip: _Place) -> Progress:
    """Progress where the strip will be. Nothing is drawn, and nothing taken away, until there is something to wait for."""
    bars: list[Progress] = []

    def draw(done: float) -> None:
        if not bars:
            top.cleared().html(said("", ""))
            bars.append(progress_in(strip.cleared().container(height=40, border=False).empty(), "Computing"))
        bars[0](done)

    return draw


def _panels(found: answers.Answer, asker: compute.Asker) -> None:
    """Draws the tabs; only the panel that is open is drawn and costs anything. The link says which."""
    st.session_state["panel"] = PANELS[found.view.panel]
    tabs = st.tabs(list(PANELS.values()), key="panel", on_change=_open_panel, args=(found.view,))
    with tabs[list(PANELS).index(found.view.panel)]:
        if found.view.panel == "edit":
            edit.show(found, asker)
        elif found.view.panel == "checks":
            checks_panel.show(found, asker)
        elif found.view.panel == "mutagenesis":
            mutagenesis.show(found, asker)
        elif found.view.panel == "methods":
            methods_panel.show(found, asker)
        elif found.view.panel == "motifs":
            motif_panel.show(found)
        elif found.view.panel == "beside":
            beside.show(found, asker)
        elif found.view.panel == "tracks":
            user_tracks.show(found)
        else:
            provenance.show(found)


def _open_panel(view: View) -> None:
    """Another tab was chosen: the address says so before the page runs."""
    label = st.session_state["panel"]
    state.go(replace(view, panel=next((name for name, known in PANELS.items() if known == label), view.panel)))


def _browser(found: answers.Answer, asker: compute.Asker) -> None:
    """The genome browser; without its bundle, letters drawn by Plotly, and the screen says so."""
    view, locus = found.view, found.view.locus
    pair = beside.pair(found, asker)
    rows = tracks.predicted(found.prediction, view.track, found.band)
    if found.attribution is not None:
        rows.insert(1, tracks.contributions(found.attribution, locus))
        rows.insert(2, tracks.motif_hits(found.calls, found.attribution))
        rows[2:2] = mutagenesis.browser_rows(found, asker)
    if pair is not None:
        rows = beside_figure.rows(pair, rows, locus)
    rows += motif_panel.match_rows(found)
    rows += user_tracks.truth(view)
    rows += user_tracks.uploaded(view)
    genes = compute.genes_in(view, locus)
    if genes:
        rows.append(tracks.genes(genes, view.genome))
    with st.container(key="browser-card"):
        if igv.bundle_available():
            contig_length = compute.genome(view, asker).contigs[locus.chrom]
            igv.browser(
                key=BROWSER,
                reference={
                    "chrom": locus.chrom,
                    "start": locus.start,
                    "end": locus.end,
                    "bases": tracks.shown_bases(found.sequence, locus) if found.attribution is not None else "",
                    "contig_length": contig_length,
                },
                locus=locus,
                tracks=rows,
                marks=[(e.start, max(e.end, e.start + 1)) for e in view.edits],
                palette=st.session_state["palette"],
                label=f"{found.spec.model_id}, {view.track}, {view.genome} {locus}",
            )
        else:
            st.plotly_chart(
                letters.figure(found.prediction, found.attribution, view.track, st.session_state["palette"])
            )
            if pair is not None:
                st.plotly_chart(beside_figure.figure(pair, st.session_state["palette"]), key="beside-figure")
            st.caption("The genome browser is not installed here, so letters are drawn without it; run `make setup`.")
        if pair is not None:
            st.caption(text(pair.words, 900))
        st.caption(" ".join(text(notice) for notice in found.notices))
