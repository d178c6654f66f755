"""Letters and edits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import Sequence, clean_bases, edited, letters, one_hot, reverse_complement

bases = st.text("ACGTN", min_size=1, max_size=80)
START = 1_000


def stretch(text: str) -> Sequence:
    return Sequence(text, Locus("chr1", START, START + len(text)))


@st.composite
def sequences_with_edits(draw):
    """A stretch and edits inside it that do not overlap."""
    reference = stretch(draw(st.text("ACGT", min_size=20, max_size=60)))
    cuts = sorted(draw(st.sets(st.integers(0, reference.length), min_size=2, max_size=8)))
    edits = []
    for start, end in list(pairwise(cuts))[::2]:
        ref = reference.bases[start:end] if draw(st.booleans()) else ""
        alt = draw(st.text("ACGT", max_size=4))
        if ref != alt:
            edits.append(Variant("chr1", START + start + 1, ref, alt))
    return reference, tuple(edits)


@given(bases)
def test_one_hot_and_back_is_the_same(text):
    assert letters(one_hot(text)) == text


@given(bases)
def test_the_reverse_complement_is_the_one_hot_turned_round_twice(text):
    assert reverse_complement(reverse_complement(text)) == text
    assert (one_hot(reverse_complement(text)) == one_hot(text)[::-1, ::-1]).all()


def test_n_is_a_column_of_zeros_and_lower_case_counts():
    assert one_hot("aNcR").T.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


@given(sequences_with_edits())
def test_edits_are_the_string_with_each_ref_replaced_by_its_alt(case):
    reference, edits = case
    text = reference.bases
    for edit in sorted(edits, key=lambda e: -e.start):
        at = edit.start - START
        text = text[:at] + edit.alt + text[at + len(edit.ref) :]
    assume(text)
    found = edited(reference, edits)
    assert found.bases == text
    assert found.locus == reference.locus
    assert len(found.edits) == len(edits)


@given(sequences_with_edits())
def test_every_base_that_was_not_inserted_stands_at_its_own_place(case):
    reference, edits = case
    touched = {p for e in edits for p in range(e.start, e.end)}
    assume(len(touched) < reference.length or any(e.alt for e in edits))
    found = edited(reference, edits)
    assert (np.diff(found.positions) >= 0).all()
    own = found.positions[~found.inserted]
    assert len(set(own.tolist())) == len(own)
    assert set(range(reference.locus.start, reference.locus.end)) - touched <= set(own.tolist())
    for base, place, new in zip(found.bases, found.positions, found.inserted, strict=True):
        if not new and place not in touched:
            assert base == reference.bases[place - START]


@given(sequences_with_edits())
def test_the_order_in_which_edits_are_given_does_not_matter(case):
    reference, edits = case
    assume(len(edits) == len({(e.start, e.end) for e in edits}))
    assume(sum(len(e.ref) for e in edits) < reference.length)
    assert edited(reference, edits) == edited(reference, edits[::-1])


@given(sequences_with_edits(), st.integers(1, 19))
def test_edits_of_a_part_are_the_part_of_the_edits(case, cut):
    reference, edits = case
    assume(sum(len(e.ref) for e in edits) < reference.length)
    whole = edited(reference, edits)
    part = Sequence(reference.bases[:cut], Locus("chr1", START, START + cut))
    assume(all(e.end <= START + cut or e.start >= START + cut for e in edits))
    assume(any(e.end <= START + cut for e in edits))
    kept = [b for b, p in zip(whole.bases, whole.positions, strict=True) if p < START + cut]
    assume(kept)
    assert edited(part, edits).bases == "".join(kept)


def test_an_anchored_insertion_gives_the_same_bases_as_a_plain_one_and_both_stand_at_their_edit():
    reference = stretch("ACGTACGT")
    anchored = edited(reference, (Variant("chr1", START + 2, "C", "CTT"),))
    plain = edited(reference, (Variant("chr1", START + 3, "", "TT"),))
    assert anchored.bases == plain.bases == "ACTTGTACGT"
    assert anchored.inserted.tolist() == plain.inserted.tolist() == [False] * 2 + [True] * 2 + [False] * 6
    assert (anchored.positions - START)[2:4].tolist() == [1, 1]
    assert (plain.positions - START)[2:4].tolist() == [2, 2]


def test_a_wrong_ref_names_what_stands_there():
    with pytest.raises(UserError, match=r"The genome has C at chr1:1,002, not G"):
        edited(stretch("ACGT"), (Variant("chr1", START + 2, "G", "T"),))


def test_overlapping_edits_and_edits_that_leave_nothing_are_refused():
    with pytest.raises(UserError, match="overlaps"):
        edited(stretch("ACGT"), (Variant("chr1", START + 1, "AC", ""), Variant("chr1", START + 2, "C", "T")))
    with pytest.raises(UserError, match="whole"):
        edited(stretch("ACGT"), (Variant("chr1", START + 1, "ACGT", ""),))


def test_an_edit_across_the_edge_is_cut_there():
    assert edited(stretch("ACGT"), (Variant("chr1", START - 1, "TTA", ""),)).bases == "CGT"
    assert edited(stretch("ACGT"), (Variant("chr1", START + 4, "TGG", ""),)).bases == "ACG"


def test_edits_elsewhere_change_nothing():
    assert edited(stretch("ACGT"), (Variant("chr1", 5, "A", "C"), Variant("chr1", 5_000, "A", "C"))).bases == "ACGT"


@given(bases)
def test_a_part_carries_its_places(text):
    whole = stretch(text)
    part = whole.part(0, whole.length)
    assert part.bases == whole.bases
    assert part.positions.tolist() == whole.positions.tolist()


def test_pasted_letters_are_cleaned_and_changes_are_said():
    assert clean_bases(" acgt\r\nNN 12\n") == ("ACGTNN", ())
    assert clean_bases("acguu")[0] == "ACGTT"
    assert "RNA" in clean_bases("acguu")[1][0]
    assert clean_bases("ACRY")[0] == "ACNN"
    assert "2 ambiguous" in clean_bases("ACRY")[1][0]


@pytest.mark.parametrize(
    ("text", "said"), [("", "no sequence"), ("MKLPEF", "protein"), ("ACGT!", "not DNA"), ("123", "no sequence")]
)
def test_what_is_no_dna_is_refused(text, said):
    with pytest.raises(UserError, match=said):
        clean_bases(text)
