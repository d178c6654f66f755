"""How fast a model is on a device: the batch size, the layout in memory and the time of one row, measured once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from genome.errors import UserError
from genome.home import replaced
from models.core import Model
from models.layout import faster_together
from models.threads import threads_for

_BATCH_CANDIDATES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
_MOST_BATCH_BYTES = 32_000_000  # letters of one batch: eight windows of 196,608 bp, hundreds of 2,114 bp


@dataclass(frozen=True)
class Pace:
    """What was measured of a model on this device.

    Attributes:
        batch: rows per batch.
        row_seconds: for one row.
        together: whether convolutions are faster with the channels of a position side by side in memory.
    """

    batch: int
    row_seconds: float
    together: bool = False


def measure_pace(model: Model, device: torch.device, *, gradient: bool, seconds: float = 0.4) -> Pace:
    """Times the whole ensemble at growing batch sizes and keeps the largest that is about as fast per row as any.

    Every size is timed at least twice, in rounds, and its best time counts: a busy moment must not decide. Sizes whose
    turn would take more than a quarter of ``seconds``, or that do not fit the memory, are left out. Among those within
    15 % of the fastest the largest wins, because each batch also costs a little by itself. A window that alone takes
    longer than ``seconds`` (some hundred thousand bp) is passed through once and asked one at a time.
    """
    try:
        first = _time_pass(model, _random_windows(1, model, device), gradient=gradient)  # sets things up as well
    except torch.OutOfMemoryError:
        free(device)
        first = 0.0  # it is told below
    if first > seconds:
        return Pace(1, first)
    best: dict[int, float] = {}
    until = time.perf_counter() + seconds
    rounds = 0
    while rounds < 2 or (time.perf_counter() < until and rounds < 10):
        for batch in _BATCH_CANDIDATES:
            fastest = min(best.values(), default=0.0)
            too_long = best and batch > max(best) and batch * fastest > seconds / 4
            if too_long or (batch > 1 and 16 * batch * model.spec.input_length > _MOST_BATCH_BYTES):
                break
            try:
                row_seconds = _time_pass(model, _random_windows(batch, model, device), gradient=gradient) / batch
            except torch.OutOfMemoryError:
                free(device)
                break
            best[batch] = min(row_seconds, best.get(batch, row_seconds))
        rounds += 1
    if not best:
        raise UserError("One window of this model does not fit the device's memory; use a smaller model or the CPU.")
    fastest = min(best.values())
    chosen = max(batch for batch, row_seconds in best.items() if row_seconds <= 1.15 * fastest)
    with threads_for(model, device):
        together = faster_together(model, _random_windows(chosen, model, device), gradient=gradient)
    return Pace(chosen, best[chosen], together)


def kept_pace(path: Path, device: torch.device, measure: Callable[[], Pace]) -> Pace:
    """The pace that was measured here before, else what is measured now, which is kept from then on.

    The batch and the layout decide the last digits of an answer: kept, a second process gives the same ones. What was
    kept on another device, with another number of threads or version of torch, does not count.
    """
    about = [str(device), torch.__version__, torch.get_num_threads()]
    if device.type == "cuda":
        about.append(torch.cuda.get_device_name(device))
    try:
        kept = json.loads(path.read_text())
        if kept["about"] == about:
            return Pace(int(kept["batch"]), float(kept["row_seconds"]), bool(kept["together"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none is kept, or none that can be read: it is measured
    pace = measure()
    with replaced(path) as temporary:
        temporary.write_text(json.dumps({"about": about, **asdict(pace)}) + "\n")
    return pace


def _random_windows(batch: int, model: Model, device: torch.device) -> Tensor:
    bases = torch.randint(0, 4, (batch, model.spec.input_length), generator=torch.Generator().manual_seed(0))
    return (bases[:, None] == torch.arange(4)[:, None]).float().to(device)


def _time_pass(model: Model, x: Tensor, *, gradient: bool) -> float:
    start = time.perf_counter()
    with torch.set_grad_enabled(gradient), threads_for(model, x.device):
        x = x.clone().requires_grad_(gradient)
        y = model(x)
        if gradient:
            torch.autograd.grad(y.sum(), x)
    if x.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def free(device: torch.device) -> None:
    """Gives what a failed pass held back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
