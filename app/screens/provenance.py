"""How the picture was made, in full, so that anyone can make it again."""

from __future__ import annotations

import streamlit as st

from app import export
from app.answer import Answer
from app.widgets import text


def show(found: Answer) -> None:
    """Draws every fact that decides the picture, and the paragraph for a methods section."""
    view = found.view
    if found.attribution is not None:
        facts = export.attribution_provenance(view, found.attribution, contig_digest=view.contig)
    else:
        facts = export.provenance(view, found.spec, contig_digest=view.contig)
    rows = "\n".join(
        f"| {name.replace('_', ' ')} | {text(value) if value not in ('', [], (), None) else '—'} |"
        for name, value in facts.items()
    )
    st.markdown(f"| What | Value |\n|---|---|\n{rows}")
    st.markdown("**For a methods section**")
    st.code(export.methods_paragraph(view, found.spec, found.attribution), language=None, wrap_lines=True)
