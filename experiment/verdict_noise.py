"""How far replicates of one construct scatter, learned from all constructs of an experiment together.

Two or three replicates say next to nothing about the scatter of their own construct. All constructs together say how large it
usually is and how much it differs between them (Smyth 2004, as in limma): each construct's variance is drawn towards the usual
one, by as much as the experiment itself shows to be right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FEWEST = 10  # constructs with replicates from which the usual scatter is learned
_MOST_FREEDOM = 1e6  # constructs that all scatter alike: their variances are pooled


@dataclass(frozen=True)
class Noise:
    """The usual scatter of one replicate.

    Attributes:
        sd: standard deviation, in the unit of the measurements.
        freedom: degrees of freedom that it is worth beside a construct's own; 0 where nothing was learned.
    """

    sd: float
    freedom: float

    def variance(self, own: float, freedom: float) -> tuple[float, float]:
        """A construct's variance drawn towards the usual one, and its degrees of freedom.

        Args:
            own: variance between its replicates; of no meaning where ``freedom`` is 0.
            freedom: its replicates less one.
        """
        both = freedom + self.freedom
        if both <= 0:
            return math.nan, 0.0
        return (self.freedom * self.sd**2 + (freedom * own if freedom else 0.0)) / both, both


@dataclass(frozen=True)
class Construct:
    """What was measured of one construct, replicate effects taken away.

    Attributes:
        mean: over its replicates.
        variance: between them, drawn towards the usual one.
        freedom: degrees of freedom of that variance.
        n: replicates.
    """

    mean: float
    variance: float
    freedom: float
    n: int


def usual_noise(variances: npt.ArrayLike, freedoms: npt.ArrayLike) -> Noise:
    """The usual scatter behind many variances: limma's moment estimate on their logarithms.

    Args:
        variances: (n,), between the replicates of each construct; those of 0 are left out.
        freedoms: (n,), replicates less one.
    """
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    values, half = np.asarray(variances, np.float64), np.asarray(freedoms, np.float64) / 2
    known = (values > 0) & (half > 0)
    values, half = values[known], half[known]
    if len(values) < FEWEST:
        return Noise(0.0, 0.0)
    logs = np.log(values) - digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - polygamma(1, half).mean())
    if excess <= polygamma(1, _MOST_FREEDOM / 2):
        return Noise(math.exp(float(logs.mean()) / 2), _MOST_FREEDOM)
    prior = 2 * brentq(lambda x: float(polygamma(1, x)) - excess, 1e-4, _MOST_FREEDOM)
    return Noise(math.exp((float(logs.mean()) + digamma(prior / 2) - math.log(prior / 2)) / 2), float(prior))


def constructs_of(values: Mapping[str, Mapping[str, float]]) -> tuple[dict[str, Construct], Noise]:
    """Every construct with its variance, and the usual scatter.

    A replicate that reads all constructs higher is brought back first: its median distance from the constructs' means is taken
    away.

    Args:
        values: by construct, by replicate.
    """
    level = _levels(values)
    centred = {name: np.array([v - level[r] for r, v in found.items()]) for name, found in values.items() if found}
    several = [found for found in centred.values() if len(found) > 1]
    noise = usual_noise([found.var(ddof=1) for found in several], [len(found) - 1 for found in several])
    made = {}
    for name, found in centred.items():
        own = float(found.var(ddof=1)) if len(found) > 1 else 0.0
        variance, freedom = noise.variance(own, len(found) - 1)
        made[name] = Construct(float(found.mean()), variance, freedom, len(found))
    return made, noise


def _levels(values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """How much higher each replicate reads: its median distance from the means of constructs with several replicates."""
    apart: dict[str, list[float]] = {}
    for found in values.values():
        mean = float(np.mean(list(found.values()))) if len(found) > 1 else math.nan
        for replicate, value in found.items():
            apart.setdefault(replicate, [])
            if len(found) > 1:
                apart[replicate].append(value - mean)
    return {name: float(np.median(found)) if len(found) >= FEWEST else 0.0 for name, found in apart.items()}
