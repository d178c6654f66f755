"""How many threads a network is worth: one, when it reads a sequence step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def threads_for(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Lets a recurrent network run on one thread of the processor; others keep all of theirs.

    A recurrent layer is a long row of small products: threads wait for one another at each. With two, a pass of
    lentimpra took 2 to 9 times as long as with one.
    """
    if device.type != "cpu" or not any(isinstance(part, nn.RNNBase) for part in network.modules()):
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
