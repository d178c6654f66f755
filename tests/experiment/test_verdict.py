"""Verdicts: what is true is supported, what is false refuted, what cannot be told undecided; and the noise is judged rightly."""

from __future__ import annotations

import csv
import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest

from experiment.hypothesis import Hypothesis, Intervention
from experiment.measurements import Measurements, Reading
from experiment.oracle import RETINA_NOISE
from experiment.verdict import SMALLEST, Contrast, row_weights, verdicts
from experiment.verdict_noise import Noise, constructs_of, usual_noise

PARTS = ("original", "kill 1", "kill 2", "shuffle 1", "shuffle 2", "spare 1", "spare 2", "spare 3", "move")


def claim(name: str, predicted: float = -1.0) -> Hypothesis:
    made = tuple(
        Intervention(f"{name} {part}", part.split()[0], "ACGTACGTAC", 2, 6)  # type: ignore[arg-type]
        for part in PARTS
    )
    return Hypothesis(
        "", f"{name} drives it", "m-000000000000", "activity", predicted, predicted, predicted, "log2", made
    )


def measured(
    effects: dict[str, float], *, sd: float, replicates: int = 3, seed: int = 0, shift: float = 0.0, spare: float = 0.0
) -> Measurements:
    """Constructs of claims whose breaking does so much."""
    random, rows = np.random.default_rng(seed), []
    for name, effect in effects.items():
        for part in PARTS:
            kind = part.split()[0]
            truth = 2.0 + (effect if kind in ("kill", "shuffle", "move") else spare if kind == "spare" else 0.0)
            for replicate in range(replicates):
                value = truth + shift * replicate + sd * random.standard_normal()
                rows.append(Reading(f"{name} {part}", "ACGTACGTAC", str(replicate + 1), float(value)))
    return Measurements("made", "MPRA", "log2(RNA/DNA)", tuple(rows), "0" * 64)


def words(effects: dict[str, float], **options: float) -> list[str]:
    return [one.word for one in verdicts([claim(name) for name in effects], measured(effects, **options))]  # type: ignore[arg-type]


def test_with_little_noise_what_is_true_is_supported_and_what_is_false_refuted() -> None:
    assert words({"true": -1.0, "nothing": 0.0, "opposite": 1.0, "small": -0.2}, sd=0.05) == [
        "supported",
        "refuted",
        "refuted",
        "refuted",
    ]


def test_what_the_noise_hides_is_undecided() -> None:
    assert words({f"claim {k}": -0.4 for k in range(40)}, sd=1.5).count("undecided") >= 32


def test_a_claim_that_something_lowers_activity_is_judged_on_the_other_side() -> None:
    found = verdicts([claim("silencer", predicted=0.8)], measured({"silencer": 1.0}, sd=0.05))
    assert found[0].word == "supported"


def test_a_replicate_that_reads_everything_higher_changes_nothing() -> None:
    effects = {f"claim {k}": -0.1 * k for k in range(8)}
    claims = [claim(name) for name in effects]
    one, other = (verdicts(claims, measured(effects, sd=0.1, shift=shift)) for shift in (0.0, 3.0))
    for a, b in zip(one, other, strict=True):
        assert a.effect is not None
        assert b.effect is not None
        assert a.effect.value == pytest.approx(b.effect.value, abs=1e-9)
        assert a.effect.error == pytest.approx(b.effect.error, rel=1e-6)


def test_false_claims_are_supported_less_often_than_the_level_says() -> None:
    effects = {f"claim {k}": 0.0 for k in range(400)}
    assert words(effects, sd=0.6).count("supported") <= 0.05 * len(effects)


def test_an_effect_at_the_bound_is_refuted_at_most_as_often_as_the_level_says() -> None:
    effects = {f"claim {k}": -SMALLEST for k in range(400)}
    assert words(effects, sd=0.5).count("refuted") <= 0.08 * len(effects)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    effects = {f"claim {k}": -0.7 for k in range(400)}
    found = verdicts([claim(name) for name in effects], measured(effects, sd=0.5))
    inside = [low <= -0.7 <= high for low, high in (one.effect.interval() for one in found if one.effect is not None)]
    assert 0.92 <= np.mean(inside) <= 0.98


def test_spare_controls_that_do_something_are_not_compared_with() -> None:
    found = verdicts([claim("a")], measured({"a": -1.0}, sd=0.05, spare=-1.0))
    assert found[0].effect is not None
    assert found[0].effect.value == pytest.approx(-1.0, abs=0.1)
    assert "original alone" in found[0].reason


def test_what_was_not_measured_is_undecided_and_says_so() -> None:
    whole = measured({"a": -1.0}, sd=0.05)
    lacking = tuple(row for row in whole.rows if "original" not in row.name)
    found = verdicts([claim("a")], Measurements("x", "MPRA", "log2", lacking, "0" * 64))
    assert (found[0].word, found[0].effect) == ("undecided", None)
    assert "original was not measured" in found[0].reason


def test_without_replicates_nothing_is_decided() -> None:
    assert words({"a": -2.0}, sd=0.0, replicates=1) == ["undecided"]


def test_refuted_claims_count_more_in_the_next_round() -> None:
    effects = {"true": -1.0, "false": 0.0}
    table = measured(effects, sd=0.05)
    weights = row_weights(verdicts([claim(name) for name in effects], table), table.names, refuted=3.0)
    assert weights.tolist() == [1.0] * len(PARTS) + [3.0] * len(PARTS)


def test_equivalence_and_interval_are_one_test() -> None:
    effect = Contrast(0.1, 0.15, 8.0)
    low, high = effect.interval(0.9)
    assert (max(abs(low), abs(high)) < 0.5) == (effect.p_equivalence(0.5) < 0.05)
    assert effect.p_value() == pytest.approx(2 * _upper(0.1 / 0.15, 8.0))


def test_the_usual_scatter_is_found_again() -> None:
    random, true = np.random.default_rng(1), Noise(0.3, 4.0)
    variances = true.freedom * true.sd**2 / random.chisquare(true.freedom, 20_000)
    own = variances * random.chisquare(2, 20_000) / 2
    found = usual_noise(own, np.full(20_000, 2))
    assert found.sd == pytest.approx(true.sd, rel=0.03)
    assert found.freedom == pytest.approx(true.freedom, rel=0.1)


def test_variances_that_are_all_alike_are_pooled() -> None:
    random = np.random.default_rng(2)
    found = usual_noise(0.25 * random.chisquare(2, 500) / 2, np.full(500, 2))
    assert found.variance(9.0, 2.0)[0] == pytest.approx(0.25, rel=0.3)


def test_few_constructs_keep_their_own_variance() -> None:
    made, noise = constructs_of({"a": {"1": 1.0, "2": 3.0}, "b": {"1": 1.0, "2": 1.5}})
    assert noise.freedom == 0
    assert made["a"].variance == pytest.approx(2.0)
    assert made["b"].freedom == 1


@pytest.mark.skipif("CISLENS_DATA" not in os.environ, reason="CISLENS_DATA names no folder of measured data")
def test_the_noise_of_the_oracle_is_that_of_the_retina() -> None:
    path = Path(os.environ["CISLENS_DATA"]) / "mpra_retina/retina_mpra_rounds.tsv.gz"
    wanted = {"1 genomic", "1 crx motif mutant", "1 shape mutant", "2 entropy", "3ab"}
    variances, freedoms = [], []
    with gzip.open(path, "rt") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if row["round"] in wanted and float(row["expression"]) > 0 and float(row["expression_std"] or 0) > 0:
                variances.append((float(row["expression_std"]) / float(row["expression"]) / math.log(2)) ** 2)
                freedoms.append(int(row["n_reps"]) - 1)
    found = usual_noise(variances, freedoms)
    assert len(variances) == 26_590
    assert found.sd == pytest.approx(RETINA_NOISE.sd, abs=5e-4)
    assert found.freedom == pytest.approx(RETINA_NOISE.freedom, abs=5e-3)


def _upper(value: float, freedom: float) -> float:
    from scipy.stats import t

    return float(t.sf(value, freedom))
