"""The Motifs panel: what letters alone match stands under the peaks, and the browser's track of it can be put away."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def panel(genome_locus: str) -> None:
    """A page that holds nothing but the panel, and how many tracks it hands to the browser."""
    import streamlit as st

    from app import answer, compute
    from app.screens import motif_panel
    from app.view import View
    from genome.locus import parse_locus
    from models import registry

    st.session_state.setdefault("palette", "safe")
    view = View(registry.spec("tf-binding").model_id, "sandbox", parse_locus(genome_locus), "CTCF binding")
    found = answer.answer(view, compute.Asker(session="test"))
    st.text(str(len(motif_panel.match_rows(found))))
    motif_panel.show(found)


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(panel, default_timeout=120, args=("sb1:58,351-58,510",))


def test_the_planted_site_is_listed_with_what_the_model_says(page: AppTest) -> None:
    page.run()
    assert not page.exception
    table = page.dataframe[0].value
    row = table[table["Motif"] == "CTCF"].iloc[0]
    assert row["Model"].startswith("strong")
    assert float(row["q"]) < 0.05
    assert row["Place"].startswith("sb1:58,42")
    assert "no model was asked" in " ".join(caption.value for caption in page.caption)


def test_the_track_can_be_put_away(page: AppTest) -> None:
    page.run()
    assert page.text[0].value == "1"
    page.toggle[0].set_value(False).run()
    assert page.text[0].value == "0"
    page.toggle[0].set_value(True).run()
    assert page.text[0].value == "1"
