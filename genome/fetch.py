"""Keeps a genome on this computer: downloaded once, resumable, verified."""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from genome.catalog import GenomeEntry, fetched_path, genome_entry
from genome.errors import UserError
from genome.fasta import open_index
from genome.home import folder, locked, replaced

Progress = Callable[[float], None]

_TRIES = 5
_PIECE = 1 << 20
_DOWNLOAD_PIECE = 1 << 16  # what is lost when the connection breaks
_UNPACKED_RATIO = 4.5
_DOWNLOAD_SHARE = 0.8


def fetch(name: str, progress: Progress | None = None, *, timeout: float = 30.0) -> Path:
    """Downloads a genome into the data folder, so that it is read without a network from then on.

    A download that was cut goes on where it stopped, now and the next time. The checksum is that of the table, or the one
    that the publisher lists beside the file. The FASTA is unpacked and indexed before it takes its place.

    Args:
        name: a name in the table of genomes.
        progress: called with the share done, 0 to 1; what it raises (a cancellation) ends the download, which can resume.
        timeout: seconds without an answer before it counts as interrupted.

    Returns:
        The FASTA, ``<home>/genomes/<name>/<name>.fa``.

    Raises:
        UserError: when there is nothing to download, the network or the disk fails, or the checksum is wrong.
    """
    entry = genome_entry(name)
    report = progress or _silent
    target = fetched_path(entry.name)
    if target.exists():
        report(1.0)
        return target
    if not entry.url:
        raise UserError(f"{entry.name} has nothing to download; give its FASTA in the table of genomes.")
    place = folder("genomes", entry.name)
    with locked(place / "lock"):
        if not target.exists():
            packed = _download(entry, place, report, timeout)
            _unpack(packed, target, report)
    open_index(target).close()
    report(1.0)
    return target


def _silent(share: float) -> None:
    """Nobody asked to be told."""
    del share


def _download(entry: GenomeEntry, place: Path, report: Progress, timeout: float) -> Path:
    """The verified download, through pooch with a downloader that resumes."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # progress is reported by us
    file_name = Path(urlsplit(entry.url).path).name
    part = place / f"{file_name}.part"

    def downloader(url: str, output_file: Any, _: Any) -> None:
        _resume(url, part, report, timeout)
        part.replace(output_file)

    try:
        known = f"sha256:{entry.sha256}" if entry.sha256 else _published_md5(entry, file_name, timeout)
        return Path(pooch.retrieve(entry.url, known, fname=file_name, path=place, downloader=downloader))
    except requests.exceptions.RequestException as error:
        raise UserError(
            f"The download of {entry.name} was interrupted; run it again and it goes on where it stopped."
        ) from error
    except ValueError as error:
        raise UserError(f"The download of {entry.name} does not match its checksum; run it again.") from error
    except OSError as error:
        raise UserError(f"The download of {entry.name} cannot be written ({error.strerror}); check {place}.") from error


def _published_md5(entry: GenomeEntry, file_name: str, timeout: float) -> str:
    """The checksum that the publisher lists for a file, in pooch's form."""
    import requests

    if not entry.checksums:
        raise UserError(f"{entry.name} has no checksum; give sha256 or checksums in the table of genomes.")
    answer = requests.get(entry.checksums, timeout=timeout)
    if answer.status_code == 200 and len(answer.content) < _PIECE:
        for line in answer.text.splitlines():
            digest, _, listed = line.strip().partition(" ")
            if listed.strip().lstrip("*").removeprefix("./") == file_name and len(digest) == 32:
                return f"md5:{digest}"
    raise UserError(f"The checksum of {file_name} is not listed at {entry.checksums}; try again later.")


def _resume(url: str, part: Path, report: Progress, timeout: float) -> None:
    """Downloads into ``part``, going on from what it holds; tries again as long as each try changes something."""
    import requests

    for attempt in range(_TRIES):
        before = part.stat().st_size if part.exists() else 0
        try:
            _append(url, part, report, timeout)
            return
        except requests.exceptions.RequestException:
            unchanged = (part.stat().st_size if part.exists() else 0) == before
            if attempt == _TRIES - 1 or unchanged:
                raise


def _append(url: str, part: Path, report: Progress, timeout: float) -> None:
    """One request for the rest of a file; raises ``requests.exceptions.RequestException`` when it was cut short."""
    import requests

    tag = part.with_suffix(".tag")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    validator = tag.read_text() if tag.exists() else ""
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})
    with requests.get(url, headers=headers, timeout=timeout, stream=True) as answer:
        if answer.status_code == 416:  # what is kept is not part of today's file
            part.unlink(missing_ok=True)
            raise requests.exceptions.ConnectionError("the file has changed")
        answer.raise_for_status()
        resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        total = have + int(answer.headers.get("Content-Length") or 0)
        _check_space(part.parent, total, have)
        tag.write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        with part.open("ab" if resumed else "wb") as handle:
            for piece in answer.iter_content(_DOWNLOAD_PIECE):
                handle.write(piece)
                have += len(piece)
                report(_DOWNLOAD_SHARE * min(have / total, 1.0) if total else 0.0)
    if have < total:
        raise requests.exceptions.ConnectionError(f"{have} of {total} bytes")
    tag.unlink(missing_ok=True)


def _check_space(place: Path, total: int, have: int) -> None:
    needed = total - have + int(total * _UNPACKED_RATIO)
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UserError(
            f"{place} has {free >> 20:,} MB free and {needed >> 20:,} MB are needed; set CISLENS_HOME elsewhere."
        )


def _unpack(packed: Path, target: Path, report: Progress) -> None:
    """Puts the plain FASTA in place in one step and drops the packed file."""
    if packed == target:
        return
    with packed.open("rb") as raw, replaced(target) as temporary, temporary.open("wb") as plain:
        size = max(packed.stat().st_size, 1)
        source = gzip.GzipFile(fileobj=raw) if raw.read(2) == b"\x1f\x8b" else raw
        raw.seek(0)
        try:
            while piece := source.read(_PIECE):
                plain.write(piece)
                report(_DOWNLOAD_SHARE + (0.95 - _DOWNLOAD_SHARE) * min(raw.tell() / size, 1.0))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            packed.unlink(missing_ok=True)
            raise UserError(f"{packed.name} is damaged; run the download again.") from error
        except OSError as error:
            raise UserError(
                f"{packed.name} cannot be unpacked ({error.strerror}); check the space in {target.parent}."
            ) from error
    packed.unlink(missing_ok=True)
