"""What is asked of a model folder before it is offered: in a process of its own, with a limit on memory and time.

``python -m models.check FOLDER REPORT MEMORY`` is that process; ``examine_apart`` starts it.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from genome.errors import UserError
from models import registry
from models.core import Model, ModelSpec
from models.tensor_files import free_bytes, refuse_too_large

SECONDS = 180.0  # a model that takes longer over a few windows is of no use on a screen
N_WINDOWS, N_POINTS = 6, 50
LONG_WINDOW = 20_000  # bp; beyond it a pass may take half a minute: fewer of them are made, and longer waited for
N_LONG_WINDOWS, N_LONG_POINTS = 2, 8
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6  # as much as the company a window keeps may change its answer
_TRACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.,:()+-]{0,79}")  # what a link can hold
_ROOM_FOR_MACHINERY = 2_000_000_000  # bytes of address space that torch takes for itself while it runs


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: a word or two.
        ok: whether it is as it should be.
        text: what was found, in one sentence.
        hard: whether a model is refused for it.
    """

    name: str
    ok: bool
    text: str
    hard: bool = True


class _NotDifferentiable(Exception):
    """No gradient comes from the answer to the letters."""


def seconds_for(spec: ModelSpec) -> float:
    """How long the checks of a model may take."""
    return SECONDS * max(1.0, spec.input_length / LONG_WINDOW)


def examine_apart(folder: Path, *, seconds: float = SECONDS, memory: int | None = None) -> tuple[Finding, ...]:
    """Everything that was found of a model folder, by another process: whatever it does, this one goes on.

    Args:
        folder: model.toml, safetensors members, perhaps a card.
        seconds: it is ended after so long.
        memory: bytes it may take beside what torch needs; None: half of what is free.

    Raises:
        UserError: when the folder cannot be read at all.
    """
    with tempfile.TemporaryDirectory(prefix="cislens-check-") as place:
        report = Path(place) / "report.json"
        most = free_bytes() // 2 if memory is None else memory
        command = [sys.executable, "-m", "models.check", str(folder.resolve()), str(report), str(most)]
        # The same packages as here, wherever this was started; the processor, for a limit on memory means nothing elsewhere.
        here = os.pathsep.join(path or os.getcwd() for path in sys.path)
        environment = os.environ | {"PYTHONPATH": here, "CISLENS_DEVICE": "cpu"}
        words = Path(place) / "words"
        try:
            with words.open("wb") as handle:
                done = subprocess.run(
                    command, env=environment, stdout=subprocess.DEVNULL, stderr=handle, timeout=seconds, check=False
                )
        except subprocess.TimeoutExpired:
            return (Finding("time", False, f"It was not done after {seconds:.0f} s and was ended."),)
        if done.returncode or not report.is_file():
            return (Finding("run", False, _last_words(words, done.returncode)),)
        answer = json.loads(report.read_text(encoding="utf-8"))
    if "refused" in answer:
        raise UserError(answer["refused"])
    return tuple(Finding(**row) for row in answer["findings"])


def examine(folder: Path) -> tuple[Finding, ...]:
    """Everything that is found of a model folder, in this process. The first hard failure ends it.

    Raises:
        UserError: when the folder cannot be read, or its weights cannot be used.
    """
    findings: list[Finding] = []
    spec = registry.read_folder(folder)
    findings.append(_names([track.name for track in spec.tracks]))
    before = _peak_bytes()
    weights = refuse_too_large(folder.glob("member-*.safetensors"), spec.name)
    if findings[-1].ok:
        model = registry.load_folder(folder)
        for finding in _asked(model):
            findings.append(finding)
            if finding.hard and not finding.ok:
                return tuple(findings)
    peak = max(0, _peak_bytes() - before)
    text = f"Weights {weights / 1e6:,.1f} MB, at most {peak / 1e6:,.0f} MB more than before while it ran."
    return (*findings, Finding("memory", True, text, hard=False))


def _asked(model: Model) -> Iterator[Finding]:
    """The checks in an order in which each may rely on those before it."""
    x = _windows(model, N_WINDOWS if model.spec.input_length <= LONG_WINDOW else N_LONG_WINDOWS)
    checks: tuple[Callable[[Model, Tensor], Finding], ...] = (
        _shape,
        _finite,
        _repeats,
        _rows_alone,
        _gradient,
        _unknown_bases,
        _strands,
        _completeness,
        _speed,
    )
    for check in checks:
        try:
            yield check(model, x)
        except Exception as error:
            if isinstance(error, MemoryError) or "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            yield Finding(check.__name__.strip("_"), False, f"It ended with an error ({reason}).")


def _names(names: list[str]) -> Finding:
    wrong = [name for name in names if not _TRACK_NAME.fullmatch(name)]
    text = (
        f"{wrong[0][:40]!r} does not fit a link; use letters, digits, spaces and _.,:()+-"
        if wrong
        else f"{len(names)} tracks."
    )
    return Finding("names", not wrong, text)


def _shape(model: Model, x: Tensor) -> Finding:
    """Declared and given tracks x bins, of every member."""
    spec = model.spec
    channels = len(spec.tracks) * (2 if spec.noise else 1)
    wanted = (len(x), channels, spec.output_length)
    for index in range(spec.n_members):
        found = tuple(_given(model, x, index).shape)
        if found != wanted:
            return Finding("shape", False, f"model.toml promises {wanted} and member {index} gives {found}.")
    if spec.output_length * spec.resolution > spec.input_length:
        return Finding(
            "shape",
            False,
            f"{spec.output_length} bins of {spec.resolution} bp exceed the window of {spec.input_length} bp.",
        )
    return Finding("shape", True, f"{len(spec.tracks)} tracks x {spec.output_length} bins from {spec.input_length} bp.")


def _finite(model: Model, x: Tensor) -> Finding:
    y = _given(model, x)
    return Finding(
        "finite", _is_finite(y), "Every answer is a number." if _is_finite(y) else "Some answers are NaN or infinite."
    )


def _repeats(model: Model, x: Tensor) -> Finding:
    """The same windows asked three times."""
    first = _given(model, x)
    gap = max(_gap(first, _given(model, x)) for _ in range(2))
    text = "The same windows get the same answers." if gap <= 1 else "The same windows get other answers each time."
    return Finding("repeats", gap <= 1, text + ("" if gap <= 1 else " Is dropout left on?"))


def _rows_alone(model: Model, x: Tensor) -> Finding:
    """A window by itself, and the windows in another order."""
    whole = _given(model, x)
    alone = torch.cat([_given(model, row[None]) for row in x])
    turned = _given(model, x.flip(0)).flip(0)
    gap = max(_gap(whole, alone), _gap(whole, turned))
    text = "A window's answer does not depend on the others asked with it."
    if gap > 1:
        text = "A window's answer depends on the others asked with it. Does it normalise by batch?"
    return Finding("independence", gap <= 1, text)


def _gradient(model: Model, x: Tensor) -> Finding:
    """A gradient reaches the letters, is finite and not zero everywhere."""
    try:
        gradient = _gradient_of(model, x, lambda y: y.sum())
    except (_NotDifferentiable, RuntimeError) as error:
        return Finding("gradient", False, f"The answer cannot be differentiated by the letters ({str(error)[:120]}).")
    if not _is_finite(gradient):
        return Finding("gradient", False, "The gradient by the letters is NaN or infinite somewhere.")
    if not gradient.any():
        return Finding("gradient", False, "The gradient by the letters is zero everywhere.")
    return Finding(
        "gradient", True, f"A gradient reaches {(gradient.abs().sum(1) > 0).float().mean():.0%} of the bases."
    )


def _unknown_bases(model: Model, x: Tensor) -> Finding:
    """Windows with N: a tenth of the bases, and all of them."""
    some = x.clone()
    some[:, :, ::10] = 0.0
    y, y_some, y_all = _given(model, x), _given(model, some), _given(model, torch.zeros_like(x))
    if not (_is_finite(y_some) and _is_finite(y_all)):
        return Finding("N", False, "Windows that hold N get answers that are NaN or infinite.")
    text = f"With 10 % N an answer moves by {_moved(model, y, y_some)}, with N alone by {_moved(model, y, y_all)} on average."
    return Finding("N", True, text, hard=False)


def _strands(model: Model, x: Tensor) -> Finding:
    """How much the two strands differ."""
    forward = _given(model, x)
    with torch.no_grad():
        reverse = model._answer(x, 0, "-")
    text = f"Forward and reverse strand differ by {_moved(model, forward, reverse)} on average"
    rule = "and are averaged." if model.spec.strand_rule == "average" else "and only the forward one is asked."
    return Finding("strands", True, f"{text}, {rule}", hard=False)


def _completeness(model: Model, x: Tensor) -> Finding:
    """Integrated gradients of one window from the uniform reference: do the letters add up?"""
    spec, row = model.spec, x[:1]
    points = N_POINTS if spec.input_length <= LONG_WINDOW else N_LONG_POINTS
    target = spec.tracks[0].target
    from captum.attr import IntegratedGradients  # an implementation that is not the one it is asked beside

    def scalar(y: Tensor) -> Tensor:
        return target.scalar(spec, model._answer(y, 0, "+")[:, : len(spec.tracks)])

    explain = IntegratedGradients(scalar)  # type: ignore[no-untyped-call]
    letters = row.clone().requires_grad_(True)
    contributions = explain.attribute(
        letters, baselines=row * 0 + 0.25, n_steps=points, method="gausslegendre", internal_batch_size=1
    )
    with torch.no_grad():
        there, here = (float(scalar(at)) for at in (row, row * 0 + 0.25))
    gap, difference = abs(float(contributions.detach().sum()) - (there - here)), abs(there - here)
    ok = gap <= 0.01 * difference + 0.001 * spec.tracks[0].sd
    text = f"Integrated gradients with {points} points miss the difference of {difference:.4g} by {gap:.2g}."
    return Finding("completeness", ok, text, hard=False)


def _speed(model: Model, x: Tensor) -> Finding:
    start = time.perf_counter()
    for index in range(model.spec.n_members):
        _given(model, x, index)
    seconds = time.perf_counter() - start
    return Finding("speed", True, f"About {len(x) / seconds:,.0f} windows per second on this processor.", hard=False)


def _windows(model: Model, count: int) -> Tensor:
    """Random windows, the same each time: (count, 4, input_length)."""
    bases = torch.randint(0, 4, (count, model.spec.input_length), generator=torch.Generator().manual_seed(0))
    return (bases[:, None] == torch.arange(4)[:, None]).float()


@torch.no_grad()
def _given(model: Model, x: Tensor, member: int = 0) -> Tensor:
    """What one member says to the forward strand, everything of it."""
    return model._answer(x, member, "+")


def _gradient_of(model: Model, x: Tensor, scalar: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.enable_grad():
        x = x.clone().requires_grad_(True)
        y = model._answer(x, 0, "+")[:, : len(model.spec.tracks)]
        if not y.requires_grad:
            raise _NotDifferentiable("no gradient comes back")
        (gradient,) = torch.autograd.grad(scalar(y), x, allow_unused=True)
    if gradient is None:
        raise _NotDifferentiable("the answer does not depend on the letters")
    return gradient


def _gap(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a multiple of what is allowed."""
    return float((one - other).abs().max() / (_RELATIVE * float(one.abs().max()) + _ABSOLUTE))


def _moved(model: Model, one: Tensor, other: Tensor) -> str:
    """The mean difference of the explained scalars, in standard deviations of the first track."""
    spec = model.spec
    target = spec.tracks[0].target
    a, b = (target.scalar(spec, y[:, : len(spec.tracks)]) for y in (one, other))
    return f"{float((a - b).abs().mean()) / spec.tracks[0].sd:.2g} sd"


def _is_finite(y: Tensor) -> bool:
    return bool(torch.isfinite(y).all())


def _peak_bytes() -> int:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _last_words(path: Path, code: int) -> str:
    """How a process ended, from the end of what it wrote."""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - 4000))
        words = handle.read().decode(errors="replace").strip().splitlines()
    last = " ".join(words[-1].split())[:200] if words else f"exit code {code}"
    return f"It ended the process that it was tried in ({last})."


def _limit_memory(most: int) -> None:
    """Lets this process take so many bytes more than it has, and no more."""
    if not sys.platform.startswith("linux"):
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _ROOM_FOR_MACHINERY + most
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(folder: str, report: str, most: str) -> None:
    """The process apart: examines and writes what it found as JSON."""
    _limit_memory(int(most))
    try:
        answer: dict[str, object] = {"findings": [asdict(finding) for finding in examine(Path(folder))]}
    except UserError as error:
        answer = {"refused": str(error)}
    except MemoryError as error:
        reason = f"It wants more memory than the {int(most) / 1e6:,.0f} MB it may have here ({str(error)[:100]})."
        answer = {"findings": [asdict(Finding("memory", False, reason))]}
    Path(report).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
