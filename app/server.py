"""The page with what starts beside it: models and the motif database are read while nobody waits yet.

Started by ``cislens serve`` (``python -m streamlit run app/server.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from app import compute, compute_jobs, compute_store, compute_uploads
from experiment import jobs


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Warms up, opens the store and the queue of jobs and deletes old uploads, in the background, as soon as it runs."""
    compute.warm_up()
    compute_store.launch()
    compute_jobs.launch()
    ended = compute_uploads.watch()
    yield
    ended.set()
    await asyncio.to_thread(jobs.stop)
    await asyncio.to_thread(compute_store.stop)


app = st.App(Path(__file__).with_name("main.py"), lifespan=lifespan)
