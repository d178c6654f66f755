"""Back-up and restore: the database, the files and the models in one zip with the digest of each.

A restore unpacks beside what is there, checks everything, and only then says that it is ready, by renaming one folder.
From there it is finished by whoever opens the store next, however often it is killed. What was there before is moved
aside, not deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from experiment import store_files
from experiment.store_tables import REVISION
from genome.errors import UserError
from genome.home import folder, locked, replaced

DATABASE, IDENTITY, LOCK = "store.sqlite", "identity", "store.lock"
_PARTS = ("store", "models", "pasted")  # of CISLENS_HOME; all else can be downloaded or computed again
_FILES = "store/files/"
_MANIFEST, _FORMAT = "manifest.json", 1
_READY, _BEFORE, _UNPACKING = "restore-ready", "before-restore", ".restoring-"
_MOST_MANIFEST_BYTES = 200_000_000
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")
_NO_BACKUP = "is no back-up of Cislens, or was damaged"


def write(engine: Engine, place: Path, out: Path) -> Mapping[str, int]:
    """Writes everything into one file, while others go on working.

    Args:
        engine: of the store.
        place: CISLENS_HOME.
        out: the file; it appears whole or not at all.

    Returns:
        How many there are of each kind of record, and of files.

    Raises:
        UserError: when the database is not SQLite, or a file was changed on the disk.
    """
    if engine.dialect.name != "sqlite":
        raise UserError(
            f"This store lives in another database: back that one up with its own tool (pg_dump), and copy the folders "
            f"{', '.join(_PARTS)} of {place}."
        )
    if out.is_dir() or not out.parent.is_dir():
        raise UserError(f"'{out}' is no place for a file; give a file in a folder that is there.")
    handle, copy_name = tempfile.mkstemp(prefix=".new-", dir=place / "store" / "files")
    os.close(handle)
    copy = Path(copy_name)
    try:
        _copy_database(engine, copy)
        with replaced(out) as temporary, locked(folder("models") / ".lock"):
            manifest = _write_zip(temporary, copy, place)
            store_files.sync_file(temporary)
        store_files.sync_folder(out.parent)
        return _counts(copy) | {"files": len(manifest)}
    finally:
        copy.unlink(missing_ok=True)


def restore(source: Path, place: Path, *, over: bool = False) -> Mapping[str, int]:
    """Puts a back-up in the place of what is there.

    Args:
        source: a file that ``write`` made.
        place: CISLENS_HOME.
        over: whether to take the place of what is there, which is moved to ``before-restore`` then.

    Returns:
        How many there are of each kind of record, and of files.

    Raises:
        UserError: when the file is no back-up, is damaged or newer than this Cislens, when something is there already,
            or when the store is in use. Nothing is changed then.
    """
    folder()
    with (place / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError("The store is in use; stop the Cislens server on this folder, then restore.") from error
        finish_restore(place)
        sweep(place)
        if not over and any(_is_filled(place / part) for part in _PARTS):
            raise UserError(
                f"{place} holds projects or models already; give --replace to move them to "
                f"{_BEFORE}, or set CISLENS_HOME to an empty folder."
            )
        unpacked = Path(tempfile.mkdtemp(prefix=_UNPACKING, dir=place))
        try:
            manifest = _unpack(source, unpacked)
            counts = _checked(unpacked)
            unpacked.rename(place / _READY)
        except OSError as error:
            raise UserError(f"The back-up cannot be unpacked here ({error.strerror}); nothing was changed.") from error
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        store_files.sync_folder(place)
        finish_restore(place)
        return counts | {"files": len(manifest)}


def finish_restore(place: Path) -> None:
    """Finishes a restore that was checked and is ready; may be killed and called again at any point."""
    ready = place / _READY
    if not ready.is_dir():
        return
    for part in _PARTS:
        if not (ready / part).is_dir():
            continue  # this one is in its place already
        if (place / part).exists():
            (place / _BEFORE).mkdir(exist_ok=True)
            kept = Path(tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d-"), dir=place / _BEFORE))
            (place / part).rename(kept / part)
        (ready / part).rename(place / part)
    store_files.sync_folder(place)
    ready.rmdir()


def sweep(place: Path) -> None:
    """Deletes what a killed restore had unpacked."""
    for path in place.glob(f"{_UNPACKING}*"):
        store_files.discard(path)


def _copy_database(engine: Engine, copy: Path) -> None:
    """One state of the database, whoever writes meanwhile."""
    raw = engine.raw_connection()
    try:
        source = raw.driver_connection
        if not isinstance(source, sqlite3.Connection):
            raise ValueError(f"{source=} is no connection to SQLite")
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
    finally:
        raw.close()


def _write_zip(out: Path, copy: Path, place: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in _contents(copy, place):
            manifest[name] = _add_to_zip(archive, name, path)
            if not _is_named_right(name, manifest[name]["sha256"]):
                raise UserError(f"The file {path.name[:12]} was changed on the disk; put it right before backing up.")
        head = {"format": _FORMAT, "revision": REVISION, "created": time.time(), "files": manifest}
        archive.writestr(_MANIFEST, json.dumps(head, sort_keys=True))
    return manifest


def _contents(copy: Path, place: Path) -> Iterator[tuple[str, Path]]:
    """Name in the back-up and path of everything that belongs in it."""
    yield f"store/{DATABASE}", copy
    yield f"store/{IDENTITY}", place / "store" / IDENTITY
    with closing(sqlite3.connect(copy)) as database:
        digests = [row[0] for row in database.execute("select digest from uploads order by digest")]
    for digest in digests:
        yield f"{_FILES}{digest}", place / "store" / "files" / digest
    for part in _PARTS[1:]:
        for path in sorted((place / part).rglob("*")):
            name = path.relative_to(place).as_posix()
            if path.is_file() and not path.is_symlink() and _is_safe(name):
                yield name, path


def _add_to_zip(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    kind = zipfile.ZIP_STORED if path.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
    info = zipfile.ZipInfo(name)
    info.compress_type, info.external_attr = kind, (stat.S_IFREG | 0o644) << 16
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        for block in store_files.blocks(source):
            digest.update(block)
            size += len(block)
            target.write(block)
    return {"sha256": digest.hexdigest(), "size": size}


def _unpack(source: Path, target: Path) -> Mapping[str, Any]:
    """Unpacks a back-up into an empty folder, each file as long and with the digest that the manifest says."""
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _manifest(archive, source.name)
            for part in (*_PARTS, "store/files", "models/refined"):
                (target / part).mkdir(exist_ok=True)
            for name, said in manifest.items():
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as packed:
                    _unpack_one(packed, path, said, source.name)
    except FileNotFoundError as error:
        raise UserError(f"There is no file '{source}'; check the path.") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise UserError(f"'{source.name}' {_NO_BACKUP} ({str(error)[:100]}); take another one.") from error
    return manifest


def _manifest(archive: zipfile.ZipFile, label: str) -> Mapping[str, Any]:
    """What the back-up says is in it: exactly what is in it, and nothing that would leave the folder."""
    names = archive.namelist()
    if _MANIFEST not in names or archive.getinfo(_MANIFEST).file_size > _MOST_MANIFEST_BYTES:
        raise UserError(f"'{label}' {_NO_BACKUP}: it has no manifest; take another one.")
    try:
        head = json.loads(archive.read(_MANIFEST))
        files = dict(head["files"])
        pairs = {name: (str(said["sha256"]), int(said["size"])) for name, said in files.items()}
        form, revision = int(head["format"]), str(head["revision"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"'{label}' {_NO_BACKUP}: its manifest cannot be read; take another one.") from error
    if form > _FORMAT or revision > REVISION:
        raise UserError(f"'{label}' was written by a newer Cislens; update this one before it is restored.")
    if sorted(names) != sorted([*pairs, _MANIFEST]):
        raise UserError(f"'{label}' {_NO_BACKUP}: it holds other files than its manifest says; take another one.")
    unsafe = [name for name, (sha, _) in pairs.items() if not (_is_safe(name) and _is_named_right(name, sha))]
    if unsafe:
        raise UserError(
            f"'{label}' holds '{unsafe[0][:80]}', which does not belong in a back-up; nothing was restored."
        )
    return {name: {"sha256": digest, "size": size} for name, (digest, size) in pairs.items()}


def _is_safe(name: str) -> bool:
    """Whether a name stays below the folder it is unpacked into, in one of the parts that are backed up."""
    parts = name.split("/")
    return len(parts) > 1 and parts[0] in _PARTS and all(_NAME.fullmatch(part) for part in parts)


def _is_named_right(name: str, digest: str) -> bool:
    """Whether an upload has the name of its bytes."""
    return not name.startswith(_FILES) or name == f"{_FILES}{digest}"


def _unpack_one(packed: Any, path: Path, said: Mapping[str, Any], label: str) -> None:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as out:
        for block in store_files.blocks(packed):
            size += len(block)
            if size > said["size"]:
                break
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if (digest.hexdigest(), size) != (said["sha256"], said["size"]):
        raise UserError(f"'{label}' is damaged at {path.name[:80]}; nothing was restored. Take another back-up.")
    path.chmod(0o644)
    store_files.sync_folder(path.parent)


def _checked(unpacked: Path) -> dict[str, int]:
    """Whether the unpacked database is whole and every file that it speaks of is there."""
    copy = unpacked / "store" / DATABASE
    try:
        with closing(sqlite3.connect(copy)) as database:
            whole = database.execute("PRAGMA integrity_check").fetchone()[0]
            broken = database.execute("PRAGMA foreign_key_check").fetchone()
            digests = {row[0] for row in database.execute("select digest from uploads")}
            models = {row[0] for row in database.execute("select child from refinements")}
            owner = database.execute("select store from identity").fetchone()
        counts = _counts(copy)
    except sqlite3.Error as error:
        raise UserError(f"The database in this back-up cannot be read ({error}); take another one.") from error
    files = {path.name for path in (unpacked / "store" / "files").iterdir()}
    refined = {path.name for path in (unpacked / "models" / "refined").iterdir()}
    stated = (unpacked / "store" / IDENTITY).read_text() if (unpacked / "store" / IDENTITY).is_file() else ""
    if whole != "ok" or broken or digests != files or not models <= refined or owner is None or owner[0] != stated:
        raise UserError(
            "This back-up lacks files that its database speaks of, or its database is damaged; take another one."
        )
    return counts


def _counts(copy: Path) -> dict[str, int]:
    names = ("projects", "hypotheses", "designs", "measurements", "refinements")
    with closing(sqlite3.connect(copy)) as database:
        return {name: int(database.execute(f"select count(*) from {name}").fetchone()[0]) for name in names}  # noqa: S608


def _is_filled(path: Path) -> bool:
    return path.is_dir() and any(one.is_file() and not one.name.startswith(".") for one in path.rglob("*"))
