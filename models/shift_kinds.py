"""The other shifts, on a set of sequences: imbalance of labels, a change of their frequencies, a change of the rule.

Covariate shift, where the sequences themselves differ, is models/shift.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

ALARM = 100.0  # a fair game multiplies a stake by this in at most 1 of 100 runs (Ville's inequality)
_STEPS = 500
_SETTLED = 1e-9
_MOST_WEALTH = 1e12


@dataclass(frozen=True)
class LabelBin:
    """Rows whose measured values lie in one stretch.

    Attributes:
        low: smallest measured value.
        high: largest measured value.
        n: rows.
        bias: mean of predicted minus measured.
        error: root mean square of predicted minus measured.
    """

    low: float
    high: float
    n: int
    bias: float
    error: float


def imbalance(labels: npt.ArrayLike, predictions: npt.ArrayLike, *, n_bins: int = 5) -> tuple[LabelBin, ...]:
    """How measured values are spread, and how well each part of their range is predicted.

    Bins are equally wide, not equally full: where few rows lie is what this is about. Few rows at the extremes make a
    model that predicts the middle of everything, which one error over all rows hides (Yang et al. 2021, "Delving into
    deep imbalanced regression", ICML).

    Args:
        labels: (n,), measured; rows that are NaN in either are left out.
        predictions: (n,), in the same unit.
        n_bins: of the range of the labels; empty ones are given with n = 0 and NaN.

    Raises:
        ValueError: when lengths differ, or no row has both.
    """
    measured, predicted = _paired(labels, predictions)
    edges = np.linspace(measured.min(), measured.max(), n_bins + 1)
    places = np.clip(np.searchsorted(edges, measured, side="right") - 1, 0, n_bins - 1)
    return tuple(_bin(edges, index, predicted[places == index] - measured[places == index]) for index in range(n_bins))


@dataclass(frozen=True)
class PredictionShift:
    """How predictions for a set stand to those for the rows kept out of training.

    Attributes:
        distance: largest difference of the two cumulative distributions (Kolmogorov and Smirnov), 0 to 1.
        p_value: how often so large a distance comes about by chance.
        median_moved: median of the set minus median of the reference, in the track's unit.
    """

    distance: float
    p_value: float
    median_moved: float


def shift_of_predictions(predictions: npt.ArrayLike, reference: npt.ArrayLike) -> PredictionShift:
    """Whether the distribution of answers moved, which a change of label frequencies does (Rabanser et al. 2019, NeurIPS).

    Args:
        predictions: (n,), of the set.
        reference: (m,), of rows kept out of training.

    Raises:
        ValueError: when either holds no number.
    """
    ours, known = np.sort(_finite(predictions)), np.sort(_finite(reference))
    places = np.concatenate([ours, known])
    ranks = (np.searchsorted(rows, places, side="right") / len(rows) for rows in (ours, known))
    distance = float(np.abs(np.subtract(*ranks)).max())
    size = math.sqrt(len(ours) * len(known) / (len(ours) + len(known)))
    return PredictionShift(distance, _kolmogorov(distance * size), float(np.median(ours) - np.median(known)))


def prior_by_em(log_odds: npt.ArrayLike, *, trained_prior: float = 0.5) -> float:
    """What share of a set is really positive, from calibrated log odds (Saerens, Latinne and Decaestecker 2002).

    Assumes that positives look like the positives of training and negatives like its negatives; only their frequencies
    changed.

    Args:
        log_odds: (n,), calibrated where ``trained_prior`` of the rows were positive.
        trained_prior: share of positives for which the log odds were calibrated.

    Returns:
        The share of positives, 0 to 1.

    Raises:
        ValueError: when there is no number, or the prior is not between 0 and 1.
    """
    if not 0 < trained_prior < 1:
        raise ValueError(f"{trained_prior=}")
    evidence = _finite(log_odds) - math.log(trained_prior / (1 - trained_prior))
    ratio = np.exp(np.clip(evidence, -500, 500))  # how much likelier a positive looks so than a negative
    share = trained_prior
    for _ in range(_STEPS):
        updated = float((share * ratio / (share * ratio + 1 - share)).mean())
        settled = abs(updated - share) < _SETTLED
        share = updated
        if settled:
            break
    return share


@dataclass(frozen=True)
class Drift:
    """Whether fresh measurements still follow the rule that the model learned.

    Attributes:
        wealth: float64 (n,), what a stake of 1 has become after each measurement; large is evidence against. The game ends
            at a million millions.
        alarm_at: number of measurements (1-based) at which it first reached the alarm, or None.
    """

    wealth: Float
    alarm_at: int | None


def concept_drift(p_values: npt.ArrayLike, *, alarm: float = ALARM) -> Drift:
    """Bets against the exchangeability of fresh measurements with the calibration rows: a conformal test martingale.

    The bet grows only when p-values stop being even (Vovk, Gammerman and Shafer 2022, "Algorithmic Learning in a Random
    World", 2nd ed., the Simple Jumper), computed by crepes. Half of the stake bets along a line, which finds errors that grow all
    together; half on steps, which find that some grow while others shrink. The sum of two fair games is one.

    Args:
        p_values: (n,), in the order of the measurements, each in (0, 1]; from ``conformal_p_values``.
        alarm: the stake at which to give the alarm; by chance alone it is reached in at most 1 of that many runs.

    Raises:
        ValueError: when a value is no p-value, or there is none.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values must be (n,) between 0 and 1: {values[:5]}")
    from crepes.martingales import SimpleJumper, StepBettingFunction

    games = (SimpleJumper(), SimpleJumper(bf=StepBettingFunction()))
    wealth = np.mean([_played(game, values) for game in games], axis=0)
    reached = np.flatnonzero(wealth >= alarm)
    return Drift(wealth, int(reached[0]) + 1 if len(reached) else None)


def _played(game: Any, p_values: Float) -> Float:
    """What a stake of 1 becomes in one game, float64 (n,); what it is worth at the end of the game stays."""
    played = np.asarray(game.apply(p_values, c=_MOST_WEALTH, return_index=False), dtype=np.float64)
    return np.concatenate([played, np.full(len(p_values) - len(played), played[-1])])


def conformal_p_values(residuals: npt.ArrayLike, calibration: npt.ArrayLike, *, seed: int = 0) -> Float:
    """How often a residual as large comes about, among calibration rows and the measurements before it.

    Exactly even, and independent of each other, as long as fresh and calibration rows are exchangeable.

    Args:
        residuals: (n,), |measured - predicted| of fresh measurements, in their order.
        calibration: (m,), the same of rows that the model was not fitted on.
        seed: of the random numbers that break ties.

    Raises:
        ValueError: when a value is not a number.
    """
    fresh, known = np.asarray(residuals, dtype=np.float64), np.sort(np.asarray(calibration, dtype=np.float64)).tolist()
    if not np.isfinite(fresh).all() or not np.isfinite(known).all():
        raise ValueError("residuals must be numbers")
    random = np.random.default_rng(seed)
    found = np.empty(len(fresh))
    for index, value in enumerate(fresh.tolist()):
        low, high = bisect.bisect_left(known, value), bisect.bisect_right(known, value)
        found[index] = (len(known) - high + random.random() * (high - low + 1)) / (len(known) + 1)
        known.insert(high, value)
    return found


def _paired(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[Float, Float]:
    measured, predicted = np.asarray(labels, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if measured.shape != predicted.shape or measured.ndim != 1:
        raise ValueError(f"{measured.shape=}, {predicted.shape=}")
    both = np.isfinite(measured) & np.isfinite(predicted)
    if not both.any():
        raise ValueError("no row has both a measurement and a prediction")
    return measured[both], predicted[both]


def _bin(edges: Float, index: int, errors: Float) -> LabelBin:
    bias, error = (float(errors.mean()), float(np.sqrt((errors**2).mean()))) if len(errors) else (math.nan, math.nan)
    return LabelBin(float(edges[index]), float(edges[index + 1]), len(errors), bias, error)


def _finite(values: npt.ArrayLike) -> Float:
    found = np.asarray(values, dtype=np.float64)
    found = found[np.isfinite(found)]
    if not len(found):
        raise ValueError("there is no number")
    return found


def _kolmogorov(x: float) -> float:
    """Chance of a Kolmogorov-Smirnov distance times the root of the sample size above ``x``."""
    if x < 0.2:
        return 1.0
    terms: Seq[float] = [(-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101)]
    return min(1.0, max(0.0, 2 * math.fsum(terms)))
