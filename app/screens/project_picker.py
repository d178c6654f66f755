"""Keep in project: choose a project or name a new one; the choice is remembered in the session."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import compute_project
from app.compute_project import Kept
from app.screens import navigation
from app.widgets import problem, text
from experiment.store import open_store
from genome.errors import UserError

_CHOSEN = "project-chosen"


def chosen() -> str:
    """Name of the project that was chosen last in this session; empty before that."""
    return str(st.session_state.get(_CHOSEN, ""))


def choose(name: str) -> None:
    """Remembers a project by its name."""
    st.session_state[_CHOSEN] = name


def keep(key: str, act: Callable[[int], Kept]) -> None:
    """Draws the picker with its button, and says what was kept.

    Args:
        key: of the widgets, one for each thing that can be kept.
        act: keeps it in the project of that number.
    """
    try:
        names = [one.name for one in open_store().projects()]
    except UserError as error:
        st.caption(text(error))
        return
    last = chosen()
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-keep-row"):
        name = st.selectbox(
            "Project",
            names,
            index=names.index(last) if last in names else (0 if names else None),
            accept_new_options=True,
            placeholder="Type a name for a new project",
            key=f"{key}-project",
            width=320,
            help="Choose a project, or type the name of a new one.",
        )
        pressed = st.button("Keep in project", key=f"{key}-keep", icon=":material/bookmark_add:")
    if not pressed:
        return
    try:
        if not name:
            raise UserError("Choose a project, or type the name of a new one.")
        project = compute_project.project(str(name))
        found = act(project.id)
    except UserError as error:
        problem(str(error))
        return
    choose(project.name)
    st.success(text(f"Kept in {project.name}: {found.words}.", 1_000), icon=":material/check:")
    st.page_link(navigation.projects_page(), label="Open Projects", icon=":material/account_tree:")
