"""What is taken away: every file can be read back, says how it was made, and places each base where it is."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pybigtools
import pytest

from app import export
from app.view import View
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from interpret.attribution import Attribution
from interpret.methods import attribute
from models.core import Target
from models.predict import predict
from tests.toy_models import WINDOW, Curved, random_bases, toy_engine, toy_model

MODEL = toy_model(Curved, n_members=2, strand_rule="average")
RUN = toy_engine(MODEL).runner(MODEL.spec.model_id)
CONTIG_LENGTH = 10_000
BASES = random_bases(CONTIG_LENGTH, seed=2)
START, END = 500, 560


def view_of(start: int = START, end: int = END, *edits: Variant) -> View:
    return View(MODEL.spec.model_id, "made", Locus("c1", start, end), "one", contig="0123456789ab", edits=edits)


def sequence_of(view: View) -> Sequence:
    locus = view.locus.extended(4 * WINDOW)
    bases = "".join(BASES[i] if 0 <= i < CONTIG_LENGTH else "N" for i in range(locus.start, locus.end))
    return edited(Sequence(bases, locus), view.edits)


def explained(view: View, **options) -> Attribution:
    return attribute(RUN, MODEL.spec, sequence_of(view), view.locus, Target("one"), **options)


EDITS = (
    Variant("c1", 511, BASES[510], "ACGT"["CGTA".index(BASES[510])]),  # substitution
    Variant("c1", 521, BASES[520:523], ""),  # deletion of 3
    Variant("c1", 531, "", "GATTACA"),  # insertion of 7
    Variant("c1", 541, BASES[540:542], "TTTT" if BASES[540:542] != "TT" else "AAAA"),  # 2 replaced by 4
)
PLAIN = view_of()
CHANGED = view_of(START, END, *EDITS)
VIEWS = pytest.mark.parametrize(
    "view", [PLAIN, CHANGED, view_of(-10, 30), view_of(CONTIG_LENGTH - 30, CONTIG_LENGTH + 9)]
)


def no_constant(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def read_json(text: str) -> dict:
    return json.loads(text, parse_constant=no_constant)


def by_place(found: Attribution) -> dict[int, tuple[str, float]]:
    """Base and contribution of every base of the locus that stands in the genome."""
    start, end = found.core
    return {
        int(found.sequence.positions[i]): (found.sequence.bases[i], float(found.values[i]))
        for i in range(start, end)
        if not found.sequence.inserted[i]
    }


PROVENANCE = {
    "software", "model_id", "members", "strand_rule", "genome", "contig_digest", "locus", "edits", "use",
    "track", "unit", "explained", "method", "baseline", "seed", "points", "path", "windows", "note",
    "gap", "relative_gap", "denominator", "worst_window_gap", "converged", "convergence_rule",
}  # fmt: skip


@VIEWS
def test_json_carries_the_contributions_and_how_they_were_made(view):
    found = explained(view, baseline="shuffled", seed=7)
    record = read_json(export.attribution_json(view, found, contig_digest=view.contig))
    assert set(record) >= PROVENANCE
    assert record["model_id"] == MODEL.spec.model_id
    assert record["contig_digest"] == view.contig
    assert record["locus"] == str(view.locus)
    assert record["edits"] == [str(edit) for edit in view.edits]
    assert (record["baseline"], record["seed"], record["points"]) == ("shuffled", 7, found.points)
    assert record["bases"] == found.sequence.bases
    assert record["positions"] == found.sequence.positions.tolist()
    assert np.allclose(record["contributions"], found.values, rtol=1e-5)
    assert (
        record["bases"][record["locus_begins_at"] : record["locus_ends_at"]] == found.sequence.part(*found.core).bases
    )
    rows = np.array([record["hypothetical"][base] for base in "ACGT"])
    at = ["ACGT".find(base) for base in record["bases"]]
    chosen = [rows[row, i] if row >= 0 else 0.0 for i, row in enumerate(at)]
    assert np.allclose(chosen, record["contributions"], rtol=1e-4, atol=1e-6)


def test_the_gap_is_that_of_the_contributions_in_the_file_and_relative_is_a_fraction():
    found = explained(PLAIN, baseline="zeros")
    record = read_json(export.attribution_json(PLAIN, found, contig_digest=""))
    assert record["gap"] == pytest.approx(found.gap)
    assert record["relative_gap"] == pytest.approx(abs(record["gap"]) / record["denominator"])
    assert 0 <= record["relative_gap"] < 0.05
    assert isinstance(record["converged"], bool)


def test_what_is_not_a_number_is_null_in_json():
    nan = float("nan")
    found = replace(explained(PLAIN), gap=nan, relative_gap=float("inf"), worst_gap=nan, converged=False)
    record = read_json(export.attribution_json(PLAIN, found, contig_digest=""))
    assert (record["gap"], record["relative_gap"], record["worst_window_gap"]) == (None, None, None)


def test_json_of_a_prediction_has_every_track_and_bin():
    prediction = predict(RUN, MODEL.spec, sequence_of(PLAIN), PLAIN.locus)
    record = read_json(export.prediction_json(PLAIN, prediction, contig_digest="0123456789ab"))
    assert [track["name"] for track in record["tracks"]] == ["one", "two"]
    assert record["starts"] == prediction.starts.tolist()
    assert record["ends"] == prediction.ends.tolist()
    for index, track in enumerate(record["tracks"]):
        assert np.allclose(track["values"], prediction.values[index], rtol=1e-5)
        assert np.allclose(track["spread"], prediction.spread[index], rtol=1e-5, atol=1e-9)
    assert {"model_id", "contig_digest", "locus", "edits", "windows", "software"} <= set(record)


def test_a_prediction_that_is_not_a_number_is_null_in_json():
    prediction = predict(RUN, MODEL.spec, sequence_of(PLAIN), PLAIN.locus)
    values = prediction.values.copy()
    values[0, 0] = np.nan
    record = read_json(export.prediction_json(PLAIN, replace(prediction, values=values), contig_digest=""))
    assert record["tracks"][0]["values"][0] is None


@VIEWS
def test_npz_is_read_without_pickle(view):
    found = explained(view)
    with np.load(
        io.BytesIO(export.attribution_npz(view, found, contig_digest=view.contig)), allow_pickle=False
    ) as file:
        assert np.array_equal(file["contributions"], found.values)
        assert np.array_equal(file["hypothetical"], found.hypothetical)
        assert np.array_equal(file["members"], found.members)
        assert np.array_equal(file["positions"], found.sequence.positions)
        assert np.array_equal(file["inserted"], found.sequence.inserted)
        assert str(file["bases"]) == found.sequence.bases
        assert tuple(file["core"]) == found.core
        assert set(read_json(str(file["provenance"]))) == PROVENANCE


def data_lines(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if not line.startswith(("#", "track"))]


@VIEWS
def test_bedgraph_places_each_base_0_based_half_open(view):
    found = explained(view)
    rows = data_lines(export.attribution_bedgraph(view, found, contig_digest=view.contig))
    wanted = {place: value for place, (_, value) in by_place(found).items() if place >= 0}
    assert [int(start) for _, start, _, _ in rows] == sorted(wanted)
    for chrom, start, end, value in rows:
        assert (chrom, int(end)) == ("c1", int(start) + 1)
        assert float(value) == pytest.approx(wanted[int(start)], rel=1e-5)


def test_an_unedited_base_is_found_in_the_genome_at_its_place():
    rows = data_lines(export.attribution_bed(PLAIN, explained(PLAIN), contig_digest=""))
    assert [(int(start), base) for _, start, _, base, *_ in rows] == [(i, BASES[i]) for i in range(START, END)]


def test_edits_leave_every_other_base_at_its_place():
    found = explained(CHANGED)
    rows = data_lines(export.attribution_bed(CHANGED, found, contig_digest=""))
    places = {int(start): base for _, start, _, base, *_ in rows}
    assert set(range(START, END)) - set(places) == {520, 521, 522}  # deleted
    assert places[510] == EDITS[0].alt
    assert [places[540], places[541]] == list(EDITS[3].alt[:2])
    untouched = set(places) - {510, 540, 541}
    assert all(places[place] == BASES[place] for place in untouched)
    assert len(rows) == len(places)  # inserted bases have no line


def test_bed_has_seven_columns_and_a_score_in_range():
    found = explained(PLAIN)
    rows = data_lines(export.attribution_bed(PLAIN, found, contig_digest=""))
    scores = [int(row[4]) for row in rows]
    assert max(scores) == 1000
    assert min(scores) >= 0
    assert all(len(row) == 7 and row[5] == "+" for row in rows)
    assert np.allclose([float(row[6]) for row in rows], found.values[slice(*found.core)], rtol=1e-5)


@VIEWS
def test_a_table_counts_positions_from_1_and_marks_inserted_bases(view):
    found = explained(view)
    text = export.attribution_csv(view, found, contig_digest=view.contig)
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    start, end = found.core
    assert [int(row["position"]) for row in rows] == (found.sequence.positions[start:end] + 1).tolist()
    assert "".join(row["base"] for row in rows) == found.sequence.bases[start:end]
    assert [row["inserted"] == "1" for row in rows] == found.sequence.inserted[start:end].tolist()
    assert np.allclose([float(row["contribution"]) for row in rows], found.values[start:end], rtol=1e-5)
    for row in rows:
        if row["base"] != "N":
            assert row[f"if_{row['base']}"] == row["contribution"]
    assert sum(row["inserted"] == "1" for row in rows) == (9 if view is CHANGED else 0)


@VIEWS
def test_bigwig_is_read_back_with_the_same_values_at_the_same_places(view, tmp_path):
    found = explained(view)
    path = tmp_path / "out.bw"
    path.write_bytes(export.attribution_bigwig(found, contig_length=CONTIG_LENGTH))
    file = pybigtools.open(str(path))
    assert file.chroms() == {"c1": CONTIG_LENGTH}
    read = {start: (end, value) for start, end, value in file.records("c1")}
    file.close()
    wanted = {place: value for place, (_, value) in by_place(found).items() if 0 <= place < CONTIG_LENGTH}
    assert set(read) == set(wanted)
    for place, (end, value) in read.items():
        assert end == place + 1
        assert value == pytest.approx(wanted[place], rel=1e-6)


def test_a_bigwig_of_nothing_is_refused():
    view = view_of(CONTIG_LENGTH + 5, CONTIG_LENGTH + 25)
    with pytest.raises(UserError, match="on the chromosome"):
        export.attribution_bigwig(explained(view), contig_length=CONTIG_LENGTH)


TEXTS = [export.attribution_bedgraph, export.attribution_bed, export.attribution_csv]
NASTY = 'one\n"c1\t1\t2\t9\u2028\x85\r<script>'


@pytest.mark.parametrize("write", TEXTS)
def test_no_name_can_add_a_line(write):
    found = explained(PLAIN)
    track = replace(found.spec.tracks[0], name=NASTY, unit="log\nodds\r\nx")
    spec = replace(found.spec, tracks=(track, found.spec.tracks[1]))
    nasty = replace(found, spec=spec, target=Target(NASTY), rule="a\nb")
    plain_text, text = (write(PLAIN, a, contig_digest="") for a in (found, nasty))
    assert len(text.splitlines()) == len(plain_text.splitlines())
    assert data_lines(text) == data_lines(plain_text)


@pytest.mark.parametrize("write", TEXTS)
def test_the_comments_carry_the_provenance(write):
    text = write(CHANGED, explained(CHANGED), contig_digest="0123456789ab")
    keys = {line[2:].partition(":")[0] for line in text.splitlines() if line.startswith("# ")}
    assert keys == PROVENANCE
    assert "research use only" in text


def test_every_file_is_the_same_when_made_again():
    first, second = explained(CHANGED), explained(CHANGED)
    for write in [*TEXTS, export.attribution_json]:
        assert write(CHANGED, first, contig_digest="") == write(CHANGED, second, contig_digest="")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "out.json"
    export.write_file(out, "first")
    export.write_file(out, b"second")
    assert out.read_text() == "second"
    with pytest.raises(UnicodeEncodeError):
        export.write_file(out, "\ud800")
    assert out.read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_place_that_is_no_file_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "missing" / "out.json"):
        with pytest.raises(UserError):
            export.check_place(place)
    export.check_place(tmp_path / "new.json")


def test_the_methods_paragraph_and_the_caption_name_everything():
    found = explained(CHANGED, baseline="shuffled", seed=3)
    text = export.methods_paragraph(CHANGED, MODEL.spec, found)
    for word in (MODEL.spec.model_id, "made c1:501-560", "2 members", "seed 3", found.path, "one"):
        assert word in text
    assert all(str(edit) in text for edit in EDITS)
    assert "do not add up" not in text
    assert "do not add up" in export.methods_paragraph(CHANGED, MODEL.spec, replace(found, converged=False))
    assert "4 edits" in export.caption(CHANGED, found)
