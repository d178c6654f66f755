from __future__ import annotations

import pytest

from genome.locus import Locus, Variant
from genome.variant_rows import VariantRow, in_chunks

ROW = VariantRow(7, "22", 12, "rs1", "C", "T", variant=Variant("chr22", 12, "C", "T"), locus=Locus("chr22", 11, 12))


def test_a_refused_row_keeps_what_was_written_and_has_no_variant():
    refused = ROW.refused("REF mismatch", "hg19 has A there.")
    assert (refused.line, refused.chrom, refused.ref, refused.variant, refused.locus) == (7, "22", "C", None, None)


def test_a_row_without_an_effect_says_why():
    with pytest.raises(ValueError, match="REF mismatch"):
        ROW.refused("REF mismatch", "")


def test_chunks_hold_every_row_once_in_order():
    rows = [VariantRow(line, "1", line, "", "A", "C") for line in range(1, 8)]
    chunks = list(in_chunks(rows, 3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert [row for chunk in chunks for row in chunk] == rows
