"""The gate: a better model passes, a lucky one does not, and one that forgot is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiment.refine_gate import Judged, Verdict, judge

N = 400


def judged(name: str, *, new: bool, before: float, after: float, n: int = N, seed: int = 0) -> Judged:
    """Answers that follow the measurement with so much of the truth in them."""
    random = np.random.default_rng(seed)
    truth, noise = random.normal(size=n), random.normal(size=n)
    said = {share: share * truth + (1 - share) * noise for share in (before, after)}
    return Judged(name, new, truth, said[before], said[after], said[before], np.arange(n))


def test_a_model_that_is_better_and_forgot_nothing_passes():
    verdict = judge(
        [judged("new", new=True, before=0.3, after=0.7), judged("old", new=False, before=0.6, after=0.6, seed=1)]
    )
    assert verdict.accepted
    assert verdict.changes[0].low > 0
    assert verdict.changes[1].change == 0


def test_a_model_that_is_worse_on_old_rows_is_refused():
    verdict = judge(
        [judged("new", new=True, before=0.3, after=0.9), judged("old", new=False, before=0.7, after=0.4, seed=1)]
    )
    assert not verdict.accepted
    assert any("Worse on the old rows of old" in words for words in verdict.words)


def test_a_model_that_is_no_better_on_new_rows_is_refused():
    verdict = judge(
        [judged("new", new=True, before=0.5, after=0.5), judged("old", new=False, before=0.5, after=0.5, seed=1)]
    )
    assert not verdict.accepted
    assert any("beyond noise" in words for words in verdict.words)


def test_few_old_rows_do_not_show_that_nothing_was_forgotten():
    verdict = judge(
        [
            judged("new", new=True, before=0.3, after=0.8),
            judged("old", new=False, before=0.50, after=0.49, n=25, seed=3),
        ]
    )
    assert not verdict.accepted or verdict.changes[1].low >= -verdict.bound


def test_without_old_rows_nothing_is_accepted():
    verdict = judge([judged("new", new=True, before=0.3, after=0.8)])
    assert not verdict.accepted
    assert "not known" in verdict.words[-1]


def test_a_new_head_passes_only_where_the_old_tracks_answer_as_before():
    better = [judged("new", new=True, before=0.3, after=0.8)]
    assert judge(better, unchanged=0.0).accepted
    assert not judge(better, unchanged=0.5).accepted


def test_the_draws_are_of_whole_clusters_so_copies_of_a_row_make_nothing_surer():
    one = judged("new", new=True, before=0.45, after=0.55, n=60)
    copies = Judged(one.name, True, *(np.tile(v, 20) for v in (one.measured, one.before, one.after, one.naive)), np.tile(one.clusters, 20))  # fmt: skip
    alone, copied = (judge([rows]).changes[0] for rows in (one, copies))
    assert abs((copied.high - copied.low) - (alone.high - alone.low)) < 0.05


def test_a_verdict_goes_to_json_and_back():
    verdict = judge([judged("new", new=True, before=0.3, after=0.8)])
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert replace(verdict, accepted=True) != verdict


def test_old_rows_that_the_parent_may_have_learned_from_are_named():
    """A parent knows them by heart, so that every change seems to forget: the gate says so, and judges all the same."""
    new, old = judged("new", new=True, before=0.3, after=0.7), judged("old", new=False, before=0.6, after=0.6, seed=1)
    assert not any("by heart" in words for words in judge([new, old]).words)
    assert any("old does not say which rows" in words for words in judge([new, replace(old, stated=False)]).words)
    assert not any("by heart" in words for words in judge([replace(new, stated=False), old]).words)
