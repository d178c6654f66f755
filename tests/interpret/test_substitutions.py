"""The map of single-base changes: alt minus ref, whatever the centring, and known by member."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genome.locus import Locus
from genome.sequence import Sequence
from interpret.methods import attribute
from interpret.substitutions import substitutions
from models.core import Target
from models.predict import predict
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

BASES = random_bases(400)
SEQUENCE = Sequence(BASES, Locus("c1", 1_000, 1_400))


def tried(model, start=1_100, length=WINDOW, sequence=SEQUENCE, **options):
    run = toy_engine(model).runner(model.spec.model_id)
    locus = Locus("c1", start, start + length)
    return attribute(run, model.spec, sequence, locus, Target("one"), method="ism", **options)


def test_on_an_additive_model_each_change_is_a_difference_of_weights():
    model = toy_model(Linear)
    found = substitutions(tried(model))
    weights = model.members[0].weights[0].detach().numpy()
    codes = ["ACGT".index(base) for base in found.sequence.bases]
    assert found.effects == pytest.approx(weights - weights[codes, np.arange(WINDOW)], abs=1e-5)
    assert found.spread is None
    assert found.rule == "One 20 bp window, centred on the locus."


def test_a_change_is_the_difference_of_two_predictions():
    model = toy_model(Curved, n_members=3, strand_rule="average")
    run = toy_engine(model).runner(model.spec.model_id)
    found = substitutions(tried(model))
    first = next(iter(found))
    changed = BASES[:100] + first.alt + BASES[101:]
    values = [
        predict(run, model.spec, Sequence(bases, SEQUENCE.locus), Locus("c1", 1_100, 1_100 + WINDOW)).members[:, 0, 0]
        for bases in (BASES, changed)
    ]
    assert (first.position, first.ref) == (1_100, BASES[100])
    assert first.effect == pytest.approx((values[1] - values[0]).mean(), abs=1e-5)
    assert first.spread == pytest.approx((values[1] - values[0]).std(ddof=1), abs=1e-5)


@pytest.mark.parametrize("length", [WINDOW, 60])
def test_the_centring_changes_no_effect(length):
    model = toy_model(Curved, n_members=2)
    maps = [substitutions(tried(model, length=length, baseline=centre)) for centre in ("four", "three")]
    assert maps[0].effects == pytest.approx(maps[1].effects, abs=1e-6)
    assert maps[0].spread == pytest.approx(maps[1].spread, abs=1e-6)


def test_there_are_three_changes_of_each_known_base_and_none_of_an_unknown_one():
    bases = BASES[:105] + "N" + BASES[106:]
    found = substitutions(tried(toy_model(Curved), sequence=Sequence(bases, SEQUENCE.locus)))
    listed = list(found)
    assert len(listed) == 3 * (WINDOW - 1)
    assert all(change.ref != change.alt and change.position != 1_105 for change in listed)
    assert np.isnan(found.effects[:, 5]).all()
    assert np.isfinite(found.largest)


def test_an_inserted_base_has_no_place_and_is_not_listed():
    inserted = np.zeros(400, bool)
    inserted[103] = True
    found = substitutions(tried(toy_model(Curved), sequence=replace(SEQUENCE, inserted=inserted)))
    assert len(list(found)) == 3 * (WINDOW - 1)


def test_members_on_a_map_average_to_the_map():
    found = tried(toy_model(Curved, n_members=3, strand_rule="average"), length=60)
    assert found.hypothetical_members.mean(0) == pytest.approx(found.hypothetical, abs=1e-6)
