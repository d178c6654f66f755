"""``cislens design``: four files, or one sentence and no file."""

from __future__ import annotations

import gzip
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from app import design_cli
from app.cli import main
from app.design_question import from_query
from experiment.acquire import STRATEGIES
from experiment.design import ARMS
from experiment.design_picks import Picks
from genome import catalog
from genome.locus import Locus
from tests.experiment.order_checker import problems
from tests.toy_models import random_bases

CTCF = "sb1:58,351-58,510"


def test_the_names_written_out_for_the_help_are_those_of_the_arms():
    assert [name.replace("-", " ") for name in design_cli.ARM_NAMES] == list(ARMS)
    assert set(design_cli.STRATEGY_NAMES) == set(STRATEGIES)


def test_a_list_becomes_four_files_that_pass_the_checker(tmp_path, capsys):
    listed = tmp_path / "places.bed.gz"
    listed.write_bytes(gzip.compress(b"track name=x\nsb1\t58350\t58510\tCTCF\nsb1\t31420\t31570\n"))
    out = tmp_path / "order"
    arguments = ["design", str(listed), "--out", str(out), "--arms", "tiling,random,negative-control", "--random", "4"]
    rest = [
        "--leave-out",
        "--address",
        "https://lab.example",
        "--barcodes",
        "2",
        "--per-oligo",
        "0.4",
        "--budget",
        "9999",
    ]
    assert main([*arguments, *rest]) == 0
    source = catalog.open_genome("sandbox")
    genome = {name: source.sequence(Locus(name, 0, length)).bases for name, length in source.contigs.items()}
    sheet, fasta, manifest = ((tmp_path / f"order.{ending}").read_text() for ending in ("tsv", "fa", "json"))
    assert problems(sheet, fasta, manifest, genome) == []
    assert "https://lab.example/?v=1&model=tf-binding-" in sheet
    assert json.loads(manifest)["link"].startswith("https://lab.example/design?")
    assert "dinucleotide shuffles" in (tmp_path / "order.methods.txt").read_text()
    assert "oligos of" in capsys.readouterr().err


def test_picks_are_chosen_among_the_windows_around_a_place(tmp_path, capsys):
    arguments = [
        "design",
        CTCF,
        "--pick",
        "6",
        "--strategy",
        "lcmd",
        "--around",
        "1000",
        "--barcodes",
        "2",
        "--seed",
        "4",
    ]
    assert main([*arguments, "--negative", "2", "--positive", "2", "--out", str(tmp_path / "order")]) == 0
    manifest = json.loads((tmp_path / "order.json").read_text())
    assert {arm: one["elements"] for arm, one in manifest["arms"].items()} == {
        "acquired": 6, "random": 6, "positive control": 2, "negative control": 2
    }  # fmt: skip
    assert manifest["acquisition"]["strategy"] == "lcmd"
    assert manifest["acquisition"]["seed"] == 4
    said = capsys.readouterr().err
    assert manifest["acquisition"]["words"][1] in said
    assert "random ones" in said
    assert from_query(dict(parse_qsl(urlsplit(manifest["link"]).query))).plan.picks == Picks(6, "lcmd", around=1_000)


def test_picks_are_what_the_command_for_acquisition_writes(tmp_path):
    candidates = tmp_path / "candidates.fa"
    candidates.write_text("".join(f">s{row}\n{random_bases(100, seed=row)}\n" for row in range(40)))
    assert (
        main(["acquire", "--model", "tf-binding", str(candidates), "--n", "8", "--out", str(tmp_path / "batch.tsv")])
        == 0
    )
    options = ["--candidates", str(candidates), "--pick", "8", "--arms", "acquired", "--sites", "", "--barcodes", "1"]
    assert main(["design", CTCF, *options, "--out", str(tmp_path / "order")]) == 0
    batch = [line.split("\t") for line in (tmp_path / "batch.tsv").read_text().splitlines() if line[0] != "#"]
    manifest = json.loads((tmp_path / "order.json").read_text())
    assert [one["bases"] for one in manifest["elements"]] == [row[batch[0].index("sequence")] for row in batch[1:]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.bed"], "There is no file"),
        ([CTCF, "--arms", "tiling,nonsense"], "no arm 'nonsense'"),
        ([CTCF, "--barcodes", "0"], "at least one barcode"),
        ([CTCF, "--length", "400"], "elements of at most 243 bases"),
        ([CTCF, "--layout", "nothing"], "no layout"),
        ([CTCF, "--sites", "NoSuchI"], "neither an enzyme"),
        ([CTCF, "--gc", "high"], "Write --gc"),
        ([CTCF, "--arms", "tiling", "--budget", "1", "--per-replicate", "800"], "the budget is 1"),
        ([CTCF, "--arms", "tiling", "--budget", "1"], "bounds nothing without prices"),
        ([CTCF, "--assay", "CRISPRi", "--arms", "tiling", "--guides", "400"], "has room for"),
        (["sb1:999,999-1,000,100"], "off the end"),
        ([CTCF, "--pick", "50"], "pick at most 1"),
        ([CTCF, "--strategy", "lcmd"], "say how many with --pick N"),
        ([CTCF, "--candidates", "nowhere.fa"], "say how many with --pick N"),
        ([CTCF, "--candidates", "nowhere.fa", "--pick", "3"], "cannot be read"),
        ([CTCF, "--pick", "3", "--arms", "tiling"], "which --arms leaves out"),
        ([CTCF, "--pick", "3", "--acquired", "nowhere.fa"], "leave out the one or the other"),
        ([CTCF, "--pick", "0"], "number of picks must be from 1"),
        ([CTCF, "--pick", "1", "--strategy", "margin"], "say below which value"),
        ([CTCF, "--pick", "1", "--strategy", "margin", "--bounds", "2", "1"], "must lie below"),
        ([CTCF, "--pick", "3", "--model", "simple", "--around", "2000"], "shows no embedding"),
        ([CTCF, "--pick", "3", "--assay", "CRISPRi"], "has no guides"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_no_file(tmp_path, capsys, arguments, says):
    assert main(["design", *arguments, "--out", str(tmp_path / "order")]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.strip().splitlines()[-1].split("cislens: ")) == 2
    assert list(tmp_path.iterdir()) == []
