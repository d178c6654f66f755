"""The page with what starts beside it: models and the motif database are read while nobody waits yet.

Started by ``cislens serve`` (``python -m streamlit run app/server.py``).
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from app import compute, compute_jobs, compute_store, compute_uploads
from experiment import jobs


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Warms up, opens the store and the queue of jobs and deletes old uploads, in the background, as soon as it runs."""
    threading.Thread(target=_warm_up, name="cislens-warm-up", daemon=True).start()
    compute_store.launch()
    compute_jobs.launch()
    ended = compute_uploads.watch()
    yield
    ended.set()
    await asyncio.to_thread(jobs.stop)
    await asyncio.to_thread(compute_store.stop)


def _warm_up() -> None:
    """Reads what the first visitor would wait for, and keeps the garbage collector from going through it ever again.

    What is loaded by then is some 400,000 objects that live as long as the process; looking through them takes a tenth of
    a second, during which nobody is answered.
    """
    from app.screens import locus  # noqa: F401  with all panels, a second

    compute.warm_up()
    gc.collect()
    gc.freeze()


app = st.App(Path(__file__).with_name("main.py"), lifespan=lifespan)
