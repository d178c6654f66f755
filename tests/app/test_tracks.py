"""What the genome browser draws follows the genome, base by base."""

from __future__ import annotations

from app.figures import tracks
from genome.locus import Variant
from tests.app.test_compare import LOCUS, explained, ref


def test_the_browser_gets_one_value_per_base_and_none_where_one_was_deleted() -> None:
    gone = ref(58400, 2)
    found = explained(Variant("sb1", 58400, gone, ""))
    bases, values = tracks.in_genome_coordinates(found, LOCUS)
    assert len(bases) == len(values) == LOCUS.length
    assert [index for index, value in enumerate(values) if value is None] == [49, 50]
    assert bases[49:51] == "NN"
