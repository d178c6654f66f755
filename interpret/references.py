"""What a sequence is compared with when its contributions are worked out."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt

from genome.sequence import letters, one_hot
from models.shuffle import dinucleotide_shuffle

Float = npt.NDArray[np.float32]
Baseline = Literal["uniform", "zeros", "shuffled"]
BASELINES: tuple[Baseline, ...] = ("uniform", "zeros", "shuffled")

N_SHUFFLES = 20


def reference_windows(x: Float, baseline: Baseline, *, seed: int) -> Float:
    """The references of each window: float32 (windows, references, 4, window). N stays N in every one.

    Args:
        x: float32 (windows, 4, window), one-hot.
        baseline: which kind.
        seed: of the shuffles; the same window gets the same shuffles wherever it stands.
    """
    if baseline not in BASELINES:
        raise ValueError(f"{baseline=} is not one of {BASELINES}")
    known = x.sum(axis=1, keepdims=True)
    if baseline == "zeros":
        return np.zeros_like(x)[:, None]
    if baseline == "uniform":
        return np.repeat(0.25 * known, 4, axis=1)[:, None]
    shuffled = np.empty((len(x), N_SHUFFLES, *x.shape[1:]), dtype=np.float32)
    for index, window in enumerate(x):
        bases = letters(window)
        for draw in range(N_SHUFFLES):
            shuffled[index, draw] = one_hot(dinucleotide_shuffle(bases, seed=_derived_seed(seed, draw)))
    return shuffled


def _derived_seed(seed: int, draw: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{draw}".encode()).digest()[:4], "big")
