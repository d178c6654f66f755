"""Picks of active learning in a design: what is wanted of them, and how they were chosen. Records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from experiment.acquire import DEFAULT, STRATEGIES
from genome.errors import UserError

MOST_CANDIDATES = 20_000
# Smallest and largest value of the numbers, and what they are called.
PICK_BOUNDS: Mapping[str, tuple[int, int, str]] = {
    "n": (1, MOST_CANDIDATES, "number of picks"),
    "step": (1, 10_000, "step between candidate windows in bp"),
    "around": (0, 1_000_000, "bp around each place that candidate windows may reach"),
}


@dataclass(frozen=True)
class Picks:
    """Elements that a strategy is to choose among candidates.

    Attributes:
        n: how many.
        strategy: a key of ``experiment.acquire.STRATEGIES``.
        step: from one candidate window to the next, in bp, where no candidates are listed.
        around: bp on either side of each place that candidate windows may reach, where none are listed.
        bounds: activity below the first is a silencer's, above the second an enhancer's; None for the track's usual ones.
    """

    n: int
    strategy: str = DEFAULT
    step: int = 50
    around: int = 0
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.bounds is not None:
            object.__setattr__(self, "bounds", tuple(self.bounds))
            if not self.bounds[0] < self.bounds[1]:
                raise UserError(
                    f"A silencer's bound ({self.bounds[0]:g}) must lie below an enhancer's ({self.bounds[1]:g})."
                )
        if self.strategy not in STRATEGIES:
            raise UserError(f"There is no strategy '{self.strategy[:40]}'; choose one of: {', '.join(STRATEGIES)}.")
        for name, (low, high, words) in PICK_BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"The {words} must be from {low:,} to {high:,}, and this asks for {value:,}.")


@dataclass(frozen=True)
class Acquisition:
    """How the acquired elements of a design were chosen.

    Attributes:
        model_id: the model that chose.
        track: what is to be learned.
        strategy: a key of ``experiment.acquire.STRATEGIES``.
        seed: of random draws and ties.
        candidates: different sequences that could be chosen.
        among: what they are, in words, and how many others could not be chosen and why.
        expected: share of the variance between networks that measuring the picks once is expected to remove; None where that
            cannot be said.
        random: the mean share of random batches of the same size, or None.
        words: sentences for people: how many of how many, what they are expected to tell, and how that is known.
    """

    model_id: str
    track: str
    strategy: str
    seed: int
    candidates: int
    among: str
    expected: float | None
    random: float | None
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"words": list(self.words)}
