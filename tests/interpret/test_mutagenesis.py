"""Laws of saturation mutagenesis: equality with full passes and with the peer, exactness, invariance."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch
from torch import nn

from genome.sequence import one_hot
from interpret.mutagenesis import centred, effects_of_every_base
from models import registry
from models.core import Model, Target
from models.difference import ways_for
from models.engine import Engine
from tests.networks import LENGTH, NETWORKS, Basset, DilatedResidual, Excited, model_of, network
from tests.toy_models import Linear, random_bases, toy_model

SHIPPED = ("tf-binding", "lentimpra", "simple", "sandbox-profile")


def engine_of(model: Model) -> Engine:
    return Engine({model.spec.model_id: model}.__getitem__, device=torch.device("cpu"))


def window(model: Model, seed: int = 0) -> np.ndarray:
    return one_hot(random_bases(model.spec.input_length, seed))[None]


def effects(model: Model, x: np.ndarray, target: Target | None = None, **options: object) -> tuple[np.ndarray, str]:
    run = engine_of(model).runner(model.spec.model_id)
    return effects_of_every_base(run, model.spec, x, target or Target(model.spec.tracks[0].name), **options)


def by_full_passes(model: Model, x: np.ndarray, target: Target, positions: list[int]) -> np.ndarray:
    """f(x with every base at every position) - f(x), one window at a time: (components, 4, positions)."""
    window = torch.from_numpy(x)
    found = np.zeros((len(model.components), 4, len(positions)), np.float32)
    with torch.no_grad():
        for c, component in enumerate(model.components):
            before = target.scalar(model.spec, model.component(window, *component))
            for p, position in enumerate(positions):
                for base in range(4):
                    edited = window.clone()
                    edited[:, :, position] = torch.eye(4)[base]
                    found[c, base, p] = target.scalar(model.spec, model.component(edited, *component)) - before
    return found


def peer(model: Model, x: np.ndarray, target: Target) -> np.ndarray:
    """tangermeme's own: (windows, components, 4, window)."""
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    class Components(nn.Module):
        def forward(self, y: torch.Tensor) -> torch.Tensor:
            return torch.stack([target.scalar(model.spec, model.component(y, *c)) for c in model.components], 1)

    before, after = saturation_mutagenesis(Components(), torch.from_numpy(x), raw_outputs=True, device="cpu")
    return (after - before[:, None, None]).permute(0, 3, 1, 2).numpy()


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("strand_rule", ["forward", "average"])
def test_effects_equal_tangermemes(kind, strand_rule):
    model = model_of(network(kind), network(kind, seed=1), strand_rule=strand_rule)
    x = np.concatenate([window(model, 0), window(model, 1)])
    found, _ = effects(model, x)
    assert np.abs(found - peer(model, x, Target("one"))).max() < 1e-5
    assert np.abs(found).max() > 1e-3


@pytest.mark.parametrize("name", ["tf-binding", "simple"])
def test_effects_of_a_shipped_model_equal_tangermemes(name):
    model = registry.load(registry.spec(name).model_id)
    x = window(model)
    found, _ = effects(model, x)
    assert np.abs(found - peer(model, x, Target(model.spec.tracks[0].name))).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "reduce"), [("lentimpra", "mean"), ("sandbox-profile", "counts"), ("sandbox-profile", "profile")]
)
def test_effects_of_a_large_shipped_model_equal_full_passes_at_the_ends_and_in_the_middle(name, reduce):
    model = registry.load(registry.spec(name).model_id)
    x, length, target = window(model), model.spec.input_length, Target(model.spec.tracks[-1].name, reduce)
    positions = [0, 1, length // 2, length - 1]
    found, how = effects(model, x, target, positions=np.array(positions))
    assert found.shape == (1, len(model.components), 4, 4)
    assert np.abs(found[0] - by_full_passes(model, x, target, positions)).max() < 1e-5
    assert how


def test_effects_of_a_linear_model_are_differences_of_its_weights():
    model = toy_model(Linear, n_members=2)
    x = window(model)
    found, _ = effects(model, x)
    for member, network_ in enumerate(model.members):
        weights = network_.weights[0].numpy()
        standing = (weights * x[0]).sum(0)
        assert np.allclose(found[0, member], weights - standing, atol=1e-5)


def test_contributions_of_a_linear_model_are_its_weights_minus_their_mean():
    model = toy_model(Linear)
    x = window(model)
    weights = model.members[0].weights[0].numpy()
    assert np.allclose(centred(effects(model, x)[0], x[:, None], "four")[0, 0], weights - weights.mean(0), atol=1e-5)


def test_the_two_centrings_differ_by_four_thirds_where_the_base_stands():
    model = model_of(network(Basset))
    x = window(model)
    found, _ = effects(model, x)
    four, three = (centred(found, x[:, None], centring)[0, 0] for centring in ("four", "three"))
    standing = x[0] == 1
    assert np.allclose(three[standing], four[standing] * 4 / 3, atol=1e-6)
    with pytest.raises(ValueError, match="centring"):
        centred(found, x[:, None], "five")


@pytest.mark.parametrize("kind", [Basset, Excited])
def test_n_stays_n_and_nothing_else_moves(kind):
    model = model_of(network(kind), strand_rule="average")
    bases = random_bases(LENGTH)
    x = one_hot(bases[:10] + "NN" + bases[12:])[None]
    found, _ = effects(model, x)
    assert (found[..., 10:12] == 0).all()
    assert (centred(found, x[:, None], "four")[..., 10:12] == 0).all()
    expected = by_full_passes(model, x, Target("one"), [9, 12])
    assert np.abs(found[0][..., [9, 12]] - expected).max() < 1e-5


def test_the_base_that_stands_there_has_no_effect():
    model = model_of(network(DilatedResidual), strand_rule="average")
    x = window(model)
    found, _ = effects(model, x)
    assert (found[0, :, x[0] == 1] == 0).all()


def test_positions_are_computed_alone_as_among_all():
    model = model_of(network(DilatedResidual), strand_rule="average")
    x = window(model)
    some = np.array([0, 3, 4, 5, 31, 59])
    assert np.abs(effects(model, x)[0][..., some] - effects(model, x, positions=some)[0]).max() < 1e-6
    for wrong in ([], [-1], [LENGTH], [3, 3]):
        with pytest.raises(ValueError, match="asked"):
            effects(model, x, positions=np.array(wrong, dtype=np.int64))


def test_context_letters_are_read_and_never_changed():
    model = model_of(network(DilatedResidual), strand_rule="average", context=("ACGTTG", "CCA"))
    x = window(model)
    found, _ = effects(model, x)
    assert np.abs(found[0] - by_full_passes(model, x, Target("one"), list(range(LENGTH)))).max() < 1e-5


def test_how_it_was_computed_is_said_in_words():
    said = {kind: effects(model_of(network(kind)), window(model_of(network(kind))))[1] for kind in NETWORKS}
    assert ways_for(model_of(network(DilatedResidual)), Target("one"), 8).how
    for kind, sentence in said.items():
        assert sentence.endswith("."), (kind, sentence)
        assert "differences" in sentence or "Full passes" in sentence


def test_progress_is_told_and_can_stop_the_work():
    model = model_of(network(DilatedResidual), strand_rule="average")
    x = np.concatenate([window(model, seed) for seed in range(40)])

    def stop(done: float) -> None:
        assert 0 <= done <= 1
        raise CancelledError

    effects(model, x[:1])  # made ready
    engine = engine_of(model)
    run = engine.runner(model.spec.model_id)
    with pytest.raises(CancelledError):
        effects_of_every_base(run, model.spec, np.repeat(x, 20, axis=0), Target("one"), progress=stop)
    while engine.waiting():
        time.sleep(0.01)


def test_an_unknown_track_is_refused():
    model = model_of(network(Basset))
    with pytest.raises(ValueError, match="three"):
        effects(model, window(model), Target("three"))
