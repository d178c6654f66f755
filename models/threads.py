"""How many threads a network is worth: one, when it reads a sequence step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def worth_one(network: nn.Module, device: torch.device) -> bool:
    """Whether one thread is all that a network can use."""
    return device.type == "cpu" and any(isinstance(part, nn.RNNBase) for part in network.modules())


def in_halves(function: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """A row-wise function of rows on two threads at once, one for each half, whatever the processor: the same digits anywhere.

    For a network that can use one thread alone, inside ``threads_for``.
    """
    middle = (len(rows[0]) + 1) // 2
    halves = [[part[:middle] for part in rows], [part[middle:] for part in rows]]
    with ThreadPoolExecutor(2) as pool:  # new threads take the number of threads, and the priority, of who starts them
        found = list(pool.map(lambda half: function(*half), [half for half in halves if len(half[0])]))
    return torch.cat(found)


@contextmanager
def threads_for(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Lets a recurrent network run on one thread of the processor; others keep all of theirs.

    A recurrent layer is a long row of small products: threads wait for one another at each. With two, a pass of
    lentimpra took 2 to 9 times as long as with one.
    """
    if not worth_one(network, device):
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
