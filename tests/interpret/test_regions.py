"""Every substitution of long stretches: the map's own numbers, each base once, nothing at an N."""

from __future__ import annotations

import numpy as np
import pytest

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import BASES
from genome.source import MemoryGenome
from interpret import regions
from interpret.placed import placed_effects
from interpret.regions import SUMMARIES, stretches, substitutions_in, summary
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

GENOME = MemoryGenome(
    "toy",
    {
        "chr2": random_bases(200, seed=1),
        "chr10": random_bases(60, seed=2) + "N" * 30 + random_bases(90, seed=3),
        "chrM": random_bases(70, seed=4),
    },
    build="toy-1",
)


def test_the_numbers_are_those_of_the_map_of_windows_around_each_change():
    model = toy_model(Curved, n_members=3, strand_rule="average")
    run = toy_engine(model).runner(model.spec.model_id)
    locus = Locus("chr2", 80, 117)
    found = substitutions_in(run, model.spec, GENOME, locus, "two")
    expected = placed_effects(run, model.spec, GENOME.sequence(locus.extended(2 * WINDOW)), locus, "two")
    np.testing.assert_allclose(found.effects, expected.effects, atol=1e-6)
    np.testing.assert_allclose(found.spread, expected.spread, atol=1e-6)
    assert (found.unit, found.sequence.bases) == (expected.unit, expected.sequence.bases)


def test_pieces_say_the_same_as_the_whole(monkeypatch):
    model = toy_model(Curved)
    run = toy_engine(model).runner(model.spec.model_id)
    whole = substitutions_in(run, model.spec, GENOME, Locus("chr2", 50, 140), "one").effects
    monkeypatch.setattr(regions, "PIECE", 35)
    pieces = stretches([Locus("chr2", 50, 140)], GENOME).pieces()
    assert [piece.length for piece in pieces] == [35, 35, 20]
    parts = [substitutions_in(run, model.spec, GENOME, piece, "one").effects for piece in pieces]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)


def test_an_n_has_no_value_nor_has_a_base_among_too_many():
    model = toy_model(Linear)
    run = toy_engine(model).runner(model.spec.model_id)
    locus = Locus("chr10", 30, 130)
    found = substitutions_in(run, model.spec, GENOME, locus, "one")
    bases = found.sequence.bases
    unknown = np.array([base == "N" for base in bases])
    assert np.isnan(found.effects[:, unknown]).all()
    known = np.isfinite(found.effects).all(axis=0)
    assert (known | np.isnan(found.effects).all(axis=0)).all()
    assert known[:10].all()
    assert not known[[29, 60]].any()  # beside the gap of N
    assert known[-10:].all()
    standing = [BASES.index(base) for base in np.array(list(bases))[known]]
    assert (found.effects[standing, np.flatnonzero(known)] == 0).all()


def test_a_stretch_of_n_asks_nothing_and_has_no_value():
    model = toy_model(Linear)
    run = toy_engine(model).runner(model.spec.model_id)
    found = substitutions_in(run, model.spec, GENOME, Locus("chr10", 62, 88), "one", progress=lambda _: None)
    assert np.isnan(found.effects).all()


def test_places_are_merged_put_in_the_genomes_order_and_cut_at_its_ends():
    places = [Locus("M", 60, 99), Locus("10", 5, 9), Locus("chr2", 50, 80), Locus("chr2", 10, 30), Locus("2", 30, 55)]
    found = stretches([*places, Locus("chr7", 0, 9), Locus("chrM", 70, 80)], GENOME)
    assert [str(locus) for locus in found.loci] == ["chr2:11-80", "chr10:6-9", "chrM:61-70"]
    assert found.length == 70 + 4 + 10
    assert found.notices[0].startswith("2 places are left out: toy has no chromosome 'chr7'")
    assert found.notices[1] == "1 places hang off their chromosome and are cut."


@pytest.mark.parametrize(
    ("place", "words"), [(Locus("chr7", 0, 9), "no chromosome 'chr7'"), (Locus("chr2", 500, 600), "off the end")]
)
def test_without_any_place_the_reason_is_said(place, words):
    with pytest.raises(UserError, match=words):
        stretches([place], GENOME)


def test_a_summary_is_the_mean_of_three_or_the_largest_of_them():
    effects = np.array([[0, 1, np.nan], [1, 0, np.nan], [2, -5, np.nan], [-6, 1, np.nan]], np.float32)
    np.testing.assert_allclose(summary(effects, "mean"), [-1, -1, np.nan])
    np.testing.assert_allclose(summary(effects, "largest"), [-6, -5, np.nan])
    assert set(SUMMARIES) == {"mean", "largest"}
    with pytest.raises(ValueError, match="median"):
        summary(effects, "median")
