"""The cache: one computation at a time, bounded, never keeps a failure."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.cache import Cache


def test_eight_callers_at_once_share_one_computation():
    calls = []

    def make() -> int:
        calls.append(1)
        time.sleep(0.1)
        return 7

    cache = Cache(1_000)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: cache.get("key", make), range(8))) == [7] * 8
    assert len(calls) == 1


def test_a_failure_is_not_kept_and_the_next_takes_over():
    cache = Cache(1_000)
    started = threading.Event()

    def fail() -> int:
        started.set()
        time.sleep(0.1)
        raise KeyError("broken")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", fail)
        started.wait()
        second = pool.submit(cache.get, "key", lambda: 3)
        with pytest.raises(KeyError):
            first.result()
        assert second.result() == 3


def test_the_least_recently_used_is_dropped_first():
    cache = Cache(2_500)
    for key in "abc":
        cache.get(key, lambda: np.zeros(250, dtype=np.float32))
        cache.get("a", lambda: None)
    assert cache.holds("a")
    assert cache.holds("c")
    assert not cache.holds("b")
    assert cache.bytes <= 2_500


def test_a_waiting_caller_can_give_up():
    cache = Cache(1_000)
    gate = threading.Event()

    def give_up() -> None:
        raise TimeoutError

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "key", lambda: gate.wait(5))
        time.sleep(0.05)
        with pytest.raises(TimeoutError):
            cache.get("key", lambda: 1, wait=give_up)
        gate.set()
        slow.result()
