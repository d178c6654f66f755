"""Phased genotypes of a VCF as the bases of each copy: against a copy written out by hand."""

from __future__ import annotations

import pytest

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.phased import Phased, read_phased
from genome.sequence import Sequence, edited
from genome.source import MemoryGenome

BASES = "ACGTACGTAACCGGTTACGTACGT"
GENOME = MemoryGenome("toy", {"chr1": BASES, "chr2": BASES}, build="toy-1")
INSIDE = Locus("chr1", 0, len(BASES))


def vcf(*sites: str, samples: str = "anna ben") -> list[str]:
    """Sites as ``POS REF ALT FORMAT call call``, with a header."""
    header = [
        "##fileformat=VCFv4.2",
        "\t".join(f"#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT {samples}".split()),
    ]
    lines = []
    for site in sites:
        chrom, position, ref, alt, form, *calls = site.split()
        lines.append("\t".join([chrom, position, ".", ref, alt, ".", "PASS", ".", form, *calls]))
    return [line + "\n" for line in (*header, *lines)]


def read(*sites: str, inside: Locus = INSIDE, **options) -> tuple[Phased, ...]:
    return read_phased(vcf(*sites, **options), GENOME, inside)


def copy_of(variants: tuple[Variant, ...]) -> str:
    return edited(Sequence(BASES, INSIDE), variants).bases


def test_each_copy_has_the_bases_that_its_genotypes_say():
    anna, ben = read("1 1 A G GT 0|1 1|1", "chr1 4 TAC T GT 1|0 0|0", "chr1 9 A ACC,T GT 2|1 0|2")
    assert [copy_of(copy) for copy in anna.copies] == [
        "ACG" + "T" + "GT" + "T" + BASES[9:],
        "G" + BASES[1:8] + "ACC" + BASES[9:],
    ]
    assert [copy_of(copy) for copy in ben.copies] == ["G" + BASES[1:], "G" + BASES[1:8] + "T" + BASES[9:]]
    assert (anna.sample, ben.sample, anna.reason, ben.reason) == ("anna", "ben", "", "")


def test_alleles_are_cut_to_what_differs():
    anna, _ = read("chr1 4 TAC T GT 1|0 0|0")
    assert anna.copies == ((Variant("chr1", 5, "AC", ""),), ())


def test_two_unphased_differences_are_refused_and_named():
    anna, ben = read("chr1 1 A G GT 0/1 0/1", "chr1 9 A T GT 0|1 1/1")
    assert anna.copies == ()
    assert "line 3 is not phased" in anna.reason
    assert ben.reason == ""
    assert {copy_of(copy) for copy in ben.copies} == {"G" + BASES[1:8] + "T" + BASES[9:], BASES[:8] + "T" + BASES[9:]}


def test_phase_sets_do_not_join():
    anna, ben = read("chr1 1 A G GT:PS 0|1:1 0|1:1", "chr1 9 A T GT:PS 0|1:9 0|1:1")
    assert "phase sets" in anna.reason
    assert len(ben.copies[1]) == 2


def test_one_copy_is_one_copy():
    (anna,) = read("chr1 1 A G GT 1", "chr1 9 A T GT 0", samples="anna")
    assert anna.copies == ((Variant("chr1", 1, "A", "G"),),)


def test_who_carries_nothing_has_two_copies_of_the_reference():
    anna, _ = read("chr1 1 A G GT 0|0 0|1")
    assert anna.copies == ((), ())
    assert read() == (Phased("anna", ((), ())), Phased("ben", ((), ())))


@pytest.mark.parametrize(
    ("call", "alt", "words"),
    [
        (".|1", "G", "not known"),
        ("./.", "G", "not known"),
        ("0|1|1", "G", "not of one or two"),
        ("0|1", "<DEL>", "not written out in letters"),
        ("0|7", "G", "allele 7 is not in ALT"),
        ("1", "G", "another number"),
    ],
)
def test_what_cannot_be_known_is_a_reason_and_the_others_are_read(call, alt, words):
    anna, ben = read("chr1 9 A T GT 0|1 0|1", f"chr1 1 A {alt} GT {call} 0|0")
    assert words in anna.reason
    assert anna.copies == ()
    assert ben.copies == ((), (Variant("chr1", 9, "A", "T"),))


def test_a_deletion_told_of_elsewhere_changes_nothing_twice():
    anna, _ = read("chr1 4 TAC T GT 1|0 0|0", "chr1 5 A *,G GT 1|0 0|2")
    assert anna.copies == ((Variant("chr1", 5, "AC", ""),), ())


def test_lines_elsewhere_are_passed_over():
    found = read("chr2 1 A G GT 1|1 1|1", "chrUn 1 A G GT 1|1 1|1", "chr1 3 G T GT 1|1 1|1", inside=Locus("chr1", 0, 2))
    assert found[0].copies == ((), ())


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "#CHROM"),
        (["chr1\t1\t.\tA\tG\n"], "Line 1 comes before"),
        (vcf(samples=""), "names no samples"),
        (vcf(samples="anna anna"), "names a sample twice"),
        (vcf("chr1 1 C G GT 0|1 0|1"), "Line 3 has REF C, and toy has A"),
        (vcf("chr1 0 A G GT 0|1 0|1"), "counted from 1"),
        (vcf("chr1 1 A G AD 0|1 0|1"), "no genotypes"),
        (vcf("chr1 1 A G GT 0|1"), "Line 3 has 10 columns, not 11"),
    ],
)
def test_what_is_no_vcf_with_genotypes_is_refused_by_line(lines, words):
    with pytest.raises(UserError, match=words):
        read_phased(lines, GENOME, INSIDE)
