"""Motifs that a change makes or breaks, on planted words whose matches are known."""

from __future__ import annotations

import numpy as np
import pytest

from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited, reverse_complement
from interpret.jaspar import Motif, jaspar_motifs
from interpret.motif_change import motif_changes
from interpret.scan import P_LIMIT
from tests.interpret.test_scan import random_bases

WORD = "CCACCAGGGGGCGCTA"
FLANK = random_bases(120, 5)
FIRST = 500


def motif(word: str, name: str = "word") -> Motif:
    frequencies = np.full((4, len(word)), 0.01)
    frequencies[["ACGT".index(base) for base in word], np.arange(len(word))] = 0.97
    return Motif(name, name, name, "", frequencies)


KNOWN = (motif(WORD), motif("TTTTAAAATTTTAAAA", "other"))


def stretch(middle: str) -> Sequence:
    bases = FLANK[:60] + middle + FLANK[60:]
    return Sequence(bases, Locus("toy", FIRST, FIRST + len(bases)))


def at(index: int, ref: str, alt: str) -> Variant:
    """A change counted from the first base of the planted word."""
    return Variant("toy", FIRST + 60 + index + 1, ref, alt)


def found(middle: str, *edits: Variant, **options):
    before = stretch(middle)
    return motif_changes(before, edited(before, edits), edits, motifs=KNOWN, **options)


BROKEN = [
    at(8, "G", "T"),
    at(8, "GG", ""),
    at(8, "", "ATAT"),
]


@pytest.mark.parametrize("edit", BROKEN)
@pytest.mark.parametrize("word", [WORD, reverse_complement(WORD)])
def test_a_changed_site_scores_less_and_nothing_else_is_reported(word, edit):
    ref = word[edit.start - FIRST - 60 : edit.end - FIRST - 60]
    edit = Variant("toy", edit.position, ref, edit.alt if edit.alt != ref else "A")
    (change,) = found(word, edit)
    assert change.motif.name == "word"
    assert change.kind in ("broken", "weakened")
    assert change.bits < -1
    assert change.before.p_value < P_LIMIT
    assert change.before.strand == ("+" if word == WORD else "-")
    assert (change.before.start, change.before.end) == (FIRST + 60, FIRST + 60 + len(WORD))


@pytest.mark.parametrize("edit", BROKEN)
def test_the_change_back_makes_what_the_change_breaks(edit):
    (broken,) = found(WORD, edit)
    changed = edited(stretch(WORD), (edit,))
    plain = Sequence(changed.bases, Locus("toy", FIRST, FIRST + changed.length))
    back = Variant("toy", edit.position, edit.alt, edit.ref)
    (made,) = motif_changes(plain, edited(plain, (back,)), (back,), motifs=KNOWN)
    assert made.bits == pytest.approx(-broken.bits)
    assert {broken.kind: "back"}.keys() <= {"broken", "weakened"}
    assert made.kind == {"broken": "made", "weakened": "strengthened"}[broken.kind]


def test_a_site_that_an_insertion_pushes_aside_is_not_broken():
    assert found(WORD, at(0, "", "GATTACA")) == ()
    assert found(WORD, at(len(WORD), "", "GATTACA")) == ()


def test_a_change_beside_the_site_reports_nothing():
    base = FLANK[60 + 3]
    assert found(WORD, at(len(WORD) + 3, base, "ACGT"["CGTA".index(base)])) == ()


def test_the_model_supports_the_allele_that_has_the_site():
    edit = at(8, "G", "T")
    before = stretch(WORD)
    values = np.zeros(before.length, np.float32)
    values[60 : 60 + len(WORD)] = 0.5
    (change,) = found(WORD, edit, values=(values, np.zeros_like(values)), sd=1.0)
    assert change.support == "strong"
    (change,) = found(WORD, edit, values=(0 * values, np.zeros_like(values)), sd=1.0)
    assert change.support == "none"
    (change,) = found(WORD, edit)
    assert change.support is None


def test_a_ctcf_site_of_the_database_is_recognised():
    word = "TGGCCACCAGGGGGCGCTA"
    edit = at(13, "G", "T")
    before = stretch(word)
    assert word[13] == "G"
    names = [c.motif.name for c in motif_changes(before, edited(before, (edit,)), (edit,), motifs=jaspar_motifs())]
    assert names[0] in ("CTCF", "CTCFL")
