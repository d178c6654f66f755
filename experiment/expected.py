"""What measuring a batch is expected to tell, before anything is ordered."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Information:
    """The expected reduction of the ensemble's variance over all candidates.

    Candidates are taken as a Gaussian process whose variance is the networks' (n - 1) at each of them, and in which two
    are as correlated as their features, less the mean feature, point the same way (cosine). Measuring the batch once,
    with the stated noise, then leaves ``after`` of ``before``. It is an expectation of this process, not a promise: the
    benchmark of acquisition compares it with what happened.

    Attributes:
        before: mean variance between networks over the candidates, unit of the track squared.
        after: what is left of it, on the same candidates.
    """

    before: float
    after: float

    @property
    def share(self) -> float:
        """The share of the variance that is expected to go, 0 to 1."""
        return 1 - self.after / self.before if self.before > 0 else 0.0


def expected_information(members: Floats, features: Floats, noise: Floats, rows: Rows) -> Information:
    """What measuring some of the candidates is expected to tell about all of them; arguments as in ``expected_of_batches``."""
    return expected_of_batches(members, features, noise, [rows])[0]


def expected_of_batches(
    members: Floats, features: Floats, noise: Floats, batches: Iterable[Rows]
) -> tuple[Information, ...]:
    """What measuring each of several batches of the candidates is expected to tell about all of them.

    Args:
        members: (members, candidates), at least two networks' predictions.
        features: (candidates, features), sketched gradients or an embedding.
        noise: (candidates,), variance of one measurement.
        batches: rows of each.
    """
    if len(members) < 2:
        raise ValueError(f"{len(members)=}: one network has no variance")
    variance = members.astype(np.float64).var(axis=0, ddof=1)
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    length = np.sqrt((centred**2).sum(axis=1))
    scaled = centred * (np.sqrt(variance) / np.where(length > 0, length, 1.0))[:, None]
    products = scaled.T @ scaled  # (features, features): the sum over candidates of what is left needs no more of them
    found = []
    for rows in batches:
        batch = scaled[rows] / np.sqrt(noise[rows].astype(np.float64))[:, None]
        precision = np.eye(scaled.shape[1]) + batch.T @ batch
        left = np.trace(np.linalg.solve(precision, products)) / len(scaled)
        found.append(Information(float(variance.mean()), float(left)))
    return tuple(found)


def class_shares(members: Floats, spread: Floats, bounds: tuple[float, float]) -> npt.NDArray[np.float64]:
    """float64 (rows, 3): how likely a measurement is that of a silencer, of an inactive element, of an enhancer.

    The mean over networks of a normal distribution around each one's prediction.

    Args:
        members: (members, rows), predictions.
        spread: (rows,) or (members, rows), standard deviation of a measurement around them, above 0.
        bounds: activity below the first is a silencer's, above the second an enhancer's.
    """
    if not bounds[0] < bounds[1]:
        raise ValueError(f"{bounds=} must rise")
    error = np.vectorize(math.erf, otypes=[np.float64])
    below = [0.5 * (1 + error((bound - members) / (spread * math.sqrt(2)))).mean(axis=0) for bound in bounds]
    return np.stack([below[0], below[1] - below[0], 1 - below[1]], axis=1)
