"""Largest cluster, maximum distance (LCMD; Holzmueller et al. 2023, algorithm 4): a batch that covers where much is to learn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
_EQUAL = 1e-5  # of the squared lengths: squared distances below are rounding, so the two rows are the same
_CHUNK = 2048


def largest_cluster_maximum_distance(features: Floats, seen: Floats, n: int) -> npt.NDArray[np.int64]:
    """int64 (n,): rows in the order chosen.

    Every candidate belongs to the nearest centre; the next centre is the farthest candidate of the cluster whose squared
    distances add up to most. The first centres are what was measured before, or the row with the longest features.

    Args:
        features: (rows, features) of candidates, at least n rows.
        seen: (known, features) of what was measured before; may be empty.
        n: how many.
    """
    rows = features.astype(np.float32)
    lengths = (rows**2).sum(axis=1)
    chosen = [] if len(seen) else [int(np.argmax(lengths))]
    centres = seen.astype(np.float32) if len(seen) else rows[chosen]
    distance, cluster = _nearest(rows, lengths, centres)
    open_rows = np.ones(len(rows), bool)
    open_rows[chosen] = False
    while len(chosen) < n:
        sums = np.bincount(cluster, np.where(open_rows, distance, 0), minlength=len(centres) + n)
        inside = open_rows & (cluster == int(np.argmax(sums))) if sums.max() > 0 else open_rows
        row = int(np.argmax(np.where(inside, distance, -1)))
        open_rows[row] = False
        new = _squared(rows, lengths, rows[row])
        closer = new < distance
        distance, cluster = np.where(closer, new, distance), np.where(closer, len(centres) + len(chosen), cluster)
        chosen.append(row)
    return np.array(chosen, dtype=np.int64)


def _nearest(
    rows: npt.NDArray[np.float32], lengths: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Squared distance to the nearest centre, and which one it is, both (rows,)."""
    sizes = (centres**2).sum(axis=1)
    distance, cluster = [], []
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        both = lengths[part, None] + sizes
        squared = both - 2 * rows[part] @ centres.T
        squared[squared < _EQUAL * both] = 0
        cluster.append(squared.argmin(axis=1))
        distance.append(squared.min(axis=1))
    return np.concatenate(distance), np.concatenate(cluster)


def _squared(
    rows: npt.NDArray[np.float32], lengths: npt.NDArray[np.float32], centre: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """float32 (rows,): squared distances to one centre."""
    both = lengths + (centre**2).sum()
    squared = both - 2 * (rows @ centre)
    return np.where(squared < _EQUAL * both, np.float32(0), squared)
