"""The sentence in each reading of a number: one table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genome.locus import Locus
from interpret.checks import Check, checks
from interpret.headline import Headline, headline
from interpret.trust import sentence
from interpret.wording import SENTENCES, Interval, Said, digits_for, first_sentence, reading, signed
from models.core import Prediction, Track
from tests.toy_models import toy_spec

UNIT = "log2(RNA/DNA)"
RANK = "higher than 93 % of 5,412 windows of measured K562 open chromatin (hg19 demo)"
PLACE = "1,000–1,099"
INTERVAL = Interval(0.4, 2.0, 0.9)
ACTIVITY = Said("K562 activity", UNIT, 1.2)
MINUS = "\u2212"


@pytest.mark.parametrize(
    ("unit", "kind", "how"),
    [
        ("log odds", "scalar", "odds"),
        (UNIT, "scalar", "activity"),
        ("z-score", "scalar", "activity"),
        ("reads", "profile", "reads"),
    ],
)
def test_the_unit_and_kind_decide_how_a_number_is_read(unit, kind, how):
    assert reading(unit, kind) == how
    assert how in SENTENCES


@pytest.mark.parametrize(
    ("what", "how", "words"),
    [
        (Said("CTCF binding", "log odds", 2.0), "odds", "CTCF binding is predicted (log odds 2.0)."),
        (
            Said("CTCF binding", "log odds", 0.4, place=PLACE),
            "odds",
            f"CTCF binding is weakly predicted, strongest at {PLACE} (log odds 0.4, near even odds).",
        ),
        (
            Said("CTCF binding", "log odds", -6.0, place=PLACE),
            "odds",
            f"No CTCF binding is predicted here (at most log odds {MINUS}6.0, beyond the checked range of ±4).",
        ),
        (ACTIVITY, "activity", f"K562 activity is predicted to be 1.2 {UNIT}."),
        (replace(ACTIVITY, value=0.0), "activity", f"K562 activity is predicted to be 0.0 {UNIT}."),
        (replace(ACTIVITY, value=-0.3), "activity", f"K562 activity is predicted to be {MINUS}0.3 {UNIT}."),
        (
            replace(ACTIVITY, interval=INTERVAL),
            "activity",
            f"K562 activity is predicted to be 1.2 {UNIT} (90 % of such measurements fall between 0.4 and 2.0).",
        ),
        (replace(ACTIVITY, rank=RANK), "activity", f"K562 activity is predicted to be 1.2 {UNIT}, {RANK}."),
        (
            replace(ACTIVITY, place=PLACE, interval=INTERVAL, rank=RANK),
            "activity",
            f"K562 activity is predicted to be up to 1.2 {UNIT} (90 % of such measurements fall between 0.4 and 2.0), "
            f"highest at {PLACE}, {RANK}.",
        ),
        (replace(ACTIVITY, value=0.031, sd=0.05), "activity", f"K562 activity is predicted to be 0.03 {UNIT}."),
        (
            Said("Accessibility", "reads", 3.2, total=41.4, peak="12,345"),
            "reads",
            "Accessibility: 41 reads expected, most at 12,345.",
        ),
        (
            Said("Accessibility", "reads", 0.1, total=2.34, peak="12,345", rank="lower than all"),
            "reads",
            "Accessibility: 2.3 reads expected, most at 12,345; lower than all.",
        ),
    ],
)
def test_each_reading_is_said_in_its_own_words(what, how, words):
    assert first_sentence(what, how) == words


def test_an_activity_is_never_said_to_be_absent_weak_or_beyond_a_range():
    for value in np.linspace(-9, 9, 37):
        words = first_sentence(replace(ACTIVITY, value=float(value)), "activity")
        assert not any(word in words for word in ("No ", "weak", "odds", "range"))
        assert signed(float(value)) in words


@pytest.mark.parametrize(("sd", "digits"), [(4.9, 1), (1.0, 1), (0.8, 1), (0.2, 1), (0.09, 2), (0.004, 3)])
def test_small_numbers_have_the_digits_that_tell_a_tenth_of_their_spread(sd, digits):
    assert digits_for(sd) == digits


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(-0.04, 1, "0.0"), (-0.04, 2, f"{MINUS}0.04"), (-0.004, 2, "0.00"), (1.25, 0, "1")]
)
def test_zero_has_no_minus_at_any_number_of_digits(value, digits, text):
    assert signed(value, digits) == text


def row(value: float = 0.2, members=(-0.1, 0.5), **options) -> dict[str, Check]:
    found = Headline(value, float(np.std(members, ddof=1)), members, 999, 1099)
    made = checks(found, None, **{"sd": 1.0, "n_share": 0.0, "simple": None} | options)
    return {check.name: check for check in made}


def test_members_on_either_side_of_zero_disagree_about_log_odds_only():
    assert row(sd=4.0)["Members"].level == "bad"
    assert row(sd=4.0, how="activity")["Members"].level == "good"
    assert row(sd=0.1, how="activity")["Members"].level == "bad"


@pytest.mark.parametrize(
    ("simple", "how", "interval", "level"),
    [
        (-0.2, "odds", None, "caution"),
        (-0.2, "activity", None, "good"),
        (0.69, "activity", None, "good"),
        (0.71, "activity", None, "caution"),
        (-0.4, "activity", None, "caution"),
        (0.99, "activity", Interval(-0.6, 1.0, 0.9), "good"),
        (1.01, "activity", Interval(-0.6, 1.0, 0.9), "caution"),
        (float("nan"), "activity", None, "caution"),
    ],
)
def test_the_simple_model_is_compared_in_sign_for_odds_and_in_distance_for_an_activity(simple, how, interval, level):
    assert row(simple=simple, how=how, interval=interval)["Simple model"].level == level


def test_reads_are_not_compared_with_a_model_of_something_else():
    assert "Simple model" not in row(simple=5.0, how="reads")


def test_the_letters_of_an_activity_are_explained_whatever_its_sign():
    found = Headline(-0.3, 0.0, (-0.3,), 999, 1099)
    for value, unit in ((-0.3, UNIT), (0.0, UNIT)):
        _, rest = sentence(
            "K562 activity", unit, replace(found, value=value), ["resembles CTCF"], (), explained=True, long=False
        )
        assert rest.startswith("The letters rest on one element that resembles CTCF.")


def profile_prediction(members: np.ndarray) -> Prediction:
    """members (n, 2, bins), bins of 1 bp from 90, of which the locus shows 100 to 110."""
    spec = toy_spec(n_members=len(members))
    tracks = tuple(
        Track(name, "toy", "none", "reads", strand=strand, kind="profile")
        for name, strand in (("plus", "+"), ("minus", "-"))
    )
    starts = np.arange(90, 90 + members.shape[2])
    return Prediction(
        Locus("toy", 100, 110), members.mean(0), members, starts, starts + 1, replace(spec, tracks=tracks), ""
    )


def test_a_profile_counts_the_reads_that_are_on_screen_and_says_where_most_are():
    members = np.ones((2, 2, 40), np.float32)
    members[:, 0, 14] = 32.0
    members[:, 0, 3] = 99.0  # beyond the locus
    found = headline(profile_prediction(members), 0)
    assert (found.start, found.total) == (104, 41.0)
    assert found.members == pytest.approx([np.log1p(51)] * 2)  # both strands, as the log counts that are explained
    first, _ = sentence("Reads", "reads", found, [], (), explained=False, long=True, kind="profile")
    assert first == "Reads: 41 reads expected, most at 105."
