"""The page. Start it with ``cislens serve`` or ``python -m streamlit run app/main.py``."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import compute
from app.screens import locus
from app.widgets import STYLE

ICON = Path(__file__).resolve().parent.parent / "assets" / "icon.png"


@st.cache_resource(show_spinner=False)
def start() -> None:
    """Once per process: loads the default model in the background, so that the first answer need not wait for it."""
    compute.warm_up()


st.set_page_config(page_title="Cislens", page_icon=str(ICON), layout="wide", initial_sidebar_state="expanded")
st.html(STYLE)
start()
locus.show()
