"""The lines of a file of rows, one after another: plain, gzip or bgzip, of any size, in constant memory."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from genome.errors import UserError

MAX_LINE = 10_000_000  # bytes
MAX_SHOWN = 1_000  # characters of a line that is too long that are kept
_BLOCK = 1 << 18
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_CUT = "The file is cut short here: what follows is missing; copy or download it again."
_DAMAGED = "The compressed file is damaged here, and what follows cannot be read; copy or download it again."

VARIANTS = "give variants as VCF (plain or gzip), or as a table with columns chrom, pos, ref and alt"

Source = Path | IO[bytes] | str  # a file, one that is open for reading bytes, or text that was pasted


class Line(NamedTuple):
    """One line.

    Attributes:
        number: from 1.
        text: without its end; bytes that are no UTF-8 are kept as surrogates, so that encoding gives them back.
        fault: one sentence when the line cannot be used whatever it says; empty otherwise.
    """

    number: int
    text: str
    fault: str = ""


def read_lines(source: Source, *, wanted: str = VARIANTS) -> Iterator[Line]:
    """The lines of a file, never more than one block and one line in memory.

    A gzip that ends too early gives, after everything that could be unpacked, one line with that fault.

    Args:
        source: the file.
        wanted: what to give instead of a file that is empty or no text.

    Raises:
        UserError: when the file cannot be opened, is empty or is no text.
    """
    with _opened(source) as handle:
        head = handle.read(_BLOCK)
        blocks = _unpacked(head, handle) if head[:2] == _GZIP else _plain(head, handle)
        yield from _numbered(blocks, name_of(source), wanted)


def name_of(source: Source) -> str:
    """What a sentence calls the file."""
    return source.name if isinstance(source, Path) else "The text"


def encoded(text: str) -> bytes:
    """The bytes a line was read from."""
    return text.encode("utf-8", "surrogateescape")


@contextmanager
def _opened(source: Source) -> Iterator[IO[bytes]]:
    if isinstance(source, str):
        yield io.BytesIO(source.encode("utf-8", "surrogateescape"))
    elif isinstance(source, Path):
        try:
            handle = source.open("rb")
        except OSError as error:
            raise UserError(f"{source} cannot be read ({error.strerror}); check its path.") from error
        with handle:
            yield handle
    else:
        source.seek(0)
        yield source


class _CutShort(Exception):
    """Nothing more can be unpacked; the text says why."""


def _plain(head: bytes, handle: IO[bytes]) -> Iterator[bytes]:
    block = head
    while block:
        yield block
        block = handle.read(_BLOCK)


def _unpacked(head: bytes, handle: IO[bytes]) -> Iterator[bytes]:
    """What a gzip of one or many members holds, in blocks of at most ``_BLOCK`` bytes, however much it unpacks to."""
    in_blocks = head[3:4] == b"\x04" and head[12:14] == b"BC"  # bgzip: an empty member is its last
    member, is_empty, packed = zlib.decompressobj(31), True, head
    while packed:
        if member.eof:
            packed = packed.lstrip(b"\0") or handle.read(_BLOCK)
            member, is_empty = (zlib.decompressobj(31), True) if packed.strip(b"\0") else (member, is_empty)
            if member.eof:
                continue
        try:
            data = member.decompress(packed, _BLOCK)
        except zlib.error as error:
            raise _CutShort(_DAMAGED) from error
        if data:
            is_empty = False
            yield data
        packed = member.unconsumed_tail or member.unused_data or handle.read(_BLOCK)
    while not member.eof and (data := member.decompress(b"", _BLOCK)):
        is_empty = False
        yield data
    if not member.eof or (in_blocks and not is_empty):
        raise _CutShort(_CUT)


def _numbered(blocks: Iterator[bytes], name: str, wanted: str) -> Iterator[Line]:
    """Lines of blocks; one that is too long is passed over, and said to be."""
    number, rest, skipping, is_first, fault = 1, b"", False, True, ""
    try:
        for block in blocks:
            if is_first:
                block, is_first = _checked_head(block, name, wanted), False
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                yield _too_long(number, line) if skipping or len(line) > MAX_LINE else _line(number, line)
                number, skipping = number + 1, False
            if len(rest) > MAX_LINE:
                rest, skipping = rest[:MAX_SHOWN], True
            elif skipping:
                rest = rest[:MAX_SHOWN]
    except _CutShort as error:
        fault = str(error)
    if is_first and not fault:
        raise UserError(f"{name} is empty; {wanted}.")
    if fault:
        yield Line(number, _line(number, rest[:MAX_SHOWN]).text, fault)
    elif rest:
        yield _too_long(number, rest) if skipping else _line(number, rest)


def _line(number: int, line: bytes) -> Line:
    text = line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
    return Line(number, text, "It holds a zero byte, so it is no text." if "\0" in text else "")


def _too_long(number: int, line: bytes) -> Line:
    text = line[:MAX_SHOWN].decode("utf-8", "surrogateescape")
    return Line(number, text, f"It is longer than {MAX_LINE // 1_000_000} MB; give it in several lines.")


def _checked_head(block: bytes, name: str, wanted: str) -> bytes:
    """The first block without its mark, when it is text."""
    block = block.removeprefix(_BOM)
    zeros = block[:4096].count(b"\0")  # one in a later line is that line's fault
    if b"\0" in block[:32] or zeros > 40 or block[:2] in (b"\xff\xfe", b"\xfe\xff"):
        known = " BCF: write it as VCF first (bcftools view)." if block[:3] == b"BCF" else ""
        raise UserError(f"{name} is no text in UTF-8; {wanted}.{known}")
    return block
