"""Files of the store, each named by the SHA-256 of its bytes: there whole, or not at all, and never changed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from genome.errors import UserError
from genome.home import replaced

_BLOCK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


def take_in(source: IO[bytes], folder: Path, name: str, *, max_bytes: int) -> tuple[Path, str, int]:
    """Copies bytes to a temporary file of a folder, down to the disk.

    Args:
        source: read in blocks.
        folder: receives it.
        name: what people call it.
        max_bytes: most that is taken.

    Returns:
        The temporary file, the SHA-256 of its bytes, and their number.

    Raises:
        UserError: when it is empty or too large; nothing is left of it then.
    """
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as out:
            while block := source.read(_BLOCK):
                size += len(block)
                if size > max_bytes:
                    raise UserError(f"'{name[:60]}' has more than {max_bytes // 1_000_000:,} MB; give a smaller file.")
                digest.update(block)
                out.write(block)
            if not size:
                raise UserError(f"'{name[:60]}' is empty; give the file that holds the measurements.")
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).chmod(0o444)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Path(temporary), digest.hexdigest(), size


def settle(temporary: Path, place: Path) -> None:
    """Gives a file or folder its final name, down to the disk. A folder that is there already holds the same and stays."""
    if place.is_dir():
        discard(temporary)
    else:
        temporary.replace(place)
    sync_folder(place.parent)


def place(folder: Path, digest: str) -> Path:
    """Where the bytes of a digest lie (they may not be there)."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest=} is not the SHA-256 of a file")
    return folder / digest


def read(folder: Path, digest: str) -> bytes:
    """The bytes of a digest, as they were given.

    Raises:
        UserError: when they are not here, or were changed on the disk.
    """
    try:
        content = place(folder, digest).read_bytes()
    except OSError as error:
        raise UserError(f"The file {digest[:12]} is not in this store; restore a back-up that holds it.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"The file {digest[:12]} was changed on the disk; restore it from a back-up.")
    return content


def copy_folder(source: Path, target: Path) -> None:
    """Copies the files of a folder (none below it), down to the disk."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.is_symlink():
            shutil.copyfile(path, target / path.name)
            sync_file(target / path.name)
    sync_folder(target)


def sweep(folder: Path, wanted: Collection[str]) -> list[str]:
    """Deletes what nothing speaks of: half-written files, and those whose row was never committed. Returns their names."""
    gone = [path for path in sorted(folder.iterdir()) if path.name not in wanted]
    for path in gone:
        discard(path)
    return [path.name for path in gone]


def discard(path: Path) -> None:
    """Deletes a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and number of a file's bytes."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as handle:
        for block in blocks(handle):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def blocks(source: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file, some at a time."""
    while block := source.read(_BLOCK):
        yield block


def sync_file(path: Path) -> None:
    """Waits until a file is on the disk."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, content: str) -> None:
    """Writes a small file in one step, down to the disk."""
    with replaced(path) as temporary:
        temporary.write_text(content)
        sync_file(temporary)
    sync_folder(path.parent)
