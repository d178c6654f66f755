"""The effect of every substitution on one scalar of a model: by exact differences where they hold and pay, else in full.

For each model and scalar a plan is made once (``models.difference_plan``), checked against full passes at both ends and
in the middle of a window, and timed beside them. A plan that cannot be made, differs or is slower is dropped, and the
reason is kept in words.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from models.core import Model, Target
from models.difference_plan import Plan
from models.difference_steps import Starts, Unchanged
from models.difference_trace import Untraceable

TOLERANCE = 1e-5  # of the track's standard deviation plus the size of the scalar
_BLOCKS = (4, 8, 16, 32, 64, 128)  # positions taken at once, of which the fastest is kept
_TRIAL_SECONDS = 0.8  # about as long are blocks and full passes timed
_LONGEST_BLOCK = 0.1  # seconds
_MOST_LETTERS = 1 << 19  # of a block, positions x window: very long windows would take more memory than a job may say
_TARGETS_KEPT = 16  # per model


@dataclass
class Ways:
    """How the effects of substitutions on one scalar of a model are computed.

    Attributes:
        plans: one per component, or empty when full passes are used.
        how: one sentence for people.
        block: positions taken at once.
        position_seconds: measured time for one position (three alternatives, all components).
        position_passes: the same in passes of the whole model.
    """

    plans: tuple[Plan, ...]
    how: str
    block: int
    position_seconds: float
    position_passes: float


_ways: weakref.WeakKeyDictionary[Model, OrderedDict[Target, Ways]] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def ways_for(model: Model, target: Target, batch: int) -> Ways:
    """The plans of a model for one scalar, made and measured at first use; they live as long as the model.

    Args:
        model: on its device.
        target: the scalar.
        batch: windows of one full pass.
    """
    with _lock:
        known = _ways.setdefault(model, OrderedDict())
        if target not in known:
            known[target] = _prepared(model, target, batch)
            while len(known) > _TARGETS_KEPT:
                known.popitem(last=False)
        known.move_to_end(target)
        return known[target]


def substitution_effects(
    model: Model, target: Target, batch: int, x: Tensor, positions: Starts, component: int
) -> Tensor:
    """What each base at each position does to the scalar of one component: f(x with that base) - f(x).

    Args:
        model: the model.
        target: the scalar.
        batch: windows of one full pass.
        x: (4, window), one-hot; a column of zeros is N.
        positions: int64 (positions,), 0-based in the window.
        component: which of ``model.components``.

    Returns:
        (4, positions); 0 for the base that stands there and at every N, which stays N.
    """
    ways = ways_for(model, target, batch)
    effects = x.new_zeros(len(positions), 4)
    known = x.sum(0).cpu().numpy() > 0
    places = np.flatnonzero(known[positions])
    if len(places):
        bases = _alternatives(x, positions[places])
        if ways.plans:
            found = _planned(ways.plans[component], ways.block, x, positions[places], bases)
        else:
            found = in_full(model, target, batch, x, positions[places], bases, component)
        rows = torch.from_numpy(places).to(x.device)
        effects[rows[:, None], bases] = found
    return effects.T


def in_full(
    model: Model, target: Target, batch: int, x: Tensor, positions: Starts, bases: Tensor, component: int
) -> Tensor:
    """The same by three full passes per position: (positions, 3) for ``bases`` (positions, 3)."""
    places = torch.from_numpy(positions).to(x.device).repeat_interleave(bases.shape[1])
    values = [scalar(model, target, model.components[component], x[None])]
    for chunk in torch.arange(bases.numel(), device=x.device).split(max(1, batch)):
        edited = x.expand(len(chunk), -1, -1).clone()
        rows = torch.arange(len(chunk), device=x.device)
        edited[rows, :, places[chunk]] = 0
        edited[rows, bases.flatten()[chunk], places[chunk]] = 1
        values.append(scalar(model, target, model.components[component], edited))
    return (torch.cat(values[1:]) - values[0]).view(bases.shape)


def scalar(model: Model, target: Target, component: tuple[int, str], x: Tensor) -> Tensor:
    """The scalar of one component: (n, 4, window) -> (n,)."""
    return target.scalar(model.spec, model.component(x, *component))


def _alternatives(x: Tensor, positions: Starts) -> Tensor:
    """The three bases that do not stand at each position: (positions, 3), in the order A, C, G, T."""
    standing = x[:, torch.from_numpy(positions).to(x.device)].argmax(0)[:, None]  # (positions, 1)
    three = torch.arange(3, device=x.device)
    return three + (three >= standing)


def _planned(plan: Plan, block: int, x: Tensor, positions: Starts, bases: Tensor) -> Tensor:
    """One component's effects by its plan: (positions, 3)."""
    return _effects(plan, plan.unchanged(x[None], block), block, x, positions, bases)


def _effects(plan: Plan, unchanged: Unchanged, block: int, x: Tensor, positions: Starts, bases: Tensor) -> Tensor:
    changes = torch.nn.functional.one_hot(bases, 4).to(x.dtype)
    changes = changes - x.T[torch.from_numpy(positions).to(x.device)][:, None]

    def effects(span: tuple[int, int]) -> Tensor:
        return plan.effects(unchanged, positions[slice(*span)], changes[slice(*span)])

    return torch.cat(_each(effects, _blocks(positions, block), x.device))


def _each(
    effects: Callable[[tuple[int, int]], Tensor], spans: list[tuple[int, int]], device: torch.device
) -> list[Tensor]:
    """Every block, on the processor as many at a time as torch has threads, each on one.

    The steps of a block are too short to share: two threads that wait for each other at each took longer than one.
    """
    threads = torch.get_num_threads()
    workers = min(threads, len(spans)) if device.type == "cpu" else 1
    if workers < 2:
        return [effects(span) for span in spans]
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(effects, spans))
    finally:
        torch.set_num_threads(threads)  # torch gives new threads what was set last anywhere


def _blocks(positions: Starts, block: int) -> list[tuple[int, int]]:
    """Stretches of neighbouring positions, at most ``block`` each, as (start, end) in the list."""
    breaks = [0, *(np.flatnonzero(np.diff(positions) != 1) + 1).tolist(), len(positions)]
    return [
        (start, min(start + block, last)) for first, last in pairwise(breaks) for start in range(first, last, block)
    ]


def _prepared(model: Model, target: Target, batch: int) -> Ways:
    """Makes, checks and times the plans."""
    x = _example(model)
    with torch.no_grad():
        return _chosen(model, target, batch, x)


def _chosen(model: Model, target: Target, batch: int, x: Tensor) -> Ways:
    full_seconds = _full_seconds(model, target, batch, x)
    in_passes = Ways((), "", max(1, batch // 3), full_seconds, 3.0)
    try:
        plans = tuple(
            Plan(partial(scalar, model, target, component), x[None].contiguous()) for component in model.components
        )
    except Untraceable as reason:
        in_passes.how = f"Full passes, because {reason}."
        return in_passes
    except Exception as error:  # noqa: BLE001  a stranger's network; the reason is shown and the answer is still exact
        in_passes.how = f"Full passes, because its steps could not be written down ({_short(error)})."
        return in_passes
    try:
        wrong = check(plans, model, target, batch, x)
        if wrong:
            in_passes.how = f"Full passes; the plan of exact differences was dropped, because {wrong}."
            return in_passes
        how, local = plans[0].described(plans[0].unchanged(x[None], 1))
        block, seconds = _fastest_block(plans, x)
    except Exception as error:  # noqa: BLE001  as above
        in_passes.how = f"Full passes; the plan of exact differences was dropped, because it failed ({_short(error)})."
        return in_passes
    if seconds >= full_seconds:
        in_passes.how = "Full passes: measured, differences are no faster on this network." if local else how
        return in_passes
    return Ways(plans, how, block, seconds, 3.0 * seconds / full_seconds)


def check(plans: tuple[Plan, ...], model: Model, target: Target, batch: int, x: Tensor) -> str:
    """Compares plans with full passes at both ends and in the middle; what is wrong, in words, or nothing.

    Args:
        plans: one per component.
        model: the model.
        target: the scalar.
        batch: windows of one full pass.
        x: (4, window), an example.
    """
    length = x.shape[1]
    places = sorted({p for p in (0, 1, length // 2, length // 2 + 1, length - 2, length - 1) if 0 <= p < length})
    positions = np.array(places, dtype=np.int64)
    bases = _alternatives(x, positions)
    with torch.no_grad():
        expected = torch.stack(
            [in_full(model, target, batch, x, positions, bases, which) for which in range(len(model.components))]
        )
        found = torch.stack([_planned(plan, 4, x, positions, bases) for plan in plans])
        size = max(float(scalar(model, target, c, x[None]).abs()) for c in model.components)
    worst = float((found - expected).abs().max())
    sd = model.spec.tracks[model.spec.track_index(target.track)].sd
    return "" if worst <= TOLERANCE * (sd + size) else f"it differs from full passes by {worst:.2g}"


def _full_seconds(model: Model, target: Target, batch: int, x: Tensor) -> float:
    """Time of one position by full passes, measured on whole batches."""
    run = partial(_batch_of_all, model, target, x.expand(batch, -1, -1).contiguous())
    run()
    best, until, rounds = np.inf, time.perf_counter() + _TRIAL_SECONDS, 0
    while rounds < 2 or (time.perf_counter() < until and rounds < 10):
        best, rounds = min(best, _seconds(run)), rounds + 1
    return float(best) / batch * 3


def _batch_of_all(model: Model, target: Target, x: Tensor) -> Tensor:
    return torch.stack([scalar(model, target, component, x) for component in model.components])


def _fastest_block(plans: tuple[Plan, ...], x: Tensor) -> tuple[int, float]:
    """How many positions to take at once, and seconds per position for all components.

    As for batches (``models.engine.measure_pace``), every size is timed in rounds and its best time counts; sizes that
    are clearly slower after two rounds drop out. Among those within 15 % of the fastest the smallest wins: what it works
    on stays in the processor's cache.
    """
    best: dict[int, float] = {}
    until = time.perf_counter() + _TRIAL_SECONDS
    rounds = 0
    while rounds < 3 or (time.perf_counter() < until and rounds < 20):
        for block in sorted({min(block, x.shape[1]) for block in _fitting_blocks(x.shape[1])}):
            if best and block > max(best) and block * min(best.values()) > _LONGEST_BLOCK:
                break
            if rounds >= 2 and best.get(block, 0.0) > 1.4 * min(best.values()):
                continue
            took = _block_seconds(plans[0], x, block) / block
            best[block] = min(took, best.get(block, took))
        rounds += 1
    fastest = min(best.values())
    block = min(size for size, took in best.items() if took <= 1.15 * fastest)
    return block, best[block] * len(plans)


def _fitting_blocks(window: int) -> tuple[int, ...]:
    """The sizes that are tried for a window of so many bp; the smallest at least."""
    return tuple(block for block in _BLOCKS if block * window <= _MOST_LETTERS) or _BLOCKS[:1]


def _block_seconds(plan: Plan, x: Tensor, block: int) -> float:
    """Time of one block in the middle of the window, among as many as are computed at a time."""
    blocks = min(torch.get_num_threads() if x.device.type == "cpu" else 1, x.shape[1] // block)
    first = (x.shape[1] - blocks * block) // 2
    positions = np.arange(first, first + blocks * block, dtype=np.int64)
    unchanged = plan.unchanged(x[None], block)
    run = partial(_effects, plan, unchanged, block, x, positions, _alternatives(x, positions))
    return _seconds(run) / blocks


def _seconds(run: partial[Tensor]) -> float:
    start = time.perf_counter()
    result = run()
    if result.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _example(model: Model) -> Tensor:
    """(4, window), random bases with a fixed seed, where the model is."""
    bases = torch.randint(0, 4, (model.spec.input_length,), generator=torch.Generator().manual_seed(4))
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    return torch.nn.functional.one_hot(bases, 4).T.float().contiguous().to(device)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
