"""A refinement by command line, and its page: from the form to the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import cli, compute_refine, refine_cli
from app.view import View, from_query
from experiment import long_refine, refine, refine_child, refine_steps
from experiment.job_files import Order
from experiment.job_status import Job
from experiment.refine import CANDIDATES, Refinement
from experiment.store import close_store, open_store
from genome.errors import UserError
from genome.locus import Locus
from models import registry
from tests.experiment.refine_toys import table, write_toy


def in_this_process(where: Path, step: int, progress: object = None) -> None:
    refine_steps.run_step(refine_steps.bench(where), step, lambda _: None)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_toy(folder, members=1)
    return folder


@pytest.fixture
def done(models, tmp_path, monkeypatch) -> Refinement:
    """What the command makes of a toy."""
    monkeypatch.setenv("CISLENS_MODELS", str(models))
    monkeypatch.setattr(refine_child, "run_apart", in_this_process)
    (tmp_path / "new.tsv").write_bytes(table(420, word="CCGG", gain=-2.0, seed=11))
    (tmp_path / "old.tsv").write_bytes(table(420, seed=12))
    words = ["refine", "--model", "toy-reporter", str(tmp_path / "new.tsv"), "--old", str(tmp_path / "old.tsv")]
    words += ["--strategy", "distill", "--epochs", "2", "--out", str(tmp_path / "out.json")]
    code = cli.main(words)
    made = Refinement.from_json(json.loads((tmp_path / "out.json").read_text()))
    assert code == (0 if made.verdict.accepted else refine_cli.NOT_ACCEPTED)
    return made


def test_the_command_keeps_the_new_model_under_its_id_and_leaves_the_name_to_the_parent(done, capsys):
    assert registry.spec("toy-reporter").model_id == done.parent
    assert registry.spec(done.child).model_id == done.child
    assert registry.load(done.child).spec.n_members == 1
    compute_refine.keep(done)  # again: nothing more
    assert done.verdict.changes[0].name == "new.tsv"


def test_then_and_now_is_a_link_to_both_models(done):
    view = View("tf-binding-000000000000", "sandbox", Locus("sb1", 100, 300), "CTCF binding")
    link = compute_refine.then_and_now(view, done)
    assert from_query(link.to_query()) == link
    assert (link.model, link.beside.model, link.locus) == (done.parent, done.child, view.locus)


def test_the_page_tells_what_was_gained_and_forgotten(done, monkeypatch):
    order = Order("refinement", long_refine.parameters_of(done.plan), 5, "toy-reporter refined by distill", "", 0.0)
    job = Job(order, "done", 1.0, "Finished.", 0.0, "", (), Path("x"))
    monkeypatch.setattr(compute_refine, "started", lambda: (job,))
    monkeypatch.setattr(compute_refine, "made", lambda _: done)

    def screen() -> None:
        from app.screens import refine

        refine.show()

    page = AppTest.from_function(screen, default_timeout=120).run()
    assert not page.exception
    said = " ".join(one.value for one in (*page.markdown, *page.caption, *page.warning, *page.success))
    assert "The gate" in said
    assert "new rows of new" in said.replace("\\", "")
    assert list(page.dataframe[0].value["held-out rows of"]) == ["new: new.tsv", "old: old.tsv"]
    page = keep_and_promote(page, done)
    next(button for button in page.button if button.label == "Refine").click()
    assert "Give a table of new measurements" in page.run().error[0].value.replace("\\", "")


def keep_and_promote(page: AppTest, done: Refinement) -> AppTest:
    """Keeps the refinement in a project, and lets its model answer to the name: with a reason where its gate says no."""
    (picker,) = [one for one in page.selectbox if one.label == "Project"]
    picker.options.append("Round 2")  # as typing a new name does
    picker.set_value("Round 2")
    next(one for one in page.button if one.label == "Keep in project").click()
    page = page.run()
    assert not page.exception
    assert [project.name for project in open_store().projects()] == ["Round 2"]
    assert open_store().lineage("toy-reporter")[1].model_id == done.child
    if not done.verdict.accepted:
        page = page.button(key=f"promote-{done.child}").click().run()
        assert registry.spec("toy-reporter").model_id == done.parent
        page.text_input(key=f"why-{done.child}").set_value("We looked at the rows.")
    page = page.button(key=f"promote-{done.child}").click().run()
    assert not page.exception
    assert registry.spec("toy-reporter").model_id == done.child
    assert [spec.model_id for spec in registry.specs() if spec.name == "toy-reporter"] == [done.child]
    page = page.button(key=f"roll-back-{done.child}").click().run()
    assert registry.spec("toy-reporter").model_id == done.parent
    close_store()
    return page


def test_every_strategy_can_be_named_on_the_command_line():
    assert set(refine_cli.STRATEGIES) == set(CANDIDATES) == set(refine.SAID)
    assert all(refine.usual(old)[0] in CANDIDATES for old in (True, False))


def test_a_model_that_cannot_be_refined_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "new.tsv").write_bytes(table(100))
    out = str(tmp_path / "o.json")
    assert cli.main(["refine", "--model", "simple", str(tmp_path / "new.tsv"), "--out", out]) == 2
    assert "cannot be refined here" in capsys.readouterr().err


def test_an_anchor_longer_than_the_window_is_refused(models, monkeypatch):
    monkeypatch.setenv("CISLENS_MODELS", str(models))
    spec = registry.spec("toy-reporter")
    assert compute_refine.anchors_of(">a\nACGT", spec)[0][1] == "N" * 18 + "ACGT" + "N" * 18
    with pytest.raises(UserError, match="window"):
        compute_refine.anchors_of("A" * 41, spec)
