"""Places and changes as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.locus import Locus, Variant, is_locus, is_variant, parse_locus, parse_variant

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.]{0,20}", fullmatch=True)
loci = st.builds(lambda c, s, n: Locus(c, s, s + n), names, st.integers(0, 10**9), st.integers(1, 10**6))
alleles = st.text("ACGT", max_size=5)
variants = st.tuples(names, st.integers(1, 10**9), alleles, alleles).filter(lambda v: v[2] != v[3])


@given(loci)
def test_a_locus_written_and_read_is_the_same(locus):
    assert is_locus(str(locus))
    assert parse_locus(str(locus)) == locus
    assert parse_locus(str(locus).replace(",", "")) == locus


@given(variants)
def test_a_variant_written_and_read_is_the_same(parts):
    variant = Variant(*parts)
    assert is_variant(str(variant))
    assert parse_variant(str(variant)) == variant


def test_text_is_one_based_and_inclusive_and_values_are_zero_based_and_half_open():
    assert parse_locus("chr1:1-10") == Locus("chr1", 0, 10)
    assert parse_locus("chr1:7") == Locus("chr1", 6, 7)
    assert parse_variant("chr22:19710933 C>T").start == 19_710_932


@pytest.mark.parametrize(
    "text", ["chr22:19,710,700-19,711,200", "chr22:19710700..19711200", " chr22 : 19710700 19711200 "]
)
def test_a_locus_may_be_written_in_several_ways(text):
    assert parse_locus(text) == Locus("chr22", 19_710_699, 19_711_200)


@pytest.mark.parametrize(
    "text", ["chr22-19710933-C-T", "chr22:19710933:C:T", "chr22:19,710,933 c>t", "chr22 19710933 C/T"]
)
def test_a_variant_may_be_written_in_several_ways(text):
    assert parse_variant(text) == Variant("chr22", 19_710_933, "C", "T")


@pytest.mark.parametrize("text", ["chr1:200-100", "chr1:0-10", "chr1:", "chr1:abc", "", "chr1:1-" + "9" * 20, "GP1BB"])
def test_what_is_no_locus_is_refused_in_one_sentence(text):
    with pytest.raises(UserError, match=r"\.$"):
        parse_locus(text)


@pytest.mark.parametrize("text", ["chr1:1.5-20", "chr1:100.5", "chr1:1.50.000-2.000.000"])
def test_a_decimal_point_is_not_a_thousands_separator(text):
    with pytest.raises(UserError):
        parse_locus(text)


def test_dots_between_groups_of_three_digits_are_thousands_separators():
    assert parse_locus("chr22:19.710.700-19.711.200") == Locus("chr22", 19_710_699, 19_711_200)


@pytest.mark.parametrize("text", ["chr1:100 A>A", "chr1:0 A>C", "chr1:100 A>X", "chr1 100", "A>C"])
def test_what_is_no_variant_is_refused(text):
    with pytest.raises(UserError):
        parse_variant(text)


@given(loci, st.integers(1, 10**6))
def test_resizing_keeps_the_centre_to_half_a_base(locus, length):
    resized = locus.resized(length)
    assert resized.length == length
    assert abs((resized.start + resized.end) - (locus.start + locus.end)) <= 1


@given(loci, st.integers(-(10**6), 10**6))
def test_shifting_there_and_back_is_nothing(locus, by):
    assert locus.shifted(by).shifted(-by) == locus


def test_a_locus_without_bases_cannot_be_made():
    with pytest.raises(ValueError, match="start"):
        Locus("chr1", 5, 5)
