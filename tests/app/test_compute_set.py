"""A set beside the training data: verdicts, what the four tests say, the table and its links; and the badge of a view."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from app import compute, compute_set, compute_shift
from app.compute import Asker, pasted_view
from app.compute_set import SetReport, as_csv, findings, read_set, report, table
from app.compute_shift import of_view, organism_of
from app.figures import shift as figures
from app.set_rows import SequenceSet, SetRow, read_sequences
from app.view import PASTED, from_query
from genome.errors import UserError
from models import registry
from models.core import Model
from models.shift import Reference
from models.shift_build import build_reference, direct
from models.shuffle import letters_of
from tests.models.test_shift import WINDOW, Counts, made, source
from tests.toy_models import toy_engine, toy_spec

MODEL = Model(toy_spec("counts", window=WINDOW, strand_rule="average"), [Counts()])
TRACK = "one"


@pytest.fixture(scope="module")
def built() -> Reference:
    held = source(800, 2)
    strong = np.isin(held, (1, 2)).mean(axis=1) / 2  # what either track answers, as the mean over strands
    labels = np.stack([strong + 0.03 * np.sin(np.arange(800))] * 2, axis=1)
    return build_reference(
        direct(MODEL),
        MODEL.spec,
        source(1200, 1),
        calibration=held,
        seed=3,
        organism="human",
        labels=labels.astype(np.float32),
    )


@pytest.fixture(autouse=True)
def toy(monkeypatch, built) -> None:
    engine = toy_engine(MODEL)
    monkeypatch.setattr(compute, "engine", lambda: engine)
    monkeypatch.setattr(registry, "spec", lambda name: MODEL.spec)
    monkeypatch.setattr(compute_shift, "find_reference", lambda spec: built)


def rows_of(codes: np.ndarray, measured: list[float] | None = None) -> SequenceSet:
    values = measured or [None] * len(codes)
    return SequenceSet(
        tuple(SetRow(f"r{i}", letters_of(row), None, values[i]) for i, row in enumerate(codes)),  # type: ignore[misc]
    )


def told(found: SetReport) -> dict[str, str]:
    return dict(findings(found, TRACK))


def test_rows_keep_their_order_and_each_has_a_verdict_and_an_answer():
    codes = np.concatenate([source(30, 21), made("low GC", 10)])
    found = report(MODEL.spec, rows_of(codes), PASTED, Asker())
    assert [verdict.standing for verdict in found.verdicts[30:]] == ["unlike"] * 10
    assert found.count("like") >= 24
    expected = ((codes == 1).mean(axis=1) + (codes == 2).mean(axis=1)) / 2
    assert found.answers[:, 0] == pytest.approx(expected, abs=1e-6)
    assert found.measures[:, 0] == pytest.approx(np.isin(codes, (1, 2)).mean(axis=1))


def test_short_sequences_stand_in_n_and_long_ones_are_cut_to_their_middle():
    middle = letters_of(source(1, 5)[0])
    rows = SequenceSet((SetRow("short", "ACGT" * 10), SetRow("long", "A" * 40 + middle + "C" * 40)))
    found = report(MODEL.spec, rows, PASTED, Asker())
    assert found.unknown.tolist() == [0.6, 0.0]
    assert found.verdicts[0].reasons[0] == "60 % of the bases are N"
    assert found.verdicts[1] == report(MODEL.spec, SequenceSet((SetRow("x", middle),)), PASTED, Asker()).verdicts[0]


def test_a_set_like_the_training_data_is_said_to_be_and_a_shifted_one_not():
    same = told(report(MODEL.spec, rows_of(source(200, 31)), PASTED, Asker()))
    other = told(report(MODEL.spec, rows_of(made("low GC", 200)), PASTED, Asker()))
    assert "200 of 200 (100 %) are unlike" in other["The sequences"]
    assert "of 200 (" in same["The sequences"]
    assert "p below 0.001" in other["The predictions"]
    assert "p below 0.001" not in same["The predictions"]
    assert "The measurements" not in same


def test_few_sequences_are_too_few_for_the_whole_set():
    assert "too few" in told(report(MODEL.spec, rows_of(source(5, 1)), PASTED, Asker()))["The whole set"]


def test_errors_like_those_on_held_out_rows_raise_no_alarm_and_a_changed_rule_does():
    codes = source(150, 41)
    right = ((codes == 1).mean(axis=1) + (codes == 2).mean(axis=1)) / 2
    noise = 0.03 * np.sin(np.arange(150))
    kept = told(report(MODEL.spec, rows_of(codes, (right + noise).tolist()), PASTED, Asker()))
    changed = told(report(MODEL.spec, rows_of(codes, (right + 0.6).tolist()), PASTED, Asker()))
    assert "like those on held-out rows (" in kept["The rule"]
    assert "not those of held-out rows any more" in changed["The rule"]
    assert "-0.60 is bias" in changed["The measurements"]


def test_without_errors_of_held_out_rows_the_rule_cannot_be_judged(monkeypatch, built):
    bare = replace(built, residuals=built.residuals[:, :0])
    monkeypatch.setattr(compute_shift, "find_reference", lambda spec: bare)
    found = report(MODEL.spec, rows_of(source(30, 1), [0.1] * 30), PASTED, Asker())
    assert "cannot be told" in told(found)["The rule"]


def test_without_a_reference_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(compute_set, "reference_of", lambda spec: None)
    found = report(MODEL.spec, rows_of(source(30, 1)), PASTED, Asker())
    assert {verdict.standing for verdict in found.verdicts} == {"unknown"}
    assert "not known" in told(found)["The sequences"]
    assert "The predictions" not in told(found)
    assert set(table(found, TRACK, ".")["standing"]) == {"not known"}


def test_the_table_begins_with_the_strangest_and_every_link_opens_its_row():
    codes = np.concatenate([source(20, 21), made("high GC", 2)])
    columns = table(report(MODEL.spec, rows_of(codes), PASTED, Asker()), TRACK, "http://here")
    assert columns["standing"][:2] == ["unlike", "unlike"]
    assert set(columns["name"][:2]) == {"r20", "r21"}
    from urllib.parse import parse_qsl, urlsplit

    view = from_query(dict(parse_qsl(urlsplit(columns["look"][0]).query)))
    assert view.bases == letters_of(codes[int(columns["name"][0][1:])])


def test_intervals_link_to_their_place_and_another_tissue_is_said():
    found, genome = read_set("a.bed", "sb1\t1000\t1100\tx\nsb1\t9\tq\n", "sandbox", MODEL.spec, Asker())
    seen = report(MODEL.spec, found, genome, Asker(), biosample="liver")
    assert "locus=sb1%3A1001-1100" in table(seen, TRACK, ".")["look"][0]
    assert len(seen.scope) == 1  # the page names synthetic DNA wherever it shows it
    assert "liver" in seen.scope[0]
    assert len(seen.problems) == 1


def test_intervals_without_a_genome_are_refused():
    with pytest.raises(UserError, match="choose the genome"):
        read_set("a.bed", "chr1\t1\t5\n", PASTED, MODEL.spec, Asker())


def test_the_csv_holds_every_row_and_no_formula():
    rows = SequenceSet((SetRow("=HYPERLINK(1)", "ACGT" * 25), SetRow('a,"b"', "GGCA" * 25)))
    text = as_csv(table(report(MODEL.spec, rows, PASTED, Asker()), TRACK, "."), MODEL.spec)
    read = list(csv.DictReader(io.StringIO(text)))
    assert {row["name"] for row in read} == {"'=HYPERLINK(1)", 'a,"b"'}
    assert {row["model"] for row in read} == {MODEL.spec.model_id}


def test_a_set_too_large_for_the_window_is_refused(monkeypatch):
    monkeypatch.setattr(compute_set, "MAX_BASES", 10 * WINDOW)
    with pytest.raises(UserError, match="at most 10 at once"):
        report(MODEL.spec, rows_of(source(11, 1)), PASTED, Asker())


def test_giving_up_stops_the_work():
    class GivenUp(Exception):
        pass

    def give_up(done: float) -> None:
        raise GivenUp

    with pytest.raises(GivenUp):
        report(MODEL.spec, rows_of(source(3, 1)), PASTED, Asker(progress=give_up))


def test_reading_is_the_same_as_in_the_file_of_the_rows():
    text = ">a\n" + "ACGT" * 25
    assert read_set("a.fa", text, PASTED, MODEL.spec, Asker()) == (read_sequences(text), PASTED)


def test_the_badge_of_a_long_locus_is_that_of_its_strongest_window():
    plain, rich = letters_of(source(1, 51)[0]), "GC" * 50
    long = of_view(pasted_view(MODEL.spec.model_id, TRACK, "x", plain * 3 + rich + plain * 3), Asker())
    assert long.standing == "unlike"
    assert long.measures[0] == pytest.approx(1.0, abs=0.06)
    alone = of_view(pasted_view(MODEL.spec.model_id, TRACK, "x", plain), Asker())
    assert alone.measures[0] == pytest.approx(sum(plain.count(base) for base in "GC") / WINDOW)


def test_a_refused_reference_is_as_good_as_none_and_the_log_says_why(monkeypatch, caplog):
    def refuse(spec: object) -> None:
        raise UserError("It was made for another model.")

    monkeypatch.setattr(compute_shift, "find_reference", refuse)
    view = pasted_view(MODEL.spec.model_id, TRACK, "x", letters_of(source(1, 51)[0]))
    assert of_view(view, Asker()).standing == "unknown"
    assert "made for another model" in caplog.text


def test_a_genome_says_whose_dna_it_is():
    assert organism_of("hg38") == "human"
    assert organism_of("sacCer3") == "yeast"
    assert organism_of("sandbox") == ""
    assert organism_of(PASTED) == ""


def test_the_figure_draws_shares_of_both_over_the_same_bins():
    ours, known = np.arange(10.0), np.arange(1000.0) / 100
    drawn = figures.figure({"GC": (ours, known), "silent": (np.full(3, np.nan), None), "alone": (ours, None)})
    bars, line, alone = drawn.data
    assert sum(bars.y) == pytest.approx(1)
    assert sum(line.y) == pytest.approx(1)
    assert list(bars.x) == list(line.x)
    assert sum(alone.y) == pytest.approx(1)
    with pytest.raises(ValueError, match="no panel"):
        figures.figure({"silent": (np.full(3, np.nan), None)})


def test_one_value_only_still_has_a_range():
    edges = figures.common_edges(np.full(4, 2.0), None)
    assert edges[0] < 2 < edges[-1]
