"""A genome in a FASTA file: plain, gzip or bgzip. The only module that knows pyfaidx."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genome.errors import UserError
from genome.home import folder, is_writable, locked, replaced
from genome.locus import Locus
from genome.sequence import Sequence
from genome.source import ContigNames, digest_of_contig, padded, to_acgtn

_GZIP = b"\x1f\x8b"
_COPY_LENGTH = 1 << 20


class LocalGenome:
    """A genome read from a FASTA file on this computer; safe to share between threads.

    The index (.fai) is built once beside the file, or in the cache folder where the file's own cannot be written; a
    gzip that is not bgzip is unpacked once into the cache folder. An index older than its FASTA is built again.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        name: str,
        build: str = "",
        aliases: Mapping[str, str] | None = None,
        synthetic: bool = False,
    ) -> None:
        self.name = name
        self.build = build or name
        self.synthetic = synthetic
        self.path = Path(path)
        self._index = open_index(self.path)
        self.contigs: Mapping[str, int] = {contig: record.rlen for contig, record in self._index.index.items()}
        self._names = ContigNames(name, self.contigs, aliases)

    def canonical(self, chrom: str) -> str:
        """See ``Genome``."""
        return self._names.canonical(chrom)

    def sequence(self, locus: Locus) -> Sequence:
        """See ``Genome``."""
        chrom = self.canonical(locus.chrom)
        return padded(chrom, self.contigs[chrom], locus, lambda start, end: self._read(chrom, start, end))

    def contig_digest(self, chrom: str) -> str:
        """See ``digest_of_contig``."""
        name = self.canonical(chrom)
        return digest_of_contig(name, self.contigs[name], lambda start, end: self._read(name, start, end))

    def _read(self, chrom: str, start: int, end: int) -> str:
        # pyfaidx counts from 1 here, and is silent past the end: ``padded`` never asks for that and checks the length.
        try:
            text: str = self._index.fetch(chrom, start + 1, end)
        except (OSError, ValueError, zlib.error, EOFError) as error:
            raise UserError(f"{self.path.name} cannot be read any more ({error}); check the file.") from error
        return to_acgtn(text.encode("ascii", "replace"))


def open_index(path: Path) -> Any:
    """Opens a FASTA for reading any stretch of it, building its index where needed.

    Returns:
        A ``pyfaidx.Faidx``.

    Raises:
        UserError: when the file is missing, damaged, empty or no FASTA.
    """
    from pyfaidx import Faidx, FastaIndexingError, FastaNotFoundError

    readable = unpacked(path)
    try:
        fai, gzi = indexed(readable)
        return Faidx(str(readable), indexname=str(fai), gzi_indexname=str(gzi), as_raw=True, rebuild=False)
    except (FastaIndexingError, FastaNotFoundError) as error:
        raise UserError(
            f"{path.name} is not a FASTA that can be indexed; it needs '>' headers, and lines of one length in each record."
        ) from error
    except (ValueError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise UserError(f"{path.name} is not a sound FASTA: {_first_line(error)}; check the file.") from error


def unpacked(path: Path) -> Path:
    """The file itself, or its copy in the cache folder when it is a gzip without random access (made once).

    Raises:
        UserError: when the file is missing, cannot be read or is cut short.
    """
    if not is_gzip(path) or is_bgzip(path):
        return path
    state = path.stat()
    target = folder("unpacked", _key(path)) / f"{_stem(path)}-{state.st_size}-{state.st_mtime_ns}.fa"
    with locked(target.parent / "lock"):
        if not target.exists():
            _unpack(path, target)
    return target


def indexed(path: Path) -> tuple[Path, Path]:
    """The index files (.fai, .gzi) of a FASTA, built or built again if they are missing or older than the FASTA."""
    fai, gzi = index_paths(path)
    block = is_bgzip(path)
    if _is_fresh(fai, path) and (not block or _is_fresh(gzi, path)):
        return fai, gzi
    if not is_writable(fai.parent):
        raise UserError(f"The index of {path.name} cannot be written; set CISLENS_HOME to a folder you own.")
    lock = fai.parent / f".{path.name}.lock"
    try:
        with locked(lock):
            if not (_is_fresh(fai, path) and (not block or _is_fresh(gzi, path))):
                _build_index(path, fai, gzi, block)
    finally:
        lock.unlink(missing_ok=True)
    return fai, gzi


def is_ready(path: Path) -> bool:
    """Whether a FASTA can be opened without unpacking or indexing it first."""
    if not path.is_file() or (is_gzip(path) and not is_bgzip(path)):
        return False
    return _is_fresh(index_paths(path)[0], path)


def index_paths(path: Path) -> tuple[Path, Path]:
    """Where the index files of a FASTA are or will be: beside it if that can be, else in the cache folder."""
    beside = (path.with_name(f"{path.name}.fai"), path.with_name(f"{path.name}.gzi"))
    wanted = beside if is_bgzip(path) else beside[:1]
    if all(_is_fresh(index, path) for index in wanted) or is_writable(path.parent):
        return beside
    cache = folder("indexes", _key(path))
    return cache / beside[0].name, cache / beside[1].name


def is_gzip(path: Path) -> bool:
    """Whether a file is compressed by gzip (bgzip too)."""
    return _head(path, 2) == _GZIP


def is_bgzip(path: Path) -> bool:
    """Whether a file is compressed in blocks that can be read singly (bgzip)."""
    head = _head(path, 16)
    return head[:4] == _GZIP + b"\x08\x04" and head[12:14] == b"BC" and path.name.lower().endswith((".gz", ".bgz"))


def _unpack(path: Path, target: Path) -> None:
    try:
        with replaced(target) as temporary, gzip.open(path) as packed, temporary.open("wb") as plain:
            shutil.copyfileobj(packed, plain, _COPY_LENGTH)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path.name} is cut short or damaged; copy or download it again.") from error
    except OSError as error:
        raise UserError(
            f"{path.name} could not be unpacked ({error.strerror}); check the space in CISLENS_HOME."
        ) from error
    for older in target.parent.glob("*.fa*"):
        if not older.name.startswith(target.name):
            older.unlink(missing_ok=True)


def _build_index(path: Path, fai: Path, gzi: Path, block: bool) -> None:
    """Builds the index under temporary names; each takes its place in one step, the .fai last."""
    from pyfaidx import Faidx

    with replaced(fai) as new_fai, replaced(gzi) as new_gzi:
        new_fai.unlink()
        new_gzi.unlink()
        Faidx(str(path), indexname=str(new_fai), gzi_indexname=str(new_gzi), as_raw=True).close()
        if not block:
            new_gzi.touch()
        newest = max(path.stat().st_mtime_ns, fai.stat().st_mtime_ns if fai.exists() else 0)
        for index in (new_fai, new_gzi):
            os.utime(index, ns=(newest, max(newest, index.stat().st_mtime_ns)))
    if not block:
        gzi.unlink(missing_ok=True)


def _is_fresh(index: Path, path: Path) -> bool:
    """Whether an index is there, filled and not older than its FASTA."""
    try:
        state = index.stat()
    except OSError:
        return False
    return state.st_size > 0 and state.st_mtime_ns >= path.stat().st_mtime_ns


def _head(path: Path, length: int) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(length)
    except OSError as error:
        raise UserError(f"The genome file {path} cannot be read ({error.strerror}); check its path.") from error


def _key(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]


def _stem(path: Path) -> str:
    return path.name.split(".")[0] or "genome"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
