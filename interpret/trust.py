"""One plain sentence that draws the conclusion: which words follow from which checks stands in one table, ``RULES``."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from interpret.checks import Check
from interpret.headline import Headline
from interpret.wording import Interval, Said, first_sentence, reading

PREDICTION = frozenset({"Members", "Unknown bases", "Like the training data"})  # checks that the prediction stands on


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    Attributes:
        row: the checks.
        explained: whether letters were computed.
        elements: what the letters rest on, in words; empty where that is not said.
        unknown: whether every base is unknown.
    """

    row: tuple[Check, ...]
    explained: bool
    elements: str = ""
    unknown: bool = False

    def named(self, level: str) -> frozenset[str]:
        """The names of the checks of one level."""
        return frozenset(check.name for check in self.row if check.level == level)

    @property
    def good(self) -> frozenset[str]:
        """The checks that are good."""
        return self.named("good")

    @property
    def bad(self) -> frozenset[str]:
        """The checks that are bad."""
        return self.named("bad")

    @property
    def concerns(self) -> tuple[str, ...]:
        """What is to be said against the answer, in the order of the checks."""
        return tuple(check.concern for check in self.row if check.concern)

    @property
    def nothing(self) -> bool:
        """Whether the deletion test found nothing to explain."""
        return any(check.name == "Deletion" and check.value == NOTHING for check in self.row)

    @property
    def agreeing(self) -> str:
        """Which of strands and members agree, as the end of a sentence; empty where there is one of each."""
        names = [name.lower() for name in ("Strands", "Members") if name in self.good]
        return f"{' and '.join(names)} agree" if names else ""


@dataclass(frozen=True)
class Rule:
    """One line of the table.

    Attributes:
        name: what it is about.
        when: whether it applies; the first rule that does has the word.
        says: the sentence, in which ``{concerns}`` and ``{agreeing}`` are filled in. It follows the sentence on what the
            letters rest on; beginning with a semicolon, it goes on with it.
    """

    name: str
    when: Callable[[Facts], bool]
    says: str


NOTHING = "nothing to explain"  # what the Deletion check says there
LIKE = "Like the training data"

RULES: tuple[Rule, ...] = (
    # name                        when                                                        says
    Rule("every base unknown", lambda f: f.unknown, "Look at another place, or paste the bases."),
    Rule("no letters, a check is bad", lambda f: bool(f.bad) and not f.explained, "Do not rely on this prediction: {concerns}."),
    Rule(
        "the prediction is in doubt",
        lambda f: bool(f.bad & PREDICTION),
        "Do not read single letters here, nor rely on the prediction: {concerns}.",
    ),
    Rule("the letters are in doubt", lambda f: bool(f.bad), "Do not read single letters here: {concerns}."),
    Rule("a caution", lambda f: bool(f.concerns), "Read with care: {concerns}."),
    Rule("no letters, no concern", lambda f: not f.explained, ""),
    Rule(
        "nothing to explain",
        lambda f: f.nothing,
        "There is little for the letters to explain: shuffled, this DNA is predicted about the same.",
    ),
    Rule(
        "methods agree, like training",
        lambda f: {"Methods", LIKE} <= f.good,
        "; methods agree; the sequence is like the training data.",
    ),
    Rule("methods agree", lambda f: "Methods" in f.good, "; methods agree."),
    Rule(
        "adds up, strands or members agree",
        lambda f: "Adds up" in f.good and bool(f.agreeing),
        "The contributions add up, and {agreeing}.",
    ),
    Rule("adds up", lambda f: "Adds up" in f.good, "The contributions add up."),
    Rule("strands or members agree", lambda f: bool(f.agreeing), "; {agreeing}."),
    Rule("nothing to add", lambda f: f.explained, ""),
)  # fmt: skip


def rule_for(facts: Facts) -> Rule:
    """The first rule that applies."""
    return next(rule for rule in RULES if rule.when(facts))


def conclusion(facts: Facts) -> str:
    """What to make of an answer, in a sentence or two."""
    words = rule_for(facts).says.format(concerns=_listed(facts.concerns), agreeing=facts.agreeing)
    if not words.startswith(";"):
        return f"{facts.elements} {words}".strip()
    if facts.elements:
        return facts.elements.rstrip(".") + words
    rest = words.lstrip("; ")
    return rest[:1].upper() + rest[1:]


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
    unknown: bool = False,
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
        unknown: whether every base is unknown.
    """
    how = reading(unit, kind)
    place = f"{found.start + 1:,}–{found.end:,}" if found.end - found.start > 1 else f"{found.start + 1:,}"
    what = Said(track, unit, found.value, sd, place if long else "", found.total, place, interval, rank)
    first = "Nothing can be said here: every base is unknown (N)." if unknown else first_sentence(what, how)
    elements = _elements(motifs) if explained and not unknown and (found.value > 0 or how != "odds") else ""
    return first, conclusion(Facts(tuple(row), explained, elements, unknown))


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
