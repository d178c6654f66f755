"""How well scores tell bound from unbound, and how sure one can be of a difference between two models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Profiles = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval.

    Attributes:
        value: on all rows.
        low: 2.5th percentile over resamples.
        high: 97.5th percentile over resamples.
    """

    value: float
    low: float
    high: float


def auroc(positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    """The chance that a random bound window scores above a random unbound one; equal scores count half.

    Args:
        positive: (n,) scores of bound windows.
        negative: (m,) scores of unbound windows.
    """
    high, low = _checked(positive, negative)
    ranked = np.sort(low)
    below = np.searchsorted(ranked, high, side="left")
    not_above = np.searchsorted(ranked, high, side="right")
    return float((below + not_above).mean() / (2 * len(low)))


def auprc(positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    """Area under precision against recall as the average precision; equal scores enter together.

    Args:
        positive: (n,) scores of bound windows.
        negative: (m,) scores of unbound windows.
    """
    high, low = _checked(positive, negative)
    thresholds, counts = np.unique(high, return_counts=True)
    found = len(high) - np.searchsorted(np.sort(high), thresholds, side="left")
    wrong = len(low) - np.searchsorted(np.sort(low), thresholds, side="left")
    return float((counts * found / (found + wrong)).sum() / len(high))


def bootstrap_auroc(
    positive: npt.NDArray[np.floating], negative: npt.NDArray[np.floating], *, n_resamples: int = 1000, seed: int = 0
) -> npt.NDArray[np.float64]:
    """AUROC of several models on the same resampled rows, so that their differences are paired.

    Args:
        positive: (models, n) scores of bound windows.
        negative: (models, m) scores of unbound windows.
        n_resamples: bootstrap resamples; bound and unbound windows are drawn apart.
        seed: of the draws.

    Returns:
        float64 (models, n_resamples).
    """
    return np.array(
        [_weighted_auroc(high, low, n_resamples, seed) for high, low in zip(positive, negative, strict=True)]
    )


def bootstrap_auprc(
    positive: npt.NDArray[np.floating], negative: npt.NDArray[np.floating], *, n_resamples: int = 1000, seed: int = 0
) -> npt.NDArray[np.float64]:
    """AUPRC of several models on the same resampled rows; arguments and result as ``bootstrap_auroc``."""
    return np.array(
        [_weighted_auprc(high, low, n_resamples, seed) for high, low in zip(positive, negative, strict=True)]
    )


def interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    """The figure with its 95 % percentile interval over resamples (n_resamples,)."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))


def rounded(figure: Interval) -> dict[str, float]:
    """An interval with four decimals, as score files hold it."""
    return {name: round(value, 4) for name, value in vars(figure).items()}


def _weighted_auroc(
    high: npt.NDArray[np.floating], low: npt.NDArray[np.floating], n_resamples: int, seed: int
) -> Floats:
    """(n_resamples,) AUROC with each row counted as often as it was drawn."""
    order = np.sort(low)
    places = np.argsort(low, kind="stable")
    below = np.searchsorted(order, high, side="left")
    not_above = np.searchsorted(order, high, side="right")
    areas = np.empty(n_resamples)
    for index, (of_high, of_low) in enumerate(_draws(len(high), len(low), n_resamples, seed)):
        total = np.concatenate([[0], of_low[places].cumsum()])
        areas[index] = (of_high * (total[below] + total[not_above])).sum() / (2 * len(high) * len(low))
    return areas


def _weighted_auprc(
    high: npt.NDArray[np.floating], low: npt.NDArray[np.floating], n_resamples: int, seed: int
) -> Floats:
    """(n_resamples,) average precision with each row counted as often as it was drawn."""
    high_places, low_places = np.argsort(high, kind="stable"), np.argsort(low, kind="stable")
    found_from = np.searchsorted(high[high_places], high, side="left")
    wrong_from = np.searchsorted(low[low_places], high, side="left")
    areas = np.empty(n_resamples)
    for index, (of_high, of_low) in enumerate(_draws(len(high), len(low), n_resamples, seed)):
        found = len(high) - np.concatenate([[0], of_high[high_places].cumsum()])[found_from]
        wrong = len(low) - np.concatenate([[0], of_low[low_places].cumsum()])[wrong_from]
        areas[index] = (of_high * found / np.maximum(found + wrong, 1)).sum() / len(high)
    return areas


def _draws(n: int, m: int, n_resamples: int, seed: int) -> Iterator[tuple[Counts, Counts]]:
    """Yields how often each of n bound and m unbound windows is drawn, one pair of int64 arrays per resample."""
    random = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield (
            np.bincount(random.integers(0, n, n), minlength=n),
            np.bincount(random.integers(0, m, m), minlength=m),
        )


def _checked(positive: npt.ArrayLike, negative: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Both score arrays as float64, refused when one is empty or holds NaN."""
    high, low = np.asarray(positive, dtype=np.float64), np.asarray(negative, dtype=np.float64)
    if high.ndim != 1 or low.ndim != 1 or not len(high) or not len(low) or np.isnan(high).any() or np.isnan(low).any():
        raise ValueError(f"scores must be flat, present and known: {high.shape=}, {low.shape=}")
    return high, low


def pearson(predicted: npt.NDArray[np.floating], measured: npt.NDArray[np.floating]) -> float:
    """Pearson's r over the rows that were measured (not NaN); NaN when either is constant or fewer than three are."""
    known = ~np.isnan(measured)
    a, b = predicted[known].astype(np.float64), measured[known].astype(np.float64)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def spearman(predicted: npt.NDArray[np.floating], measured: npt.NDArray[np.floating]) -> float:
    """Spearman's rank correlation over the rows that were measured (not NaN); ties get their mean rank."""
    known = ~np.isnan(measured)
    return pearson(ranks(predicted[known]), ranks(measured[known]))


def ranks(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """float64 (n,): ranks from 1, ties at the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return (last - (counts - 1) / 2)[inverse]


def bootstrap_correlation(
    correlation: Callable[[npt.NDArray[np.floating], npt.NDArray[np.floating]], float],
    predicted: npt.NDArray[np.floating],
    measured: npt.NDArray[np.floating],
    clusters: npt.NDArray[np.int64],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Correlations of several predictions with one measurement, on the same resamples of whole clusters.

    Rows of one cluster (an element and its reverse complement, or overlapping elements) are drawn together: drawing them
    apart would count the same sequence as two.

    Args:
        correlation: ``pearson`` or ``spearman``.
        predicted: (predictions, n).
        measured: (n,), NaN where it was not measured.
        clusters: (n,).
        n_resamples: how many.
        seed: of the draws.

    Returns:
        float64 (predictions, n_resamples).
    """
    random = np.random.default_rng(seed)
    known = np.flatnonzero(~np.isnan(measured))
    names, members = np.unique(clusters[known], return_inverse=True)
    order = np.argsort(members, kind="stable")
    rows_of = np.split(known[order], np.searchsorted(members[order], np.arange(1, len(names))))
    drawn = np.empty((len(predicted), n_resamples))
    for resample in range(n_resamples):
        rows = np.concatenate([rows_of[pick] for pick in random.integers(0, len(names), len(names))])
        drawn[:, resample] = [correlation(row[rows], measured[rows]) for row in predicted]
    return drawn


def divergence(one: Profiles, other: Profiles) -> npt.NDArray[np.float64]:
    """float64 (n,): Jensen-Shannon divergence in bits between the shapes of profiles (n, ...), 0 to 1."""
    p, q = (shares(profiles) for profiles in (one, other))
    middle = (p + q) / 2
    return np.asarray((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def shares(profiles: Profiles) -> npt.NDArray[np.float64]:
    """float64 (n, numbers): each profile divided by its sum; an empty one is flat."""
    flat = profiles.reshape(len(profiles), -1).astype(np.float64)
    total = flat.sum(axis=1, keepdims=True)
    return np.where(total > 0, flat / np.where(total > 0, total, 1.0), 1.0 / flat.shape[1])


def _relative_entropy(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64 (n,): Kullback-Leibler divergence in bits of p from q (n, bins), where q is nowhere 0 but p is."""
    return np.asarray((p * np.log2(np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0))).sum(axis=1))
