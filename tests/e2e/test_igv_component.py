"""The genome browser in a real browser: what it shows, where it follows, and that nothing leaves this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from app.components import igv
from tests.e2e.conftest import COLOURED, PATIENCE, ROWS, chromium, free_port, server

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
PAGE = f"""
import numpy as np
import streamlit as st
from app.components import igv
from genome.locus import Locus, is_locus, parse_locus

HOME = Locus("chr22", 10_000, 10_100)
st.session_state.setdefault("locus", HOME)
st.session_state.runs = st.session_state.get("runs", 0) + 1

def changed():
    state = igv.browser_state("b")
    if state.locus and is_locus(state.locus):
        st.session_state.locus = parse_locus(state.locus)
    elif state.locus:
        st.session_state.typed = state.locus
    if state.clicked is not None:
        st.session_state.clicked = state.clicked

if st.button("Home"):
    st.session_state.locus = HOME
if st.button("Other chromosome"):
    st.session_state.locus = Locus("sb2", 500, 600)
if st.button("Long"):
    st.session_state.locus = Locus("chr22", 2_000_000, 3_000_000)
if st.button("Stronger"):
    st.session_state.gain = 2
st.button("Again")
locus = st.session_state.locus
start, end = max(0, locus.start - locus.length // 2), locus.end + locus.length // 2
if locus.length <= 2000:
    bases = "".join("ACGT"[i % 4] for i in range(start, end))
    values = [st.session_state.get("gain", 1) * np.sin(i / 3) for i in range(start, end)]
    letters = [dict(id="c", kind="letters", name="Contributions", start=start, values=values)]
    rows = [[np.cos(i / 3 + k) * (bases[i - start] != "ACGT"[k]) for i in range(start, end)] for k in range(4)]
    maps = [dict(id="h", kind="heat", name="Mutagenesis", note="log odds, alt − ref", start=start, rows=rows, unit="log odds")]
    step = 1
else:
    bases, letters, maps, step = "", [], [], (end - start) / 20_000
predicted = np.sin(np.arange((end - start) / step) / 9)
hits = [dict(start=locus.start + 10, end=locus.start + 90, name={HOSTILE!r}, details={{{HOSTILE!r}: {HOSTILE!r}}})]
tracks = [
    dict(id="p", kind="signal", name="Predicted", note="CTCF binding, log odds", start=start, step=step,
         values=predicted, low=predicted - 0.2, high=predicted + 0.2),
    *letters,
    dict(id="u", kind="features", name={HOSTILE!r}, note={HOSTILE!r}, features=hits),
    *maps,
]
igv.browser(key="b", locus=locus, tracks=tracks, on_change=changed,
            reference=dict(chrom=locus.chrom, start=start, end=end, bases=bases, contig_length=50_000_000))
st.text("|".join(str(x) for x in ("state", locus, st.session_state.get("clicked"), st.session_state.get("typed"),
                                  st.session_state.runs)))
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chromium()
    if not igv.bundle_available():
        pytest.skip("igv.js is not installed: run make setup")
    page = tmp_path_factory.mktemp("page") / "page.py"
    page.write_text(PAGE, encoding="utf-8")
    port = free_port()
    options = {
        "address": "127.0.0.1",
        "port": port,
        "headless": "true",
        "fileWatcherType": "none",
        "baseUrlPath": "lens",
    }
    flags = [f"--server.{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(page), "--browser.gatherUsageStats=false", *flags]
    with server(command, f"http://127.0.0.1:{port}/lens/_stcore/health"):
        yield f"http://127.0.0.1:{port}/lens"


class Screen:
    """The page as a person sees it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector('.cislens-igv[data-state="ready"]', timeout=30_000)
        self.host = page.locator(".cislens-igv")
        self.settle()

    def state(self) -> list[str]:
        return str(self.page.get_by_text("state|").inner_text()).split("|")[1:]

    def place(self) -> str:
        return str(self.page.locator(".locus").input_value())

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def settle(self) -> None:
        """Waits until no rerun has happened for longer than the debounce."""
        before, calm = self.state(), 0
        for _ in range(100):
            time.sleep(0.1)
            calm = calm + 1 if self.state() == before else 0
            before = self.state()
            if calm >= 5:
                return
        raise AssertionError(f"the page never comes to rest: {before}")

    def tag_rows(self) -> None:
        """Marks what is drawn now, to tell later whether it was drawn anew."""
        self.page.evaluate(f"{ROWS}.forEach((row, i) => {{ row.old = true; row.querySelector('canvas').old = true; }})")

    def kept(self) -> tuple[list[bool], list[bool]]:
        rows = self.page.evaluate(f"{ROWS}.map((row) => !!row.old)")
        return rows, self.page.evaluate(f"{ROWS}.map((row) => !!row.querySelector('canvas').old)")


@pytest.fixture
def screen(chrome: Any, address: str) -> Iterator[Screen]:
    context = chrome.new_context(viewport={"width": 1200, "height": 900})
    shown = Screen(context.new_page(), address)
    yield shown
    assert not shown.errors
    assert [url for url in shown.requests if not url.startswith((address, "data:", "blob:"))] == []
    context.close()


def test_the_browser_is_ready_within_half_a_second_and_loads_only_from_its_own_server(screen: Screen) -> None:
    assert int(screen.host.get_attribute("data-ready-ms")) < 500 * PATIENCE
    assert screen.place() == "chr22:10,001-10,100"
    assert any("igv.esm.min.js" in url for url in screen.requests)
    assert "Predicted" in screen.host.get_attribute("aria-label")


def test_python_follows_a_pan_and_nothing_echoes(screen: Screen) -> None:
    runs = int(screen.state()[-1])
    screen.page.get_by_label("Move right by a quarter window").click()
    screen.settle()
    assert screen.place() == screen.state()[0] == "chr22:10,026-10,125"
    assert int(screen.state()[-1]) == runs + 1
    box = screen.page.locator(".stage").bounding_box()
    x, y = box["x"] + 600, box["y"] + 80
    screen.page.mouse.move(x, y)
    screen.page.mouse.down()
    screen.page.mouse.move(x - 250, y, steps=10)
    screen.page.mouse.up()
    screen.settle()
    assert screen.place() == screen.state()[0] != "chr22:10,026-10,125"
    assert int(screen.state()[-1]) == runs + 2


def test_two_quick_moves_end_at_the_second(screen: Screen) -> None:
    screen.page.get_by_label("Move right by one window").click()
    time.sleep(0.38)
    screen.page.get_by_label("Move right by one window").click()
    screen.settle()
    assert screen.place() == screen.state()[0] == "chr22:10,201-10,300"


def test_the_browser_follows_python_and_back_again(screen: Screen) -> None:
    screen.page.get_by_label("Zoom out").click()
    screen.settle()
    assert screen.state()[0] == "chr22:9,951-10,150"
    for name, place in (
        ("Home", "chr22:10,001-10,100"),
        ("Other chromosome", "sb2:501-600"),
        ("Home", "chr22:10,001-10,100"),
    ):
        screen.press(name)
        screen.settle()
        assert screen.place() == screen.state()[0] == place


def test_keys_pan_and_zoom(screen: Screen) -> None:
    screen.host.focus()
    screen.page.keyboard.press("ArrowLeft")
    screen.page.keyboard.press("-")
    screen.settle()
    assert screen.place() == screen.state()[0] == "chr22:9,926-10,125"


def test_what_is_typed_moves_the_browser_or_reaches_python(screen: Screen) -> None:
    box = screen.page.locator(".locus")
    box.fill("chr22:10,051-10,090")
    box.press("Enter")
    screen.settle()
    assert screen.state()[0] == "chr22:10,051-10,090"
    box.fill("GP1BB")
    box.press("Enter")
    screen.settle()
    assert screen.state()[2] == "GP1BB"
    assert screen.state()[0] == "chr22:10,051-10,090"


def test_a_changed_track_is_redrawn_in_place_and_the_others_are_left_alone(screen: Screen) -> None:
    screen.tag_rows()
    screen.press("Again")
    screen.settle()
    assert screen.kept() == ([True] * 4, [True] * 4)
    screen.press("Stronger")
    screen.settle()
    assert screen.kept() == ([True] * 4, [True, False, True, True])
    assert screen.place() == "chr22:10,001-10,100"


def test_a_clicked_letter_is_told_by_its_position(screen: Screen) -> None:
    left, width = screen.page.evaluate(
        f"(() => {{ const b = {ROWS}[1].getBoundingClientRect(); return [b.left, b.width]; }})()"
    )
    top = screen.page.evaluate(f"{ROWS}[1].getBoundingClientRect().top")
    screen.page.mouse.click(left + width * 0.425, top + 60)
    screen.settle()
    assert screen.state()[1] == "10042"
    assert "10,043" in screen.page.locator(".popover").inner_text()


def test_a_map_says_what_each_change_does_and_which_base_stands_there(screen: Screen) -> None:
    left, top, width, height = screen.page.evaluate(
        f"(() => {{ const b = {ROWS}[3].getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; }})()"
    )
    assert screen.page.evaluate(COLOURED)[3] > 2_000
    for row, said in ((0, "G>A"), (2, "stands here")):  # 0-based 10,042 is a G
        screen.page.mouse.click(left + width * 0.425, top + 6 + (row + 0.5) * (height - 10) / 4)
        screen.settle()
        card = screen.page.locator(".popover").inner_text()
        assert said in card
        assert "10,043" in card
        assert ("log odds" in card) == (row == 0)
        assert screen.state()[1] == "10042"
        screen.page.keyboard.press("Escape")


def test_hostile_names_stay_text_on_screen_in_the_card_and_in_the_picture(screen: Screen, tmp_path: Path) -> None:
    left, width = screen.page.evaluate(
        f"(() => {{ const b = {ROWS}[2].getBoundingClientRect(); return [b.left, b.width]; }})()"
    )
    top = screen.page.evaluate(f"{ROWS}[2].getBoundingClientRect().top")
    screen.page.mouse.click(left + width * 0.5, top + 14)
    card = screen.page.locator(".popover")
    card.wait_for()
    assert HOSTILE in card.inner_text()
    assert card.locator("img, script").count() == 0
    with screen.page.expect_download() as saving:
        screen.page.get_by_label("Save exactly what is shown").click()
    picture = tmp_path / saving.value.suggested_filename
    saving.value.save_as(picture)
    assert picture.name == "chr22_10001-10100.svg"
    drawn = [element.tag.rpartition("}")[2] for element in ElementTree.parse(picture).iter()]
    assert not {"script", "img", "foreignObject", "image"} & set(drawn)
    assert drawn.count("path") > 90
    assert drawn.count("rect") > 300  # the cells of the map
    texts = [element.text for element in ElementTree.parse(picture).iter() if element.tag.endswith("text")]
    assert {"Predicted", "Contributions"} <= set(texts)
    assert screen.page.evaluate("window.pwned") is None


def test_a_megabase_of_twenty_thousand_bins_is_shown_promptly(screen: Screen) -> None:
    screen.press("Long")
    screen.settle()
    assert screen.place() == screen.state()[0] == "chr22:2,000,001-3,000,000"
    assert int(screen.host.get_attribute("data-update-ms")) < 500 * PATIENCE
    screen.page.get_by_label("Zoom out").click()
    screen.settle()
    assert screen.state()[0] == "chr22:2,000,001-3,000,000"
