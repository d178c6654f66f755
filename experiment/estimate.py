"""What a long job will take, said before it is begun: time and memory from one measured pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from experiment.job_status import duration
from genome.errors import UserError
from models.core import ModelSpec
from models.engine import Engine, Progress
from models.footprint import Footprint
from models.tensor_files import free_bytes

_MARGIN = 1.5  # what kernels work in is not seen by the measurement
_BESIDE_BYTES = 500_000_000  # the queue, what measuring loads, the letters and the arrays on their way


@dataclass(frozen=True)
class Cost:
    """What one pass through one window costs on this server.

    Attributes:
        seconds: of all members and strands.
        bytes: memory that one batch holds at once, beside the model itself.
        beside: memory of the arrays that are kept until a slice is done.
        free: memory that is free on this server.
    """

    seconds: float
    bytes: int
    beside: int = 0
    free: int = 0

    @property
    def needed(self) -> int:
        """Memory to have free before work with this model is begun, in bytes."""
        return int(_MARGIN * self.bytes) + self.beside + _BESIDE_BYTES


def measure(engine: Engine, spec: ModelSpec, *, gradient: bool, progress: Progress | None = None) -> Cost:
    """The engine's pace, and the memory of one pass (forward, and back where gradients are needed)."""
    bases = np.random.default_rng(0).integers(0, 4, spec.input_length)
    x = (bases[None] == np.arange(4)[:, None]).astype(np.float32)[None]
    seconds = engine.pace(spec.model_id, gradient=gradient).row_seconds  # before the slow pass that counts memory
    (held,) = engine.run(spec.model_id, Footprint(gradient=gradient), (x,), progress=progress)
    return Cost(seconds, int(held[0]))


def now(cost: Cost, beside: int) -> Cost:
    """The cost of one pass with what is kept beside it, and what is free at this moment."""
    return replace(cost, beside=beside, free=free_bytes())


def refuse_too_large(cost: Cost, spec: ModelSpec) -> None:
    """Refuses work that does not fit this server's memory.

    Raises:
        UserError: when more is needed than is free.
    """
    if cost.needed > cost.free:
        raise UserError(
            f"One pass of {spec.name} needs about {gigabytes(cost.needed)} and this server has {gigabytes(cost.free)} free; "
            "use a model with a shorter window, or a larger server."
        )


def sentence(cost: Cost, passes: int, what: str) -> str:
    """What a job takes, for people.

    Args:
        cost: of one pass.
        passes: how many there are.
        what: how they come about, e.g. ``3 x 200 positions``.
    """
    return f"About {_pace(cost.seconds)} a pass, {what}: about {duration(passes * cost.seconds)}; needs about {gigabytes(cost.needed)} of memory."


def _pace(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"


def gigabytes(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e9:.1f} GB"
