"""Many variants on the page, without a browser."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import compute_variants, variant_list
from app.compute import Asker
from app.variant_list import Wanted
from app.view import View
from experiment import job_files, jobs, upload_rows, uploads
from genome.catalog import open_genome
from genome.locus import Locus
from models import registry
from tests.experiment.test_long_variants import lines
from tests.toy_models import random_bases


def screen() -> None:
    """What the tab runs."""
    from app.screens import variant_batch

    variant_batch.show()


@pytest.fixture
def page() -> AppTest:
    found = AppTest.from_function(screen, default_timeout=120).run()
    found.selectbox(key="variants-model").set_value(registry.spec("simple").model_id)
    found.selectbox(key="variants-genome").set_value("sandbox")
    return found.run()


def given(page: AppTest, text: str) -> AppTest:
    page.text_area(key="variants-pasted").input(text)
    next(button for button in page.button if button.label == "Read the variants").click()
    return page.run()


def words(page: AppTest) -> str:
    parts = (*page.markdown, *page.caption, *page.warning, *page.error)
    return " ".join(part.value for part in parts).replace("\\", "")


def table(page: AppTest):  # type: ignore[no-untyped-def]
    """The last table: the first shows how the file was understood."""
    assert len(page.dataframe) == 2
    return page.dataframe[1].value


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def test_a_few_pasted_variants_are_answered_at_once(page: AppTest) -> None:
    given(page, lines(20))
    assert not page.exception
    assert not page.error
    said = words(page)
    assert "20 alleles to line 21" in said
    assert "16 effects on" not in said  # 20 less two wrong REFs and one symbolic allele
    assert "17 effects on" in said
    assert "Line 3:" in said
    assert len(page.get("plotly_chart")) == 3
    found = table(page)
    assert len(found) == 20
    sizes = found["effect"].abs().dropna()
    assert sizes.is_monotonic_decreasing
    assert found["effect"].isna().sum() == 3
    for name in (registry.spec("simple").model_id, "ALT − prediction with REF", "For research use only"):
        assert name in said


def test_the_link_of_a_row_asks_about_its_variant_with_the_same_effect(page: AppTest) -> None:
    from app import compute, variant_question

    given(page, lines(20))
    row = table(page).iloc[0]
    address = urlsplit(row["look"])
    assert address.path.endswith("/variants")
    question = variant_question.from_query(dict(parse_qsl(address.query)))
    spec = registry.spec("simple")
    assert question.view.model == spec.model_id
    assert question.alone is not None
    effect, _ = compute.effect_percentile(question.view, question.alone, Asker(session="test"))
    index = spec.track_index(question.view.track)
    assert row["effect"] == pytest.approx(float(effect.delta[index]), rel=1e-3)


def test_percentiles_are_those_of_one_variant_and_of_single_bases_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from app import compute

    bases = random_bases(2_000, seed=11)
    (tmp_path / "real.fa").write_text(f">chr22\n{bases}\n")
    monkeypatch.setenv("CISLENS_GENOME_HG19", str(tmp_path / "real.fa"))
    spec, asker, owner = registry.spec("simple"), Asker(session="test"), secrets.token_urlsafe(24)
    rows = [f"chr22 {at} {bases[at - 1]} {'A' if bases[at - 1] != 'A' else 'C'}" for at in range(900, 910)]
    rows.append(f"chr22 950 {bases[949:952]} {bases[949]}")
    known = compute_variants.take_text("\n".join(rows), "hg19", owner, asker).known
    assert (known.ok, known.snvs) == (11, 10)
    batch = compute_variants.at_once(spec, known, asker)
    track = spec.tracks[0].name
    ranks, among = compute_variants.percentiles(batch, track)
    assert ranks is not None
    assert "single-base changes" in among
    assert np.isnan(ranks[10])
    view = View(spec.model_id, "hg19", Locus("chr22", 900, 910), track)
    for place in (0, 5):
        (row,) = compute_variants.rows_at(batch, [place])
        assert row.variant is not None
        _, rank = compute.effect_percentile(view, row.variant, asker)
        assert ranks[place] == pytest.approx(100 * (rank.percentile or np.nan), abs=0.01)
    found = variant_list.select(batch, Wanted(track, least_percentile=float(np.nanmedian(ranks)), order="percentile"))
    assert len(found.places) >= 5
    assert (np.diff(ranks[found.places]) <= 0).all()


def test_filters_keep_what_was_asked_for(page: AppTest) -> None:
    given(page, lines(20))
    everything = table(page)
    page.text_input(key="variants-words").input("sb1:50,01").run()
    assert table(page)["place"].str.startswith("sb1:50,01").all()
    page.text_input(key="variants-words").input("").run()
    page.multiselect(key="variants-statuses").select(1).run()
    assert set(table(page)["status"]) == {"REF mismatch"}
    page.multiselect(key="variants-statuses").unselect(1).run()
    half = float(everything["effect"].abs().median())
    page.number_input(key="variants-least").set_value(half).run()
    assert (table(page)["effect"].abs() >= half - 1e-3).all()
    assert 0 < len(table(page)) < 20
    page.number_input(key="variants-least").set_value(0.0).run()
    page.selectbox(key="variants-order").set_value("file").run()
    assert table(page)["line"].tolist() == list(range(2, 22))
    page.selectbox(key="variants-order").set_value("lowers").run()
    assert table(page)["effect"].dropna().is_monotonic_increasing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing in it"),
        ("sb1 50001 nonsense", "Line 1:"),
        ("chr99\t5\t.\tA\tC", "chr99"),
        ("#CHROM\tPOS\tID\tREF\tALT\nsb1\t0\t.\tA\tC", "Line 2:"),
        ("#CHROM\tPOS\tID\tREF\tALT\nsb1\t9", "Line 2:"),
        ("<script>alert(1)</script>", "Line 1:"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_typed_is_lost(page: AppTest, text: str, said: str) -> None:
    given(page, text)
    assert not page.exception
    assert said in words(page)
    assert page.text_area(key="variants-pasted").value == text


def test_most_of_another_build_is_said_in_a_sentence(page: AppTest) -> None:
    shifted = lines(40).replace("sb1\t50", "sb1\t60")
    given(page, shifted)
    assert not page.exception
    assert "of another build than" in words(page)
    assert "sandbox" in page.warning[0].value


def test_what_was_typed_is_still_there_when_somebody_comes_back() -> None:
    def other_page() -> None:
        import streamlit as st

        from app.screens import variant_batch

        if not st.session_state.get("away"):
            variant_batch.show()

    page = AppTest.from_function(other_page, default_timeout=120).run()
    page.text_area(key="variants-pasted").input("sb1 50001 nonsense")
    next(button for button in page.button if button.label == "Read the variants").click()
    page.run()
    page.session_state["away"] = True
    page.run()
    assert len(page.text_area) == 0
    page.session_state["away"] = False
    page.run()
    assert page.text_area(key="variants-pasted").value == "sb1 50001 nonsense"


def test_uploads_are_listed_for_their_session_and_deleted_by_it(page: AppTest) -> None:
    given(page, lines(20))
    owner = page.session_state["variants-owner"]
    (upload,) = uploads.owned_by(owner)
    assert "Your uploads (1)" in [box.label for box in page.expander]
    assert owner in page.code[0].value
    stranger = AppTest.from_function(screen, default_timeout=120).run()
    assert not any(box.label.startswith("Your uploads") for box in stranger.expander)
    page.button(key=f"delete-{upload.digest}").click().run()
    assert not page.exception
    assert uploads.owned_by(owner) == []
    assert not uploads.place(upload.digest).exists()
    assert len(page.dataframe) == 0


def test_the_private_link_leads_back_and_leaves_the_address(page: AppTest) -> None:
    given(page, lines(20))
    owner = page.session_state["variants-owner"]
    later = AppTest.from_function(screen, default_timeout=120)
    later.query_params["uploads"] = owner
    later.run()
    assert "uploads" not in later.query_params
    (upload,) = uploads.owned_by(owner)
    later.selectbox(key="variants-model").set_value(registry.spec("simple").model_id)
    assert upload_rows.last_genome(upload.digest) == "sandbox"
    later.button(key=f"open-{upload.digest}").click().run()
    assert not later.exception
    assert len(table(later)) == 20


@pytest.mark.parametrize("ending", ["tsv", "vcf.gz", "parquet"])
def test_every_file_holds_every_allele_as_the_page_says_it(page: AppTest, ending: str) -> None:
    import gzip
    import io

    import pandas as pd

    given(page, lines(20).replace("\n", "\r\n"))
    shown = table(page).set_index("line").sort_index()
    owner, asker = page.session_state["variants-owner"], Asker(session="test")
    (upload,) = uploads.owned_by(owner)
    known = compute_variants.given(upload.digest, "sandbox", owner, asker).known
    batch = compute_variants.at_once(registry.spec("simple"), known, asker)
    data = compute_variants.file_of(batch, ending)
    track = batch.spec.tracks[0].name
    if ending == "vcf.gz":
        body = [line.split("\t") for line in gzip.decompress(data).decode().splitlines() if not line.startswith("#")]
        assert [row[2] for row in body] == [f"id{i}" if i != 3 else "." for i in range(20)]
        assert sum("CISLENS_STATUS=ok" in row[7] for row in body) == 17
        return
    read = (
        pd.read_parquet(io.BytesIO(data))
        if ending == "parquet"
        else pd.read_csv(io.BytesIO(data), sep="\t", comment="#")
    )
    assert read["status"].tolist() == shown["status"].tolist()
    for column, name in ((f"{track}:effect", "effect"), (f"{track}:percentile", "percentile")):
        assert read[column].to_numpy(float) == pytest.approx(shown[name].to_numpy(float), rel=1e-3, nan_ok=True)
    assert list(uploads.place(upload.digest).glob(".file-*")) == []


def test_what_is_no_file_of_variants_is_not_kept(page: AppTest) -> None:
    given(page, "\x00\x01\x02")
    assert page.error
    assert uploads.owned_by(page.session_state["variants-owner"]) == []


def test_more_than_anyone_waits_for_is_a_job_whose_results_come(
    page: AppTest, queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_variants, "INLINE_SECONDS", 0.0)
    given(page, lines(1_500))
    assert "while nothing else runs here" in words(page)
    assert len(page.get("plotly_chart")) == 0
    press(page, "Compute the effects")
    assert not page.exception
    (job,) = jobs.jobs()
    assert job.order.slices == 2
    assert "mine" not in job.order.title
    assert "sb1" not in job.order.title
    end = time.monotonic() + 100
    while jobs.job(job.digest).unfinished:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert jobs.job(job.digest).error == ""
    page.run()
    assert not page.exception
    assert len(table(page)) == 500
    assert "the first 500 of 1,500" in words(page)
    (upload,) = uploads.owned_by(page.session_state["variants-owner"])
    page.button(key=f"delete-{upload.digest}").click().run()
    assert jobs.jobs() == []


def test_a_stopped_job_shows_what_it_found_and_goes_on(
    page: AppTest, queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiment import long_variants

    monkeypatch.setattr(compute_variants, "INLINE_SECONDS", 0.0)
    given(page, lines(1_500))
    press(page, "Compute the effects")
    (job,) = jobs.jobs()
    jobs.cancel(job.digest)
    end = time.monotonic() + 60
    while jobs.job(job.digest).unfinished:
        assert time.monotonic() < end
        time.sleep(0.1)
    if jobs.job(job.digest).status == "cancelled":
        page.run()
        assert not page.exception
        assert "Stopped after" in words(page)
        assert any(button.label in ("Go on with the computation", "Compute the effects") for button in page.button)
    assert job.order.kind == long_variants.KIND_NAME


def test_rows_that_cannot_be_shown_as_text_do_no_harm(page: AppTest) -> None:
    from io import BytesIO

    owner = page.session_state["variants-owner"]
    base = open_genome("sandbox").sequence(Locus("sb1", 50_000, 50_001)).bases
    alt = "A" if base != "A" else "C"
    data = b"#CHROM\tPOS\tID\tREF\tALT\nsb1\t50001\t" + b"\xff\xfe[x](y)" + f"\t{base}\t{alt}\n".encode()
    upload = uploads.store(BytesIO(data), "odd \u202e name", owner, max_bytes=10_000)
    page.session_state["variants-given"] = upload.digest
    page.run()
    assert not page.exception
    assert len(table(page)) == 1
    assert upload_rows.is_read(upload.digest)


def test_a_gzip_that_is_cut_short_gives_what_could_be_read_and_says_so(page: AppTest) -> None:
    import gzip
    from io import BytesIO

    owner, asker = page.session_state["variants-owner"], Asker(session="test")
    packed = gzip.compress(lines(3_000).encode())
    found = compute_variants.take(BytesIO(packed[: len(packed) // 2]), "cut.vcf.gz", "sandbox", owner, asker)
    assert 500 < found.known.count < 3_000
    page.session_state["variants-given"] = found.upload.digest
    page.run()
    assert not page.exception
    last = upload_rows.read(found.upload.digest, found.known.key, found.known.count - 1, found.known.count)[0]
    assert "cut short" in last.reason


def test_jobs_of_others_can_be_seen_but_not_touched(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def jobs_screen() -> None:
        from app.screens import jobs

        jobs.show()

    given(page, lines(20))
    owner = page.session_state["variants-owner"]
    (upload,) = uploads.owned_by(owner)
    order = job_files.Order("variants", {"upload": upload.digest, "count": 20}, 1, "Effects of 20 variants", "", 1.0)
    job_files.write_order(order, "")
    stranger = AppTest.from_function(jobs_screen, default_timeout=60).run()
    assert "Effects of 20 variants" in words(stranger)
    assert not [button for button in stranger.button if button.key == f"remove-{order.digest}"]
    mine = AppTest.from_function(jobs_screen, default_timeout=60)
    mine.session_state["variants-owner"] = owner
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # the page is not run from its menu here
    mine.run()
    assert not mine.exception
    assert [button for button in mine.button if button.key == f"remove-{order.digest}"]
