"""The table of rules: every line is reached, none stands in the shadow of those above it, and what each says."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from interpret.agreement import Agreed, Agreement
from interpret.checks import HOW, Check, checks, strip
from interpret.faithfulness import Deletion, Untested
from interpret.trust import NOTHING, RULES, Facts, conclusion, rule_for
from interpret.wording import Interval
from models.shift import Verdict
from tests.interpret.test_trust import attribution_of, correlated, headline_of

NONE = np.zeros(0, np.int64)
ELEMENTS = "The letters rest on 2 elements that resemble CTCF and ETS."


def agreement(r: float, places: int = 12) -> Agreement:
    return Agreement((Agreed("gradient x input", "uniform", r, np.arange(places)),))


def deletion(ratio: float, beaten: float = 1.0) -> Deletion:
    others = np.where(np.arange(20) < 20 * beaten, ratio - 0.5, ratio + 0.5)
    others = others - others.mean() + 1 if ratio > 1 else np.ones(20)
    return Deletion(np.arange(10), np.full(20, float(ratio)), others, 10, 4.0, 1)


def answers(explained: bool):
    """Rows of checks as real answers give them."""
    letters = [
        attribution_of(correlated(r)[:n], converged=converged)
        for r in (1.0, 0.6, 0.1)
        for n in (1, 2)
        for converged in (True, False, None)
    ]
    choices = itertools.product(
        letters if explained else [None],
        [(4.0, 4.1), (3.0, 4.0), (-1.0, 9.0), (4.0,)],
        (0.0, 0.05, 0.5),
        [None, Verdict("like", stranger_than=0.4), Verdict("edge", ("GC 71 %",)), Verdict("unknown")],
        [None, Agreement(()), agreement(0.9), agreement(0.5), agreement(0.1)],
        [None, Untested(NOTHING, ""), Untested("not tested: would take 20 s", ""), deletion(12), deletion(0.5)],
    )
    for found, members, n_share, like, agreed, deleted in choices:
        yield checks(
            headline_of(members=members),
            found,
            sd=1.0,
            n_share=n_share,
            simple=None,
            like=like,
            agreement=agreed,
            deletion=deleted,
        )


ROWS = {explained: list(answers(explained)) for explained in (True, False)}
FACTS = [Facts(row, explained, ELEMENTS if explained else "") for explained, rows in ROWS.items() for row in rows]
FACTS += [replace(FACTS[0], unknown=True, elements=""), Facts((), True), Facts((), False)]


def test_every_rule_is_reached_by_some_answer():
    reached = {rule_for(facts).name for facts in FACTS}
    assert [rule.name for rule in RULES if rule.name not in reached] == []


def test_no_rule_can_be_moved_or_left_out_without_a_difference():
    """A rule in the shadow of those above it would say nothing that another does not."""
    for rule in RULES:
        rest = tuple(other for other in RULES if other is not rule)
        with_it = [facts for facts in FACTS if rule_for(facts) is rule]
        without = [next((other for other in rest if other.when(facts)), None) for facts in with_it]
        assert with_it
        assert any(other is None or other.says != rule.says for other in without), rule.name


def test_names_are_told_apart_and_every_answer_has_a_rule():
    assert len({rule.name for rule in RULES}) == len(RULES)
    for facts in FACTS:
        rule_for(facts)


def test_the_worst_check_decides():
    for facts in FACTS:
        words = conclusion(facts)
        if facts.unknown:
            continue
        assert ("Do not" in words) == bool(facts.bad)
        assert ("Do not read single letters" in words) == bool(facts.bad and facts.explained)
        assert ("Read with care" in words) == bool(facts.concerns and not facts.bad)
        assert not facts.concerns or not re.search(r"\bagree\b|add up,", words)
        for concern in facts.concerns:
            assert concern in words


def test_sentences_are_whole():
    for facts in FACTS:
        words = conclusion(facts)
        assert not words or (words[0].isupper() and words.endswith("."))
        assert "  " not in words
        assert "{" not in words
        assert ".;" not in words
        assert ".." not in words


def said(elements: str = ELEMENTS, **changes) -> str:
    settings = {"sd": 1.0, "n_share": 0.0, "simple": None} | changes
    return conclusion(Facts(checks(headline_of(), attribution_of(correlated(1.0)), **settings), True, elements))


LIKE = Verdict("like", stranger_than=0.4)


def test_a_sound_answer_is_said_as_a_biologist_would():
    words = said(agreement=agreement(0.91), like=LIKE, deletion=deletion(12))
    assert words == (
        "The letters rest on 2 elements that resemble CTCF and ETS; methods agree; the sequence is like the training data."
    )
    assert said("", agreement=agreement(0.91), like=LIKE) == "Methods agree; the sequence is like the training data."
    assert said(agreement=agreement(0.91)).endswith("CTCF and ETS; methods agree.")


def test_letters_that_nothing_supports_are_warned_off():
    row = checks(
        headline_of(),
        attribution_of(correlated(1.0), converged=False),
        sd=1.0,
        n_share=0.0,
        simple=None,
        agreement=agreement(0.1),
    )
    assert conclusion(Facts(row, True)) == (
        "Do not read single letters here: the contributions do not add up to the prediction and the methods disagree at "
        "12 bases."
    )


def test_a_prediction_in_doubt_takes_its_letters_with_it():
    words = said(like=Verdict("unlike", ("12 % of the bases are N",)), agreement=agreement(0.9))
    assert words.endswith(
        "Do not read single letters here, nor rely on the prediction: this DNA is unlike the training data."
    )


def test_where_there_is_nothing_to_explain_the_sentence_says_so():
    words = said("", agreement=agreement(0.9), like=LIKE, deletion=Untested(NOTHING, "Shuffled, ..."))
    assert words.startswith("There is little for the letters to explain")


def test_a_test_that_was_left_out_is_neither_praised_nor_blamed():
    untested = Untested("not tested: would take 20 s", "It was left out for its time.")
    row = {check.name: check for check in checks(
        headline_of(), attribution_of(correlated(1.0)), sd=1.0, n_share=0.0, simple=None, deletion=untested,
        agreement=Agreement((), (("DeepLIFT", "it does not cover this network"),)),
    )}  # fmt: skip
    assert (row["Deletion"].level, row["Deletion"].value) == ("open", "not tested: would take 20 s")
    assert (row["Methods"].level, row["Methods"].value) == ("open", "not compared")
    assert "it does not cover this network" in row["Methods"].detail
    assert "methods agree" not in conclusion(Facts(tuple(row.values()), True)).lower()


def check_of(name: str, **changes) -> Check:
    settings = {"sd": 1.0, "n_share": 0.0, "simple": None} | changes
    row = checks(headline_of(), settings.pop("letters", attribution_of(correlated(1.0))), **settings)
    return next(check for check in row if check.name == name)


@pytest.mark.parametrize(
    ("r", "level", "value"),
    [
        (1.0, "good", "1.00"),
        (0.75, "good", "0.75"),
        (0.74, "caution", "0.74"),
        (0.25, "caution", "0.25"),
        (0.24, "bad", "0.24"),
        (-0.5, "bad", "\u22120.50"),
        (float("nan"), "caution", "no contributions to compare"),
    ],
)
def test_methods_are_judged_by_their_rank_correlation(r, level, value):
    check = check_of("Methods", agreement=agreement(r))
    assert (check.level, check.value) == (level, value)
    assert bool(check.concern) == (level != "good")
    assert "gradient x input" in check.detail
    assert "nan" not in check.detail


@pytest.mark.parametrize(
    ("places", "words"), [(12, "at 12 bases"), (1, "at 1 base"), (0, "about the order of the bases")]
)
def test_the_concern_counts_the_bases(places, words):
    assert check_of("Methods", agreement=agreement(0.5, places)).concern == f"the methods disagree {words}"


@pytest.mark.parametrize(
    ("ratio", "beaten", "level", "value"),
    [
        (12.4, 1.0, "good", "12x random"),
        (2.0, 0.95, "good", "2.0x random"),
        (2.0, 0.9, "caution", "2.0x random"),
        (1.9, 1.0, "caution", "1.9x random"),
        (1.0, 0.0, "bad", "1.0x random"),
        (0.2, 0.0, "bad", "0.2x random"),
        (60.0, 1.0, "good", "over 50x random"),
    ],
)
def test_deletion_is_judged_by_how_much_more_than_others_the_strongest_cost(ratio, beaten, level, value):
    others = np.ones(20)
    if beaten and ratio > 1:
        costly = round(20 * (1 - beaten))
        others[:costly] = ratio
        others[costly:] -= (others.sum() - 20) / (20 - costly)
    check = check_of("Deletion", deletion=Deletion(np.arange(10), np.full(20, ratio), others, 10, 4.0, 1))
    assert (check.level, check.value) == (level, value)
    assert bool(check.concern) == (level != "good")
    assert "10 highest bases" in check.detail


@pytest.mark.parametrize(
    ("spread", "level"), [(0.0, "good"), (0.5, "good"), (0.51, "caution"), (1.0, "caution"), (1.01, "bad")]
)
def test_letters_are_judged_by_their_spread_as_a_share_of_them(spread, level):
    found = attribution_of(correlated(1.0))
    half = spread / np.sqrt(2)
    members = np.stack([found.values * (1 + half), found.values * (1 - half)])
    check = check_of("Letters", letters=replace(found, members=members.astype(np.float32)))
    assert (check.level, check.value) == (level, f"± {spread:.0%}")
    assert bool(check.concern) == (level != "good")


def test_good_checks_that_say_nothing_are_left_out_of_the_strip_and_others_never():
    for row in ROWS[True]:
        drawn = strip(row)
        assert {check for check in row if check.level != "good"} <= set(drawn)
        assert [check for check in row if check in drawn] == list(drawn)
        assert {check.name for check in set(row) - set(drawn)} <= {"Letters", "Unknown bases"}
        assert {check.name for check in row} <= set(HOW)


def test_nothing_of_an_interval_is_needed_for_the_table():
    assert said(interval=Interval(0, 1, 0.9), how="activity").startswith("The letters rest on 2 elements")
