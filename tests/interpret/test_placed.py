"""Every substitution in windows around it equals what an edit there is shown with, and is ranked as that edit is."""

from __future__ import annotations

import numpy as np
import pytest

from genome.locus import Locus, Variant
from genome.sequence import Sequence
from interpret.background import About, Background, distribution
from interpret.effects import effect
from interpret.placed import placed_effects
from tests.toy_models import Curved, random_bases, toy_engine, toy_model

BASES = random_bases(300)
SEQUENCE = Sequence(BASES, Locus("c1", 1_000, 1_300))
MODEL = toy_model(Curved, n_members=3, strand_rule="average")
RUN = toy_engine(MODEL).runner(MODEL.spec.model_id)


def test_each_effect_is_that_of_the_edit():
    found = placed_effects(RUN, MODEL.spec, SEQUENCE, Locus("c1", 1_100, 1_140), "two")
    for change in list(found)[::17]:
        edit = Variant("c1", change.position + 1, change.ref, change.alt)
        alone = effect(RUN, MODEL.spec, SEQUENCE, (edit,))
        assert change.effect == pytest.approx(alone.delta[1], abs=1e-5)
        assert change.spread == pytest.approx(alone.spread[1], abs=1e-5)


def test_progress_ends_at_one_and_an_unknown_base_has_no_effect():
    told: list[float] = []
    unknown = Sequence(BASES[:110] + "N" + BASES[111:], SEQUENCE.locus)
    found = placed_effects(RUN, MODEL.spec, unknown, Locus("c1", 1_100, 1_140), "one", told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert np.isnan(found.effects[:, 10]).all()


def background(n: int = 6_000, *, synthetic: bool = False) -> Background:
    sds = {"one": 1.0}
    about = About("m", "toy", "toy peaks", "p", "made", synthetic, "0" * 12, 0, False, "a", "e", sds)
    sizes = distribution(np.abs(np.random.default_rng(0).normal(size=n)).astype(np.float32).round(2))
    return Background(about, {"one": sizes}, {"one": sizes})


def test_ranking_many_is_ranking_each():
    deltas = np.random.default_rng(1).normal(size=(4, 25)).astype(np.float32) * 2
    deltas[0, 0], deltas[1, 1], deltas[2, 2] = 0, 99, np.nan
    found, words = background().rank_effects("one", deltas, synthetic=False)
    for place in np.ndindex(deltas.shape):
        if np.isnan(deltas[place]):
            assert np.isnan(found[place])
            continue
        alone = background().rank_effect("one", float(deltas[place]), synthetic=False)
        assert found[place] == pytest.approx(100 * alone.percentile, rel=1e-5)
    assert words == "6,000 single-base changes in toy peaks"


@pytest.mark.parametrize(
    ("known", "reason"), [(background(100), "only 100 values"), (background(synthetic=True), "synthetic")]
)
def test_where_one_has_no_percentile_none_has(known, reason):
    found, words = known.rank_effects("one", np.zeros((4, 3), np.float32), synthetic=False)
    assert found is None
    assert reason in words
