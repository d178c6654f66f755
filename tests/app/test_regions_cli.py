"""``cislens regions``: the files hold the map, unsorted places come out sorted, and what was begun is gone on with."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pybigtools
import pytest

from app import cli, compute, compute_mutagenesis, export_regions, regions_cli
from app.view import View
from genome.locus import Locus
from genome.sandbox import sandbox_genome
from interpret import regions
from interpret.regions import SUMMARIES
from interpret.substitutions import Substitutions, substitutions
from models import registry

TRACK = "CTCF binding"


def asked(tmp_path: Path, places: str, *more: str, track: str = TRACK, genome: str = "sandbox") -> int:
    words = ["--model", "simple", "--genome", genome, "--track", track, places, "--out", str(tmp_path / "sat")]
    return cli.main(["regions", *words, *more])


def values(path: Path, chrom: str, start: int, end: int) -> np.ndarray:
    return np.asarray(pybigtools.open(str(path)).values(chrom, start, end, fillna=None), np.float32)


def view(start: int, end: int) -> View:
    return View(registry.spec("simple").model_id, "sandbox", Locus("sb1", start, end), TRACK)


def test_the_files_hold_the_map_and_say_how_it_was_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "PIECE", 16)
    assert asked(tmp_path, "sb1:58,391-58,430") == 0
    found = compute_mutagenesis.placed(view(58_390, 58_430), compute.Asker())
    for row, base in enumerate("ACGT"):
        np.testing.assert_allclose(
            values(tmp_path / f"sat.{base}.bw", "sb1", 58_390, 58_430), found.effects[row], atol=1e-5
        )
    mean = values(tmp_path / "sat.summary.bw", "sb1", 58_390, 58_430)
    np.testing.assert_allclose(mean, found.effects.sum(axis=0) / 3, atol=1e-5)
    assert np.isnan(values(tmp_path / "sat.A.bw", "sb1", 58_380, 58_390)).all()
    about = json.loads((tmp_path / "sat.json").read_text())
    assert about["model_id"] == registry.spec("simple").model_id
    assert (about["track"], about["places"], about["bp"]) == (TRACK, ["sb1:58,391-58,430"], 40)
    assert about["windows"] == found.rule
    assert about["summary"] == f"mean: {SUMMARIES['mean']}"
    assert not (tmp_path / "sat.parts").exists()


def test_unsorted_overlapping_places_on_two_chromosomes_are_written_once_and_in_order(tmp_path: Path, capsys) -> None:
    genome = sandbox_genome()
    first, second, *_ = genome.contigs
    bed = tmp_path / "places.bed"
    bed.write_text(f"{second}\t3000\t3010\n{first}\t2000\t2010\n{first}\t1000\t1020\n{first}\t1015\t1030\nchrX\t1\t5\n")
    assert asked(tmp_path, str(bed), "--summary", "largest") == 0
    said = capsys.readouterr().err
    assert "1 places are left out: sandbox has no chromosome 'chrX'" in said
    assert "50 bp in 3 stretches" in said
    file = pybigtools.open(str(tmp_path / "sat.A.bw"))
    assert file.chroms() == {first: genome.contigs[first], second: genome.contigs[second]}
    starts = [start for start, _, _ in file.records(first, 0, genome.contigs[first])]
    assert starts == [*range(1000, 1030), *range(2000, 2010)]
    assert len(list(file.records(second, 0, genome.contigs[second]))) == 10
    four = np.stack([values(tmp_path / f"sat.{base}.bw", first, 1000, 1030) for base in "ACGT"])
    largest = values(tmp_path / "sat.summary.bw", first, 1000, 1030)
    np.testing.assert_allclose(np.abs(largest), np.abs(four).max(axis=0))
    assert (np.sort(np.abs(four), axis=0)[0] == 0).all()  # the base that stands there


def test_what_was_begun_is_gone_on_with_and_gives_the_same_files(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(regions, "PIECE", 10)
    assert asked(tmp_path, "sb1:58,391-58,430") == 0
    whole = {path.name: path.read_bytes() for path in tmp_path.glob("sat.*")}
    done: list[Locus] = []
    real = regions.substitutions_in

    def stopped(run, spec, genome, locus, track):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(locus)
        return real(run, spec, genome, locus, track)

    for path in tmp_path.glob("sat.*"):
        path.unlink()
    monkeypatch.setattr(regions, "substitutions_in", stopped)
    assert asked(tmp_path, "sb1:58,391-58,430") == 130
    assert (tmp_path / "sat.parts").is_dir()
    assert not list(tmp_path.glob("sat.*.bw"))
    assert asked(tmp_path, "sb1:58,391-58,440") == 2
    assert "begun with another question" in capsys.readouterr().err
    monkeypatch.setattr(regions, "substitutions_in", lambda *asked: done.append(asked[3]) or real(*asked))
    assert asked(tmp_path, "sb1:58,391-58,430") == 0
    assert len(done) == len(set(done)) == 4
    assert {path.name: path.read_bytes() for path in tmp_path.glob("sat.*")} == whole


@pytest.mark.parametrize(
    ("places", "more", "words"),
    [
        ("chr99:5-50", {}, "no chromosome 'chr99'"),
        ("nowhere.bed", {}, "There is no file nowhere.bed"),
        ("sb1:99,999,990-99,999,999", {}, "off the end"),
        ("sb1:5-50", {"track": "MYC binding"}, "choose one of"),
        ("sb1:1,000 A>C", {}, "sandbox has"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_one_sentence(tmp_path: Path, capsys, places, more, words) -> None:
    assert asked(tmp_path, places, **more) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not list(tmp_path.glob("sat*"))


def test_the_summaries_offered_are_those_that_there_are() -> None:
    assert set(regions_cli.SUMMARY_NAMES) == set(SUMMARIES)


def test_the_panels_archive_holds_the_map_on_screen_without_inserted_bases() -> None:
    found = substitutions(compute_mutagenesis.mutagenesis(view(58_390, 58_430), compute.Asker()))
    inserted = np.zeros(40, bool)
    inserted[5] = True
    sequence = type(found.sequence)(found.sequence.bases, found.sequence.locus, (), found.sequence.positions, inserted)
    shown = Substitutions(sequence, found.effects, found.spread, found.unit, found.rule)
    packed = zipfile.ZipFile(io.BytesIO(export_regions.archive(shown, contig_length=80_000, about={"model_id": "m-0"})))
    assert set(packed.namelist()) == {"A.bw", "C.bw", "G.bw", "T.bw", "summary.bw", "about.json"}
    assert json.loads(packed.read("about.json"))["model_id"] == "m-0"
    rows = list(pybigtools.open(io.BytesIO(packed.read("G.bw"))).records("sb1", 0, 80_000))
    assert len(rows) == 39
    by_place = {start: value for start, _, value in rows}
    assert by_place[58_400] == pytest.approx(float(found.effects[2, 10]), abs=1e-6)
    assert 58_395 not in by_place
