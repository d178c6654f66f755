"""May the effect of a change be believed? The checks of both alleles as one row, and one plain sentence on the pair."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from interpret.background import TINY
from interpret.checks import HOW, Check, Level
from interpret.effects import Effect
from interpret.trust import PREDICTION
from interpret.wording import LOG_ODDS, WEAK, digits_for, signed
from models.core import ModelSpec

ALLELES = ("REF", "ALT")
# What an effect stands on. Networks that differ about the level of one allele may well agree about the difference, which is
# what "Direction" asks; so "Members" of an allele is a caution here.
DOUBTFUL = PREDICTION - {"Members"}
_ORDER: tuple[Level, ...] = ("bad", "caution", "open", "good")
PAIR_HOW = {
    "Direction": (
        "Every network of the model gives its own effect of the change. The direction is good when all of them have one sign, "
        "bad otherwise; ± is the standard deviation between them. One network alone cannot be checked so."
    ),
    "Placement": (
        "The effect is the mean over windows moved by up to a quarter of their length. It is good when the effect has one sign "
        "in all of them, a caution otherwise: then the answer depends on what else the window holds."
    ),
    "Size": (
        f"The effect in standard deviations of the track on held-out data. Under {TINY} it is called tiny, a caution: the "
        "model cannot tell such differences apart."
    ),
} | HOW


def pair_checks(
    effect: Effect, index: int, sd: float, n_members: int, rows: tuple[Seq[Check], Seq[Check]]
) -> tuple[Check, ...]:
    """The trust strip of a pair: what speaks for the effect itself, then each check of the alleles, the worse one's colour.

    Args:
        effect: the effect, over the placements.
        index: of the track.
        sd: standard deviation of the track, in its unit.
        n_members: networks of the model.
        rows: the checks of REF and of ALT.
    """
    delta, digits = float(effect.delta[index]), digits_for(sd) + 1
    row = []
    if n_members > 1:
        spread = f"± {float(effect.spread[index]):.{digits}f}"
        row.append(
            Check("Direction", "Networks agree", spread, "good")
            if effect.signs_agree[index]
            else Check(
                "Direction", "Networks disagree", f"{spread}, in sign", "bad", "the networks disagree about its sign"
            )
        )
    low, high = float(effect.low[index]), float(effect.high[index])
    span = f"{signed(low, digits)} to {signed(high, digits)}"
    row.append(
        Check("Placement", "Placement", span, "caution", "its sign depends on where the window lies")
        if low < 0 < high
        else Check("Placement", "Placement", span, "good")
    )
    size = abs(delta) / sd
    row.append(
        Check("Size", "Tiny", f"{size:.2f} sd", "caution", "it is tiny for this track")
        if size < TINY
        else Check("Size", "Size", f"{size:.1f} sd", "good")
    )
    names = list(dict.fromkeys(check.name for checks in rows for check in checks))
    return (*row, *(_both(name, rows) for name in names))


def _both(name: str, rows: tuple[Seq[Check], Seq[Check]]) -> Check:
    """One check of two alleles: the worse one's colour and words, both values, and which of them fails."""
    found = [(allele, check) for allele, row in zip(ALLELES, rows, strict=True) for check in row if check.name == name]
    _, worst = min(found, key=lambda pair: _ORDER.index(pair[1].level))
    values = list(dict.fromkeys(check.value for _, check in found))
    value = values[0] if len(values) == 1 else " · ".join(f"{allele} {check.value}" for allele, check in found)
    concerns: dict[str, list[str]] = {}
    for allele, check in found:
        if check.concern:
            concerns.setdefault(check.concern, []).append(allele)
    concern = "; ".join(f"{_of(alleles)} {words}" for words, alleles in concerns.items())
    details = "; ".join(f"{allele}: {check.detail}" for allele, check in found if check.detail)
    return Check(name, worst.label, value, worst.level, concern, details)


def _of(alleles: Seq[str]) -> str:
    return "with either allele" if len(alleles) == len(ALLELES) else f"with {alleles[0]}"


@dataclass(frozen=True)
class PairFacts:
    """What the rules look at: the row of ``pair_checks``."""

    row: tuple[Check, ...]

    def level(self, name: str) -> Level | None:
        """The level of a check; None where it was not made."""
        return next((check.level for check in self.row if check.name == name), None)

    @property
    def bad(self) -> frozenset[str]:
        """Names of the checks that are bad."""
        return frozenset(check.name for check in self.row if check.level == "bad")

    def concerns(self, names: frozenset[str] | None = None) -> str:
        """What is to be said against the answer, as the end of a sentence."""
        told = [check.concern for check in self.row if check.concern and (names is None or check.name in names)]
        return "; ".join(told)


@dataclass(frozen=True)
class PairRule:
    """One line of the table: when it applies, and what it says; ``{concerns}`` is filled in."""

    name: str
    when: Callable[[PairFacts], bool]
    says: str


RULES: tuple[PairRule, ...] = (
    PairRule("no direction", lambda f: f.level("Direction") == "bad", "Do not read a direction: {concerns}."),
    PairRule("an allele is in doubt", lambda f: bool(f.bad & DOUBTFUL), "Do not rely on this effect: {concerns}."),
    PairRule(
        "tiny", lambda f: f.level("Size") == "caution", "Read it as no effect that this model can tell: {concerns}."
    ),
    PairRule("placement", lambda f: f.level("Placement") == "caution", "Do not read a direction: {concerns}."),
    PairRule(
        "the letters are in doubt", lambda f: bool(f.bad - {"Members"}), "Do not read single letters here: {concerns}."
    ),
    PairRule("a caution", lambda f: bool(f.concerns()), "Read with care: {concerns}."),
    PairRule(
        "good, several networks",
        lambda f: f.level("Direction") == "good",
        "The networks and the placements agree on the direction, and both alleles pass the checks.",
    ),
    PairRule("good", lambda f: not f.bad, "The placements agree on the direction, and both alleles pass the checks."),
)


def pair_rule(row: Seq[Check]) -> PairRule:
    """The first rule that applies."""
    facts = PairFacts(tuple(row))
    return next(rule for rule in RULES if rule.when(facts))


def pair_sentence(
    what: str, spec: ModelSpec, effect: Effect, index: int, row: Seq[Check], motif: str = "", *, name: str = ""
) -> tuple[str, str]:
    """The answer in words: what the change does on a track (bold on screen), and whether to believe it.

    Args:
        what: the change, e.g. ``C>T at chr22:19,710,933``.
        spec: the model.
        effect: the effect, over the placements.
        index: of the track.
        row: the row of ``pair_checks``.
        motif: a sentence on the motif that is made or broken, or empty.
        name: what the track is called here, where that is not its name.
    """
    track = spec.tracks[index]
    unit, digits = track.target.unit(spec), digits_for(track.sd) + 1
    before, after, delta = (float(values[index]) for values in (effect.before, effect.after, effect.delta))
    levels = f"{signed(before, digits)} → {signed(after, digits)} {unit}"
    between = f" ± {float(effect.spread[index]):.{digits}f} between networks" if spec.n_members > 1 else ""
    plus = "+" if delta > 0 else ""
    verb = _verb(before, after, delta, track.unit, track.sd)
    first = f"{what} {verb.format(track=name or track.name)}: {levels}, effect {plus}{signed(delta, digits)}{between}."
    said = pair_rule(row).says.format(concerns=_concerns(row))
    return first, f"{motif} {said}".strip()


def _concerns(row: Seq[Check]) -> str:
    facts = PairFacts(tuple(row))
    rule = pair_rule(row)
    named = {"no direction": {"Direction"}, "tiny": {"Size"}, "placement": {"Placement"}}.get(rule.name)
    if rule.name == "an allele is in doubt":
        named = set(facts.bad & DOUBTFUL)
    return facts.concerns(None if named is None else frozenset(named))


def _verb(before: float, after: float, delta: float, unit: str, sd: float) -> str:
    """What the change does, with the track's name to be filled in."""
    if delta == 0:
        return "does nothing to {track}"
    if abs(delta) < TINY * sd:
        return "hardly changes {track}"
    if unit == LOG_ODDS and before >= WEAK and after <= 0:
        return "takes away the predicted {track}"
    if unit == LOG_ODDS and before <= 0 and after >= WEAK:
        return "creates predicted {track}"
    return "raises {track}" if delta > 0 else "lowers {track}"
