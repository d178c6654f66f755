"""Do several methods of attribution say the same of the same bases? Rank correlations, and the bases they disagree at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpret.attribution import Attribution
from models.metrics import ranks, spearman

Float = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

STRONG = 0.1  # share of the bases whose contributions are called strong
WEAK = 0.5  # share of the bases whose contributions are called weak


@dataclass(frozen=True)
class Agreed:
    """How another method ranks the bases that one method ranked.

    Attributes:
        method: the other, in words.
        baseline: what it compares with.
        correlation: Spearman's of the contributions along the locus; NaN where either method gives every base the same.
        places: int64, bases of the locus that they disagree at, counted from its first: among the strongest tenth of one
            method, and in the other of the other sign or among the weaker half.
    """

    method: str
    baseline: str
    correlation: float
    places: Places


@dataclass(frozen=True)
class Agreement:
    """How the methods agree with the one that is shown.

    Attributes:
        others: one entry per method that was compared.
        left_out: (method in words, reason) of those that were not.
    """

    others: tuple[Agreed, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def correlation(self) -> float:
        """The median over the methods that can be compared; NaN where none can."""
        known = [other.correlation for other in self.others if np.isfinite(other.correlation)]
        return float(np.median(known)) if known else float("nan")

    @property
    def places(self) -> Places:
        """int64, the bases at which more than half of the methods disagree with the one shown, from the locus' first."""
        if not self.others:
            return np.zeros(0, np.int64)
        found, counts = np.unique(np.concatenate([other.places for other in self.others]), return_counts=True)
        marked: Places = found[2 * counts > len(self.others)].astype(np.int64)
        return marked


def compared(shown: Attribution, others: list[Attribution], left_out: tuple[tuple[str, str], ...] = ()) -> Agreement:
    """Compares contributions of one scalar along one locus.

    Args:
        shown: by the method that is shown.
        others: by other methods, of the same target and locus.
        left_out: what was not compared, and why.
    """
    pairs = []
    for other in others:
        if (other.target, other.sequence.bases, other.core) != (shown.target, shown.sequence.bases, shown.core):
            raise ValueError(
                f"{other.target=} at {other.sequence.locus} is not {shown.target=} at {shown.sequence.locus}"
            )
        mine, theirs = shown.values[slice(*shown.core)], other.values[slice(*other.core)]
        pairs.append(Agreed(other.method, other.baseline, spearman(mine, theirs), disagreed(mine, theirs)))
    return Agreement(tuple(pairs), left_out)


def disagreed(a: Float, b: Float) -> Places:
    """int64, where one row is among its strongest tenth and the other is of the other sign or among its weaker half."""
    either = np.zeros(len(a), dtype=bool)
    for one, other in ((a, b), (b, a)):
        size, sizes = ranks(np.abs(one)), ranks(np.abs(other))
        strong = (size > (1 - STRONG) * len(a)) & (one != 0)
        either |= strong & ((np.sign(one) != np.sign(other)) | (sizes <= WEAK * len(a)))
    places: Places = np.flatnonzero(either)
    return places
