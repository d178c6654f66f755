"""What a library must be before anybody pays for it. Refuses in one sentence that names what is wrong and says what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from itertools import islice

from experiment.barcodes import MIN_DISTANCE, fits, nearest_pair
from experiment.design import Design, Element
from experiment.design_layout import forbidden_in
from genome.errors import UserError
from genome.sequence import BASES

_SHOWN = 3


def check(design: Design) -> None:
    """Raises a UserError where a design cannot be ordered: names, bases, lengths, duplicates, sites, barcodes, uneven arms."""
    _check_names(design.elements)
    _check_bases(design)
    _check_sites(design)
    _check_barcodes(design)
    _check_arms(design)


def _check_names(elements: Seq[Element]) -> None:
    if not elements:
        raise UserError("There is nothing to order; give places or variants, or choose other arms.")
    twice = [name for name, count in Counter(element.name for element in elements).items() if count > 1]
    _refuse(twice, "stands in the design more than once", "stand in the design more than once", "rename all but one")
    first: dict[str, str] = {}
    same = []
    for element in elements:
        other = first.setdefault(element.bases, element.name)
        if other != element.name:
            same.append(f"{element.name} (= {other})")
    _refuse(same, "has the bases of another element", "have the bases of another element", "order each of them once")


def _check_bases(design: Design) -> None:
    plan = design.plan
    length = plan.length if plan.assay == "MPRA" else len(design.elements[0].bases)
    strange = [element.name for element in design.elements if not set(element.bases) <= set(BASES)]
    _refuse(
        strange, "holds letters other than A, C, G and T", "hold letters other than A, C, G and T", "correct the bases"
    )
    wrong = [f"{one.name} ({len(one.bases):,} bp)" for one in design.elements if len(one.bases) != length]
    _refuse(wrong, f"has not {length:,} bp", f"have not {length:,} bp", "cut all to one length")
    plan.layout.check_length(length)


def _check_sites(design: Design) -> None:
    found = ((element, forbidden_in(design.plan.layout, element.bases)) for element in design.elements)
    wrong = [f"{element.name} ({', '.join(words)})" for element, words in found if words]
    advice = "choose other enzymes or adaptors, or leave them out"
    _refuse(wrong, "holds a site or an adaptor", "hold a site or an adaptor", advice)


def _check_barcodes(design: Design) -> None:
    layout = design.plan.layout
    with_barcodes = design.assay == "MPRA" and layout.barcode_length > 0
    wanted = design.plan.barcodes if with_barcodes else 0
    uneven = [f"{one.name} ({len(one.barcodes)})" for one in design.elements if len(one.barcodes) != wanted]
    _refuse(uneven, f"has not {wanted} barcodes", f"have not {wanted} barcodes", "give each element as many")
    if not with_barcodes:
        return
    wrong: list[str] = []
    every: list[str] = []
    for element in design.elements:
        before = (layout.left + element.bases + layout.middle)[-layout.reach :]
        for barcode in element.barcodes:
            share = (barcode.count("G") + barcode.count("C")) / max(1, len(barcode))
            whole = len(barcode) == layout.barcode_length and set(barcode) <= set(BASES)
            if not whole or not layout.gc_low <= share <= layout.gc_high or not fits(layout, before, barcode):
                wrong.append(f"{barcode} of {element.name}")
        every += element.barcodes
    _refuse(wrong, "breaks the bounds on barcodes", "break the bounds on barcodes", "make the barcodes again")
    near = nearest_pair(every)
    if near is not None:
        raise UserError(
            f"The barcodes {near[0]} and {near[1]} differ in fewer than {MIN_DISTANCE} bases: make the barcodes again."
        )


def _check_arms(design: Design) -> None:
    counts = Counter(element.arm for element in design.elements)
    acquired, random = counts["acquired"], counts["random"]
    if acquired and random and acquired != random:
        raise UserError(
            f"The arms are uneven: acquired has {acquired:,} elements and random {random:,}; give both as many, or what is better cannot be "
            "told from what is more."
        )
    names = {element.name for element in design.elements}
    alone = [f"{one.name} (without {one.beside})" for one in design.elements if one.beside and one.beside not in names]
    _refuse(alone, "stands alone", "stand alone", "order what they are compared with too")
    per_place = Counter(
        element.target for element in design.elements if element.kind == "guide" and element.arm == "tiling"
    )
    few = [f"{place} ({count})" for place, count in per_place.items() if count != design.plan.guides]
    words = f"{design.plan.guides} guides"
    possible = min(per_place.values(), default=0)
    _refuse(few, f"has not {words}", f"have not {words}", f"ask for {possible}, or leave them out")


def _refuse(names: Iterable[str], one: str, many: str, advice: str) -> None:
    """Raises a UserError that names the first of what is wrong, where anything is."""
    found = list(names)
    if not found:
        return
    shown = ", ".join(islice(found, _SHOWN))
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    raise UserError(f"{shown}{more} {one if len(found) == 1 else many}: {advice}.")
