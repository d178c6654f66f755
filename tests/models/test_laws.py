"""Laws that hold for every released model, with its real weights."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache

import numpy as np
import pytest
import torch

from genome.catalog import open_genome
from genome.locus import Locus
from genome.sequence import Sequence, one_hot, reverse_complement
from interpret.attribution import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE, Attribution
from interpret.integrated_gradients import MOST_POINTS
from interpret.methods import attribute
from models import registry
from models.core import Model, Target
from models.engine import Engine, Pace
from models.predict import Components
from tests.toy_models import random_bases

MODELS = ("tf-binding", "simple")
N_WINDOWS = 200
BOTH = pytest.mark.parametrize("name", MODELS)


@lru_cache(maxsize=2)
def released(name: str) -> Model:
    return registry.load(registry.spec(name).model_id)


@lru_cache(maxsize=2)
def engine_of(name: str) -> Engine:
    return Engine(lambda _: released(name), device=torch.device("cpu"))


@lru_cache(maxsize=1)
def windows() -> tuple[str, ...]:
    """Random windows of 100 bp: half of them plain random letters, half places of the sandbox, all with a fixed seed."""
    length = released(MODELS[0]).spec.input_length
    genome = open_genome("sandbox")
    chroms = list(genome.contigs)
    draw = np.random.default_rng(20)
    found = [random_bases(length, seed=1_000 + n) for n in range(N_WINDOWS // 2)]
    for _ in range(N_WINDOWS - len(found)):
        chrom = chroms[draw.integers(len(chroms))]
        start = int(draw.integers(genome.contigs[chrom] - length))
        found.append(genome.sequence(Locus(chrom, start, start + length)).bases)
    return tuple(found)


def answers(name: str, bases: tuple[str, ...]) -> np.ndarray:
    """The model itself, asked without engine or tiling, in double precision: (windows, tracks)."""
    model = released(name)
    x = torch.from_numpy(np.stack([one_hot(b) for b in bases])).double()
    with torch.no_grad():
        precise = Model(model.spec, [member_in_double(member) for member in model.members])
        return precise(x).mean(2).numpy()


def member_in_double(member: torch.nn.Module) -> torch.nn.Module:
    return deepcopy(member).double()


def reference_answer(name: str, baseline: str) -> np.ndarray:
    """The same of the reference: (tracks,)."""
    model = released(name)
    x = torch.full((1, 4, model.spec.input_length), 0.25 if baseline == "uniform" else 0.0).double()
    with torch.no_grad():
        precise = Model(model.spec, [member_in_double(member) for member in model.members])
        return precise(x).mean(2).numpy()[0]


def explained(name: str, bases: str, baseline: str = "uniform", track: int = 0) -> Attribution:
    spec = released(name).spec
    flank = "N" * (2 * spec.input_length)
    sequence = Sequence(flank + bases + flank, Locus("made", 0, len(bases) + 2 * len(flank)))
    locus = Locus("made", len(flank), len(flank) + len(bases))
    run = engine_of(name).runner(spec.model_id)
    return attribute(run, spec, sequence, locus, Target(spec.tracks[track].name), baseline=baseline)


@BOTH
@pytest.mark.parametrize("baseline", ["uniform", "zeros"])
def test_contributions_add_up_on_random_windows_or_are_said_not_to(name, baseline):
    spec = released(name).spec
    values, reference = answers(name, windows()), reference_answer(name, baseline)
    converged = 0
    for index, bases in enumerate(windows()):
        track = index % len(spec.tracks)
        found = explained(name, bases, baseline, track)
        difference = values[index, track] - reference[track]
        gap = found.values.sum(dtype=np.float64) - difference
        slack = 1e-4 + 1e-5 * abs(difference)  # single precision
        assert gap == pytest.approx(found.gap, abs=slack)
        assert found.denominator == pytest.approx(abs(difference), abs=slack)
        tolerance = RELATIVE_TOLERANCE * abs(difference) + ABSOLUTE_TOLERANCE * spec.tracks[track].sd
        if found.converged:
            assert abs(gap) <= tolerance + slack
            converged += 1
        else:
            assert found.points == MOST_POINTS
            assert abs(gap) > tolerance - slack
    assert converged >= 0.95 * N_WINDOWS


def test_the_simple_model_adds_up_exactly_with_the_fewest_points():
    for bases in windows()[:20]:
        found = explained("simple", bases, "zeros")
        assert found.points == 8
        assert abs(found.gap) < 1e-4


@BOTH
def test_batch_size_and_order_change_an_answer_by_less_than_the_stated_tolerance(name):
    model = released(name)
    x = np.stack([one_hot(bases) for bases in windows()])
    order = np.random.default_rng(0).permutation(len(x))
    found = []
    for batch in (1, 7, 256):
        engine = Engine(lambda _: model, device=torch.device("cpu"))
        engine._paces[model.spec.model_id, False] = Pace(batch, 1e-4)
        found.append(engine.run(model.spec.model_id, Components(), (x,))[0].mean(1))
        shuffled = engine.run(model.spec.model_id, Components(), (x[order],))[0].mean(1)
        assert np.allclose(shuffled, found[-1][order], rtol=1e-5, atol=1e-6)
    assert np.allclose(found[0], found[1], rtol=1e-5, atol=1e-6)
    assert np.allclose(found[0], found[2], rtol=1e-5, atol=1e-6)


@BOTH
def test_the_answer_is_the_mean_over_members_and_strands(name):
    model = released(name)
    x = torch.from_numpy(np.stack([one_hot(bases) for bases in windows()[:32]]))
    with torch.no_grad():
        by_hand = [member(y) for member in model.members for y in (x, x.flip(1, 2))]
        assert torch.allclose(model(x), torch.stack(by_hand).mean(0), rtol=1e-5, atol=1e-6)


@BOTH
def test_both_strands_of_a_window_get_the_same_prediction(name):
    """Single precision adds in another order on the other strand, hence the tolerance."""
    model = released(name)
    forward = torch.from_numpy(np.stack([one_hot(bases) for bases in windows()]))
    other = torch.from_numpy(np.stack([one_hot(reverse_complement(bases)) for bases in windows()]))
    with torch.no_grad():
        assert torch.allclose(model(forward), model(other), rtol=1e-5, atol=1e-5)


@BOTH
def test_both_strands_of_a_window_get_the_same_letters(name):
    for bases in windows()[::20]:
        forward, other = explained(name, bases), explained(name, reverse_complement(bases))
        assert np.allclose(forward.values, other.values[::-1], rtol=1e-3, atol=1e-4)
        assert np.allclose(forward.hypothetical, other.hypothetical[::-1, ::-1], rtol=1e-3, atol=1e-4)
        assert np.allclose(forward.strands[0], other.strands[1][::-1], rtol=1e-3, atol=1e-4)


@BOTH
def test_unknown_bases_are_answered_and_contribute_nothing(name):
    bases = windows()[0]
    masked = bases[:40] + "N" * 20 + bases[60:]
    found = explained(name, masked)
    assert (found.hypothetical[:, 40:60] == 0).all()
    assert np.isfinite(answers(name, ("N" * len(bases), masked))).all()


@BOTH
def test_a_prediction_is_a_number_of_a_sensible_size(name):
    """Log odds of random DNA: mostly negative, never absurd."""
    values = answers(name, windows())
    assert np.isfinite(values).all()
    assert np.abs(values).max() < 50
    assert (np.median(values, axis=0) < 0).all()


def test_the_models_answer_the_same_tracks_in_the_same_unit():
    """So that the simple one can be asked for a second opinion."""
    first, second = (registry.spec(name) for name in MODELS)
    assert [(t.name, t.unit) for t in first.tracks] == [(t.name, t.unit) for t in second.tracks]
    assert first.input_length == second.input_length
