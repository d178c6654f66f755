"""The Jobs page and the offer on the Locus page, without a browser."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import compute, compute_jobs
from app.components import igv
from app.compute import Asker
from app.view import View
from experiment import job_files, jobs
from experiment.job_files import Order
from genome.errors import UserError
from genome.home import home
from genome.locus import Locus, Variant
from models import registry
from tests.experiment import far

MAIN = Path(__file__).parents[2] / "app" / "main.py"
ASKER = Asker(session="test")


def view(start: int = 50_000, end: int = 52_500, **more: object) -> View:
    spec = registry.spec("simple")
    return View(spec.model_id, "sandbox", Locus("sb1", start, end), spec.tracks[0].name, **more)  # type: ignore[arg-type]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(igv, "bundle_available", lambda: False)
    return AppTest.from_file(str(MAIN), default_timeout=60)


def jobs_page(page: AppTest) -> AppTest:
    """The page as its menu opens it."""

    def script() -> None:
        from app.screens import jobs

        jobs.show()

    return AppTest.from_function(script, default_timeout=60)


def finished(digest: str) -> jobs.Job:
    end = time.monotonic() + 60
    while (job := jobs.job(digest)).unfinished:
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def everything(page: AppTest) -> str:
    parts = [*page.markdown, *page.caption, *page.error]
    return " ".join(part.value for part in parts).replace("\\", "")


def written(kind: compute_jobs.JobKind, slices: dict[int, dict[str, np.ndarray]], count: int) -> str:
    """A job as an ended server left it."""
    asked = compute_jobs.asked(view(), kind, ASKER)
    bases = compute_jobs._bases(asked, ASKER)
    parameters = compute_jobs._parameters(asked, ASKER) | {"bases": job_files.digest_of_bases(bases)}
    order = Order(kind, parameters, count, asked.title, "About 1 s a pass.", 1_700_000_000.0)
    job_files.write_order(order, bases)
    for index, arrays in slices.items():
        job_files.write_arrays(job_files.slice_path(order.digest, index), arrays)
    return order.digest


def test_without_a_queue_the_page_says_so_and_shows_what_was_computed(page: AppTest) -> None:
    spec = registry.spec("simple")
    effects = np.zeros((spec.n_members * len(spec.strands), 4, 256), dtype=np.float32)
    digest = written("mutagenesis", {0: {"effects": effects + 0.5}}, 10)
    page = jobs_page(page).run()
    assert not page.exception
    assert "Jobs do not run here" in everything(page)
    assert "Stopped after 1 of 10 parts" in everything(page)
    page.toggle(key=f"draw-{digest}").set_value(True).run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1
    said = everything(page)
    for words in (spec.model_id, view().track, "mutagenesis", "strand"):
        assert words in said


def test_a_pickle_that_pretends_to_be_a_result_is_refused_on_the_page(page: AppTest) -> None:
    import pickle

    digest = written("letters", {}, 2)
    job_files.result_path(digest).write_bytes(pickle.dumps({"values": [1]}))
    page = jobs_page(page).run()
    page.toggle(key=f"draw-{digest}").set_value(True).run()
    assert not page.exception
    assert "no table of numbers" in everything(page)


@pytest.mark.parametrize("whole", [True, False])
def test_numbers_that_are_not_of_the_job_are_refused_on_the_page(page: AppTest, whole: bool) -> None:
    digest = written("letters", {}, 2)
    path = job_files.result_path(digest) if whole else job_files.slice_path(digest, 1)
    job_files.write_arrays(path, {"x": np.zeros(3)})
    page = jobs_page(page).run()
    page.toggle(key=f"draw-{digest}").set_value(True).run()
    assert not page.exception
    assert "was damaged" in everything(page)


def test_an_empty_page_says_where_jobs_come_from(page: AppTest) -> None:
    page = jobs_page(page).run()
    assert not page.exception
    assert "There are no jobs" in everything(page)


def test_a_long_locus_is_offered_as_a_job_and_its_letters_come(page: AppTest, queue: None) -> None:
    for name, value in view().to_query().items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert "3 x 2,500 positions" in everything(page)
    page.button(key="start-letters").click().run()
    assert not page.exception
    (job,) = jobs.jobs()
    assert job.order.kind == "letters"
    assert finished(job.digest).error == ""
    found = compute_jobs.values(jobs.job(job.digest))
    inner = replace(view(), locus=Locus("sb1", 51_000, 51_300))
    inline = compute.attribution(inner, ASKER)
    core = slice(*inline.core)
    np.testing.assert_allclose(found["values"][1000:1300], inline.values[core], atol=1e-5)
    list_page = jobs_page(page).run()
    assert not list_page.exception
    assert "done" in everything(list_page)
    assert not [button for button in list_page.button if button.label == "Cancel"]
    list_page.button(key=f"remove-{job.digest}").click().run()
    assert jobs.jobs() == []
    assert not job_files.place(job.digest).exists()


def test_a_running_job_shows_its_progress_and_can_be_cancelled(page: AppTest, queue: None, monkeypatch) -> None:
    asked = compute_jobs.asked(view(50_000, 150_000), "mutagenesis", ASKER)
    job = compute_jobs.start(asked, ASKER)
    page = jobs_page(page).run()
    assert not page.exception
    page.button(key=f"cancel-{job.digest}").click().run()
    assert not page.exception
    assert jobs.job(job.digest).status == "cancelled"
    assert "stopped" in everything(jobs_page(page).run())


def test_a_setting_that_is_no_number_stops_jobs_and_nothing_else(page: AppTest, monkeypatch) -> None:
    monkeypatch.setenv("CISLENS_JOBS_GB", "plenty")
    compute_jobs.launch()
    end = time.monotonic() + 30
    while "being opened" in jobs.trouble():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert "CISLENS_JOBS_GB is 'plenty'" in jobs.trouble()
    for name, value in view().to_query().items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert "CISLENS_JOBS_GB" in everything(page)
    jobs.stop()


def test_the_link_of_a_job_is_the_view_it_was_started_from() -> None:
    edits = (Variant("sb1", 50_101, "", "GATTACA"),)
    whole = replace(view(seed=5, baseline="shuffled"), edits=edits)
    asked = compute_jobs.asked(whole, "letters", ASKER)
    order = Order("letters", compute_jobs._parameters(asked, ASKER), 1, asked.title, "", 0.0)
    job = jobs.Job(order, "done", 1.0, "", 0.0, "", (), None)
    again = compute_jobs.view_of(job)
    assert again.contig
    assert replace(again, contig="", reduce=whole.reduce) == whole


def test_what_was_pasted_is_kept_for_the_job() -> None:
    spec = registry.spec("simple")
    pasted = compute.pasted_view(spec.model_id, spec.tracks[0].name, "mine", "ACGTTGCA" * 100)
    asked = compute_jobs.asked(pasted, "mutagenesis", ASKER)
    assert asked.view.stored
    assert not asked.view.bases
    assert compute.shown_sequence(asked.view, ASKER).bases == pasted.bases


def test_a_region_outside_the_locus_is_refused() -> None:
    with pytest.raises(UserError, match="does not lie inside"):
        compute_jobs.asked(view(), "mutagenesis", ASKER, Locus("sb1", 49_990, 50_100))


def test_what_does_not_fit_the_memory_is_refused_before_it_is_begun(monkeypatch) -> None:
    from experiment import estimate

    monkeypatch.setattr(estimate, "free_bytes", lambda: 100_000_000)
    asked = compute_jobs.asked(view(), "mutagenesis", ASKER)
    cost = compute_jobs.cost(asked, ASKER, wait=True)
    with pytest.raises(UserError, match=r"needs about .* GB and this server has 0.1 GB free"):
        compute_jobs.expected(asked, cost, ASKER)


def test_jobs_stand_behind_everything_interactive(monkeypatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(jobs, "launch", lambda runner, *, max_bytes: given.update(runner=runner, room=max_bytes()))

    class Recorded:
        def runner(self, model_id: str, **how: object) -> dict[str, object]:
            return {"model_id": model_id, **how}

    monkeypatch.setattr(compute, "engine", Recorded)
    compute_jobs.launch()
    assert given["runner"]("simple") == {"model_id": "simple", "session": "jobs", "priority": "batch"}
    assert given["room"] == 5_000_000_000


def test_a_window_of_196608_is_predicted_at_the_ends_of_a_chromosome_and_explained_by_a_job(
    page: AppTest, queue: None, monkeypatch
) -> None:
    monkeypatch.setenv("CISLENS_ARCHITECTURES", far.PATH)
    far.write_far(home() / "models")
    spec = registry.spec("far")
    wanted = View(spec.model_id, "sandbox", Locus("sb1", 100, 140), "track 1")
    for name, value in wanted.to_query().items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert "One window of 196,608 bp takes long: contributions are computed as a job." in everything(page)
    assert "How long it takes is measured first" in everything(page)
    page.button(key="start-mutagenesis").click().run()
    assert not page.exception
    assert "3 x 40 positions: about" in everything(page)
    assert jobs.jobs() == []  # said first, begun when asked again
    page.button(key="start-mutagenesis").click().run()
    assert not page.exception
    (job,) = jobs.jobs()
    assert finished(job.digest).error == ""
    assert np.isfinite(compute_jobs.values(job)["effects"]).all()
