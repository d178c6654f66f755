"""Sets of sequences as people bring them: every form read, every bad row named, every size limited."""

from __future__ import annotations

import gzip

import pytest

from app import set_rows
from app.set_rows import MAX_BYTES, SequenceSet, is_intervals, read_places, read_sequences, read_text
from genome.errors import UserError
from genome.source import MemoryGenome

GENOME = MemoryGenome("toy", {"chr1": "ACGT" * 50, "chr2": "G" * 80}, build="toy")


def names(found: SequenceSet) -> list[str]:
    return [row.name for row in found.rows]


def places(text: str, name: str = "in.bed", window: int = 20, *, remote: bool = False) -> SequenceSet:
    return read_places(name, text, GENOME, window, remote=remote)


def test_fasta_is_read_record_by_record_and_a_bad_record_is_named():
    found = read_sequences(">one\nACGT\nAC\n>two\nMKLV\n>three\nacgu\n>four\n")
    assert [(row.name, row.bases) for row in found.rows] == [("one", "ACGTAC"), ("three", "ACGT")]
    assert len(found.problems) == 2
    assert "two" in found.problems[0]
    assert "four" in found.problems[1]


def test_a_table_may_have_measurements_and_names_its_bad_lines():
    text = "measured\tname\tsequence\n1.5\ta\tACGT\n\tb\tACG\nhigh\tc\tACGT\n1\td\tEFQ\n1\te\nnan\tf\tACC\n"
    found = read_sequences(text)
    assert [(row.name, row.measured) for row in found.rows] == [("a", 1.5), ("b", None), ("f", None)]
    assert [problem.split(":")[0].split(" has")[0] for problem in found.problems] == ["Line 4", "line 5", "Line 6"]
    assert "not a number" in found.problems[0]


def test_a_table_with_commas_is_read_too():
    found = read_sequences('name,sequence\n"x",ACGT\n')
    assert [(row.name, row.bases) for row in found.rows] == [("x", "ACGT")]


def test_infinite_measurements_are_refused():
    assert "not a number" in read_sequences("sequence\tmeasured\nACGT\tinf\nACGT\t1\n").problems[0]


def test_plain_lines_are_sequences():
    found = read_sequences("ACGTACGT\n\nTTTT\n!!\n")
    assert names(found) == ["line 1", "line 3"]
    assert found.problems[0].startswith("line 4")


@pytest.mark.parametrize("text", ["", "\n \n", ">x\n", "name\tsequence\n", "MKLVEF\n"])
def test_a_set_without_a_sequence_is_refused(text):
    with pytest.raises(UserError):
        read_sequences(text)


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(set_rows, "MAX_ROWS", 3)
    for text in (">a\nA\n" * 4, "ACGT\n" * 4, "sequence\n" + "ACGT\n" * 4):
        with pytest.raises(UserError, match="more than 3 rows"):
            read_sequences(text)
    with pytest.raises(UserError, match="intervals"):
        places("chr1\t1\t5\n" * 4)


def test_an_interval_becomes_the_window_at_its_middle():
    found = places("chr1\t40\t60\tpeak\n1\t100\t101\n")
    assert [(row.name, str(row.locus), row.bases) for row in found.rows] == [
        ("peak", "chr1:41-60", "ACGT" * 5),
        ("1:101-101", "chr1:91-110", "GTAC" * 5),
    ]


def test_each_bad_interval_is_named_and_the_others_are_kept():
    found = places("track x\nchr1\t40\t60\nchr9\t1\t5\nchr1\t9\t3\nchr1\tx\t3\nchr2\t500\t600\n")
    assert len(found.rows) == 1
    assert any("chr9" in problem for problem in found.problems)
    assert any(problem.startswith("Line 4 of in.bed") for problem in found.problems)
    assert any(problem.startswith("Line 5 of in.bed") for problem in found.problems)
    assert any("beyond the end" in problem for problem in found.problems)


def test_a_window_that_hangs_off_the_chromosome_is_filled_with_n():
    row = places("chr2\t0\t4\n").rows[0]
    assert row.bases.startswith("N" * 8 + "G")


def test_a_signal_is_no_list_of_intervals():
    with pytest.raises(UserError, match="signal"):
        places("chr1\t1\t5\t0.5\n", name="in.bedgraph")


def test_a_genome_on_a_server_takes_fewer_rows(monkeypatch):
    monkeypatch.setattr(set_rows, "MAX_REMOTE_ROWS", 2)
    text = "chr1\t1\t5\nchr1\t2\t6\nchr1\t3\t7\n"
    assert len(places(text).rows) == 3
    with pytest.raises(UserError, match="at most 2 of a genome"):
        places(text, remote=True)


def test_intervals_are_told_from_sequences():
    assert is_intervals("x.narrowPeak", "")
    assert is_intervals("x.bed.gz", "")
    assert is_intervals("", "#c\nchr1 10 20\n")
    assert not is_intervals("x.fa", ">chr1 10 20\nACGT")
    assert not is_intervals("", "name\tsequence\na\tACGT")


def test_uploads_are_unpacked_and_limited():
    assert read_text(gzip.compress(b">a\nACGT\n")) == ">a\nACGT\n"
    for data, word in (
        (b"A" * (MAX_BYTES + 1), "upload at most"),
        (gzip.compress(b"ACGT")[:-6], "cut short"),
        (b"\xff\xfe\x00A", "not text"),
        (b"AC\0GT", "not text"),
    ):
        with pytest.raises(UserError, match=word):
            read_text(data)


def test_what_unfolds_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(set_rows, "MAX_UNPACKED", 1000)
    with pytest.raises(UserError, match="unpacks"):
        read_text(gzip.compress(b"A" * 2000))
