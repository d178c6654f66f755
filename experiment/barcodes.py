"""Barcodes that differ from one another in at least three bases, made in one go from a code instead of by comparing pairs.

Words over four letters are vectors over GF(4). The words whose three parity sums vanish, for a parity matrix no two columns of
which are multiples of one another, differ pairwise in at least three places (a shortened Hamming code): 4^(length - 3) of them,
so 12,000 barcodes of 12 bases are drawn from 262,144 words in milliseconds. A constant word is added to all of them, which
changes no distance and lets the seed decide. Bounds on GC, runs and forbidden words then only take words away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from experiment.design_layout import LONGEST_BARCODE, SHORTEST_BARCODE, Layout
from genome.errors import UserError

MIN_DISTANCE = 3
MOST_TRIED = 2**22  # words looked at before it is said that there are not enough
_BLOCK = 2**15
_PARITY = 3
_TIMES = np.array([[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]], dtype=np.uint8)  # products in GF(4)

Codes = npt.NDArray[np.uint8]


def assigned(elements: Seq[str], n: int, layout: Layout, *, seed: int) -> tuple[tuple[str, ...], ...]:
    """``n`` barcodes for each element, no two of all of them nearer than three bases.

    Args:
        elements: bases of each element; they decide what touches a barcode where the middle of the oligo is short.
        n: barcodes of each.
        layout: of the oligos, with the bounds.
        seed: the same seed, elements and layout give the same barcodes.

    Raises:
        UserError: when there are not as many, with the number there is.
    """
    wanted = n * len(elements)
    found: list[tuple[str, ...]] = []
    words = (word for word in candidates(layout, seed=seed) if fits(layout, layout.middle, word))
    waiting = deque[str]()  # words that fit the oligo, but not an element that came before
    for bases in elements:
        before = (layout.left + bases + layout.middle)[-layout.reach :]
        mine: list[str] = []
        for _ in range(len(waiting)):
            if len(mine) == n:
                break
            word = waiting.popleft()
            (mine if fits(layout, before, word) else waiting).append(word)
        while len(mine) < n:
            word = next(words, "")
            if not word:
                raise _too_few(layout, n, wanted, sum(len(one) for one in found) + len(mine))
            (mine if fits(layout, before, word) else waiting).append(word)
        found.append(tuple(mine))
    return tuple(found)


def fits(layout: Layout, before: str, barcode: str) -> bool:
    """Whether a barcode may stand after ``before`` and before the right adaptor: runs, sites and adaptors that touch it."""
    text = before + barcode + layout.right[: layout.reach]
    start, end = len(before), len(before) + len(barcode)
    return not any(
        pattern.search(text, max(0, start - length + 1), min(len(text), end + length - 1))
        for length, pattern in layout.screens
    )


def candidates(layout: Layout, *, seed: int) -> Iterator[str]:
    """Barcodes within the bounds on GC and runs, pairwise at least three bases apart, in an order that the seed decides."""
    length, tried = layout.barcode_length, 0
    for block in code_words(length, seed=seed):
        tried += len(block)
        # C and G have the codes 1 and 2.
        shares = ((block == 1) | (block == 2)).mean(axis=1)
        longest = np.ones(len(block), dtype=np.int64)
        run = np.ones(len(block), dtype=np.int64)
        for column in range(1, length):
            run = np.where(block[:, column] == block[:, column - 1], run + 1, 1)
            longest = np.maximum(longest, run)
        keep = (shares >= layout.gc_low - 1e-9) & (shares <= layout.gc_high + 1e-9) & (longest <= layout.longest_run)
        letters = np.frombuffer(b"ACGT", dtype=np.uint8)[block[keep]]
        yield from (row.tobytes().decode("ascii") for row in letters)
        if tried >= MOST_TRIED:
            return


def code_words(length: int, *, seed: int) -> Iterator[Codes]:
    """All 4^(length - 3) words of the code, in blocks of uint8 (words, length) of 0..3 for ACGT.

    Args:
        length: in bases.
        seed: of their order and of the word that is added to all.
    """
    if not SHORTEST_BARCODE <= length <= LONGEST_BARCODE:
        raise ValueError(f"{length=}")
    random = np.random.default_rng([seed, length])
    free = length - _PARITY
    shift = random.integers(0, 4, length, dtype=np.uint8)
    odd = [int(value) * 2 + 1 for value in random.integers(0, 4**free // 2, 3)]
    add = int(random.integers(0, 4**free))
    parity = _parity_columns()[:, :free]  # (3, free)
    for first in range(0, 4**free, _BLOCK):
        order = np.arange(first, min(first + _BLOCK, 4**free), dtype=np.uint64)
        numbers = _scattered(order, 2 * free, odd, add)
        message = np.stack([(numbers >> np.uint64(2 * i)) & np.uint64(3) for i in range(free)], axis=1).astype(np.uint8)
        sums = np.bitwise_xor.reduce(_TIMES[parity[None], message[:, None, :]], axis=2)  # (words, 3)
        yield np.concatenate([message, sums], axis=1) ^ shift


def nearest_pair(barcodes: Seq[str]) -> tuple[str, str] | None:
    """Two barcodes of one length that differ in fewer than three bases, or None.

    Two words at distance 2 or less are equal once the right two places are covered, so each pair of places is covered in turn
    and equal words are looked for by sorting.
    """
    if len(barcodes) < 2:
        return None
    length = len(barcodes[0])
    raw = np.frombuffer("".join(barcodes).encode("ascii"), dtype=np.uint8).reshape(len(barcodes), length)
    codes = ((raw >> 1) & 3).astype(np.uint64)  # A, C, G and T differ in these two bits
    packed = np.zeros(len(barcodes), dtype=np.uint64)
    for column in range(length):
        packed = (packed << np.uint64(2)) | codes[:, column]
    whole = np.uint64(4**length - 1)
    for first in range(length):
        for second in range(first + 1, max(length, first + 2)):
            covered = np.uint64((3 << (2 * first)) | (3 << (2 * second)))
            masked = packed & (whole & ~covered)
            order = np.argsort(masked, kind="stable")
            equal = np.flatnonzero(masked[order][1:] == masked[order][:-1])
            if len(equal):
                return barcodes[int(order[equal[0]])], barcodes[int(order[equal[0] + 1])]
    return None


def _scattered(numbers: npt.NDArray[np.uint64], bits: int, odd: list[int], add: int) -> npt.NDArray[np.uint64]:
    """The numbers below 2^bits in another order: each step (times an odd number, plus, folded) can be undone."""
    whole: Any = np.uint64(2**bits - 1)
    found = (numbers + np.uint64(add)) & whole
    for factor in odd:
        found = (found * np.uint64(factor)) & whole
        found = found ^ (found >> np.uint64(bits // 2))
    return found


def _parity_columns() -> Codes:
    """uint8 (3, 18): the points of the projective plane over GF(4) but the three unit vectors."""
    points = [
        point
        for point in product(range(4), repeat=_PARITY)
        if any(point) and next(value for value in point if value) == 1 and sum(value > 0 for value in point) > 1
    ]
    return np.array(points, dtype=np.uint8).T


def _too_few(layout: Layout, n: int, wanted: int, found: int) -> UserError:
    bounds = (
        f"of {layout.barcode_length} bases with {layout.gc_low:.0%} to {layout.gc_high:.0%} GC, runs of at most {layout.longest_run}, "
        f"{MIN_DISTANCE} differences between any two and none of the forbidden words"
    )
    elements = wanted // n
    advice = "take longer barcodes or wider bounds, or " + (
        f"at most {found // elements} for each element" if found >= elements else f"at most {found // n:,} elements"
    )
    if not found:
        advice = "widen the bounds, or take fewer forbidden words"
    return UserError(f"{wanted:,} barcodes are needed, and {found:,} can be had {bounds}: {advice}.")
