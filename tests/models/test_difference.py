"""Laws of differences through layers: equal to full passes on any small network; what does not hold is dropped aloud."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models import difference
from models.core import Target
from models.difference import _BLOCKS, _fitting_blocks, check, in_full, substitution_effects, ways_for
from models.difference_plan import Plan
from models.difference_trace import Untraceable, trace
from tests.networks import LENGTH, NETWORKS, Attention, Basset, DilatedResidual, Excited, ReadInOrder, model_of, network

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.SiLU, nn.LeakyReLU)
POSITIONS = np.arange(LENGTH, dtype=np.int64)


class Exponential(nn.Module):
    """exp, scaled so that it does not run away."""

    def forward(self, x: Tensor) -> Tensor:
        return (0.3 * x - 0.1).exp()


class LogSumExp(nn.Module):
    """A smooth maximum over places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.logsumexp(2)


class Mean(nn.Module):
    """The mean over places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-1)


class Highest(nn.Module):
    """The maximum over places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(dim=2)


class Cropped(nn.Module):
    """What was there, cropped, plus a convolution without padding."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Conv1d(channels, channels, 3, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 2:-2] + torch.relu(self.layer(x))


class Gated(nn.Module):
    """Two convolutions multiplied place by place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(channels, channels, 3, padding=1), nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.one(x)) * torch.sigmoid(self.two(x))


class Branches(nn.Module):
    """The same window read on both strands, and joined channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(channels, 3, 5, padding="same"), nn.Conv1d(channels, channels - 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), nn.functional.pad(self.two(x), (1, 0))], dim=1) * 1.5 - x / 2


def random_network(draw: st.DrawFn) -> nn.Module:
    """Stem, up to three blocks of any kind, a reduction and a head."""
    channels = 6
    layers: list[nn.Module] = [
        nn.Conv1d(4, channels, draw(st.sampled_from([1, 4, 7, 11])), padding=draw(st.integers(0, 3)))
    ]
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "grouped", "crop", "gate", "branch", "average", "highest", "norm", "exp"]))
        layers.append(draw(st.sampled_from(ACTIVATIONS))())
        width = draw(st.sampled_from([2, 3]))
        layers += {
            "conv": [nn.Conv1d(channels, channels, draw(st.sampled_from([2, 3, 9])), padding=2, dilation=width)],
            "grouped": [nn.Conv1d(channels, channels, 3, padding="same", groups=draw(st.sampled_from([2, 3, 6])))],
            "crop": [Cropped(channels)],
            "gate": [Gated(channels)],
            "branch": [Branches(channels)],
            "average": [nn.AvgPool1d(width, draw(st.sampled_from([1, 2, 3])))],
            "highest": [nn.MaxPool1d(width, draw(st.sampled_from([1, 2])), padding=draw(st.sampled_from([0, 1])))],
            "norm": [nn.BatchNorm1d(channels)],
            "exp": [Exponential()],
        }[kind]
    layers.append(draw(st.sampled_from([Mean, Highest, LogSumExp]))())
    return nn.Sequential(*layers, nn.Linear(channels, 2), nn.Unflatten(1, (2, 1)))


@st.composite
def networks(draw: st.DrawFn) -> nn.Module:
    seed = draw(st.integers(0, 1000))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return random_network(draw).eval().requires_grad_(False)


def example(length: int = LENGTH, seed: int = 0) -> Tensor:
    bases = torch.randint(0, 4, (length,), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(bases, 4).T.float().contiguous()


def planned(plan: Plan, x: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Effects by a plan, and by full passes of what it was made from: both (window, 3)."""
    bases = difference._alternatives(x, POSITIONS)
    return difference._planned(plan, block, x, POSITIONS, bases), bases


@settings(max_examples=40, deadline=None)
@given(networks(), st.sampled_from([1, 5, 16, 64]), st.sampled_from(["forward", "average"]))
def test_differences_equal_full_passes_on_any_small_network(made, block, strand_rule):
    model, x, target = model_of(made, strand_rule=strand_rule), example(), Target("one")
    bases = difference._alternatives(x, POSITIONS)
    for which, component in enumerate(model.components):
        wanted = in_full(model, target, 64, x, POSITIONS, bases, which)
        plan = Plan(lambda y, c=component: difference.scalar(model, target, c, y), x[None])
        found = difference._planned(plan, block, x, POSITIONS, bases)
        assert (found - wanted).abs().max() < 1e-5 * max(1, float(wanted.abs().max()))
        assert plan.described(plan.unchanged(x[None], block))[1]  # it is by differences that they were found


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Basset, "Exact differences through 3 layers."),
        (DilatedResidual, "Exact differences through 5 layers."),
        (
            Excited,
            "Exact differences through the first 3 layers, then full passes, because squeeze-and-excite gates tie all positions together.",
        ),
        (
            Attention,
            "Exact differences through the first layer, then full passes, because attention ties all positions together.",
        ),
        (
            ReadInOrder,
            "Exact differences through the first layer, then full passes, because a recurrent layer reads all positions in order.",
        ),
    ],
)
def test_where_the_saving_ends_is_found_by_tracing(kind, sentence):
    model, x = model_of(network(kind)), example()
    plan = Plan(lambda y: difference.scalar(model, Target("one"), (0, "+"), y), x[None])
    assert check((plan,), model, Target("one"), 16, x) == ""
    assert plan.described(plan.unchanged(x[None], 4))[0] == sentence


@pytest.mark.parametrize("kind", NETWORKS)
def test_neither_the_block_nor_the_batch_changes_a_number(kind):
    model, x = model_of(network(kind)), example(seed=3)
    bases = difference._alternatives(x, POSITIONS)
    plan = Plan(lambda y: difference.scalar(model, Target("two"), (0, "+"), y), x[None])
    found = [difference._planned(plan, block, x, POSITIONS, bases) for block in (1, 7, 60)]
    found += [in_full(model, Target("two"), batch, x, POSITIONS, bases, 0) for batch in (1, 50)]
    for other in found[1:]:
        assert (other - found[0]).abs().max() < 2e-6


class DependsOnLetters(nn.Module):
    """Goes another way when the first base is an A."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.sum((1, 2))[:, None, None].expand(-1, 2, 1)
        return y * 2 if bool(x[0, 0, 0] > 0) else y


class WritesInPlace(nn.Module):
    """Puts a number into its own intermediate values."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, :, 3] = 0
        return y.sum((1, 2))[:, None, None].expand(-1, 2, 1)


@pytest.mark.parametrize(
    ("kind", "words"), [(DependsOnLetters, "depend on the letters"), (WritesInPlace, "writes into")]
)
def test_a_network_that_cannot_be_traced_is_answered_in_full_and_says_why(kind, words):
    model, x = model_of(kind()), example()
    with pytest.raises(Untraceable, match=words):
        trace(model.members[0], x[None])
    assert words in ways_for(model, Target("one"), 16).how
    found = substitution_effects(model, Target("one"), 16, x, POSITIONS, 0)
    standing = x.argmax(0)
    assert (found.T[POSITIONS, standing] == 0).all()


def test_a_plan_that_differs_is_dropped_and_says_so(monkeypatch):
    right = Plan.effects
    monkeypatch.setattr(Plan, "effects", lambda self, *args: right(self, *args) * 1.01)
    model = model_of(network(DilatedResidual))
    ways = ways_for(model, Target("one"), 16)
    assert ways.plans == ()
    assert "dropped, because it differs from full passes by" in ways.how


def test_a_plan_that_fails_is_dropped_and_says_so(monkeypatch):
    def fails(self: Plan, *args: object) -> Tensor:
        raise RuntimeError("a layer of another world")

    monkeypatch.setattr(Plan, "effects", fails)
    ways = ways_for(model_of(network(DilatedResidual)), Target("one"), 16)
    assert ways.plans == ()
    assert "a layer of another world" in ways.how


def test_plans_are_made_once_and_end_with_their_model():
    model = model_of(network(Basset))
    assert ways_for(model, Target("one"), 16) is ways_for(model, Target("one"), 32)
    assert ways_for(model, Target("one"), 16) is not ways_for(model, Target("two"), 16)
    before = len(difference._ways)
    del model
    assert len(difference._ways) < before


def test_a_traced_network_answers_any_number_of_windows():
    for kind in NETWORKS:
        made = network(kind)
        program = trace(made, example()[None])
        x = torch.stack([example(seed=seed) for seed in range(5)])
        with torch.no_grad():
            assert torch.equal(program.run(x)[program.answer.index], made(x)), kind


def test_blocks_of_a_very_long_window_stay_small():
    """A job states its memory ahead; trying 128 places of 196,608 bp at once took twice as much."""
    assert _fitting_blocks(2_114) == _BLOCKS
    assert _fitting_blocks(196_608) == _BLOCKS[:1]
