"""``cislens design``: four files, or one sentence and no file."""

from __future__ import annotations

import gzip
import json

import pytest

from app import design_cli
from app.cli import main
from experiment.design import ARMS
from genome import catalog
from genome.locus import Locus
from tests.experiment.order_checker import problems

CTCF = "sb1:58,351-58,510"


def test_the_names_written_out_for_the_help_are_those_of_the_arms():
    assert [name.replace("-", " ") for name in design_cli.ARM_NAMES] == list(ARMS)


def test_a_list_becomes_four_files_that_pass_the_checker(tmp_path, capsys):
    listed = tmp_path / "places.bed.gz"
    listed.write_bytes(gzip.compress(b"track name=x\nsb1\t58350\t58510\tCTCF\nsb1\t31420\t31570\n"))
    out = tmp_path / "order"
    arguments = ["design", str(listed), "--out", str(out), "--arms", "tiling,random,negative-control", "--random", "4"]
    assert (
        main([*arguments, "--leave-out", "--address", "https://lab.example", "--barcodes", "2", "--budget", "9999"])
        == 0
    )
    source = catalog.open_genome("sandbox")
    genome = {name: source.sequence(Locus(name, 0, length)).bases for name, length in source.contigs.items()}
    sheet, fasta, manifest = ((tmp_path / f"order.{ending}").read_text() for ending in ("tsv", "fa", "json"))
    assert problems(sheet, fasta, manifest, genome) == []
    assert "https://lab.example/?v=1&model=tf-binding-" in sheet
    assert json.loads(manifest)["link"].startswith("https://lab.example/design?")
    assert "dinucleotide shuffles" in (tmp_path / "order.methods.txt").read_text()
    assert "oligos of" in capsys.readouterr().err


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
        ([CTCF, "--arms", "tiling", "--budget", "1"], "the budget is 1"),
        ([CTCF, "--assay", "CRISPRi", "--arms", "tiling", "--guides", "400"], "has room for"),
        (["sb1:999,999-1,000,100"], "off the end"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_no_file(tmp_path, capsys, arguments, says):
    assert main(["design", *arguments, "--out", str(tmp_path / "order")]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.strip().splitlines()[-1].split("cislens: ")) == 2
    assert list(tmp_path.iterdir()) == []
