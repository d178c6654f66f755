"""The strongest prediction along a locus: the one number that the sentence and the checks are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genome.errors import UserError
from models.core import Prediction


@dataclass(frozen=True)
class Headline:
    """The strongest prediction along the locus.

    Attributes:
        value: in the track's unit.
        spread: standard deviation between members there; of a profile, of their log counts over the locus.
        members: each member's value there; of a profile, its log counts over the locus.
        start, end: its bin, 0-based half-open genome coordinates.
        total: of a profile, the expected reads over the locus; else None.
    """

    value: float
    spread: float
    members: tuple[float, ...]
    start: int
    end: int
    total: float | None = None


def headline(prediction: Prediction, track: int) -> Headline:
    """The strongest bin of a track along the locus.

    Raises:
        UserError: when the model gave something that is not a number.
    """
    if not (np.isfinite(prediction.values[track]).all() and np.isfinite(prediction.members[:, track]).all()):
        raise UserError(f"{prediction.spec.title} gave no number here; choose another model, or another locus.")
    inside = (prediction.ends > prediction.locus.start) & (prediction.starts < prediction.locus.end)
    shown = np.where(inside, prediction.values[track], -np.inf if inside.any() else prediction.values[track])
    best = int(np.argmax(shown))  # a profile reaches beyond a short locus: what is not on screen is not the answer
    members, total = prediction.members[:, track, best], None
    if prediction.spec.tracks[track].kind == "profile":
        counted = inside if inside.any() else np.ones_like(inside)
        pair = list(prediction.spec.strand_pair(track))
        members = np.log1p(prediction.members[:, pair][:, :, counted].sum(axis=(1, 2)))
        total = float(prediction.values[track, counted].sum())
    return Headline(
        value=float(prediction.values[track, best]),
        spread=float(members.std(ddof=1)) if len(members) > 1 else 0.0,
        members=tuple(float(value) for value in members),
        start=int(prediction.starts[best]),
        end=int(prediction.ends[best]),
        total=total,
    )
