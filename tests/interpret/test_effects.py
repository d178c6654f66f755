"""The effect of a change, against brute force on strings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from interpret.effects import Effect, effect, span
from models.core import Model
from models.predict import predict
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model

FIRST = 1_000  # genome position of the first base
LENGTH = 12 * WINDOW
BASES = random_bases(LENGTH, seed=4)
REFERENCE = Sequence(BASES, Locus("toy", FIRST, FIRST + LENGTH))
MODEL = toy_model(Linear)
RUN = toy_engine(MODEL).runner(MODEL.spec.model_id)
MIDDLE = LENGTH // 2


def change(start: int, n_deleted: int, alt: str) -> Variant:
    """A change of the bases from ``start`` (counted in BASES)."""
    return Variant("toy", FIRST + start + 1, BASES[start : start + n_deleted], alt)


def substitution(start: int) -> Variant:
    return change(start, 1, "ACGT"["CGTA".index(BASES[start])])


def of(*edits: Variant, model: Model = MODEL, **options) -> Effect:
    run = RUN if model is MODEL else toy_engine(model).runner(model.spec.model_id)
    return effect(run, model.spec, REFERENCE, edits, **options)


def changed_string(edits: tuple[Variant, ...]) -> str:
    """The edited bases, by cutting strings from the right."""
    bases = BASES
    for edit in sorted(edits, reverse=True):
        start = edit.start - FIRST
        assert bases[start : start + len(edit.ref)] == edit.ref
        bases = bases[:start] + edit.alt + bases[start + len(edit.ref) :]
    return bases


def answer(bases: str, start: int) -> np.ndarray:
    """What the linear model says of one window, worked out by hand: (tracks,)."""
    weights, bias = MODEL.members[0].weights.numpy(), MODEL.members[0].bias.numpy()
    total = bias.astype(np.float64).copy()
    for offset, base in enumerate(bases[start : start + WINDOW]):
        total += weights[:, "ACGT".index(base), offset]
    return total


def by_hand(edits: tuple[Variant, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """before (placements, tracks), after, for the windows that the rule states."""
    first = min(edit.start for edit in edits) - FIRST
    last = max(max(edit.end, edit.start + 1) for edit in edits) - FIRST
    starts = [(first + last) // 2 - WINDOW // 2 + move for move in (-5, -2, 0, 2, 5)]  # WINDOW = 20: a quarter is 5
    changed = changed_string(edits)
    return np.array([answer(BASES, s) for s in starts]), np.array([answer(changed, s) for s in starts])


@st.composite
def one_or_several_edits(draw):
    """Changes of at most half a window altogether, that do not touch."""
    place, edits = MIDDLE, []
    for _ in range(draw(st.integers(1, 3))):
        place += draw(st.integers(0, 2))
        n_deleted = draw(st.integers(0, 3))
        alt = draw(st.text("ACGT", min_size=0 if n_deleted else 1, max_size=6))
        if place + max(n_deleted, 1) - MIDDLE > WINDOW // 2:
            break
        if BASES[place : place + n_deleted] != alt:
            edits.append(change(place, n_deleted, alt))
            if span(tuple(edits)) > WINDOW // 2:
                edits.pop()
                break
        place += n_deleted + 1
    return tuple(edits) or (substitution(MIDDLE),)


@settings(max_examples=200, deadline=None)
@given(one_or_several_edits())
def test_the_effect_on_a_linear_model_is_what_strings_and_sums_give(edits):
    found = of(*edits)
    before, after = by_hand(edits)
    assert np.allclose(found.before, before.mean(0), atol=1e-4)
    assert np.allclose(found.after, after.mean(0), atol=1e-4)
    assert np.allclose(found.delta, (after - before).mean(0), atol=1e-4)
    assert np.allclose(found.low, (after - before).min(0), atol=1e-4)
    assert np.allclose(found.high, (after - before).max(0), atol=1e-4)


@pytest.mark.parametrize("window", [WINDOW, 21, 22, 23, 26, 30])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_every_window_holds_every_changed_base(window, share):
    """A substitution that a window missed would have no effect there."""
    model = toy_model(Linear, window=window)
    model.members[0].weights[:] = 0
    model.members[0].weights[:, "ACGT".index("A")] = 1.0  # counts A
    n_changed = max(1, int(window * share))
    edit = change(MIDDLE, n_changed, "A" * n_changed)
    found = of(edit, model=model)
    added = n_changed - edit.ref.count("A")
    assert added > 0
    assert np.allclose(found.low, added, atol=1e-4)
    assert np.allclose(found.high, added, atol=1e-4)


def test_a_change_and_its_delta_belong_together():
    found = of(substitution(MIDDLE), model=toy_model(Curved, n_members=3, strand_rule="average"))
    assert np.allclose(found.after - found.before, found.delta, atol=1e-6)
    assert (found.low <= found.delta + 1e-6).all()
    assert (found.delta <= found.high + 1e-6).all()


def test_undoing_a_change_has_the_opposite_effect():
    edit = substitution(MIDDLE)
    there = of(edit)
    changed = edited(REFERENCE, (edit,))
    back = effect(
        RUN,
        MODEL.spec,
        Sequence(changed.bases, changed.locus),
        (Variant("toy", edit.position, edit.alt, edit.ref),),
    )
    assert np.allclose(there.delta, -back.delta, atol=1e-6)
    assert np.allclose(there.before, back.after, atol=1e-6)


@pytest.mark.parametrize(
    "edits",
    [
        (substitution(MIDDLE),),
        (change(MIDDLE, 3, ""),),
        (change(MIDDLE - 2, 0, "GA"),),
        (substitution(MIDDLE - 4), change(MIDDLE, 2, "T"), substitution(MIDDLE + 4)),
    ],
)
@pytest.mark.parametrize("length", [9, WINDOW - 2])
def test_in_one_window_the_effect_is_the_difference_of_the_predictions_shown(edits, length):
    model = toy_model(Curved, n_members=2, strand_rule="average")
    run = toy_engine(model).runner(model.spec.model_id)
    start = FIRST + MIDDLE - length // 2
    shown = Locus("toy", start, start + length)
    found = effect(run, model.spec, REFERENCE, edits, shown=shown)
    before = predict(run, model.spec, REFERENCE, shown)
    after = predict(run, model.spec, edited(REFERENCE, edits), shown)
    assert np.allclose(found.before, before.values[:, 0], atol=1e-6)
    assert np.allclose(found.after, after.values[:, 0], atol=1e-6)
    assert np.allclose(found.delta, after.values[:, 0] - before.values[:, 0], atol=1e-6)
    assert found.low.tolist() == found.high.tolist()
    assert "centred on the locus" in found.rule


def test_an_insertion_that_no_longer_fits_the_shown_window_is_told_from_windows_around_it():
    shown = Locus("toy", FIRST + MIDDLE - WINDOW // 2, FIRST + MIDDLE + WINDOW // 2)
    edits = (change(MIDDLE, 0, "A"),)
    found = of(*edits, shown=shown)
    assert np.allclose(found.delta, of(*edits).delta, atol=1e-6)
    assert "Mean of 5 windows" in found.rule


@pytest.mark.parametrize(("placements", "moves"), [(1, (0,)), (3, (-5, 0, 5)), (5, (-5, -2, 0, 2, 5))])
def test_the_model_says_in_how_many_windows_a_change_is_read(placements, moves):
    model = toy_model(Linear)
    model.spec = replace(model.spec, placements=placements)
    edit = substitution(MIDDLE)
    found = of(edit, model=model)
    starts = [MIDDLE - WINDOW // 2 + move for move in moves]
    deltas = [answer(changed_string((edit,)), start) - answer(BASES, start) for start in starts]
    assert np.allclose(found.delta, np.mean(deltas, axis=0), atol=1e-5)
    assert np.allclose(found.low, np.min(deltas, axis=0), atol=1e-5)
    assert ("centred on the change" in found.rule) == (placements == 1)


def test_an_insertion_longer_than_half_a_window_is_refused_like_a_deletion():
    for edit in (change(MIDDLE, 0, "A" * (WINDOW // 2 + 1)), change(MIDDLE, WINDOW // 2 + 1, "")):
        with pytest.raises(UserError, match=f"span {WINDOW // 2 + 1} bp"):
            of(edit)


def test_deleting_the_whole_shown_locus_still_has_an_effect():
    edits = (change(MIDDLE, 4, ""),)
    shown = Locus("toy", FIRST + MIDDLE, FIRST + MIDDLE + 4)
    assert np.allclose(of(*edits, shown=shown).delta, of(*edits).delta, atol=1e-6)


def test_windows_that_run_past_the_given_bases_see_n_there():
    """At the edge of what is known (a chromosome's end) the windows hold N, which a linear model ignores."""
    reference = Sequence(BASES[:WINDOW], Locus("toy", FIRST, FIRST + WINDOW))
    for start in (0, WINDOW - 1):
        found = effect(RUN, MODEL.spec, reference, (substitution(start),))
        surrounded = Sequence("N" * 40 + BASES[:WINDOW] + "N" * 40, Locus("toy", FIRST - 40, FIRST + WINDOW + 40))
        expected = effect(RUN, MODEL.spec, surrounded, (substitution(start),))
        assert np.allclose(found.delta, expected.delta, atol=1e-6)
        assert np.abs(found.delta).max() > 0


def test_a_reference_allele_that_is_not_there_is_refused():
    wrong = "ACGT"["CGTA".index(BASES[MIDDLE])]
    alt = next(base for base in "ACGT" if base != wrong)
    with pytest.raises(UserError, match=f"has {BASES[MIDDLE]} at toy"):
        of(Variant("toy", FIRST + MIDDLE + 1, wrong, alt))


def test_changes_too_far_apart_for_one_window_are_refused_with_the_span():
    fits = (substitution(MIDDLE), substitution(MIDDLE + WINDOW // 2 - 1))
    assert of(*fits).edits == fits
    with pytest.raises(UserError, match=f"span {WINDOW // 2 + 1} bp.*{WINDOW} bp"):
        of(substitution(MIDDLE), substitution(MIDDLE + WINDOW // 2))


@pytest.mark.parametrize("position", [FIRST - 50, FIRST + LENGTH + 50])
def test_a_change_outside_the_bases_is_refused_rather_than_given_no_effect(position):
    with pytest.raises(UserError, match="too far"):
        of(Variant("toy", position, "A", "C"))
    with pytest.raises(UserError, match="too far"):
        of(substitution(MIDDLE), Variant("toy", position, "A", "C"), shown=Locus("toy", FIRST + 100, FIRST + 110))


def test_overlapping_changes_are_refused():
    with pytest.raises(UserError, match="overlaps"):
        of(change(MIDDLE, 4, ""), change(MIDDLE + 2, 4, ""))


def test_no_change_is_a_programmers_error():
    with pytest.raises(ValueError, match="edits"):
        of()


def weighted(*weights: float) -> Model:
    """An ensemble whose member k adds weights[k] for every A, on track one; track two does not move."""
    model = toy_model(Linear, n_members=len(weights))
    for member, weight in zip(model.members, weights, strict=True):
        member.weights[:] = 0
        member.weights[0, 0] = weight
    return model


def to_a() -> Variant:
    start = next(i for i in range(MIDDLE, LENGTH) if BASES[i] != "A")
    return Variant("toy", FIRST + start + 1, BASES[start], "A")


def test_spread_and_agreement_between_members_are_exact():
    found = of(to_a(), model=weighted(1.0, 2.0, 6.0))
    assert found.delta.tolist() == [3.0, 0.0]
    assert np.allclose(found.spread, [np.std([1, 2, 6], ddof=1), 0.0])
    assert found.signs_agree.tolist() == [True, True]


@pytest.mark.parametrize(("weights", "agree"), [((1.0, -1.0), False), ((1.0, 0.0), False), ((-2.0, -1.0), True)])
def test_members_that_differ_in_sign_are_said_to(weights, agree):
    assert of(to_a(), model=weighted(*weights)).signs_agree[0] == agree


def test_a_single_member_has_no_spread_and_agrees_with_itself():
    found = of(to_a(), model=weighted(2.0))
    assert found.spread.tolist() == [0.0, 0.0]
    assert found.signs_agree.tolist() == [True, True]


def test_progress_runs_over_both_alleles_and_may_give_up():
    seen: list[float] = []

    def run_with_progress(function, rows, progress=None):
        progress(0.5)
        return RUN(function, rows)

    effect(run_with_progress, MODEL.spec, REFERENCE, (substitution(MIDDLE),), progress=seen.append)
    assert seen == [0.25, 0.75]
