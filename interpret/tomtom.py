"""How alike two motifs are: TOMTOM p-values (Gupta et al. 2007, Genome Biol 8:R24) of one motif against a database.

The complete score is used: every column of the query counts, aligned or not. A query column is scored against a target
column by minus the Euclidean distance, less the median over all target columns, in 100 integer steps; the null of an
alignment is the sum of draws from the database's own columns; the p-value is that of the best of all alignments on both
strands. It is plain numpy: nothing is compiled, so the first answer comes as fast as the next (memelite, its peer and
test oracle, compiles for most of a minute on first use).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SCORE_STEPS = 100
_MEDIAN_BINS = 1000


@dataclass(frozen=True)
class Targets:
    """A motif database laid out for comparison, both strands: first every motif as given, then its complements.

    Attributes:
        n_motifs: number of motifs; there are twice as many targets.
        columns: float64 (4, total columns), all targets one after another.
        lengths: int64 (2 * n_motifs,), bp.
    """

    n_motifs: int
    columns: FloatArray = field(repr=False)
    lengths: IntArray = field(repr=False)

    @classmethod
    def of(cls, frequencies: Sequence[FloatArray]) -> Targets:
        """Lays out motifs, each (4, length) with columns that sum to 1."""
        if not frequencies:
            raise ValueError("a database needs at least one motif")
        both = [*frequencies, *(matrix[::-1, ::-1] for matrix in frequencies)]
        lengths = np.array([matrix.shape[1] for matrix in both], dtype=np.int64)
        return cls(len(frequencies), np.ascontiguousarray(np.concatenate(both, axis=1)), lengths)


@dataclass(frozen=True)
class Similarity:
    """One query motif compared with every motif of a database; arrays are (n_motifs,).

    Attributes:
        p_values: float64, chance of an alignment as good anywhere on either strand.
        scores: int64, the best alignment's score in integer steps.
        offsets: int64, column of the (strand-matched) target on which query column 0 lies; negative when the query
            begins before it.
        overlaps: int64, columns aligned.
        strands: ``+``, or ``-`` where the target's reverse complement matched.
    """

    p_values: FloatArray
    scores: IntArray
    offsets: IntArray
    overlaps: IntArray
    strands: npt.NDArray[np.str_]


def compare(query: FloatArray, targets: Targets) -> Similarity:
    """TOMTOM of one query motif against a database.

    Args:
        query: float64 (4, length), columns that sum to 1.
        targets: the database.

    Returns:
        p-value, score, offset, overlap and strand of the best alignment with each motif. Of equally good alignments the
        one with the larger overlap is kept, then the leftmost; of equally good strands the forward one.
    """
    if query.ndim != 2 or query.shape[0] != 4 or query.shape[1] < 1:
        raise ValueError(f"{query.shape=}")
    steps, zero = _integer_scores(query, targets.columns)
    scores, offsets, overlaps = _best_alignments(steps - zero, targets.lengths)
    histograms = np.stack([np.bincount(row, minlength=_SCORE_STEPS + 1) for row in steps]) / steps.shape[1]
    tails = _alignment_tails(histograms)
    p_values = np.empty(len(scores))
    for length in np.unique(targets.lengths):
        mine = targets.lengths == length
        wanted, places = np.unique(scores[mine], return_inverse=True)
        p_values[mine] = _best_of_alignments(tails, int(length), wanted, zero)[places]
    return _both_strands(p_values, scores + query.shape[1] * zero, offsets, overlaps, targets.n_motifs)


def _integer_scores(query: FloatArray, columns: FloatArray) -> tuple[IntArray, int]:
    """Score of each query column against each target column.

    Returns:
        int64 (length, total columns) in 0..100, and the step that stands for a score of zero (the column median).
    """
    squares = (query**2).sum(axis=0)[:, None] + (columns**2).sum(axis=0)[None, :]
    for base in range(4):
        squares -= (2 * query[base])[:, None] * columns[base][None, :]
    scores = -np.sqrt(np.maximum(squares, 0.0))
    medians = np.array([_binned_median(row) for row in scores])
    scores -= medians[:, None]
    lowest = int(np.floor(scores.min()))
    per_unit = int(np.floor(_SCORE_STEPS / max(float(scores.max()) - lowest, 1.0)))
    scores += medians[:, None]
    scores -= (medians + lowest)[:, None]
    scores *= per_unit
    scores += 0.5
    return np.floor(scores).astype(np.int64), -lowest * per_unit


def _binned_median(values: FloatArray) -> float:
    """The mean of the values in that thousandth of the range which holds the median."""
    low, high = float(values.min()), float(values.max())
    if high == low:
        return low
    bins = ((values - low) / (high - low) * (_MEDIAN_BINS - 1)).astype(np.int64)
    middle = int(np.searchsorted(np.cumsum(np.bincount(bins, minlength=_MEDIAN_BINS)), len(values) / 2))
    return float(values[bins == middle].mean())


def _best_alignments(scores: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The best ungapped alignment of the query with each target.

    Args:
        scores: int64 (query length, total columns), zero = the median.
        lengths: int64 (targets,).

    Returns:
        Best score, its offset (target column under query column 0) and its overlap, each (targets,).
    """
    n_query, total = scores.shape
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    spaced_starts = starts + np.arange(len(lengths)) * (n_query - 1)
    target = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(total) + target * (n_query - 1)
    sums = np.zeros(total + len(lengths) * (n_query - 1), dtype=np.int64)
    for column in range(n_query):
        sums[place + (n_query - 1 - column)] += scores[column]
    widths = lengths + n_query - 1
    shift = np.arange(len(sums)) - np.repeat(spaced_starts, widths)
    overlap = np.minimum(shift + 1, n_query) - np.maximum(0, shift + 1 - np.repeat(lengths, widths))
    ranks = (sums * 4096 + overlap) * 65536 + (65535 - shift)
    best = np.maximum.reduceat(ranks, spaced_starts)
    best_shift = 65535 - best % 65536
    return best // 65536 // 4096, best_shift - (n_query - 1), best // 65536 % 4096


def _alignment_tails(histograms: FloatArray) -> list[list[FloatArray]]:
    """Null distributions of the score of every run of query columns.

    Args:
        histograms: float64 (length, 101), share of target columns at each step, per query column.

    Returns:
        ``tails[i][m - 1]``, the chance that columns i..i+m-1 score at least s, by s in steps (0..100 m, and 0 above).
        Summed from the top, so that tiny chances keep their precision.
    """
    n_query = len(histograms)
    tails: list[list[FloatArray]] = []
    for first in range(n_query):
        density, runs = np.ones(1), []
        for column in range(first, n_query):
            density = np.convolve(density, histograms[column])
            runs.append(np.append(np.cumsum(density[::-1])[::-1], 0.0))
        tails.append(runs)
    return tails


def _best_of_alignments(tails: list[list[FloatArray]], length: int, scores: IntArray, zero: int) -> FloatArray:
    """Chance that the best alignment with a target of this length scores at least this much.

    Alignments count as independent. Unaligned query columns score zero, so a run of m columns must itself reach the
    score.

    Args:
        tails: as ``_alignment_tails`` gives them.
        length: of the target, bp.
        scores: int64 (n,), zero = the median.
        zero: step that stands for a score of zero.

    Returns:
        float64 (n,).
    """
    n_query = len(tails)
    full = min(length, n_query)
    runs = [(first, full, 1) for first in range(n_query - full + 1)]
    if length > n_query:
        runs = [(0, full, length - n_query + 1)]
    for size in range(1, full):
        runs += [(0, size, 1), (n_query - size, size, 1)]
    log_none = np.zeros(len(scores))
    with np.errstate(divide="ignore"):
        for first, size, times in runs:
            tail = tails[first][size - 1]
            reached = tail[np.clip(scores + size * zero, 0, len(tail) - 1)]
            log_none += times * np.log1p(-np.minimum(reached, 1.0))
    return -np.expm1(log_none)


def _both_strands(
    p_values: FloatArray, scores: IntArray, offsets: IntArray, overlaps: IntArray, n_motifs: int
) -> Similarity:
    """Keeps the better strand of each motif and corrects its p-value for the two trials."""
    reverse = scores[n_motifs:] > scores[:n_motifs]
    smaller = np.minimum(p_values[:n_motifs], p_values[n_motifs:])
    picked = np.arange(n_motifs) + np.where(reverse, n_motifs, 0)
    strands = np.where(reverse, "-", "+")
    return Similarity(smaller * (2 - smaller), scores[picked], offsets[picked], overlaps[picked], strands)
