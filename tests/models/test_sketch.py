"""Sketched gradients: their products are those of the gradients, row by row, and nothing is left on the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.core import Model, ModelSpec, Target, Track
from models.engine import Engine
from models.sketch import WIDTH, SketchedGradients


class Small(nn.Module):
    """A convolution and two fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Conv1d(4, 5, 3, padding=1, stride=2)
        self.hidden = nn.Linear(5, 4)
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        """(n, 4, length) -> (n, 1, 1)."""
        h = torch.tanh(self.words(x)).mean(2)
        return self.out(torch.tanh(self.hidden(h)))[:, :, None]


def model_of(n_members: int = 1, strand: str = "forward") -> Model:
    torch.manual_seed(0)
    spec = ModelSpec("small", "small", "", 12, 1, 12, (Track("a", "MPRA", "cells", "log2"),), strand, n_members)
    return Model(spec, [Small() for _ in range(n_members)])


def windows(n: int = 9) -> torch.Tensor:
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (n, 12)))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def exact(model: Model, x: torch.Tensor) -> torch.Tensor:
    """(n, weights): the gradient of each window's answer by every weight of every member, one by one."""
    found = []
    model.requires_grad_(True)
    for window in x:
        value = model(window[None]).sum()
        found.append(torch.cat([part.flatten() for part in torch.autograd.grad(value, list(model.parameters()))]))
    model.requires_grad_(False)
    return torch.stack(found)


def sketched(model: Model, x: torch.Tensor, seed: int = 0, batch: int = 64) -> torch.Tensor:
    with torch.enable_grad():
        return SketchedGradients(Target("a"), seed)(model, batch, x)[0].detach()


@pytest.mark.parametrize(("n_members", "strand"), [(1, "forward"), (2, "average")])
def test_products_of_sketches_are_those_of_the_gradients_on_average(n_members, strand):
    """Per member the mean over strands is taken before products are, as in the explained function."""
    model, x = model_of(n_members, strand), windows()
    true = exact(model, x)
    kernel = true @ true.T
    drawn = torch.stack([part @ part.T for part in (sketched(model, x, seed) for seed in range(150))])
    error = drawn.std(0) / 150**0.5
    assert ((drawn.mean(0) - kernel).abs() < 5 * error + 1e-6).all()
    assert np.corrcoef(drawn.mean(0).flatten(), kernel.flatten())[0, 1] > 0.995


def test_one_sketch_orders_distances_as_the_gradients_do():
    model, x = model_of(), windows(30)
    true, found = (torch.cdist(part, part).flatten() for part in (exact(model, x), sketched(model, x)))
    assert np.corrcoef(true, found)[0, 1] > 0.95


def test_rows_do_not_depend_on_the_batch_nor_on_one_another():
    model, x = model_of(2, "average"), windows(11)
    whole = sketched(model, x, batch=1000)
    assert whole.shape == (11, WIDTH)
    torch.testing.assert_close(sketched(model, x, batch=1), whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(sketched(model, x[[7, 2]]), whole[[7, 2]], rtol=1e-5, atol=1e-6)


def test_the_engine_gives_the_same_and_the_network_is_left_as_it_was():
    model, x = model_of(), windows()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    engine = Engine(lambda _: model, device=torch.device("cpu"))
    told = engine.run("small", SketchedGradients(Target("a")), (x.numpy(),))[0]
    np.testing.assert_allclose(told, sketched(model, x).numpy(), rtol=1e-5, atol=1e-6)
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert not any(part.requires_grad for part in model.parameters())
