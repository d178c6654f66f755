"""What several tests of the page stand on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from app import compute_jobs
from experiment import jobs


@pytest.fixture
def queue() -> Iterator[None]:
    """A server's queue in this process."""
    compute_jobs.launch()
    end = time.monotonic() + 60
    while jobs.trouble():
        assert time.monotonic() < end, jobs.trouble()
        time.sleep(0.05)
    yield
    jobs.stop()
