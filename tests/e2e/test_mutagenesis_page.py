"""Seeing through the model, in a real browser: every substitution, methods side by side, checks, what if, and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Visitor, link

pytestmark = pytest.mark.browser

SITE = "sb1:58391-58470"


@pytest.fixture
def visitor(chrome: Any, address: str) -> Iterator[Visitor]:
    came = Visitor(chrome, address)
    yield came
    came.leave()


def test_a_link_opens_every_substitution_under_the_letters(visitor: Visitor) -> None:
    visitor.open(link(SITE, panel="mutagenesis"))
    visitor.page.locator(".js-plotly-plot").first.wait_for()
    assert visitor.problem() == ""
    said = visitor.everything()
    for part in ("in-silico mutagenesis", "mean of four bases", "Blue raises the prediction"):
        assert part in said
    rows = visitor.page.locator(".js-plotly-plot .heatmaplayer image")
    assert rows.count() >= 1


def test_methods_stand_beside_one_another_and_one_is_taken_into_the_link(visitor: Visitor) -> None:
    visitor.open(link(SITE, panel="methods"))
    visitor.page.locator(".js-plotly-plot").first.wait_for()
    said = visitor.everything()
    for method in ("Integrated gradients", "Gradient x input", "DeepLIFT/SHAP", "In-silico mutagenesis"):
        assert method in said
    before = visitor.numbers()
    visitor.page.get_by_role("button", name="Explain with this", exact=True).last.click()
    visitor.page.wait_for_timeout(300)
    visitor.settle()
    assert visitor.query()["method"] == "ism"
    assert visitor.query()["baseline"] == "four"
    assert visitor.numbers() != before
    assert visitor.problem() == ""


def test_a_question_answers_with_one_press(visitor: Visitor) -> None:
    visitor.open(link(SITE))
    visitor.page.get_by_role("link", name="What if", exact=True).click()
    visitor.page.wait_for_url("**/what-if*")
    visitor.settle(drawn=False)
    visitor.press("Ask the model")
    visitor.page.locator(".js-plotly-plot").first.wait_for()
    visitor.settle(drawn=False)
    assert "CTCF binding" in visitor.everything()
    assert visitor.problem() == ""


def test_the_jobs_page_opens_and_says_what_jobs_are(visitor: Visitor) -> None:
    visitor.open(link(SITE))
    visitor.page.get_by_role("link", name="Jobs", exact=True).click()
    visitor.page.wait_for_url("**/jobs*")
    visitor.settle(drawn=False)
    assert visitor.problem() == ""
    assert "what takes longer than anyone waits" in visitor.everything()
