"""The atlas and the surrogate as jobs of the pages, without a browser."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from app import compute_atlas, compute_question, compute_whatif
from app.question import question
from experiment import job_files, jobs
from genome.errors import UserError
from genome.locus import Locus
from interpret import atlas, modisco
from tests.app.test_jobs_page import ASKER, everything, finished, jobs_page, page, view
from tests.app.test_what_if import linked, view_of
from tests.interpret.test_atlas import cluster

__all__ = ["page"]  # fixtures
BED = b"sb1\t1000\t1200\nsb1\tx\t3200\n"


def additive(n: int = 2_000):
    return question("additive", n=n, seed=3, scale="explained")


def test_the_job_of_a_question_gives_the_answer_that_is_given_at_once(page: AppTest, queue: None) -> None:
    here = view_of()
    job = compute_question.start(here, additive(), ASKER)
    assert "2,000 mutants" in job.order.said
    assert finished(job.digest).error == ""
    seen, found = compute_question.answer_of(jobs.job(job.digest))
    at_once = compute_whatif.additive(here, 2_000, 3, "explained", ASKER)
    assert found.additive.value == pytest.approx(at_once.additive.value, abs=1e-4)
    assert found.rule == at_once.rule
    assert (seen.locus, seen.model) == (here.locus, here.model)
    assert compute_question.question_of(job)[1] == additive()
    assert compute_question.start(here, additive(), ASKER).digest == job.digest  # the same question is the same job
    page = jobs_page(page).run()
    page.toggle(key=f"draw-{job.digest}").set_value(True).run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == len(page.dataframe) == 1
    assert "2,000 mutants of 100 bp" in everything(page)


def test_a_question_is_one_job_whichever_track_is_looked_at() -> None:
    here = view_of()
    other = view_of(track="PU.1 binding", seed="7", baseline="zeros")
    kept = [compute_question._parameters(compute_question._kept(v, ASKER), additive(), ASKER) for v in (here, other)]
    assert job_files.digest_of("additive", kept[0]) == job_files.digest_of("additive", kept[1])


def test_a_slow_question_is_begun_as_a_job_from_its_link(queue: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_question, "seconds", lambda *_: 40.0)
    page = linked(additive(2_500))
    assert not page.exception
    page.button(key="whatif-as-job").click().run()
    (job,) = jobs.jobs()
    assert job.order.kind == "additive"
    assert finished(job.digest).error == ""


def test_the_sandboxs_planted_elements_become_an_atlas(
    page: AppTest, queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atlas, "discover", lambda *_, **__: (cluster("+", 30), cluster("-", 25)))
    monkeypatch.setattr(
        compute_atlas, "planted", lambda: tuple(Locus("sb1", i, i + 200) for i in range(600, 30_600, 600))
    )
    page = jobs_page(page).run()
    page.button(key="atlas-planted").click().run()
    assert not page.exception
    assert not page.error
    (job,) = jobs.jobs()
    assert job.order.slices == 5
    assert "50 places of sandbox" in job.order.title
    done = finished(job.digest)
    assert done.error == ""
    made = compute_atlas.made(done)
    assert made.found.n_places == 50
    record = json.loads(compute_atlas.as_json(made))
    for name in ("model_id", "track", "baseline", "seed", "genome", "discovery", "places_digest", "patterns"):
        assert record[name] not in ("", None)
    assert record["caption"] in compute_atlas.as_meme(made)
    page = jobs_page(page).run()
    page.toggle(key=f"draw-{job.digest}").set_value(True).run()
    assert not page.exception
    assert not page.error
    assert len(page.get("download_button")) == 3
    assert "TF-MoDISco" in everything(page)


def test_without_the_extra_the_form_says_so_in_one_sentence(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modisco.importlib.util, "find_spec", lambda _: None)
    page = jobs_page(page).run()
    assert not page.exception
    assert "pip install 'cislens[atlas]'" in everything(page)
    assert not [button for button in page.button if button.key == "atlas-start"]
    with pytest.raises(UserError, match="not installed"):
        compute_atlas.start(view(), (), ASKER)


def test_a_list_with_a_wrong_line_is_refused_by_its_number(page: AppTest, queue: None) -> None:
    page = jobs_page(page).run()
    page.text_area(key="atlas-pasted").set_value(BED.decode())
    page.button(key="atlas-start").click().run()
    assert not page.exception
    assert "Line 2 of the list" in page.error[0].value
    page.text_area(key="atlas-pasted").set_value("sb1\t1000\t1200")
    page.button(key="atlas-start").click().run()
    assert "give more" in page.error[0].value
    assert jobs.jobs() == []


def test_lists_that_are_too_long_or_no_lists_are_refused() -> None:
    with pytest.raises(UserError, match="500,000 bytes"):
        compute_atlas.read_places("a.bed", b"sb1\t1\t2\n" * 100_000)
    with pytest.raises(UserError, match="not a list of places"):
        compute_atlas.read_places("a.bedgraph", b"sb1\t1\t2\t0.5\n")
    with pytest.raises(UserError, match="empty"):
        compute_atlas.read_places("the list", b"")


def test_an_atlas_of_a_genome_that_is_not_kept_here_is_refused() -> None:
    from dataclasses import replace

    assert "kept here" in compute_atlas.refusal(replace(view(), genome="hg38"))
