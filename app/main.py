"""The page. ``cislens serve`` starts it (see app/server.py)."""

from __future__ import annotations

import streamlit as st

from app import compute
from app.screens import navigation, state
from app.widgets import ICON, STYLE
from models import registry

st.set_page_config(page_title="Cislens", page_icon=ICON, layout="wide", initial_sidebar_state="auto")
st.html(STYLE)
page = st.navigation(navigation.pages(), position="top")
if page.url_path:  # any screen but the Locus screen, which finds its place again when one comes back
    state.leave()
with registry.looked_at_once(), compute.engine().awaited(state.asker().session):
    page.run()
