"""bgzip as others write it: gzip reads it, the blocks are bgzip's, and its end is the mark that tools look for."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.bgzf import LAST, BgzfWriter
from genome.variant_lines import read_lines


def packed(*pieces: bytes) -> bytes:
    file = io.BytesIO()
    writer = BgzfWriter(file)
    for piece in pieces:
        writer.write(piece)
    writer.end()
    return file.getvalue()


@given(st.lists(st.binary(max_size=200_000), max_size=4))
def test_what_is_packed_unpacks_to_the_same(pieces):
    assert gzip.decompress(packed(*pieces) + LAST) == b"".join(pieces)


def test_letters_that_cannot_be_compressed_still_fit_their_blocks(tmp_path: Path):
    data = random.Random(1).randbytes(300_000)
    (tmp_path / "a.gz").write_bytes(packed(data) + LAST)
    with pysam.BGZFile(str(tmp_path / "a.gz")) as file:
        assert file.read() == data


def test_bgzip_that_lost_its_last_block_is_cut_short_and_a_whole_one_is_not():
    text = b"".join(b"line %d\n" % index for index in range(20_000))
    whole = packed(text) + LAST
    assert [line for line in read_lines(io.BytesIO(whole)) if line.fault] == []
    *lines, last = read_lines(io.BytesIO(whole[: -len(LAST)]))
    assert len(lines) == 20_000
    assert "cut short" in last.fault


@pytest.mark.parametrize("tool", ["ours", "pysam"])
def test_ours_and_anothers_bgzip_read_alike(tmp_path: Path, tool: str):
    text = b"".join(b"line %d\n" % index for index in range(20_000))
    (tmp_path / "a.txt").write_bytes(text)
    if tool == "ours":
        (tmp_path / "a.gz").write_bytes(packed(text) + LAST)
    else:
        pysam.tabix_compress(str(tmp_path / "a.txt"), str(tmp_path / "a.gz"))
    assert [line.text for line in read_lines(tmp_path / "a.gz")] == text.decode().split("\n")[:-1]
