"""The sandbox as a laboratory: what a reporter assay would measure of any construct, noise included, in a moment.

The sandbox's grammar gives the true activity of any bases (``genome.sandbox.activity``), which is read here as log2(RNA/DNA). Around it
replicates scatter as they do in a real experiment, so that the whole loop from hypothesis to verdict can be run by anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from experiment.hypothesis import Hypothesis
from experiment.measurements import LOG2_ACTIVITY, Control, Measurements, Reading
from experiment.verdict_noise import Noise
from genome.sandbox import activity

# Between replicates of one construct, in log2, of the mouse retina MPRA (Friedman et al. 2025), rounds 1 to 3ab: expression_std
# over expression, divided by ln 2, of 26,590 elements in 3 or 5 replicates; the usual scatter behind them by
# ``verdict_noise.usual_noise``. Every construct has a variance of its own: root mean square 0.51, in the data 0.49.
RETINA_NOISE = Noise(sd=0.3097, freedom=3.136)
REPLICATE_SHIFT = 0.2  # log2; how far whole replicates lie apart, which every analysis has to take away
NAME = "sandbox oracle"


class Ordered(NamedTuple):
    """One construct to be measured.

    Attributes:
        name: of the construct.
        bases: ACGTN.
        control: what kind of control it is; empty for none.
        link: where it came from.
    """

    name: str
    bases: str
    control: Control = ""
    link: str = ""


def ordered(hypotheses: Iterable[Hypothesis]) -> tuple[Ordered, ...]:
    """Every construct of some hypotheses, each once."""
    found: dict[str, Ordered] = {}
    for one in hypotheses:
        for part in one.interventions:
            if found.setdefault(part.name, Ordered(part.name, part.bases, link=one.link)).bases != part.bases:
                raise ValueError(f"two constructs are called {part.name!r}")
    return tuple(found.values())


def measure(
    constructs: Iterable[Ordered], *, seed: int, replicates: int = 3, noise: Noise = RETINA_NOISE
) -> Measurements:
    """Measures constructs; the same seed gives the same numbers.

    Args:
        constructs: what to measure; meant for some hundred bp each, as every site in them counts.
        seed: of the noise.
        replicates: how many.
        noise: between replicates of one construct: each has its own variance, scaled inverse chi-squared.
    """
    wanted = tuple(constructs)
    random = np.random.default_rng([20261, seed])
    truth = np.array([_truth(one.bases) for one in wanted])
    variances = noise.freedom * noise.sd**2 / random.chisquare(noise.freedom, len(wanted))
    shifts = REPLICATE_SHIFT * random.standard_normal(replicates)
    values = truth[:, None] + shifts + np.sqrt(variances)[:, None] * random.standard_normal((len(wanted), replicates))
    rows = tuple(
        Reading(one.name, one.bases, str(index + 1), float(value), control=one.control, link=one.link)
        for one, found in zip(wanted, values, strict=True)
        for index, value in enumerate(found)
    )
    digest = hashlib.sha256(as_table(rows)).hexdigest()
    return Measurements(NAME, "MPRA", LOG2_ACTIVITY, rows, digest, remarks=(f"Simulated by the grammar, seed {seed}.",))


def as_table(rows: Iterable[Reading]) -> bytes:
    """What a laboratory would send: one line for each element and replicate, as ``measurements_read`` reads it."""
    head = "name\tsequence\treplicate\tlog2\tcontrol\n"
    return (
        head + "".join(f"{one.name}\t{one.bases}\t{one.replicate}\t{one.value!r}\t{one.control}\n" for one in rows)
    ).encode()


@lru_cache(maxsize=20_000)
def _truth(bases: str) -> float:
    """The activity without noise; constructs are measured again and again."""
    return activity(bases)
