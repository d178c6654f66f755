"""What a pass holds in memory, counted on networks whose layers are known on paper."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from models.footprint import Footprint, Held
from tests.toy_models import WINDOW, Curved, toy_engine, toy_model

LENGTH = 10_000
UNIT = 4 * LENGTH  # bytes of one channel


def network() -> nn.Module:
    return nn.Sequential(nn.Conv1d(4, 6, 1), nn.ReLU(), nn.Conv1d(6, 3, 1)).requires_grad_(False)


def test_without_gradients_two_layers_are_alive_at_once():
    with torch.no_grad(), Held() as held:
        network()(torch.zeros(1, 4, LENGTH))
    assert 12 * UNIT <= held.most <= 16.1 * UNIT  # 6 channels twice; the input may count as well


def test_with_gradients_what_the_way_back_needs_stays_alive():
    x = torch.zeros(1, 4, LENGTH, requires_grad=True)
    with torch.no_grad(), Held() as bare:
        network()(x)
    with Held() as held:
        torch.autograd.grad(network()(x).sum(), x)
    assert held.most > bare.most


def test_memory_counts_every_window_of_a_batch():
    model = toy_model(Curved, n_members=3, strand_rule="average")
    x = torch.zeros(2, 4, WINDOW)
    (held,) = Footprint()(model, 4, x)
    assert held.shape == (2,)
    np.testing.assert_allclose(Footprint()(model, 8, x)[0], 2 * held)
    assert (held >= 4 * 4 * 8 * WINDOW).all()


def test_the_engine_runs_it():
    model = toy_model(Curved)
    run = toy_engine(model).runner(model.spec.model_id)
    for gradient in (False, True):
        (held,) = run(Footprint(gradient=gradient), (np.zeros((1, 4, WINDOW), dtype=np.float32),))
        assert held[0] > 0
