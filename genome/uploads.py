"""The text of a file that somebody gives, plain or gzip, without ever unfolding more than is allowed."""

from __future__ import annotations

import gzip
import io
import zlib

from genome.errors import UserError


def text_of(shown: str, data: bytes, *, most: int, smaller: str, not_text: str) -> str:
    """Unpacks and decodes an upload.

    Args:
        shown: what the file is called in a sentence.
        data: its bytes.
        most: bytes that a gzip may unpack to.
        smaller: what to do about one that is too large.
        not_text: what to say of one that is no text, after its name.

    Raises:
        UserError: when it is too large, damaged or no text.
    """
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(most + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{shown} is cut short or damaged; upload it again.") from error
        if len(data) > most:
            raise UserError(f"{shown} unpacks to more than {most >> 20} MB; {smaller}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{shown} {not_text}.") from error
    if "\0" in text:
        raise UserError(f"{shown} {not_text}.")
    return text
