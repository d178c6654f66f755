"""Tables of measured effects: read whatever their form, faults named by line, matched by place and base."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.fasta import LocalGenome
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.measured import MAX_ROWS, MAX_UPLOAD, Measurement, build_of, parse_measured
from interpret.measured_beside import KNOWN, compare, correlations, elements_in
from interpret.substitutions import Substitutions
from tests.toy_models import random_bases

HEADER = "Chrom\tPos\tRef\tAlt\tBarcodes\tDNA\tRNA\tCoefficient\tpValue\tElement\tRelease\n"
KIRCHER = "22\t101\tA\tC\t20\t1\t2\t-0.5\t0.1\tE1\tGRCh38\n22\t101\tA\t-\t20\t1\t2\t-0.6\t0.1\tE1\tGRCh38\n"
LONGER = "Chromosome,Position,Ref,Alt,Tags,Value,StdError,pValue\nchr22,101,a,c,20,-0.5,0.1,0.2\n"


def read(text: str, name: str = "table.tsv"):
    return parse_measured(name, text.encode())


@pytest.mark.parametrize("text", [HEADER + KIRCHER, LONGER, "chr22 101 A C -0.5\n", "22\t101\tA\tC\t-0.5\n"])
def test_every_form_of_table_says_the_same(text):
    first = read(text).rows[0]
    assert (first.position, first.ref, first.alt, first.value) == (101, "A", "C", -0.5)
    assert first.chrom in ("22", "chr22")


def test_a_gzip_is_read_as_its_text_and_a_deletion_has_no_alt():
    plain, packed = read(HEADER + KIRCHER), parse_measured("table.tsv", gzip.compress((HEADER + KIRCHER).encode()))
    assert plain == packed
    assert plain.rows[1] == Measurement("22", 101, "A", "", -0.6, 20, "E1", "GRCh38")


def test_lines_that_cannot_be_read_are_named_by_their_number():
    text = (
        HEADER + KIRCHER + "22\tx\tA\tC\t20\t1\t2\t-0.5\t0.1\tE1\tGRCh38\n" + "22\t5\n" * 6 + "22\t7\tA\tA" + "\t1" * 7
    )
    found = read(text)
    assert len(found.rows) == 2
    assert found.faults[0] == "Line 4 is left out: 'x' is no position."
    assert found.faults[1] == "Line 5 is left out: it has 2 columns."
    assert found.faults[-1] == "3 more lines are left out."


@pytest.mark.parametrize("value", ["nan", "inf", "", "1e999", "<b>"])
def test_a_value_that_is_no_number_is_left_out(value):
    assert "is no number" in read(f"chr1 10 A C 1\nchr1\t11\tA\tC\t{value}\n".replace(" ", "\t")).faults[0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\0\0", "not a text file"),
        (b"\xff\xfe", "not a text file"),
        (gzip.compress(b"x" * 1000)[:20], "cut short"),
        (b"a" * (MAX_UPLOAD + 1), "can be read: cut it"),
        (b"chr1\t5\tA\tC\t1\n" * (MAX_ROWS + 1), "more than"),
        (b"chrom\tpos\tref\talt\nchr1\t5\tA\tC\n", "lacks a column for value"),
        (b"hello world\n", "lacks a column"),
        (b"chr1\t5\tAA\tC\t1\n", "no change of one base"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_sentence(data, reason):
    with pytest.raises(UserError, match=reason) as refusal:
        parse_measured("my <table>", data)
    assert "\n" not in str(refusal.value)


@given(st.text(max_size=300))
def test_no_text_brings_the_reader_down(text):
    with suppress(UserError):
        found = parse_measured("t", text.encode("utf-8", "replace"))
        assert found.rows


def test_assemblies_have_two_names():
    assert build_of("hg19") == build_of("GRCh37") == build_of("grch37.p13") == "GRCh37"
    assert build_of("sandbox-1") == "sandbox-1"


LOCUS = Locus("chr22", 100, 130)
BASES = "A" + random_bases(29)


def predicted() -> Substitutions:
    effects = np.random.default_rng(0).normal(size=(4, 30)).astype(np.float32)
    effects[["ACGT".index(base) for base in BASES], np.arange(30)] = 0
    return Substitutions(Sequence(BASES, LOCUS), effects, None, "log2", "one window")


def table_of(changes, *, barcodes=50, element="E1", release="GRCh38"):
    rows = [
        f"22\t{position}\t{ref}\t{alt}\t{barcodes}\t1\t1\t{value}\t1\t{element}\t{release}\n"
        for position, ref, alt, value in changes
    ]
    return HEADER + "".join(rows)


def all_changes(factor: float = 2.0):
    found = predicted()
    return [(c.position + 1, c.ref, c.alt, factor * c.effect) for c in found]


def test_a_table_of_the_predictions_themselves_correlates_fully_and_fills_the_map():
    found = compare(read(table_of(all_changes())), predicted(), LOCUS, "GRCh38")
    assert (found.spearman, found.pearson) == (pytest.approx(1), pytest.approx(1))
    assert found.effects == pytest.approx(2 * predicted().effects, abs=1e-5)
    assert len(found.names) == len(found.measured) == 90
    assert found.names[0].startswith("101 A>")
    assert found.left_out == ()


def test_what_does_not_match_is_counted_with_the_reason():
    changes = all_changes()
    wrong = "ACGT"["CGTA".index(BASES[1])]
    text = table_of(changes) + "".join(
        part.removeprefix(HEADER)
        for part in (
            table_of([(102, wrong, BASES[1], 1)]),
            table_of([(101, "A", "-", 1)]),
            table_of([(101, "A", "C", 1)]),
            table_of([(101, "A", "C", 1)], barcodes=9),
            table_of([(5, "A", "C", 1)]),
            table_of([(101, "A", "C", 1)], release="GRCh37"),
            table_of([(101, "A", "C", 1)], element="E2"),
        )
    )
    found = compare(read(text), predicted(), LOCUS, "GRCh38")
    assert len(found.names) == 90
    words = " ".join(found.left_out)
    for reason in ("deletion", "fewer than 10 barcodes", "another base", "second time"):
        assert f"1 {'deletion' if reason == 'deletion' else 'change'}" in words
        assert reason in words
    assert "1 measurement of another element than E1" in words
    assert "1 measurement outside this locus" in words
    assert "1 measurement in another assembly than GRCh38" in words


def test_the_assembly_of_the_view_decides_and_elements_can_be_chosen():
    text = (
        table_of(all_changes(3.0))
        + table_of(all_changes(5.0)[:40], element="E2").removeprefix(HEADER)
        + table_of(all_changes(7.0), release="GRCh37").removeprefix(HEADER)
    )
    table = read(text)
    assert elements_in(table, LOCUS, "hg38") == ("E1", "E2")
    assert elements_in(table, Locus("chr1", 100, 130), "hg38") == ()
    for build, element, factor in (("hg38", None, 3), ("GRCh38", "E2", 5), ("hg19", None, 7)):
        found = compare(table, predicted(), LOCUS, build, element=element)
        assert found.measured == pytest.approx(factor * found.predicted, rel=1e-4)


def test_too_few_pairs_give_no_correlation():
    found = compare(read(table_of(all_changes()[:9])), predicted(), LOCUS, "GRCh38")
    assert (found.spearman, found.pearson, len(found.names)) == (None, None, 9)
    assert correlations(np.zeros(20), np.arange(20.0)) == (None, None)


def test_a_name_alone_does_not_make_a_table_the_published_one():
    text = table_of(all_changes(), element="GP1BA")
    assert compare(read(text), predicted(), LOCUS, "GRCh38").source is None


@pytest.mark.data
def test_the_published_table_matches_the_genome_at_the_gp1bb_promoter(data: Path):
    table = parse_measured("satmut.tsv.gz", (data / "satmut/saturation_mutagenesis.tsv.gz").read_bytes())
    assert (len(table.rows), table.faults) == (15_982, ())
    chrom, start, end = KNOWN["GP1BA"].places["GRCh37"]
    locus = Locus(chrom, start - 1, end)
    sequence = LocalGenome(data / "genomes/hg19_demo.fa.gz", name="hg19", build="GRCh37").sequence(locus)
    found = compare(
        table, Substitutions(sequence, np.zeros((4, locus.length), np.float32), None, "", ""), locus, "GRCh37"
    )
    assert found.source is KNOWN["GP1BA"]
    assert len(found.names) > 1_000
    assert not [reason for reason in found.left_out if "another base" in reason]
    for element, source in KNOWN.items():
        for build, (place, first, last) in source.places.items():
            stretch = Locus(place, first - 1, last)
            assert element in elements_in(table, stretch, build)
