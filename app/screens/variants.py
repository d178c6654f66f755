"""The Variants page: one variant in depth, or a file of many."""

from __future__ import annotations

import streamlit as st

from app.screens import variant, variant_batch, variant_uploads
from app.variant_question import asks

ONE, MANY = "One variant", "Many variants"
_TAB, _LAST = "variants-tab", "variants-last-tab"


def show() -> None:
    """Draws the page; only the tab that is open is drawn and costs anything."""
    st.html(
        '<div class="cl-brand">Variants</div>'
        '<div class="cl-sub">what does a change of bases do, how sure is that, and compared with what?</div>'
    )
    if _TAB not in st.session_state:
        st.session_state[_TAB] = _opened()
    one, many = st.tabs([ONE, MANY], key=_TAB, on_change="rerun")
    st.session_state[_LAST] = st.session_state[_TAB]  # what is not drawn is forgotten
    if many.open:
        with many:
            variant_batch.show()
    else:
        with one:
            variant.show()


def _opened() -> str:
    """The tab that the address is about; without one, the tab that was open last."""
    if variant_uploads.is_linked():
        return MANY
    return ONE if asks(st.query_params.to_dict()) else str(st.session_state.get(_LAST, ONE))
