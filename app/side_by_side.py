"""Two answers at one locus: another cell type of the same model, or another model. No Streamlit here.

One rule decides how they may be compared. One unit of one model: one axis. Otherwise percentiles, each within its own
model's background, where both have one. Otherwise an axis for each, and the reason is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from app import compute
from app.answer import Answer
from app.compute import Asker
from app.figures.tracks import drawable
from app.limits import has_letters
from app.view import PASTED, Beside, View
from genome.errors import UserError
from interpret import background
from interpret.attribution import Attribution
from interpret.background import Background, Rank
from interpret.background_build import MAX_N
from interpret.effects import Effect
from models import registry
from models.core import ModelSpec, Prediction, Track
from models.intervals import Band

MAX_LINES = 60


@dataclass(frozen=True)
class Side:
    """One of the two answers.

    Attributes:
        prediction: every track of its model along the locus.
        track: name of the track that is drawn.
        attribution: its letters, or None where the locus is too long for them.
        band: where measurements are expected, or None when its model has no intervals.
        percentiles: float (bins that a screen shows,) from 0 to 100, or None where there are none.
        among: what they are percentiles of, or why there are none.
    """

    prediction: Prediction
    track: str
    attribution: Attribution | None
    band: Band | None
    percentiles: npt.NDArray[np.float64] | None
    among: str

    @property
    def spec(self) -> ModelSpec:
        """Its model."""
        return self.prediction.spec

    @property
    def shown(self) -> Track:
        """The track that is drawn."""
        return self.spec.tracks[self.spec.track_index(self.track)]


@dataclass(frozen=True)
class Pair:
    """Both answers and how they may be compared.

    Attributes:
        first, second: above and below.
        axis: ``common``, ``percentiles`` or ``separate``.
        words: the same in words, with the reason.
    """

    first: Side
    second: Side
    axis: Literal["common", "percentiles", "separate"]
    words: str


@dataclass(frozen=True)
class Line:
    """One track in the table.

    Attributes:
        model: name of its model.
        track: the track.
        value: predicted at the place, in the track's unit; of a profile the sum over the locus.
        spread: standard deviation of that between members; None for a single member.
        change: what all edits together do to its usual scalar, and its spread between members; None without edits.
        rank: where the value stands among the model's background, in words; empty where that is not known.
        drawn: whether it is one of the tracks drawn above.
    """

    model: str
    track: Track
    value: float
    spread: float | None
    change: tuple[float, float] | None
    rank: str
    drawn: bool


@dataclass(frozen=True)
class Table:
    """The tracks of both models at one place.

    Attributes:
        lines: one per track.
        left_out: how many more tracks there are.
        notices: sentences on what could not be worked out, and how changes were.
    """

    lines: tuple[Line, ...]
    left_out: int
    notices: tuple[str, ...]


def choices(view: View) -> tuple[Beside, ...]:
    """What can be drawn beside a view: the model's other tracks first, then those of every other model."""
    here = registry.spec(view.model)
    others = [spec for spec in registry.specs() if spec.model_id != here.model_id]
    found = [Beside(spec.model_id, track.name) for spec in (here, *others) for track in spec.tracks]
    return tuple(beside for beside in found if beside != Beside(here.model_id, view.track))


def other_view(view: View) -> View:
    """The same place and edits, seen by what is drawn beside.

    Raises:
        ValueError: when nothing is.
    """
    if view.beside is None:
        raise ValueError(f"{view.beside=}")
    return replace(view, model=view.beside.model, track=view.beside.track, reduce="mean", beside=None)


def pair(found: Answer, asker: Asker) -> Pair | None:
    """The answer and the one beside it; None when the view asks for none.

    Raises:
        UserError: when the second cannot be answered.
    """
    if found.view.beside is None:
        return None
    view = other_view(found.view)
    compute.check_track(registry.spec(view.model), view.track)
    prediction = compute.prediction(view, asker)
    explained = has_letters(prediction.spec, view.locus)
    attribution = compute.attribution(view, asker) if explained else None
    ranks = [_ranks(found, spec, asker) for spec in (found.spec, prediction.spec)]
    first = _side(found.view, found.prediction, found.attribution, found.band, ranks[0])
    second = _side(view, prediction, attribution, compute.interval(view, asker), ranks[1])
    return Pair(first, second, *axis_rule(first, second))


def axis_rule(first: Side, second: Side) -> tuple[Literal["common", "percentiles", "separate"], str]:
    """How two answers may be compared, and the reason in words."""
    units = first.shown.unit, second.shown.unit
    same_model = first.spec.model_id == second.spec.model_id
    if same_model and units[0] == units[1]:
        return "common", f"Both are {units[0]} from one model, so they are drawn on one axis."
    if same_model:
        why = f"Different units ({units[0]} and {units[1]}): not comparable as numbers."
    elif units[0] == units[1]:
        why = f"Two models: each has its own zero and scale, so their {units[0]} are not comparable as numbers."
    else:
        why = f"Two models with different units ({units[0]} and {units[1]}): not comparable as numbers."
    if first.percentiles is not None and second.percentiles is not None:
        shown = f"{first.track} among {first.among}; {second.track} among {second.among}"
        return "percentiles", f"{why} Both are shown as percentiles: {shown}. Letters keep their own units and axes."
    reasons = [f"{side.spec.name}: {side.among}" for side in (first, second) if side.percentiles is None]
    return "separate", (
        f"{why} Percentiles would be, but there are none ({'; '.join(dict.fromkeys(reasons))}). So each has its own axis: "
        "compare where they rise and fall, not how high."
    )


def table(found: Answer, asker: Asker) -> Table:
    """Every track of the model, and of the one beside it, at the place of the headline: one edit, read across cells."""
    views = [found.view]
    if found.view.beside is not None and found.view.beside.model != found.spec.model_id:
        views.append(replace(other_view(found.view), beside=found.view.beside))
    lines: list[Line] = []
    notices: list[str] = []
    for view in views:
        try:
            lines += _lines(view, found, asker, notices)
        except UserError as error:
            notices.append(str(error))
    return Table(tuple(lines[:MAX_LINES]), max(0, len(lines) - MAX_LINES), tuple(dict.fromkeys(notices)))


def _lines(view: View, found: Answer, asker: Asker, notices: list[str]) -> Iterator[Line]:
    """The tracks of one model; what could not be worked out is added to the notices."""
    prediction = compute.prediction(view, asker)
    effect = _effect(view, asker, notices)
    ranks = _ranks(found, prediction.spec, asker)
    drawn = {(found.spec.model_id, found.view.track)}
    if found.view.beside is not None:
        drawn.add((found.view.beside.model, found.view.beside.track))
    middle = (found.headline.start + found.headline.end) / 2
    for index, track in enumerate(prediction.spec.tracks):
        value, spread = _value_at(prediction, index, middle)
        rank = ranks(track, value)
        if rank.percentile is None:
            notices.append(f"{prediction.spec.name} is not ranked: {_reason(rank)}.")
        yield Line(
            model=prediction.spec.name,
            track=track,
            value=value,
            spread=spread,
            change=None if effect is None else (float(effect.delta[index]), float(effect.spread[index])),
            rank=rank.text if rank.percentile is not None else "",
            drawn=(prediction.spec.model_id, track.name) in drawn,
        )


def _value_at(prediction: Prediction, index: int, middle: float) -> tuple[float, float | None]:
    """A track's value and spread in the bin nearest to a place; of a profile, summed over the bins inside the locus."""
    if prediction.spec.tracks[index].kind == "profile":
        inside = (prediction.ends > prediction.locus.start) & (prediction.starts < prediction.locus.end)
        members = prediction.members[:, index, inside].sum(axis=1, dtype=np.float64)
    else:
        nearest = int(np.argmin(np.abs((prediction.starts + prediction.ends) / 2 - middle)))
        members = prediction.members[:, index, nearest].astype(np.float64)
    return float(members.mean()), float(members.std(ddof=1)) if len(members) > 1 else None


def _effect(view: View, asker: Asker, notices: list[str]) -> Effect | None:
    if not view.edits:
        return None
    try:
        found = compute.edit_effect(view, view.edits, asker)
    except UserError as error:
        notices.append(str(error))
        return None
    notices.append(found.rule)
    return found


def _side(view: View, prediction: Prediction, attribution: Attribution | None, band: Band | None, ranks: Ranks) -> Side:
    percentiles, among = _percentiles(drawable(prediction), view.track, ranks)
    return Side(prediction, view.track, attribution, band, percentiles, among)


def _percentiles(prediction: Prediction, track: str, ranks: Ranks) -> tuple[npt.NDArray[np.float64] | None, str]:
    """Percentiles of every bin within the model's background and what that is, or None and the reason."""
    index = prediction.spec.track_index(track)
    values, places = np.unique(prediction.values[index], return_inverse=True)
    found = [ranks(prediction.spec.tracks[index], float(value)) for value in values]
    shares = np.array([rank.percentile for rank in found if rank.percentile is not None], dtype=np.float64)
    if len(shares) < len(found):
        return None, _reason(next(rank for rank in found if rank.percentile is None))
    return 100 * shares[places], f"{found[0].n:,} windows of {ranks.among}"


@dataclass(frozen=True)
class Ranks:
    """Where a model's answers stand at one place.

    Attributes:
        known: the set they are ranked in, or why there is none.
        synthetic: whether no organism has the DNA of the place; None for pasted bases, of which that is not known.
    """

    known: Background | str
    synthetic: bool | None

    def __call__(self, track: Track, value: float) -> Rank:
        """The rank of one value of one track."""
        if isinstance(self.known, str):
            return Rank(None, self.known)
        if track.kind == "profile":
            return Rank(None, "the bins of a profile have no percentile of their own")
        return self.known.rank_activity(track.name, value, synthetic=self.synthetic)

    @property
    def among(self) -> str:
        """What the set is made of."""
        return self.known if isinstance(self.known, str) else self.known.about.words


def _ranks(found: Answer, spec: ModelSpec, asker: Asker) -> Ranks:
    """What the answers of a model are ranked in at the place of an answer."""
    view = found.view
    synthetic = None if view.genome == PASTED else compute.genome(view, asker).synthetic
    if found.sequence.n_share > MAX_N:
        return Ranks(f"more than {100 * MAX_N:.0f} % of the bases are unknown (N)", synthetic)
    try:
        known = background.chosen(spec.model_id, synthetic=synthetic)
    except UserError as error:
        return Ranks(str(error).rstrip("."), synthetic)
    return Ranks(known if known is not None else "this model has no background", synthetic)


def _reason(rank: Rank) -> str:
    """Why there is no percentile, without saying again that there is none."""
    return rank.text.removeprefix("no percentile: ")
