"""Channels side by side in memory: the same numbers, and only where it was measured to pay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models import layout
from models.engine import Engine, Pace
from models.layout import ChannelsTogether, faster_together
from models.predict import Components
from tests.toy_models import WINDOW, Curved, Linear, toy_model


class Convolutions(nn.Module):
    """Every kind of convolution along DNA that networks here have."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv1d(4, 8, 5, padding="same"), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.MaxPool1d(2)),
            *(nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=4), nn.SiLU(), nn.Conv1d(8, 6, 4, stride=2, bias=False)),
            nn.Conv1d(6, 6, 2, padding="same"),
        )
        self.weight = nn.Parameter(torch.randn(6, 6, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.layers(x)
        h = h + F.gelu(F.conv1d(h, self.weight, dilation=1))
        return h.amax(2) + h.mean(2) * torch.sigmoid(h.sum(2))


def network_and_windows():
    torch.manual_seed(0)
    network = Convolutions().eval().requires_grad_(False)
    return network, F.one_hot(torch.randint(0, 4, (5, 40)), 4).transpose(1, 2).float()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("gradient", [False, True])
def test_numbers_are_the_same_in_either_layout(gradient):
    network, x = network_and_windows()
    found = []
    for layout_of_choice in (layout.laid_out(False), together := ChannelsTogether()):
        with layout_of_choice, torch.set_grad_enabled(gradient):
            letters = x.clone().requires_grad_(gradient)
            answer = network(letters)
            found.append(torch.autograd.grad(answer.sum(), letters)[0] if gradient else answer)
    assert together.convolutions == 4  # "same" padding of an even filter is not symmetric and keeps its own way
    assert torch.allclose(*found, rtol=1e-5, atol=1e-6)
    assert found[0].abs().max() > 0.01


def test_the_layout_goes_through_the_network_and_ends_with_the_pass():
    network, x = network_and_windows()
    with ChannelsTogether():
        assert network.layers[0](x).stride(1) == 1
    assert network.layers[0](x).stride(1) == 40


def slowed(monkeypatch, *, usual: float, other: float, same: bool = True):
    def passed(network, x, way, *, gradient):
        if way is not None:
            way.convolutions += 1
        return (usual if way is None else other), (torch.ones(2) if way is None or same else torch.zeros(2),)

    monkeypatch.setattr(layout, "_pass", passed)


def test_it_is_taken_only_where_it_is_faster_and_says_the_same(monkeypatch):
    network, x = network_and_windows()
    slowed(monkeypatch, usual=1.0, other=0.5)
    assert faster_together(network, x, gradient=False)
    slowed(monkeypatch, usual=1.0, other=0.95)
    assert not faster_together(network, x, gradient=False)
    slowed(monkeypatch, usual=1.0, other=0.5, same=False)
    assert not faster_together(network, x, gradient=False)


@pytest.mark.parametrize(("rows_off", "taken"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_gradient_may_differ_in_rows_where_rounding_decides_at_a_kink_but_not_in_most(monkeypatch, rows_off, taken):
    network, x = network_and_windows()
    gradients = torch.ones(4, 3)

    def passed(network, x, way, *, gradient):
        if way is None:
            return 1.0, (torch.ones(4), gradients)
        way.convolutions += 1
        moved = gradients.clone()
        moved[:rows_off, 0] += 1e-3
        return 0.5, (torch.ones(4), moved)

    monkeypatch.setattr(layout, "_pass", passed)
    assert faster_together(network, x, gradient=True) is taken


def test_a_network_without_convolutions_keeps_its_layout():
    model = toy_model(Linear)
    assert not faster_together(model, torch.zeros(2, 4, WINDOW), gradient=True)


def test_the_engine_answers_the_same_in_the_layout_that_was_measured():
    model = toy_model(Curved, n_members=2, strand_rule="average")
    x = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (9, WINDOW))].transpose(0, 2, 1).copy()
    answers = []
    for together in (False, True):
        engine = Engine({model.spec.model_id: model}.__getitem__, device=torch.device("cpu"))
        engine._paces[model.spec.model_id, False] = replace(Pace(4, 1e-3), together=together)
        answers.append(engine.run(model.spec.model_id, Components(), (x,))[0])
        assert engine.pace(model.spec.model_id).together is together
    assert np.allclose(*answers, atol=1e-6)
