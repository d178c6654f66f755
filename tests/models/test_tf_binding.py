"""The binding network: shapes, smoothness, N, cost, and one answer per row whatever else is in the batch."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.tf_binding import TFBinding


def trained_for_a_moment() -> TFBinding:
    """A network whose batch statistics are not those it was born with."""
    torch.manual_seed(0)
    model = TFBinding()
    with torch.no_grad():
        for _ in range(3):
            model(windows(64))
    return model.eval()


def windows(n: int, seed: int = 1) -> torch.Tensor:
    """float32 (n, 4, 100) random DNA."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 4, (n, 100), generator=generator)
    return torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def test_one_number_per_factor_and_window() -> None:
    assert trained_for_a_moment()(windows(3)).shape == (3, 2, 1)


def test_an_answer_does_not_depend_on_the_other_windows() -> None:
    model, x = trained_for_a_moment(), windows(20)
    assert torch.allclose(model(x)[7], model(x[7:8])[0], rtol=1e-5, atol=1e-6)


def test_folded_normalisation_equals_normalisation() -> None:
    model, x = trained_for_a_moment(), windows(5)
    for layer, values in ((model.motifs, x), (model.combine, torch.rand(5, 64, 10))):
        assert torch.allclose(layer(values), layer.norm(layer.convolution(values)), atol=1e-5)


def test_every_base_of_the_window_counts() -> None:
    x = windows(8).requires_grad_(True)
    gradient = torch.autograd.grad(trained_for_a_moment()(x)[:, 0].sum(), x)[0]
    assert (gradient.abs().sum(dim=(0, 1)) > 0).all()


def test_the_gradient_is_that_of_finite_differences() -> None:
    model, x = trained_for_a_moment().double(), windows(2).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda part: model(torch.cat([part, x[:, :, 5:]], dim=2)), x[:, :, :5])


def test_windows_of_n_are_answered() -> None:
    x = windows(2)
    x[0] = 0
    x[1, :, :60] = 0
    assert trained_for_a_moment()(x).isfinite().all()


def test_rescaling_is_a_straight_line_of_the_answer() -> None:
    model, x = trained_for_a_moment().requires_grad_(False), windows(4)
    slope, intercept = torch.tensor([2.0, 0.5]), torch.tensor([-1.0, 3.0])
    expected = model(x) * slope[:, None] + intercept[:, None]
    model.rescale(slope, intercept)
    assert torch.allclose(model(x), expected, atol=1e-5)


def test_a_member_costs_less_than_five_mflop() -> None:
    model, x = trained_for_a_moment(), windows(1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    assert 0.5e6 < counter.get_total_flops() < 5e6


def test_a_window_too_short_for_the_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="input_length=40"):
        TFBinding(input_length=40)
