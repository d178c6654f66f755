"""Uploads in time: what has been here longer than the administrator keeps it is deleted, whether somebody looks or not."""

from __future__ import annotations

import logging
import threading
import time

from app.settings import upload_days
from experiment import uploads
from genome.errors import UserError

_EVERY_SECONDS = 600.0
_log = logging.getLogger(__name__)


def expire() -> int:
    """Deletes what is too old; returns how many uploads went."""
    return uploads.expire(upload_days(), time.time())


def watch() -> threading.Event:
    """Deletes what is too old now and every ten minutes, in the background, until the event is set."""
    ended = threading.Event()
    threading.Thread(target=_watch, args=(ended,), name="cislens-uploads", daemon=True).start()
    return ended


def _watch(ended: threading.Event) -> None:
    while True:
        try:
            expire()
        except UserError as error:  # a setting that is no number; the page says it too
            _log.warning("uploads are not deleted in time. %s", error)
        if ended.wait(_EVERY_SECONDS):
            return
