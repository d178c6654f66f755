"""Element-gene pairs: read by line, judged, and never asked of a model that cannot see the gene."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiment import measurements_crispri as crispri
from experiment.measurements_crispri import as_measurements, by_distance, quality, read_pairs, what_a_model_can_say
from experiment.measurements_read import CUT_ROW
from genome.errors import UserError
from models import registry

HEAD = "chrom\tchromStart\tchromEnd\tname\tEffectSize\tchrTSS\tstartTSS\tendTSS\tmeasuredGeneSymbol\tSignificant\tValidConnection\tRegulated\tDataset\tdistanceToTSS\n"  # fmt: skip


def line(
    start: object = 1000, end: object = 1500, effect: object = -0.3, gene: str = "G1", site: object = 5000,
    regulated: str = "TRUE", valid: str = "TRUE", tss: str = "chr1", stated: object = 3750,
) -> str:  # fmt: skip
    return f"chr1\t{start}\t{end}\tx\t{effect}\t{tss}\t{site}\t{site}\t{gene}\t{regulated}\t{valid}\t{regulated}\tD1\t{stated}\n"


def test_a_pair_is_read_as_it_stands() -> None:
    one = read_pairs(HEAD + line(), "t").rows[0]
    assert (one.element.chrom, one.element.start, one.element.end) == ("chr1", 1000, 1500)
    assert (one.gene, one.effect, one.distance, one.regulated) == ("G1", -0.3, 3750, True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line(start=1500, end=1500), crispri.NO_PLACE),
        (line(start="-5"), crispri.NO_PLACE),
        (line(effect="NA"), crispri.NO_EFFECT),
        (line(effect="inf"), crispri.NO_EFFECT),
        (line(effect=-1.2), crispri.IMPOSSIBLE),
        (line(gene=""), crispri.NO_GENE),
        (line(valid="FALSE"), crispri.NOT_VALID),
        (line(tss="chr2"), crispri.NO_DISTANCE),
        (line(site="", stated=""), crispri.NO_DISTANCE),
        (line(), crispri.AGAIN),
        ("chr1\t1000\n", CUT_ROW),
    ],
)
def test_a_row_that_cannot_be_used_is_said_by_its_line(row: str, reason: str) -> None:
    found = read_pairs(HEAD + line() + row, "t")
    assert [(one.line, one.reason) for one in found.dropped] == [(3, reason)]
    assert len(found.rows) == 1


def test_a_start_of_nought_is_no_place_and_the_stated_distance_stands_in() -> None:
    found = read_pairs(HEAD + line(site=0, stated=1234), "t")
    assert found.rows[0].distance == 1234
    assert any(what == "Gene starts" for what, _ in quality(found))


def test_distances_that_contradict_the_coordinates_are_said() -> None:
    found = read_pairs(HEAD + line(stated=900_000), "t")
    assert any(what == "Stated distances" and "1 pairs" in words for what, words in quality(found))


def test_nearness_finds_the_regulated_pairs_where_they_are_near() -> None:
    near = "".join(line(gene=f"N{k}", site=3000 + k) for k in range(30))
    far = "".join(line(gene=f"F{k}", site=900_000 + k, regulated="FALSE") for k in range(70))
    found = by_distance(read_pairs(HEAD + near + far, "t"))
    assert found is not None
    assert found.area.value == pytest.approx(1.0)
    assert found.chance == pytest.approx(0.3)


def test_too_few_regulated_pairs_give_no_ranking() -> None:
    assert by_distance(read_pairs(HEAD + line(), "t")) is None


def test_what_a_model_cannot_say_is_said() -> None:
    found = read_pairs(HEAD + line(), "t")
    words = what_a_model_can_say(registry.spec("lentimpra"), found, 0)
    assert "cannot say which gene" in words
    assert "None of the 1 elements lies in the genome" in words
    assert "1 of 1 elements" in what_a_model_can_say(registry.spec("lentimpra"), found, 1)


def test_no_pair_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="no element-gene pair"):
        read_pairs(HEAD + line(effect="x"), "t")


@pytest.mark.skipif("CISLENS_DATA" not in os.environ, reason="CISLENS_DATA names no folder of measured data")
def test_the_published_table_is_read_whole() -> None:
    path = Path(os.environ["CISLENS_DATA"]) / "crispri/crispri_element_gene_pairs_K562.hg38.tsv.gz"
    found = read_pairs(path, path.name)
    assert (len(found.rows), len(found.elements), sum(bool(one.regulated) for one in found.rows)) == (
        10_356,
        3_941,
        471,
    )
    assert len(as_measurements(found).rows) == 10_356
    baseline = by_distance(found)
    assert baseline is not None
    assert baseline.area.value > 5 * baseline.chance
