"""The Design page without a browser: from the place looked at to files, refusals that lose nothing, links that fill it in."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.design_question import DesignQuestion
from app.view import View
from experiment.design import Plan
from experiment.design_layout import GUIDE_LAYOUT
from genome.locus import parse_locus
from models import registry


def run_page():
    from app.screens import design

    design.show()


def view() -> View:
    return View(registry.spec("tf-binding").model_id, "sandbox", parse_locus("sb1:58,351-58,510"), "CTCF binding")


def page(query: dict[str, str]) -> AppTest:
    found = AppTest.from_function(run_page, default_timeout=180)
    for name, value in query.items():
        found.query_params[name] = value
    return found.run()


@pytest.fixture
def tiled(monkeypatch):
    """A quick library: tiles only."""
    return DesignQuestion(view(), Plan(arms=("tiling", "negative control"), length=100, barcodes=2, negative=3))


def press(found: AppTest) -> AppTest:
    return found.button(key="design-make").click().run()


def test_a_link_makes_its_library_and_offers_its_files(tiled):
    found = page(tiled.to_query())
    assert not found.exception
    assert not found.error
    question, design = found.session_state["design-made"]
    assert question.plan == tiled.plan
    assert design.n_oligos == 2 * (3 + 3)
    assert "12</b> <i>oligos" in "".join(str(one.proto) for one in found.get("html"))
    assert len(found.get("download_button")) == 4


def test_the_place_of_a_locus_link_is_filled_in_and_waits(tiled):
    found = page(view().to_query())
    assert "design-made" not in found.session_state
    assert found.session_state["design-length"] == 100
    found.session_state["design-arms"] = ["tiling"]
    found = press(found)
    assert not found.error
    assert found.session_state["design-made"][1].by_arm().keys() == {"tiling"}


def test_a_refusal_is_one_sentence_and_what_was_typed_stays(tiled):
    found = page(view().to_query())
    found.session_state["design-arms"] = ["tiling"]
    found.session_state["design-places"] = "sb1:1-20\n"
    found = press(found)
    assert "hang off the end" in found.error[0].value
    assert found.session_state["design-places"] == "sb1:1-20\n"
    found.session_state["design-barcodes"] = 0
    found = press(found)
    assert "at least one barcode" in found.error[0].value


def test_guides_say_that_off_targets_were_not_searched():
    plan = Plan("CRISPRi", ("tiling", "negative control"), layout=GUIDE_LAYOUT, guides=2, barcodes=0, negative=3)
    found = page(DesignQuestion(view(), plan).to_query())
    assert not found.exception
    assert not found.error
    assert "not searched" in found.warning[0].value
    assert {one.pam[1:] for one in found.session_state["design-made"][1].elements if one.pam} == {"GG"}
