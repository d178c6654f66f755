"""The Locus screen: a place in, the prediction, the letters it rests on, and whether to believe them."""

from __future__ import annotations

import streamlit as st

from app import answer as answers
from app import compute
from app.components import igv
from app.examples import EXAMPLES
from app.figures import letters, tracks
from app.screens import edit, motif_panel, provenance, share, sidebar, state, user_tracks
from app.view import View
from app.widgets import chips, problem, progress_in, said, text
from genome import catalog
from genome.catalog import RemoteNotAllowed
from genome.errors import UserError
from interpret.trust import HOW

BROWSER = "browser"
_PLACEHOLDER = "coordinates · gene · rsID · variant · sequence"


def show() -> None:
    """Draws the page for what the address says."""
    view = state.current()
    sidebar.show(view)
    _search(view)
    if _follow_browser(view):
        st.rerun()
    try:
        _answer(view)
    except RemoteNotAllowed as refusal:
        _ask(view, refusal)
    except UserError as error:
        problem(str(error))
        st.caption("Nothing you typed is lost: correct it above, or open an example.")
        _examples()


def _search(view: View) -> None:
    """The search box, and the examples below it."""
    shown = _label(view)
    if st.session_state.get("search_follows") != shown:
        st.session_state["search"] = shown
        st.session_state["search_follows"] = shown
    with st.form("find", border=False):
        box, look, copy, export = st.columns([0.7, 0.08, 0.11, 0.11], vertical_alignment="bottom")
        typed = box.text_input("Place", key="search", placeholder=_PLACEHOLDER, label_visibility="collapsed")
        pressed = look.form_submit_button("Look", type="primary", width="stretch")
    with copy:
        share.copy_link(view)
    with export:
        share.take_away(view)
    with st.container(horizontal=True, vertical_alignment="center"):
        _examples()
        state_of_paste(view)
    if pressed:
        _find(typed, view)


def _find(typed: str, view: View) -> None:
    try:
        with st.spinner("Looking…"):
            state.find(typed, view)
    except UserError as error:
        problem(str(error))
    else:
        st.rerun()


def _label(view: View) -> str:
    """What stands in the search box for a view."""
    return str(view.locus)


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


def state_of_paste(view: View) -> None:
    """A larger box for sequences, for FASTA with several lines, and for files."""
    with st.popover("Paste or upload a sequence", type="tertiary"):
        pasted = st.text_area("Sequence or FASTA", key="pasted", height=160, placeholder=">my enhancer\nACGT…")
        upload = st.file_uploader("or a FASTA file", key="fasta", max_upload_size=5)
        if st.button("Look at it", type="primary", key="look-pasted"):
            try:
                content = upload.getvalue().decode("utf-8", "strict") if upload is not None else pasted
                state.find(content if content.lstrip().startswith(">") else f">pasted\n{content}", view)
            except UnicodeDecodeError:
                problem("This file is not text; upload DNA letters as FASTA.")
            except UserError as error:
                problem(str(error))
            else:
                st.rerun()
    found = state.records()
    if view.genome == "pasted" and len(found) > 1:
        names = [name for name, _ in found]
        chosen = st.selectbox("Record", range(len(names)), format_func=names.__getitem__, key="record")
        if chosen is not None and names[chosen] != view.locus.chrom:
            state.open_record(found[chosen], view)
            st.rerun()


def _follow_browser(view: View) -> bool:
    """Where the user went in the browser itself becomes the view; a click on a base chooses it for the edit panel."""
    moved = igv.browser_state(BROWSER)
    if moved.clicked is not None:
        st.session_state[edit.CHOSEN] = moved.clicked
    if moved.locus is None or moved.locus == str(view.locus):
        return False
    try:
        state.find(moved.locus, view)
    except UserError as error:
        problem(str(error))
        return False
    return True


def _answer(view: View) -> None:
    for notice in st.session_state.pop("notices", ()):
        st.caption(text(notice))
    top, strip = st.empty(), st.empty()
    top.html(said("", ""))
    slot = strip.container(height=40, border=False).empty()
    asker = state.asker()
    found = answers.answer(view, compute.Asker(asker.session, asker.remote_allowed, progress_in(slot, "Computing")))
    top.html(said(*found.said))
    with strip.container(horizontal=True, vertical_alignment="center"):
        st.html(chips(found.checks), width="stretch")
        with st.popover("How?", type="tertiary"):
            for name, words in HOW.items():
                st.markdown(f"**{name}.** {text(words, 600)}")
    state.go(found.view)
    _browser(found, asker)
    panels = st.tabs(["Edit", "Motifs", "Your tracks", "Provenance"], key="panel")
    with panels[0]:
        edit.show(found, asker)
    with panels[1]:
        motif_panel.show(found)
    with panels[2]:
        user_tracks.show(found)
    with panels[3]:
        provenance.show(found)


def _browser(found: answers.Answer, asker: compute.Asker) -> None:
    """The genome browser; without its bundle, letters drawn by Plotly, and the screen says so."""
    view, locus = found.view, found.view.locus
    rows = tracks.predicted(found.prediction, view.track)
    if found.attribution is not None:
        rows.insert(1, tracks.contributions(found.attribution, locus))
        rows.insert(2, tracks.motif_hits(found.calls, found.attribution))
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
            st.caption("The genome browser is not installed here, so letters are drawn without it; run `make setup`.")
        st.caption(" ".join(text(notice) for notice in found.notices))


def _ask(view: View, refusal: RemoteNotAllowed) -> None:
    """Reading from a server sends the place there: a choice made once, unless the administrator made it."""
    from app.settings import remote_policy

    st.info(text(refusal, 600), icon=":material/cloud:")
    if remote_policy() == "ask" and catalog.genome_entry(view.genome).source == "ucsc":
        st.button(
            f"Allow reading {view.genome} from UCSC in this session",
            type="primary",
            on_click=lambda: st.session_state.update(remote_allowed=True),
        )
    _examples()
