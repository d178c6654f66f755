"""Only recurrent networks on the processor give up their threads, and only while they run."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.threads import in_halves, threads_for

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("network", "device", "wanted"),
    [
        (nn.Sequential(nn.LSTM(4, 4)), CPU, 1),
        (nn.GRU(4, 4), CPU, 1),
        (nn.Conv1d(4, 4, 3), CPU, 2),
        (nn.LSTM(4, 4), torch.device("cuda"), 2),
    ],
)
def test_a_recurrent_network_runs_on_one_thread_and_gives_the_others_back(network, device, wanted):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads_for(network, device):
            assert torch.get_num_threads() == wanted
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_halves_of_the_rows_come_back_in_order_with_the_digits_of_either_half_alone(count):
    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        assert torch.get_num_threads() == 1
        return a @ torch.ones(3, 2) + b[:, None]

    a, b = torch.randn(count, 3, generator=torch.Generator().manual_seed(0)), torch.arange(float(count))
    with threads_for(nn.GRU(4, 4), CPU):
        found = in_halves(function, a, b)
        middle = (count + 1) // 2
        parts = [part for part in (slice(0, middle), slice(middle, count)) if part.start < part.stop]
        assert torch.equal(found, torch.cat([function(a[part], b[part]) for part in parts]))
