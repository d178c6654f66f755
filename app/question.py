"""What is asked on the What if screen, as a value, and the part of the link that carries it. Pure: no Streamlit, no model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args
from urllib.parse import urlencode

from app.view import MAX_SEED, View
from genome.errors import UserError
from interpret.trans import Kind
from interpret.whatif import FEWEST_BACKGROUNDS, FEWEST_SHUFFLES, Scale
from interpret.whatif_stretch import SHORTEST_TILE

ACTS = ("Take out", "Put in", "Move", "Flip")
BACKGROUNDS = {"shuffled": "dinucleotide shuffles", "quiet": "quiet windows nearby"}
KEY = "ask"
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9:._()/ -]{0,79})?")
_PLACE = re.compile(r"[A-Za-z0-9_.:,|*\u2013 -]{0,80}")
_NUMBER = re.compile(r"\d{1,10}")

Form = re.Pattern[str] | tuple[str, ...] | range
_SEED, _MANY, _SCALE = range(MAX_SEED + 1), range(FEWEST_BACKGROUNDS, 1_001), get_args(Scale)
# The fields of each question, and what each may hold: a text of a form, one of some words, or a whole number.
FIELDS: dict[Kind, dict[str, Form]] = {
    "change": {"act": ACTS, "motif": _NAME, "where": _PLACE, "to": _PLACE, "strand": ("+", "-"), "seed": _SEED},
    "pair": {
        "first": _NAME, "second": _NAME, "gap-low": range(501), "gap-high": range(501), "gap-step": range(1, 51),
        "n": _MANY, "seed": _SEED, "scale": _SCALE, "backgrounds": tuple(BACKGROUNDS),
    },
    "tiles": {"tile": range(SHORTEST_TILE, 1_001), "n": range(FEWEST_SHUFFLES, 1_001), "seed": _SEED},
    "everywhere": {
        "motif": _NAME, "strand": ("+", "-"), "n": _MANY, "seed": _SEED, "scale": _SCALE, "backgrounds": tuple(BACKGROUNDS),
    },
    "stretch": {"where": _PLACE, "motif": _NAME, "n": _MANY, "seed": _SEED, "scale": _SCALE},
    "additive": {"n": range(1_000, 30_001), "seed": _SEED, "scale": _SCALE},
}  # fmt: skip
_WORDS = {"n": "number of draws", "where": "position", "to": "position to move to", "tile": "length of a tile"}


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        kind: which of the screen's questions.
        values: what its fields hold, all of them, in the order of ``FIELDS``.
    """

    kind: Kind
    values: tuple[tuple[str, str | int], ...]

    def __post_init__(self) -> None:
        forms = FIELDS[self.kind]
        if [name for name, _ in self.values] != list(forms):
            raise ValueError(f"{self.kind=} has the fields {list(forms)}, and these are {self.values}")
        for name, value in self.values:
            _check(name, value, forms[name])

    def text(self, name: str) -> str:
        """A field that holds words."""
        return str(dict(self.values)[name])

    def number(self, name: str) -> int:
        """A field that holds a whole number."""
        return int(dict(self.values)[name])

    @property
    def scale(self) -> Scale:
        """What effects are counted in."""
        return "amount" if self.text("scale") == "amount" else "explained"

    def to_query(self) -> dict[str, str]:
        """Its part of the link, written in full: a later default never changes an old link."""
        return {KEY: self.kind} | {f"{KEY}.{name}": str(value) for name, value in self.values}

    def link(self, view: View, address: str) -> str:
        """The whole link; ``address`` is where the What if page is served."""
        return f"{address.rstrip('/')}?{urlencode(view.to_query() | self.to_query())}"


def question(kind: Kind, **values: str | int) -> Question:
    """A question from its fields, named as in ``FIELDS`` with ``_`` for ``-``.

    Raises:
        UserError: when a field holds what it cannot.
        ValueError: when a field is missing, or there is one too many.
    """
    given = {
        name.replace("_", "-"): value.strip() if isinstance(value, str) else value for name, value in values.items()
    }
    if set(given) != set(FIELDS[kind]):
        raise ValueError(f"{kind=} has the fields {list(FIELDS[kind])}, and these are {list(given)}")
    return Question(kind, tuple((name, given[name]) for name in FIELDS[kind]))


def asks(query: Mapping[str, str]) -> bool:
    """Whether an address carries a question."""
    return KEY in query


def from_query(query: Mapping[str, str]) -> Question:
    """Reads the question of a link.

    Raises:
        UserError: when it is cut short, unknown, or a field of it holds what it cannot.
    """
    kind = next((kind for kind in FIELDS if kind == query.get(KEY)), None)
    if kind is None:
        raise UserError(f"The question in this link is unknown; it can be {', '.join(FIELDS)}.")
    forms = FIELDS[kind]
    found = {name.removeprefix(f"{KEY}."): value for name, value in query.items() if name.startswith(f"{KEY}.")}
    missing = [name for name in forms if name not in found]
    if missing or len(found) > len(forms):
        reason = f"it lacks {', '.join(missing)}" if missing else "it has fields that this question has not"
        raise UserError(f"The question in this link is damaged: {reason}; ask for the link again.")
    return Question(kind, tuple((name, _read(name, found[name], form)) for name, form in forms.items()))


def _read(name: str, text: str, form: Form) -> str | int:
    if not isinstance(form, range):
        return text
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise _refused(name, form)
    return int(text)


def _check(name: str, value: str | int, form: Form) -> None:
    if isinstance(form, range):
        fits = isinstance(value, int) and value in form
    elif isinstance(form, tuple):
        fits = value in form
    else:
        fits = isinstance(value, str) and form.fullmatch(value) is not None
    if not fits:
        raise _refused(name, form)


def _refused(name: str, form: Form) -> UserError:
    shown = _WORDS.get(name, name.replace("-", " "))
    if isinstance(form, range):
        return UserError(
            f"The {shown} of this question must be a whole number from {form.start:,} to {form.stop - 1:,}."
        )
    if isinstance(form, tuple):
        return UserError(f"The {shown} of this question is unknown; it can be {', '.join(form)}.")
    example = (
        "a factor such as CTCF, or DNA letters"
        if form is _NAME
        else "a position such as 58,420 or a stretch of the locus"
    )
    return UserError(f"The {shown} of this question cannot be read; write {example}.")
