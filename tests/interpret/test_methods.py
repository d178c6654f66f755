"""What holds for every method of attribution: one call, one explained function, honest words."""

from __future__ import annotations

import numpy as np
import pytest

from app.cli import BASELINE_NAMES, METHOD_NAMES
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.methods import BASELINE_WORDS, METHODS, attribute, in_words
from models.core import Model, Target
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model, toy_spec

FLANK = 2 * WINDOW
EVERY = [(method, baseline) for method in METHODS for baseline in METHODS[method].baselines]


def explain(model, length, *, bases=None, **options):
    bases = bases or random_bases(length + 2 * FLANK)
    sequence = Sequence(bases, Locus("toy", 0, len(bases)))
    run = toy_engine(model).runner(model.spec.model_id)
    return attribute(run, model.spec, sequence, Locus("toy", FLANK, FLANK + length), Target("one"), **options)


@pytest.mark.parametrize(("method", "baseline"), EVERY)
def test_every_method_gives_the_weights_of_an_additive_model(method, baseline):
    model = toy_model(Linear)
    found = explain(model, WINDOW, method=method, baseline=baseline, seed=3)
    weights = model.members[0].weights[0].numpy()
    centred = found.hypothetical - found.hypothetical.mean(axis=0)
    assert np.allclose(centred, weights - weights.mean(axis=0), atol=2e-5)


@pytest.mark.parametrize(("method", "baseline"), EVERY)
def test_members_and_strands_are_parts_of_what_is_shown(method, baseline):
    found = explain(toy_model(Curved, n_members=2, strand_rule="average"), 47, method=method, baseline=baseline)
    assert np.allclose(found.members.mean(0), found.values, atol=1e-6)
    assert np.allclose(found.strands.mean(0), found.values, atol=1e-6)
    assert np.allclose((found.hypothetical * found.sequence.one_hot()).sum(0), found.values, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_spread_of_a_letter_is_the_standard_deviation_of_the_members_letters(method):
    ensemble = toy_model(Curved, n_members=3, strand_rule="average")
    found = explain(ensemble, WINDOW, method=method)
    alone = []
    for member in ensemble.members:
        spec = toy_spec("alone", strand_rule="average")
        alone.append(explain(Model(spec, [member]), WINDOW, method=method).values)
    assert np.allclose(found.members, alone, atol=1e-6)
    assert np.allclose(found.spread, np.std(alone, axis=0, ddof=1), atol=1e-6)
    assert found.spread.max() > 1e-3
    assert not explain(toy_model(Curved), WINDOW, method=method).spread.any()


@pytest.mark.parametrize(("method", "baseline"), EVERY)
def test_an_unknown_base_contributes_nothing(method, baseline):
    bases = random_bases(WINDOW + 2 * FLANK)
    place = FLANK + 5
    found = explain(
        toy_model(Curved), WINDOW, bases=bases[:place] + "N" + bases[place + 1 :], method=method, baseline=baseline
    )
    assert found.values[found.core[0] + 5] == 0
    assert not found.hypothetical[:, found.core[0] + 5].any()


@pytest.mark.parametrize(("method", "baseline"), EVERY)
def test_only_a_method_that_promises_to_add_up_has_a_gap(method, baseline):
    found = explain(toy_model(Curved), WINDOW, method=method, baseline=baseline)
    assert (found.converged is not None) == METHODS[method].adds_up
    assert np.isfinite(found.gap) == METHODS[method].adds_up
    assert found.method == METHODS[method].words
    for part in (found.method, BASELINE_WORDS[baseline].short):
        assert part in in_words(found)


def test_the_seed_is_named_where_it_matters():
    assert "seed 7" in in_words(explain(toy_model(Curved), WINDOW, baseline="shuffled", seed=7))
    assert "seed" not in in_words(explain(toy_model(Curved), WINDOW, seed=7))


def test_what_is_not_known_is_refused_with_its_name():
    with pytest.raises(ValueError, match="'magic'"):
        explain(toy_model(Linear), WINDOW, method="magic")
    with pytest.raises(ValueError, match="'zeros'"):
        explain(toy_model(Linear), WINDOW, method="gradient", baseline="zeros")
    with pytest.raises(ValueError, match="'three'"):
        attribute(
            None, toy_model(Linear).spec, Sequence("ACGT", Locus("toy", 0, 4)), Locus("toy", 0, 4), Target("three")
        )


def test_the_command_line_knows_the_same_methods():
    assert tuple(METHODS) == METHOD_NAMES
    assert tuple(BASELINE_WORDS) == BASELINE_NAMES
    assert set(BASELINE_WORDS) == {baseline for method in METHODS.values() for baseline in method.baselines}
