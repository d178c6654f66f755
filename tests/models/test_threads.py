"""Only recurrent networks on the processor give up their threads, and only while they run."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.threads import threads_for

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
