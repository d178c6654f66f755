"""The lease on the device: one training at a time holds it, and the system gives it back however its holder ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from genome.home import folder

_EVERY_SECONDS = 0.5


@contextmanager
def leased(waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the lease while something is trained; waits where another training of this CISLENS_HOME holds it.

    Pages need none: the engine answers them beside a training, which is a process of low priority on one core.

    Args:
        waiting: called twice a second while it waits; may raise to give up.
    """
    with (folder("refinements") / "device.lease").open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                time.sleep(_EVERY_SECONDS)
        yield  # the lock goes with the file
