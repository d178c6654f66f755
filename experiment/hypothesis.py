"""A hypothesis that a model makes about one stretch of DNA, and the constructs that can prove it wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal["original", "kill", "shuffle", "move", "spare"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BREAKS: tuple[Kind, ...] = ("kill", "shuffle")  # after which the claimed cause is gone
_LETTERS = frozenset("ACGTN")


@dataclass(frozen=True)
class Intervention:
    """One construct that is measured because of a hypothesis.

    Attributes:
        name: of the construct, unique among those that are measured together.
        kind: ``original``: nothing changed. ``kill``: the claimed bases broken by the fewest changes. ``shuffle``: the claimed
            bases in another order. ``move``: the claimed bases elsewhere in the construct, their old place shuffled.
            ``spare``: as many bases elsewhere shuffled, the claimed ones as they were: what any change does.
        bases: of the whole construct, ACGTN, as the model reads it.
        start: first changed base, 0-based in ``bases``; for the original, of the claimed stretch.
        end: one past the last.
        predicted: what the model says of it minus what it says of the original, in the unit of the hypothesis.
    """

    name: str
    kind: Kind
    bases: str
    start: int
    end: int
    predicted: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind=}")
        if not self.bases or not set(self.bases) <= _LETTERS:
            raise ValueError(f"{self.name}: bases must be ACGTN, in upper case")
        if not 0 <= self.start < self.end <= len(self.bases):
            raise ValueError(f"{self.start=}, {self.end=}, {len(self.bases)=}")


@dataclass(frozen=True)
class Hypothesis:
    """What a model claims to drive a stretch of DNA, stated so that a measurement can refute it.

    Attributes:
        link: opens the place and the model in Cislens; the address after the ``?``.
        claim: one sentence for people, such as "CTCF at sb1:58,401-58,419 drives activity here".
        model_id: the model whose claim it is.
        track: name of the track.
        predicted: what breaking the claimed bases does by the model: broken minus original. Negative where they drive it up.
        low: lower end of the model's interval of that effect; equal to ``predicted`` where it gives none.
        high: upper end.
        unit: of these three, as on the track's axis.
        interventions: the constructs, exactly one of them the original.
    """

    link: str
    claim: str
    model_id: str
    track: str
    predicted: float
    low: float
    high: float
    unit: str
    interventions: tuple[Intervention, ...]

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.predicted, self.low, self.high))) or not self.low <= self.high:
            raise ValueError(f"{self.predicted=}, {self.low=}, {self.high=}")
        if [one.kind for one in self.interventions].count("original") != 1:
            raise ValueError("a hypothesis needs exactly one original construct")
        if not self.named(*BREAKS):
            raise ValueError("a hypothesis needs a construct in which the claimed bases are broken")
        if len({one.name for one in self.interventions}) != len(self.interventions):
            raise ValueError("constructs need names of their own")

    @property
    def original(self) -> Intervention:
        """The construct in which nothing is changed."""
        return self.named("original")[0]

    def named(self, *kinds: Kind) -> tuple[Intervention, ...]:
        """The constructs of some kinds."""
        return tuple(one for one in self.interventions if one.kind in kinds)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"interventions": [asdict(one) for one in self.interventions]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Hypothesis:
        """Back from plain values.

        Raises:
            ValueError: when they are no hypothesis.
        """
        try:
            made = tuple(Intervention(**one) for one in content["interventions"])
            return cls(**{**content, "interventions": made})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no hypothesis: {error}") from error
