"""Scoring a file: every sequence, in order, or a sentence that names the line."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from app import compute
from app import score as scoring
from app.score import score_file
from genome.errors import UserError
from genome.sequence import fitted, one_hot
from models import registry
from models.core import Model
from tests.toy_models import WINDOW, Curved, random_bases, toy_engine, toy_model

MODEL = toy_model(Curved, n_members=2, strand_rule="average")


@pytest.fixture(autouse=True)
def toy(monkeypatch) -> Model:
    """The toy model in place of the released ones."""
    engine = toy_engine(MODEL)
    monkeypatch.setattr(compute, "engine", lambda: engine)
    monkeypatch.setattr(registry, "spec", lambda name: MODEL.spec)
    return MODEL


def expected(bases: str) -> np.ndarray:
    with torch.no_grad():
        return MODEL(torch.from_numpy(one_hot(fitted(bases, WINDOW)))[None]).numpy()[0, :, 0]


def scored(tmp_path: Path, content: str | bytes, name: str = "in.fa") -> list[tuple[str, np.ndarray]]:
    source, out = tmp_path / name, tmp_path / "out.tsv"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    count = score_file("curved", source, out)
    lines = out.read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert rows[0] == ["name", "one", "two"]
    assert count == len(rows) - 1
    return [(row[0], np.array(row[1:], dtype=float)) for row in rows[1:]]


def refused(tmp_path: Path, content: str | bytes, name: str = "in.fa") -> str:
    """The sentence; nothing is left behind."""
    with pytest.raises(UserError) as refusal:
        scored(tmp_path, content, name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def same(found: np.ndarray, wanted: np.ndarray) -> bool:
    return np.allclose(found, wanted, rtol=2e-5, atol=1e-5)


SEQUENCES = {f"s{index}": random_bases(WINDOW, seed=index) for index in range(9)}


def fasta(sequences: dict[str, str], end: str = "\n") -> str:
    return "".join(f">{name}{end}{bases[:11]}{end}{bases[11:]}{end}" for name, bases in sequences.items())


def table(sequences: dict[str, str], end: str = "\n") -> str:
    rows = "".join(f"x\t{bases}\t{name}{end}" for name, bases in sequences.items())
    return f"other\tsequence\tname{end}{rows}"


@pytest.mark.parametrize(("write", "name"), [(fasta, "in.fa"), (table, "in.tsv")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_sequence_is_scored_in_the_order_it_came(tmp_path, write, name, end, packed):
    content = write(SEQUENCES, end).encode()
    found = scored(tmp_path, gzip.compress(content) if packed else content, name + ".gz" * packed)
    assert [row[0] for row in found] == list(SEQUENCES)
    for (_, values), bases in zip(found, SEQUENCES.values(), strict=True):
        assert same(values, expected(bases))


def test_the_same_name_twice_gives_two_rows(tmp_path):
    assert [name for name, _ in scored(tmp_path, ">a\nACGT\n>a\nTTTT\n")] == ["a", "a"]


@pytest.mark.parametrize("text", ["acgtacgtacgtacgtacgt", "ACGUACGUACGUACGUACGU", "ACGT ACGT ACGT ACGT ACGT"])
def test_lower_case_rna_and_blanks_are_read_as_dna(tmp_path, text):
    assert same(scored(tmp_path, f">a\n{text}\n")[0][1], expected("ACGT" * 5))


def test_ambiguous_letters_count_as_unknown(tmp_path):
    assert same(scored(tmp_path, ">a\nRCGTACGTACGTACGTACGY\n")[0][1], expected("NCGTACGTACGTACGTACGN"))


def test_a_file_of_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path):
    content = "\ufeffname\tsequence\na\tACGT\n"
    assert [name for name, _ in scored(tmp_path, content.encode("utf-8"), "in.tsv")] == ["a"]


def test_a_shorter_sequence_stands_in_the_middle_of_n(tmp_path):
    assert fitted("ACG", 8) == "NNACGNNN"
    assert same(scored(tmp_path, ">a\nACGTTGCA\n")[0][1], expected("N" * 6 + "ACGTTGCA" + "N" * 6))


def test_of_a_longer_sequence_the_central_window_is_scored(tmp_path):
    assert fitted("ACGTT", 3) == "CGT"
    assert fitted("ACGTTA", 3) == "CGT"
    long = random_bases(3 * WINDOW)
    assert same(scored(tmp_path, f">a\n{long}\n")[0][1], expected(long[WINDOW : 2 * WINDOW]))


@pytest.mark.parametrize("length", range(1, 12))
def test_what_is_scored_is_as_long_as_the_window(length):
    assert len(fitted("A" * length, 6)) == 6


def test_the_comments_say_which_model_and_which_rule(tmp_path):
    scored(tmp_path, ">a\nACGT\n")
    comments = [line for line in (tmp_path / "out.tsv").read_text().splitlines() if line.startswith("#")]
    text = " ".join(comments)
    assert MODEL.spec.model_id in text
    assert f"window {WINDOW} bp" in text
    assert "padded with N" in text
    assert "log odds" in text
    assert all(line.startswith("# ") for line in comments)


def test_one_by_one_or_together_the_scores_are_the_same(tmp_path, monkeypatch):
    together = scored(tmp_path, fasta(SEQUENCES))
    monkeypatch.setattr(scoring, "CHUNK", 2)
    in_chunks = scored(tmp_path, fasta(SEQUENCES))
    alone = [scored(tmp_path, f">{name}\n{bases}\n")[0] for name, bases in SEQUENCES.items()]
    for first, second, third in zip(together, in_chunks, alone, strict=True):
        assert first[0] == second[0] == third[0]
        assert same(first[1], second[1])
        assert same(first[1], third[1])


def test_five_thousand_sequences_take_seconds(tmp_path):
    letters = random_bases(5_000 * WINDOW)
    content = "".join(f">s{i}\n{letters[i * WINDOW : (i + 1) * WINDOW]}\n" for i in range(5_000))
    start = time.perf_counter()
    found = scored(tmp_path, content)
    assert time.perf_counter() - start < 10
    assert [name for name, _ in found] == [f"s{i}" for i in range(5_000)]
    assert same(found[4_321][1], expected(letters[4_321 * WINDOW : 4_322 * WINDOW]))


def test_long_windows_are_read_few_at_a_time():
    records = iter([scoring.Record(str(n), "A") for n in range(7)])
    assert [len(chunk) for chunk in scoring._chunks(records, 3)] == [3, 3, 1]
    assert scoring.CHUNK_BASES // 524_288 * 524_288 * 16 < 1e9  # bytes of one chunk of one-hot windows


def test_leading_comments_and_blank_lines_of_a_table_are_skipped(tmp_path):
    content = "# made today\n#\nname\tsequence\na\tACGT\n\nb\tTTTT\n"
    assert [name for name, _ in scored(tmp_path, content, "in.tsv")] == ["a", "b"]


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_called_empty(tmp_path, content):
    assert "is empty" in refused(tmp_path, content, "in.fa.gz" if content else "in.fa")


@pytest.mark.parametrize("content", ["id\tbases\na\tACGT\n", "ACGT\n", "# only a comment\n", "\n\n", "name\nACGT\n"])
def test_without_the_columns_the_form_is_stated(tmp_path, content):
    assert "TSV with columns name and sequence" in refused(tmp_path, content)


def test_a_protein_is_named_by_its_line(tmp_path):
    message = refused(tmp_path, ">good\nACGT\nACGT\n>bad one\nMKVLAEFQ\n>good\nACGT\n")
    assert message.startswith("Line 4 ('bad one'): This looks like a protein")
    assert refused(tmp_path, "name\tsequence\na\tACGT\nb\tMKVLAEFQ\n").startswith("Line 3 ('b')")


def test_a_record_without_letters_is_named_by_its_line(tmp_path):
    assert refused(tmp_path, ">a\nACGT\n>b\n>c\nACGT\n").startswith("Line 3 ('b'): There is no sequence")
    assert refused(tmp_path, "name\tsequence\na\t\n").startswith("Line 2 ('a')")


def test_a_row_with_another_number_of_columns_is_named(tmp_path):
    assert refused(tmp_path, "name\tsequence\na\tACGT\nb\n").startswith("Line 3 has 1 columns")


def test_a_late_mistake_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK", 2)
    refused(tmp_path, fasta(SEQUENCES) + ">bad\nEEEE\n")


def test_a_failure_keeps_the_file_that_was_there(tmp_path):
    (tmp_path / "out.tsv").write_text("of yesterday")
    (tmp_path / "in.fa").write_text(">a\nEEEE\n")
    with pytest.raises(UserError):
        score_file("curved", tmp_path / "in.fa", tmp_path / "out.tsv")
    assert (tmp_path / "out.tsv").read_text() == "of yesterday"


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(fasta(SEQUENCES).encode(), mtime=0)[:-20],
        gzip.compress(fasta(SEQUENCES).encode(), mtime=0)[:30] + b"\xff" * 60,
        b"not gzip at all",
    ],
)
def test_half_a_file_is_refused(tmp_path, content):
    assert "cannot be read" in refused(tmp_path, content, "in.fa.gz")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path, b">a\n\xff\xfe\x00\x80")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.fa cannot be read"):
        score_file("curved", tmp_path / "nowhere.fa", tmp_path / "out.tsv")
    assert list(tmp_path.iterdir()) == []


def test_a_sequence_beyond_the_limit_is_refused_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "MAX_BASES", 1_000)
    assert "longer than 1,000 bp" in refused(tmp_path, ">a\n" + "ACGT\n" * 300)
    assert "longer than 1,000 bp" in refused(tmp_path, "name\tsequence\na\t" + "ACGT" * 300 + "\n")


@pytest.mark.parametrize("out", ["missing/out.tsv", ".", "in.fa"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_computed(tmp_path, monkeypatch, out):
    monkeypatch.setattr(compute, "engine", lambda: pytest.fail("computed"))
    (tmp_path / "in.fa").write_text(">a\nACGT\n")
    with pytest.raises(UserError):
        score_file("curved", tmp_path / "in.fa", tmp_path / out)
    assert (tmp_path / "in.fa").read_text() == ">a\nACGT\n"


def test_a_name_cannot_add_a_column_or_a_line(tmp_path):
    found = scored(tmp_path, ">a\tb\x0bc <script>\nACGT\n")
    assert [name for name, _ in found] == ["a b c <script>"]


def test_a_record_without_a_name_is_called_by_its_line(tmp_path):
    assert [name for name, _ in scored(tmp_path, ">a\nACGT\n>\nACGT\n")] == ["a", "line 3"]
