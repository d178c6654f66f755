"""How far some work is: a function that is told the share done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]


def within(progress: Progress | None, first: float, last: float) -> Progress | None:
    """Progress of a part of the work, from ``first`` to ``last`` of the whole; None where nobody is told."""
    return None if progress is None else lambda done: progress(first + (last - first) * min(done, 1.0))
