"""In-silico saturation mutagenesis: what every other base at every position would do to a prediction.

Exact: every effect is the difference of two predictions, f(x with base b at i) - f(x), in float32. How it is computed,
by differences that are carried through the layers or by three full passes per position, changes nothing but the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from interpret.attribution import Explained
from models.core import Model, ModelSpec, Target
from models.difference import substitution_effects, ways_for
from models.engine import Progress, Runner

Float = npt.NDArray[np.float32]
CENTRINGS = ("four", "three")

_ROW_SECONDS = 0.05  # work in one row of positions: several make a slice, and one can be waited for
_TEXT_BYTES = 400


@dataclass(frozen=True)
class Preparation:
    """Makes ready, once per model and scalar, and tells how it will be done.

    Rows are windows (n, 4, window). Returns the sentence for people as UTF-8 bytes, uint8 (n, 400), padded with zeros,
    and float64 (n, 3): seconds for one position, the same in passes of the whole model, and positions taken at once.
    """

    target: Target
    passes: int = 100
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        ways = ways_for(model, self.target, batch)
        text = torch.zeros(len(rows[0]), _TEXT_BYTES, dtype=torch.uint8)
        encoded = ways.how.encode()[:_TEXT_BYTES]
        text[:, : len(encoded)] = torch.tensor(list(encoded), dtype=torch.uint8)
        costs = torch.tensor([[ways.position_seconds, ways.position_passes, ways.block]], dtype=torch.float64)
        return text, costs.expand(len(rows[0]), -1)


@dataclass(frozen=True)
class Mutagenesis:
    """The effects of all four bases at some positions of a window, for one component.

    Rows are windows (n, 4, window), positions, int64 (n, positions), 0-based, -1 where there is none, and components,
    int64 (n,). Returns (n, 4, positions): 0 for the base that stands there, and at N, which stays N.

    Attributes:
        target: the scalar.
        passes: what a row costs, in passes through one window.
    """

    target: Target
    passes: int
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        windows, positions, components = rows[0], rows[1].cpu().numpy(), rows[2].tolist()
        effects = windows.new_zeros(len(windows), 4, positions.shape[1])
        start = 0
        while start < len(windows):  # rows of one window and component share what is computed of it unchanged
            end = start + 1
            while (
                end < len(windows)
                and components[end] == components[start]
                and torch.equal(windows[end], windows[start])
            ):
                end += 1
            row, column = np.nonzero(positions[start:end] >= 0)
            asked = positions[start:end][row, column]
            found = substitution_effects(model, self.target, batch, windows[start], asked, components[start])
            places = torch.from_numpy(row + start).to(windows.device), torch.from_numpy(column).to(windows.device)
            effects[places[0], :, places[1]] = found.T
            start = end
        return (effects,)


def explain(
    run: Runner,
    x: Float,
    spec: ModelSpec,
    target: Target,
    baseline: str,
    seed: int,  # noqa: ARG001  nothing is drawn
    progress: Progress | None,
) -> Explained:
    """What each base of each window does to the scalar, compared with what could stand there (see ``centred``).

    Args:
        run: the engine, bound to a model.
        x: float32 (windows, 4, window), one-hot.
        spec: that model.
        target: the scalar.
        baseline: one of CENTRINGS.
        seed: not used.
        progress: called with the share done.
    """
    effects, how = effects_of_every_base(run, spec, x, target, progress=progress)
    return Explained(centred(effects, x[:, None], baseline), None, note=how)


def position_seconds(run: Runner, spec: ModelSpec, target: Target) -> float:
    """How long the three substitutions at one position take, over all components, in seconds: measured at first use."""
    nothing = np.zeros((1, 4, spec.input_length), dtype=np.float32)
    return float(run(Preparation(target), (nothing,))[1][0, 0])


def effects_of_every_base(
    run: Runner,
    spec: ModelSpec,
    x: Float,
    target: Target,
    *,
    positions: npt.NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> tuple[Float, str]:
    """What each base at each position would do to the scalar, for every component.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        x: float32 (windows, 4, window), one-hot; a column of zeros is N.
        target: the scalar.
        positions: 0-based in the window, ascending; None: all.
        progress: called with the share done.

    Returns:
        float32 (windows, components, 4, positions): f(x with that base) - f(x), in the scalar's unit; 0 for the base that
        stands there, and at N. And one sentence for people on how it was computed.

    Raises:
        ValueError: for positions outside the window, or an unknown track.
    """
    spec.track_index(target.track)
    asked = np.arange(spec.input_length, dtype=np.int64) if positions is None else np.asarray(positions, np.int64)
    if x.ndim != 3 or x.shape[1:] != (4, spec.input_length) or len(asked) == 0:
        raise ValueError(f"{x.shape=}, {len(asked)=}, {spec.input_length=}")
    if asked.min() < 0 or asked.max() >= spec.input_length or (np.diff(asked) <= 0).any():
        raise ValueError(f"{asked=} must ascend within 0..{spec.input_length - 1}")
    text, costs = run(Preparation(target), (x[:1],))
    how = bytes(text[0]).rstrip(b"\0").decode(errors="ignore")
    position_seconds, position_passes, block = (float(cost) for cost in costs[0])
    count = len(spec.strands) * spec.n_members
    blocks = max(1, round(_ROW_SECONDS * count / max(block * position_seconds, 1e-9)))
    table = _table(asked, int(block) * blocks)
    function = Mutagenesis(target, passes=max(1, round(table.shape[1] * position_passes / count)))
    rows = (
        np.repeat(x, count * len(table), axis=0),
        np.tile(table, (len(x) * count, 1)),
        np.tile(np.repeat(np.arange(count), len(table)), len(x)),
    )
    (found,) = run(function, rows, progress)
    by_window = found.reshape(len(x), count, len(table), 4, -1).transpose(0, 1, 3, 2, 4)
    return by_window.reshape(len(x), count, 4, -1)[..., : len(asked)], how


def _table(asked: npt.NDArray[np.int64], per_row: int) -> npt.NDArray[np.int64]:
    """Positions in rows of at most ``per_row``: (rows, positions), the last row filled up with -1."""
    width = min(per_row, len(asked))
    rows = -(-len(asked) // width)
    return np.append(asked, np.full(rows * width - len(asked), -1, dtype=np.int64)).reshape(rows, width)


def centred(effects: Float, bases: Float, centring: str) -> Float:
    """Effects as contributions: what each base does, compared with the others that could stand there.

    ``four`` subtracts the mean over all four bases, of which the standing one has the effect 0; ``three`` the mean over
    the three alternatives alone. As the sum is the same, the two means differ by the factor 4/3, and so do the
    contributions of the base that stands there: minus the mean, in either case. At N both are 0.

    Args:
        effects: float32 (..., 4, positions), 0 for the base that stands there.
        bases: float32 (..., 4, positions), one-hot, broadcast against ``effects``.
        centring: which mean.

    Returns:
        float32, shaped as ``effects``.

    Raises:
        ValueError: for another centring.
    """
    if centring not in CENTRINGS:
        raise ValueError(f"{centring=} is not one of {CENTRINGS}")
    mean = effects.sum(axis=-2, keepdims=True) / (4 if centring == "four" else 3)
    known = bases.sum(axis=-2, keepdims=True)
    return ((effects - mean) * known).astype(np.float32)
