"""A pasted line of a VCF and the alleles it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.locus import Variant, is_variant
from genome.resolve import resolve
from genome.source import MemoryGenome
from genome.vcf_line import is_vcf_line, parse_vcf_line

GENOME = MemoryGenome("hg19", {"chr22": "ACGTACGTTTGCACACACAGT" * 20}, build="GRCh37")
alleles = st.text("ACGT", min_size=1, max_size=8)


@given(
    st.sampled_from(["chr22", "22", "sb1", "HLA-A*01"]),
    st.integers(1, 10**9),
    st.sampled_from([".", "rs5", "a;b"]),
    alleles,
    st.lists(alleles, min_size=1, max_size=4, unique=True),
    st.sampled_from(["\t", " ", "   "]),
    st.sampled_from([(), ("50", "PASS", "AF=0.1"), ("50", "PASS", ".", "GT", "0|1")]),
)
def test_every_allele_comes_out_whatever_divides_the_columns(chrom, position, name, ref, alts, gap, more):
    text = gap.join([chrom, str(position), name, ref, ",".join(alts), *more])
    wanted = [Variant(chrom, position, ref, alt) for alt in alts if alt != ref]
    assert is_vcf_line(text)
    if not wanted:
        with pytest.raises(UserError, match="no other bases"):
            parse_vcf_line(text)
        return
    line = parse_vcf_line(text)
    assert list(line.variants) == wanted
    assert line.name == ("" if name == "." else name)


@pytest.mark.parametrize(
    "text", ["", "GP1BB", "chr22:100-200", "chr22 100 . C", "chr22 1e5 . C T", "a b c d e", "ACGT\nACGT"]
)
def test_what_is_no_line_is_left_to_the_others(text):
    assert not is_vcf_line(text)
    with pytest.raises(UserError):
        parse_vcf_line(text)


def test_a_line_is_never_taken_for_a_variant_as_people_write_it():
    assert not is_variant("chr22 100 . C T")
    assert not is_variant("chr22\t100\trs5\tC\tT,G\t.\t.\t.")
    assert not is_vcf_line("chr22 100 C T")


@pytest.mark.parametrize("alt", ["<DEL>", "*", ".", "<DEL>,*", "G]chr2:5]"])
def test_an_allele_without_bases_is_refused_in_one_sentence(alt):
    with pytest.raises(UserError, match="names no other bases"):
        parse_vcf_line(f"chr22 100 . G {alt}")


def test_alleles_without_bases_beside_others_are_left_out_and_said():
    line = parse_vcf_line("chr22 100 . G A,<DEL>,*,T")
    assert [variant.alt for variant in line.variants] == ["A", "T"]
    assert "<DEL>, *" in line.notices[0]


def test_the_search_box_takes_a_line_checks_ref_and_keeps_all_alleles():
    place = resolve("22\t2\trs1\tC\tT,CAA,G", GENOME, None)
    assert place.kind == "variant"
    assert place.edits == (Variant("chr22", 2, "C", "T"),)
    assert place.alleles[1:] == (Variant("chr22", 3, "", "AA"), Variant("chr22", 2, "C", "G"))
    assert place.edits[0] in place.alleles
    assert "several alternative alleles" in place.notices[0]
    assert resolve("22 2 . C T", GENOME, None).alleles == ()


def test_a_wrong_ref_of_a_line_is_said_as_for_any_variant():
    with pytest.raises(UserError, match="hg19 has C at chr22:2"):
        resolve("22 2 . A T", GENOME, None)
