"""What every test stands on: a home of its own, nothing of the administrator's settings, and no way out to a network."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile(
    "cislens", deadline=None
)  # a law is about numbers: how long it takes says how busy the machine is
settings.load_profile("cislens")

_KEPT = {"CISLENS_DATA", "CISLENS_DEVICE", "CISLENS_CHROMIUM", "CISLENS_NO_SKIPS", "CISLENS_SCREENSHOT"}
_KEPT |= {"CISLENS_TEST_PATIENCE"}
_LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None}


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported: what starts outside a test (module fixtures, servers) has a temporary home too."""
    for name in [name for name in os.environ if name.startswith("CISLENS_") and name not in _KEPT]:
        del os.environ[name]
    folder = tempfile.TemporaryDirectory(prefix="cislens-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["CISLENS_HOME"] = folder.name
    os.environ["CISLENS_REMOTE"] = "deny"
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # as the command does: without it torch crawls on a busy machine


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh CISLENS_HOME, and no answers left over from another test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("CISLENS_HOME", str(home))
    monkeypatch.setenv("CISLENS_REMOTE", "deny")
    for name in [name for name in os.environ if name.startswith(("CISLENS_GENOME", "CISLENS_GENES", "CISLENS_MODELS"))]:
        monkeypatch.delenv(name)
    compute = sys.modules.get("app.compute")
    if compute is not None:
        compute.cache.cache_clear()
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuses every address but this computer's own, and fails the test even where the product swallowed the refusal."""
    tried: list[str] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOCAL:
            tried.append(str(name))
            raise ConnectionRefusedError(f"tests do not reach {name}")

    def checked(real):
        def call(self: socket.socket, address: object, *rest: object):
            if isinstance(address, tuple):
                refuse(address[0])
            return real(self, address, *rest)

        return call

    def checked_look_up(host: object, *rest: object, **named: object):
        refuse(host)
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", checked(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", checked(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    yield
    assert not tried, f"this test reached for {sorted(set(tried))}; use a server on 127.0.0.1"


@pytest.fixture
def data() -> Path:
    """The folder of measured data."""
    folder = os.environ.get("CISLENS_DATA", "")
    if not folder:
        pytest.skip("CISLENS_DATA is not set; set it to the folder of measured data to run this test")
    return Path(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With CISLENS_NO_SKIPS a test that skips fails: what it needs should be here. Only a missing GPU is excused."""
    report = yield
    if report.skipped and os.environ.get("CISLENS_NO_SKIPS") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "CUDA" not in reason:
            report.outcome = "failed"
            report.longrepr = (
                f"{reason}\nNothing may skip here (CISLENS_NO_SKIPS): what the test needs should be there."
            )
    return report
