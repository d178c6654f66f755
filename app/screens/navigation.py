"""The pages of Cislens. The Locus screen stands at the root, so that every link ever copied opens it."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import StreamlitPage


def pages() -> list[StreamlitPage]:
    """The pages in the order of the menu, home first."""
    return [
        home(),
        variants_page(),
        what_if_page(),
        design_page(),
        measure_page(),
        refine_page(),
        projects_page(),
        models_page(),
        sequence_set_page(),
        jobs_page(),
    ]


def home() -> StreamlitPage:
    """The Locus screen."""
    return st.Page(_locus, title="Locus", url_path="locus", icon=":material/search:", default=True)


def variants_page() -> StreamlitPage:
    """The screen of variants: one in depth, many in a table."""
    return st.Page(_variants, title="Variants", url_path="variants", icon=":material/difference:")


def what_if_page() -> StreamlitPage:
    """The screen that changes the sequence looked at."""
    return st.Page(_what_if, title="What if", url_path="what-if", icon=":material/science:")


def projects_page() -> StreamlitPage:
    """The screen of what people keep: projects, and the lineage of models."""
    return st.Page(_projects, title="Projects", url_path="projects", icon=":material/account_tree:")


def design_page() -> StreamlitPage:
    """The screen that makes a library to order."""
    return st.Page(_design, title="Design", url_path="design", icon=":material/biotech:")


def measure_page() -> StreamlitPage:
    """The screen that takes measurements back."""
    return st.Page(_measure, title="Measure", url_path="measure", icon=":material/straighten:")


def refine_page() -> StreamlitPage:
    """The screen on which a model learns from measurements."""
    return st.Page(_refine, title="Refine", url_path="refine", icon=":material/model_training:")


def models_page() -> StreamlitPage:
    """The Models screen."""
    return st.Page(_models, title="Models", url_path="models", icon=":material/hub:")


def sequence_set_page() -> StreamlitPage:
    """The screen for many sequences at once."""
    return st.Page(_sequence_set, title="Sequence set", url_path="sequence-set", icon=":material/dataset:")


def jobs_page() -> StreamlitPage:
    """The screen of what takes longer than anyone waits."""
    return st.Page(_jobs, title="Jobs", url_path="jobs", icon=":material/schedule:")


# Each screen is imported when it is opened, for they know one another through this module.


def _locus() -> None:
    from app.screens import locus

    locus.show()


def _variants() -> None:
    from app.screens import variants

    variants.show()


def _what_if() -> None:
    from app.screens import what_if

    what_if.show()


def _projects() -> None:
    from app.screens import projects

    projects.show()


def _design() -> None:
    from app.screens import design

    design.show()


def _measure() -> None:
    from app.screens import measure

    measure.show()


def _refine() -> None:
    from app.screens import refine

    refine.show()


def _models() -> None:
    from app.screens import models

    models.show()


def _sequence_set() -> None:
    from app.screens import sequence_set

    sequence_set.show()


def _jobs() -> None:
    from app.screens import jobs

    jobs.show()
