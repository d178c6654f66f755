"""What a model says of windows with either allele, on the engine: fast, and the same digits in every process.

Windows come as letters' codes, a sixteenth of one-hot columns, in groups of a fixed size. The size
follows from the window's length alone, not from a measured pace, and so does the way that is taken: a file of variants
that was begun before a crash ends with the same digits as one that was not.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from models.cone import Cone
from models.core import Model, ModelSpec, Target
from models.difference_trace import Untraceable

TOLERANCE = 1e-5  # of a track's standard deviation plus the size of the scalar
WORTH = 0.8  # share of a full pass's arithmetic below which a change is carried as the stretch that it reaches
_LETTERS = 12_800  # of one group: what is worked on stays in the processor's cache
_LARGEST = 128  # windows of one group


def group_size(spec: ModelSpec) -> int:
    """Windows of one group: a power of two."""
    fitting = max(1, _LETTERS // spec.input_length)
    return min(_LARGEST, 1 << (fitting.bit_length() - 1))


@dataclass(frozen=True)
class Scalars:
    """The usual scalar of every track in windows: uint8 (groups, size, window) -> (groups, size, components, tracks).

    Attributes:
        passes: windows of a group.
    """

    passes: int
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002
        ways = ways_for(model)
        found = []
        for codes in rows[0]:
            x = one_hot(codes)
            answers = [
                ways.cones[at].whole(x) if ways.cones else scalars(model, component, x)
                for at, component in enumerate(model.components)
            ]
            found.append(torch.stack(answers, 1))
        return (torch.stack(found),)


@dataclass(frozen=True)
class Substituted:
    """The same of windows and of what they become when the letter at one place is another.

    Rows are uint8 (groups, size, window), uint8 (groups, size, changes), the new letters, and int64 (groups,), the place.
    Returns (groups, size, 1 + changes, components, tracks), the window itself first.

    Attributes:
        passes: windows of a group, changed ones included.
    """

    passes: int
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002
        ways = ways_for(model)
        found = []
        for codes, letters, place in zip(rows[0], rows[1], rows[2].tolist(), strict=True):
            answers = [
                _substituted(model, ways, at, codes, letters, place) for at in range(len(model.components))
            ]  # of (size, 1 + changes, tracks)
            found.append(torch.stack(answers, 2))
        return (torch.stack(found),)


def _substituted(model: Model, ways: Ways, at: int, codes: Tensor, letters: Tensor, place: int) -> Tensor:
    x = one_hot(codes)
    if ways.carried:
        columns = one_hot(letters).transpose(1, 2)[..., None]  # (size, changes, 4, 1)
        before, after = ways.cones[at].both(x, place, columns)
        return torch.cat([before[:, None], after], 1)
    changed = codes[:, None].repeat(1, 1 + letters.shape[1], 1)
    changed[:, 1:, place] = letters
    flat = one_hot(changed.flatten(0, 1))
    found = ways.cones[at].whole(flat) if ways.cones else scalars(model, model.components[at], flat)
    return found.unflatten(0, changed.shape[:2])


@dataclass
class Ways:
    """How a model's windows are answered.

    Attributes:
        cones: one per component, or none when its steps cannot be written down: then the model itself is asked.
        carried: whether a change is carried as the stretch that it reaches.
        share: its arithmetic, in full passes.
        how: one sentence for people.
    """

    cones: tuple[Cone, ...] = ()
    carried: bool = False
    share: float = 1.0
    how: str = ""


_ways: weakref.WeakKeyDictionary[Model, Ways] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def ways_for(model: Model) -> Ways:
    """The ways of a model, found and checked at first use; they live as long as the model."""
    with _lock:
        if model not in _ways:
            _ways[model] = _found(model)
        return _ways[model]


def _found(model: Model) -> Ways:
    x = _examples(model)
    try:
        cones = tuple(Cone(partial(scalars, model, component), x[:1]) for component in model.components)
    except Untraceable as reason:
        return Ways(how=f"Full passes, because {reason}.")
    except Exception as error:  # noqa: BLE001  a stranger's network; the reason is shown and the answer is still exact
        return Ways(how=f"Full passes, because its steps could not be written down ({type(error).__name__}).")
    try:
        wrong = check(cones, model, x)
        share = max(cone.share(x[:1], x.shape[2] // 2) for cone in cones)
    except Exception as error:  # noqa: BLE001  as above
        return Ways(how=f"Full passes, because its steps could not be followed ({type(error).__name__}).")
    if wrong:
        return Ways(how=f"Full passes; carrying changes was dropped, because {wrong}.")
    if share > WORTH:
        return Ways(cones, how="Full passes: a change reaches nearly everything in this network.")
    return Ways(cones, True, share, f"REF in a full pass, ALT where it reaches: {share:.0%} of a pass.")


def check(cones: tuple[Cone, ...], model: Model, x: Tensor) -> str:
    """Compares with full passes at both ends and in between; what is wrong, in words, or nothing.

    Args:
        cones: one per component.
        model: the model.
        x: (n, 4, window), examples.
    """
    length, sd = x.shape[2], torch.tensor([track.sd for track in model.spec.tracks], device=x.device)
    for place in sorted({0, length // 4, length // 2, 3 * length // 4, length - 1}):
        columns = x[:, :, place].roll(1, 1)[:, None, :, None]
        changed = x.clone()
        changed[:, :, place] = columns[:, 0, :, 0]
        for cone, component in zip(cones, model.components, strict=True):
            with torch.no_grad():
                wanted = torch.stack([scalars(model, component, x), scalars(model, component, changed)], 1)
            before, after = cone.both(x, place, columns)
            away = (torch.cat([before[:, None], after], 1) - wanted).abs()
            if bool((away > TOLERANCE * (sd + wanted.abs())).any()):
                return f"it differs from full passes by {float(away.max()):.2g}"
    return ""


def scalars(model: Model, component: tuple[int, str], x: Tensor) -> Tensor:
    """The usual scalar of every track of one component: (n, 4, window) -> (n, tracks)."""
    answer = model.component(x, *component)
    targets = [Target(track.name, track.reductions[0]) for track in model.spec.tracks]
    return torch.stack([target.scalar(model.spec, answer) for target in targets], 1)


def one_hot(codes: Tensor) -> Tensor:
    """float32 (..., 4, length) of codes (..., length); 4 (N) is a column of zeros."""
    letters = torch.arange(4, dtype=codes.dtype, device=codes.device)[:, None]
    return (codes[..., None, :] == letters).float()


def _examples(model: Model) -> Tensor:
    """(3, 4, window), random bases with a fixed seed, where the model is."""
    bases = torch.randint(0, 4, (3, model.spec.input_length), generator=torch.Generator().manual_seed(4))
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    return one_hot(bases).to(device)
