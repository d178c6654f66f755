"""What people give: whole or not there, theirs alone, gone when they say so or when its time is over."""

from __future__ import annotations

import io
import json
import os
import secrets
import time
from pathlib import Path

import pytest

from experiment import job_files, uploads
from experiment.job_files import Order
from genome.errors import UserError
from genome.home import home

ONE, OTHER = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
DAY = 86_400.0


def gave(data: bytes = b"chr1 5 A C\n", owner: str = ONE, name: str = "mine.vcf") -> uploads.Upload:
    return uploads.store(io.BytesIO(data), name, owner, max_bytes=1_000)


def job_on(digest: str) -> str:
    order = Order("variants", {"upload": digest, "count": 1}, 1, "Effects", "", time.time())
    job_files.write_order(order, "")
    return order.digest


def files() -> list[Path]:
    return [path for path in (home() / "uploads").rglob("*") if path.is_file()]


def test_a_file_is_kept_as_it_came_and_listed_for_its_owner_alone() -> None:
    upload = gave(b"some\nbytes\x00\xff")
    assert uploads.data_path(upload.digest).read_bytes() == b"some\nbytes\x00\xff"
    assert uploads.owned_by(ONE) == [upload]
    assert (upload.name, upload.size) == ("mine.vcf", 12)
    assert uploads.owned_by(OTHER) == []
    with pytest.raises(UserError, match="not kept here"):
        uploads.of_owner(upload.digest, OTHER)


def test_the_disk_does_not_tell_who_may_delete() -> None:
    gave()
    assert not any(ONE in path.name or ONE in path.read_text() for path in files())


def test_the_same_file_given_by_two_is_kept_once_and_goes_with_the_last() -> None:
    first, second = gave(), gave(owner=OTHER, name="theirs.vcf")
    assert first.digest == second.digest
    assert uploads.owned_by(OTHER)[0].name == "theirs.vcf"
    uploads.remove(first.digest, ONE)
    assert uploads.owned_by(ONE) == []
    assert uploads.owned_by(OTHER) == [second]
    uploads.remove(first.digest, OTHER)
    assert files() == []


def test_nobody_deletes_what_somebody_else_gave() -> None:
    upload = gave()
    with pytest.raises(UserError):
        uploads.remove(upload.digest, OTHER)
    assert uploads.owned_by(ONE) == [upload]


def test_with_an_upload_go_its_jobs_and_no_others() -> None:
    mine, theirs = gave(), gave(b"chr1 6 A C\n", OTHER)
    gone, stays = job_on(mine.digest), job_on(theirs.digest)
    job_files.write_arrays(job_files.slice_path(gone, 0), {})
    uploads.remove(mine.digest, ONE)
    assert not job_files.place(gone).exists()
    assert job_files.place(stays).exists()


def test_one_that_breaks_off_or_is_too_large_or_empty_leaves_nothing() -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(4)

    with pytest.raises(UserError, match="Input/output error"):
        uploads.store(Breaks(b"chr1 5 A C"), "x", ONE, max_bytes=100)
    with pytest.raises(UserError, match="more than 2 MB"):
        uploads.store(io.BytesIO(b"a" * 2_000_001), "x", ONE, max_bytes=2_000_000)
    with pytest.raises(UserError, match="nothing in it"):
        uploads.store(io.BytesIO(b""), "x", ONE, max_bytes=100)
    assert list((home() / "uploads").iterdir()) == []


def test_what_was_left_half_written_never_counts_and_goes_after_a_day() -> None:
    half = home() / "uploads" / ".new-abc"
    half.mkdir(parents=True)
    (half / "data").write_bytes(b"chr1")
    uploads.expire(7, time.time())
    assert half.exists()
    assert uploads.owned_by(ONE) == []
    os.utime(half, (0, 0))
    uploads.expire(7, time.time())
    assert not half.exists()


def test_what_was_given_longer_ago_than_it_is_kept_is_deleted_with_its_jobs() -> None:
    old, new = gave(), gave(b"chr1 6 A C\n")
    digest = job_on(old.digest)
    (note,) = (uploads.place(old.digest) / "owners").iterdir()
    note.write_text(json.dumps({"name": "mine.vcf", "given": time.time() - 7.1 * DAY}))
    assert uploads.expire(8, time.time()) == 0
    assert uploads.expire(7, time.time()) == 1
    assert uploads.owned_by(ONE) == [new]
    assert not job_files.place(digest).exists()


def test_giving_a_file_again_counts_from_then() -> None:
    upload = gave()
    (note,) = (uploads.place(upload.digest) / "owners").iterdir()
    note.write_text(json.dumps({"name": "mine.vcf", "given": 0.0}))
    gave()
    assert uploads.expire(7, time.time()) == 0


@pytest.mark.parametrize("digest", ["", "../x", "A" * 40, "0" * 39])
def test_what_is_no_digest_is_no_path(digest: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        uploads.place(digest)
