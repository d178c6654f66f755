"""Both alleles at once: equal to full passes on any small network, wherever the letter and however many windows."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models import registry
from models.alleles import Scalars, Substituted, group_size, one_hot, scalars, ways_for
from models.cone import Cone
from models.core import Model
from models.difference_trace import trace
from models.profile import ProfileNetwork
from tests.models.test_difference import DependsOnLetters, networks
from tests.networks import LENGTH, NETWORKS, Basset, DilatedResidual, model_of, network
from tests.toy_models import Linear, toy_model, toy_spec


def random_codes(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def followed(function, length: int) -> Cone:
    window = one_hot(random_codes(1, length))
    return Cone(trace(function, window), window)


def beside(
    cone: Cone, function, length: int, offsets: tuple[int, ...], place: int, changes: int
) -> tuple[Tensor, Tensor]:
    """What a cone says of three stretches, and what the function says of each window cut out of them."""
    codes = random_codes(3, offsets[-1] + length, seed=place)
    letters = random_codes(3, changes, seed=place + 1)
    changed = codes[:, None].repeat(1, 1 + changes, 1)
    changed[:, 1:, place] = letters
    cut = torch.stack([changed[..., first : first + length] for first in offsets], 1)
    with torch.no_grad():
        wanted = function(one_hot(cut.flatten(0, 2))).unflatten(0, cut.shape[:3])
    return cone.both(one_hot(codes), offsets, place, one_hot(letters).transpose(1, 2)[..., None]), wanted


@settings(max_examples=40, deadline=None)
@given(networks(), st.sampled_from(["forward", "average"]), st.integers(12, LENGTH - 1), st.sampled_from([1, 3]))
def test_a_change_is_what_full_passes_say_on_any_small_network(made, strand_rule, place, changes):
    model = model_of(made, strand_rule=strand_rule)
    for component in model.components:
        function = partial(scalars, model, component)
        cone = followed(function, LENGTH)
        found, wanted = beside(cone, function, LENGTH, (0, 5, 12), place, changes)
        assert (found - wanted).abs().max() < 1e-5 * max(1, float(wanted.abs().max()))


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("context", [("", ""), ("ACGTT", "GG")])
def test_every_kind_of_network_at_every_place(kind, context):
    made = network(kind)
    model = model_of(made, context=context, strand_rule="average", length=LENGTH - len("".join(context)))
    length = model.spec.input_length
    function = partial(scalars, model, model.components[1])
    cone = followed(function, length)
    for place in (0, 1, length // 2, length - 1):
        found, wanted = beside(cone, function, length, (0,), place, 1)
        assert (found - wanted).abs().max() < 1e-5


def test_windows_along_a_stretch_share_all_that_is_not_padded_on_both_strands():
    """A profile network pads nothing, so its convolutions are run once for all windows of a stretch."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = ProfileNetwork(filters=4, stem_length=5, layers=2, head_length=9)
    model = model_of(made, strand_rule="average")
    for component in model.components:
        function = partial(scalars, model, component)
        cone = followed(function, LENGTH)
        names = [cone.program.steps[at - 1].name for at in cone.shared]
        assert names.count("conv1d") == 5
        found, wanted = beside(cone, function, LENGTH, (0, 7, 15), 30, 3)
        assert (found - wanted).abs().max() < 1e-5
    assert ways_for(model).shared


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("place", [36, 40, 59])
def test_padded_convolutions_are_shared_and_the_ends_of_each_window_are_its_own(place, strand):
    """The change is close to the ends of some windows, so that it reaches what padding reaches."""
    model = model_of(network(DilatedResidual), strand_rule="average")
    assert ways_for(model).carried
    assert ways_for(model).shared
    function = partial(scalars, model, (0, strand))
    cone = followed(function, LENGTH)
    names = [cone.program.steps[at - 1].name for at in cone.shared]
    assert names.count("conv1d") >= 3
    for changes in (1, 3):
        found, wanted = beside(cone, function, LENGTH, (0, 3, 17, 36), place, changes)
        assert (found - wanted).abs().max() < 1e-5
        assert (found[:, :, 1:] - found[:, :, :1]).abs().max() > 1e-3


def test_what_cannot_be_written_down_is_asked_in_full_and_said():
    ways = ways_for(model_of(DependsOnLetters()))
    assert not ways.carried
    assert ways.how.startswith("Full passes, because")


def test_a_network_that_ties_everything_together_is_asked_in_full():
    ways = ways_for(toy_model(Linear))
    assert not ways.carried
    assert "reaches nearly everything" in ways.how


def test_a_plan_that_differs_is_dropped_aloud(monkeypatch):
    monkeypatch.setattr(Cone, "both", lambda self, x, offsets, place, columns: torch.ones(len(x), 1, 2, 2))
    ways = ways_for(model_of(network(Basset)))
    assert not ways.carried
    assert "differs from full passes" in ways.how


def test_the_functions_of_the_engine_are_row_wise():
    model = model_of(network(Basset), network(Basset, seed=1), strand_rule="average")
    codes, letters = random_codes(4, 5, LENGTH), random_codes(4, 5, 1)
    places, components = torch.tensor([3, 30, 30, 59]), torch.arange(4)
    substituted = Substituted((0,), 10)
    (whole,) = substituted(model, 1, codes, letters, places, components)
    (answers,) = Scalars(5)(model, 1, codes, components)
    for row in range(4):
        one = [part[row : row + 1] for part in (codes, letters, places, components)]
        assert torch.equal(substituted(model, 7, *one)[0][0], whole[row])
        assert (whole[row, :, 0, 0] - answers[row]).abs().max() < 1e-5
        wanted = scalars(model, model.components[row], one_hot(codes[row]))
        assert (answers[row] - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["tf-binding", "sandbox-profile"])
def test_shipped_models_say_the_same_as_in_full_passes(name):
    model = registry.load(registry.spec(name).model_id)
    ways, length = ways_for(model), model.spec.input_length
    assert ways.carried
    for cone, component in zip(ways.cones[:2], model.components[:2], strict=True):
        found, wanted = beside(cone, partial(scalars, model, component), length, (0, 25), length // 2, 1)
        assert (found - wanted).abs().max() < 1e-5 * (1 + float(wanted.abs().max()))


def test_groups_follow_from_the_model_alone():
    spec = toy_spec(window=100)
    assert group_size(spec, 1e5) == 256
    assert group_size(spec, 1e9) == 4
    assert group_size(spec, 1e9, windows=10) == 1
    assert group_size(toy_spec(window=2_000), 1e5) == 8


def test_letters_n_are_columns_of_zeros():
    assert (
        one_hot(torch.tensor([0, 3, 4], dtype=torch.uint8)).tolist()
        == np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=np.float32).tolist()
    )


def test_nothing_of_a_model_is_kept_beyond_its_life():
    import gc
    import weakref

    model: Model | None = model_of(network(Basset))
    ways_for(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


class Strange(nn.Module):
    """Pads on one side, pools with overlap, cuts channels and places."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(4, 6, 4, stride=2, padding=1), nn.Conv1d(3, 5, 3, padding="same", dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        h = nn.functional.pad(x, (3, 1))
        h = torch.relu(self.one(h))[:, 1:4, 2:-3]
        h = nn.functional.max_pool1d(torch.cat([h, -h], 1)[:, :3], 3, 2, padding=1)
        h = self.two(nn.functional.avg_pool1d(h, 2, 1))
        return h.amax(2)[:, :2, None]


@pytest.mark.parametrize("place", [0, 1, 2, 29, 30, 57, 58, 59])
def test_strides_paddings_and_cuts(place):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = model_of(Strange())
    function = partial(scalars, model, (0, "+"))
    cone = followed(function, LENGTH)
    found, wanted = beside(cone, function, LENGTH, (0,), place, 3)
    assert (found - wanted).abs().max() < 1e-5
