"""What a measurement says of a hypothesis: supported, refuted, or undecided, and by which statistic.

The rule, stated before anything is measured:

- The effect is the mean of the constructs in which the claimed bases are broken, minus the mean of the original and of those
  in which as many bases elsewhere were shuffled (the spare controls). Where the spare controls themselves differ from the original by an
  effect of at least the smallest one of interest (99.9 % interval), the original alone is compared with.
- **supported**: the 95 % interval of the effect excludes 0 on the side that was claimed, and the effect is at least the
  smallest one of interest.
- **refuted**: two one-sided tests at 5 % say that it lies between minus and plus the smallest effect of interest (the 90 %
  interval does), or the 95 % interval excludes 0 on the other side.
- **undecided**: neither. More replicates or barcodes would tell.

Replicates that read everything higher are brought back first; the variance of each construct is drawn towards the usual one of
the experiment (``experiment.verdict_noise``); degrees of freedom by Satterthwaite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from experiment.hypothesis import BREAKS, Hypothesis, Intervention
from experiment.measurements import Measurements
from experiment.verdict_noise import Construct, constructs_of

Word = Literal["supported", "refuted", "undecided"]

SMALLEST = 0.5  # log2; a change by 1.4 times. State another one before the measurement, not after it
REFUTED_WEIGHT = 3.0
_LEVEL = 0.95
_EQUIVALENCE = 0.90  # both one-sided tests at 5 %
_SPARE_LEVEL = 0.999  # a choice made by looking at the data costs coverage: it is made seldom


@dataclass(frozen=True)
class Contrast:
    """A difference of means of constructs.

    Attributes:
        value: the difference, in the unit of the measurements.
        error: its standard error.
        freedom: degrees of freedom.
    """

    value: float
    error: float
    freedom: float

    def interval(self, confidence: float = _LEVEL) -> tuple[float, float]:
        """Ends between which the true difference lies, by Student's t."""
        from scipy.stats import t

        half = float(t.ppf(0.5 + confidence / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    def p_value(self) -> float:
        """Chance of a difference as large, either way, if there were none."""
        from scipy.stats import t

        return float(2 * t.sf(abs(self.value) / self.error, self.freedom))

    def p_equivalence(self, smallest: float) -> float:
        """Of the two one-sided tests that it lies within plus and minus ``smallest``: the larger."""
        from scipy.stats import t

        below, above = (self.value + smallest) / self.error, (smallest - self.value) / self.error
        return float(max(t.sf(below, self.freedom), t.sf(above, self.freedom)))


@dataclass(frozen=True)
class Verdict:
    """What was measured of a hypothesis.

    Attributes:
        hypothesis: it.
        word: the verdict.
        effect: broken minus not broken, measured; None where the constructs were not measured.
        spare: spare controls minus the original; None without them.
        moved: the claimed bases elsewhere, minus not broken; None where that was not measured.
        smallest: the smallest effect of interest, in the unit of the measurements.
        n: replicates of the construct that has fewest; 0 where nothing was measured.
        reason: one sentence for people.
    """

    hypothesis: Hypothesis
    word: Word
    effect: Contrast | None
    spare: Contrast | None
    moved: Contrast | None
    smallest: float
    n: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As plain values, with the interval and both p-values."""
        told = {
            "claim": self.hypothesis.claim,
            "link": self.hypothesis.link,
            "verdict": self.word,
            "reason": self.reason,
        }
        numbers: dict[str, Any] = {
            "predicted": self.hypothesis.predicted,
            "smallest": self.smallest,
            "replicates": self.n,
        }
        if self.effect is not None:
            low, high = self.effect.interval()
            p_values = {"p": self.effect.p_value(), "p_equivalence": self.effect.p_equivalence(self.smallest)}
            numbers |= {"effect": self.effect.value, "low": low, "high": high} | p_values
        parts = {"spare": self.spare, "moved": self.moved}
        return told | numbers | {name: asdict(part) for name, part in parts.items() if part is not None}


def verdicts(
    hypotheses: Iterable[Hypothesis], measured: Measurements, *, smallest: float = SMALLEST
) -> tuple[Verdict, ...]:
    """A verdict on each hypothesis, in order.

    Args:
        hypotheses: with the names of their constructs.
        measured: an MPRA in which constructs go by these names.
        smallest: the smallest effect of interest, above 0, in the unit of ``measured``.
    """
    if not smallest > 0:
        raise ValueError(f"{smallest=}")
    values: dict[str, dict[str, float]] = {}
    for row in measured.rows:
        values.setdefault(row.name, {})[row.replicate] = row.value
    found, _ = constructs_of(values)
    return tuple(_verdict(one, found, smallest) for one in hypotheses)


def row_weights(
    found: Iterable[Verdict], names: Sequence[str], *, refuted: float = REFUTED_WEIGHT
) -> npt.NDArray[np.float32]:
    """How much each measured construct counts in the next round of training: (names,), 1 but for those of refuted hypotheses.

    A construct that shows the model to be wrong about a cause teaches more than one that shows it right.
    """
    heavy = {part.name for one in found if one.word == "refuted" for part in one.hypothesis.interventions}
    return np.array([refuted if name in heavy else 1.0 for name in names], np.float32)


def _verdict(one: Hypothesis, found: Mapping[str, Construct], smallest: float) -> Verdict:
    original, spares, moves = one.named("original"), _known(one.named("spare"), found), _known(one.named("move"), found)
    breaks, known = _known(one.named(*BREAKS), found), _known(original, found)
    if not breaks or not known:
        lacking = "the original" if not known else "no construct in which the claimed bases are broken"
        said = f"{lacking} was measured" if known else f"{lacking} was not measured"
        return Verdict(one, "undecided", None, None, None, smallest, 0, f"Undecided: {said}.")
    n = min(part.n for part in (*breaks, *known, *spares))
    spare = _contrast(spares, known) if spares else None
    unlike = spare is not None and _is_clear(spare, _SPARE_LEVEL) and abs(spare.value) >= smallest
    against = known if unlike else [*known, *spares]
    effect = _contrast(breaks, against)
    moved = _contrast(moves, against) if moves else None
    if effect is None:
        reason = "Undecided: without replicates nothing is known of the noise."
        return Verdict(one, "undecided", None, None, None, smallest, n, reason)
    word, reason = _judged(one, effect, smallest)
    if unlike:
        reason += " Shuffling bases elsewhere changes the activity too, so the original alone was compared with."
    return Verdict(one, word, effect, spare, moved, smallest, n, reason)


def _judged(one: Hypothesis, effect: Contrast, smallest: float) -> tuple[Word, str]:
    """The verdict and one sentence on it."""
    side = math.copysign(1.0, one.predicted)
    low, high = effect.interval()
    near = max(map(abs, effect.interval(_EQUIVALENCE))) < smallest
    clear, as_claimed = _is_clear(effect), effect.value * side > 0
    shown = f"{effect.value:+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "\u2212")
    if near:
        words = "smaller than what counts" if clear else "no effect that counts"
        return "refuted", f"Refuted: {words}, {shown}."
    if clear and not as_claimed:
        return "refuted", f"Refuted: breaking it does the opposite of what was claimed, {shown}."
    if clear and abs(effect.value) >= smallest:
        return "supported", f"Supported: breaking it changes the activity as claimed, {shown}."
    return "undecided", f"Undecided: the measurement leaves both open, {shown}; more replicates or barcodes would tell."


def _known(parts: Iterable[Intervention], found: Mapping[str, Construct]) -> list[Construct]:
    return [found[part.name] for part in parts if part.name in found]


def _is_clear(effect: Contrast, confidence: float = _LEVEL) -> bool:
    low, high = effect.interval(confidence)
    return low > 0 or high < 0


def _contrast(some: Sequence[Construct], others: Sequence[Construct]) -> Contrast | None:
    """Mean of some constructs minus mean of others; None where nothing is known of their noise."""
    shares = [(part, 1 / len(group) ** 2) for group in (some, others) for part in group]
    parts = [(share * part.variance / part.n, part.freedom) for part, share in shares]
    total = sum(variance for variance, _ in parts)
    if not total > 0:  # not a number where nothing is known
        return None
    freedom = total**2 / sum(variance**2 / freedom for variance, freedom in parts)
    value = float(np.mean([part.mean for part in some]) - np.mean([part.mean for part in others]))
    return Contrast(value, math.sqrt(total), freedom)
