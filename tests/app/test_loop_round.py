"""The whole loop in real calls: design, measure, judge, keep, refine, keep, promote; nothing forgotten, old ids as they were."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app import compute, compute_design, compute_measure, compute_project, compute_refine, today
from app.compute import Asker
from app.design_question import DesignQuestion
from app.view import View, from_query
from experiment import oracle, order_sheet, refine, refine_child, refine_steps, verdict
from experiment.design import Design, Plan
from experiment.measurements import Measurements
from experiment.refine import Refinement
from experiment.store import close_store, open_store
from genome.catalog import open_genome
from genome.errors import UserError
from genome.locus import Locus
from genome.sandbox import activity
from genome.sandbox import elements as sandbox_elements
from models import loop, registry
from models.core import ModelSpec, Track
from models.reporter_data import Elements
from models.reporter_task import ReporterRecipe, ReporterTask, standardised
from models.residual import Residual
from models.shuffle import codes_of
from models.write import write_model

WINDOW = 100
OPTIONS = {
    "n_tracks": 1,
    "filters": 16,
    "filter_length": 11,
    "widths": [16],
    "kernel_length": 5,
    "hidden": 16,
    "dropout": 0.0,
}
NAME = "toy-loop"
PROJECT = "The loop, round 1"


def middle(locus: Locus) -> Locus:
    """As much of the middle as the model reads."""
    start = (locus.start + locus.end - WINDOW) // 2
    return Locus(locus.chrom, start, start + WINDOW)


def written(folder: Path) -> None:
    """A small reporter model of the sandbox, which has seen too little to be right."""
    torch.set_num_threads(1)
    genome = open_genome("sandbox", remote_allowed=False)
    random = np.random.default_rng(5)
    places = [Locus("sb2", int(at), int(at) + WINDOW) for at in random.integers(100, 119_000, 400)]
    places += [middle(one.locus) for one in sandbox_elements()]
    bases = [genome.sequence(place).bases for place in places]
    values = np.array([activity(one) for one in bases], np.float32)[:, None]
    every = Elements(
        np.stack([codes_of(one) for one in bases]), values, np.ones(len(bases), np.float32), np.arange(len(bases))
    )
    chosen = random.random(len(bases)) < 0.8
    train, early = every.chosen(chosen), every.chosen(~chosen)
    recipe = ReporterRecipe("residual", OPTIONS, epochs=10, batch=32, learning_rate=1e-2, max_shift=0, averaging=0.0)
    network = loop.fit(
        lambda: standardised(Residual(**OPTIONS), train),
        ReporterTask(train, early, recipe, 1),
        loop.Schedule("toy", recipe.epochs, recipe.learning_rate, 0.0, 7),
        member=0,
        say=lambda _: None,
    )
    track = Track("activity", "MPRA", "the sandbox", "log2(RNA/DNA)", sd=float(values.std()))
    spec = ModelSpec(
        model_id=f"{NAME}-unwritten", name=NAME, title="A toy of the sandbox", input_length=WINDOW, output_length=1,
        resolution=WINDOW, tracks=(track,), strand_rule="average", n_members=1, origin="Made up.", noise=True,
    )  # fmt: skip
    write_model(spec, "residual", OPTIONS, [network], folder / NAME)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    written(folder)
    return folder


@pytest.fixture
def parent(models, own_home, monkeypatch) -> str:
    """model_id of the toy, and a store of its own."""
    monkeypatch.setenv("CISLENS_MODELS", str(models))
    yield registry.spec(NAME).model_id
    close_store()


def designed(parent: str) -> Design:
    """Mutants of what the toy believes of twelve elements, among many others."""
    places = [middle(one.locus) for one in sandbox_elements()[:12]]
    view = View(parent, "sandbox", places[0], "activity")
    plan = Plan(
        arms=("hypothesis", "random", "negative control"), length=WINDOW, barcodes=1, random=250, negative=20, leave_out=True
    )  # fmt: skip
    listed = "\n".join(map(str, places))
    return compute_design.design(DesignQuestion(view, plan, "round-1", places=listed), Asker(session="test"))


def measured_by_the_oracle(manifest: str) -> bytes:
    """The table that a laboratory would send back for an order."""
    _, constructs = compute_measure.claims_of(manifest)
    return oracle.as_table(oracle.measure(constructs, seed=3).rows)


def predicted(model_id: str, bases: list[str]) -> np.ndarray:
    spec = registry.spec(model_id)
    run = compute.runner(spec, Asker(session="test"))
    from interpret.whatif import answers

    return answers(run, spec, np.stack([codes_of(one) for one in bases]), "explained").mean(axis=1)[:, 0]


def refined(parent: str, tables: list[tuple[str, bytes]]) -> Refinement:
    """Each step in a process of its own, as on the server."""
    new = refine.keep_table(*tables[0])
    plan = refine.Plan(parent, "activity", "head", new, epochs=2)
    where = refine.prepare(plan)
    for index in range(len(refine_steps.steps(plan, 1))):
        refine_child.run_apart(where, index)
    made = refine_steps.read_record(where)
    assert made is not None
    compute_refine.keep(made)
    return made


def test_the_loop_from_a_claim_to_a_model_that_answers_to_the_name(parent):
    store = open_store()
    project = compute_project.project(PROJECT).id

    # A claim becomes constructs, and both are kept.
    design = designed(parent)
    assert design.hypotheses
    kept_design = compute_project.keep_design(project, design)
    assert compute_project.keep_design(project, design) == kept_design  # twice is once
    assert Design.from_json(store.record("designs", kept_design.number)) == design
    link = dict(parse_qsl(design.hypotheses[0].link))
    assert from_query(link).model == parent

    # The order is measured; what comes back is known by name.
    manifest = order_sheet.manifest(design)
    upload = measured_by_the_oracle(manifest)
    claims, constructs = compute_measure.claims_of(manifest)
    assert claims == design.hypotheses == compute_project.claims_of(kept_design.number)[0]
    taken = compute_measure.with_constructs(compute_measure.take(io.BytesIO(upload), "plate.tsv"), constructs)
    assert set(taken.measured.names) == {element.name for element in design.elements}
    assert {one.control for one in taken.measured.rows} == {"", "negative control"}

    # Measurements and verdicts are kept beside the design that asked for them.
    judged = compute_measure.judged(claims, taken, verdict.SMALLEST)
    kept = compute_project.keep_measurements(project, taken, upload, claims, judged)
    assert compute_project.keep_measurements(project, taken, upload, claims, judged) == kept
    assert store.upload(taken.measured.digest) == upload
    assert Measurements.from_json(store.record("measurements", kept.number)) == taken.measured
    (entry,) = store.entries("measurements", project)
    assert entry.columns["design"] == kept_design.number
    assert len(store.entries("hypotheses", project)) == len(claims)
    found = [store.record("verdicts", one.id) for one in store.entries("verdicts", project)]
    assert sorted(one["claim"] for one in found) == sorted(one.hypothesis.claim for one in judged)

    # What was refuted counts more in the next round.
    name, table = compute_project.training_table(kept.number)
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(table.decode()), delimiter="\t")}
    heavy = {part.name for one in judged if one.word == "refuted" for part in one.hypothesis.interventions}
    assert {key for key, row in rows.items() if float(row["weight"]) == verdict.REFUTED_WEIGHT} == heavy
    assert compute_project.refuted(kept.number) == sum(one.word == "refuted" for one in judged)

    # A model learns from them; nothing that was there changes.
    bases = [element.bases for element in design.elements[:30]]
    before = predicted(parent, bases)
    made = refined(parent, [(name, table)])
    assert made.parent == parent != made.child
    compute_project.keep_refinement(project, made)
    assert Refinement.from_json(store.record("refinements", store.entries("refinements", project)[0].id)) == made
    after = predicted(made.child, bases)
    assert np.abs(after - before).max() > 0.01
    assert registry.spec(NAME).model_id == parent
    assert today.of(from_query(link)) is None

    # Promoted, it answers to the name; the old id still gives its old numbers, also after the store was opened anew.
    if not made.verdict.accepted:
        with pytest.raises(UserError, match="did not accept"):
            store.promote(made.child)
    store.promote(made.child, "The new rows are what we care about.")
    close_store()
    store = open_store()
    compute.cache.cache_clear()
    assert registry.spec(NAME).model_id == made.child
    assert today.of(from_query(link)) == replace(from_query(link), model=made.child)
    assert [spec.model_id for spec in registry.specs() if spec.name == NAME] == [made.child]
    assert np.array_equal(predicted(parent, bases), before)
    assert np.array_equal(predicted(NAME, bases), after)
    assert predicted_of_a_claim(design) == pytest.approx(design.hypotheses[0].predicted, abs=1e-6)

    # The Projects page lists all of it, and takes the promotion back.
    shown = AppTest.from_function(projects_page, default_timeout=60).run()
    assert not shown.exception
    tables = {one.value.columns[0]: one.value for one in shown.dataframe}
    assert sorted(tables["Claim"]["Verdict"]) == sorted(one.word for one in judged)
    assert list(tables["Design"]["Design"]) == ["round-1"]
    assert len(tables["Name"]) == len(design.elements)
    assert list(tables["File"]["Design"]) == ["round-1"]
    next(button for button in shown.button if button.key == f"roll-back-{made.child}").click().run()
    assert registry.spec(NAME).model_id == parent


def predicted_of_a_claim(design: Design) -> float:
    """What the model of a claim says of it now: broken minus original."""
    one = design.hypotheses[0]
    broken = one.named("kill", "shuffle")[0]
    values = predicted(one.model_id, [one.original.bases, broken.bases])
    return float(values[1] - values[0])


def projects_page() -> None:
    from app.screens import projects

    projects.show()
