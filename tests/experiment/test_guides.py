"""Guides: every NGG on either strand once, the minus strand the mirror of the plus strand, thinned evenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from experiment.design_layout import GUIDE_LAYOUT
from experiment.guides import guides_in, non_targeting, objection, tiled
from genome.locus import Locus
from genome.sequence import Sequence
from tests.experiment.order_checker import other_strand


def place(bases: str, start: int = 0) -> tuple[Sequence, Locus]:
    locus = Locus("c", start, start + len(bases))
    return Sequence(bases, locus), locus


@given(st.text("ACGTN", min_size=23, max_size=120), st.integers(0, 1_000))
def test_every_guide_is_found_and_each_strand_is_the_mirror_of_the_other(bases, start):
    found = guides_in(*place(bases, start))
    expected = set()
    for strand, text in (("+", bases), ("-", other_strand(bases))):
        for at in range(len(text) - 22):
            guide, pam = text[at : at + 20], text[at + 20 : at + 23]
            if "N" not in guide + pam and pam[1:] == "GG":
                first = at if strand == "+" else len(text) - at - 20
                expected.add((start + first, strand, guide, pam))
    assert {(one.locus.start, one.strand, one.bases, one.pam) for one in found} == expected
    assert len(found) == len(expected)


@given(st.text("ACGT", min_size=200, max_size=400), st.integers(1, 12))
def test_tiled_guides_are_as_many_as_asked_for_or_all(bases, n):
    sequence, locus = place(bases)
    found = guides_in(sequence, locus)
    chosen = tiled(found, locus, n)
    assert len(chosen) == len(set(chosen)) == min(n, len(found))
    assert set(chosen) <= set(found)


def test_guides_that_cannot_work_are_told_why():
    assert "GC" in objection(GUIDE_LAYOUT, "AT" * 10)
    assert "run" in objection(GUIDE_LAYOUT, "ACGTTTTCAGCATCGACGAC")
    assert "BsmBI" in objection(GUIDE_LAYOUT, "ACGTCTCGATCAGCAGATCA")
    assert objection(GUIDE_LAYOUT, "ACGATCAGATCAGCATGACA") == ""


def test_non_targeting_guides_stand_nowhere_in_what_was_read():
    avoid = "ACGATCAGATCAGCATGACATTGACCAGT" * 20
    found = non_targeting(20, GUIDE_LAYOUT, avoid, seed=1)
    assert len(set(found)) == 20
    assert found == non_targeting(20, GUIDE_LAYOUT, avoid, seed=1)
    assert not [one for one in found if one[-12:] in avoid or one[-12:] in other_strand(avoid)]
