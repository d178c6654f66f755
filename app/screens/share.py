"""Copy the link, and take the figures and numbers away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import streamlit as st

from app import answer as answers
from app import compute, export
from app.figures import logos
from app.screens import state
from app.view import View
from app.widgets import problem, text
from genome.errors import UserError
from interpret.attribution import Attribution

Content = Callable[[], bytes | str]


def copy_link(view: View) -> None:
    """A menu that holds the link; the icon in it copies."""
    menu = st.popover("Copy link", width="stretch", on_change="rerun", key="link-menu")
    if not menu.open:
        return
    with menu:
        try:
            whole = replace(view, contig=compute.contig_digest(view, state.asker()))
        except UserError as error:
            problem(str(error))
            return
        st.code(whole.link(state.address()), language=None, wrap_lines=True)
        st.caption(text(f"The icon at its right end copies it. {state.link_notice(whole)}"))


def take_away(view: View) -> None:
    """A menu of files; each is made when it is asked for."""
    menu = st.popover("Export", width="stretch", on_change="rerun", key="export-menu")
    if not menu.open:
        return
    with menu:
        try:
            asker = state.asker()
            view = replace(view, contig=compute.contig_digest(view, asker))
            found = compute.attribution(view, asker)
        except UserError as error:
            problem(str(error))
            return
        length = compute.genome(view, asker).contigs[view.locus.chrom]
        stem = f"cislens_{view.locus.chrom}_{view.locus.start + 1}-{view.locus.end}_{view.track.replace(' ', '-')}"
        for ending, (label, content) in files(view, found, length, st.session_state["palette"], asker).items():
            st.download_button(
                f"{label} (.{ending})",
                content,
                f"{stem}.{ending}",
                key=f"file-{ending}",
                on_click="ignore",
                type="tertiary",
            )
        st.caption("Every file names model, track, method, reference, seed and strand.")


def files(
    view: View, found: Attribution, contig_length: int, palette: logos.Palette, asker: compute.Asker
) -> dict[str, tuple[str, Content]]:
    """By ending: what the file holds, and how it is made."""

    def written(write: Callable[..., bytes | str]) -> Content:
        return lambda: write(view, found, contig_digest=view.contig)

    def drawn(form: Literal["svg", "pdf", "png"]) -> Content:
        shown, part = slice(*found.core), found.sequence.part(*found.core)
        words = export.caption(view, found)
        return lambda: logos.publication_logo(
            part, found.values[shown], caption=words, unit=found.unit, kind=form, palette=palette
        )

    return {
        "svg": ("Logo, vector", drawn("svg")),
        "pdf": ("Logo, vector", drawn("pdf")),
        "png": ("Logo, picture", drawn("png")),
        "bw": ("Contributions, bigWig", lambda: export.attribution_bigwig(found, contig_length=contig_length)),
        "bedgraph": ("Contributions, bedGraph", written(export.attribution_bedgraph)),
        "bed": ("Contributions, BED", written(export.attribution_bed)),
        "csv": ("Contributions, table", written(export.attribution_csv)),
        "json": ("Everything, with provenance", lambda: export.answer_json(answers.answer(view, asker))),
        "npz": ("Arrays for NumPy", written(export.attribution_npz)),
    }
