"""Genomes in FASTA files."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genome import fasta
from genome.errors import UserError
from genome.fasta import LocalGenome
from genome.locus import Locus
from genome.source import MemoryGenome

RECORDS = {"chr1": "ACGTTGCANN" * 37 + "acgtr", "chr2": "GATTACA" * 90, "chrM": "AC"}


def text_of(records: dict[str, str], width: int = 60, end: str = "\n") -> str:
    lines = []
    for name, bases in records.items():
        lines.append(f">{name} made up")
        lines += [bases[i : i + width] for i in range(0, len(bases), width)]
    return end.join(lines) + end


def write(path: Path, records: dict[str, str] = RECORDS) -> Path:
    text = text_of(records).encode()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text))
    else:
        path.write_bytes(text)
    return path


def write_bgzip(path: Path) -> Path:
    from Bio import bgzf

    with bgzf.BgzfWriter(str(path), "wb") as out:
        out.write(text_of(RECORDS | {"chr3": "ACGGT" * 40_000}).encode())
    return path


@pytest.fixture(scope="module")
def three_forms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    os.environ.setdefault("CISLENS_HOME", str(folder))
    plain, packed = write(folder / "a.fa"), write(folder / "b.fa.gz")
    block = write_bgzip(folder / "c.fa.gz")
    return [LocalGenome(path, name="tiny") for path in (plain, packed, block)]


@settings(deadline=None)
@given(st.sampled_from(["chr1", "chr2", "chrM"]), st.integers(-50, 700), st.integers(1, 200))
def test_every_form_of_file_gives_the_bases_that_were_written_with_n_past_both_ends(three_forms, chrom, start, length):
    padded = "N" * 100 + RECORDS[chrom].upper().replace("R", "N") + "N" * 1_000
    locus = Locus(chrom, start, start + length)
    for genome in three_forms:
        sequence = genome.sequence(locus)
        assert sequence.bases == padded[100 + start : 100 + start + length]
        assert sequence.locus == locus


def test_bases_across_many_blocks_of_a_bgzip_are_read(three_forms):
    bases = three_forms[2].sequence(Locus("chr3", 0, 200_000)).bases
    assert bases == "ACGGT" * 40_000


def test_a_plain_gzip_is_unpacked_once_into_the_cache(tmp_path, own_home):
    path = write(tmp_path / "x.fa.gz")
    LocalGenome(path, name="tiny")
    (unpacked,) = (own_home / "unpacked").rglob("*.fa")
    written = unpacked.stat().st_mtime_ns
    LocalGenome(path, name="tiny")
    assert unpacked.stat().st_mtime_ns == written
    assert [p.name for p in tmp_path.iterdir()] == ["x.fa.gz"]


def test_a_changed_gzip_is_unpacked_again_and_the_old_copy_dropped(tmp_path, own_home):
    path = write(tmp_path / "x.fa.gz")
    LocalGenome(path, name="tiny")
    write(path, {"chr1": "TTTTTTTTTT" * 20})
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))
    assert LocalGenome(path, name="tiny").sequence(Locus("chr1", 0, 4)).bases == "TTTT"
    assert len(list((own_home / "unpacked").rglob("*.fa"))) == 1


def test_the_index_is_built_once_beside_the_file_and_nothing_else_is_left(tmp_path, own_home):
    path = write(tmp_path / "x.fa")
    LocalGenome(path, name="tiny")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.fa", "x.fa.fai"]
    written = (tmp_path / "x.fa.fai").stat().st_mtime_ns
    LocalGenome(path, name="tiny")
    assert (tmp_path / "x.fa.fai").stat().st_mtime_ns == written
    assert not list(own_home.rglob("*"))


@pytest.mark.parametrize("name", ["x.fa", "y.fa.gz"])
def test_a_read_only_folder_gets_its_index_in_the_cache(tmp_path, own_home, monkeypatch, name):
    path = write(tmp_path / name) if name == "x.fa" else write_bgzip(tmp_path / name)
    tmp_path.chmod(0o555)
    monkeypatch.setattr(fasta, "is_writable", lambda folder: folder != tmp_path)
    try:
        assert LocalGenome(path, name="tiny").sequence(Locus("chr2", 0, 7)).bases == "GATTACA"
    finally:
        tmp_path.chmod(0o755)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert list((own_home / "indexes").rglob("*.fai"))


def test_a_stale_index_is_built_again(tmp_path):
    path = write(tmp_path / "x.fa")
    LocalGenome(path, name="tiny")
    write(path, {"chr9": "CCCC" * 50})
    os.utime(path, ns=(1, (tmp_path / "x.fa.fai").stat().st_mtime_ns + 10**9))
    genome = LocalGenome(path, name="tiny")
    assert genome.contigs == {"chr9": 200}
    assert genome.sequence(Locus("chr9", 198, 202)).bases == "CCNN"


def test_a_file_dated_in_the_future_has_a_usable_index(tmp_path):
    path = write(tmp_path / "x.fa")
    os.utime(path, (4_000_000_000, 4_000_000_000))
    for _ in range(2):
        assert LocalGenome(path, name="tiny").contigs["chrM"] == 2


def test_two_processes_may_start_together(tmp_path):
    path = write(tmp_path / "x.fa.gz", {f"chr{i}": "ACGTTGCATG" * 5_000 for i in range(1, 6)})
    program = textwrap.dedent("""
        import sys, time
        from genome.fasta import LocalGenome
        from genome.locus import Locus
        time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
        print(LocalGenome(sys.argv[1], name="tiny").sequence(Locus("chr5", 49_995, 50_002)).bases)
    """)
    import time

    begin = str(time.time() + 1.0)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(path), begin]
    running = [
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = [process.communicate(timeout=60) for process in running]
    assert [answer for answer, _ in answers] == ["GCATGNN\n"] * 3, answers


def test_threads_may_read_together(three_forms):
    wrong = []

    def read(genome, offset):
        for step in range(60):
            start = (offset * 131 + step * 17) % 600
            if (
                genome.sequence(Locus("chr2", start, start + 30)).bases
                != (RECORDS["chr2"] + "N" * 99)[start : start + 30]
            ):
                wrong.append((offset, step))

    for genome in three_forms:
        threads = [threading.Thread(target=read, args=(genome, offset)) for offset in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "x.fa"
    path.write_bytes(text_of({"chr1": "ACGT" * 50}, end="\r\n").encode())
    assert LocalGenome(path, name="tiny").sequence(Locus("chr1", 56, 64)).bases == "ACGTACGT"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.fa", None),
        ("empty.fa", b""),
        ("table.fa", b"chr1\t1\t2\n"),
        ("uneven.fa", b">chr1\nACGT\nACGTACGTACGT\nAC\nACGT\n"),
        ("twice.fa", b">chr1\nACGT\n>chr1\nACGT\n"),
        ("binary.fa", bytes(range(256)) * 4),
        ("cut.fa.gz", gzip.compress(text_of(RECORDS).encode(), mtime=0)[:-40]),
        ("no-gzip.fa.gz", b"\x1f\x8bgarbage garbage garbage"),
    ],
)
def test_what_is_no_sound_fasta_is_refused_in_one_sentence(tmp_path, own_home, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"\.$"):
        LocalGenome(path, name="tiny")
    assert not [p for p in [*tmp_path.iterdir(), *own_home.rglob("*.fa*")] if p != path and p.is_file()]


def test_a_chromosome_is_known_by_its_other_names_and_an_unknown_one_suggests_the_near_name(three_forms):
    genome = three_forms[0]
    assert [genome.canonical(name) for name in ("chr1", "1", "CHR1", "MT", "M", "chrMT")] == ["chr1"] * 3 + ["chrM"] * 3
    with pytest.raises(UserError, match=r"did you mean .*chr2"):
        genome.canonical("chrr2")
    with pytest.raises(UserError, match="it has chr1, chr2 and chrM"):
        genome.canonical("scaffold_77")


def test_a_digest_is_the_same_for_every_copy_and_another_for_other_bases(three_forms, tmp_path):
    plain, packed, block = three_forms
    assert plain.contig_digest("chr1") == packed.contig_digest("1") == block.contig_digest("chr1")
    assert len(plain.contig_digest("chr1")) == 12
    assert len({plain.contig_digest(chrom) for chrom in plain.contigs}) == 3
    changed = RECORDS["chr1"][:-1] + "A"
    other = LocalGenome(write(tmp_path / "x.fa", {"chr1": changed}), name="tiny")
    assert other.contig_digest("chr1") != plain.contig_digest("chr1")


def test_both_spellings_of_an_exact_name_stay_apart():
    genome = MemoryGenome("both", {"chrM": "AA", "chrMT": "CC", "X": "GG", "chrX": "TT"}, build="b")
    assert [genome.canonical(name) for name in ("chrM", "MT", "M", "X", "chrX")] == [
        "chrM",
        "chrMT",
        "chrM",
        "X",
        "chrX",
    ]


@pytest.mark.data
def test_the_yeast_genome_is_known_by_both_spellings(data):
    genome = LocalGenome(data / "genomes/sacCer_R64-1-1.fa.gz", name="sacCer3")
    assert len(genome.contigs) == 17
    assert [genome.canonical(name) for name in ("chrIV", "IV", "chrX", "chrM", "Mito")] == [
        "IV",
        "IV",
        "X",
        "Mito",
        "Mito",
    ]
    assert genome.sequence(Locus("chrI", -3, 10)).bases == "NNNCCACACCACA"


@pytest.mark.data
def test_peak_sequences_stand_in_the_human_genome_where_their_headers_say(data):
    genome = LocalGenome(data / "genomes/hg19_demo.fa.gz", name="hg19")
    checked = 0
    with gzip.open(data / "binding/ctcf.fa.gz", "rt") as lines:
        for header in lines:
            bases = next(lines).strip().upper()
            chrom, _, span = header[1:].strip().partition(":")
            if chrom != "chr22" or checked >= 50:
                continue
            start, end = map(int, span.split("-"))
            if end <= 22_000_000:
                assert genome.sequence(Locus(chrom, start, end)).bases == bases
                checked += 1
    assert checked == 50
