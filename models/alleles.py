"""What a model says of windows with either allele, on the engine: fast, and the same digits in every process.

Windows come as letters' codes, a sixteenth of one-hot columns, in groups of a fixed size. The size
follows from the window's length alone, not from a measured pace, and so does the way that is taken: a file of variants
that was begun before a crash ends with the same digits as one that was not.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from models.cone import Cone
from models.core import Model, ModelSpec
from models.difference_trace import Program, Untraceable, trace
from models.threads import in_halves, worth_one
from models.words import Words

TOLERANCE = 1e-5  # of a track's standard deviation plus the size of the scalar
WORTH = 0.8  # share of a full pass's arithmetic below which a change is carried as the stretch that it reaches
SHARED = 0.5  # share of a pass from which windows along a stretch are read together
_LETTERS = 25_600  # of one group: what is worked on stays in the processor's cache
_LARGEST = 256  # windows side by side
_MULTIPLICATIONS = 6e9  # of one group if nothing were shared: about a tenth of a second, for others wait meanwhile
_TEXT_BYTES = 200


@dataclass(frozen=True)
class Prepared:
    """Makes ready, once per model: any rows -> float64 (n, 3) and uint8 (n, 200), how it is done in words.

    The numbers: multiplications of one window for one component; 1 if a changed letter is carried as the stretch that it
    reaches (``Substituted``), else 0; 1 if windows along one stretch share much of their work, else 0.
    """

    passes: int = 100
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002
        ways, count = ways_for(model), len(rows[0])
        words = torch.tensor(list(ways.how.encode()[:_TEXT_BYTES].ljust(_TEXT_BYTES, b"\0")), dtype=torch.uint8)
        numbers = torch.tensor([ways.multiplications, ways.carried, ways.shared], dtype=torch.float64)
        return numbers.expand(count, -1), words.expand(count, -1)


def group_size(spec: ModelSpec, multiplications: float, windows: float = 1) -> int:
    """Stretches of one group, a power of two.

    Args:
        spec: the model.
        multiplications: of one window for one component.
        windows: about how many each stretch costs, changed ones included.
    """
    fitting = min(_LARGEST, _LETTERS / spec.input_length, _MULTIPLICATIONS / max(multiplications * windows, 1))
    return 1 << (max(1, int(fitting)).bit_length() - 1)


@dataclass(frozen=True)
class Scalars:
    """The usual scalar of every track in windows, for one component: (groups, size, tracks).

    Rows are uint8 (groups, size, window), and int64 (groups,), which of the model's components.

    Attributes:
        passes: windows of a group.
    """

    passes: int
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002
        asked = zip(rows[0], rows[1].tolist(), strict=True)
        return (
            torch.stack([_spread(model, partial(_in_full, model, component), codes) for codes, component in asked]),
        )


@dataclass(frozen=True)
class Substituted:
    """The same of several windows along stretches, as they are and when the letter at one place is another.

    Rows are uint8 (groups, size, length), stretches, uint8 (groups, size, changes), the new letters, int64 (groups,),
    their place in the stretch, and int64 (groups,), which of the model's components. Returns (groups, size, windows,
    1 + changes, tracks), unchanged first.

    Attributes:
        offsets: where in a stretch its windows begin, 0-based.
        passes: windows of a group, changed ones included.
    """

    offsets: tuple[int, ...]
    passes: int
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002
        ways = ways_for(model)
        if not ways.carried:
            raise ValueError(f"{model.spec.model_id} carries no changes: {ways.how}")
        asked = zip(rows[0], rows[1], rows[2].tolist(), rows[3].tolist(), strict=True)
        found = []
        for codes, letters, place, component in asked:
            found.append(_spread(model, partial(self._both, ways, component, place), codes, letters))
        return (torch.stack(found),)

    def _both(self, ways: Ways, component: int, place: int, codes: Tensor, letters: Tensor) -> Tensor:
        """One group: (size, windows, 1 + changes, tracks)."""
        if ways.words:
            return ways.words[component].both(codes, self.offsets, place, letters)
        columns = one_hot(letters).transpose(1, 2)[..., None]  # (size, changes, 4, 1)
        return ways.cones[component].both(one_hot(codes), self.offsets, place, columns)


def _spread(model: Model, function: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """A row-wise function of a group, on two threads where each can use but one."""
    if worth_one(model, rows[0].device):
        return in_halves(torch.no_grad()(function), *rows)
    return function(*rows)


def _in_full(model: Model, component: int, codes: Tensor) -> Tensor:
    """Whole windows: uint8 (n, window) -> (n, tracks)."""
    ways = ways_for(model)
    if ways.words:
        return ways.words[component].whole(codes)
    x = one_hot(codes)
    return ways.cones[component].whole(x) if ways.cones else scalars(model, model.components[component], x)


@dataclass
class Ways:
    """How a model's windows are answered.

    Attributes:
        words: one per component where the model is a sum over short words.
        cones: one per component, or none when its steps cannot be written down: then the model itself is asked.
        carried: whether a change is carried as the stretch that it reaches.
        shared: whether windows along one stretch share much of their work.
        multiplications: about, of one window for one component.
        how: one sentence for people.
    """

    cones: tuple[Cone, ...] = ()
    words: tuple[Words, ...] = ()
    carried: bool = False
    shared: bool = False
    multiplications: float = _LETTERS * _LARGEST  # where they cannot be counted
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
    codes = _examples(model)
    x = one_hot(codes)
    try:
        programs = [trace(partial(scalars, model, component), x[:1]) for component in model.components]
        if words := _words(model, programs, codes):
            length = words[0].length
            how = f"Looked up in a table: this network adds up a number for each word of {length} letters."
            return Ways((), words, True, True, float(length * codes.shape[1]), how)
        cones = tuple(Cone(program, x[:1]) for program in programs)
    except Untraceable as reason:
        return Ways(how=f"Full passes, because {reason}.")
    except Exception as error:  # noqa: BLE001  a stranger's network; the reason is shown and the answer is still exact
        return Ways(how=f"Full passes, because its steps could not be written down ({type(error).__name__}).")
    try:
        wrong = check(cones, model, x)
        work = np.max([cone.work(x[:1], x.shape[2] // 2) for cone in cones], axis=0)
    except Exception as error:  # noqa: BLE001  as above
        return Ways(how=f"Full passes, because its steps could not be followed ({type(error).__name__}).")
    if wrong:
        return Ways(how=f"Full passes; carrying changes was dropped, because {wrong}.")
    share, common = float(work[1] / work[0]), float(work[2] / work[0])
    if share > WORTH and common < SHARED:
        how = "Full passes: a change reaches nearly everything in this network."
        return Ways(cones, multiplications=float(work[0]), how=how)
    how = f"REF in a full pass, ALT only where it reaches: {share:.0%} of a pass."
    if common >= SHARED:
        how += f" Windows around one change share {common:.0%} of their work."
    return Ways(cones, (), True, common >= SHARED, float(work[0]), how)


def _words(model: Model, programs: Sequence[Program], codes: Tensor) -> tuple[Words, ...]:
    """The model as tables of words, if it is a sum over short ones and they say what full passes say."""
    sd = torch.tensor([track.sd for track in model.spec.tracks], device=codes.device)
    with_unknown = codes.clone()
    with_unknown[0, ::7] = 4
    words = []
    for component, program in zip(model.components, programs, strict=True):
        try:
            words.append(Words(program, one_hot(codes[:1])))
        except Exception:  # noqa: BLE001  most networks are none; then their steps are followed, which says what is wrong
            return ()
        with torch.no_grad():
            wanted = scalars(model, component, one_hot(with_unknown))
        if bool(((words[-1].whole(with_unknown) - wanted).abs() > TOLERANCE * (sd + wanted.abs())).any()):
            return ()
    return tuple(words)


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
                wanted = torch.stack([scalars(model, component, part) for part in (x, changed)], 1)
            away = (cone.both(x, (0,), place, columns)[:, 0] - wanted).abs()
            if bool((away > TOLERANCE * (sd + wanted.abs())).any()):
                return f"it differs from full passes by {float(away.max()):.2g}"
    return ""


def scalars(model: Model, component: tuple[int, str], x: Tensor) -> Tensor:
    """The usual scalar of every track of one component: (n, 4, window) -> (n, tracks)."""
    return model.spec.usual_scalars(model.component(x, *component))


def one_hot(codes: Tensor) -> Tensor:
    """float32 (..., 4, length) of codes (..., length); 4 (N) is a column of zeros."""
    letters = torch.arange(4, dtype=codes.dtype, device=codes.device)[:, None]
    return (codes[..., None, :] == letters).float()


def _examples(model: Model) -> Tensor:
    """uint8 (3, window), random bases with a fixed seed, where the model is."""
    bases = torch.randint(0, 4, (3, model.spec.input_length), generator=torch.Generator().manual_seed(4))
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    return bases.to(torch.uint8).to(device)
