"""How well scores tell bound from unbound, and how sure one can be of a difference between two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


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
