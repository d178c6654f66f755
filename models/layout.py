"""How signals lie in memory: a convolution along DNA can be faster when the channels of a position lie side by side.

Numbers are the same up to rounding. Which is faster depends on the network and the processor, so the engine measures it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

WORTH = 0.9  # share of the usual time below which the other layout is taken
SAME = 1e-5  # of the largest number; single precision rounds about so much on the way through a network
ROUNDS = 3


class ChannelsTogether(TorchFunctionMode):
    """While it is active, in this thread alone, convolutions along DNA keep the channels of a position side by side.

    Attributes:
        convolutions: how many were run so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every step of a network comes by here."""
        kwargs = kwargs or {}
        name = func.__name__
        own = next((kind for kind in types if kind not in (Tensor, nn.Parameter)), None)
        if own is not None:  # a signal with a mind of its own: what it makes of the step comes by here again
            with self:
                return own.__torch_function__(func, types, args, kwargs)
        if name == "__get__":
            return func(*args, **kwargs)
        if name == "conv1d" and (answer := _convolution(*args, **kwargs)) is not None:
            self.convolutions += 1
        else:
            answer = func(*args, **kwargs)
        if type(answer) is Tensor and answer.requires_grad and _together(answer):
            answer.register_hook(_brought_together)
        return answer


def laid_out(together: bool) -> AbstractContextManager[object]:
    """Keeps the channels of a position side by side, or leaves everything as it is."""
    return ChannelsTogether() if together else nullcontext()


def faster_together(network: nn.Module, x: Tensor, *, gradient: bool) -> bool:
    """Whether a network is faster with its channels together, and says the same: measured in turn, the best of three.

    Args:
        network: (n, 4, length) -> an answer of n rows.
        x: some windows.
        gradient: whether the pass that counts goes back to the letters too.
    """
    if x.device.type != "cpu" or x.ndim != 3:
        return False
    layout = ChannelsTogether()
    usual, other = _pass(network, x, None, gradient=gradient), _pass(network, x, layout, gradient=gradient)
    answers, *gradients = (_off(*both) for both in zip(usual[1], other[1], strict=True))
    if not layout.convolutions or answers.max() > SAME or any(off.median() > SAME for off in gradients):
        return False
    times = [(usual[0], other[0])]
    while len(times) < ROUNDS:
        here, there = (_pass(network, x, way, gradient=gradient)[0] for way in (None, ChannelsTogether()))
        times.append((here, there))
    return min(there for _, there in times) < WORTH * min(here for here, _ in times)


def _pass(
    network: nn.Module, x: Tensor, layout: ChannelsTogether | None, *, gradient: bool
) -> tuple[float, tuple[Tensor, ...]]:
    """Seconds of one pass, and what it gives: the answer, and its gradient where that counts."""
    start = time.perf_counter()
    with torch.set_grad_enabled(gradient), nullcontext() if layout is None else layout:
        letters = x.clone().requires_grad_(gradient)
        answer = network(letters)
        found = (answer.detach(), *(torch.autograd.grad(answer.sum(), letters) if gradient else ()))
    return time.perf_counter() - start, found


def _off(one: Tensor, other: Tensor) -> Tensor:
    """float (n,): how far each row lies from the other, of the largest number.

    Of gradients the median row counts: of millions of signals one stands so near its kink that rounding decides on which
    side, and moves the gradient of its row by a thousandth.
    """
    return (one - other).abs().reshape(len(one), -1).amax(1) / one.abs().max()


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    """``conv1d`` over a picture of one row; None where that does not give the same."""
    dilation = _one(dilation)
    if type(input) is not Tensor or input.ndim != 3 or weight.requires_grad:
        return None
    if isinstance(padding, str):
        reach = (dilation * (weight.shape[2] - 1)) if padding == "same" else 0
        if reach % 2:
            return None
        padding = reach // 2
    together = torch.channels_last
    picture = input.unsqueeze(2).contiguous(memory_format=together)
    filters = weight.unsqueeze(2).contiguous(memory_format=together)
    answer = F.conv2d(picture, filters, bias, (1, _one(stride)), (0, _one(padding)), (1, dilation), groups)
    return answer.squeeze(2)


def _one(value: Any) -> int:
    return value if isinstance(value, int) else int(value[0])


def _together(signal: Tensor) -> bool:
    """Whether the channels of a position lie side by side: (n, channels, positions)."""
    return signal.ndim == 3 and signal.stride(1) == 1 and signal.stride(2) == signal.shape[1] > 1


def _brought_together(gradient: Tensor) -> Tensor:
    """A gradient in the layout of its signal: steps that mix two layouts are ten times as slow."""
    return gradient if _together(gradient) else gradient.transpose(1, 2).contiguous().transpose(1, 2)
