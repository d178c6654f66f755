"""Keep in project: the picker on the Design, Measure and Refine pages, kept tables as new rows, and today's model beside a link."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app import cli, compute_measure, compute_project, today
from app.design_question import DesignQuestion
from app.view import View
from experiment import oracle, refine_rows, verdict
from experiment.design import Design, Plan
from experiment.store import close_store, open_store
from genome.errors import UserError
from genome.locus import parse_locus
from models import registry
from tests.experiment import store_records as records
from tests.models.folders import write_case


@pytest.fixture(autouse=True)
def closed():
    """A store that is given back after each test."""
    yield
    close_store()


def measure_page() -> None:
    from app.screens import measure

    measure.show()


def refine_page() -> None:
    from app.screens import refine

    refine.show()


def button(page: AppTest, label: str):
    return next(one for one in page.button if one.label == label)


def said(page: AppTest) -> str:
    return " ".join(one.value for one in (*page.markdown, *page.caption, *page.success)).replace("\\", "")


def kept_example() -> int:
    """The example of the Measure page in a project; number of its measurements."""
    claims, taken = compute_measure.example()
    judged = compute_measure.judged(claims, taken, verdict.SMALLEST)
    upload = oracle.as_table(taken.measured.rows)
    project = compute_project.project("Claims")
    return compute_project.keep_measurements(project.id, taken, upload, claims, judged).number


def test_the_measure_page_keeps_the_table_with_its_verdicts_once():
    open_store().add_project("Enhancers")
    page = AppTest.from_function(measure_page, default_timeout=180).run()
    button(page, "Try it: the sandbox measures a network's claims").click()
    page = page.run()
    for _ in range(2):
        button(page, "Keep in project").click()
        page = page.run()
        assert not page.exception
        assert not page.error
        assert "Kept in Enhancers: sandbox oracle" in said(page)
    store = open_store()
    (project,) = store.projects()
    (entry,) = store.entries("measurements", project.id)
    assert len(store.entries("verdicts", project.id)) == len(store.entries("hypotheses", project.id)) == 24
    upload = store.upload(entry.columns["upload"])
    again = compute_measure.take(io.BytesIO(upload), "again.tsv")
    _, taken = compute_measure.example()
    assert [(r.name, r.replicate, r.value) for r in again.measured.rows] == [
        (r.name, r.replicate, r.value) for r in taken.measured.rows
    ]
    assert again.measured.digest == taken.measured.digest


def test_without_a_name_nothing_is_kept():
    page = AppTest.from_function(measure_page, default_timeout=180).run()
    button(page, "Try it: the sandbox measures a network's claims").click()
    page = page.run()
    button(page, "Keep in project").click()
    page = page.run()
    assert "type the name of a new one" in page.error[0].value
    assert open_store().projects() == ()


def test_kept_measurements_are_rows_of_which_those_that_refuted_count_more():
    number = kept_example()
    name, table = compute_project.training_table(number)
    assert compute_project.training_table(number) == (name, table)
    rows = list(csv.DictReader(io.StringIO(table.decode()), delimiter="\t"))
    heavy = [row for row in rows if float(row["weight"]) > 1]
    assert 0 < len(heavy) < len(rows)
    assert compute_project.refuted(number) >= 8
    page = AppTest.from_function(refine_page, default_timeout=60).run()
    assert not page.exception
    page = page.selectbox(key="refine-kept-new").set_value(number).run()
    assert not page.exception
    assert "refuted hypotheses count more" in said(page)


def test_weights_are_learned_with_and_not_judged_with():
    spec = registry.spec("retina")
    claims = [
        refine_rows.Row(f"e{k}", "ACGT"[k % 4] * 40 + "ACGTTGCA" * 8, float(k % 7), place=f"p{k}") for k in range(400)
    ]
    (plain,) = refine_rows.read_tables([("t", refine_rows.as_table(claims))], spec, "retina activity")
    heavy = [replace(row, weight=3.0) for row in claims]
    (weighted,) = refine_rows.read_tables([("t", refine_rows.as_table(heavy))], spec, "retina activity")
    assert (weighted.train.weights == 3 * plain.train.weights).all()
    for part in ("early", "calibration", "valid"):
        assert (getattr(weighted, part).weights == getattr(plain, part).weights).all()
    bad = refine_rows.as_table([*claims, replace(claims[0], weight=-1.0)])
    assert refine_rows.read_tables([("t", bad)], spec, "retina activity")[0].dropped == {
        "whose weight is no number above 0": 1
    }


def test_measurements_without_bases_are_no_rows():
    table = "name,log2_rep1,log2_rep2\n" + "".join(f"e{k},{k}.0,{k}.5\n" for k in range(20))
    taken = compute_measure.take(table, "bare.csv")
    number = compute_project.keep_measurements(compute_project.project("p").id, taken, table.encode()).number
    with pytest.raises(UserError, match="no bases"):
        compute_project.training_table(number)


def test_a_link_to_a_model_that_was_followed_offers_todays(tmp_path, own_home):
    write_case(own_home / "models" / "toy", "kmer", seed=0, name="toy")
    made = write_case(tmp_path / "made", "kmer", seed=1, name="toy")
    parent, child = registry.spec("toy"), registry.read_folder(made)
    view = View(parent.model_id, "sandbox", parse_locus("sb1:58,351-58,510"), parent.tracks[0].name)
    assert today.of(view) is None
    store = open_store()
    store.add_refinement(store.add_project("p"), records.refinement(parent.model_id, child.model_id), made)
    assert today.of(view) is None
    store.promote(child.model_id)
    now = today.of(view)
    assert now is not None
    assert (now.model, now.locus, now.track) == (child.model_id, view.locus, view.track)
    assert today.of(now) is None


def locus_page() -> None:
    from app.screens import locus

    locus.show()


def test_the_locus_page_says_so_in_one_line(tmp_path, own_home):
    write_case(own_home / "models" / "toy", "kmer", seed=0, name="toy")
    made = write_case(tmp_path / "made", "kmer", seed=1, name="toy")
    parent, child = registry.spec("toy").model_id, registry.read_folder(made).model_id
    view = View(parent, "sandbox", parse_locus("sb1:58,351-58,510"), registry.spec("toy").tracks[0].name)
    store = open_store()
    store.add_refinement(store.add_project("p"), records.refinement(parent, child), made)

    def shown() -> str:
        page = AppTest.from_function(locus_page, default_timeout=120)
        for name, value in view.to_query().items():
            page.query_params[name] = value
        page = page.run()
        assert not page.exception
        return said(page)

    assert "today" not in shown()
    store.promote(child)
    assert f"This is {parent}; toy is {child} today." in shown()


def design_page() -> None:
    from app.screens import design

    design.show()


def test_the_design_page_keeps_the_design_in_a_project_that_is_named_there():
    view = View(registry.spec("tf-binding").model_id, "sandbox", parse_locus("sb1:58,351-58,510"), "CTCF binding")
    page = AppTest.from_function(design_page, default_timeout=180)
    for name, value in DesignQuestion(view, Plan(arms=("hypothesis",), length=100, barcodes=1)).to_query().items():
        page.query_params[name] = value
    page = page.run()
    assert not page.exception
    page.selectbox(key="designing-project").options.append("Enhancers, autumn")  # as typing a new name does
    page.selectbox(key="designing-project").set_value("Enhancers, autumn")
    button(page, "Keep in project").click()
    page = page.run()
    assert not page.exception
    assert not page.error
    _, design = page.session_state["design-made"]
    assert f"Kept in Enhancers, autumn: {len(design.hypotheses)} hypothes" in said(page)
    store = open_store()
    (project,) = store.projects()
    (entry,) = store.entries("designs", project.id)
    assert Design.from_json(store.record("designs", entry.id)) == design
    assert len(store.entries("hypotheses", project.id)) == len(design.hypotheses) > 0
    assert list(compute_project.designs()) == [entry.id]


def test_the_commands_keep_in_a_project(tmp_path, capsys):
    design, plate = tmp_path / "order", tmp_path / "plate.tsv"
    words = ["--arms", "hypothesis", "--barcodes", "1", "--out", str(design), "--project", "By command"]
    assert cli.main(["design", "--model", "tf-binding", "sb1:58,351-58,510", *words]) == 0
    assert "Kept in the project By command" in capsys.readouterr().err
    manifest = tmp_path / "order.json"
    _, constructs = compute_measure.claims_of(manifest.read_bytes())
    plate.write_bytes(oracle.as_table(oracle.measure(constructs, seed=1).rows))
    asked = ["--model", "tf-binding", "--hypotheses", str(manifest), "--project", "By command"]
    assert cli.main(["measure", str(plate), *asked]) == 0
    assert "of the design library, and" in capsys.readouterr().err
    store = open_store()
    (project,) = store.projects()
    (entry,) = store.entries("measurements", project.id)
    assert entry.columns["design"] == store.entries("designs", project.id)[0].id
    assert store.upload(entry.columns["upload"]) == plate.read_bytes()
    assert len(store.entries("verdicts", project.id)) == len(store.entries("hypotheses", project.id)) > 0
