"""The page in a real browser: a server on this computer, Chromium, and a visitor who notes all that happens."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.components import igv
from genome import catalog
from genome.locus import Locus
from models import registry

ROOT = Path(__file__).parents[2]
PATIENCE = float(os.environ.get("CISLENS_TEST_PATIENCE", "4"))  # machines under test are slower than what is promised

# The drawn rows of the genome browser, which live in two shadow roots.
ROWS = """[...document.querySelectorAll('[data-testid="stBidiComponentIsolated"], [data-testid="stBidiComponent"], div')]
  .map((e) => e.shadowRoot?.querySelector('.stage')).filter(Boolean)
  .flatMap((stage) => [...stage.shadowRoot.querySelectorAll('.igv-viewport[data-track-type="cislens"]')])"""

# How many pixels of each row have a colour that is no grey.
COLOURED = f"""{ROWS}.map((row) => {{
  const canvas = row.querySelector('canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {{
    const spread = Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
    if (data[i + 3] > 100 && spread > 60) found += 1;
  }}
  return found;
}})"""


def chromium() -> str:
    """Where Chromium is; skips the test where there is none."""
    found = os.environ.get("CISLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium: apt-get install chromium, or name one in CISLENS_CHROMIUM")
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def server(command: list[str], health: str, **settings: str) -> Iterator[None]:
    """Runs a server from the root of the checkout until the block ends."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(health, running)
        yield
    finally:
        running.terminate()
        running.wait(timeout=20)


def wait_for(address: str, running: subprocess.Popen[bytes]) -> None:
    """Waits until a server answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            assert running.poll() is None, "the server ended"
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@contextmanager
def served(home: Path, **settings: str) -> Iterator[str]:
    """The whole page as ``cislens serve`` serves it, with an empty home; yields its address."""
    chromium()
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    settings = {"HOME": str(home), "CISLENS_HOME": str(home / "cislens"), "CISLENS_REMOTE": "ask", **settings}
    with server(command, f"http://127.0.0.1:{port}/_stcore/health", **settings):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh installation, whose genome browser is there; files that need more have one of their own."""
    if not igv.bundle_available():
        pytest.skip("igv.js is not installed: run make setup")
    with served(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright to run the browser tests")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody with a fresh browser on the page, who notes every request and every error."""

    def __init__(self, chrome: Any, address: str, *, width: int = 1400, height: int = 900) -> None:
        self.address = address
        self.context = chrome.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def open(self, query: dict[str, str] | None = None, *, drawn: bool = True) -> Visitor:
        """Opens the page, with the parameters of a link; ``drawn`` waits for the genome browser too."""
        self.page.goto(f"{self.address}?{urlencode(query)}" if query else self.address)
        return self.settle(drawn=drawn)

    def settle(self, *, drawn: bool = True) -> Visitor:
        """Waits until the page rests, and unless told otherwise until the genome browser shows the place."""
        running = '[data-testid="stApp"][data-test-script-state="notRunning"]'
        ready = '.cislens-igv[data-state="ready"]'
        calm, until = 0, time.monotonic() + 20 * PATIENCE
        while time.monotonic() < until:
            rests = self.page.locator(running).count() and (not drawn or self.page.locator(ready).count())
            calm = calm + 1 if rests else 0
            if calm >= 6:
                return self
            self.page.wait_for_timeout(100)
        raise AssertionError("the page never comes to rest")

    def look_up(self, typed: str, *, drawn: bool = True) -> Visitor:
        """Types into the search box and presses Look."""
        self.page.get_by_label("Search", exact=True).fill(typed)
        self.press("Look")
        return self.settle(drawn=drawn)

    def press(self, name: str) -> None:
        """Presses a button."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def typed(self) -> str:
        """What stands in the search box."""
        return str(self.page.get_by_label("Search", exact=True).input_value())

    def place(self) -> str:
        """The place that the genome browser shows."""
        return str(self.page.locator(".locus").input_value())

    def said(self) -> str:
        """The sentence."""
        return str(self.page.locator(".cl-said").inner_text())

    def problem(self) -> str:
        """The message about a mistake; empty when there is none."""
        shown = self.page.locator('[data-testid="stAlert"]')
        return "\n".join(shown.all_inner_texts()).strip()

    def numbers(self) -> tuple[str, list[str], list[str]]:
        """Everything the page claims: the sentence, the chips, and what the edits do."""
        chips, edits = self.page.locator(".cl-chip"), self.page.locator(".cl-edit")
        return self.said(), chips.all_inner_texts(), edits.all_inner_texts()

    def query(self) -> dict[str, str]:
        """The parameters in the address bar."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def everything(self) -> str:
        """All text on the page."""
        return str(self.page.locator('[data-testid="stApp"]').inner_text())

    def coloured(self) -> list[int]:
        """Coloured pixels of each row of the genome browser."""
        return [int(count) for count in self.page.evaluate(COLOURED)]

    def click_letter(self, position: int) -> None:
        """Clicks the contribution of a base (1-based) in the genome browser."""
        first, last = (int(end.replace(",", "")) for end in self.place().partition(":")[2].split("-"))
        box = self.page.evaluate(
            f"(() => {{ const b = {ROWS}[1].getBoundingClientRect(); return [b.x, b.y, b.width]; }})()"
        )
        share = (position - first + 0.5) / (last - first + 1)
        self.page.mouse.click(box[0] + share * box[2], box[1] + 60)

    def leave(self, *, errors: bool = False) -> None:
        """Closes the browser; nothing may have failed, and nothing may have been asked from elsewhere."""
        self.context.close()
        elsewhere = [url for url in self.requests if not url.startswith((self.address, "data:", "blob:"))]
        assert elsewhere == []
        assert errors or self.errors == []


def link(locus: str, genome: str = "sandbox", **other: str) -> dict[str, str]:
    """The parameters of a link."""
    fixed = {"v": "1", "track": "CTCF binding", "method": "ig", "baseline": "uniform", "seed": "0"}
    return {**fixed, "model": registry.spec("tf-binding").model_id, "genome": genome, "locus": locus, **other}


def base_at(position: int) -> str:
    """The sandbox's base at a 1-based position of sb1."""
    return str(catalog.open_genome("sandbox").sequence(Locus("sb1", position - 1, position)).bases)


def edit(visitor: Visitor, kind: str, position: int, bases: str) -> None:
    """Makes a change in the edit panel."""
    visitor.page.get_by_role("radio", name=kind, exact=True).click()
    visitor.page.get_by_label("Position", exact=True).fill(str(position))
    visitor.page.get_by_label("Bases", exact=True).fill(bases)
    visitor.press("Apply")
    visitor.page.wait_for_timeout(300)
    visitor.settle()


def copied_link(visitor: Visitor) -> str:
    """What the Copy link menu offers."""
    visitor.press("Copy link")
    code = visitor.page.locator('[data-testid="stCode"]').first
    code.wait_for()
    return str(code.inner_text()).strip()
