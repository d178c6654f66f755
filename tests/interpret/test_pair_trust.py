"""The checks of a pair of alleles, and which words follow from them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from genome.locus import Variant
from interpret.checks import HOW, Check
from interpret.effects import Effect
from interpret.pair_trust import PAIR_HOW, RULES, pair_checks, pair_rule, pair_sentence
from tests.toy_models import toy_spec

SPEC = toy_spec(n_members=3)
GOOD = (Check("Members", "Members", "± 0.1", "good"), Check("Methods", "Methods agree", "0.90", "good"))
LETTERS = (GOOD[0], Check("Methods", "Methods differ", "0.10", "bad", "the methods disagree"))
UNLIKE = (
    Check("Like the training data", "Unlike training", "GC", "bad", "this DNA is unlike the training data"),
    GOOD[1],
)
CARE = (GOOD[0], Check("Methods", "Methods differ", "0.60", "caution", "the methods disagree at 2 bases"))


def of(
    delta: float, *, low: float | None = None, high: float | None = None, agree: bool = True, before: float = 2.0
) -> Effect:
    def row(value: float) -> np.ndarray:
        return np.array([value, 0.0], np.float32)

    return Effect(
        (Variant("toy", 5, "A", "C"),), row(before), row(before + delta), row(delta), row(0.2),
        row(delta if low is None else low), row(delta if high is None else high), np.array([agree, True]), "In windows.",
    )  # fmt: skip


def checks_of(effect: Effect, ref=GOOD, alt=GOOD, n_members: int = 3):
    return pair_checks(effect, 0, 1.0, n_members, (ref, alt))


def test_every_rule_is_reached_and_none_stands_in_the_shadow_of_those_above():
    seen = set()
    for delta, agree, (low, high), ref, alt, members in itertools.product(
        (-1.0, 0.01), (True, False), ((None, None), (-1.0, 0.5)), (GOOD, LETTERS, UNLIKE, CARE), (GOOD, CARE), (1, 3)
    ):
        seen.add(pair_rule(checks_of(of(delta, agree=agree, low=low, high=high), ref, alt, members)).name)
    assert seen == {rule.name for rule in RULES}


@pytest.mark.parametrize(("ref", "alt", "words"), [(UNLIKE, GOOD, "with REF this"), (GOOD, UNLIKE, "with ALT this"), (UNLIKE, UNLIKE, "with either allele this")])  # fmt: skip
def test_both_alleles_must_pass_and_the_one_that_fails_is_named(ref, alt, words):
    row = checks_of(of(-1.0), ref, alt)
    _, rest = pair_sentence("A>C", SPEC, of(-1.0), 0, row)
    assert rest.startswith("Do not rely on this effect")
    assert words in rest


def test_the_worse_allele_decides_the_colour_and_both_values_are_shown():
    row = {check.name: check for check in checks_of(of(-1.0), GOOD, CARE)}
    assert row["Methods"].level == "caution"
    assert row["Methods"].value == "REF 0.90 · ALT 0.60"
    assert row["Members"].value == "± 0.1"
    assert set(row) <= set(PAIR_HOW)
    assert set(HOW) <= set(PAIR_HOW)


def test_networks_that_disagree_in_sign_are_said_aloud_whatever_else_holds():
    effect = of(-1.0, agree=False)
    first, rest = pair_sentence("A>C", SPEC, effect, 0, checks_of(effect, UNLIKE))
    assert "−1.00 ± 0.20 between networks" in first
    assert rest == "Do not read a direction: the networks disagree about its sign."


def test_one_network_has_no_direction_to_check_and_claims_none():
    row = checks_of(of(-1.0), n_members=1)
    assert "Direction" not in {check.name for check in row}
    assert pair_rule(row).name == "good"
    assert "networks" not in " ".join(pair_sentence("A>C", toy_spec(), of(-1.0), 0, row))


@pytest.mark.parametrize(
    ("before", "delta", "verb"),
    [
        (2.0, -3.0, "takes away the predicted one"),
        (-2.0, 3.5, "creates predicted one"),
        (4.0, -1.0, "lowers one"),
        (4.0, 1.0, "raises one"),
        (4.0, 0.05, "hardly changes one"),
        (4.0, 0.0, "does nothing to one"),
    ],
)
def test_what_a_change_does_is_said_in_a_verb(before, delta, verb):
    effect = of(delta, before=before)
    first, _ = pair_sentence("A>C", SPEC, effect, 0, checks_of(effect))
    assert f"A>C {verb}" in first
    assert "log odds" in first
