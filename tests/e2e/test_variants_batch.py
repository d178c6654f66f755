"""Many variants in a real browser: a file becomes a job, and the page answers everybody else while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import Visitor, link
from tests.experiment.test_long_variants import lines

pytestmark = pytest.mark.browser

PLACES = ("sb1:58,351-58,510", "sb1:31,421-31,570", "sb1:58,381-58,480")
LOOKS, ALONE = 24, 9
PROMISED = 1.0  # s: 95 of 100 looks at a cached place, beside a batch,
ON_A_MACHINE = 0.35  # where such a look takes this long with nothing beside it: two cores that also draw the page

# Seconds from the press of Look to the place being drawn and the page at rest, as the page itself sees it.
STOPWATCH = """(place) => { window.looked = new Promise((resolve) => {
  const inBrowser = () => [...document.querySelectorAll('div')].map((e) => e.shadowRoot?.querySelector('.locus')).find(Boolean);
  const page = document.querySelector('[data-testid="stApp"]');
  const button = [...document.querySelectorAll('button')].find((b) => b.innerText.trim() === 'Look');
  button.addEventListener('click', () => {
    const began = performance.now();
    let box = inBrowser();
    const watch = () => {
      if (!box?.isConnected) box = inBrowser();
      const seconds = () => (performance.now() - began) / 1000;
      if (box?.value === place && page.dataset.testScriptState === 'notRunning')
        requestAnimationFrame(() => setTimeout(() => resolve(seconds())));
      else if (seconds() > 60) resolve(null);
      else setTimeout(watch, 5);
    };
    watch();
  }, { capture: true, once: true });
}); }"""


def took(visitor: Visitor, place: str) -> float:
    """Seconds from pressing Look to the place being shown, painted, and the page at rest."""
    visitor.page.get_by_label("Search", exact=True).fill(place)
    visitor.page.evaluate(STOPWATCH, place)
    visitor.press("Look")
    seconds = visitor.page.evaluate("() => window.looked")
    assert seconds is not None, f"{place} is not shown"
    visitor.page.wait_for_timeout(150)  # nobody looks faster
    return float(seconds)


def looks(visitor: Visitor, count: int) -> list[float]:
    """Seconds of so many looks, at one place after another."""
    return [took(visitor, PLACES[index % len(PLACES)]) for index in range(count)]


def responsiveness(chrome: Any, address: str, *, alleles: int, count: int = LOOKS) -> tuple[list[float], list[float]]:
    """Seconds of looks at cached places alone, and of as many as ``count`` beside a batch of so many alleles."""
    looking = Visitor(chrome, address).open(link(PLACES[0].replace(",", "")))
    looks(looking, 2 * len(PLACES))
    alone = looks(looking, ALONE)
    giving = many(chrome, address, alleles)
    giving.page.get_by_text("alleles are computed").wait_for(timeout=60_000)
    beside = looks(looking, count)
    still = giving.page.get_by_role("button", name="Cancel", exact=True)
    assert still.count() == 1, "the batch ended before the measurement did; give it more alleles"
    still.click()
    giving.page.get_by_role("button", name="Go on with the computation").wait_for()
    alone += looks(looking, ALONE)  # before and after, for a busy machine is busier at one time than at another
    looking.leave()
    giving.leave(errors=True)
    return alone, beside


def many(chrome: Any, address: str, count: int) -> Visitor:
    """Somebody who gives a file of variants and starts its job."""
    visitor = Visitor(chrome, address)
    visitor.page.goto(f"{address}variants")
    visitor.settle(drawn=False)
    visitor.page.get_by_role("tab", name="Many variants").click()
    visitor.page.get_by_label("Variants: VCF lines", exact=False).wait_for()
    visitor.settle(drawn=False)
    text = lines(count).encode()
    visitor.page.locator('input[type="file"]').set_input_files(
        {"name": "mine.vcf", "mimeType": "text/plain", "buffer": text}
    )
    visitor.page.get_by_text("mine.vcf").first.wait_for()
    visitor.press("Read the variants")
    visitor.page.get_by_role("button", name="Compute the effects").click()
    visitor.page.get_by_role("button", name="Cancel", exact=True).wait_for()
    return visitor


def test_a_cached_locus_comes_at_once_while_a_batch_runs(chrome: Any, address: str) -> None:
    alone, beside = responsiveness(chrome, address, alleles=60_000)
    p95 = float(np.percentile(beside, 95))
    print(
        f"a cached locus: median {np.median(alone):.2f} s alone, {np.median(beside):.2f} s (p95 {p95:.2f} s) beside a batch"
    )
    # What is promised of the 95th percentile is measured by ``benchmarks.responsiveness``. A test that shares its processors
    # with who knows what can hold the median to it, and the slowest looks to three times as much.
    slower = max(1.0, float(np.median(alone)) / ON_A_MACHINE)
    assert np.median(beside) < PROMISED * slower
    assert p95 < 3 * PROMISED * slower


def test_a_small_file_is_answered_at_once_and_can_be_deleted(chrome: Any, address: str) -> None:
    visitor = Visitor(chrome, address)
    visitor.page.goto(f"{address}variants")
    visitor.settle(drawn=False)
    visitor.page.get_by_role("tab", name="Many variants").click()
    box = visitor.page.get_by_label("Variants: VCF lines", exact=False)
    box.fill(lines(12) + "nonsense\n")
    visitor.press("Read the variants")
    visitor.page.get_by_text("effects on CTCF binding").wait_for()
    visitor.page.get_by_text("Line 14:").wait_for()
    with visitor.page.expect_download() as saving:
        visitor.press("Table (.tsv)")
    written = saving.value.path().read_text()
    rows = [row for row in written.splitlines() if not row.startswith("#")]
    assert len(rows) == 14  # the header, twelve alleles and the line that is none
    visitor.page.get_by_text("Your uploads (1)").click()
    visitor.press("Delete")
    visitor.page.get_by_text("Your uploads (1)").wait_for(state="detached")
    assert box.input_value().endswith("nonsense\n")
    visitor.leave(errors=True)
