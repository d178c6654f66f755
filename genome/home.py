"""Where Cislens keeps what it downloads or works out. Folders are made on first use only."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genome.errors import UserError


def home() -> Path:
    """The folder for downloads and caches: ``CISLENS_HOME``, else ``cislens`` in the user's cache folder."""
    given = os.environ.get("CISLENS_HOME")
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "cislens"


def folder(*parts: str) -> Path:
    """A folder below ``home()``, made if it is not there.

    Raises:
        UserError: when it cannot be made.
    """
    path = home().joinpath(*parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"Cannot write to {home()} ({error.strerror}); set CISLENS_HOME to a folder you own."
        ) from error
    return path


def is_writable(path: Path) -> bool:
    """Whether files can be made in a folder."""
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path``; it takes the place of ``path`` in one step if nothing was raised."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file ``path`` against other threads and processes; the system frees it if the holder dies."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
