"""A traced network made shorter without changing its answer: normalisation goes into weights, idle steps go."""

from __future__ import annotations

import inspect
from collections import Counter
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.difference_trace import Program, Ref, Step, Untraceable, with_refs, without_unused

_BATCH_NORM = inspect.signature(F.batch_norm)
_DROPOUT = inspect.signature(F.dropout)
_IDLE = {"detach", "contiguous", "clone"}
_WEIGHTED = {"conv1d": torch.conv1d, "linear": F.linear}


def folded(program: Program, x: Tensor) -> Program:
    """The same program with batch normalisation (in evaluation) as part of the weights before it, and no idle steps.

    Args:
        program: the steps.
        x: (n, channels, length), an example.

    Raises:
        Untraceable: when a layer behaves as in training.
    """
    shapes: list[Any] = [getattr(result, "shape", ()) for result in program.run(x)]
    uses = Counter(ref.index for step in program.steps for ref in step.refs()) + Counter([program.answer.index])
    steps: list[Step] = []
    moved: list[Ref] = [Ref(0)]  # what each old result is called now
    for index, old in enumerate(program.steps, start=1):
        step = with_refs(old, lambda ref: _renamed(moved, ref))
        if _is_idle(step):
            moved.append(step.args[0])
            continue
        if step.name == "batch_norm":
            source = old.refs()[0].index
            scale, shift = _scale_and_shift(step)
            before = steps[moved[source].index - 1] if moved[source].index else None
            if before is not None and uses[source] == 1 and _takes(before, scale):
                _fold_into(before, scale, shift)
            else:
                shape = (1, -1, 1) if len(shapes[index]) == 3 else (1, -1)
                steps.append(Step(torch.mul, "mul", (step.args[0], scale.float().view(shape)), {}, fresh=step.fresh))
                steps.append(Step(torch.add, "add", (Ref(len(steps)), shift.float().view(shape)), {}, fresh=step.fresh))
            moved.append(Ref(len(steps)) if steps[-1] is not before else moved[source])
            continue
        steps.append(step)
        moved.append(Ref(len(steps)))
    short = without_unused(Program(steps, _renamed(moved, program.answer)))
    short = _parts_apart(short, x)
    return without_unused(Program([_faster(step) for step in short.steps], short.answer))


def _parts_apart(program: Program, x: Tensor) -> Program:
    """The same program with each convolution of joined channels as a sum of convolutions, one for each part."""
    shapes: list[Any] = [getattr(result, "shape", ()) for result in program.run(x)]
    uses = Counter(ref.index for step in program.steps for ref in step.refs())
    steps: list[Step] = []
    moved: list[Ref] = [Ref(0)]
    for old in program.steps:
        step = with_refs(old, lambda ref: _renamed(moved, ref))
        joined = program.steps[old.refs()[0].index - 1] if old.refs() and old.refs()[0].index else None
        if joined is not None and uses[old.refs()[0].index] == 1 and _reads_joined_channels(step, joined):
            widths = [shapes[ref.index][1] for ref in joined.refs()]
            steps += _apart(step, [_renamed(moved, ref) for ref in joined.refs()], widths, len(steps))
        else:
            steps.append(step)
        moved.append(Ref(len(steps)))
    return Program(steps, _renamed(moved, program.answer))


def _reads_joined_channels(step: Step, joined: Step) -> bool:
    """Whether a step is a convolution of channels that another has put side by side."""
    groups = step.args[6] if len(step.args) > 6 else step.kwargs.get("groups", 1)
    return (
        step.name == "conv1d"
        and len(step.args) >= 2
        and isinstance(step.args[1], Tensor)
        and groups == 1
        and joined.name == "cat"
        and isinstance(joined.args[0], (tuple, list))
        and all(isinstance(part, Ref) for part in joined.args[0])
        and (joined.kwargs.get("dim", joined.args[1] if len(joined.args) > 1 else 0) in (1, -2))
    )


def _apart(step: Step, sources: list[Ref], widths: list[int], before: int) -> list[Step]:
    """The convolution as a sum over the joined parts: those that are known by their difference stay so for longer."""
    made: list[Step] = []
    total: Ref | None = None
    for source, weight in zip(sources, step.args[1].split(widths, 1), strict=True):
        bias = (None,) if made and len(step.args) > 2 else step.args[2:3]
        kwargs = {key: value for key, value in step.kwargs.items() if key != "bias" or not made}
        made.append(
            Step(step.function, step.name, (source, weight.contiguous(), *bias, *step.args[3:]), kwargs, fresh=True)
        )
        one = Ref(before + len(made))
        if total is not None:
            made.append(Step(torch.add, "add", (total, one), {}, fresh=True))
        total = Ref(before + len(made))
    return made


def _faster(step: Step) -> Step:
    """The same step with channels side by side in memory, where the processor's convolutions are faster by a third."""
    weighted = step.name == "conv1d" and len(step.args) > 1 and isinstance(step.args[1], Tensor)
    if weighted and step.args[1].device.type == "cpu" and step.args[1].shape[1] * step.args[1].shape[0] > 16:
        packed = step.args[1].unsqueeze(2).contiguous(memory_format=torch.channels_last)
        step.function = partial(_convolution_by_place, packed)
    elif step.name == "cat" and step.args and isinstance(step.args[0], (tuple, list)):
        step.function = _cat_by_place
    return step


def _convolution_by_place(
    packed: Tensor,
    x: Tensor,
    weight: Tensor,  # noqa: ARG001  packed
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """``conv1d`` as a flat ``conv2d``: (n, channels, length), in memory by place, to the same."""
    wide = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    edges = padding if isinstance(padding, str) else (0, _single(padding))
    steps, gaps = (1, _single(stride)), (1, _single(dilation))
    return torch.conv2d(wide, packed, bias, steps, edges, gaps, groups).squeeze(2)


def _cat_by_place(tensors: Any, dim: int = 0) -> Tensor:
    """``cat`` that keeps channels side by side in memory."""
    if dim in (1, -2) and all(tensor.dim() == 3 for tensor in tensors):
        return torch.cat([tensor.transpose(1, 2) for tensor in tensors], 2).transpose(1, 2)
    return torch.cat(tensors, dim)


def _single(value: Any) -> int:
    """The one number of ``1`` or ``(1,)``."""
    return int(value[0]) if isinstance(value, (tuple, list)) else int(value)


def _renamed(moved: list[Ref], ref: Ref) -> Ref:
    new = moved[ref.index]
    return new if ref.item is None else Ref(new.index, ref.item)


def _is_idle(step: Step) -> bool:
    """Whether a step hands on what it is given."""
    if not step.args or not isinstance(step.args[0], Ref):
        return False
    if step.name == "dropout" and step.function is F.dropout:
        bound = _DROPOUT.bind(*step.args, **step.kwargs)
        bound.apply_defaults()
        if bound.arguments["training"]:
            raise Untraceable("it leaves values out at random")
        return True
    return step.name in _IDLE and len(step.args) == 1 and not step.kwargs


def _scale_and_shift(step: Step) -> tuple[Tensor, Tensor]:
    """Batch normalisation as x * scale + shift, float64 (channels,)."""
    bound = _BATCH_NORM.bind(*step.args, **step.kwargs)
    bound.apply_defaults()
    given: dict[str, Any] = bound.arguments
    mean, variance = given["running_mean"], given["running_var"]
    if given["training"] or not isinstance(mean, Tensor) or not isinstance(variance, Tensor):
        raise Untraceable("its normalisation depends on the other windows")
    scale = (variance.double() + given["eps"]).rsqrt()
    if given["weight"] is not None:
        scale = scale * given["weight"].double()
    shift = -mean.double() * scale
    return scale, shift if given["bias"] is None else shift + given["bias"].double()


def _takes(step: Step, scale: Tensor) -> bool:
    """Whether a step's weights can take a scale and shift of its results."""
    return (
        step.name in _WEIGHTED
        and len(step.args) >= 2
        and isinstance(step.args[1], Tensor)
        and len(step.args[1]) == len(scale)
        and not set(step.kwargs) & {"weight", "bias"}
    )


def _fold_into(step: Step, scale: Tensor, shift: Tensor) -> None:
    weight, bias = step.args[1], step.args[2] if len(step.args) > 2 else None
    shaped = scale.view(-1, *[1] * (weight.dim() - 1))
    moved = shift if bias is None else shift + bias.double() * scale
    step.args = (step.args[0], (weight.double() * shaped).to(weight.dtype), moved.to(weight.dtype), *step.args[3:])
