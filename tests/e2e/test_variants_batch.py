"""Many variants in a real browser: a file becomes a job, and the page answers everybody else while it runs."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import PATIENCE, Visitor, link
from tests.experiment.test_long_variants import lines

pytestmark = pytest.mark.browser

PLACES = ("sb1:58,351-58,510", "sb1:31,421-31,570")
LOOKS = 20
RESTS = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def took(visitor: Visitor, place: str) -> float:
    """Seconds from pressing Look to the place being shown and the page at rest."""
    visitor.page.get_by_label("Search", exact=True).fill(place)
    started = time.perf_counter()
    visitor.press("Look")
    until = started + 10 * PATIENCE
    while visitor.place() != place or not visitor.page.locator(RESTS).count():
        assert time.perf_counter() < until, f"{place} is not shown"
        visitor.page.wait_for_timeout(10)
    return time.perf_counter() - started


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
    looking = Visitor(chrome, address).open(link(PLACES[0].replace(",", "")))
    took(looking, PLACES[1])
    alone = [took(looking, PLACES[index % 2]) for index in range(8)]
    giving = many(chrome, address, 30_000)
    giving.page.get_by_text("alleles are computed").wait_for(timeout=60_000)
    beside = [took(looking, PLACES[index % 2]) for index in range(LOOKS)]
    still = giving.page.get_by_role("button", name="Cancel", exact=True)
    assert still.count() == 1, "the batch ended before the measurement did; give it more alleles"
    still.click()
    giving.page.get_by_role("button", name="Go on with the computation").wait_for()
    p95, usual = (float(np.percentile(times, 95)) for times in (beside, alone))
    print(
        f"a cached locus: median {np.median(alone):.2f} s (p95 {usual:.2f} s) alone, {np.median(beside):.2f} s (p95 {p95:.2f} s) beside a batch"
    )
    assert p95 < max(
        1.0 * PATIENCE, 2.5 * usual
    )  # of a machine that is busy with other things, how much the batch adds
    looking.leave()
    giving.leave(errors=True)


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
