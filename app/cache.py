"""A bounded memory of computed values: keys are small values, never arrays; each is computed once at a time."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
_POLL_SECONDS = 0.05


class Cache:
    """Values by key, the least recently used dropped when they weigh more than ``max_bytes`` together.

    Two callers that ask for the same key at once share one computation; when the first is cancelled or fails, the next
    takes it over. Failures are never kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._busy: dict[Hashable, threading.Event] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], *, wait: Callable[[], None] | None = None) -> T:
        """The value of ``key``, computed by ``make`` unless it is known.

        Args:
            key: small and hashable.
            make: computes the value.
            wait: called now and then while another caller computes it; may raise to give up.
        """
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    value: T = self._values[key][0]
                    return value
                busy = self._busy.get(key)
                if busy is None:
                    self._busy[key] = threading.Event()
            if busy is None:
                return self._make(key, make)
            while not busy.wait(_POLL_SECONDS):
                if wait is not None:
                    wait()

    def holds(self, key: Hashable) -> bool:
        """Whether a value is known."""
        with self._lock:
            return key in self._values

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._values.clear()

    @property
    def bytes(self) -> int:
        """What the values weigh."""
        with self._lock:
            return sum(weight for _, weight in self._values.values())

    def _make(self, key: Hashable, make: Callable[[], T]) -> T:
        try:
            value = make()
            weight = weigh(value)
            with self._lock:
                self._values[key] = (value, weight)
                total = sum(w for _, w in self._values.values())
                while total > self.max_bytes and len(self._values) > 1:
                    _, (_, dropped) = self._values.popitem(last=False)
                    total -= dropped
            return value
        finally:
            with self._lock:
                self._busy.pop(key).set()


def weigh(value: object, depth: int = 4) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if depth and is_dataclass(value):
        return 100 + sum(weigh(getattr(value, field.name), depth - 1) for field in fields(value))
    if depth and isinstance(value, (list, tuple)):
        return 56 + sum(weigh(item, depth - 1) for item in value)
    return sys.getsizeof(value)
