"""What is ordered and why: a plan, its elements in arms, their barcodes. Records only, which turn into JSON and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from experiment.design_layout import LAYOUTS, Layout
from experiment.design_picks import Acquisition, Picks
from experiment.hypothesis import Hypothesis
from genome.errors import UserError

Assay = Literal["MPRA", "CRISPRi"]
Arm = Literal[
    "hypothesis", "saturation", "tiling", "variant", "acquired", "random", "positive control", "negative control"
]
ASSAYS: tuple[Assay, ...] = get_args(Assay)
ARMS: tuple[Arm, ...] = get_args(Arm)
MOST_OLIGOS = 250_000  # the largest pools that are sold
FIRST_LAYOUT = next(iter(LAYOUTS.values()))
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,119}")


@dataclass(frozen=True)
class Costs:
    """What an order costs, by the prices that somebody typed in.

    Attributes:
        per_oligo: of one oligo; 0 with the next one: nobody named prices, and no cost is stated.
        per_replicate: of one replicate of the whole library (cells, reagents, sequencing).
        budget: the most that may be spent; 0 for no bound.
        currency: letters.
    """

    per_oligo: float = 0.0
    per_replicate: float = 0.0
    budget: float = 0.0
    currency: str = "USD"

    def __post_init__(self) -> None:
        if not all(0 <= value <= 1e12 for value in (self.per_oligo, self.per_replicate, self.budget)):
            raise UserError("Prices and the budget are numbers from 0 to 1,000,000,000,000; correct them.")
        if not re.fullmatch(r"[A-Za-z]{1,8}", self.currency):
            raise UserError("Write the currency in letters, such as USD.")
        if self.budget and not self.known:
            raise UserError("A budget bounds nothing without prices: put in what an oligo or a replicate costs.")

    @property
    def known(self) -> bool:
        """Whether somebody named a price."""
        return bool(self.per_oligo or self.per_replicate)

    def total(self, oligos: int, replicates: int) -> float:
        """What so many oligos and replicates cost."""
        return oligos * self.per_oligo + replicates * self.per_replicate

    def check(self, oligos: int, replicates: int, elements: int) -> None:
        """Raises a UserError, with what the budget does pay for, where it is exceeded."""
        total = self.total(oligos, replicates)
        if not self.budget or total <= self.budget:
            return
        rest = self.budget - replicates * self.per_replicate
        paid = int(rest / self.per_oligo) if rest > 0 and self.per_oligo else 0
        each = paid // elements if elements else 0
        pays = f"that pays for {paid:,} oligos" + (
            f", or {each} {'barcode' if each == 1 else 'barcodes'} of each element" if each else ""
        )
        raise UserError(
            f"This design costs {total:,.0f} {self.currency} ({oligos:,} oligos, {replicates} replicates), and the budget is "
            f"{self.budget:,.0f}: {pays if paid else 'that does not pay for the replicates'}; take fewer, or raise the budget."
        )


@dataclass(frozen=True)
class Plan:
    """What is wanted, before any base is read.

    Attributes:
        assay: ``MPRA`` (elements in reporters) or ``CRISPRi`` (guides over elements).
        arms: which arms.
        length: of an element, in bp; of CRISPRi unused.
        layout: of the oligo.
        barcodes: of each element; 0 only where the layout has none.
        replicates: of the whole library; they change the costs and what is written about it, not the oligos.
        motifs: how many of the strongest elements of contributions are broken at each place.
        step: from one tile to the next, in bp.
        deletions: whether saturation also deletes each base.
        random: elements drawn at random; where there are acquired ones, as many as those.
        positive: positive controls that are drawn where none are given.
        negative: negative controls.
        guides: of each place, with CRISPRi.
        leave_out: leave out what cannot be ordered, with its reason, instead of refusing the design.
        seed: of barcodes, shuffles and draws.
        costs: prices and budget.
        picks: what is to be chosen among candidates for the acquired arm; None where its elements are given, or it has none.
    """

    assay: Assay = "MPRA"
    arms: tuple[Arm, ...] = ("hypothesis", "positive control", "negative control")
    length: int = 200
    layout: Layout = FIRST_LAYOUT
    barcodes: int = 10
    replicates: int = 3
    motifs: int = 3
    step: int = 50
    deletions: bool = False
    random: int = 50
    positive: int = 10
    negative: int = 10
    guides: int = 10
    leave_out: bool = False
    seed: int = 0
    costs: Costs = Costs()
    picks: Picks | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(arm for arm in ARMS if arm in self.arms))
        if self.assay not in ASSAYS:
            raise UserError(f"The assay is {' or '.join(ASSAYS)}; choose one of them.")
        if not self.arms:
            raise UserError("Choose at least one arm of the design.")
        for name, (low, high, words) in BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"The {words} must be from {low:,} to {high:,}, and this asks for {value:,}.")
        if self.assay == "MPRA":
            self._check_barcodes()
            self.layout.check_length(self.length)

    def _check_barcodes(self) -> None:
        if self.layout.barcode_length and not self.barcodes:
            raise UserError(
                "Every element needs at least one barcode where the barcode is part of the oligo; choose 1 or more, or the layout whose "
                "barcodes come with the PCR."
            )
        if self.barcodes > 1 and not self.layout.barcode_length:
            raise UserError(
                "This layout has no barcode in the oligo, so each element is one oligo; set the barcodes to 0."
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        picks = asdict(self.picks) if self.picks else None
        if picks and picks["bounds"]:
            picks["bounds"] = list(picks["bounds"])
        return asdict(self) | {"arms": list(self.arms), "layout": self.layout.to_json(), "picks": picks}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Plan:
        """Reads ``to_json``."""
        parts = {
            "layout": Layout.from_json(record["layout"]),
            "costs": Costs(**record["costs"]),
            "arms": tuple(record["arms"]),
            "picks": Picks(**record["picks"]) if record.get("picks") else None,  # designs before picks have none
        }
        return cls(**{**record, **parts})


# Smallest and largest value of the plan's numbers, and what they are called.
BOUNDS: Mapping[str, tuple[int, int, str]] = {
    "length": (10, 480, "length of an element in bp"),
    "barcodes": (0, 1_000, "number of barcodes of each element"),
    "replicates": (1, 100, "number of replicates"),
    "motifs": (1, 20, "number of motifs to break"),
    "step": (1, 10_000, "step between tiles in bp"),
    "random": (0, 100_000, "number of random elements"),
    "positive": (0, 100_000, "number of positive controls"),
    "negative": (0, 100_000, "number of negative controls"),
    "guides": (1, 1_000, "number of guides of each place"),
    "seed": (0, 2**31 - 1, "seed"),
}


@dataclass(frozen=True)
class Element:
    """One construct (MPRA) or one guide (CRISPRi).

    Attributes:
        name: unique within the design; also the start of its oligos' names.
        kind: what it is, in words: ``wild type``, ``motif kill, fewest changes``, ``tile``, ``guide`` and so on.
        arm: the arm that asked for it first.
        bases: ACGT, of the element alone, as it is read 5' to 3' in the oligo.
        locus: where its first base stands, 1-based inclusive text of as many bp; empty for bases that were given.
        edits: the changes to the genome's bases there, each as text, joined by ``; ``; after them the first bases count.
        link: opens it in Cislens.
        hypothesis: the claim that it tests; empty for none.
        strand: of a guide, the strand that it reads as.
        pam: of a guide, the three bases behind it on its own strand.
        beside: name of the element it is compared with (the wild type of a mutant, the other allele); empty for none.
        target: of a guide, the place that it tiles.
        barcodes: its barcodes; a guide is its own.
        score: what a strategy ranked it by; None where it goes by distance, or chose nothing.
    """

    name: str
    kind: str
    arm: Arm
    bases: str
    locus: str = ""
    edits: str = ""
    link: str = ""
    hypothesis: str = ""
    strand: str = "+"
    pam: str = ""
    beside: str = ""
    target: str = ""
    barcodes: tuple[str, ...] = ()
    score: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "barcodes", tuple(self.barcodes))
        if self.arm not in ARMS:
            raise ValueError(f"{self.arm=}")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name=}")

    @property
    def n_oligos(self) -> int:
        """Oligos that carry it."""
        return max(1, len(self.barcodes))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {part.name: getattr(self, part.name) for part in fields(self)} | {"barcodes": list(self.barcodes)}


@dataclass(frozen=True)
class LeftOut:
    """Something that was asked for and is not in the design.

    Attributes:
        name: of the element.
        arm: that asked for it.
        reason: why it is not there, in words that fit behind its name.
    """

    name: str
    arm: Arm
    reason: str


@dataclass(frozen=True)
class Design:
    """A library as it is ordered.

    Attributes:
        name: what somebody called it.
        plan: what was wanted.
        model_id: the model whose contributions and predictions it rests on.
        track: the track of them.
        genome: name of the genome.
        contigs: name and digest of each chromosome that was read.
        elements: in the order of their arms.
        hypotheses: claims with their constructs.
        left_out: what was asked for and cannot be ordered.
        notes: sentences on how the arms were made.
        link: opens the Design page with this question; empty where the question does not fit a link.
        acquisition: how the acquired elements were chosen; None where nothing was chosen here.
    """

    name: str
    plan: Plan
    model_id: str
    track: str
    genome: str
    contigs: tuple[tuple[str, str], ...]
    elements: tuple[Element, ...]
    hypotheses: tuple[Hypothesis, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    link: str = ""
    acquisition: Acquisition | None = None

    @property
    def assay(self) -> Assay:
        """``MPRA`` or ``CRISPRi``."""
        return self.plan.assay

    @property
    def seed(self) -> int:
        """Of barcodes, shuffles and draws."""
        return self.plan.seed

    @property
    def n_oligos(self) -> int:
        """How many oligos are ordered."""
        return sum(element.n_oligos for element in self.elements)

    @property
    def total(self) -> float:
        """What it costs, in the currency of the plan."""
        return self.plan.costs.total(self.n_oligos, self.plan.replicates)

    def by_arm(self) -> dict[Arm, tuple[int, int]]:
        """Elements and oligos of each arm, in the order of ``ARMS``."""
        elements = Counter(element.arm for element in self.elements)
        oligos: Counter[Arm] = Counter()
        for element in self.elements:
            oligos[element.arm] += element.n_oligos
        return {arm: (elements[arm], oligos[arm]) for arm in ARMS if elements[arm]}

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "assay": self.assay,
            "plan": self.plan.to_json(),
            "model_id": self.model_id,
            "track": self.track,
            "genome": self.genome,
            "contigs": [list(pair) for pair in self.contigs],
            "elements": [element.to_json() for element in self.elements],
            "hypotheses": [hypothesis.to_json() for hypothesis in self.hypotheses],
            "left_out": [asdict(one) for one in self.left_out],
            "notes": list(self.notes),
            "link": self.link,
            "acquisition": self.acquisition.to_json() if self.acquisition else None,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Design:
        """Reads ``to_json``; further keys (of a manifest) are left alone.

        Raises:
            ValueError: when it is no design.
        """
        try:
            return cls(
                name=record["name"],
                plan=Plan.from_json(record["plan"]),
                model_id=record["model_id"],
                track=record["track"],
                genome=record["genome"],
                contigs=tuple((chrom, digest) for chrom, digest in record["contigs"]),
                elements=tuple(Element(**one) for one in record["elements"]),
                hypotheses=tuple(Hypothesis.from_json(one) for one in record["hypotheses"]),
                left_out=tuple(LeftOut(**one) for one in record["left_out"]),
                notes=tuple(record["notes"]),
                link=record["link"],
                acquisition=Acquisition(**record["acquisition"]) if record.get("acquisition") else None,
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"no design: {error}") from error

    def with_barcodes(self, barcodes: tuple[tuple[str, ...], ...]) -> Design:
        """The same design with barcodes, one tuple for each element."""
        pairs = zip(self.elements, barcodes, strict=True)
        return replace(self, elements=tuple(replace(element, barcodes=mine) for element, mine in pairs))
