"""Reading from a server sends a place or a name there: a choice made once, unless the administrator made it."""

from __future__ import annotations

import streamlit as st

from app.screens import state
from app.settings import remote_policy
from app.widgets import text
from genome import catalog
from genome.catalog import RemoteNotAllowed
from genome.resolve import rsid_in


def ask(genome: str, refusal: RemoteNotAllowed) -> None:
    """Says what would be sent, and offers to allow it."""
    st.info(text(refusal, 600), icon=":material/cloud:")
    if remote_policy() == "ask" and catalog.genome_entry(genome).source == "ucsc":
        st.button(f"Allow reading {genome} from UCSC in this session", type="primary", on_click=_allow)


def offer_lookup(typed: str) -> None:
    """Offers to allow looking up an rsID, where that is what was refused."""
    if rsid_in(typed) and remote_policy() == "ask" and not state.remote_allowed():
        st.button("Allow looking up names at Ensembl in this session", key="allow-ensembl", on_click=_allow)


def _allow() -> None:
    st.session_state["remote_allowed"] = True
