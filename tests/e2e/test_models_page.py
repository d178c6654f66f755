"""The menu, the Models screen and two answers side by side, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.components import igv
from models import registry
from tests.app.toy_folders import PATHS, write_cells
from tests.e2e.conftest import Visitor, copied_link, link, served

pytestmark = pytest.mark.browser

SITE = "sb1:58351-58510"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models of the administrator, empty at first."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, shelf: Path) -> Iterator[str]:
    if not igv.bundle_available():
        pytest.skip("igv.js is not installed: run make setup")
    settings = {"CISLENS_MODELS": str(shelf), "CISLENS_ARCHITECTURES": PATHS}
    with served(tmp_path_factory.mktemp("home"), **settings) as found:
        yield found


@pytest.fixture
def visitor(chrome: Any, address: str) -> Iterator[Visitor]:
    came = Visitor(chrome, address)
    yield came
    came.leave()


def go_to(visitor: Visitor, screen: str, *, drawn: bool = False) -> Visitor:
    """Chooses a screen in the menu."""
    visitor.page.get_by_role("link", name=screen, exact=True).click()
    visitor.page.wait_for_url(f"**/{'' if screen == 'Locus' else screen.lower()}*")
    return visitor.settle(drawn=drawn)


def find(visitor: Visitor, words: str) -> str:
    """Types into the search of the Models screen; returns what the page says."""
    visitor.page.get_by_label("Find a track", exact=True).fill(words)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_timeout(300)
    return visitor.settle(drawn=False).everything()


def test_a_track_found_on_the_models_screen_opens_at_the_place_looked_at_before(visitor: Visitor) -> None:
    visitor.open(link("sb1:31421-31570"))
    go_to(visitor, "Models")
    assert "2 tracks of tf-binding and simple fit “SPI1”." in find(visitor, "SPI1")
    visitor.page.get_by_role("link", name="Open on a locus").first.click()
    visitor.page.wait_for_url("**locus=**")
    visitor.settle()
    assert visitor.query()["locus"] == "sb1:31421-31570"
    assert visitor.query()["track"] == "PU.1 binding"
    assert visitor.said().startswith("PU.1 binding")


def test_coming_back_by_the_menu_finds_the_place_again(visitor: Visitor) -> None:
    visitor.open(link("sb1:31421-31570", track="PU.1 binding"))
    before = visitor.query()
    go_to(visitor, "Models")
    go_to(visitor, "Locus", drawn=True)
    assert visitor.query() == before


def test_nobody_is_trained_on_spleen_and_the_page_says_so(visitor: Visitor) -> None:
    visitor.open()
    go_to(visitor, "Models")
    assert "No model here was trained on spleen." in find(visitor, "spleen")


def test_a_model_put_into_its_folder_is_found_without_a_restart(visitor: Visitor, shelf: Path) -> None:
    visitor.open(link(SITE))
    before = visitor.numbers()
    go_to(visitor, "Models")
    assert "No model here was trained on Zork9" in find(visitor, "Zork9")
    write_cells(shelf, cells=("Zork9",))
    assert "1 track of cells fits “zork9”." in find(visitor, "zork9")
    visitor.page.get_by_role("link", name="Open on a locus").first.click()
    visitor.page.wait_for_url("**model=cells**")
    assert "Zork9 activity" in visitor.settle().said()
    visitor.open(link(SITE))
    assert visitor.numbers() == before  # an old link keeps its numbers


def test_another_cell_type_is_drawn_beneath_and_the_link_carries_it(
    visitor: Visitor, chrome: Any, address: str, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cells(shelf, cells=("WTC11", "HepG2", "K562"))
    monkeypatch.setenv("CISLENS_MODELS", str(shelf))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    cells = registry.spec("cells").model_id
    visitor.open(link(SITE, model=cells, track="K562 activity"))
    alone = len(visitor.coloured())
    visitor.open(link(SITE, model=cells, track="K562 activity", beside=f"{cells}|HepG2 activity"))
    assert len(visitor.coloured()) == alone + 1  # its letters; its own small row grew
    assert "they are drawn on one axis" in visitor.everything()
    colleague = Visitor(chrome, address)
    colleague.page.goto(copied_link(visitor))
    colleague.settle()
    assert colleague.query()["beside"] == f"{cells}|HepG2 activity"
    assert colleague.numbers() == visitor.numbers()
    colleague.leave()


def test_two_models_side_by_side_say_why_their_numbers_are_not_compared(visitor: Visitor) -> None:
    visitor.open(link(SITE, beside=f"{registry.spec('simple').model_id}|CTCF binding"))
    assert "Two models: each has its own zero and scale" in visitor.everything()
    visitor.page.get_by_role("tab", name="Side by side").click()
    visitor.settle()
    assert "Every track at" in visitor.everything()
