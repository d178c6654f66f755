"""What-if questions: the scale they are answered on, the DNA they are asked in, and how sure the answer is.

Every answer here is a mean over backgrounds or shuffles of what the networks say, so it comes as an ``Estimate``: its 95 %
interval says how far another draw of backgrounds could move it, its spread how far the networks disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.sequence import Sequence, encoded
from interpret.effects import explained
from models.core import ModelSpec, Track
from models.engine import Progress, Runner
from models.predict import Components, by_member
from models.shuffle import Codes, codes_of, shuffle_codes
from models.tiling import core_of

Scale = Literal["explained", "amount"]
Values = npt.NDArray[np.float64]

CONFIDENCE = 0.95
FEWEST_BACKGROUNDS = 100  # what the field asks of a global importance
FEWEST_SHUFFLES = 20  # per tile
MOST_UNKNOWN = 0.1  # share of N beyond which a window is not asked
_LOG2 = re.compile(r"log2\s*\(?([^(),]+)")
_BASES_PER_CALL = 2**20  # in the windows handed to the engine at once, so that memory stays small


@dataclass(frozen=True)
class Estimate:
    """A mean over backgrounds, with two different doubts.

    Attributes:
        mean: float64 (..., tracks), mean over members and backgrounds.
        low, high: float64 (..., tracks), ends of the interval of that mean over backgrounds (Student's t).
        spread: float64 (..., tracks), standard deviation between members of their own means (n - 1); 0 for one member.
        signs_agree: bool (..., tracks), whether every member's mean has the same sign.
        n: backgrounds.
    """

    mean: Values
    low: Values
    high: Values
    spread: Values
    signs_agree: npt.NDArray[np.bool_]
    n: int

    @property
    def clear(self) -> npt.NDArray[np.bool_]:
        """bool (..., tracks): whether 0 lies outside the interval."""
        return (self.low > 0) | (self.high < 0)


def estimate(values: Values, *, confidence: float = CONFIDENCE) -> Estimate:
    """Mean, interval and spread of (backgrounds, members, ..., tracks)."""
    from scipy.stats import t

    n, members = values.shape[:2]
    if n < 2:
        raise ValueError(f"an interval needs two backgrounds: {values.shape=}")
    of_backgrounds, of_members = values.mean(axis=1), values.mean(axis=0)
    mean = of_backgrounds.mean(axis=0)
    half = t.ppf(0.5 + confidence / 2, n - 1) * of_backgrounds.std(axis=0, ddof=1) / np.sqrt(n)
    spread = of_members.std(axis=0, ddof=1) if members > 1 else np.zeros_like(mean)
    agree = (np.sign(of_members) == np.sign(of_members[:1])).all(axis=0)
    return Estimate(mean, mean - half, mean + half, spread, agree, n)


def amount_unit(track: Track) -> str:
    """What a track counts on a scale where 0 is nothing (reads; RNA per DNA); empty where there is no such scale.

    Log odds have none: odds of being bound are no amount of anything that a share could be lost of.
    """
    if track.kind == "profile":
        return track.unit
    ratio = _LOG2.match(track.unit)
    return ratio[1].strip() if ratio else ""


def has_amounts(spec: ModelSpec) -> bool:
    """Whether every track of a model has a scale of amounts."""
    return all(amount_unit(track) for track in spec.tracks)


def default_scale(spec: ModelSpec) -> Scale:
    """Amounts for reads, which add up over sites; else what is explained elsewhere on the page."""
    return "amount" if all(track.kind == "profile" for track in spec.tracks) else "explained"


def unit_of(spec: ModelSpec, track: int, scale: Scale) -> str:
    """What values of a track are counted in on a scale: text for people."""
    one = spec.tracks[track]
    return amount_unit(one) if scale == "amount" else one.target.unit(spec)


def scale_words(spec: ModelSpec, scale: Scale) -> str:
    """One sentence on what "independent" means on a scale, for people."""
    unit = unit_of(spec, 0, scale)
    if scale == "amount":
        return (
            f"Effects are counted in {unit}: parts that act independently add up in {unit}, and 0 is no interaction. "
            "On a logarithm the same parts would look as if they hindered each other."
        )
    if any(amount_unit(track) for track in spec.tracks):
        return f"Effects are counted in {unit}: parts that multiply each other's activity have no interaction here."
    return f"Effects are counted in {unit}: parts that multiply each other's odds have no interaction here."


def check_scale(spec: ModelSpec, scale: Scale) -> None:
    """Raises a UserError where a model has no scale of amounts."""
    if scale == "amount" and not has_amounts(spec):
        raise UserError(
            f"{spec.name} predicts {spec.tracks[0].unit}, which is no amount: choose {spec.tracks[0].unit} as the scale."
        )


def answers(run: Runner, spec: ModelSpec, codes: Codes, scale: Scale, progress: Progress | None = None) -> Values:
    """The usual explained scalar of every track: int8 (n, window) -> float64 (n, members, tracks).

    On the scale of amounts each component's scalar is turned into its amount before the strands are averaged: expected
    reads are the reads drawn on the page.
    """
    check_scale(spec, scale)
    parts = []
    step = max(1, _BASES_PER_CALL // spec.input_length)
    for first in range(0, len(codes), step):
        last = min(first + step, len(codes))
        components = run(Components(), (encoded(codes[first:last]),), share_of(progress, first, last, len(codes)))[0]
        scalars = explained(components, spec).astype(np.float64)  # (rows, components, tracks)
        parts.append(by_member(as_amounts(scalars, spec) if scale == "amount" else scalars, spec))  # type: ignore[arg-type]
    return np.asarray(np.concatenate(parts), dtype=np.float64)


def as_amounts(scalars: Values, spec: ModelSpec) -> Values:
    """(..., tracks) explained scalars -> (..., tracks) amounts."""
    found = np.array(scalars, dtype=np.float64)
    for index, track in enumerate(spec.tracks):
        found[..., index] = np.expm1(found[..., index]) if track.kind == "profile" else np.exp2(found[..., index])
    return found


def share_of(progress: Progress | None, first: int, last: int, total: int) -> Progress | None:
    """Progress of a part, as progress of the whole."""
    if progress is None:
        return None
    return lambda done: progress((first + done * (last - first)) / total)


def window_at(sequence: Sequence, start: int, end: int, spec: ModelSpec) -> Sequence:
    """The one window of the model that is centred on a stretch.

    Args:
        sequence: bases that reach a window beyond the stretch on both sides.
        start: first base, 0-based genome position.
        end: one past the last base.
        spec: the model.

    Raises:
        UserError: when more than a tenth of the window is unknown.
    """
    first, last = core_of(sequence, start, end)
    at = first + (last - first - spec.input_length) // 2
    return known(sequence.part(at, at + spec.input_length))


def known(window: Sequence) -> Sequence:
    """The window itself; a UserError where more than a tenth of it is N."""
    if window.n_share > MOST_UNKNOWN:
        raise UserError(
            f"{window.n_share:.0%} of the bases in the model's window are unknown (N), more than {MOST_UNKNOWN:.0%}: "
            "ask at another place."
        )
    return window


def backgrounds(window: Sequence, n: int, *, seed: int) -> Codes:
    """int8 (n, window): dinucleotide shuffles of the window, which keep its composition and break its words."""
    return shuffle_codes(np.repeat(codes_of(window.bases)[None], n, axis=0), seed=seed)


@dataclass(frozen=True)
class Backgrounds:
    """The DNA that motifs are put into.

    Attributes:
        codes: int8 (n, window).
        seed: of the draw.
        words: what they are, one sentence.
    """

    codes: Codes = field(repr=False)
    seed: int
    words: str

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.codes)


def shuffled(window: Sequence, n: int, *, seed: int) -> Backgrounds:
    """Shuffles of the window at a locus as backgrounds."""
    words = f"{n} dinucleotide shuffles of the window at this locus (seed {seed})."
    return Backgrounds(backgrounds(window, n, seed=seed), seed, words)


def check_count(n: int, fewest: int, most: int, what: str) -> None:
    """Raises a UserError where a number lies outside what is useful and affordable."""
    if not fewest <= n <= most:
        raise UserError(f"Choose from {fewest:,} to {most:,} {what}; this asks for {n:,}.")


def as_lists(found: Estimate) -> dict[str, Any]:
    """An estimate as plain values."""
    return {name: getattr(found, name).tolist() for name in ("mean", "low", "high", "spread", "signs_agree")} | {
        "n": found.n
    }


def with_interval(part: Estimate, track: int) -> str:
    """A mean and its interval as people read them."""
    return f"{signed_change(part.mean[track])} ({signed_change(part.low[track])} to {signed_change(part.high[track])})"


def signed_change(value: float) -> str:
    """A change with three significant digits, its sign in front and a real minus."""
    shown = f"{float(value):+,.3g}" if abs(value) < 1_000 else f"{float(value):+,.0f}"
    return shown.replace("-", "\u2212")
