"""bgzip: gzip in blocks that can be read singly, so that tabix can index what is written."""

from __future__ import annotations

import struct
import zlib
from typing import IO

_BLOCK = 0xFF00  # bytes before compression, as bgzip cuts them
_LEVEL = 6
LAST = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # the empty block that ends a file


class BgzfWriter:
    """Writes bytes to an open file, compressed; ``end`` leaves out the last block, so that files can be joined."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rest = bytearray()

    def write(self, data: bytes) -> None:
        """Takes some more bytes."""
        self._rest += data
        while len(self._rest) >= _BLOCK:
            self._file.write(_block(bytes(self._rest[:_BLOCK])))
            del self._rest[:_BLOCK]

    def end(self) -> None:
        """Writes what is left."""
        if self._rest:
            self._file.write(_block(bytes(self._rest)))
            self._rest.clear()


def _block(data: bytes) -> bytes:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    packed = deflate.compress(data) + deflate.flush()
    if len(packed) + 26 > 1 << 16:  # cannot be compressed: two halves always fit
        return _block(data[: len(data) // 2]) + _block(data[len(data) // 2 :])
    head = struct.pack("<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
    return head + packed + struct.pack("<2I", zlib.crc32(data), len(data))
