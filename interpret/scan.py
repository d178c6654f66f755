"""Where letters alone match a known motif: FIMO's scan (Grant, Bailey, Noble 2011), fast on a short stretch.

The rules are memelite's, its peer and test oracle, and the hits are the same:

1. A base of frequency f in a motif's column scores log2((f + 0.0001) / 0.25); N scores 0; a window's score is the sum of
   its columns, added from left to right.
2. The null is random DNA with equal base frequencies. Column scores rounded to tenths give the whole distribution of
   rounded scores by convolution, and the chance of at least each of them.
3. A window is a hit when its score exceeds the smallest tenth whose chance is below the threshold. Its p-value is the
   chance of its score, rounded down to a tenth.
4. A motif's reverse complement is scanned likewise: it has the same null.

memelite works the nulls out again in every call. Here they are kept, and one matrix product in single precision picks
the windows that may be hits, which are then scored in double precision as in rule 1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from genome.sequence import codes_of
from interpret.jaspar import Motif, jaspar_motifs
from interpret.motifs import Hit, fimo_hits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

P_LIMIT = 1e-4
# From here on memelite is asked: its tables cost it half a second a call, and what is left is about as fast (measured).
MEMELITE_FROM = 100_000  # bp

_STEP = 0.1  # of a score, in bits
_PSEUDOCOUNT = 0.0001
_COLUMNS = 80  # motifs and strands in one matrix
_ROWS = 1_024  # windows in one stack of products, so that its answer stays in the processor's cache
# Multiplications in one product. OpenBLAS takes one thread up to here; beyond, its threads wait for each other, which
# beside another busy process took three times as long (measured).
_PRODUCT = 262_144
_MARGIN = np.float32(0.01)  # bits; single precision errs by less than a tenth of this on 100 columns
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Matrices:
    """Motifs laid out for scanning, both strands: strand 2 i is motif i as given, 2 i + 1 its reverse complement.

    Attributes:
        motifs: the motifs.
        scores: float64 (5, strands, longest), bits, rows ACGTN; zero where a motif has no such column.
        lengths: int64 (motifs,), bp.
        lowest: int64 (motifs,), the least rounded score, in tenths.
        tails: float64, all motifs one after another: chance of a rounded score of at least ``lowest``, ``lowest + 1``, ...
        starts: int64 (motifs + 1,), where each motif's tail starts.
    """

    motifs: tuple[Motif, ...]
    scores: FloatArray = field(repr=False, compare=False)
    lengths: IntArray = field(repr=False, compare=False)
    lowest: IntArray = field(repr=False, compare=False)
    tails: FloatArray = field(repr=False, compare=False)
    starts: IntArray = field(repr=False, compare=False)

    @classmethod
    def of(cls, motifs: Sequence[Motif]) -> Matrices:
        """Lays out motifs and works out their nulls: about a third of a millisecond each."""
        if not motifs:
            raise ValueError("a scan needs at least one motif")
        lengths = np.array([motif.length for motif in motifs], dtype=np.int64)
        scores = np.zeros((5, 2 * len(motifs), int(lengths.max())))
        lowest, tails = [], []
        for index, motif in enumerate(motifs):
            bits = np.log2(motif.frequencies + _PSEUDOCOUNT) - np.log2(0.25)
            scores[:4, 2 * index, : motif.length] = bits
            scores[:4, 2 * index + 1, : motif.length] = bits[::-1, ::-1]
            low, tail = _null(bits)
            lowest.append(low)
            tails.append(tail)
        starts = np.concatenate([[0], np.cumsum([len(tail) for tail in tails])])
        return cls(tuple(motifs), scores, lengths, np.array(lowest, dtype=np.int64), np.concatenate(tails), starts)

    def thresholds(self, p: float) -> FloatArray:
        """The score that a hit of each motif must exceed at this p, in bits: float64 (motifs,); infinite if none can."""
        enough = np.flatnonzero(self.tails < p)
        first = np.searchsorted(enough, self.starts[:-1])
        place = np.append(enough, len(self.tails))[first]
        steps = place - self.starts[:-1] + self.lowest
        # memelite keeps thresholds in single precision.
        found = np.where(place < self.starts[1:], steps * _STEP, np.inf).astype(np.float32)
        return found.astype(np.float64)

    def p_values(self, motif: IntArray, score: FloatArray) -> FloatArray:
        """Chance, at one place of random DNA, of scores (bits) at least as high, each of one motif: float64 (n,)."""
        step = (score / _STEP).astype(np.int64) - self.lowest[motif]
        p_values: FloatArray = self.tails[self.starts[motif] + step]
        return p_values


@dataclass(frozen=True)
class _Product:
    """Some motifs of like length, as one matrix: a window's letters times this is its score above the threshold.

    Attributes:
        strands: int64 (n,), which rows of ``Matrices.scores``.
        lengths: int64 (n,), bp.
        weights: float32 (4 longest + 1, n); the last row is what the threshold takes off.
    """

    strands: IntArray
    lengths: IntArray
    weights: npt.NDArray[np.float32]


def scan(bases: str, motifs: Sequence[Motif] | None = None, *, p: float = P_LIMIT) -> tuple[Hit, ...]:
    """The places whose letters match motifs, on both strands.

    Args:
        bases: DNA letters (A, C, G, T, N).
        motifs: what to look for; JASPAR CORE vertebrates unless given.
        p: a hit's p-value, per place and strand, lies below this.

    Returns:
        Hits by first base, then p-value.
    """
    if not 0 < p <= 1:
        raise ValueError(f"{p=}")
    if len(bases) >= MEMELITE_FROM:
        return fimo_hits([bases], jaspar_motifs() if motifs is None else motifs, p=p)[0]
    matrices = jaspar_matrices() if motifs is None else Matrices.of(motifs)
    return find(bases, matrices, p=p)


def find(bases: str, matrices: Matrices, *, p: float = P_LIMIT) -> tuple[Hit, ...]:
    """``scan`` with motifs that were laid out before, at any length."""
    codes = codes_of(bases).astype(np.int64)
    products = _jaspar_products(p) if matrices is jaspar_matrices() else _products(matrices, p)
    found = [pair for product in products for pair in _candidates(codes, product)]
    if not found:
        return ()
    start, strand = (np.concatenate(column) for column in zip(*found, strict=True))
    motif = strand // 2
    score = np.zeros(len(start))
    letters = np.concatenate([codes, np.full(matrices.scores.shape[2], 4)])
    for column in range(matrices.scores.shape[2]):  # left to right, so that rounding is the peer's too
        score += matrices.scores[letters[start + column], strand, column]
    hit = np.flatnonzero(score > matrices.thresholds(p)[motif])
    start, strand, motif, score = start[hit], strand[hit], motif[hit], score[hit]
    p_values = matrices.p_values(motif, score)
    order = np.lexsort((strand, p_values, start))
    ends = start + matrices.lengths[motif]
    columns = (motif[order], start[order], ends[order], strand[order] % 2, score[order], p_values[order])
    return tuple(
        Hit(matrices.motifs[m], first, last, "-" if reverse else "+", bits, chance)
        for m, first, last, reverse, bits, chance in zip(*(column.tolist() for column in columns), strict=True)
    )


def jaspar_matrices() -> Matrices:
    """JASPAR CORE vertebrates laid out, once per process (some tenths of a second)."""
    with _LOCK:
        return _laid_out()


def warm() -> None:
    """Lays out the database, so that the first scan is as fast as the next."""
    find("ACGT", jaspar_matrices())


@lru_cache(maxsize=1)
def _laid_out() -> Matrices:
    return Matrices.of(jaspar_motifs())


@lru_cache(maxsize=4)
def _jaspar_products(p: float) -> tuple[_Product, ...]:
    return _products(jaspar_matrices(), p)


def _null(bits: FloatArray) -> tuple[int, FloatArray]:
    """The distribution of a motif's rounded score in random DNA.

    Args:
        bits: float64 (4, length), score of each base.

    Returns:
        The least rounded score, and the chance of at least that, one tenth more, ...: float64 (n,), with ``length``
        zeros behind, for a score may exceed the sum of its rounded columns by half a tenth each. Summed from the top, so
        that tiny chances keep their precision.
    """
    steps = np.round(bits / _STEP).astype(np.int64)
    least = steps.min(axis=0)
    density = np.ones(1)
    for column in (steps - least).T.tolist():
        longer = np.zeros(len(density) + max(column))
        for shift in column:
            longer[shift : shift + len(density)] += 0.25 * density
        density = longer
    tail = np.cumsum(density[::-1])[::-1]
    return int(least.sum()), np.concatenate([tail, np.zeros(bits.shape[1])])


def _products(matrices: Matrices, p: float) -> tuple[_Product, ...]:
    """The matrix products of a scan: motifs by length, as many together as the cache holds. None for unreachable ones."""
    thresholds = matrices.thresholds(p)
    reachable = np.flatnonzero(np.isfinite(thresholds))
    by_length = reachable[np.argsort(matrices.lengths[reachable], kind="stable")]
    return tuple(
        _product(matrices, by_length[first : first + _COLUMNS // 2], thresholds)
        for first in range(0, len(by_length), _COLUMNS // 2)
    )


def _product(matrices: Matrices, motifs: IntArray, thresholds: FloatArray) -> _Product:
    strands = (2 * motifs[:, None] + np.arange(2)).ravel()
    lengths = np.repeat(matrices.lengths[motifs], 2)
    longest = int(lengths.max())
    weights = np.empty((4 * longest + 1, len(strands)), dtype=np.float32)
    weights[:-1] = matrices.scores[:4, strands, :longest].transpose(2, 0, 1).reshape(4 * longest, -1)
    weights[-1] = _MARGIN - np.repeat(thresholds[motifs], 2)
    return _Product(strands, lengths, weights)


def _candidates(codes: IntArray, product: _Product) -> Iterator[tuple[IntArray, IntArray]]:
    """Windows that may be hits, as (first base, strand), each int64 (n,), some hundred windows at a time."""
    longest = (len(product.weights) - 1) // 4
    encoded = np.vstack([np.eye(4, dtype=np.float32), np.zeros((1, 4), dtype=np.float32)])
    letters = encoded[np.concatenate([codes, np.full(longest, 4)])].ravel()
    height = max(1, _PRODUCT // product.weights.size)
    for first in range(0, len(codes) - int(product.lengths.min()) + 1, _ROWS):
        n = min(_ROWS, len(codes) - first)
        rows = np.zeros((-(-n // height) * height, 4 * longest + 1), dtype=np.float32)
        rows[:n, -1] = 1
        reach = letters[4 * first : 4 * (first + n + longest - 1)]
        rows[:n, :-1] = np.lib.stride_tricks.sliding_window_view(reach, 4 * longest)[::4]
        above = np.flatnonzero(rows.reshape(-1, height, rows.shape[1]) @ product.weights > 0)
        start, column = first + above // len(product.strands), above % len(product.strands)
        inside = start + product.lengths[column] <= len(codes)
        yield start[inside], product.strands[column[inside]]
