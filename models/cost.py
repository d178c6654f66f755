"""What a network costs: its size, and the arithmetic of one window."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.core import Model


def cost(model: Model) -> dict[str, float]:
    """Parameters and MFLOP of one member for one window, with its context, on one strand."""
    return network_cost(model.members[0], model.spec.input_length + sum(map(len, model.spec.context)))


def network_cost(member: nn.Module, length: int) -> dict[str, float]:
    """Parameters and MFLOP (a multiply-add is two) of one network for one construct of ``length`` bp."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        member.eval()(torch.zeros(1, 4, length))
    flop = counter.get_total_flops()
    for part in member.modules():
        if isinstance(part, nn.LSTM):  # unknown to the counter: 4 gates, each a product with input and state
            directions = 2 if part.bidirectional else 1
            flop += 2 * directions * 4 * part.hidden_size * (part.input_size + part.hidden_size) * (length // 4)
    return {
        "parameters": sum(parameter.numel() for parameter in member.parameters()),
        "mflop_per_member": round(flop / 1e6, 3),
    }
