"""The Variants page: one variant in depth."""

from __future__ import annotations

import streamlit as st

from app.screens import variant


def show() -> None:
    """Draws the page."""
    st.html(
        '<div class="cl-brand">Variants</div>'
        '<div class="cl-sub">what does a change of bases do, how sure is that, and compared with what?</div>'
    )
    variant.show()
