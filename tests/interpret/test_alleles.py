"""Both alleles read in the same windows, against brute force on strings and against the effect itself."""

from __future__ import annotations

import numpy as np
import pytest

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from interpret.alleles import profiles, sweep, window_around
from interpret.effects import around, effect, placed_starts
from models import registry
from models.core import Model
from tests.interpret.test_effects import (
    BASES,
    FIRST,
    MIDDLE,
    MODEL,
    REFERENCE,
    answer,
    change,
    changed_string,
    substitution,
)
from tests.toy_models import WINDOW, Curved, toy_engine, toy_model

EDITS = [
    (substitution(MIDDLE),),
    (change(MIDDLE, 3, ""),),
    (change(MIDDLE, 0, "GAT"),),
    (change(MIDDLE, 2, "TTTT"),),
    (substitution(MIDDLE), change(MIDDLE + 4, 0, "C")),
]


def swept(edits: tuple[Variant, ...], model: Model = MODEL):
    return sweep(toy_engine(model).runner(model.spec.model_id), model.spec, REFERENCE, edits)


@pytest.mark.parametrize("edits", EDITS)
def test_every_window_is_what_the_model_says_of_those_letters(edits):
    found = swept(edits)
    first, last = around(edits)
    changed = changed_string(edits)
    for row, offset in enumerate(found.offsets):
        start = (first + last) // 2 - WINDOW // 2 + int(offset) - FIRST
        np.testing.assert_allclose(found.before[row], answer(BASES, start), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found.after[row], answer(changed, start), rtol=1e-5, atol=1e-5)
        assert start <= first - FIRST
        assert last - FIRST <= start + WINDOW


@pytest.mark.parametrize("edits", EDITS)
def test_the_mean_over_the_placements_of_the_effect_is_the_effect(edits):
    model = toy_model(Curved, n_members=3, strand_rule="average")
    run = toy_engine(model).runner(model.spec.model_id)
    found, whole = swept(edits, model), effect(run, model.spec, REFERENCE, edits)
    first, last = around(edits)
    middle = (first + last) // 2 - WINDOW // 2
    at = [start - middle for start in placed_starts(first, last, model.spec)]
    assert set(at) <= set(found.offsets.tolist())  # of a window this short every offset is asked
    rows = [found.offsets.tolist().index(offset) for offset in at]
    np.testing.assert_allclose(found.delta[rows].mean(axis=0), whole.delta, rtol=1e-4, atol=1e-6)
    assert found.spread.shape == found.delta.shape
    assert (found.spread > 0).any()
    assert not swept(edits).spread.any()


def test_a_window_is_shorter_by_what_is_inserted_and_holds_no_more_than_half_a_window_of_change():
    assert window_around((change(MIDDLE, 0, "GAT"),), MODEL.spec).length == WINDOW - 3
    assert window_around((change(MIDDLE, 3, ""),), MODEL.spec).length == WINDOW
    with pytest.raises(UserError, match="more than half"):
        window_around((change(MIDDLE, 0, "A" * (WINDOW // 2 + 1)),), MODEL.spec)


def test_a_model_of_single_numbers_has_no_profile():
    assert profiles(toy_engine(MODEL).runner(MODEL.spec.model_id), MODEL.spec, REFERENCE, EDITS[0]) is None


@pytest.fixture(scope="module")
def reads():
    """The shipped profile model, and a stretch of the sandbox."""
    from genome.sandbox import sandbox_genome

    spec = registry.spec("sandbox-profile")
    model = registry.load(spec.model_id)
    reference = sandbox_genome().sequence(Locus("sb1", 57_000, 60_000))
    return toy_engine(model).runner(spec.model_id), spec, reference


def test_profiles_stand_base_over_base_and_the_same_allele_has_no_divergence(reads):
    run, spec, reference = reads
    base = reference.bases[58_432 - 57_000]
    snv = Variant("sb1", 58_433, base, "ACGT"["CGTA".index(base)])
    found = profiles(run, spec, reference, (snv,))
    assert len(found.positions) == spec.output_length
    assert (np.diff(found.positions) == 1).all()
    assert ((found.divergence > 0) & (found.divergence < 1)).all()
    gone = Variant("sb1", 58_433, reference.bases[58_432 - 57_000 : 58_435 - 57_000], "")
    missing = set(range(58_432, 58_435))
    assert missing.isdisjoint(profiles(run, spec, reference, (gone,)).positions.tolist())


def test_an_inserted_copy_of_what_stands_there_is_read_as_the_longer_sequence(reads):
    run, spec, reference = reads
    insert = Variant("sb1", 58_433, "", "ACGTACGT")
    found = profiles(run, spec, reference, (insert,))
    whole = edited(reference, (insert,))
    assert isinstance(whole, Sequence)
    assert len(found.positions) == spec.output_length - 8  # the last eight were pushed out of the window
