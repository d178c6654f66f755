"""Keeping a genome: resumed, verified, in place at once or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from genome.catalog import fetched_path, open_genome
from genome.errors import UserError
from genome.fetch import fetch
from genome.locus import Locus
from tests.genome.local_server import Answer, serving

# Random letters hardly shrink, so that the packed file has several pieces of 1 MiB.
BASES = "".join("ACGT"[byte & 3] for byte in os.urandom(9_000_000))
PACKED = gzip.compress(
    b">chr1\n" + b"\n".join(BASES[i : i + 100].encode() for i in range(0, len(BASES), 100)) + b"\n", compresslevel=1
)
MD5 = hashlib.md5(PACKED).hexdigest()


def site(cuts=(), *, listing=f"{MD5}  other.fa.gz\n{MD5}  tiny.fa.gz\n", etag='"v1"', body=PACKED, ranges=True):
    """A download site that drops the connection after each of ``cuts`` bytes, then behaves."""
    left = list(cuts)

    def answer(path, headers):
        if path == "/md5sum.txt":
            return Answer(listing.encode())
        begin, status, head = 0, 200, {"ETag": etag}
        if ranges and headers.get("Range") and headers.get("If-Range", etag) == etag:
            begin = int(headers["Range"].removeprefix("bytes=").rstrip("-"))
            status, head = 206, {"ETag": etag, "Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"}
        return Answer(body[begin:], status, head, cut=left.pop(0) if left else None)

    return answer


@pytest.fixture
def declared(tmp_path, monkeypatch):
    def declare(server, extra=""):
        table = tmp_path / "own.toml"
        checksums = "" if "sha256" in extra else f'checksums = "{server.url}/md5sum.txt"\n'
        table.write_text(f'[tiny]\nsource = "ucsc"\nurl = "{server.url}/tiny.fa.gz"\n{checksums}{extra}\n')
        monkeypatch.setenv("CISLENS_GENOMES", str(table))

    return declare


def left_over():
    return sorted(p.name for p in fetched_path("tiny").parent.iterdir() if p.name != "lock")


def test_a_fetched_genome_is_verified_unpacked_indexed_and_opened_without_a_network(declared):
    shares = []
    with serving(site()) as server:
        declared(server)
        path = fetch("tiny", shares.append)
        assert path == fetched_path("tiny")
        asked = len(server.asked)
        fetch("tiny", shares.append)
        assert len(server.asked) == asked
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert left_over() == ["tiny.fa", "tiny.fa.fai"]
    assert open_genome("tiny").sequence(Locus("1", 99, 105)).bases == BASES[99:105]


def test_a_cut_download_goes_on_where_it_stopped(declared):
    with serving(site(cuts=[1_500_000, 300_000])) as server:
        declared(server)
        fetch("tiny")
        ranges = [h["Range"] for p, h in zip(server.asked, server.headers, strict=True) if "Range" in h]
    assert len(ranges) == 2
    assert int(ranges[0][6:-1]) > 0
    assert int(ranges[1][6:-1]) > int(ranges[0][6:-1])
    assert fetched_path("tiny").exists()


def test_a_cancelled_download_goes_on_the_next_time(declared):
    class Cancelled(Exception):
        pass

    def cancel(share):
        if share > 0.3:
            raise Cancelled

    with serving(site()) as server:
        declared(server)
        with pytest.raises(Cancelled):
            fetch("tiny", cancel)
        assert not fetched_path("tiny").exists()
        assert "tiny.fa.gz.part" in left_over()
        fetch("tiny")
        assert any("Range" in headers for headers in server.headers)
    assert left_over() == ["tiny.fa", "tiny.fa.fai"]


def test_a_server_that_stays_broken_leaves_what_came_and_says_how_to_go_on(declared):
    with serving(site(cuts=[1_200_000] + [0] * 9)) as server:
        declared(server)
        with pytest.raises(UserError, match="goes on where it stopped"):
            fetch("tiny")
    assert "tiny.fa.gz.part" in left_over()
    assert not fetched_path("tiny").exists()


def test_a_server_without_ranges_begins_anew(declared):
    with serving(site(cuts=[1_500_000], ranges=False)) as server:
        declared(server)
        fetch("tiny")
    assert fetched_path("tiny").exists()


def test_a_file_that_changed_in_between_begins_anew(declared):
    with serving(site(cuts=[1_500_000] + [0] * 9, etag='"old"')) as server:
        declared(server)
        with pytest.raises(UserError):
            fetch("tiny")
    with serving(site(etag='"new"')) as server:
        declared(server)
        fetch("tiny")
    assert fetched_path("tiny").exists()


@pytest.mark.parametrize("extra", ["", f'sha256 = "{"0" * 64}"'])
def test_a_wrong_checksum_keeps_nothing(declared, extra):
    with serving(site(listing="0" * 32 + "  tiny.fa.gz\n")) as server:
        declared(server, extra)
        with pytest.raises(UserError, match="does not match its checksum"):
            fetch("tiny")
    assert left_over() == []


def test_a_known_sha256_is_accepted_without_a_listing(declared):
    with serving(site()) as server:
        declared(server, f'sha256 = "{hashlib.sha256(PACKED).hexdigest()}"')
        fetch("tiny")
        assert "/md5sum.txt" not in server.asked


def test_a_checksum_that_is_not_listed_is_said_to_be(declared):
    with serving(site(listing=f"{MD5}  another.fa.gz\n")) as server:
        declared(server)
        with pytest.raises(UserError, match="not listed"):
            fetch("tiny")


def test_a_missing_file_and_an_unreachable_server_are_one_sentence(declared):
    with serving(lambda path, headers: Answer(b"", 404)) as server:
        declared(server, f'sha256 = "{"0" * 64}"')
        with pytest.raises(UserError, match="was interrupted"):
            fetch("tiny")
    with pytest.raises(UserError, match="was interrupted"):
        fetch("tiny", timeout=0.5)


def test_a_genome_without_a_download_says_so():
    with pytest.raises(UserError, match="nothing to download"):
        fetch("sandbox")
