"""The command line: the page's own numbers, one sentence for a mistake, and nothing written on failure."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pybigtools
import pytest

from app import cli, compute
from app.compute import Asker
from app.view import View
from genome.locus import Locus
from models import registry

ROOT = Path(__file__).parents[2]
PLACE = "sb1:5,001-5,060"
LOCUS = Locus("sb1", 5_000, 5_060)
TRACK = "CTCF binding"


def called(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    try:
        code = cli.main(list(arguments))
    except SystemExit as stop:  # argparse's own refusals
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys, *arguments: str) -> str:
    """The one sentence on standard error; nothing on standard output."""
    code, out, err = called(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("cislens: ")
    assert err.count("\n") == 1
    return err


def model_id(name: str = "tf-binding") -> str:
    return registry.spec(name).model_id


def view_of(**changes) -> View:
    return replace(View(model_id(), "sandbox", LOCUS, TRACK), **changes)


def test_predict_prints_the_pages_numbers(capsys):
    code, out, err = called(capsys, "predict", "--genome", "sandbox", "--locus", PLACE, "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    found = compute.prediction(view_of(), Asker())
    assert record["model_id"] == model_id()
    assert record["locus"] == PLACE
    assert record["starts"] == [5_000]
    assert record["ends"] == [5_060]
    assert [track["name"] for track in record["tracks"]] == [track.name for track in found.spec.tracks]
    for index, track in enumerate(record["tracks"]):
        assert np.allclose(track["values"], found.values[index], rtol=1e-5)


def test_predict_prints_a_table_without_json(capsys):
    code, out, _ = called(capsys, "predict", "--locus", "sb1:5,001-5,400")
    comment, header, *rows = out.splitlines()
    assert code == 0
    assert comment.startswith(f"# {model_id()}")
    assert header.split("\t")[:4] == ["chrom", "start", "end", TRACK]
    starts = [int(row.split("\t")[1]) for row in rows]
    assert starts[0] == 5_000  # bed-like, 0-based
    assert starts == sorted(starts)
    assert len(rows) >= 10


def test_the_locus_is_1_based_and_inclusive(capsys):
    record = json.loads(called(capsys, "predict", "--locus", "sb1:101-200", "--json")[1])
    assert (record["starts"], record["ends"]) == ([100], [200])
    single = json.loads(called(capsys, "predict", "--locus", "sb1:101", "--json")[1])
    assert (single["starts"], single["ends"]) == ([100], [101])


@pytest.mark.parametrize("name", ["tf-binding", "simple"])
def test_a_model_is_named_by_its_name_or_its_full_id(capsys, name):
    by_name = called(capsys, "predict", "--model", name, "--locus", PLACE, "--json")
    by_id = called(capsys, "predict", "--model", model_id(name), "--locus", PLACE, "--json")
    assert by_name == by_id
    assert json.loads(by_name[1])["model_id"] == model_id(name)


def test_an_older_model_id_is_told_todays(capsys):
    assert model_id() in refused(capsys, "predict", "--model", "tf-binding-000000000000", "--locus", PLACE)


def test_an_unknown_model_is_refused_with_the_names(capsys):
    assert "lentimpra, retina, sandbox-profile, simple, " in refused(
        capsys, "predict", "--model", "enformer", "--locus", PLACE
    )


def test_an_edit_in_the_locus_is_applied_not_ignored(capsys):
    bases = compute.reference(view_of(), Asker())
    ref = bases.bases[5_029 - bases.locus.start]
    alt = "ACGT"["CGTA".index(ref)]
    record = json.loads(called(capsys, "predict", "--locus", f"sb1:5030 {ref}>{alt}", "--json")[1])
    assert record["edits"] == [f"sb1:5,030 {ref}>{alt}"]


def test_a_gene_is_a_place(capsys):
    code, out, err = called(capsys, "predict", "--locus", "SBX1")
    assert code == 0
    assert "sb1" in out
    assert err.startswith("# ")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("sb9:1-100", "sb"),
        ("sb1:200-100", "smaller number first"),
        ("sb1:1-50,000,000", "1,000,000"),
        ("sb1:0-100", "counted from 1"),
        ("sb1:900,000,000-900,000,100", "off the end"),
        ("NOTAGENE", "NOTAGENE"),
        ("", "Type a place"),
        ("ACGT" * 30, ""),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_in_one_sentence(capsys, place, words):
    assert words in refused(capsys, "predict", "--locus", place)


def test_an_unknown_genome_is_refused(capsys):
    assert "sandbox" in refused(capsys, "predict", "--genome", "sandbax", "--locus", PLACE)


def test_a_genome_on_a_server_is_not_read_unasked(capsys, monkeypatch):
    monkeypatch.setenv("CISLENS_REMOTE", "ask")
    assert "UCSC" in refused(capsys, "predict", "--genome", "hg38", "--locus", "chr1:1-100")


def test_remote_reading_that_is_switched_off_stays_off(capsys):
    message = refused(capsys, "predict", "--genome", "hg38", "--locus", "chr1:1-100", "--remote")
    assert "CISLENS_REMOTE=deny" in message


def attributed(capsys, out: Path, *arguments: str) -> tuple[int, str, str]:
    return called(capsys, "attribute", "--locus", PLACE, "--track", TRACK, "--out", str(out), *arguments)


def test_attribute_writes_the_pages_contributions_with_the_gap(capsys, tmp_path):
    out = tmp_path / "letters.json"
    code, printed, err = attributed(capsys, out, "--baseline", "shuffled", "--seed", "5")
    assert (code, printed) == (0, "")
    record = json.loads(out.read_text())
    found = compute.attribution(view_of(baseline="shuffled", seed=5), Asker())
    assert np.allclose(record["contributions"], found.values, rtol=1e-5)
    assert record["gap"] == pytest.approx(found.gap)
    assert record["relative_gap"] == pytest.approx(abs(record["gap"]) / record["denominator"])
    assert (record["baseline"], record["seed"], record["track"]) == ("shuffled", 5, TRACK)
    assert record["contig_digest"]
    assert ("do not add up" in err) == (not found.converged)


@pytest.mark.parametrize("ending", ["json", "npz", "bedgraph", "bw", "BW", "bedGraph"])
def test_the_ending_decides_the_format(capsys, tmp_path, ending):
    out = tmp_path / f"letters.{ending}"
    assert attributed(capsys, out)[0] == 0
    found = compute.attribution(view_of(), Asker())
    shown = found.values[slice(*found.core)]
    if ending == "json":
        record = json.loads(out.read_text())
        values = record["contributions"][record["locus_begins_at"] : record["locus_ends_at"]]
    elif ending == "npz":
        with np.load(io.BytesIO(out.read_bytes()), allow_pickle=False) as file:
            values = file["contributions"][slice(*file["core"])]
    elif ending.lower() == "bedgraph":
        rows = [line.split("\t") for line in out.read_text().splitlines() if line.startswith("sb1")]
        assert [int(row[1]) for row in rows] == list(range(5_000, 5_060))
        values = [float(row[3]) for row in rows]
    else:
        out = out.rename(out.with_suffix(".bw"))  # the reader insists on lower case
        file = pybigtools.open(str(out))
        records = list(file.records("sb1"))
        file.close()
        assert [record[0] for record in records] == list(range(5_000, 5_060))
        values = [record[2] for record in records]
    assert np.allclose(values, shown, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("ending", ["json", "npz", "bedgraph", "bw"])
def test_a_sequence_is_explained_without_a_genome(capsys, tmp_path, ending):
    bases = compute.shown_sequence(view_of(), Asker()).bases
    out = tmp_path / f"letters.{ending}"
    code, _, err = called(
        capsys, "attribute", "--sequence", bases.lower().replace("t", "u"), "--track", TRACK, "--out", str(out)
    )
    assert code == 0
    assert "RNA" in err
    assert out.stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--track", "PU1"), "PU.1 binding"),
        (("--baseline", "uniform", "--seed", "-1"), "seed"),
        (("--locus", "sb1:1-2,001"), "2,000"),
        (("--locus", "sb1:1-100", "--sequence", "ACGT"), "not both"),
        (("--locus", "sb9:1-100"), "sb9"),
    ],
)
def test_what_cannot_be_explained_is_refused_and_nothing_is_written(capsys, tmp_path, own_home, arguments, words):
    out = tmp_path / "letters.json"
    assert words in refused(capsys, "attribute", "--locus", PLACE, "--track", TRACK, "--out", str(out), *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("bases", "words"), [("MKVLAE", "protein"), ("", "no sequence"), ("ACGT" * 501, "2,000 bp.*2,004")]
)
def test_a_sequence_that_cannot_be_explained_leaves_nothing_behind(capsys, tmp_path, own_home, bases, words):
    message = refused(capsys, "attribute", "--sequence", bases, "--track", TRACK, "--out", str(tmp_path / "a.json"))
    assert all(word in message for word in words.split(".*"))
    assert list(tmp_path.iterdir()) == []
    assert not (own_home / "pasted").exists()


def test_neither_a_locus_nor_a_sequence_is_refused(capsys, tmp_path):
    assert "--locus" in refused(capsys, "attribute", "--track", TRACK, "--out", str(tmp_path / "a.json"))


@pytest.mark.parametrize("name", ["letters", "letters.pkl", "letters.txt", "missing/letters.json"])
def test_a_file_of_another_ending_or_place_is_refused_before_anything_is_computed(capsys, tmp_path, monkeypatch, name):
    monkeypatch.setattr(compute, "attribution", lambda *_: pytest.fail("computed"))
    refused(capsys, "attribute", "--locus", PLACE, "--track", TRACK, "--out", str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_score_writes_one_row_per_sequence_that_agrees_with_predict(capsys, tmp_path):
    source, out = tmp_path / "in.fa", tmp_path / "out.tsv"
    bases = compute.shown_sequence(view_of(locus=Locus("sb1", 5_000, 5_100)), Asker()).bases
    source.write_text(f">b\n{bases}\n>a\n{bases[::-1]}\n")
    code, printed, err = called(capsys, "score", "--model", "tf-binding", str(source), "--out", str(out))
    assert (code, printed) == (0, "")
    assert "2 sequences" in err
    rows = [line.split("\t") for line in out.read_text().splitlines() if not line.startswith("#")]
    assert rows[0] == ["name", *(track.name for track in registry.spec("tf-binding").tracks)]
    assert [row[0] for row in rows[1:]] == ["b", "a"]
    record = json.loads(called(capsys, "predict", "--locus", "sb1:5,001-5,100", "--json")[1])
    assert np.allclose(
        [float(value) for value in rows[1][1:]], [track["values"][0] for track in record["tracks"]], rtol=1e-4
    )


def test_a_file_that_cannot_be_scored_leaves_nothing_behind(capsys, tmp_path):
    (tmp_path / "in.fa").write_text(">a\nMKVLAE\n")
    message = refused(capsys, "score", str(tmp_path / "in.fa"), "--out", str(tmp_path / "out.tsv"))
    assert "Line 1" in message
    assert [path.name for path in tmp_path.iterdir()] == ["in.fa"]


def test_models_lists_every_model_with_its_id_and_tracks(capsys):
    code, out, _ = called(capsys, "models")
    assert code == 0
    for spec in registry.specs():
        assert any(line.startswith(spec.model_id) and spec.tracks[0].name in line for line in out.splitlines())
    lines = called(capsys, "models", "--json")[1].splitlines()
    assert [json.loads(line)["model_id"] for line in lines] == [spec.model_id for spec in registry.specs()]


def test_models_says_which_folder_cannot_be_used(capsys, tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.toml").write_text("name = ")
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    code, out, err = called(capsys, "models")
    assert code == 0
    assert model_id() in out
    assert "broken/model.toml cannot be read" in err


def test_genomes_lists_what_is_declared(capsys):
    code, out, _ = called(capsys, "genomes")
    assert code == 0
    names = [line.split("\t")[0] for line in out.splitlines()]
    assert {"sandbox", "hg38", "hg19", "mm10", "sacCer3"} <= set(names)
    assert called(capsys, "genomes", "list")[1] == out


def test_fetching_needs_a_known_name(capsys):
    assert "fetch hg38" in refused(capsys, "genomes", "fetch")
    assert "hg37" in refused(capsys, "genomes", "fetch", "hg37")


def test_serve_starts_streamlit_on_this_computer_only_and_sends_nothing(monkeypatch, capsys):
    started = []
    monkeypatch.setattr(os, "execv", lambda program, command: started.append((program, command)) or 0)
    called(capsys, "serve", "--port", "8765")
    ((program, command),) = started
    assert program == sys.executable
    assert command[1:4] == ["-m", "streamlit", "run"]
    assert Path(command[4]).parent == ROOT / "app"
    for option in ("server.port=8765", "server.address=127.0.0.1", "browser.gatherUsageStats=false"):
        assert f"--{option}" in command


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["predict"], ["attribute", "--baseline", "random"]])
def test_wrong_usage_is_code_2_on_standard_error(capsys, arguments):
    code, out, err = called(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "usage: cislens" in err


def test_help_names_every_command(capsys):
    code, out, _ = called(capsys, "--help")
    assert code == 0
    for command in ("predict", "score", "attribute", "models", "genomes", "serve"):
        assert command in out


def run_program(own_home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("cislens")
    command = [str(program)] if program.exists() else [sys.executable, "-m", "app.cli"]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_installed_command_answers_and_ends_cleanly(own_home):
    done = run_program(own_home, "predict", "--locus", PLACE, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    found = compute.prediction(view_of(), Asker())
    assert np.allclose([track["values"][0] for track in record["tracks"]], found.values[:, 0], rtol=1e-4, atol=1e-5)
    failed = run_program(own_home, "predict", "--locus", "nonsense:::")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("cislens: ")
