"""The Projects screen: hypotheses, designs and measurements that belong together, and the lineage of the models."""

from __future__ import annotations

import streamlit as st

from app import project_table
from app.project_table import Table
from app.screens import lineage, project_picker
from app.widgets import problem, text
from experiment.store import Store, open_store
from experiment.store_records import Project
from genome.errors import UserError


def show() -> None:
    """Draws the project that is chosen, and below it the lineage of every model."""
    st.html(
        '<div class="cl-brand">Projects</div><div class="cl-sub">what was asked, ordered, measured and learned</div>'
    )
    try:
        kept = open_store()
        found = kept.projects()
    except UserError as error:
        problem(str(error))
        return
    _new(kept)
    if found:
        names = [one.name for one in found]
        last = project_picker.chosen()
        index = names.index(last) if last in names else 0
        chosen = st.selectbox("Project", found, index=index, format_func=lambda one: one.name, key="project")
        project_picker.choose(chosen.name)
        _project(kept, chosen)
    else:
        st.caption("There is no project yet; name one, and save hypotheses, designs and measurements into it.")
    st.markdown("##### Lineage of models")
    lineage.show()


def _new(kept: Store) -> None:
    with st.form("new-project", clear_on_submit=True, border=False):
        field, button = st.columns([0.8, 0.2], vertical_alignment="bottom")
        name = field.text_input("New project", placeholder="e.g. CRX enhancers, autumn", max_chars=200)
        if button.form_submit_button("Add", width="stretch"):
            try:
                kept.add_project(str(name or ""))
                project_picker.choose(" ".join(str(name).split()))
            except UserError as error:
                problem(str(error))
                return
            st.rerun()


def _project(kept: Store, project: Project) -> None:
    if project.words:
        st.caption(text(project.words, 1000))
    tables = (
        ("Hypotheses", project_table.hypotheses(kept, project.id), "Save one from the Measure page or with a design."),
        ("Designs", project_table.designs(kept, project.id), "Save one on the Design page."),
        ("Measurements", project_table.measurements(kept, project.id), "Give them on the Measure page."),
    )
    for panel, (name, table, how) in zip(st.tabs([name for name, _, _ in tables]), tables, strict=True):
        with panel:
            if _length(table):
                _table(table, key=f"project-{name.lower()}")
            else:
                st.caption(f"No {name.lower()} in this project yet. {how}")
            if name == "Designs" and _length(table):
                _elements(kept, project)


def _elements(kept: Store, project: Project) -> None:
    """The elements of one design, each with the link that it came from."""
    designs = kept.entries("designs", project.id)
    chosen = st.selectbox("Elements of", designs, format_func=lambda one: one.columns["name"], key="project-design")
    table = project_table.elements(kept, chosen.id)
    _table(table, key="project-elements")
    if chosen.columns["n_rows"] > _length(table):
        st.caption(f"The first {_length(table):,} of {chosen.columns['n_rows']:,} elements.")


def _table(table: Table, *, key: str) -> None:
    number = st.column_config.NumberColumn
    columns = {
        "Predicted": number(format="%.3f"),
        "From": number(format="%.3f", help="Lower end of the model's interval of the effect"),
        "To": number(format="%.3f", help="Upper end of the model's interval of the effect"),
        "Open": st.column_config.LinkColumn(display_text="Open"),
    }
    shown = {name: column for name, column in columns.items() if name in table}
    st.dataframe(table, hide_index=True, width="stretch", placeholder="–", column_config=shown, key=key)


def _length(table: Table) -> int:
    return len(next(iter(table.values())))
