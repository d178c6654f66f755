"""Shuffled DNA that keeps its dinucleotides: what a stretch looks like with its words broken up but its composition kept."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from genome.sequence import codes_of as codes_of
from genome.sequence import encoded, letters

Codes = npt.NDArray[np.int8]

N_CODE = 4


def dinucleotide_shuffle(bases: str, *, seed: int) -> str:
    """The bases in another order with exactly as many of each dinucleotide (Altschul and Erickson 1985).

    Every such order is equally likely. First and last base stay; N stays in place, and each run of bases between Ns is
    shuffled on its own.

    Args:
        bases: letters; lower case counts as upper case, anything but ACGT as N.
        seed: the same seed and bases give the same order.

    Returns:
        Upper-case ACGTN of the same length.
    """
    if not bases:
        return ""
    shuffled = shuffle_codes(codes_of(bases)[None], seed=seed)[0]
    return letters_of(shuffled)


def shuffle_codes(codes: Codes, *, seed: int) -> Codes:
    """Shuffles many sequences of one length, each on its own, as ``dinucleotide_shuffle`` does.

    Args:
        codes: int8 (n, length), 0..3 for ACGT and 4 for N.
        seed: of the random numbers.

    Returns:
        int8 (n, length).
    """
    if codes.ndim != 2 or (codes.size and not 0 <= codes.min() <= codes.max() <= N_CODE):
        raise ValueError(f"{codes.shape=}; codes must be (n, length) of 0..4")
    random = np.random.default_rng(seed)
    shuffled = codes.copy()
    whole = ~(codes == N_CODE).any(axis=1)
    if whole.any():
        shuffled[whole] = _shuffle_runs(codes[whole], random)
    for row in np.flatnonzero(~whole):
        for start, end in _runs(codes[row]):
            shuffled[row, start:end] = _shuffle_runs(codes[None, row, start:end], random)[0]
    return shuffled


def letters_of(codes: Codes) -> str:
    """The DNA letters of codes (length,)."""
    return letters(encoded(codes))


def _runs(codes: Codes) -> list[tuple[int, int]]:
    """Start and end (0-based half-open) of each stretch without N in codes (length,)."""
    edges = np.diff(np.concatenate([[0], (codes != N_CODE).astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def _shuffle_runs(codes: Codes, random: np.random.Generator) -> Codes:
    """Shuffles int8 (n, length) without N.

    A sequence is a walk over four bases along its dinucleotides. An order of the steps out of each base gives a walk to
    the end exactly when the last steps lead to the last base as a tree; the tree is drawn in proportion to the number
    of ways to choose it, and all other steps are put in random order.
    """
    n, length = codes.shape
    if length < 4:
        return codes.copy()
    source, follower = codes[:, :-1].astype(np.int64), codes[:, 1:].astype(np.int64)
    keys = random.random((n, length - 1))
    _put_last(keys, source, follower, _draw_trees(source, follower, random))
    order = np.argsort(2 * source + keys, axis=1, kind="stable")
    steps = np.take_along_axis(follower, order, axis=1)
    return _walk(steps, source, first=codes[:, 0].astype(np.int64))


def _draw_trees(
    source: npt.NDArray[np.int64], follower: npt.NDArray[np.int64], random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """int64 (n, 4): for each base the one that its last step leads to; -1 where it has none or needs none."""
    n = len(source)
    counts = np.zeros((n, 4, 4))
    np.add.at(counts, (np.arange(n)[:, None], source, follower), 1.0)
    last = follower[:, -1]
    missing = counts.sum(axis=2) == 0
    chosen = np.full((n, 4), -1, dtype=np.int64)
    for root in range(4):
        rows = np.flatnonzero(last == root)
        if not len(rows):
            continue
        # A base that does not occur may hang on the root in one way only, so that it changes no weight.
        table = counts[rows]
        table[..., root][missing[rows]] = 1.0
        trees = _trees(root)
        weights = np.ones((len(rows), len(trees)))
        for base in range(4):
            if base != root:
                weights *= table[:, base, trees[:, base]]
        heights = weights.cumsum(axis=1)
        draw = random.random(len(rows)) * heights[:, -1]
        picked = trees[(draw[:, None] >= heights[:, :-1]).sum(axis=1)]
        chosen[rows] = np.where(missing[rows] | (np.arange(4) == root), -1, picked)
    return chosen


@functools.cache
def _trees(root: int) -> npt.NDArray[np.int64]:
    """int64 (16, 4): for every way in which the three other bases lead to ``root``, the base that each is followed by."""
    ways = np.stack(np.meshgrid(*[np.arange(4)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    ways = ways[ways[:, root] == root]
    reached = ways
    for _ in range(3):
        reached = np.take_along_axis(ways, reached, axis=1)
    return ways[(reached == root).all(axis=1)]


def _put_last(
    keys: npt.NDArray[np.float64],
    source: npt.NDArray[np.int64],
    follower: npt.NDArray[np.int64],
    trees: npt.NDArray[np.int64],
) -> None:
    """Changes the sort keys (n, steps) so that the step chosen in ``trees`` is the last one out of its base."""
    for base in range(4):
        rows = np.flatnonzero(trees[:, base] >= 0)
        if not len(rows):
            continue
        fits = (source[rows] == base) & (follower[rows] == trees[rows, base][:, None])
        step = np.where(fits, keys[rows], -1.0).argmax(axis=1)
        keys[rows, step] = 1.5


def _walk(steps: npt.NDArray[np.int64], source: npt.NDArray[np.int64], *, first: npt.NDArray[np.int64]) -> Codes:
    """Follows the ordered steps (n, length - 1), grouped by the base they leave, from the first base on."""
    n, n_steps = steps.shape
    counts = np.stack([(source == base).sum(axis=1) for base in range(4)], axis=1)
    places = np.concatenate([np.zeros((n, 1), dtype=np.int64), counts.cumsum(axis=1)[:, :3]], axis=1).ravel()
    row_places, row_steps = np.arange(n) * 4, np.arange(n) * n_steps
    flat, here = steps.ravel(), first
    walked = np.empty((n_steps + 1, n), dtype=np.int8)
    walked[0] = first
    for index in range(n_steps):
        slot = row_places + here
        place = places[slot]
        places[slot] = place + 1
        here = flat[row_steps + place]
        walked[index + 1] = here
    return np.ascontiguousarray(walked.T)
