"""Short runs of bases that carry the contributions: seqlets, by the recursive caller of tangermeme, in plain numpy.

A run is a seqlet when it, and every run of at least 4 bases inside it, has a sum that is unlikely if bases drew their
contributions independently from this very sequence. Runs are taken longest first, then by p-value, never overlapping.
The p-values rank runs; they are no error rate, because neighbouring contributions are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SHORTEST, LONGEST = 4, 25


@dataclass(frozen=True)
class Seqlet:
    """A short run of bases that together raise or lower the prediction.

    Attributes:
        start: first base, 0-based in the sequence given.
        end: one past the last base.
        sign: ``+`` raises the prediction, ``-`` lowers it.
        attribution: sum of contributions, in the track's unit.
        p_value: chance of a run of this length with a sum as large, if bases were exchangeable; for ranking only.
    """

    start: int
    end: int
    sign: str
    attribution: float
    p_value: float

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end or self.sign not in ("+", "-"):
            raise ValueError(f"{self.start=}, {self.end=}, {self.sign=}")


def seqlets(values: npt.NDArray[np.floating], *, p: float = 0.01, n_bins: int = 1000) -> tuple[Seqlet, ...]:
    """The runs of bases that carry the contributions, of both signs, strongest first.

    Args:
        values: float (length,), contribution of the base that stands there, in the track's unit.
        p: threshold that a run and all runs of at least 4 bases inside it must pass.
        n_bins: steps into which the range of contributions is divided.

    Returns:
        Seqlets by falling |sum|; they do not overlap: where a raising and a lowering one do, the one with the larger
        |sum| stays. So the seqlets of the negated track are the same with their signs swapped.
    """
    if values.ndim != 1 or not np.isfinite(values).all() or not 0 < p <= 1 or n_bins < 2:
        raise ValueError(f"{values.shape=}, {p=}, {n_bins=}, finite: {bool(np.isfinite(values).all())}")
    track = values.astype(np.float64)
    both = [*raising_runs(track, "+", p, n_bins), *raising_runs(-track, "-", p, n_bins)]
    taken = np.zeros(len(track), dtype=bool)
    kept = []
    for seqlet in sorted(both, key=lambda seqlet: (-abs(seqlet.attribution), seqlet.start)):
        if not taken[seqlet.start : seqlet.end].any():
            taken[seqlet.start : seqlet.end] = True
            kept.append(seqlet)
    return tuple(kept)


def raising_runs(track: FloatArray, sign: str, p: float, n_bins: int) -> list[Seqlet]:
    """Runs with large sums, in the order called: exactly tangermeme's ``recursive_seqlets``.

    Args:
        track: float64 (length,), contributions; already negated for ``-``.
        sign: what to label them.
        p: threshold.
        n_bins: steps into which the range is divided.
    """
    if len(track) < SHORTEST or track.min() == track.max():
        return []
    low, high = float(track.min()), float(track.max())
    bins = np.minimum(np.floor((track - low) / ((high - low) / (n_bins - 1))), n_bins - 1).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(bins)])
    spans = _passing(sums, np.bincount(bins, minlength=n_bins) / len(bins), p)
    total = np.concatenate([[0.0], np.cumsum(track)])
    factor = 1.0 if sign == "+" else -1.0
    return [
        Seqlet(start, start + size, sign, factor * float(total[start + size] - total[start]), chance)
        for start, size, chance in _longest_first(spans, len(track))
    ]


def _passing(sums: IntArray, share: FloatArray, p: float) -> dict[int, tuple[IntArray, FloatArray, FloatArray]]:
    """Runs all of whose inner runs pass, by length.

    Args:
        sums: int64 (length + 1,), running sum of the binned contributions, from 0.
        share: float64 (bins,), share of bases in each bin: the null of one base.
        p: threshold.

    Returns:
        length -> (starts, rank, p-value), where rank is the largest p-value of the run and of its own beginnings.
    """
    found: dict[int, tuple[IntArray, FloatArray, FloatArray]] = {}
    length = len(sums) - 1
    density = np.ones(1)
    rank = worst = np.empty(0)
    for size in range(1, min(LONGEST, length) + 1):
        density = np.convolve(density, share)
        if size < SHORTEST:
            continue
        at_least = np.cumsum(density[::-1])[::-1]
        chance = at_least[sums[size:] - sums[:-size]]
        rank = chance if size == SHORTEST else np.maximum(chance, rank[: length - size + 1])
        worst = rank if size == SHORTEST else np.maximum(rank, worst[1 : length - size + 2])
        starts = np.flatnonzero(worst < p)
        if not len(starts):
            break
        found[size] = (starts, rank[starts], chance[starts])
    return found


def _longest_first(
    spans: dict[int, tuple[IntArray, FloatArray, FloatArray]], length: int
) -> list[tuple[int, int, float]]:
    """Takes passing runs greedily: longest first, then by rank, then leftmost; none overlaps another.

    Returns:
        (start, length, p-value) of each.
    """
    taken = np.zeros(length, dtype=bool)
    called = []
    for size in sorted(spans, reverse=True):
        starts, rank, chance = spans[size]
        for place in np.argsort(rank, kind="stable").tolist():
            start = int(starts[place])
            if not taken[start : start + size].any():
                taken[start : start + size] = True
                called.append((start, size, float(chance[place])))
    return called
