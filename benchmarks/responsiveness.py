"""How soon a cached place is on screen, alone and beside a running batch of variants, in a real browser.

``python -m benchmarks.responsiveness`` writes responsiveness.json. Server, both browsers and the batch share the machine.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tests.e2e.conftest import chromium, served
from tests.e2e.test_variants_batch import PLACES, responsiveness

RESULTS = Path(__file__).with_name("responsiveness.json")
LOOKS, ALLELES, PROMISED_P95 = 30, 60_000, 1.0


def main() -> None:
    """Measures once and writes what was found."""
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        alone, beside = responsiveness(browser, address, alleles=ALLELES, count=LOOKS)
        browser.close()
    found = {
        "promised_p95_seconds": PROMISED_P95,
        "cores": os.cpu_count(),
        "places": PLACES,
        "alone": summary(alone),
        "beside a batch": summary(beside),
    }
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile and longest, in seconds."""
    found = {"median": np.median(seconds), "p95": np.percentile(seconds, 95), "longest": max(seconds)}
    return {"looks": len(seconds)} | {name: round(float(value), 3) for name, value in found.items()}


if __name__ == "__main__":
    main()
