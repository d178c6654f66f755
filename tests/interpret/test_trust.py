"""The trust strip: each rule at its threshold, and the sentence that draws the conclusion."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from interpret import checks as trust
from interpret.agreement import Agreement
from interpret.attribution import Attribution
from interpret.checks import HOW, Check, checks, correlation
from interpret.faithfulness import Untested
from interpret.headline import Headline, headline
from interpret.trust import sentence
from interpret.wording import signed
from models.core import Prediction, Target
from models.shift import Verdict
from tests.toy_models import WINDOW, toy_spec

MINUS = "\u2212"


def headline_of(value: float = 4.0, members: tuple[float, ...] = (3.9, 4.0, 4.1)) -> Headline:
    spread = float(np.std(members, ddof=1)) if len(members) > 1 else 0.0
    return Headline(value, spread, members, 999, 1099)


def attribution_of(
    strands: np.ndarray | None = None, *, gap: float = 0.001, denominator: float = 4.0, converged: bool = True
) -> Attribution:
    strands = np.tile(np.arange(WINDOW, dtype=np.float32), (2, 1)) if strands is None else strands
    length = strands.shape[1]
    return Attribution(
        sequence=Sequence("A" * length, Locus("toy", 0, length)),
        hypothetical=np.zeros((4, length), np.float32),
        values=strands.mean(0),
        members=strands[:1],
        strands=strands,
        core=(0, length),
        target=Target("one"),
        method="integrated gradients",
        baseline="uniform",
        seed=0,
        points=8,
        gap=gap,
        denominator=denominator,
        relative_gap=abs(gap) / denominator if denominator else 0.0,
        worst_gap=abs(gap),
        converged=converged,
        spec=toy_spec(strand_rule="average"),
        rule="",
    )


def row_of(found: Headline | None = None, attribution: Attribution | None = None, **options) -> dict[str, Check]:
    settings = {"sd": 1.0, "n_share": 0.0, "simple": None} | options
    row = checks(found or headline_of(), attribution, **settings)
    assert len({check.name for check in row}) == len(row)
    return {check.name: check for check in row}


def correlated(r: float) -> np.ndarray:
    """Two rows whose correlation is r."""
    a = np.tile([1.0, -1.0, 1.0, -1.0], 5)
    b = np.tile([1.0, 1.0, -1.0, -1.0], 5)
    return np.stack([a, r * a + np.sqrt(1 - r * r) * b]).astype(np.float32)


@pytest.mark.parametrize(
    ("r", "level"),
    [(1.0, "good"), (0.81, "good"), (0.79, "caution"), (0.51, "caution"), (0.49, "bad"), (0.0, "bad"), (-0.9, "bad")],
)
def test_strands_are_judged_by_their_correlation(r, level):
    check = row_of(attribution=attribution_of(correlated(r)))["Strands"]
    assert check.level == level
    assert check.label == ("Strands agree" if level == "good" else "Strands differ")
    assert check.value == f"{r:.2f}".replace("-", MINUS)
    assert bool(check.concern) == (level != "good")


def test_only_the_locus_itself_is_compared_between_strands():
    strands = correlated(1.0)
    strands[1, :4] = [50, -70, 90, 20]
    found = replace(attribution_of(strands), core=(4, WINDOW))
    assert row_of(attribution=found)["Strands"].level == "good"


def test_without_contributions_there_is_nothing_to_compare():
    check = row_of(attribution=attribution_of(np.zeros((2, WINDOW), np.float32)))["Strands"]
    assert check.level == "caution"
    assert check.concern == "there is nothing to explain"


def test_a_model_of_one_strand_has_no_strand_check():
    assert "Strands" not in row_of(attribution=attribution_of(correlated(0.0)[:1]))


@pytest.mark.parametrize(
    ("spread", "sd", "level"),
    [
        (0.0, 1.0, "good"),
        (0.25, 1.0, "good"),
        (0.26, 1.0, "caution"),
        (0.75, 1.0, "caution"),
        (0.76, 1.0, "bad"),
        (0.76, 4.0, "good"),
    ],
)
def test_members_are_judged_by_their_spread_in_standard_deviations_of_the_track(spread, sd, level):
    found = replace(headline_of(), spread=spread)
    check = row_of(found, sd=sd)["Members"]
    assert check.level == level
    assert check.label == ("Members" if level == "good" else "Members differ")
    assert check.value == f"± {spread:.1f}"


@pytest.mark.parametrize(
    ("members", "level"),
    [
        ((-0.01, 0.01), "bad"),
        ((0.0, 0.01), "bad"),
        ((0.01, 0.02), "good"),
        ((-0.02, -0.01), "good"),
        ((0.0, 0.0), "good"),
    ],
)
def test_members_that_disagree_in_sign_are_bad_however_small_the_spread(members, level):
    check = row_of(headline_of(float(np.mean(members)), members))["Members"]
    assert check.level == level
    assert ("in sign" in check.value) == (level == "bad")


def test_a_single_member_has_no_members_check():
    assert "Members" not in row_of(headline_of(members=(4.0,)))


@pytest.mark.parametrize(
    ("share", "level", "value"),
    [
        (0.0, "good", "none"),
        (0.001, "caution", "0.1%"),
        (0.1, "caution", "10.0%"),
        (0.101, "bad", "10.1%"),
        (1.0, "bad", "100.0%"),
    ],
)
def test_unknown_bases_are_judged_by_their_share(share, level, value):
    check = row_of(n_share=share)["Unknown bases"]
    assert (check.level, check.value) == (level, value)


@pytest.mark.parametrize(
    ("value", "simple", "level"),
    [(4.0, 0.1, "good"), (4.0, -0.1, "caution"), (4.0, 0.0, "caution"), (-1.0, -3.0, "good"), (-1.0, 2.0, "caution")],
)
def test_the_simple_model_is_compared_in_sign(value, simple, level):
    check = row_of(headline_of(value, (value,)), simple=simple)["Simple model"]
    assert check.level == level
    assert check.value == f"says {signed(simple)}"


def test_what_does_not_add_up_is_bad_and_says_by_how_much():
    good = row_of(attribution=attribution_of(gap=0.02))["Adds up"]
    assert (good.level, good.label, good.value) == ("good", "Adds up", "gap 0.5%")
    bad = row_of(attribution=attribution_of(gap=-2.0, converged=False))["Adds up"]
    assert (bad.level, bad.label, bad.value) == ("bad", "Does not add up", "gap 50.0%")


def test_the_gap_is_absolute_where_there_is_almost_no_difference_to_share():
    at = row_of(attribution=attribution_of(gap=-0.0004, denominator=0.1))["Adds up"]
    below = row_of(attribution=attribution_of(gap=-0.0004, denominator=0.09))["Adds up"]
    assert (at.value, below.value) == ("gap 0.4%", "gap 0.000")


def test_the_order_of_the_strip_is_fixed_and_each_check_is_explained():
    found = attribution_of()
    found = replace(found, members=np.stack([found.values, found.values]))
    row = row_of(
        attribution=found,
        simple=1.0,
        like=Verdict("like", stranger_than=0.5),
        agreement=Agreement(()),
        deletion=Untested("not tested", ""),
    )
    named = [
        "Adds up",
        "Methods",
        "Strands",
        "Members",
        "Letters",
        "Deletion",
        "Unknown bases",
        "Like the training data",
        "Simple model",
    ]
    assert list(row) == named == list(HOW)
    for threshold in (trust.STRANDS_GOOD, trust.STRANDS_BAD):
        assert str(threshold) in HOW["Strands"]
    for name, thresholds in (
        ("Methods", (trust.METHODS_GOOD, trust.METHODS_BAD)),
        ("Letters", (trust.LETTERS_GOOD, trust.LETTERS_BAD)),
        ("Deletion", (f"{trust.DELETION_GOOD:g}", f"{trust.DELETION_BAD:g}", f"{trust.DELETION_BEATEN:.0%}")),
    ):
        assert all(str(threshold) in HOW[name] for threshold in thresholds)
    for threshold in (trust.MEMBERS_GOOD, trust.MEMBERS_BAD):
        assert str(threshold) in HOW["Members"]
    assert "10%" in HOW["Unknown bases"]


def said(found: Headline, row, motifs=("resembles CTCF",), *, explained=True, long=False) -> tuple[str, str]:
    return sentence("CTCF binding", "log odds", found, motifs, tuple(row.values()), explained=explained, long=long)


def test_a_sound_positive_answer_is_said_in_full():
    first, second = said(headline_of(), row_of(attribution=attribution_of(), simple=2.0))
    assert first == "CTCF binding is predicted (log odds 4.0)."
    assert second == (
        "The letters rest on one element that resembles CTCF. The contributions add up, and strands and members agree."
    )


def test_a_long_locus_says_where_in_1_based_inclusive_positions():
    first, _ = said(headline_of(), row_of(attribution=attribution_of()), long=True)
    assert first == "CTCF binding is predicted, strongest at 1,000–1,099 (log odds 4.0)."


def test_a_value_beyond_the_checked_range_is_said_to_be():
    first, _ = said(headline_of(17.8, (17.8,)), row_of(headline_of(17.8, (17.8,)), attribution_of()))
    assert first == "CTCF binding is predicted (log odds 17.8, beyond the checked range of ±4)."


def test_a_value_near_even_odds_is_called_weak():
    first, _ = said(headline_of(0.4, (0.4,)), row_of(headline_of(0.4, (0.4,)), attribution_of()))
    assert first == "CTCF binding is weakly predicted (log odds 0.4, near even odds)."


@pytest.mark.parametrize("value", [-3.25, -0.01, 0.0])
def test_a_negative_answer_names_no_element(value):
    first, second = said(headline_of(value, (value,)), row_of(headline_of(value, (value,)), attribution_of()))
    assert first == f"No CTCF binding is predicted here (log odds {signed(value)})."
    assert "element" not in second
    assert "-" not in first


@pytest.mark.parametrize(
    ("motifs", "text"),
    [
        ((), "The letters rest on no element with a known name."),
        (("resembles CTCF",), "The letters rest on one element that resembles CTCF."),
        (("resembles CTCF",) * 2, "The letters rest on 2 elements, each of which resembles CTCF."),
        (("resembles CTCF", "resembles SPI1"), "The letters rest on 2 elements that resemble CTCF and SPI1."),
        (
            ("resembles A", "resembles B", "resembles A", "resembles C"),
            "The letters rest on 4 elements that resemble A, B and C.",
        ),
    ],
)
def test_elements_are_counted_and_named(motifs, text):
    _, second = said(headline_of(), row_of(attribution=attribution_of()), motifs)
    assert second.startswith(text)


def test_a_model_of_one_member_and_strand_is_not_said_to_agree_with_itself():
    row = row_of(headline_of(members=(4.0,)), attribution_of(correlated(1.0)[:1]))
    assert said(headline_of(), row)[1].endswith("The contributions add up.")
    row = row_of(headline_of(members=(4.0,)), attribution_of())
    assert said(headline_of(), row)[1].endswith("The contributions add up, and strands agree.")


def test_a_caution_is_to_be_read_with_care():
    _, second = said(headline_of(), row_of(attribution=attribution_of(), n_share=0.05, simple=-1.0))
    assert second.endswith("Read with care: 5.0% of the bases are unknown (N) and the simple model disagrees.")


def test_a_bad_check_warns_off_the_letters_and_lists_every_concern():
    row = row_of(attribution=attribution_of(correlated(0.1), gap=2, converged=False), n_share=0.05)
    _, second = said(headline_of(), row)
    assert second.endswith(
        "Do not read single letters here: the contributions do not add up to the prediction, the two strands disagree "
        "and 5.0% of the bases are unknown (N)."
    )


def test_without_letters_a_bad_check_warns_off_the_prediction():
    _, second = said(headline_of(), row_of(headline_of(members=(-4.0, 12.0))), explained=False, long=True)
    assert second == "Do not rely on this prediction: the networks disagree whether it is bound."


def test_without_letters_nothing_is_said_of_contributions():
    assert said(headline_of(), row_of(), explained=False, long=True)[1] == ""


def test_nothing_is_praised_while_a_check_is_not_good():
    """Every combination of good and less good."""
    strands = [correlated(r) for r in (1.0, 0.6, 0.1)] + [np.zeros((2, WINDOW), np.float32)]
    members = [(4.0, 4.1), (3.0, 4.0), (-1.0, 9.0)]
    for s, m, n, simple, converged in itertools.product(
        strands, members, (0.0, 0.05, 0.5), (None, 1.0, -1.0), (True, False)
    ):
        row = row_of(headline_of(4.0, m), attribution_of(s, converged=converged), n_share=n, simple=simple)
        _, second = said(headline_of(), row)
        levels = {check.level for check in row.values()}
        assert ("Do not read" in second) == ("bad" in levels)
        assert ("Read with care" in second) == (levels == {"good", "caution"})
        assert ("add up, and" in second) == (levels == {"good"})
        assert all(bool(check.concern) == (check.level != "good") for check in row.values())
        assert "nan" not in second.lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.04, "4.0"), (-3.26, f"{MINUS}3.3"), (-0.04, "0.0"), (0.0, "0.0"), (-0.0, "0.0"), (12345.6, "12345.6")],
)
def test_numbers_have_one_digit_and_a_real_minus(value, text):
    assert signed(value) == text


def prediction_of(values: np.ndarray) -> Prediction:
    """values (n_members, tracks, bins)."""
    bins = values.shape[2]
    starts = np.arange(100, 100 + 10 * bins, 10)
    return Prediction(
        Locus("toy", 100, 100 + 10 * bins),
        values.mean(0),
        values,
        starts,
        starts + 10,
        toy_spec(n_members=len(values)),
        "",
    )


def test_the_headline_is_the_strongest_bin_of_the_track():
    values = np.zeros((2, 2, 5), np.float32)
    values[:, 0, 1] = 9.0
    values[0, 1, 3], values[1, 1, 3] = 2.0, 4.0
    found = headline(prediction_of(values), 1)
    assert (found.value, found.members, found.start, found.end) == (3.0, (2.0, 4.0), 130, 140)
    assert found.spread == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_a_number_is_refused_in_words(wrong):
    values = np.zeros((2, 2, 5), np.float32)
    values[1, 0, 2] = wrong
    with pytest.raises(UserError, match="no number"):
        headline(prediction_of(values), 0)
    assert headline(prediction_of(values), 1).value == 0.0


def test_nan_is_never_printed():
    nan = float("nan")
    row = row_of(attribution=replace(attribution_of(converged=False), gap=nan, relative_gap=nan), simple=nan)
    texts = [*(f"{c.label} {c.value} {c.concern}" for c in row.values()), *said(headline_of(), row)]
    assert not any("nan" in text.lower().replace("unknown", "") for text in texts)
    assert row["Adds up"].level == "bad"
    assert row["Simple model"].level == "caution"


def test_correlation_is_pearsons_and_nan_for_a_constant():
    a, b = np.random.default_rng(0).normal(size=(2, 50)).astype(np.float32)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert correlation(a, -a) == pytest.approx(-1)
    assert np.isnan(correlation(a, np.ones_like(a)))


def like_row(verdict: Verdict) -> Check:
    return row_of(like=verdict)["Like the training data"]


def test_the_badge_says_like_edge_or_unlike_with_the_first_reason():
    like = like_row(Verdict("like", stranger_than=0.4))
    assert (like.label, like.level, like.concern) == ("Like training", "good", "")
    assert (like.value, like.detail) == ("yes", "stranger than 40 % of the training sequences")
    edge = like_row(Verdict("edge", ("GC 71 %: 96 % have less", "another")))
    assert (edge.label, edge.value, edge.level) == (
        "At the edge of training",
        "GC 71 %: 96 % have less",
        "caution",
    )
    unlike = like_row(Verdict("unlike", ("12 % of the bases are N",)))
    assert (unlike.label, unlike.level) == ("Unlike training", "bad")
    assert unlike.concern == "this DNA is unlike the training data"


def test_a_model_whose_training_data_are_not_known_is_not_called_good():
    check = like_row(Verdict("unknown"))
    assert check.level == "caution"
    assert "not known" in check.value
    assert check.concern == ""


def test_dna_of_another_organism_is_a_caution_however_alike():
    scope = ("it was trained on human DNA, and this is yeast DNA",)
    check = like_row(Verdict("like", stranger_than=0.4, scope=scope))
    assert check.level == "caution"
    assert check.concern == scope[0]
    both = like_row(Verdict("unlike", ("12 % of the bases are N",), scope=scope))
    assert both.level == "bad"
    assert both.concern.endswith(scope[0])


def test_nobody_asked_is_no_badge():
    assert "Like the training data" not in row_of()
