"""The table of genomes and its one door."""

from __future__ import annotations

import gzip
import threading

import pytest

from genome import catalog
from genome.catalog import RemoteNotAllowed, genome_entry, genomes, open_ensembl, open_genes, open_genome
from genome.errors import UserError
from genome.fasta import LocalGenome
from genome.locus import Locus
from genome.remote import RemoteGenome
from tests.genome.local_server import serving, ucsc


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "some.fa.gz"
    path.write_bytes(gzip.compress(b">chr1\nACGTACGT\n>chr22\nGGGG\n"))
    return path


def test_the_declared_genomes_are_these():
    assert [entry.name for entry in genomes()] == ["sandbox", "hg38", "hg19", "mm10", "sacCer3"]
    assert [entry.name for entry in genomes() if entry.is_local] == ["sandbox"]
    assert [entry.synthetic for entry in genomes()] == [True, False, False, False, False]
    assert genome_entry("HG19").build == "GRCh37"


def test_a_genome_that_is_not_here_is_not_opened_without_consent_and_says_what_would_be_sent():
    with pytest.raises(RemoteNotAllowed, match=r"chromosome and positions.*api\.genome\.ucsc\.edu.*genomes fetch hg38"):
        open_genome("hg38")
    assert isinstance(open_genome("hg38", remote_allowed=True), RemoteGenome)
    with pytest.raises(RemoteNotAllowed):
        open_genome("hg38")
    assert open_ensembl("hg38") is None
    assert open_ensembl("mm10", remote_allowed=True) is None
    ensembl = open_ensembl("hg19", remote_allowed=True)
    assert (ensembl.assembly, ensembl.base_url) == ("GRCh37", "https://grch37.rest.ensembl.org")


def test_an_unknown_genome_suggests_the_near_one():
    with pytest.raises(UserError, match="did you mean hg38"):
        open_genome("hg39", remote_allowed=True)
    with pytest.raises(UserError, match="it knows sandbox"):
        open_genome("../../etc/passwd")


def test_the_environment_makes_a_genome_and_its_genes_local(fasta, tmp_path, monkeypatch):
    genes = tmp_path / "genes.bed"
    genes.write_text("chr1\t1\t5\tABC\t0\t+\n")
    monkeypatch.setenv("CISLENS_GENOME_HG19", str(fasta))
    monkeypatch.setenv("CISLENS_GENES_HG19", str(genes))
    genome = open_genome("hg19")
    assert isinstance(genome, LocalGenome)
    assert (genome.name, genome.build, genome.synthetic) == ("hg19", "GRCh37", False)
    assert genome.sequence(Locus("22", 2, 6)).bases == "GGNN"
    assert open_genes("hg19").find("abc").locus == Locus("chr1", 1, 5)
    assert genome_entry("hg19").is_local


def test_a_missing_file_is_named(monkeypatch):
    monkeypatch.setenv("CISLENS_GENOME_HG19", "/nowhere/x.fa")
    with pytest.raises(UserError, match=r"/nowhere/x.fa cannot be read"):
        open_genome("hg19")


def test_one_object_serves_all_threads_until_its_file_is_replaced(fasta, monkeypatch):
    monkeypatch.setenv("CISLENS_GENOME_SACCER3", str(fasta))
    found = []
    threads = [threading.Thread(target=lambda: found.append(open_genome("sacCer3"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(genome) for genome in found}) == 1
    fasta.write_bytes(gzip.compress(b">chrI\nTTTTTTTT\n"))
    assert open_genome("sacCer3").contigs == {"chrI": 8}


def test_an_own_table_adds_and_overrides(fasta, tmp_path, monkeypatch):
    table = tmp_path / "own.toml"
    table.write_text(
        '[plant]\ntitle = "A plant"\npath = "some.fa.gz"\naliases = { one = "chr1" }\n\n[hg38]\npath = "some.fa.gz"\n'
    )
    monkeypatch.setenv("CISLENS_GENOMES", str(table))
    assert open_genome("plant").sequence(Locus("one", 0, 3)) == open_genome("plant").sequence(Locus("chr1", 0, 3))
    assert open_genome("plant").canonical("ONE") == "chr1"
    assert open_genome("hg38").build == "GRCh38"
    assert len(genomes()) == 6


@pytest.mark.parametrize(
    "content",
    ["[x", "x = 1", "[x]\ncolour = 'red'", "[x]\nsource = 'ftp'", "['a b']\ntitle='x'", "[x]\npath = 3",
     "[x]\nensembl = { species = 'x' }"],
)  # fmt: skip
def test_a_wrong_table_is_refused_in_one_sentence(tmp_path, monkeypatch, content):
    table = tmp_path / "own.toml"
    table.write_text(content)
    monkeypatch.setenv("CISLENS_GENOMES", str(table))
    with pytest.raises(UserError, match=r"[.)]$"):
        genomes()


def test_a_missing_table_is_named(monkeypatch):
    monkeypatch.setenv("CISLENS_GENOMES", "/nowhere.toml")
    with pytest.raises(UserError, match="cannot be read"):
        genomes()


def test_a_genome_of_the_table_without_a_file_says_how_to_give_one(tmp_path, monkeypatch):
    table = tmp_path / "own.toml"
    table.write_text("[my-plant]\n")
    monkeypatch.setenv("CISLENS_GENOMES", str(table))
    with pytest.raises(UserError, match="CISLENS_GENOME_MY_PLANT"):
        open_genome("my-plant", remote_allowed=False)
    with pytest.raises(UserError, match="CISLENS_GENOME_MY_PLANT"):
        open_genome("my-plant", remote_allowed=True)


def test_a_remote_genome_is_read_from_the_server_of_the_table(tmp_path, monkeypatch):
    with serving(ucsc({"chr1": "ACGT" * 10})) as server:
        table = tmp_path / "own.toml"
        table.write_text(f'[tiny]\nsource = "ucsc"\nserver = "{server.url}"\n')
        monkeypatch.setenv("CISLENS_GENOMES", str(table))
        with pytest.raises(RemoteNotAllowed, match=r"127\.0\.0\.1"):
            open_genome("tiny")
        assert server.asked == []
        assert open_genome("tiny", remote_allowed=True).sequence(Locus("1", 0, 4)).bases == "ACGT"


def test_a_fetched_genome_is_local():
    path = catalog.fetched_path("mm10")
    path.parent.mkdir(parents=True)
    path.write_text(">chr1\nACGT\n")
    assert genome_entry("mm10").is_local
    assert open_genome("mm10").contigs == {"chr1": 4}


def test_listing_the_genomes_makes_no_folder(own_home):
    genomes()
    open_genome("sandbox")
    assert list(own_home.iterdir()) == []
