"""Gradient x input: the gradient at the sequence, centred over the four bases."""

from __future__ import annotations

import numpy as np
import torch

from models.core import Target
from tests.interpret.test_methods import explain
from tests.toy_models import WINDOW, Curved, toy_model


def test_it_is_the_gradient_less_its_mean_over_the_four_bases():
    model = toy_model(Curved, n_members=2, strand_rule="average")
    found = explain(model, WINDOW, method="gradient")
    x = torch.from_numpy(found.sequence.one_hot())[None].requires_grad_()
    gradient = torch.autograd.grad(Target("one").scalar(model.spec, model(x)).sum(), x)[0][0].numpy()
    assert np.allclose(found.hypothetical, gradient - gradient.mean(0), atol=1e-6)


def test_a_window_says_the_same_in_whatever_company():
    model = toy_model(Curved)
    alone = explain(model, WINDOW, method="gradient")
    again = explain(model, WINDOW, method="gradient", baseline="uniform", seed=9)
    assert np.array_equal(alone.values, again.values)
