"""Genes by name and by place."""

from __future__ import annotations

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.genes import Gene, Genes, read_genes
from genome.locus import Locus

BED = (
    "#chr\tstart\tend\tname\tscore\tstrand\tEnsembl_ID\tgene_type\n"
    "chr1\t100\t200\tALPHA\t0\t+\tENSG1\tcoding\n"
    "chr1\t150\t300\tBETA\t0\t-\tENSG2\tcoding\n"
    "chr2\t10\t20\talpha2\t0\t+\tENSG3\tcoding\n"
)
GTF = (
    '#!genome-build X\n'
    'IV\tsgd\tgene\t11\t40\t.\t-\t.\tgene_id "Y1"; gene_name "GAL4";\n'
    'IV\tsgd\texon\t11\t20\t.\t-\t.\tgene_id "Y1"; transcript_id "t";\n'
    'IV\tsgd\texon\t31\t40\t.\t-\t.\tgene_id "Y1"; transcript_id "t";\n'
    'IV\tsgd\tCDS\t31\t40\t.\t-\t.\tgene_id "Y1";\n'
    'IV\tsgd\tgene\t101\t140\t.\t+\t.\tgene_id "Y2";\n'
)  # fmt: skip
EXONS = (
    "chr1\t100\t200\tA\t0\t+\nchr1\t300\t400\tA\t0\t+\nchr1\t150\t250\tA\t0\t+\nchr1\t50\t60\tB\t0\t-\n"
    "chr1\t5000\t5100\tsnRNA\t0\t+\nchr1\t9000\t9010\tC\t0\t+\nchr1\t9900\t9990\tsnRNA\t0\t+\n"
)


def read(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_genes(path)


@pytest.mark.parametrize("name", ["g.bed", "g.bed.gz"])
def test_a_bed_gives_one_gene_per_row_with_its_identifier(tmp_path, name):
    genes = read(tmp_path, name, BED)
    assert len(genes) == 3
    assert genes.find("beta") == Gene("BETA", Locus("chr1", 150, 300), "-", ((150, 300),), "ENSG2")
    assert genes.find("ensg3").name == "alpha2"
    assert genes.find("BETA").start_site == 299
    assert genes.find("ALPHA").start_site == 100


def test_windows_line_ends_make_no_difference(tmp_path):
    genes = read(tmp_path, "g.bed", BED.replace("\n", "\r\n"))
    assert genes.find("alpha2").locus == Locus("chr2", 10, 20)


def test_a_gtf_counts_from_one_and_names_a_gene_by_name_or_else_by_identifier(tmp_path):
    genes = read(tmp_path, "g.gtf.gz", GTF)
    gal4 = genes.find("gal4")
    assert gal4.locus == Locus("IV", 10, 40)
    assert gal4.exons == (Locus("IV", 10, 20), Locus("IV", 30, 40))
    assert gal4.start_site == 39
    assert genes.find("Y2").exons == (Locus("IV", 100, 140),)


def test_rows_of_exons_that_follow_each_other_are_one_gene_and_copies_elsewhere_are_others(tmp_path):
    genes = read(tmp_path, "exons.bed", EXONS)
    assert genes.find("A").exons == (Locus("chr1", 100, 250), Locus("chr1", 300, 400))
    assert {gene.locus.start for gene in genes.named("snrna")} == {5000, 9900}
    assert len(genes) == 5


def test_rows_of_exons_in_a_sorted_file_are_gathered_by_name(tmp_path):
    rows = sorted(EXONS.strip().split("\n")[:4], key=lambda row: int(row.split("\t")[1]))
    genes = read(tmp_path, "exons.bed", "\n".join(rows))
    assert genes.find("A").exons == (Locus("chr1", 100, 250), Locus("chr1", 300, 400))


def test_blocks_of_a_twelve_column_bed_are_exons(tmp_path):
    genes = read(tmp_path, "b.bed", "chr1\t100\t200\tA\t0\t+\t100\t200\t0\t2\t10,20,\t0,80,\n")
    assert genes.find("A").exons == (Locus("chr1", 100, 110), Locus("chr1", 180, 200))


spans = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 200), st.integers(1, 300)), min_size=1, max_size=30
)


@given(spans, st.sampled_from(["a", "b", "c"]), st.integers(-10, 400), st.integers(1, 50))
def test_the_genes_in_a_locus_are_those_that_share_a_base_with_it(places, chrom, start, length):
    all_genes = [Gene(f"g{i}", Locus(c, s, s + n), "+") for i, (c, s, n) in enumerate(places)]
    found = Genes(all_genes).in_locus(Locus(chrom, start, start + length))
    wanted = {
        g.name for g in all_genes if g.locus.chrom == chrom and g.locus.start < start + length and g.locus.end > start
    }
    assert {g.name for g in found} == wanted
    assert len(found) == len(wanted)


def test_an_unknown_gene_suggests_names_spelled_alike(tmp_path):
    genes = read(tmp_path, "g.bed", BED)
    with pytest.raises(UserError, match=r"did you mean ALPHA"):
        genes.find("ALPA")
    with pytest.raises(UserError, match="check the spelling"):
        genes.find("zzzzzz")


def test_genes_are_found_under_another_spelling_of_the_chromosome(tmp_path):
    genes = read(tmp_path, "g.gtf", GTF)
    assert [gene.name for gene in genes.in_locus(Locus("chrIV", 0, 20))] == ["GAL4"]
    assert genes.in_locus(Locus("chrV", 0, 20)) == ()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.bed", b"chr1\t1\t2\tA\t0\t+\nchr1\t5\n", "Line 2"),
        ("a.bed", b"chr1\tx\t2\tA\t0\t+\n", "Line 1"),
        ("a.bed", b"chr1\t9\t2\tA\t0\t+\n", "Line 1"),
        ("a.bed", b"#only a header\n", "no genes"),
        ("a.gtf", b'chr1\ts\tgene\t1\t9\t.\t+\t.\tname "x";\n', "Line 1"),
        ("a.gtf", b"chr1\ts\tgene\n", "Line 1"),
        ("a.bed.gz", gzip.compress(BED.encode())[:-12], "cut short"),
        ("a.bed", bytes(range(128, 256)), "not text"),
    ],
)
def test_a_file_that_holds_no_genes_is_refused_naming_the_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_genes(tmp_path / name)


def test_a_missing_file_is_said_to_be(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_genes(tmp_path / "none.bed")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "gene", "wanted"),
    [
        ("gene_bounds.hg19.bed.gz", "gp1bb", Locus("chr22", 19_711_065, 19_712_297)),
        ("gencode_v44_exons.hg38.bed.gz", "GP1BB", Locus("chr22", 19_723_538, 19_724_771)),
        ("sacCer_R64-1-1.96.gtf.gz", "GAL4", Locus("XVI", 79_710, 82_356)),
    ],
)
def test_published_files_of_genes_are_read_in_seconds(data, name, gene, wanted):
    begin = time.process_time()
    genes = read_genes(data / "genes" / name)
    assert time.process_time() - begin < 6.0
    assert genes.find(gene).locus == wanted
    assert genes.find(gene) in genes.in_locus(wanted)
