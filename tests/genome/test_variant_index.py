"""Regions of a VCF through its index: the same rows as those that lie in them, each once."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from genome.errors import UserError
from genome.locus import Locus
from genome.variant_files import read_variants
from tests.genome.test_variant_files import BASES, GENOME, HEAD, base, line


@pytest.fixture
def indexed(tmp_path: Path) -> Path:
    plain, packed = tmp_path / "a.vcf", tmp_path / "a.vcf.gz"
    long = line(1_190, BASES[1_189:1_390], "A", chrom="22")
    lines = {p: line(p, chrom="22") for p in range(1_100, 4_000, 10)} | {1_190: long}
    plain.write_text(HEAD + "".join(lines[p] for p in sorted(lines)))
    pysam.tabix_compress(str(plain), str(packed))
    pysam.tabix_index(str(packed), preset="vcf")
    return packed


def positions(path: Path, *regions: Locus) -> list[int]:
    return [row.position for row in read_variants(path, GENOME, regions=regions)]


def test_a_region_gives_the_rows_that_share_a_base_with_it_in_either_spelling(indexed: Path):
    assert base(2_000) in "ACGT"
    for chrom in ("22", "chr22"):
        assert positions(indexed, Locus(chrom, 1_999, 2_031)) == [2_000, 2_010, 2_020, 2_030]
    assert positions(indexed, Locus("22", 2_000, 2_009)) == []
    assert positions(indexed, Locus("22", 1_384, 1_400)) == [1_190, 1_390, 1_400]


def test_regions_that_overlap_or_share_a_long_ref_give_each_row_once_in_the_order_of_the_file(indexed: Path):
    found = positions(indexed, Locus("22", 1_384, 1_400), Locus("22", 1_195, 1_215), Locus("22", 1_200, 1_230))
    assert found == [1_190, 1_200, 1_210, 1_220, 1_230, 1_390, 1_400]
    numbers = [row.line for row in read_variants(indexed, GENOME, regions=(Locus("22", 1_195, 1_215),))]
    assert numbers == [1, 2, 3]


def test_without_an_index_or_the_chromosome_it_is_refused(indexed: Path):
    with pytest.raises(UserError, match="no chromosome 'chr7'"):
        positions(indexed, Locus("chr7", 1, 2))
    indexed.with_name("a.vcf.gz.tbi").write_bytes(b"nothing")
    with pytest.raises(UserError, match="make it again"):
        positions(indexed, Locus("22", 1, 2))
    indexed.with_name("a.vcf.gz.tbi").unlink()
    with pytest.raises(UserError, match="has no index"):
        positions(indexed, Locus("22", 1, 2))
