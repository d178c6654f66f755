"""Files of variants that people give: kept on this server for a while, listed for and deleted by who gave them.

An upload is a folder named by the digest of its bytes. Who gave it holds a random token, of which only a digest is
kept; the same file given by two people is one folder with two owners, and goes when the last of them is gone. A folder
is made under a temporary name and renamed when it is whole, so a half-written one never counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from experiment import job_files, jobs
from genome.errors import UserError
from genome.home import folder, home, replaced

_DATA, _OWNERS = "data", "owners"
_BLOCK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{40}")
_ABANDONED_SECONDS = 86_400.0  # what was being written a day ago is not being written any more
_GONE = "This upload is not kept here any more; give the file again."


@dataclass(frozen=True)
class Upload:
    """A file that somebody gave.

    Attributes:
        digest: 40 hex digits of SHA-256 over its bytes.
        name: what this owner calls it.
        size: bytes.
        given: when this owner gave it last, seconds since 1970.
    """

    digest: str
    name: str
    size: int
    given: float


def place(digest: str) -> Path:
    """The folder of an upload (it may not be there)."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest=} is no upload's digest")
    return home() / "uploads" / digest


def store(source: IO[bytes], name: str, owner: str, *, max_bytes: int) -> Upload:
    """Keeps a file, read in blocks; the same bytes are kept once.

    Args:
        source: the bytes.
        name: what people call it.
        owner: token of who gives it.
        max_bytes: most that is taken.

    Raises:
        UserError: when it is empty or too large, or cannot be written.
    """
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder("uploads")))
    try:
        digest = _copied(source, new / _DATA, name, max_bytes)
        kept = place(digest)
        if not data_path(digest).is_file():
            (new / _OWNERS).mkdir()
            with contextlib.suppress(OSError):  # somebody else gave the same file at this moment
                new.rename(kept)
        folder("uploads", digest, _OWNERS)
        note = {"name": " ".join(name.split())[:200], "given": time.time()}
        with replaced(kept / _OWNERS / f"{_hidden(owner)}.json") as temporary:
            temporary.write_text(json.dumps(note))
    except OSError as error:
        raise UserError(f"The file cannot be kept on this server ({error.strerror}); try again later.") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return of_owner(digest, owner)


def data_path(digest: str) -> Path:
    """The bytes as they were given (the file may not be there)."""
    return place(digest) / _DATA


def is_kept(digest: str) -> bool:
    """Whether the upload is here."""
    return data_path(digest).is_file()


def of_owner(digest: str, owner: str) -> Upload:
    """An upload as one of its owners knows it.

    Raises:
        UserError: when it is not here, or somebody else's.
    """
    found = _read(place(digest), _hidden(owner))
    if found is None:
        raise UserError(_GONE)
    return found


def owned_by(owner: str) -> list[Upload]:
    """Everything that somebody gave, the newest first."""
    hidden = _hidden(owner)
    found = [_read(where, hidden) for where in _folders()]
    return sorted((one for one in found if one is not None), key=lambda one: (-one.given, one.digest))


def remove(digest: str, owner: str) -> None:
    """Deletes an upload for its owner: with the last owner go the file, its rows, its jobs and their results.

    Raises:
        UserError: when it is not here, or somebody else's.
    """
    of_owner(digest, owner)
    _disown(place(digest), _hidden(owner))


def expire(days: float, now: float) -> int:
    """Deletes what was given longer ago than that, and what was left half-written; returns how many folders went.

    Args:
        days: how long an upload is kept after it was given last.
        now: seconds since 1970.
    """
    gone = 0
    for where in _folders():
        owners = [path.stem for path in (where / _OWNERS).glob("*.json")]
        for hidden in owners:
            found = _read(where, hidden)
            if found is None or found.given < now - days * 86_400:
                _disown(where, hidden)
        if not owners and _untouched(where, now):
            _delete(where)
        gone += not where.exists()
    for path in (home() / "uploads").glob(".*"):
        if _untouched(path, now):
            shutil.rmtree(path, ignore_errors=True)
    return gone


def _copied(source: IO[bytes], target: Path, name: str, max_bytes: int) -> str:
    """Copies bytes to a file; returns their digest."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        for block in _blocks(source):
            size += len(block)
            if size > max_bytes:
                raise UserError(
                    f"'{name[:60]}' has more than {max_bytes // 1_000_000:,} MB; give a smaller file, or use "
                    "'cislens variants' on the command line."
                )
            digest.update(block)
            out.write(block)
    if not size:
        raise UserError("There is nothing in it; paste variants, or give a file of them.")
    return digest.hexdigest()[:40]


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block


def _hidden(owner: str) -> str:
    """What is kept of a token: whoever reads the disk does not learn it."""
    if len(owner) < 16:
        raise ValueError("a token of an owner has at least 16 characters")
    return hashlib.sha256(owner.encode()).hexdigest()[:40]


def _folders() -> list[Path]:
    return [path for path in sorted((home() / "uploads").glob("*")) if _DIGEST.fullmatch(path.name)]


def _read(where: Path, hidden: str) -> Upload | None:
    try:
        note = json.loads((where / _OWNERS / f"{hidden}.json").read_text())
        return Upload(where.name, str(note["name"]), (where / _DATA).stat().st_size, float(note["given"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _disown(where: Path, hidden: str) -> None:
    (where / _OWNERS / f"{hidden}.json").unlink(missing_ok=True)
    if not any((where / _OWNERS).glob("*.json")):
        _delete(where)


def _delete(where: Path) -> None:
    """Deletes a folder and everything that was computed of it."""
    shutil.rmtree(where, ignore_errors=True)
    for order in job_files.orders():
        if order.parameters.get("upload") == where.name:
            jobs.discard(order.digest)


def _untouched(path: Path, now: float) -> bool:
    try:
        return path.stat().st_mtime < now - _ABANDONED_SECONDS
    except OSError:
        return False
