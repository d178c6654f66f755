"""The three reporter families: shapes, smoothness, and that each is written down once and loads again."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models import registry
from models.reporter_data import LENTI_CONTEXT
from models.reporter_parts import LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE, Head
from models.reporter_train import FAMILIES, FAMILY_RECIPES

LENGTH = 200 + sum(map(len, LENTI_CONTEXT))


def network(family: str, n_tracks: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return FAMILIES[family](n_tracks, **FAMILY_RECIPES[family].options).eval()


def dna(n: int, seed: int = 0) -> torch.Tensor:
    codes = torch.randint(0, 4, (n, LENGTH), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_holds_means_then_log_variances(family: str) -> None:
    answer = network(family)(dna(5))
    assert answer.shape == (5, 6, 1)
    assert ((answer[:, 3:] >= LEAST_LOG_VARIANCE) & (answer[:, 3:] <= MOST_LOG_VARIANCE)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_do_not_depend_on_their_batch(family: str) -> None:
    model, x = network(family), dna(9)
    torch.testing.assert_close(model(x)[4:5], model(x[4:5]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_base_of_the_insert_can_matter(family: str) -> None:
    x = dna(4).requires_grad_()
    network(family)(x)[:, 0].sum().backward()
    assert (x.grad.abs().sum((0, 1)) > 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_embedding_is_what_the_last_layer_reads(family: str) -> None:
    model, x = network(family), dna(3)
    features = model.embed(x)
    mean = model.head.mean(features) * model.head.scale + model.head.centre
    torch.testing.assert_close(mean, model(x)[:, :3, 0])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_member_costs_at_most_30_mflop(family: str) -> None:
    with FlopCounterMode(display=False) as counter:
        network(family)(dna(1))
    flop = counter.get_total_flops()
    if (
        family == "recurrent"
    ):  # the counter does not know the LSTM: 2 directions, 4 gates, each a product with input and state
        state = network(family).reader
        flop += 2 * 2 * 4 * state.hidden_size * (state.input_size + state.hidden_size) * (LENGTH // 4)
    assert 1e6 < flop <= 30e6


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_may_be_loaded(family: str) -> None:
    assert family in registry.ARCHITECTURES


def test_scale_and_centre_put_the_answer_into_the_tracks_unit() -> None:
    head = Head(4, 8, 2, 0.0).eval()
    h = torch.randn(6, 4)
    plain = head(h)
    head.centre.copy_(torch.tensor([10.0, -1.0]))
    head.scale.copy_(torch.tensor([2.0, 0.5]))
    scaled = head(h)
    torch.testing.assert_close(scaled[:, 0], 2 * plain[:, 0] + 10)
    torch.testing.assert_close(scaled[:, 3].exp(), 0.25 * plain[:, 3].exp())


def test_the_scatter_does_not_shape_the_features() -> None:
    head = Head(4, 8, 2, 0.0)
    h = torch.randn(6, 4, requires_grad=True)
    head(h)[:, 2:].sum().backward()
    assert h.grad is None or not h.grad.any()
    assert head.log_variance.weight.grad.any()
