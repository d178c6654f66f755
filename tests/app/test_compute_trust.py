"""What the trust strip asks on top: which window is tested, what is left out for its time, and that it stays once asked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app import answer as answers
from app import compute, compute_trust, export
from app.compute import Asker
from app.view import View
from genome.errors import UserError
from genome.locus import Locus
from genome.source import MemoryGenome
from interpret import methods
from interpret.faithfulness import Deletion, NothingToExplain, Untested
from models.engine import Engine, Pace
from tests.app.test_compute import install
from tests.toy_models import Linear, random_bases, toy_model

WINDOW = 60
MODEL = toy_model(Linear, window=WINDOW, n_members=2)
BASES = random_bases(3_000, seed=4)
ASKER = Asker(session="test")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = install(monkeypatch, MemoryGenome("made", {"c1": BASES}, build="made-1"), MODEL)
    monkeypatch.setattr(compute.MemoryGenome, "synthetic", True, raising=False)
    return engine


def paced(engine: Engine, seconds: float) -> None:
    for gradient in (False, True):
        engine._paces[MODEL.spec.model_id, gradient] = Pace(64, seconds)


def view_of(length: int = WINDOW, start: int = 1_000, **changes) -> View:
    return View(MODEL.spec.model_id, "made", Locus("c1", start, start + length), "one", **changes)


def explicable() -> View:
    """A view where there is something to explain."""
    for start in range(1_000, 2_000, 7):
        view = view_of(WINDOW, start)
        if isinstance(compute_trust.deletion(view, ASKER, thorough=True), Deletion):
            return view
    raise AssertionError("no window differs from its shuffles")


def test_the_window_shown_is_the_one_tested(toy):
    view = view_of(41)
    x, values = compute_trust.tested(view, ASKER)
    found = compute.attribution(view, ASKER)
    assert np.array_equal(x, found.sequence.one_hot())
    assert np.array_equal(values, found.values)


@pytest.mark.parametrize("start", range(1_000, 1_060, 13))
def test_of_a_long_locus_the_window_of_the_strongest_prediction_is_tested(toy, start):
    view = view_of(170, start)
    x, values = compute_trust.tested(view, ASKER)
    prediction = compute.prediction(view, ASKER)
    best = int(np.argmax(np.where(prediction.starts < view.locus.end, prediction.values[0], -np.inf)))
    first = int(prediction.starts[best]) - (WINDOW - int(prediction.ends[best] - prediction.starts[best])) // 2
    assert "".join("ACGT"[i] for i in x.argmax(axis=0)) == BASES[first : first + WINDOW]
    outside = [not view.locus.start <= first + i < view.locus.end for i in range(WINDOW)]
    assert np.array_equal(np.isnan(values), outside)


def test_the_prediction_of_the_tested_window_is_the_one_shown(toy):
    from interpret.faithfulness import scalars

    for length in (WINDOW, 170):
        view = view_of(length)
        x, _ = compute_trust.tested(view, ASKER)
        run = toy.runner(MODEL.spec.model_id)
        value = scalars(run, x[None], compute.target(MODEL.spec, view))[0]
        assert value == pytest.approx(answers.headline(compute.prediction(view, ASKER), 0).value, abs=1e-4)


def test_what_takes_too_long_is_left_out_with_the_time_until_it_is_asked_for_and_then_stays(toy):
    view = explicable()
    compute.cache.cache_clear()
    paced(toy, 10.0)
    found = compute_trust.deletion(view, ASKER)
    assert found == Untested("not tested: would take 610 s", "It was left out for its time; ask for it under Checks.")
    agreed = compute_trust.agreement(view, ASKER)
    assert not agreed.others
    assert len(agreed.left_out) == len(methods.METHODS) - 1
    assert all(compute_trust.ASK in reason for _, reason in agreed.left_out)
    asked = compute_trust.deletion(view, ASKER, thorough=True)
    assert isinstance(asked, Deletion)
    assert len(compute_trust.agreement(view, ASKER, thorough=True).others) >= 1
    paced(toy, 10.0)
    assert compute_trust.deletion(view, ASKER) is asked
    assert len(compute_trust.agreement(view, ASKER).others) >= 1


def test_a_method_whose_cost_nobody_knows_is_never_run_unasked(toy, monkeypatch):
    def never(*_, **__):
        raise AssertionError("it was run")

    unknown = replace(methods.METHODS["gradient"], words="slow one", passes=None, explain=never)
    monkeypatch.setitem(methods.METHODS, "slow", unknown)
    paced(toy, 1e-5)
    agreed = compute_trust.agreement(view_of(), ASKER)
    assert ("slow one", f"how long it takes is not known; {compute_trust.ASK}") in agreed.left_out


def test_a_method_that_refuses_the_network_is_left_out_with_its_reason(toy, monkeypatch):
    def refuse(*_, **__):
        raise UserError("This network has a layer that it does not cover.")

    monkeypatch.setitem(
        methods.METHODS, "other", replace(methods.METHODS["gradient"], words="other one", explain=refuse)
    )
    paced(toy, 1e-5)
    for thorough in (False, True):
        agreed = compute_trust.agreement(view_of(seed=int(thorough)), ASKER, thorough=thorough)
        assert ("other one", "This network has a layer that it does not cover.") in agreed.left_out
        assert agreed.others


def test_all_methods_agree_on_an_additive_model(toy):
    assert compute_trust.agreement(view_of(), ASKER, thorough=True).correlation == pytest.approx(1, abs=1e-3)


def test_nothing_to_explain_is_said_not_raised(toy, monkeypatch):
    def nothing(*_, **__):
        raise NothingToExplain("Shuffled, this DNA is predicted about the same.")

    monkeypatch.setattr(compute_trust.faithfulness, "deletion_test", nothing)
    found = compute_trust.deletion(view_of(), ASKER, thorough=True)
    assert found == Untested("nothing to explain", "Shuffled, this DNA is predicted about the same.")


def test_the_file_of_an_answer_holds_every_check_the_sentence_and_what_was_left_out(toy, monkeypatch):
    def noted(*arguments, **options):
        return replace(methods_attribute(*arguments, **options), note="Full passes, because a layer is global.")

    methods_attribute = methods.attribute
    monkeypatch.setattr(methods, "attribute", noted)
    paced(toy, 10.0)
    found = answers.answer(view_of(), ASKER)
    record = json.loads(export.answer_json(found))
    assert [check["name"] for check in record["checks"]] == [check.name for check in found.checks]
    assert set(record["checks"][0]) == {"name", "label", "value", "level", "concern", "detail"}
    assert record["sentence"] == " ".join(found.said)
    assert record["note"] == "Full passes, because a layer is global."
    assert "Full passes, because a layer is global." in found.notices
    assert record["notices"] == list(found.notices)
    assert [name for name, _ in record["not_compared"]] == [
        method.words for name, method in methods.METHODS.items() if name != "ig"
    ]
    assert {"contributions", "model_id", "method", "baseline", "seed", "strand_rule", "track"} <= set(record)
    deletion = next(check for check in record["checks"] if check["name"] == "Deletion")
    assert deletion["level"] == "open"
    assert deletion["value"].startswith("not tested: would take ")


def test_the_positions_that_methods_disagree_at_are_genome_positions(toy, monkeypatch):
    shown = compute.attribution(view_of(41), ASKER)
    turned = replace(shown, values=-shown.values, method="turned")
    found = answers.answer(view_of(41), ASKER)
    record = json.loads(export.answer_json(replace(found, agreement=compute_trust.compared(shown, [turned]))))
    strongest = int(np.argmax(np.abs(shown.values[slice(*shown.core)]))) + view_of(41).locus.start
    assert strongest in record["disagreed"]
    assert all(1_000 <= position < 1_041 for position in record["disagreed"])


def test_a_locus_without_letters_has_its_checks_in_the_file_too(toy):
    record = json.loads(export.answer_json(answers.answer(view_of(2_500, 100), ASKER)))
    assert "contributions" not in record
    assert {"tracks", "checks", "sentence", "notices"} <= set(record)
    assert "Deletion" not in [check["name"] for check in record["checks"]]
