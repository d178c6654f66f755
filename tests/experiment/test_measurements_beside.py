"""Quality of measurements, and predicted beside measured: what is wrong is said, what is right raises no alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiment.measurements import Measurements, Reading
from experiment.measurements_beside import ALARM, Predicted, alarm, beside, predict
from experiment.measurements_quality import Quality, quality
from experiment.oracle import Ordered, measure
from genome.errors import UserError
from genome.sandbox import activity, elements, sandbox_genome
from models.engine import Engine
from models.intervals import Calibration, fit
from tests.oracles import Grammar, one_track

MODEL = one_track("grammar", Grammar(), 200, unit="log2(RNA/DNA)")


def table(values: np.ndarray, *, controls: list[str] | None = None, barcodes: int | None = None) -> Measurements:
    rows = tuple(
        Reading(f"e{i}", "", str(j + 1), float(value), None, barcodes, controls[i] if controls else "")  # type: ignore[arg-type]
        for i, row in enumerate(values)
        for j, value in enumerate(row)
        if np.isfinite(value)
    )
    return Measurements("t", "MPRA", "log2(RNA/DNA)", rows, "0" * 64)


def replicated(n: int = 200, sd: float = 0.2, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, 1)) + sd * random.standard_normal((n, 3))


def level(found: Quality, what: str) -> str:
    return next(one.level for one in found.findings if one.what == what)


def test_replicates_that_agree_are_good_and_noise_is_bad() -> None:
    assert level(quality(table(replicated())), "Replicates") == "good"
    assert level(quality(table(replicated(sd=3.0))), "Replicates") == "bad"


def test_a_batch_that_reads_higher_or_wider_is_named() -> None:
    values = replicated()
    assert level(quality(table(values)), "Batches") == "good"
    higher = values + np.array([0.0, 0.0, 1.0])
    found = next(one for one in quality(table(higher)).findings if one.what == "Batches")
    assert found.level == "caution"
    assert found.words.startswith("Replicate 3 reads")
    wider = quality(table(values * np.array([1.0, 1.0, 2.0])))
    assert "spreads" in next(one for one in wider.findings if one.what == "Batches").words


def test_controls_that_are_not_apart_are_bad_and_missing_ones_are_said() -> None:
    values = replicated()
    marks = ["positive control"] * 20 + ["negative control"] * 20 + [""] * 160
    apart = values + np.array([3.0] * 20 + [-3.0] * 20 + [0.0] * 160)[:, None]
    assert level(quality(table(apart, controls=marks)), "Controls") == "good"
    assert level(quality(table(values, controls=marks)), "Controls") == "bad"
    assert level(quality(table(values)), "Controls") == "open"


def test_an_outlier_is_found_and_named() -> None:
    values = replicated()
    values[7, 1] += 9.0
    found = quality(table(values))
    assert (found.outliers[0].name, found.outliers[0].replicate) == ("e7", "2")
    assert found.outliers[0].value - found.outliers[0].others == pytest.approx(9.0, abs=1.0)


def test_missing_replicates_are_counted() -> None:
    values = replicated()
    values[:50, 2] = np.nan
    found = next(one for one in quality(table(values)).findings if one.what == "Elements")
    assert found.level == "caution"
    assert "50 lack at least one" in found.words


def test_few_barcodes_are_said() -> None:
    assert level(quality(table(replicated(), barcodes=30)), "Barcodes") == "good"
    assert level(quality(table(replicated(), barcodes=2)), "Barcodes") == "caution"


def test_without_a_change_the_alarm_comes_in_at_most_one_of_twenty_uploads() -> None:
    random, alarms = np.random.default_rng(0), 0
    for _ in range(200):
        both = random.standard_t(5, 500)
        alarms += alarm(both[:200], both[200:]).alarm_at is not None
    assert alarms <= 200 / ALARM


def test_a_change_of_the_rule_gives_the_alarm() -> None:
    random = np.random.default_rng(1)
    for _ in range(10):
        found = alarm(1.0 + 1.5 * random.standard_normal(300), random.standard_normal(500))
        assert found.alarm_at is not None


def test_errors_of_which_some_grow_and_others_shrink_give_the_alarm_too() -> None:
    random = np.random.default_rng(4)
    mixed = np.where(random.random(600) < 0.25, 3.0, 0.35) * random.standard_normal(600)
    assert alarm(mixed, random.standard_normal(1_500)).alarm_at is not None


def test_a_sorted_table_gives_no_alarm_of_its_own() -> None:
    both = np.random.default_rng(2).standard_normal(900)
    assert alarm(np.sort(np.abs(both[:400])), both[400:]).alarm_at is None


def test_the_alarm_stays_a_number_however_long_it_goes_on() -> None:
    found = alarm(np.full(5_000, 50.0), np.random.default_rng(3).standard_normal(200))
    assert np.isfinite(found.wealth).all()


def test_the_grammar_predicts_what_its_own_laboratory_measures() -> None:
    genome = sandbox_genome()
    wanted = [Ordered(one.name, genome.sequence(one.locus).bases, link="locus=x") for one in elements()[:40]]
    table_ = measure(wanted, seed=4, replicates=5)
    run = Engine(lambda _: MODEL).runner(MODEL.spec.model_id)
    rows = predict(run, MODEL.spec, "activity", table_)
    assert rows.predicted == pytest.approx([activity(one.bases) for one in wanted], abs=1e-5)
    assert rows.links == ("locus=x",) * 40
    found = beside(rows, MODEL.spec, "activity", None, unit="log2(RNA/DNA)")
    assert found.correlation is not None
    assert found.correlation[0] > 0.9
    assert found.low is None
    assert "no calibrated intervals" in found.rule


def rows_of(n: int, *, wrong: tuple[int, ...] = (), seed: int = 0) -> Predicted:
    random = np.random.default_rng(seed)
    predicted = random.standard_normal(n)
    measured = predicted + 0.3 * random.standard_normal(n)
    measured[list(wrong)] += 4.0
    names = tuple(f"e{k}" for k in range(n))
    return Predicted(names, ("",) * n, ("",) * n, ("ACGT",) * n, measured, predicted, np.full(n, 0.3), "")


def calibrated() -> Calibration:
    random = np.random.default_rng(9)
    return Calibration(MODEL.spec.model_id, "held-out rows", {"activity": fit(0.3 * random.standard_normal(1_000), np.full(1_000, 0.3))})  # fmt: skip


def test_intervals_hold_on_rows_like_the_calibration_and_misses_are_those_beyond() -> None:
    found = beside(rows_of(600, wrong=(3, 5)), MODEL.spec, "activity", calibrated(), unit="log2(RNA/DNA)")
    assert found.coverage is not None
    assert found.coverage.as_stated
    assert set(found.misses[:2]) == {3, 5}
    assert len(found.misses) == round((1 - found.coverage.share) * 600)
    assert sum(one.n for one in found.by_part.values()) == 600


def test_another_unit_is_not_laid_beside_the_interval() -> None:
    found = beside(rows_of(50, wrong=(3,)), MODEL.spec, "activity", calibrated(), unit="as in the table")
    assert found.low is None
    assert found.drift is None
    assert "another unit" in found.rule
    assert found.misses[0] == 3


def test_without_bases_nothing_is_predicted() -> None:
    run = Engine(lambda _: MODEL).runner(MODEL.spec.model_id)
    with pytest.raises(UserError, match="no sequences"):
        predict(run, MODEL.spec, "activity", replace(table(replicated())))
