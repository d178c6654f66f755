"""The guides of a CRISPRi library: tiled over places, with random, positive and negative controls. No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.view import View
from experiment import design_constructs, guides
from experiment.design import Element, LeftOut, Plan
from experiment.design_constructs import Bench, place_name
from experiment.guides import LENGTH, Guide
from genome.errors import UserError
from genome.locus import Locus
from genome.source import Genome

_LONGEST = 100_000  # bp of one place
_OF_BASES = ("hypothesis", "saturation", "variant", "acquired")

Made = tuple[tuple[Element, ...], tuple[LeftOut, ...], tuple[str, ...]]


def refuse_changes(plan: Plan) -> None:
    """Raises a UserError where an arm asks for what CRISPRi cannot do."""
    wrong = [arm for arm in plan.arms if arm in _OF_BASES]
    if wrong:
        raise UserError(
            f"CRISPRi silences places and changes no bases, so the arm '{wrong[0]}' has no guides: choose tiling, random and controls, or "
            "an MPRA."
        )


def library(
    view: View, plan: Plan, genome: Genome, places: tuple[Locus, ...], given: Iterable[object], address: str
) -> Made:
    """Elements, what was left out, and how the arms were made.

    Raises:
        UserError: when an arm asks for what guides cannot do, or no positive guides are given.
    """
    refuse_changes(plan)
    plain = replace(view, edits=(), beside=None, panel="edit")
    kept: dict[str, Element] = {}
    left: list[LeftOut] = []
    read = []
    for place in places if "tiling" in plan.arms else ():
        try:
            found, bases = _of_place(plan, genome, place)
        except UserError as error:
            left.append(LeftOut(place_name(place), "tiling", str(error).rstrip(".")))
            continue
        read.append(bases)
        free = tuple(one for one in found if one.bases not in kept)
        if len(free) < plan.guides:
            reason = f"has room for {len(free)} guides, and {plan.guides} are wanted"
            left.append(LeftOut(place_name(place), "tiling", reason))
            continue
        link = _link(plain, place, address)
        for guide in guides.tiled(free, place, plan.guides):
            kept[guide.bases] = _element(guide, "guide", "tiling", link, str(place))
    notes = [
        f"{plan.guides} guides tile each place: for each of as many equal steps the nearest guide whose 20 bases and NGG lie inside.",
        guides.NOT_SEARCHED,
    ]
    if "random" in plan.arms:
        kept |= _random(plain, plan, genome, places, address, set(kept))
    if "positive control" in plan.arms:
        kept |= _positive(given, plan, kept)
    if "negative control" in plan.arms:
        for number, bases in enumerate(
            guides.non_targeting(plan.negative, plan.layout, "N".join(read), seed=plan.seed), start=1
        ):
            kept[bases] = Element(f"non_targeting_{number}", "non-targeting guide", "negative control", bases)
        notes.append(
            "Non-targeting guides are random; their last 12 bases do not stand in the places, and nothing else was searched."
        )
    return tuple(kept.values()), tuple(left), tuple(notes)


def _of_place(plan: Plan, genome: Genome, place: Locus) -> tuple[tuple[Guide, ...], str]:
    """The guides of a place that can be ordered, and its bases."""
    size = genome.contigs[genome.canonical(place.chrom)]
    if place.start < 0 or place.end > size:
        raise UserError(f"hangs off the end of {place.chrom} (1 to {size:,})")
    if place.length > _LONGEST:
        raise UserError(f"has {place.length:,} bp, more than {_LONGEST:,}")
    sequence = genome.sequence(place)
    found = guides.guides_in(sequence, place)
    return tuple(one for one in found if not guides.objection(plan.layout, one.bases)), sequence.bases


def _random(
    plain: View, plan: Plan, genome: Genome, places: tuple[Locus, ...], address: str, taken: set[str]
) -> dict[str, Element]:
    """One guide in each of as many windows near the places."""
    length = max(60, min(place.length for place in places))
    bench = Bench(genome, length, replace(plan.layout, sites=(), left="", right=""), lambda *_: "", lambda *_: "")
    inside = tuple(place for place in places if place.start >= 0)
    found: dict[str, Element] = {}
    for window in design_constructs.random_windows(bench, inside, 2 * plan.random, seed=plan.seed, taken=set()):
        if len(found) == plan.random:
            break
        free = [one for one in _of_place(plan, genome, window)[0] if one.bases not in found and one.bases not in taken]
        if free:
            guide = free[len(free) // 2]
            found[guide.bases] = _element(guide, "random guide", "random", _link(plain, window, address), "")
    if len(found) < plan.random:
        raise UserError(
            f"Near the places there are {len(found):,} random guides, and {plan.random:,} are wanted: take fewer."
        )
    return found


def _positive(given: Iterable[object], plan: Plan, kept: dict[str, Element]) -> dict[str, Element]:
    """The guides that were given as positive controls.

    Raises:
        UserError: when there are none, or one is no guide.
    """
    found: dict[str, Element] = {}
    for item in given:
        if not isinstance(item, tuple):
            raise UserError(f"Positive controls of CRISPRi are guides of {LENGTH} letters; {item} is a place.")
        name, bases = item
        why = (
            f"has {len(bases)} letters"
            if len(bases) != LENGTH
            else guides.objection(plan.layout, bases)
            if "N" not in bases
            else "holds N"
        )
        if why:
            raise UserError(
                f"The guide {bases[:30]} of the positive controls {why}; give guides of {LENGTH} letters without PAM."
            )
        if bases in kept or bases in found:
            raise UserError(f"The guide {bases} is in the design already; give other positive controls.")
        found[bases] = Element(f"positive_{name}", "given guide", "positive control", bases)
    if not found:
        raise UserError(
            f"No guide is known to work here: give guides of {LENGTH} letters that were measured as positive controls, or leave out that arm."
        )
    return found


def _element(guide: Guide, kind: str, arm: str, link: str, target: str) -> Element:
    name = f"{place_name(guide.locus)}_{'plus' if guide.strand == '+' else 'minus'}"
    return Element(
        name,
        kind,
        arm,
        guide.bases,
        str(guide.locus),
        link=link,
        strand=guide.strand,
        pam=guide.pam,
        target=target,  # type: ignore[arg-type]
    )


def _link(plain: View, place: Locus, address: str) -> str:
    contig = plain.contig if place.chrom == plain.locus.chrom else ""
    return replace(plain, locus=place, contig=contig).link(address)
