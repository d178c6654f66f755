"""The page without a browser: what it says where something is missing, wrong or not allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.components import igv
from models import registry

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page on a computer where igv.js was never installed."""
    monkeypatch.setattr(igv, "bundle_available", lambda: False)
    return AppTest.from_file(str(MAIN), default_timeout=120)


def opened(page: AppTest, **changed: str) -> AppTest:
    link = {"v": "1", "model": registry.spec("tf-binding").model_id, "genome": "sandbox", "locus": "sb1:58351-58510"}
    link |= {"track": "CTCF binding", "method": "ig", "baseline": "uniform", "seed": "0", **changed}
    for name, value in link.items():
        page.query_params[name] = value
    return page.run()


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption)


def test_without_the_genome_browser_letters_are_drawn_and_the_page_says_so(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1
    assert "genome browser is not installed" in captions(page)
    assert "CTCF binding is predicted" in html(page)


def test_a_link_made_on_other_bases_is_refused_also_after_the_place_was_shown(page: AppTest) -> None:
    opened(page)
    assert not page.error
    opened(page, contig="0123456789ab")
    assert "other bases" in page.error[0].value


@pytest.mark.parametrize("model", [None, "simple"])
def test_a_link_written_by_hand_needs_a_place_alone(page: AppTest, model: str | None) -> None:
    """The rest is as usual, and the address becomes the whole link."""
    given = {"genome": "sandbox", "locus": "sb1:31,421-31,570"} | ({} if model is None else {"model": model})
    for name, value in given.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert not page.error
    address = {name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}
    assert address["model"] == registry.spec(model or registry.DEFAULT_MODEL).model_id
    assert (address["locus"], address["v"], address["seed"]) == ("sb1:31421-31570", "1", "0")


def test_a_link_written_by_hand_with_a_model_that_nobody_knows_says_so(page: AppTest) -> None:
    for name, value in {"genome": "sandbox", "locus": "sb1:31421-31570", "model": "enformer"}.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert "enformer" in page.error[0].value


def test_where_every_base_is_unknown_nothing_is_claimed(page: AppTest) -> None:
    from app.compute import pasted_view
    from genome.locus import Locus

    view = pasted_view(registry.spec("tf-binding").model_id, "CTCF binding", "unknown", "N" * 150)
    assert view.locus == Locus("unknown", 0, 150)
    opened(page, **view.to_query())
    assert "Nothing can be said here" in html(page)
    assert "No CTCF binding" not in html(page)


def test_a_long_locus_has_no_letters_and_the_page_says_so(page: AppTest) -> None:
    opened(page, locus="sb1:50001-55000")
    assert not page.exception
    assert "zoom in to see them" in captions(page)


def test_a_genome_that_may_not_be_read_is_explained(page: AppTest) -> None:
    opened(page, genome="mm10", locus="chr5:142906254-142906400")
    assert not page.exception
    assert page.info
    assert not [button for button in page.button if button.label.startswith("Allow")]


def test_log_odds_are_explained(page: AppTest) -> None:
    page.run()
    assert any("weak evidence" in words.value for words in page.markdown)


def test_the_checks_panel_says_all_of_them_in_full_and_draws_the_curves_when_asked(page: AppTest) -> None:
    opened(page, panel="checks")
    table = next(words.value for words in page.markdown if words.value.startswith("| Check"))
    for name in ("Methods", "Deletion", "Letters", "Unknown bases", "Like training"):
        assert f"**{name}" in table
    assert "x random" in html(page)
    page.button(key="draw-curves").click().run()
    assert not page.exception
    assert "area under deletion" in captions(page).lower()
    assert len(page.get("plotly_chart")) == 2
