"""The atlas and the surrogate as jobs: in slices they are what they are in one go, and a part of them is a count."""

from __future__ import annotations

import numpy as np
import pytest

from experiment import long_atlas, long_surrogate, stretch
from experiment.job_kinds import Work, kind_of
from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from genome.source import MemoryGenome
from interpret import atlas, surrogate
from interpret.whatif import window_at
from models import registry
from models.core import Target
from models.engine import Engine
from tests.interpret.test_atlas import cluster
from tests.models.folders import write_case
from tests.toy_models import random_bases

GENOME = MemoryGenome("made", {"c1": random_bases(60_000, seed=4)}, build="made-1")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Engine:
    """An engine that knows a convolutional model of 100 bp."""
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    write_case(tmp_path / "curved", "tf_binding", name="curved")
    return Engine(registry.load)


def work(parameters, bases: str, engine: Engine) -> Work:
    return Work(parameters, bases, engine.runner, lambda _: None)


def mutants(n: int = 1_000, start: int = 1_000, end: int = 1_060):
    spec = registry.spec("curved")
    locus = Locus("c1", start, end)
    reference = GENOME.sequence(locus.extended(200))
    parameters = stretch.written(spec.model_id, reference, locus, locus, (), Target("track 0"))
    return parameters | {"n": n, "seed": 5, "scale": "explained"}, reference.bases


def test_a_surrogate_in_slices_is_the_surrogate_in_one_go(engine, monkeypatch) -> None:
    monkeypatch.setattr(long_surrogate, "_BASES_PER_SLICE", 30_000)  # 300 mutants
    parameters, bases = mutants()
    spec, kind = registry.spec("curved"), kind_of("additive")
    assert kind.slices(parameters, bases) == 4
    parts = [kind.run_slice(work(parameters, bases, engine), index) for index in range(4)]
    assert [len(part["answers"]) for part in parts] == [300, 300, 300, 100]
    found = long_surrogate.read(parameters, kind.finish(parameters, bases, parts))
    window = window_at(Sequence(bases, Locus("c1", 800, 1_260)), 1_000, 1_060, spec)
    whole = surrogate.surrogate(
        engine.runner(spec.model_id), spec, window, 1_000, 1_060, n=1_000, seed=5, scale="explained"
    )
    np.testing.assert_allclose(found.additive.value, whole.additive.value, atol=1e-4)
    np.testing.assert_allclose(found.pairwise.high, whole.pairwise.high, atol=1e-4)
    np.testing.assert_allclose(found.weights, whole.weights, atol=1e-4)
    assert (found.rule, found.n_test, found.seed) == (whole.rule, whole.n_test, whole.seed)
    assert found.positions.tolist() == whole.positions.tolist() == list(range(1_000, 1_060))


def test_a_part_of_the_answers_is_only_counted(engine, monkeypatch) -> None:
    monkeypatch.setattr(long_surrogate, "_BASES_PER_SLICE", 50_000)
    parameters, bases = mutants()
    part = long_surrogate.run_slice(work(parameters, bases, engine), 1)
    found = long_surrogate.finish(parameters, bases, [None, part])
    assert {name: int(value) for name, value in found.items()} == {"answered": 500}
    with pytest.raises(KeyError):
        long_surrogate.read(parameters, found)
    with pytest.raises(ValueError, match="shape"):
        long_surrogate.finish(parameters, bases, [part])


def test_too_few_mutants_are_refused_before_a_job_is_begun(engine) -> None:
    with pytest.raises(UserError, match="mutants"):
        long_surrogate.slices(*mutants(n=999))


def places(spec, count: int = 60) -> tuple[Locus, ...]:
    return atlas.stretches(spec, GENOME, [Locus("c1", 160 + 900 * i, 180 + 900 * i) for i in range(count)])


def test_contributions_in_slices_are_those_in_one_go_from_the_letters_kept(engine) -> None:
    spec = registry.spec("curved")
    kept = places(spec)
    assert kept[0].start < 0  # a place may hang off the chromosome
    parameters = {"model": spec.model_id, "track": "track 0", "reduce": "mean", "baseline": "uniform", "seed": 0}
    bases = long_atlas.written(spec, GENOME, kept[:13])
    assert long_atlas.slices(parameters, bases) == 2
    parts = [long_atlas.run_slice(work(parameters, bases, engine), index) for index in range(2)]
    whole = atlas.contributions(engine.runner(spec.model_id), spec, GENOME.sequence, kept[:13], Target("track 0"))
    np.testing.assert_allclose(np.concatenate([p["hypothetical"] for p in parts]), whole.hypothetical, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([p["one_hot"] for p in parts]), whole.one_hot)
    counted = long_atlas.finish(parameters, bases, [parts[0], None])
    assert {name: int(value) for name, value in counted.items()} == {"read": 10, "not_converged": 0}
    with pytest.raises(KeyError):
        long_atlas.read(counted)


def test_the_patterns_of_a_job_are_those_of_all_its_places(engine, monkeypatch) -> None:
    given = []

    def discover(one_hot, hypothetical, **_):
        given.append(one_hot.shape)
        return (cluster("+", 30), cluster("-", 25), cluster("+", 9, each=1e-4))

    monkeypatch.setattr(atlas, "discover", discover)
    monkeypatch.setattr(atlas, "check_installed", lambda: None)
    spec = registry.spec("curved")
    part = {
        "one_hot": np.zeros((10, 4, 400), np.int8),
        "hypothetical": np.ones((10, 4, 400), np.float32),
        "converged": np.arange(10) > 0,
    }
    parameters = {"model": spec.model_id, "track": "track 0"}
    found = long_atlas.read(long_atlas.finish(parameters, "", [part, part]))
    assert given == [(20, 4, 400)]
    assert (found.n_places, found.window, found.faint, found.not_converged) == (20, 400, 1, 2)
    assert [(p.sign, p.n_seqlets, p.label) for p in found.patterns] == [
        ("+", 30, "resembles CTCF"),
        ("-", 25, "resembles CTCF"),
    ]
    direct = atlas.patterns(
        atlas.Contributions(np.zeros((20, 4, 400)), np.ones((20, 4, 400)), np.ones(20, bool)), sd=1.0
    )
    for one, other in zip(found.patterns, direct.patterns, strict=True):
        np.testing.assert_array_equal(one.seqlets, other.seqlets)
        np.testing.assert_array_equal(one.frequencies, other.frequencies)


def test_more_bases_than_a_job_keeps_are_refused(engine, monkeypatch) -> None:
    monkeypatch.setattr(long_atlas, "MOST_BASES", 10_000)
    spec = registry.spec("curved")
    with pytest.raises(UserError, match="fewer places"):
        long_atlas.written(spec, GENOME, places(spec))


def test_the_passes_of_an_atlas_that_are_foretold_are_made(engine) -> None:
    made = []

    class Counting:
        def __init__(self, run) -> None:
            self.run = run

        def __call__(self, function, rows, progress=None):
            made.append(function.passes * len(rows[0]))
            return self.run(function, rows, progress)

    spec = registry.spec("curved")
    bases = long_atlas.written(spec, GENOME, places(spec)[:4])
    parameters = {"model": spec.model_id, "track": "track 0", "reduce": "mean", "baseline": "uniform", "seed": 0}
    long_atlas.run_slice(Work(parameters, bases, lambda m: Counting(engine.runner(m)), lambda _: None), 0)
    assert long_atlas.passes(spec, 4, "uniform") == pytest.approx(sum(made), rel=0.25)
