"""The Projects page: projects with their tables, the lineage tree, and its buttons; the commands beside it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app import lineage_table, project_table
from app.cli import main
from experiment.store import close_store, open_store
from models import registry
from tests.experiment import store_records as records
from tests.models.folders import write_case


def page() -> AppTest:
    def draw() -> None:
        from app.screens import projects

        projects.show()

    return AppTest.from_function(draw, default_timeout=60)


def everything(shown: AppTest) -> str:
    parts = [*shown.markdown, *shown.caption, *shown.error, *shown.main.get("html")]
    return " ".join(str(getattr(part, "value", None) or getattr(part.proto, "body", "")) for part in parts)


CHANGES = [
    {"name": "round 1", "new": False, "rows": 90, "before": 0.5, "after": 0.41, "low": -0.12, "high": -0.05},
    {"name": "<b>round 2", "new": True, "rows": 80, "before": 0.3, "after": 0.42, "low": 0.08, "high": 0.16},
    {"name": "anchors", "new": False, "rows": 9, "before": 0.5, "after": 0.49, "low": -0.04, "high": 0.02},
]


@pytest.fixture
def line(tmp_path, own_home):
    """A store in which a model was refined, not accepted by its gate: ids of parent and child."""
    write_case(own_home / "models" / "toy", "kmer", seed=0, name="toy")
    made = write_case(tmp_path / "made", "kmer", seed=1, name="toy")
    ids = registry.spec("toy").model_id, registry.read_folder(made).model_id
    kept = open_store()
    project = kept.add_project("Enhancers *1*", "what it is about")
    verdict = {"accepted": False, "words": ["Worse on round 1 than 0.02."], "changes": CHANGES}
    record = records.refinement(*ids) | {"accepted": False, "verdict": verdict}
    kept.add_refinement(project, record, made)
    design = kept.add_design(project, records.design(1))
    kept.add_measurements(project, records.measurements(1), records.upload(1), design=design)
    kept.add_verdict(kept.add_hypothesis(project, records.hypothesis(1)), {"verdict": "refuted"})
    yield ids
    close_store()


def test_what_was_gained_comes_before_what_was_forgotten(line):
    first, child = lineage_table.rows(open_store().lineage())
    assert (first.words, first.changes, first.can_be_promoted) == ("first of its line", (), False)
    assert [change.words for change in child.changes] == [
        "gained on <b>round 2: r 0.300 → 0.420 (+0.120, +0.080 to +0.160)",
        "forgot of round 1: r 0.500 → 0.410 (−0.090, −0.120 to −0.050)",
        "kept anchors: r 0.500 → 0.490 (−0.010, −0.040 to +0.020)",
    ]
    assert "not accepted by the gate" in child.words
    assert (child.can_be_promoted, child.can_be_rolled_back) == (True, False)


def test_a_project_shows_its_hypotheses_designs_and_measurements(line):
    kept = open_store()
    (project,) = kept.projects()
    table = project_table.hypotheses(kept, project.id)
    assert table["Verdict"] == ["refuted", "not measured"]
    assert table["Open"][0] == "/?v=1&model=toy&locus=sb1%3A2-101"
    assert project_table.designs(kept, project.id)["Elements"] == [4]
    assert project_table.measurements(kept, project.id)["Design"] == ["design 1"]
    assert project_table.elements(kept, 1)["Open"] == [f"/?v=1&place={i}" for i in range(4)]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("", ""),
        ("v=1&x=a b", "/?v=1&x=a+b"),
        ("https://evil.example/?v=1", "/?v=1"),
        ("javascript:alert(1)", ""),
    ],
)
def test_a_link_opens_on_this_server_or_not_at_all(link, expected):
    assert project_table.address(link) == expected


def test_the_page_promotes_and_rolls_back(line):
    parent, child = line
    shown = page().run()
    assert not shown.exception
    words = everything(shown)
    assert "&lt;b&gt;round 2" in words
    assert "<b>round 2" not in words
    assert "Worse on round 1 than 0\\.02\\." in words
    (button,) = [one for one in shown.button if one.key == f"promote-{child}"]
    assert button.label == "Promote all the same"
    shown = button.click().run()
    assert registry.spec("toy").model_id == parent  # not without a reason
    shown.text_input(key=f"why-{child}").set_value("The old rows were measured badly.")
    (button,) = [one for one in shown.button if one.key == f"promote-{child}"]
    shown = button.click().run()
    assert not shown.exception
    assert open_store().promotions()[0].why == "The old rows were measured badly."
    assert registry.spec("toy").model_id == child
    assert f"promote-{parent}" in [one.key for one in shown.button]
    (button,) = [one for one in shown.button if one.key == f"roll-back-{child}"]
    shown = button.click().run()
    assert registry.spec("toy").model_id == parent
    assert not shown.exception
    assert "roll back" in everything(shown)


def test_a_project_is_made_on_the_page(own_home):
    shown = page().run()
    assert "There is no project yet" in everything(shown)
    shown.text_input[0].set_value("Enhancers")
    shown.button[0].click().run()
    assert [project.name for project in open_store().projects()] == ["Enhancers"]
    shown = page().run()
    assert "No hypotheses in this project yet" in everything(shown)
    close_store()


def test_a_store_that_cannot_be_opened_is_said_on_the_page(own_home):
    (own_home / "store").mkdir()
    (own_home / "store" / "store.sqlite").write_text("no database" * 1000)
    shown = page().run()
    assert not shown.exception
    assert "cannot be used" in everything(shown)


def test_the_commands_back_up_restore_and_promote(line, tmp_path, monkeypatch, capsys):
    parent, child = line
    assert main(["lineage", "toy", "--promote", child, "--why", "we looked"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{parent}\tfirst of its line\n  {child}\t")
    assert "forgot of round 1" in out
    assert main(["lineage", "--promote", "toy-000000000000"]) == 2
    assert main(["backup", str(tmp_path / "lab.zip")]) == 0
    assert "1 project, 2 hypotheses, 1 design, 1 table of measurements, 1 refinement" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "lab.zip")]) == 2
    assert "in use" in capsys.readouterr().err
    close_store()
    assert main(["restore", str(tmp_path / "lab.zip")]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "lab.zip"), "--replace"]) == 0
    assert registry.spec("toy").model_id == child
    assert main(["lineage", "--roll-back", child]) == 0
    assert registry.spec("toy").model_id == parent
