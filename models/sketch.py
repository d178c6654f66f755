"""How a network would move if it learned from a window: gradients of its answer by its weights, kept as 512 numbers.

Two windows whose gradients point the same way teach the network the same thing. A gradient has as many numbers as the
network has weights, so it is projected: for a layer that multiplies its input x by weights, the gradient is a sum over
places of outer products g x', and u'g x'v for random u and v is one number whose products with another window's are right
on average (Holzmueller et al. 2023, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from genome.errors import UserError
from models.core import Model, Target

WIDTH = 512  # numbers kept of a gradient
PER_LAYER = (
    128  # of them that one layer writes into; layers beyond the fourth share places, with projections of their own
)
_FOLLOWED = {"conv1d", "linear"}


class NotFollowed(UserError):
    """A network without a convolution or a fully connected layer."""


@dataclass(frozen=True)
class SketchedGradients:
    """The projected gradient of the explained scalar by the weights: (n, 4, window) -> (n, ``WIDTH``).

    The scalar is the mean over members and strands. Weights of convolutions and of fully connected layers are followed;
    those of other layers (recurrent ones, norms) are left out.

    Attributes:
        target: the scalar.
        seed: of the projections.
    """

    target: Target
    seed: int = 0
    passes: int = 6
    gradient: bool = True

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        return (torch.cat([self._of(model, x) for x in rows[0].split(max(1, batch // self.passes))]),)

    def _of(self, model: Model, x: Tensor) -> Tensor:
        total = x.new_zeros(len(x), WIDTH)
        first = 0
        for member in range(model.spec.n_members):
            n_layers = 0
            for strand in model.spec.strands:
                watch = _Perturbed(self.seed, first)
                with watch:
                    value = self.target.scalar(model.spec, model.component(x, member, strand)).sum()
                if not watch.sketches:
                    raise NotFollowed(
                        f"{model.spec.name} has no layer whose gradients can be kept; choose by another strategy."
                    )
                found = torch.autograd.grad(value, watch.sketches, allow_unused=True)
                for index, part in enumerate(found):
                    if part is not None:
                        start = (first + index) * PER_LAYER % WIDTH
                        total[:, start : start + PER_LAYER] += part
                n_layers = len(found)
            first += n_layers
        return total / len(model.components)


class _Perturbed(TorchFunctionMode):
    """Adds e u v' to the weights of each layer, with e = 0 apart for every row: the gradient by e is the sketch.

    Nothing is hooked on the network, which others may be using.

    Args:
        seed: of the projections.
        first: number of the first layer; layers differ in their projections.
    """

    def __init__(self, seed: int, first: int) -> None:
        super().__init__()
        self.seed, self.first = seed, first
        self.sketches: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        if getattr(func, "__name__", "") not in _FOLLOWED:
            return result
        call = _arguments(*args, **named)
        if call["groups"] != 1 or call["x"].dim() not in (2, 3):
            return result
        with torch._C.DisableTorchFunction():
            return result + self._perturbation(func, call)

    def _perturbation(self, func: Callable[..., Tensor], call: dict[str, Any]) -> Tensor:
        x, weight = call["x"], call["weight"]
        read, write, offset = self._projections(weight, call["bias"] is not None)
        if func.__name__ == "conv1d":
            seen = F.conv1d(x.detach(), read, offset, call["stride"], call["padding"], call["dilation"])
            each: tuple[int, ...] = (len(x), PER_LAYER, 1)
        else:
            seen = F.linear(x.detach(), read, offset)
            each = (len(x), PER_LAYER) if x.dim() == 2 else (len(x), 1, PER_LAYER)
        size = torch.zeros(len(x), PER_LAYER, device=x.device, dtype=x.dtype, requires_grad=True)
        self.sketches.append(size)
        moved = size.view(each) * seen
        return F.conv1d(moved, write[:, :, None]) if func.__name__ == "conv1d" else F.linear(moved, write)

    def _projections(self, weight: Tensor, bias: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """(``PER_LAYER``, inputs...), (outputs, ``PER_LAYER``) and (``PER_LAYER``,), the same on every device."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + self.first + len(self.sketches))
        read = torch.randn(PER_LAYER, *weight.shape[1:], generator=draw)
        write = torch.randn(weight.shape[0], PER_LAYER, generator=draw) / PER_LAYER**0.5
        offset = torch.randn(PER_LAYER, generator=draw)
        return read.to(weight), write.to(weight), offset.to(weight) if bias else None


def _arguments(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    **named: Any,
) -> dict[str, Any]:
    return {
        "x": named.get("input", x),
        "weight": weight,
        "bias": bias,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
