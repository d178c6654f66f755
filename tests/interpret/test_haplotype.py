"""Several variants as one edit: on networks whose sums and interactions are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.source import MemoryGenome
from interpret.effects import effect
from interpret.haplotype import Haplotype, haplotype
from models.core import Model
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

BASES = random_bases(200, seed=3)
GENOME = MemoryGenome("toy", {"c": BASES, "d": BASES, "gap": BASES[:100] + "N" * 30 + BASES[130:]}, build="toy-1")
NAMES = ("before", "after", "delta", "spread", "low", "high", "signs_agree")


class Pair(nn.Module):
    """Counts the words AC; and, weighted by member, GT."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        found = [(x[:, one, :-1] * x[:, other, 1:]).sum(1) for one, other in ((0, 1), (2, 3))]
        return torch.stack([found[0], found[1] * (1 + self.seed)], 1)[:, :, None]


def snv(start: int, alt: str = "", chrom: str = "c") -> Variant:
    ref = GENOME.sequence(Locus(chrom, start, start + 1)).bases
    return Variant(chrom, start + 1, ref, alt or "ACGT"["CGTA".index(ref)])


def of(*variants: Variant, model: Model, genome: MemoryGenome = GENOME) -> Haplotype:
    return haplotype(toy_engine(model).runner(model.spec.model_id), model.spec, genome, variants)


@pytest.mark.parametrize("model", [toy_model(Linear), toy_model(Curved, n_members=3, strand_rule="average")])
@pytest.mark.parametrize("change", [snv(80), Variant("c", 81, "", "GATTA"), Variant("c", 81, BASES[80:84], "")])
def test_one_variant_is_that_variant_without_interaction(model, change):
    found = of(change, model=model)
    run = toy_engine(model).runner(model.spec.model_id)
    alone = effect(run, model.spec, GENOME.sequence(Locus("c", -60, 260)), (change,))
    for name in NAMES:
        np.testing.assert_allclose(getattr(found.together, name), getattr(alone, name), atol=1e-6)
        np.testing.assert_allclose(getattr(found.alone[0], name), getattr(alone, name), atol=1e-6)
    assert found.together.rule == alone.rule
    for part in (found.interaction, found.interaction_spread, found.interaction_low, found.interaction_high):
        assert (part == 0).all()


def test_several_are_the_effect_of_all_of_them_as_one_edit():
    model = toy_model(Curved, n_members=2)
    variants = (snv(86), Variant("c", 81, "", "GA"), Variant("c", 83, BASES[82:84], ""))
    found = of(*variants, model=model)
    run = toy_engine(model).runner(model.spec.model_id)
    one = effect(run, model.spec, GENOME.sequence(Locus("c", -60, 260)), variants)
    for name in NAMES:
        np.testing.assert_allclose(getattr(found.together, name), getattr(one, name), atol=1e-6)
    assert [alone.edits for alone in found.alone] == [(variant,) for variant in sorted(variants)]
    np.testing.assert_allclose(found.together.delta, found.total + found.interaction, atol=1e-6)
    assert np.abs(found.interaction).max() > 1e-4


def test_a_network_that_adds_up_bases_has_no_interaction_of_substitutions():
    found = of(snv(80), snv(83), snv(89), model=toy_model(Linear, n_members=3))
    assert np.abs(found.total).max() > 0.1
    for part in (found.interaction, found.interaction_low, found.interaction_high, found.interaction_spread):
        np.testing.assert_allclose(part, 0, atol=1e-5)


def test_a_word_that_only_both_variants_make_is_all_interaction():
    genome = MemoryGenome("toy", {"c": "T" * 200}, build="toy-1")
    a, c = Variant("c", 101, "T", "A"), Variant("c", 102, "T", "C")
    found = of(a, c, model=toy_model(Pair), genome=genome)
    assert found.interaction.tolist() == [1.0, 0.0]
    assert found.total.tolist() == [0.0, 0.0]
    assert (found.interaction_low[0], found.interaction_high[0]) == (1.0, 1.0)


def test_members_say_how_far_they_differ_on_an_interaction():
    genome = MemoryGenome("toy", {"c": "A" * 200}, build="toy-1")
    found = of(
        Variant("c", 101, "A", "G"), Variant("c", 102, "A", "T"), model=toy_model(Pair, n_members=2), genome=genome
    )
    assert found.interaction[1] == pytest.approx(1.5)
    assert found.interaction_spread[1] == pytest.approx(np.std([1, 2], ddof=1))
    assert found.interaction_signs_agree.all()


def test_variants_that_no_window_shows_together_are_refused():
    assert of(snv(80), snv(80 + WINDOW // 2 - 1), model=toy_model(Linear))
    with pytest.raises(UserError, match="span 11 bp"):
        of(snv(80), snv(80 + WINDOW // 2), model=toy_model(Linear))


def test_what_cannot_stand_together_is_refused():
    model = toy_model(Linear)
    with pytest.raises(UserError, match="one chromosome"):
        of(snv(80), snv(80, chrom="d"), model=model)
    with pytest.raises(UserError, match="overlaps"):
        of(Variant("c", 81, BASES[80:83], ""), snv(81), model=model)
    with pytest.raises(UserError, match="unknown"):
        of(snv(98, chrom="gap"), model=model)
    with pytest.raises(UserError, match="The genome has"):
        of(Variant("c", 81, "ACGT"["CGTA".index(BASES[80])], BASES[80]), model=model)


def test_every_answer_carries_the_warning_about_personal_genomes():
    assert "not as an answer about a person" in of(snv(80), snv(83), model=toy_model(Linear)).warning
