"""The Design page without a browser: from the place looked at to files, refusals that lose nothing, links that fill it in."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.design_question import DesignQuestion
from app.view import View
from experiment.design import Plan
from experiment.design_layout import GUIDE_LAYOUT
from experiment.design_picks import Picks
from genome.locus import parse_locus
from models import registry
from tests.toy_models import random_bases


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


def html(found: AppTest) -> str:
    return "".join(str(one.proto) for one in found.get("html"))


def captions(found: AppTest) -> str:
    return " ".join(one.value for one in found.caption)


def with_picks(**values) -> AppTest:
    """The form of the place looked at, with picks and random elements beside controls."""
    found = page(view().to_query())
    found.session_state["design-arms"] = ["acquired", "random", "negative control"]
    for name, value in {"barcodes": 1, "negative": 2, "pick": 8, **values}.items():
        found.session_state[f"design-{name}"] = value
    return found.run()


def test_picks_are_chosen_on_the_page_and_it_says_first_what_they_are_expected_to_tell():
    found = with_picks()
    assert "203 windows of 100 bp over sb1" in captions(found)
    assert "The usual choice" in captions(found)
    found = press(found)
    assert not found.exception
    assert not found.error
    question, design = found.session_state["design-made"]
    assert question.plan.picks == Picks(8, around=5_000)
    assert {arm: count for arm, (count, _) in design.by_arm().items()} == {
        "acquired": 8, "random": 8, "negative control": 2
    }  # fmt: skip
    told = design.acquisition.words[1]
    assert "random ones" in told
    assert told in html(found)
    again = page(question.to_query())
    assert again.session_state["design-made"][1].elements == design.elements
    assert again.session_state["design-pick"] == 8


def test_a_pasted_list_of_candidates_is_chosen_among():
    listed = "".join(f">s{row}\n{random_bases(100, seed=row)}\n" for row in range(20))
    found = press(with_picks(pool="a list", candidates=listed, pick=4, strategy="variance"))
    assert not found.error
    picked = [one for one in found.session_state["design-made"][1].elements if one.arm == "acquired"]
    assert len(picked) == 4
    assert all(one.name.startswith("s") and one.score > 0 for one in picked)


def test_a_mistake_about_picks_is_one_sentence_and_nothing_typed_is_lost():
    found = with_picks(around=0)
    assert "3 windows" in captions(found)
    assert "too few" in captions(found)
    found = press(found)
    assert "pick at most 1" in found.error[0].value
    found.session_state["design-pool"] = "a list"
    found = press(found.run())
    assert "list of candidates is empty" in found.error[0].value
    found.session_state["design-candidates"] = ">a\nACGTACGTACGT\n"
    found = press(found.run())
    assert "take elements of 12 bp" in found.error[0].value.replace("\\", "")
    assert found.session_state["design-candidates"] == ">a\nACGTACGTACGT\n"
    assert found.session_state["design-pick"] == 8
    found.session_state["design-picks_from"] = "pasted"
    found = press(found.run())
    assert "give the picks" in found.error[0].value
    found.session_state["design-picks_from"] = "chosen here"
    found = found.run()
    assert found.session_state["design-candidates"] == ">a\nACGTACGTACGT\n"


def test_a_strategy_that_the_model_cannot_do_is_said_and_another_one_works():
    query = view().to_query() | {"model": registry.spec("simple").model_id}
    found = page(query)
    found.session_state["design-arms"] = ["acquired", "random"]
    found.session_state["design-pick"] = 5
    found.session_state["design-barcodes"] = 1
    found = press(found.run())
    assert "shows no embedding" in found.error[0].value
    found.session_state["design-strategy"] = "random"
    found = press(found.run())
    assert not found.error
    assert "not known" in html(found)


def test_picks_from_elsewhere_are_still_taken():
    found = with_picks(picks_from="pasted", acquired="sb1:60,001-60,100\nsb1:61,001-61,100\n")
    found = press(found)
    assert not found.error
    design = found.session_state["design-made"][1]
    assert design.acquisition is None
    assert [one.locus for one in design.elements if one.arm == "acquired"] == ["sb1:60,001-60,100", "sb1:61,001-61,100"]


def test_guides_say_that_off_targets_were_not_searched():
    plan = Plan("CRISPRi", ("tiling", "negative control"), layout=GUIDE_LAYOUT, guides=2, barcodes=0, negative=3)
    found = page(DesignQuestion(view(), plan).to_query())
    assert not found.exception
    assert not found.error
    assert "not searched" in found.warning[0].value
    assert {one.pam[1:] for one in found.session_state["design-made"][1].elements if one.pam} == {"GG"}
