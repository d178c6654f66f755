"""May this answer be believed? A row of checks, and one plain sentence that draws the conclusion."""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from interpret.attribution import Attribution
from interpret.wording import SIMPLE_SHARE, Interval, Reading, Said, digits_for, first_sentence, reading
from interpret.wording import signed as signed
from models.core import Prediction
from models.shift import Verdict, percent

Level = Literal["good", "caution", "bad"]

# The rules, in one table: name, what is good, what is bad, and how it is computed, for the "How?" panel.
STRANDS_GOOD, STRANDS_BAD = 0.8, 0.5
MEMBERS_GOOD, MEMBERS_BAD = 0.25, 0.75  # spread between members, in standard deviations of the track
N_BAD = 0.10
N_GOOD = 0.001
HOW = {
    "Adds up": (
        "The contributions of all bases should sum to the prediction minus the prediction of the reference. The gap is "
        "what is left over. It is good when every window leaves at most 1 % of that difference plus 0.001 standard "
        "deviations of the track (integrated gradients: Sundararajan, Taly and Yan 2017)."
    ),
    "Strands": (
        "The model reads both strands and the answer is their mean. This is the correlation (Pearson) of the "
        f"contributions from either strand: good from {STRANDS_GOOD}, bad below {STRANDS_BAD}."
    ),
    "Members": (
        "The model is several networks trained from different seeds. This is the standard deviation of their "
        f"predictions at the strongest place: good up to {MEMBERS_GOOD}, bad above {MEMBERS_BAD} standard deviations of "
        "the track, or when they disagree about the sign of log odds. Of a profile it is the log of all reads that counts."
    ),
    "Unknown bases": f"The share of N among the bases that were read: from {N_GOOD:.1%} a caution, above {N_BAD:.0%} bad.",
    "Like the training data": (
        "Whether the window of the strongest prediction is like the sequences that the model learned from: its GC content, "
        "its 6-letter words (a Markov model of the training sequences), its repeats, and where the network itself places "
        "it. Of sequences of the same source that were kept out of training, 5 % are called unlike, which is bad, and 5 % "
        "more at the edge, a caution. More than 10 % N is unlike. Shuffled and rearranged DNA is rarely noticed. Another "
        "organism than the model was trained on is a caution."
    ),
    "Simple model": (
        "What an additive model of six-letter words, trained on the same data, says of the same window. Where the two "
        "differ in sign, the network sees something that single words do not explain, or is wrong. An activity, which has "
        "no sign of that meaning, should lie within half the interval of measurements, or within "
        f"{SIMPLE_SHARE} standard deviations of the track where there is no interval."
    ),
}


@dataclass(frozen=True)
class Check:
    """One chip of the trust strip.

    Attributes:
        name: key of HOW.
        label: what stands in bold.
        value: what stands beside it.
        level: its colour.
        concern: words for the sentence when it is not good.
    """

    name: str
    label: str
    value: str
    level: Level
    concern: str = ""


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


def checks(
    found: Headline,
    attribution: Attribution | None,
    *,
    sd: float,
    n_share: float,
    simple: float | None,
    how: Reading = "odds",
    interval: Interval | None = None,
    like: Verdict | None = None,
) -> tuple[Check, ...]:
    """The trust strip, left to right.

    Args:
        found: the strongest prediction.
        attribution: the letters, or None when the locus is too long for letters.
        sd: standard deviation of the track, in its unit.
        n_share: share of N among the bases that were read.
        simple: what the simple model predicts in the same window, or None when it knows no such track.
        how: how the track's number is to be read.
        interval: where a measurement is expected, or None.
        like: how the window of the strongest prediction stands to the training data, or None where nobody asked.
    """
    row = []
    if attribution is not None:
        if attribution.converged is not None:
            row.append(_adds_up(attribution))
        if len(attribution.strands) == 2:
            row.append(_strands(attribution))
    if len(found.members) > 1:
        row.append(_members(found, sd, how))
    row.append(_unknown(n_share))
    if like is not None:
        row.append(_like(like))
    if simple is not None and how != "reads":
        row.append(_simple(found, simple) if how == "odds" else _simple_activity(found, simple, sd, interval))
    return tuple(row)


def sentence(
    track: str,
    unit: str,
    found: Headline,
    motifs: Seq[str],
    row: Seq[Check],
    *,
    explained: bool,
    long: bool,
    kind: str = "scalar",
    sd: float = 1.0,
    interval: Interval | None = None,
    rank: str = "",
) -> tuple[str, str]:
    """The answer in words: what is predicted (bold on screen), and what to make of it.

    Args:
        track: name of the track.
        unit: its unit.
        found: the strongest prediction.
        motifs: one text per named element, e.g. ``resembles CTCF``, strongest first.
        row: the checks.
        explained: whether letters were computed.
        long: whether several windows were asked.
        kind: of the track.
        sd: standard deviation of the track, in its unit.
        interval: where a measurement is expected, or None.
        rank: the percentile in words, where it belongs into the sentence; log odds have it on a line of its own.
    """
    how = reading(unit, kind)
    place = f"{found.start + 1:,}–{found.end:,}" if found.end - found.start > 1 else f"{found.start + 1:,}"
    what = Said(track, unit, found.value, sd, place if long else "", found.total, place, interval, rank)
    first = first_sentence(what, how)
    parts = []
    if explained and (found.value > 0 or how != "odds"):
        parts.append(_elements(motifs))
    concerns = [check.concern for check in row if check.concern]
    if any(check.level == "bad" for check in row):
        advice = "Do not read single letters here" if explained else "Do not rely on this prediction"
        parts.append(f"{advice}: {_listed(concerns)}.")
    elif concerns:
        parts.append(f"Read with care: {_listed(concerns)}.")
    elif explained:
        names = {check.name for check in row}
        compared = [name.lower() for name in ("Strands", "Members") if name in names]
        agreement = f", and {' and '.join(compared)} agree" if compared else ""
        parts.append(f"The contributions add up{agreement}.")
    return first, " ".join(parts)


def correlation(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Pearson's r of two rows; NaN when either is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _adds_up(attribution: Attribution) -> Check:
    sd = attribution.spec.tracks[attribution.spec.track_index(attribution.target.track)].sd
    value = f"gap {attribution.relative_gap:.1%}"
    if attribution.denominator < 0.1 * sd:
        value = f"gap {abs(attribution.gap):.3f}"  # a share of almost nothing says nothing
    if not math.isfinite(attribution.gap):
        value = "no number"
    if attribution.converged:
        return Check("Adds up", "Adds up", value, "good")
    return Check("Adds up", "Does not add up", value, "bad", "the contributions do not add up to the prediction")


def _strands(attribution: Attribution) -> Check:
    start, end = attribution.core
    r = correlation(attribution.strands[0, start:end], attribution.strands[1, start:end])
    if not np.isfinite(r):
        return Check("Strands", "Strands", "no contributions to compare", "caution", "there is nothing to explain")
    level: Level = "good" if r >= STRANDS_GOOD else "caution" if r >= STRANDS_BAD else "bad"
    label = "Strands agree" if level == "good" else "Strands differ"
    return Check(
        "Strands",
        label,
        f"r {r:.2f}".replace("-", "\u2212"),
        level,
        "" if level == "good" else "the two strands disagree",
    )


def _members(found: Headline, sd: float, how: Reading) -> Check:
    value = f"± {signed(found.spread, digits_for(sd))}{' log counts' if how == 'reads' else ''}"
    if how == "odds" and min(found.members) <= 0 < max(found.members):
        return Check(
            "Members", "Members disagree", f"{value}, in sign", "bad", "the networks disagree whether it is bound"
        )
    share = found.spread / sd
    level: Level = "good" if share <= MEMBERS_GOOD else "caution" if share <= MEMBERS_BAD else "bad"
    label = "Members agree" if level == "good" else "Members differ"
    return Check("Members", label, value, level, "" if level == "good" else "the networks differ")


def _like(verdict: Verdict) -> Check:
    """The badge: like, at the edge of or unlike the training data, with the first reason."""
    name = "Like the training data"
    if verdict.standing == "unknown":
        return Check(name, "Like the training data?", "not known for this model", "caution")
    reasons, scope = "; ".join(verdict.reasons[:1]), " and ".join(verdict.scope)
    if verdict.standing == "like":
        value = f"stranger than {percent(verdict.stranger_than)} of them"
        return Check(name, name, scope or value, "caution" if scope else "good", scope)
    unlike = verdict.standing == "unlike"
    label = "Unlike the training data" if unlike else "At the edge of the training data"
    concern = f"this DNA is {label[0].lower()}{label[1:]}" + (f", and {scope}" if scope else "")
    return Check(name, label, reasons, "bad" if unlike else "caution", concern)


def _simple(found: Headline, simple: float) -> Check:
    if not math.isfinite(simple):
        return Check("Simple model", "Simple model", "gave no number", "caution", "the simple model gave no number")
    agree = (simple > 0) == (found.value > 0)
    concern = "" if agree else "the simple model disagrees"
    return Check("Simple model", "Simple model", f"says {signed(simple)}", "good" if agree else "caution", concern)


def _simple_activity(found: Headline, simple: float, sd: float, interval: Interval | None) -> Check:
    """An activity has no sign that means yes or no: the distance counts, in what a measurement may lie off."""
    if not math.isfinite(simple):
        return Check("Simple model", "Simple model", "gave no number", "caution", "the simple model gave no number")
    allowed = SIMPLE_SHARE * sd if interval is None else (interval.high - interval.low) / 2
    agree = abs(simple - found.value) <= allowed
    concern = "" if agree else "the simple model disagrees"
    value = f"says {signed(simple, digits_for(sd))}"
    return Check("Simple model", "Simple model", value, "good" if agree else "caution", concern)


def _unknown(n_share: float) -> Check:
    if n_share == 0:
        return Check("Unknown bases", "Unknown bases", "none", "good")
    if n_share < N_GOOD:
        return Check("Unknown bases", "Unknown bases", f"under {N_GOOD:.1%}", "good")
    level: Level = "caution" if n_share <= N_BAD else "bad"
    return Check(
        "Unknown bases", "Unknown bases", f"{n_share:.1%}", level, f"{n_share:.1%} of the bases are unknown (N)"
    )


def _elements(motifs: Seq[str]) -> str:
    if not motifs:
        return "The letters rest on no element with a known name."
    distinct = list(dict.fromkeys(motifs))
    if len(motifs) == 1:
        return f"The letters rest on one element that {motifs[0]}."
    if len(distinct) == 1:
        return f"The letters rest on {len(motifs)} elements, each of which {motifs[0]}."
    names = [name.removeprefix("resembles ") for name in distinct]
    return f"The letters rest on {len(motifs)} elements that resemble {_listed(names[:4])}."


def _listed(items: Seq[str]) -> str:
    if not items:
        return "the checks above"
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
