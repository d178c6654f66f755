"""The store of what people made, opened when the server starts: what a kill interrupted is finished then. No Streamlit here."""

from __future__ import annotations

import logging
import threading

from genome.errors import UserError

_log = logging.getLogger(__name__)


def launch() -> threading.Thread:
    """Opens the store in the background; where it cannot be opened, the pages that need it say why."""
    thread = threading.Thread(target=_open, name="cislens-store", daemon=True)
    thread.start()
    return thread


def stop() -> None:
    """Closes the store."""
    from experiment.store import close_store

    close_store()


def _open() -> None:
    from experiment.store import open_store

    try:
        open_store()
    except UserError as error:
        _log.warning("%s", error)
