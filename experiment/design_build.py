"""From constructs to a library: what several arms ask for once, what cannot be ordered with its reason, barcodes, the budget."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from typing import Any

from experiment.barcodes import assigned
from experiment.design import ARMS, MOST_OLIGOS, Arm, Design, Element, LeftOut
from experiment.design_check import check
from experiment.design_constructs import Bench, Made
from experiment.design_mutants import Mutant
from experiment.hypothesis import BREAKS, Hypothesis, Intervention
from genome.errors import UserError

_SHOWN = 3


@dataclass(frozen=True)
class Accepted:
    """What can be ordered.

    Attributes:
        elements: each construct once, in the order given.
        left_out: the others, with their reasons.
        shared: constructs that more than one arm asked for.
    """

    elements: tuple[Element, ...]
    left_out: tuple[LeftOut, ...]
    shared: int = 0

    @property
    def bases(self) -> set[str]:
        """The bases of all elements."""
        return {element.bases for element in self.elements}


def accepted(bench: Bench, made: Iterable[Made]) -> Accepted:
    """Sorts constructs into those that can be ordered and those that cannot.

    A construct that several arms ask for, or one arm twice at the same place, is ordered once, under its first name. Equal bases
    of two places in one arm cannot be told apart in the assay, so the second is left out. What is of use only beside an element
    that is left out (a mutant without its wild type, an allele without the other) is left out too.
    """
    made = list(made)
    elements = [one for one in made if isinstance(one, Element)]
    reasons = {index: why for index, one in enumerate(elements) if (why := bench.objection(one.bases))}
    while True:
        kept, alias, shared = _once(elements, reasons)
        here = {alias[one.beside] for one in kept.values() if one.beside in alias}
        lost = {
            index: f"is of use only with {one.beside}, which is left out"
            if one.beside
            else "is left without its other allele"
            for index, one in kept.items()
            if (one.beside and one.beside not in alias) or (one.kind == "reference allele" and one.name not in here)
        }
        if not lost:
            break
        reasons |= lost
    left = [one for one in made if isinstance(one, LeftOut)]
    left += [LeftOut(elements[index].name, elements[index].arm, why) for index, why in sorted(reasons.items())]
    found = tuple(replace(one, beside=alias.get(one.beside, "")) for one in kept.values())
    return Accepted(found, tuple(left), shared)


def _once(elements: Seq[Element], reasons: dict[int, str]) -> tuple[dict[int, Element], dict[str, str], int]:
    """Each construct once, by its index; under which name each is ordered; how many are asked for again.

    ``reasons`` (by index) says what is left out already; what is equal to another is added to it.
    """
    kept: dict[int, Element] = {}
    first: dict[str, Element] = {}
    alias: dict[str, str] = {}
    shared = 0
    for index, one in enumerate(elements):
        if index in reasons:
            continue
        other = first.get(one.bases)
        if other is not None and (other.arm != one.arm or (one.locus and other.locus == one.locus)):
            alias.setdefault(one.name, other.name)
            shared += 1
        elif other is not None:
            reasons[index] = f"has the same bases as {other.name}"
        elif one.name in alias:
            reasons[index] = "bears a name that another one has"
        else:
            kept[index] = first[one.bases] = one
            alias[one.name] = one.name
    return kept, alias, shared


def refuse(left_out: Seq[LeftOut]) -> None:
    """Raises a UserError that names what cannot be ordered and says what to do, where there is something."""
    if not left_out:
        return
    shown = "; ".join(f"{one.name} {_verb(one.reason)}" for one in left_out[:_SHOWN])
    more = f"; and {len(left_out) - _SHOWN:,} more" if len(left_out) > _SHOWN else ""
    count = f"{len(left_out):,} elements" if len(left_out) > 1 else "One element"
    raise UserError(
        f"{count} cannot be ordered: {shown}{more}: choose other enzymes, correct the list, or leave "
        f"{'them' if len(left_out) > 1 else 'it'} out."
    )


def finished(design: Design) -> Design:
    """The design with its barcodes, checked whole.

    Raises:
        UserError: when it is empty, too large, over its budget, has too few barcodes, or fails a check.
    """
    plan, count = design.plan, len(design.elements)
    design = replace(design, elements=tuple(sorted(design.elements, key=lambda one: ARMS.index(one.arm))))
    if not count:
        why = f" ({design.left_out[0].name} {_verb(design.left_out[0].reason)})" if design.left_out else ""
        raise UserError(f"Nothing is left to order{why}: give places or variants, or choose other arms.")
    each = plan.barcodes if plan.assay == "MPRA" and plan.layout.barcode_length else 0
    oligos = count * max(1, each)
    if oligos > MOST_OLIGOS:
        raise UserError(
            f"This design has {oligos:,} oligos, and at most {MOST_OLIGOS:,} fit one order: take at most {MOST_OLIGOS // max(1, each):,} "
            f"elements{f', or {MOST_OLIGOS // count} barcodes of each' if each and count <= MOST_OLIGOS else ''}."
        )
    plan.costs.check(oligos, plan.replicates, count)
    if each:
        bases = [element.bases for element in design.elements]
        design = design.with_barcodes(assigned(bases, each, plan.layout, seed=plan.seed))
    check(design)
    return design


def hypotheses(
    mutants: Seq[Mutant], elements: Seq[Element], effects: dict[str, tuple[float, float, float]], about: dict[str, Any]
) -> tuple[Hypothesis, ...]:
    """The claims that the mutants of one place test, as far as their constructs are in the design.

    Args:
        mutants: of one place, the wild type first.
        elements: that can be ordered.
        effects: by name: what the model says of it minus what it says of the wild type, and the ends of its interval.
        about: ``model_id``, ``track`` and ``unit``.
    """
    by_name = {element.name: element for element in elements}
    found: list[Hypothesis] = []
    wild = mutants[0]
    if wild.element.name not in by_name:
        return ()
    for part in sorted({one.part for one in mutants if one.part >= 0}):
        mine = [one for one in mutants if one.part == part and one.role is not None and one.element.name in by_name]
        broken = [one for one in mine if one.role in BREAKS]
        if not broken:
            continue
        original = replace(wild, start=broken[0].start, end=broken[0].end)
        steps = tuple(
            Intervention(
                one.element.name,
                one.role or "original",
                one.element.bases,
                one.start,
                one.end,
                effects[one.element.name][0],
            )
            for one in (original, *mine)
        )
        predicted, low, high = effects[broken[0].element.name]
        link = wild.element.link.partition("?")[2]
        found.append(
            Hypothesis(
                link,
                broken[0].element.hypothesis,
                predicted=predicted,
                low=low,
                high=high,
                interventions=steps,
                **about,
            )
        )
    return tuple(found)


def counts(arm: Arm, elements: Seq[Element]) -> int:
    """How many elements an arm has."""
    return sum(element.arm == arm for element in elements)


def _verb(reason: str) -> str:
    """A reason behind a name: those that are sentences of their own stand in brackets."""
    return reason if reason.split(" ")[0] in ("holds", "has", "is", "bears") else f"({reason})"
