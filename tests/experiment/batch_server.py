"""A server without a page that works on one batch of variants: puts it in if told so, says how it stands, ends when it is done."""

from __future__ import annotations

import secrets
import sys
import time

from app import compute_jobs, compute_variants
from app.compute import Asker
from experiment import jobs
from models import registry
from tests.experiment.test_long_variants import lines

if __name__ == "__main__":
    compute_jobs.launch()
    while jobs.trouble():
        time.sleep(0.05)
    if sys.argv[1:] == ["start"]:
        given = compute_variants.take_text(lines(8_000), "sandbox", secrets.token_urlsafe(24), Asker(session="test"))
        print(compute_variants.start(registry.spec("simple"), given.known, "").digest, flush=True)
    while any(job.unfinished for job in jobs.jobs()):
        time.sleep(0.05)
    jobs.stop()
