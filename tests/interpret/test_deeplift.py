"""Laws of DeepLIFT/SHAP: equality with tangermeme and captum, completeness, refusals, independence of company."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.deeplift import Multipliers, explain
from interpret.methods import attribute
from interpret.references import reference_windows
from interpret.rescale import pair, parted
from models import registry
from models.core import Target
from models.layout import ChannelsTogether
from tests.interpret.test_methods import explain as letters_of
from tests.networks_deeplift import (
    Attending,
    Averaging,
    Classes,
    Dilated,
    Exponential,
    Gated,
    InModules,
    Normed,
    Pooling,
    Remembering,
    one_network,
    seeded,
)
from tests.toy_models import WINDOW, Curved, random_bases, toy_engine, toy_model

GATE = "it multiplies two signals that both depend on the sequence (a gate)"
STEPS = "it reads the sequence step by step (a recurrent layer)"
SAME_AS_PEER = (Pooling, Dilated, Normed, Averaging, Classes)


def some_windows(count: int, window: int = WINDOW) -> np.ndarray:
    """float32 (count, 4, window), one-hot."""
    bases = np.random.default_rng(1).integers(0, 4, (count, window))
    return np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy()


def ours(model, x, *, baseline="shuffled", seed=0, track="one"):
    return explain(toy_engine(model).runner(model.spec.model_id), x, model.spec, Target(track), baseline, seed, None)


def tangermeme(network: nn.Module, x: np.ndarray, references: np.ndarray, **options) -> np.ndarray:
    """Hypothetical contributions by the peer, (windows, 4, window)."""
    from tangermeme.deep_lift_shap import deep_lift_shap

    peer = deep_lift_shap(
        network,
        torch.from_numpy(x),
        references=torch.from_numpy(references),
        hypothetical=True,
        device="cpu",
        warning_threshold=np.inf,
        **options,
    )
    return peer.numpy()


@pytest.mark.parametrize("kind", SAME_AS_PEER)
def test_it_equals_tangermeme(kind):
    network, x = seeded(kind), some_windows(3)
    found = ours(one_network(network), x)
    peer = tangermeme(network, x, reference_windows(x, "shuffled", seed=0))
    assert np.abs(found.contributions[:, 0] - peer).max() < 1e-4 * max(1, np.abs(peer).max())
    assert np.abs(peer).max() > 1e-3
    assert found.sums.met(1.0).all()


def test_it_equals_tangermeme_on_the_shipped_network_whose_activations_are_functions():
    from tangermeme._deep_lift_utils import _nonlinear

    shipped = registry.load(registry.spec("tf-binding").model_id)
    network, x = shipped.members[0], some_windows(2, shipped.spec.input_length)
    found = ours(one_network(network, window=shipped.spec.input_length), x)
    references = reference_windows(x, "shuffled", seed=0)
    peer = tangermeme(InModules(network).eval(), x, references, additional_nonlinear_ops={Exponential: _nonlinear})
    assert np.abs(found.contributions[:, 0] - peer).max() < 1e-4
    assert np.abs(peer).max() > 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unseen = tangermeme(network, x, references)
    assert np.abs(unseen - peer).max() > 0.01  # hooks on modules do not see functions


def test_it_equals_captum_on_a_network_of_kinks():
    from captum.attr import DeepLift

    network, x = seeded(Dilated), some_windows(4)
    references = reference_windows(x, "shuffled", seed=0)[:, 0]
    found, _, _ = Multipliers(Target("one"))(one_network(network), 8, torch.from_numpy(x), torch.from_numpy(references))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = DeepLift(network, multiply_by_inputs=False).attribute(
            torch.from_numpy(x), torch.from_numpy(references), target=(0, 0)
        )
    assert np.allclose(found[:, 0].numpy(), peer.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("baseline", ["shuffled", "uniform", "zeros"])
@pytest.mark.parametrize("kind", SAME_AS_PEER)
def test_contributions_add_up(kind, baseline):
    found = ours(one_network(seeded(kind)), some_windows(3), baseline=baseline)
    assert np.abs(found.sums.gaps).max() < 1e-5 * max(1, np.abs(found.sums.differences).max())
    assert np.abs(found.sums.differences).max() > 1e-3


def test_letters_are_the_mean_over_members_and_strands():
    model = toy_model(Curved, n_members=2, strand_rule="average")
    found = letters_of(model, 47, method="deeplift")
    assert found.converged
    assert np.allclose(found.members.mean(0), found.values, atol=1e-6)
    assert np.allclose(found.strands.mean(0), found.values, atol=1e-6)


def test_the_other_strand_of_the_network_is_explained_at_the_same_base():
    """Asking the network for the reverse complement equals explaining the reverse complement."""
    model = toy_model(Curved, strand_rule="average")
    x = some_windows(2)
    references = reference_windows(x, "shuffled", seed=0)[:, 0]
    rows = [torch.from_numpy(part) for part in (x, references)]
    forward, _, _ = Multipliers(Target("one"))(model, 8, *rows)
    turned, _, _ = Multipliers(Target("one"))(model, 8, *(part.flip(1, 2) for part in rows))
    assert torch.allclose(forward[:, 1], turned[:, 0].flip(1, 2), atol=1e-6)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda: seeded(Gated), GATE),
        (lambda: seeded(Remembering), STEPS),
        (lambda: seeded(lambda: Remembering(nn.GRU)), STEPS),
        (lambda: seeded(Attending), "it weighs places by one another (attention)"),
        (lambda: registry.load(registry.spec("simple").model_id).members[0], GATE),
    ],
    ids=["squeeze and excite", "LSTM", "GRU", "attention", "kmer"],
)
def test_what_the_rule_does_not_cover_is_refused_with_the_reason(network, reason):
    with pytest.raises(UserError) as refused:
        ours(one_network(network()), some_windows(2))
    assert str(refused.value) == f"DeepLIFT does not cover this network: {reason}; use integrated gradients."


@pytest.mark.parametrize("name", ["lentimpra", "retina", "sandbox-profile", "simple-lentimpra"])
def test_shipped_models_that_it_does_not_cover_say_so(name):
    spec = registry.spec(name)
    model = registry.load(spec.model_id)
    with pytest.raises(UserError, match=r"DeepLIFT does not cover this network: it .*; use integrated gradients"):
        Multipliers(Target(spec.tracks[0].name, spec.tracks[0].reductions[0]))(
            model, 4, *(torch.from_numpy(some_windows(1, spec.input_length)) for _ in range(2))
        )


STEPS_IN_FUNCTIONS = {
    "in place": lambda h: nn.functional.relu(h, inplace=True),
    "added in place": lambda h: _added(h),
    "a quotient": lambda h: 1 / (2 + h.abs()),
    "a power": lambda h: h**3,
    "a maximum along an axis": lambda h: h.max(dim=2, keepdim=True).values + h.amax(1, keepdim=True),
    "pooling by function": lambda h: nn.functional.max_pool1d(h, 3, 1, 1),
    "parts": lambda h: torch.cat([part.tanh() for part in h.chunk(2, dim=1)][::-1], dim=1),
    "turned over": lambda h: (h.transpose(1, 2) @ torch.eye(8)).mul(9).sigmoid().mT,
    "batch mixed up": lambda h: torch.cat([h, h.flip(2)], dim=0).exp().chunk(2)[0],
}


def _added(h):
    nn.functional.relu(h, inplace=True)
    h += h.tanh()
    h.clamp_(0, 5).mul_(2)
    return h


@pytest.mark.parametrize("step", STEPS_IN_FUNCTIONS)
def test_steps_written_as_functions_add_up_too(step):
    torch.manual_seed(0)
    first = nn.Conv1d(4, 8, 3).requires_grad_(False)
    x = torch.from_numpy(some_windows(4))
    reference = torch.from_numpy(reference_windows(x.numpy(), "shuffled", seed=0)[:, 0])
    letters = x.clone().requires_grad_()

    def network(letters):
        return STEPS_IN_FUNCTIONS[step](first(letters)).mean((1, 2))

    value, end = parted(network(pair(letters, reference)))
    (multipliers,) = torch.autograd.grad(value.sum(), letters)
    assert torch.allclose(value, network(x), atol=1e-6)
    assert torch.allclose(end, network(reference), atol=1e-6)
    assert torch.allclose(((x - reference) * multipliers).sum((1, 2)), value - end, atol=1e-5)
    assert (value - end).abs().min() > 1e-4


@pytest.mark.parametrize(
    "step", [lambda h: h.cummax(2).values, lambda h: h.clone().fill_(0), lambda h: torch.where(h > 0, h, 0)]
)
def test_a_step_without_a_rule_is_named(step):
    x = torch.from_numpy(some_windows(1))
    with pytest.raises(UserError, match=r"no rule .“(cummax|fill_|gt)”.;"):
        step(pair(x, x.flip(2)))


def test_a_step_that_hides_the_sequence_does_not_add_up_and_says_so():
    class Hiding(Curved):
        def forward(self, x):
            return super().forward(x) + self.head(torch.relu(self.first(x.detach())).mean(2))[:, :, None]

    found = letters_of(toy_model(Hiding), WINDOW, method="deeplift")
    assert found.converged is False


def test_a_network_that_ignores_the_sequence_is_refused():
    class Constant(Curved):
        def forward(self, x):
            return torch.ones(len(x), 2, 1)

    x = torch.from_numpy(some_windows(2))
    with pytest.raises(UserError, match="its answer does not depend on the sequence"):
        Multipliers(Target("one"))(toy_model(Constant), 4, x, x.flip(0))


def test_sessions_that_explain_one_shared_model_at_once_do_not_disturb_each_other():
    model = one_network(seeded(Normed))
    x, other = (torch.from_numpy(part) for part in np.split(some_windows(80), 2))

    def alone(x, track):
        return Multipliers(Target(track))(model, 16, x, x.flip(0))[0]

    tasks = [(x, "one"), (other, "two")] * 4
    expected = [alone(*task) for task in tasks]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda task: alone(*task), tasks))
    assert all(torch.equal(*both) for both in zip(expected, together, strict=True))


@pytest.mark.parametrize("kind", SAME_AS_PEER)
def test_numbers_are_the_same_with_channels_together(kind):
    model, x = one_network(seeded(kind)), torch.from_numpy(some_windows(5))
    usual = Multipliers(Target("one"))(model, 4, x, x.flip(2))[0]
    with ChannelsTogether() as layout:
        other = Multipliers(Target("one"))(model, 4, x, x.flip(2))[0]
    assert layout.convolutions > 0
    assert torch.allclose(usual, other, atol=1e-4)
    with ChannelsTogether(), pytest.raises(UserError, match="a recurrent layer"):
        Multipliers(Target("one"))(one_network(seeded(Remembering)), 4, x, x.flip(2))


def test_nothing_is_left_on_the_model():
    model = one_network(seeded(Pooling))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ours(model, some_windows(2))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())


def test_a_window_says_the_same_in_whatever_company_and_order():
    model, x = one_network(seeded(Normed)), torch.from_numpy(some_windows(6))
    reference = x.flip(2)
    one_at_a_time, *_ = Multipliers(Target("one"))(model, 1, x, reference)
    all_at_once, *_ = Multipliers(Target("one"))(model, 64, x, reference)
    backwards, *_ = Multipliers(Target("one"))(model, 6, x.flip(0), reference.flip(0))
    assert torch.allclose(one_at_a_time, all_at_once, atol=1e-4)
    assert torch.allclose(backwards.flip(0), all_at_once, atol=1e-4)
    assert all_at_once.abs().max() > 1


def test_the_same_seed_gives_the_same_letters_and_another_seed_others():
    first, again, other = (letters_of(toy_model(Curved), WINDOW, method="deeplift", seed=seed) for seed in (1, 1, 2))
    assert np.allclose(first.values, again.values, rtol=1e-5, atol=1e-6)  # each engine measures its own batch
    assert not np.allclose(first.values, other.values)


def test_the_shipped_model_adds_up_along_a_locus():
    spec = registry.spec("tf-binding")
    engine = toy_engine(registry.load(spec.model_id))
    sequence = Sequence(random_bases(600), Locus("toy", 0, 600))
    found = attribute(
        engine.runner(spec.model_id),
        spec,
        sequence,
        Locus("toy", 200, 400),
        Target(spec.tracks[0].name),
        method="deeplift",
    )
    assert found.converged
    assert found.relative_gap < 1e-3
    assert found.baseline == "shuffled"
