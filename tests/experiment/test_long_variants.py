"""Many variants as a job: the rows are read once, each slice is what one go would give, nothing is lost on the way."""

from __future__ import annotations

import io
import itertools
import secrets
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiment import job_files, long_variants, upload_rows, uploads
from experiment.job_kinds import Work
from experiment.long_variants import KIND, PENDING, STATUSES, Numbers
from experiment.upload_rows import Understood
from genome.catalog import open_genome
from genome.errors import UserError
from genome.locus import Locus
from genome.source import MemoryGenome
from genome.variant_files import read_variants
from interpret.variants import score
from models import registry
from models.engine import Engine
from tests.app.toy_folders import PATHS, write_cells
from tests.toy_models import random_bases

ROOT = Path(__file__).parents[2]
OWNER = secrets.token_urlsafe(24)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An engine that knows an additive model of 40 bp, in slices of 7 rows kept in files of 10."""
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    monkeypatch.setattr(upload_rows, "PART_ROWS", 10)
    monkeypatch.setattr(long_variants, "rows_per_slice", lambda _: 7)
    write_cells(tmp_path)
    return Engine(registry.load)


def lines(count: int, first: int = 50_001) -> str:
    """SNVs side by side in the sandbox, with every seventh REF wrong, one symbolic allele and one of nothing."""
    bases = open_genome("sandbox").sequence(Locus("sb1", first - 1, first - 1 + count)).bases
    others = {"A": "C", "C": "G", "G": "T", "T": "A"}
    rows = [
        f"sb1\t{first + i}\tid{i}\t{others[base] if i % 7 == 6 else base}\t{others[others[base]]}"
        for i, base in enumerate(bases)
    ]
    rows[1] = rows[1].rsplit("\t", 1)[0] + "\t<DEL>"
    rows[3] = f"sb1\t{first + 3}\t.\t{bases[3]}\t{bases[3]}"
    return "#CHROM\tPOS\tID\tREF\tALT\n" + "\n".join(rows) + "\n"


def kept(text: str, genome=None) -> Understood:  # type: ignore[no-untyped-def]
    genome = genome or open_genome("sandbox")
    upload = uploads.store(io.BytesIO(text.encode()), "mine", OWNER, max_bytes=10**6)
    return upload_rows.keep(upload.digest, genome, read_variants(text, genome))


def parameters(known: Understood) -> dict[str, str | int]:
    return {
        "model": registry.spec("cells").model_id,
        "genome": "sandbox",
        "upload": known.upload,
        "contigs": known.bases,
        "count": known.count,
    }


def test_rows_come_back_as_they_were_understood_in_any_order() -> None:
    genome = open_genome("sandbox")
    text = lines(2_345)
    known = kept(text)
    rows = tuple(read_variants(text, genome))
    assert known.count == len(rows) == 2_345
    assert known.ok == sum(row.status == "ok" for row in rows)
    assert known.statuses["symbolic allele"] == 1
    assert known.lines == 2_346
    chunked = itertools.chain.from_iterable(upload_rows.chunks(known.upload, known.key, known.count, 333))
    assert tuple(chunked) == rows
    assert upload_rows.read(known.upload, known.key, 995, 1_005) == rows[995:1_005]
    places = [2_344, 3, 1_000, 999]
    assert upload_rows.pick(known.upload, known.key, places) == [rows[i] for i in places]
    assert known.problems[0][:2] == (3, "symbolic allele")


def test_words_find_rows_by_place_change_and_name() -> None:
    known = kept(lines(30))

    def found(words: str) -> list[int]:
        return np.flatnonzero(upload_rows.search(known.upload, known.key, known.count, words)).tolist()

    assert found("sb1:50,005") == [4]
    assert found("ID12") == [12]
    assert found("<del>") == [1]
    assert found("chr9") == []


def test_rows_read_on_other_bases_of_the_same_name_are_read_again() -> None:
    def genome(seed: int) -> MemoryGenome:
        return MemoryGenome("toy", {"c1": random_bases(500, seed=seed)}, build="toy-1")

    first, second = genome(1), genome(2)
    text = f"c1 100 {first.sequence(Locus('c1', 99, 100)).bases} -"
    known = kept(text, first)
    assert upload_rows.understood(known.upload, first) == known
    assert upload_rows.understood(known.upload, second) is None


def test_too_many_rows_and_none_are_refused_and_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_rows, "MAX_ROWS", 20)
    with pytest.raises(UserError, match="more than 20 alleles"):
        kept(lines(21))
    upload = uploads.store(io.BytesIO(b"x"), "mine", OWNER, max_bytes=10)
    with pytest.raises(UserError, match="no variant in it"):
        upload_rows.keep(upload.digest, open_genome("sandbox"), iter(()))
    assert not upload_rows.is_read(upload.digest)
    assert [path.name for path in uploads.place(upload.digest).iterdir() if path.name.startswith(".")] == []


def test_a_job_is_what_one_go_gives_and_no_allele_is_lost(engine: Engine) -> None:
    text = lines(30)
    known = kept(text)
    asked = parameters(known)
    work = Work(asked, "", engine.runner, lambda _: None)
    count = KIND.slices(asked, "")
    assert count == 5
    found = Numbers(**KIND.finish(asked, "", [KIND.run_slice(work, i) for i in range(count)]))
    spec, genome = registry.spec("cells"), open_genome("sandbox")
    rows = tuple(read_variants(text, genome))
    (whole,) = score(engine.runner(spec.model_id), spec, genome, [rows])
    again = long_variants.effects_of(found, rows, 0)
    assert again.rows == whole.rows
    for name in (*long_variants.VALUES, "signs_agree"):
        np.testing.assert_allclose(getattr(again, name), getattr(whole, name), rtol=1e-5, atol=1e-6)
    assert [STATUSES[code] for code in found.status] == [row.status for row in rows]
    assert (found.delta[3] == 0).all()
    assert np.isnan(found.delta[1]).all()
    assert found.start[0] == 50_000
    assert found.chroms[found.chrom[0]] == "sb1"


def test_while_slices_are_missing_their_rows_are_pending(engine: Engine) -> None:
    asked = parameters(kept(lines(30)))
    work = Work(asked, "", engine.runner, lambda _: None)
    parts = [KIND.run_slice(work, i) if i in (0, 3) else None for i in range(5)]
    found = Numbers(**KIND.finish(asked, "", parts))
    pending = found.status == PENDING
    assert np.flatnonzero(pending).tolist() == [*range(7, 21), 28, 29]
    assert np.isnan(found.delta[pending]).all()
    assert np.isfinite(found.delta[found.status == 0]).all()


def test_a_row_that_cannot_be_scored_keeps_its_reason(engine: Engine) -> None:
    bases = open_genome("sandbox").sequence(Locus("sb1", 50_000, 50_030)).bases
    text = f"sb1\t50001\t.\t{bases}\t{bases[0]}\nsb1\t50001\t.\t{bases[:2]}\t{bases[0]}\n"
    known = kept("#CHROM\tPOS\tID\tREF\tALT\n" + text)
    asked = parameters(known)
    work = Work(asked, "", engine.runner, lambda _: None)
    found = Numbers(**KIND.finish(asked, "", [KIND.run_slice(work, 0)]))
    assert [STATUSES[code] for code in found.status] == ["too long", "ok"]
    rows = upload_rows.read(known.upload, known.key, 0, 2)
    again = long_variants.effects_of(found, rows, 0)
    assert again.rows[0].status == "too long"
    assert again.rows[0].reason
    assert again.rows[1] == rows[1]


def test_a_job_whose_upload_is_gone_says_so(engine: Engine) -> None:
    known = kept(lines(8))
    asked = parameters(known)
    uploads.remove(known.upload, OWNER)
    with pytest.raises(UserError, match="deleted"):
        KIND.run_slice(Work(asked, "", engine.runner, lambda _: None), 0)


def test_how_a_job_is_cut_depends_on_the_window_alone() -> None:
    spec = registry.spec("simple")
    assert long_variants.rows_per_slice(spec) == 1_000


def test_a_job_nobody_would_see_the_end_of_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = registry.spec("simple")
    long_variants.check_size(spec, 1_000_000)
    monkeypatch.setattr(long_variants, "MOST_SLICES", 3)
    with pytest.raises(UserError, match="at most 3,000 alleles"):
        long_variants.check_size(spec, 3_001)
    monkeypatch.undo()
    monkeypatch.setattr(long_variants, "MOST_BYTES", 1_000)
    with pytest.raises(UserError, match="take more than"):
        long_variants.check_size(spec, 100)


def test_a_job_that_was_killed_goes_on_and_loses_nothing(own_home: Path) -> None:
    command = [sys.executable, "-m", "tests.experiment.batch_server"]
    with subprocess.Popen([*command, "start"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        digest = first.stdout.readline().strip()
        written = job_files.place(digest)
        end = time.monotonic() + 100
        while not (written / "1.npz").is_file():
            assert time.monotonic() < end
            assert first.poll() is None, "it ended before it was killed"
            time.sleep(0.01)
        first.kill()
    assert not job_files.result_path(digest).is_file()
    assert 2 <= len(list(written.glob("?.npz"))) < 8
    subprocess.run(command, cwd=ROOT, check=True, timeout=100)
    found = Numbers(**job_files.read_result(digest))
    order = job_files.order_of(digest)
    engine = Engine(registry.load)
    work = Work(order.parameters, "", engine.runner, lambda _: None)
    whole = Numbers(**KIND.finish(order.parameters, "", [KIND.run_slice(work, i) for i in range(order.slices)]))
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-5, atol=1e-6)
    for name in ("status", "start", "chrom", "kind", "refused"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert PENDING not in found.status
