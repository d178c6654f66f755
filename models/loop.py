"""The training loop: it knows steps, checkpoints and the best pass, not what kind of model it trains or on what."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Say = Callable[[str], None]
AfterStep = Callable[[nn.Module, float], None]
_TOLD = ("epoch", "best", "history", "seconds")


class Task(Protocol):
    """Rows and a loss: what a network is fitted to."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What decides the fit besides the schedule (recipe, data); a saved fit of another one is not taken up."""
        ...

    def steps(self) -> int:
        """Batches per pass."""
        ...

    def batches(self, seed: np.random.SeedSequence) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (input, labels) of one pass in random order."""
        ...

    def loss(self, answer: Tensor, labels: Tensor) -> Tensor:
        """What is made small."""
        ...

    def score(self, module: nn.Module) -> float:
        """What chooses the best pass, on rows that no step has seen: higher is better."""
        ...


def say_at_once(line: str) -> None:
    """Prints progress, also where the output is a file that somebody watches."""
    print(line, flush=True)


def on_one_core_each(fit_one: Callable[..., nn.Module], jobs: Seq[tuple[Any, ...]], *, workers: int) -> list[nn.Module]:
    """Fits networks beside one another, each on one core; how many at a time does not change the result.

    Args:
        fit_one: a function of a module, called with each job's arguments.
        jobs: their arguments.
        workers: fits at the same time, in processes of their own when there are several.
    """
    if workers == 1:
        return [_on_one_core(fit_one, *job) for job in jobs]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_on_one_core, repeat(fit_one), *zip(*jobs, strict=True)))


def _on_one_core(fit_one: Callable[..., nn.Module], *job: Any) -> nn.Module:
    torch.set_num_threads(1)
    return fit_one(*job)


@dataclass(frozen=True)
class Schedule:
    """How many steps, and how large.

    Attributes:
        name: for progress.
        epochs: passes over the training rows.
        learning_rate: largest step size of AdamW; it rises for a tenth of the steps and falls to nothing.
        weight_decay: of AdamW.
        seed: of everything; member k uses seed + k.
        averaging: share of the running average of the weights that each step keeps; the average is what is scored and
            given back. 0: the weights themselves.
    """

    name: str
    epochs: int
    learning_rate: float
    weight_decay: float
    seed: int
    averaging: float = 0.0


@dataclass
class Fit:
    """A network while it is being fitted.

    Attributes:
        module: the network, changed in place.
        judged: what is scored: the network itself, or the running average of its weights.
        optimizer: its AdamW.
        epoch: passes done.
        best: highest score so far.
        kept: weights at that score.
        history: score after each pass.
        seconds: processor time spent.
    """

    module: nn.Module
    judged: nn.Module
    optimizer: torch.optim.AdamW
    epoch: int = 0
    best: float = -math.inf
    kept: dict[str, Tensor] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)
    seconds: float = 0.0


def fit(
    build: Callable[[], nn.Module],
    task: Task,
    schedule: Schedule,
    *,
    member: int,
    checkpoint: Path | None = None,
    say: Say = say_at_once,
    after_step: AfterStep | None = None,
) -> nn.Module:
    """Fits one network and gives it back, in evaluation mode, with the weights of its best pass.

    Args:
        build: makes the network; called after the member's seed is set.
        task: rows and loss.
        schedule: steps.
        member: which one of the ensemble, from 0; it decides the seed.
        checkpoint: file that holds the state after each pass; a run that was stopped goes on from it.
        say: is told the progress.
        after_step: changes the weights after each step; given the network and the step size (a pull to where they were).
    """
    torch.manual_seed(schedule.seed + member)
    module = build()
    optimizer = torch.optim.AdamW(module.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    state = Fit(module, copy.deepcopy(module) if schedule.averaging else module, optimizer)
    if checkpoint is not None and checkpoint.exists():
        _resume(state, checkpoint, task.fingerprint)
    for epoch in range(state.epoch, schedule.epochs):
        started = time.process_time()
        loss = _run_epoch(state, task, schedule, member, epoch, after_step)
        score = task.score(state.judged)
        state.epoch, state.history = epoch + 1, [*state.history, score]
        if not state.kept or score > state.best:
            state.best = score
            state.kept = {name: value.detach().clone() for name, value in state.judged.state_dict().items()}
        state.seconds += time.process_time() - started
        if checkpoint is not None:
            _save(state, checkpoint, task.fingerprint)
        say(f"{schedule.name} member {member}: pass {epoch + 1}/{schedule.epochs}, loss {loss:.4f}, score {score:.4f}")
    state.judged.load_state_dict(state.kept)
    return state.judged.eval()


def _run_epoch(
    state: Fit, task: Task, schedule: Schedule, member: int, epoch: int, after_step: AfterStep | None
) -> float:
    """One pass; gives the mean loss.

    Raises:
        ValueError: when the loss is no number any more.
    """
    seed = np.random.SeedSequence([schedule.seed + member, epoch])
    torch.manual_seed(int(seed.generate_state(3)[2]))
    n_steps = task.steps()
    state.module.train()
    losses = []
    for step, (x, labels) in enumerate(task.batches(seed)):
        _set_rate(state.optimizer, schedule.learning_rate, (epoch * n_steps + step) / (schedule.epochs * n_steps))
        loss = task.loss(state.module(x), labels)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        if after_step is not None:
            after_step(state.module, state.optimizer.param_groups[0]["lr"])
        _average(state, schedule.averaging)
        losses.append(float(loss.detach()))
    if not np.isfinite(losses).all():
        raise ValueError(f"the loss of {schedule.name} is not a number in pass {epoch + 1}")
    return float(np.mean(losses))


@torch.no_grad()
def _average(state: Fit, kept: float) -> None:
    """Moves the running average towards the network; counters are copied."""
    if state.judged is state.module:
        return
    for own, new in zip(state.judged.state_dict().values(), state.module.state_dict().values(), strict=True):
        if own.is_floating_point():
            own.lerp_(new, 1 - kept)
        else:
            own.copy_(new)


def _set_rate(optimizer: torch.optim.AdamW, largest: float, done: float) -> None:
    """Step size after a share ``done`` of all steps: a rise over the first tenth, then half a cosine to nothing."""
    rise = min(done / 0.1, 1.0)
    fall = 0.5 * (1 + np.cos(np.pi * max(done - 0.1, 0.0) / 0.9))
    for group in optimizer.param_groups:
        group["lr"] = largest * max(rise, 0.01) * fall


def _save(state: Fit, path: Path, fingerprint: dict[str, Any]) -> None:
    """Writes weights, optimizer and progress as one safetensors file, whole or not at all."""
    tensors = {f"now.{name}": value for name, value in state.module.state_dict().items()}
    if state.judged is not state.module:
        tensors |= {f"judged.{name}": value for name, value in state.judged.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.kept.items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in slots.items()}
    told = {name: getattr(state, name) for name in _TOLD}
    progress = json.dumps({**told, "fingerprint": fingerprint})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    save_file(
        {name: value.detach().clone().contiguous() for name, value in tensors.items()}, partial, {"fit": progress}
    )
    os.replace(partial, path)


def _resume(state: Fit, path: Path, fingerprint: dict[str, Any]) -> None:
    """Takes up a saved fit, if it is of the same task."""
    progress = progress_of(path)
    if progress.get("fingerprint") != json.loads(json.dumps(fingerprint)):
        return
    tensors = load_file(path)
    state.module.load_state_dict(_below(tensors, "now."))
    if state.judged is not state.module:
        state.judged.load_state_dict(_below(tensors, "judged."))
    state.kept = _below(tensors, "best.")
    saved = state.optimizer.state_dict()
    for name, value in _below(tensors, "optimizer.").items():
        index, _, slot = name.partition(".")
        saved["state"].setdefault(int(index), {})[slot] = value
    state.optimizer.load_state_dict(saved)
    for name in _TOLD:
        setattr(state, name, progress[name])


def progress_of(path: Path) -> dict[str, Any]:
    """What a saved fit says about itself: passes done, best score, scores, processor seconds and what it was a fit of."""
    with path.open("rb") as handle:
        size = int.from_bytes(handle.read(8), "little")
        header = json.loads(handle.read(size))
    return json.loads(header["__metadata__"]["fit"])  # type: ignore[no-any-return]


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
