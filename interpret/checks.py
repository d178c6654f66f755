"""May this answer be believed? One check per question, each with its rule, its words and its colour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from interpret.agreement import Agreement
from interpret.attribution import Attribution
from interpret.faithfulness import LEAST, MOST_N, TOP, Deletion, Untested
from interpret.headline import Headline
from interpret.references import N_SHUFFLES
from interpret.wording import SIMPLE_SHARE, Interval, Reading, digits_for, signed
from models.shift import Verdict, percent

Level = Literal["good", "caution", "bad", "open"]  # open: not answered, which is neither praise nor blame

# The rules, in one table: name, what is good, what is bad, and how it is computed, for the "How?" panel.
METHODS_GOOD, METHODS_BAD = 0.75, 0.25  # Spearman
STRANDS_GOOD, STRANDS_BAD = 0.8, 0.5
MEMBERS_GOOD, MEMBERS_BAD = 0.25, 0.75  # spread between members, in standard deviations of the track
LETTERS_GOOD, LETTERS_BAD = 0.5, 1.0  # spread between members of the strongest contributions, as a share of them
STRONGEST = 10
DELETION_GOOD, DELETION_BAD = 2.0, 1.0  # cost of the strongest bases over that of others
DELETION_BEATEN = 0.95  # share of the draws of others that must cost less
MOST_RATIO = 50.0  # a larger one is only said to be larger: it divides by almost nothing
N_BAD = 0.10
N_GOOD = 0.001
HOW = {
    "Adds up": (
        "The contributions of all bases should sum to the prediction minus the prediction of the reference. The gap is "
        "what is left over. It is good when every window leaves at most 1 % of that difference plus 0.001 standard "
        "deviations of the track (integrated gradients: Sundararajan, Taly and Yan 2017). A method that does not promise "
        "to add up has no such check."
    ),
    "Methods": (
        "Other methods of attribution are asked about the same locus, with the same reference where they know it, if they cover this "
        "network and take no more than about a second. The number is Spearman's rank correlation of the contributions "
        f"of all bases with those shown, the median over the methods: good from {METHODS_GOOD}, bad below {METHODS_BAD}. "
        "Between integrated gradients and gradient x input it is 0.89 in the median CTCF peak that was not trained "
        "on, and 97 % of the peaks reach 0.75; below 0.25 it is hardly more than chance over 100 bases. Bases are marked "
        "where a contribution among the strongest tenth in one method has the other sign, or is among the weaker half, in "
        "most of the others."
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
    "Letters": (
        f"The {STRONGEST} strongest contributions and how far the networks differ about each (standard deviation between "
        f"them). The number is the median of that as a share of the contribution: good up to {LETTERS_GOOD}, bad above "
        f"{LETTERS_BAD}, where a letter is smaller than its own uncertainty."
    ),
    "Deletion": (
        f"The {TOP} bases that count most for the prediction are replaced by what stands at their places in {N_SHUFFLES} "
        "dinucleotide-preserving shuffles of the window, and so are as many other bases, drawn anew for each shuffle, of "
        "the same letters and about as far from the window's centre. The number says how many times as much the strongest "
        f"cost: good from {DELETION_GOOD:g} when at least {DELETION_BEATEN:.0%} of the draws cost less, bad up to "
        f"{DELETION_BAD:g}. Of 196 CTCF peaks that were not trained on 99 % pass (median 8.6); with their contributions "
        f"put in random order 3 % do. It is not tested above {MOST_N:.0%} N, nor where the prediction differs from that of "
        f"the shuffles by less than {LEAST} standard deviations of the track: there is nothing to explain."
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
QUIET = ("Letters", "Unknown bases")  # not drawn in the strip while they are good


@dataclass(frozen=True)
class Check:
    """One chip of the trust strip.

    Attributes:
        name: key of HOW.
        label: what stands in bold.
        value: what stands beside it.
        level: its colour.
        concern: words for the sentence when it is not good.
        detail: the whole of it in a sentence, where the value is short.
    """

    name: str
    label: str
    value: str
    level: Level
    concern: str = ""
    detail: str = ""


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
    agreement: Agreement | None = None,
    deletion: Deletion | Untested | None = None,
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
        agreement: how other methods rank the bases, or None where nobody asked.
        deletion: what the strongest bases cost, why that was not tested, or None where nobody asked.
    """
    row = []
    if attribution is not None:
        if attribution.converged is not None:
            row.append(_adds_up(attribution))
        if agreement is not None:
            row.append(_methods(agreement))
        if len(attribution.strands) == 2:
            row.append(_strands(attribution))
    if len(found.members) > 1:
        row.append(_members(found, sd, how))
    if attribution is not None:
        if len(attribution.members) > 1:
            row.append(_letters(attribution))
        if deletion is not None:
            row.append(_deletion(deletion, attribution.unit))
    row.append(_unknown(n_share))
    if like is not None:
        row.append(_like(like))
    if simple is not None and how != "reads":
        row.append(_simple(found, simple) if how == "odds" else _simple_activity(found, simple, sd, interval))
    return tuple(row)


def strip(row: tuple[Check, ...]) -> tuple[Check, ...]:
    """The checks that are drawn in the strip: all but those that say nothing while they are good."""
    return tuple(check for check in row if check.level != "good" or check.name not in QUIET)


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


def _methods(agreement: Agreement) -> Check:
    """Rank correlation with the other methods, and at how many bases they disagree."""
    r, count = agreement.correlation, len(agreement.places)
    told = [f"{other.method} {_two(other.correlation)}" for other in agreement.others]
    told += [f"{method} not compared: {reason}" for method, reason in agreement.left_out]
    detail = "; ".join(told)
    if not agreement.others:
        return Check("Methods", "Methods", "not compared", "open", detail=detail)
    if not math.isfinite(r):
        words = "no contributions to compare"
        return Check("Methods", "Methods", words, "caution", "there is nothing to explain", detail)
    if r >= METHODS_GOOD:
        return Check("Methods", "Methods agree", _two(r), "good", detail=detail)
    at = f" at {count} base{'s' if count > 1 else ''}" if count else " about the order of the bases"
    level: Level = "caution" if r >= METHODS_BAD else "bad"
    return Check("Methods", "Methods differ", _two(r), level, f"the methods disagree{at}", detail)


def _strands(attribution: Attribution) -> Check:
    start, end = attribution.core
    r = correlation(attribution.strands[0, start:end], attribution.strands[1, start:end])
    if not np.isfinite(r):
        return Check("Strands", "Strands", "no contributions to compare", "caution", "there is nothing to explain")
    level: Level = "good" if r >= STRANDS_GOOD else "caution" if r >= STRANDS_BAD else "bad"
    label = "Strands agree" if level == "good" else "Strands differ"
    return Check("Strands", label, _two(r), level, "" if level == "good" else "the two strands disagree")


def _members(found: Headline, sd: float, how: Reading) -> Check:
    value = f"± {signed(found.spread, digits_for(sd))}{' log counts' if how == 'reads' else ''}"
    if how == "odds" and min(found.members) <= 0 < max(found.members):
        return Check(
            "Members", "Members disagree", f"{value}, in sign", "bad", "the networks disagree whether it is bound"
        )
    share = found.spread / sd
    level: Level = "good" if share <= MEMBERS_GOOD else "caution" if share <= MEMBERS_BAD else "bad"
    label = "Members" if level == "good" else "Members differ"
    return Check("Members", label, value, level, "" if level == "good" else "the networks differ")


def _letters(attribution: Attribution) -> Check:
    """The spread between members of the strongest letters, as a share of them."""
    part = slice(*attribution.core)
    sizes, spread = np.abs(attribution.values[part]), attribution.spread[part]
    strongest = np.argsort(-sizes, kind="stable")[:STRONGEST]
    if not sizes[strongest].all():
        return Check("Letters", "Letters", "none to speak of", "open")
    share = float(np.median(spread[strongest] / sizes[strongest]))
    level: Level = "good" if share <= LETTERS_GOOD else "caution" if share <= LETTERS_BAD else "bad"
    concern = "" if level == "good" else "the networks differ about the strongest letters"
    label = "Letters" if level == "good" else "Letters differ"
    return Check("Letters", label, f"± {share:.0%}", level, concern)


def _deletion(found: Deletion | Untested, unit: str) -> Check:
    """How many times as much the strongest bases cost as others like them."""
    if isinstance(found, Untested):
        return Check("Deletion", "Deletion", found.short, "open", detail=found.why)
    count, verb = len(found.places), "highest" if found.sign > 0 else "lowest"
    times = f"{found.ratio:.0f}" if found.ratio >= 10 else f"{found.ratio:.1f}"
    value = f"over {MOST_RATIO:.0f}x random" if found.ratio > MOST_RATIO else f"{times}x random"
    detail = (
        f"deleting the {count} {verb} bases costs {signed(float(found.costs.mean()), 2)} {unit}, {count} others like them "
        f"{signed(float(found.others.mean()), 2)} (standard deviation {found.others.std(ddof=1):.2f} over "
        f"{len(found.others)} draws, distances within {found.tolerance} bp)"
    )
    if found.ratio >= DELETION_GOOD and found.beaten >= DELETION_BEATEN:
        return Check("Deletion", "Deletion", value, "good", detail=detail)
    if found.ratio > DELETION_BAD:
        return Check(
            "Deletion",
            "Deletion",
            value,
            "caution",
            "deleting the strongest bases costs little more than others",
            detail,
        )
    return Check("Deletion", "Deletion", value, "bad", "deleting the strongest bases costs no more than others", detail)


def _like(verdict: Verdict) -> Check:
    """The badge: like, at the edge of or unlike the training data, with the first reason."""
    name = "Like the training data"
    if verdict.standing == "unknown":
        return Check(name, "Like training?", "not known", "caution", detail="not known for this model")
    reasons, scope = "; ".join(verdict.reasons[:1]), " and ".join(verdict.scope)
    if verdict.standing == "like":
        detail = f"stranger than {percent(verdict.stranger_than)} of the training sequences"
        return Check(name, "Like training", scope or "yes", "caution" if scope else "good", scope, detail)
    unlike = verdict.standing == "unlike"
    label, words = ("Unlike training", "unlike") if unlike else ("At the edge of training", "at the edge of")
    concern = f"this DNA is {words} the training data" + (f", and {scope}" if scope else "")
    return Check(name, label, reasons, "bad" if unlike else "caution", concern, "; ".join(verdict.reasons))


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


def _two(value: float) -> str:
    """Two digits with a real minus; words where there is no number."""
    return f"{value:.2f}".replace("-", "\u2212") if math.isfinite(value) else "no number"
