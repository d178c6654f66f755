"""Tables of measurements as people make them: every row is used, or said by line number to be left out and why."""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path

import pytest

from experiment import measurements_read as reading
from experiment.measurements import LISTED
from experiment.measurements_layout import control_of, recognise
from experiment.measurements_read import read
from genome.errors import UserError

LONG = """barcode\tname\treplicate\tdna\trna\tsequence
AAAA\te1\t1\t10\t40\tACGT
CCCC\te1\t1\t20\t80\tACGT
AAAA\te1\t2\t5\t20\tACGT
GGGG\te2\t1\t30\t15\tTTGA
GGGG\te2\t2\t30\t15\tTTGA
"""
WIDE = "barcode,name,DNA_1,RNA_1,DNA_2,RNA_2\nAAAA,e1,10,40,5,20\nCCCC,e1,20,80,0,0\nGGGG,e2,30,15,30,15\n"


def values(text: str | bytes) -> dict[tuple[str, str], float]:
    source = io.BytesIO(text) if isinstance(text, bytes) else text
    return {(row.name, row.replicate): row.value for row in read(source, "t").rows}


def reasons(text: str) -> dict[int, str]:
    return {one.line: one.reason for one in read(text, "t").dropped}


def test_counts_are_summed_over_barcodes_and_freed_from_the_depth() -> None:
    depth = math.log2((40 + 80 + 15 + 1) / (10 + 20 + 30 + 1))
    assert values(LONG)["e1", "1"] == pytest.approx(math.log2(121 / 31) - depth)
    assert values(LONG)["e2", "1"] == pytest.approx(math.log2(16 / 31) - depth)


def test_sequencing_twice_as_deep_changes_nothing_but_the_added_read() -> None:
    deep = "barcode\tname\tdna\trna\n" + "".join(f"B{k}\te{k}\t{1000 * (k + 1)}\t{3000 * (k + 2)}\n" for k in range(5))
    twice = "barcode\tname\tdna\trna\n" + "".join(f"B{k}\te{k}\t{1000 * (k + 1)}\t{6000 * (k + 2)}\n" for k in range(5))
    for key, value in values(deep).items():
        assert values(twice)[key] == pytest.approx(value, abs=1e-3)


def test_replicates_beside_or_below_one_another_are_one_table() -> None:
    assert values(WIDE) == pytest.approx(values(LONG))


@pytest.mark.parametrize("mark", [",", ";", " "])
def test_separators_do_not_matter(mark: str) -> None:
    assert values(LONG.replace("\t", mark)) == values(LONG)


def test_line_ends_a_mark_at_the_start_case_and_gzip_do_not_matter() -> None:
    wanted = values(LONG)
    assert values(LONG.replace("\n", "\r\n").encode()) == wanted
    assert values(b"\xef\xbb\xbf" + LONG.encode()) == wanted
    assert values(gzip.compress(LONG.encode())) == wanted
    assert values(LONG.replace("ACGT", "acgt")) == wanted
    assert read(LONG.replace("ACGT", "acgn"), "t").rows[0].bases == "ACGN"


def test_every_bad_row_is_said_by_its_line() -> None:
    bad = LONG + (
        "TTTT\te1\t1\t10\n"  # 7: half a row
        "TTTT\te1\t1\t-3\t4\tACGT\n"  # 8
        "TTTT\te1\t1\t1.5\t4\tACGT\n"  # 9
        "AAAA\te1\t1\t10\t40\tACGT\n"  # 10: the barcode again
        "AAAA\te2\t1\t10\t40\tTTGA\n"  # 11: of another element
        "TTTT\te1\t1\t0\t40\tACGT\n"  # 12
        "TTTT\te1\t1\t10\t40\tACGA\n"  # 13: other bases
        "TTTT\t\t1\t10\t40\tACGT\n"  # 14
        "TTTT\te3\t1\t10\t40\tEFIL\n"  # 15
        "TTTT\te1\t1\t10\t40\tACGT\tmore\n"  # 16
        "TTTT\te1\t1\tmany\t40\tACGT\n"  # 17
    )
    assert reasons(bad) == {
        7: reading.CUT_ROW, 8: reading.NO_COUNT, 9: reading.NO_COUNT, 10: reading.TWICE, 11: reading.SHARED, 12: reading.NO_DNA,
        13: reading.OTHER_BASES, 14: reading.NO_NAME, 15: reading.NO_BASES, 16: reading.LONG_ROW, 17: reading.NO_COUNT,
    }  # fmt: skip
    assert values(bad) == values(LONG)


def test_a_gzip_that_is_cut_short_gives_what_is_there_and_says_so() -> None:
    whole = "name\tvalue\n" + "".join(f"e{k}\t{math.sin(k):.9f}\n" for k in range(20_000))
    found = read(io.BytesIO(gzip.compress(whole.encode())[:-5_000]), "t")
    assert 100 < len(found.rows) < 20_000
    assert [one.reason for one in found.dropped if "cut short here" in one.reason]


def test_a_missing_replicate_is_a_gap_and_no_mistake() -> None:
    found = read("name,rep1,rep2\ne1,0.5,NA\ne2,1.0,2.0\n", "t")
    assert [(row.name, row.replicate) for row in found.rows] == [("e1", "1"), ("e2", "1"), ("e2", "2")]
    assert found.n_dropped == 0


def test_activities_keep_what_the_table_says_of_them() -> None:
    found = read("name\tsequence\tlog2\tsd\tn_barcodes\ttype\n+\tACGT\t1.5\t0.2\t7\tpositive control\n", "t")
    row = found.rows[0]
    assert (row.value, row.sd, row.barcodes, row.control) == (1.5, 0.2, 7, "positive control")
    assert found.unit == "log2(RNA/DNA)"


def test_an_element_measured_twice_in_one_replicate_keeps_the_first() -> None:
    found = read("name,replicate,value\ne1,1,0.5\ne1,1,0.7\ne1,2,0.9\n", "t")
    assert [row.value for row in found.rows] == [0.5, 0.9]
    assert reasons("name,replicate,value\ne1,1,0.5\ne1,1,0.7\n") == {3: reading.AGAIN}


def test_few_barcodes_are_left_out_where_that_is_asked() -> None:
    found = read(LONG, "t", fewest_barcodes=2)
    assert [(row.name, row.replicate, row.barcodes) for row in found.rows] == [("e1", "1", 2)]
    assert found.dropped_counts == {reading.FEW: 3}


def test_many_bad_rows_are_counted_and_the_first_are_listed() -> None:
    found = read("name,value\ne1,1\n" + "e2,x\n" * (LISTED + 50), "t")
    assert (len(found.dropped), found.dropped_counts) == (LISTED, {reading.NO_NUMBER: LISTED + 50})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("1\t2\t3\n", "lacks a column for name"),
        ("name\tcolour\ne1\tred\n", "lacks a column for value"),
        ("name,value\ne1,red\n", "no measurement that can be used. Line 2: the value is no number"),
    ],
)
def test_what_is_no_table_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(text, "t")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bam").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UserError, match="no text"):
        read(tmp_path / "x.bam", "x.bam")


def test_tables_are_recognised_by_their_columns() -> None:
    assert recognise(LONG).kind == "counts"
    assert recognise("name\tactivity\n").kind == "activities"
    assert recognise("chrom\tpos\tref\talt\tvalue\n").kind == "variants"
    assert recognise("chrom\tchromStart\tchromEnd\tname\tEffectSize\tmeasuredGeneSymbol\n").kind == "pairs"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("negative control", "negative control"),
        ("NEG", "negative control"),
        ("scrambled", "negative control"),
        ("Positive", "positive control"),
        ("pos_ctrl", "positive control"),
        ("position", ""),
        ("test", ""),
        ("negate", ""),
    ],
)
def test_controls_are_known_by_the_word(text: str, kind: str) -> None:
    assert control_of(text) == kind
