"""How a prediction is put into words, by what its number means: log odds, an activity, or expected reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Reading = Literal["odds", "activity", "reads"]

LOG_ODDS = "log odds"
WEAK = 1.0  # log odds below which a positive prediction is called weak
CHECKED = 4.0  # log odds beyond which the stated no longer agree with the observed ones (see the card): only their order counts
SIMPLE_SHARE = (
    0.5  # standard deviations of an activity within which the simple model agrees, where there is no interval
)


@dataclass(frozen=True)
class Interval:
    """Where a measurement of the strongest prediction is expected.

    Attributes:
        low, high: its ends, in the track's unit.
        confidence: share of such measurements that fall inside.
    """

    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Said:
    """What there is to say of the strongest prediction.

    Attributes:
        track: name of the track.
        unit: its unit.
        sd: standard deviation of the track, in its unit: it decides how many digits are worth reading.
        value: the prediction.
        place: where it is, in 1-based text; empty where one window was asked.
        total: the sum over the locus, of expected reads.
        peak: where most of those reads are, in 1-based text.
        interval: where a measurement is expected, or None.
        rank: percentile in words, or empty.
    """

    track: str
    unit: str
    value: float
    sd: float = 1.0
    place: str = ""
    total: float | None = None
    peak: str = ""
    interval: Interval | None = None
    rank: str = ""


def reading(unit: str, kind: str = "scalar") -> Reading:
    """How a track's number is to be read.

    Log odds say yes above 0 and no below; an activity is signed and 0 is no absence; a profile counts reads.
    """
    if kind == "profile":
        return "reads"
    return "odds" if unit == LOG_ODDS else "activity"


def first_sentence(what: Said, how: Reading) -> str:
    """What is predicted, in one sentence."""
    return SENTENCES[how](what)


def signed(value: float, digits: int = 1) -> str:
    """A number with one digit after the point (or as many as asked) and a real minus sign."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\u2212")


def power(value: float, digits: int = 0) -> str:
    """A small number as 6e−5: it has a real minus sign, at which no line breaks."""
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    return mantissa if int(exponent) == 0 else f"{mantissa}e{int(exponent)}".replace("-", "−")


def digits_for(sd: float) -> int:
    """Digits after the point that tell a tenth of a standard deviation: one, or more for a track of small numbers."""
    return max(1, -math.floor(math.log10(sd)))


def _odds(what: Said) -> str:
    """Yes, weakly or no: 0 is undecided."""
    amount = f"{what.unit} {signed(what.value)}"
    if abs(what.value) > CHECKED:
        amount += f", beyond the checked range of ±{CHECKED:.0f}"
    where = f", strongest at {what.place}" if what.place else ""
    if what.value >= WEAK:
        return f"{what.track} is predicted{where} ({amount})."
    if what.value > 0:
        return f"{what.track} is weakly predicted{where} ({amount}, near even odds)."
    return f"No {what.track} is predicted here ({'at most ' if what.place else ''}{amount})."


def _activity(what: Said) -> str:
    """How much, between which measurements, and more than what: nothing is said to be absent."""
    digits = digits_for(what.sd)
    amount = f"{signed(what.value, digits)} {what.unit}"
    if what.interval is not None:
        ends = f"{signed(what.interval.low, digits)} and {signed(what.interval.high, digits)}"
        amount += f" ({100 * what.interval.confidence:g} % of such measurements fall between {ends})"
    where = f", highest at {what.place}" if what.place else ""
    rank = f", {what.rank}" if what.rank else ""
    return f"{what.track} is predicted to be {'up to ' if what.place else ''}{amount}{where}{rank}."


def _reads(what: Said) -> str:
    """How many, and where most."""
    total = what.value if what.total is None else what.total
    count = f"{total:,.0f}" if total >= 10 else f"{total:.1f}"
    most = f", most at {what.peak}" if what.peak else ""
    rank = f"; {what.rank}" if what.rank else ""
    return f"{what.track}: {count} reads expected{most}{rank}."


SENTENCES: Mapping[Reading, Callable[[Said], str]] = {"odds": _odds, "activity": _activity, "reads": _reads}
