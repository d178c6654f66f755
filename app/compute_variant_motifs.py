"""Which motif a variant makes or breaks: what the contributions of either allele resemble, and what their letters match.

No Streamlit here.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from app import compute
from app.answer import Answer
from app.compute import Asker
from app.view import View
from genome.locus import Variant
from interpret.effects import around
from interpret.jaspar import Motif
from interpret.motif_change import MotifChange, kin, motif_changes
from interpret.motifs import MotifCall
from interpret.wording import power
from models.core import ModelSpec

LEAST_SHARE = 0.2  # of an element's contributions, from which it is called weakened or strengthened


@dataclass(frozen=True)
class Element:
    """A stretch of letters that resembles a motif in one allele.

    Attributes:
        motif: which.
        q_value: of the resemblance (TOMTOM).
        contribution: of its bases, in the track's unit.
    """

    motif: Motif
    q_value: float
    contribution: float

    @property
    def name(self) -> str:
        """Name of the motif."""
        return self.motif.name


def motifs_changed(
    view: View,
    spec: ModelSpec,
    ref: Answer,
    alt: Answer,
    elements: tuple[tuple[Element, ...], tuple[Element, ...]],
    asker: Asker,
) -> tuple[MotifChange, ...]:
    """Motifs made or broken, each with what the contributions of its allele say of it."""
    explained = ref.attribution is not None and alt.attribution is not None
    key = ("motif changes", spec.model_id, *_explained_by(view), explained)
    named = tuple(element.motif for side in elements for element in side)

    def compared() -> tuple[MotifChange, ...]:
        sd = spec.tracks[spec.track_index(view.track)].sd
        if ref.attribution is None or alt.attribution is None:
            return motif_changes(ref.sequence, alt.sequence, view.edits)
        parts = [found.sequence.part(*found.whole) for found in (ref.attribution, alt.attribution)]
        values = [found.values[slice(*found.whole)] for found in (ref.attribution, alt.attribution)]
        return motif_changes(parts[0], parts[1], view.edits, values=(values[0], values[1]), sd=sd, named=named)

    return compute.cache().get(key, compared, wait=asker.wait)


def _explained_by(view: View) -> tuple[Hashable, ...]:
    return *compute.place_key(view), view.edits, view.track, view.reduce, view.method, view.baseline, view.seed


def elements_over(found: Answer, edits: tuple[Variant, ...]) -> tuple[Element, ...]:
    """The named stretches of letters that lie over the variant, strongest first."""
    if found.attribution is None:
        return ()
    first, last = around(edits)
    positions = found.attribution.sequence.positions[slice(*found.attribution.whole)]

    def over(call: MotifCall) -> bool:
        start, end = (max(0, min(at, len(positions))) for at in call.motif_span)
        covered = positions[start:end]
        return bool(len(covered)) and bool(np.any((covered >= first - 1) & (covered <= last)))

    return tuple(
        Element(call.motif, call.q_value, call.contribution)
        for call in found.calls
        if call.named and call.motif is not None and over(call)
    )


def motif_words(elements: tuple[tuple[Element, ...], tuple[Element, ...]], changed: tuple[MotifChange, ...]) -> str:
    """One sentence on what is made or broken: by the letters where they say so, else by letters alone with support."""
    for side, other, verb in ((0, 1, "breaks"), (1, 0, "makes")):
        lost = [element for element in elements[side] if _kin_of(element, elements[other]) is None]
        if lost:
            chance = power(lost[0].q_value, 1)
            return f"It {verb} an element of the contributions that resembles {lost[0].name} (q = {chance})."
    for ref in elements[0]:
        alt = _kin_of(ref, elements[1])
        if alt is not None and _share(ref, alt) >= LEAST_SHARE:
            verb = "weakens" if abs(alt.contribution) < abs(ref.contribution) else "strengthens"
            return f"It {verb} an element of the contributions that resembles {ref.name}."
    backed = [change for change in changed if change.support in ("strong", "weak")]
    if backed:
        verbs = {"broken": "breaks", "made": "makes", "weakened": "weakens", "strengthened": "strengthens"}
        return (
            f"It {verbs[backed[0].kind]} a match to the motif {backed[0].motif.name}, in letters that the model uses."
        )
    return ""


def _kin_of(element: Element, others: tuple[Element, ...]) -> Element | None:
    """The element of the other allele that resembles the same motif or one of its family."""
    return next((other for other in others if kin(element.motif) & kin(other.motif)), None)


def _share(ref: Element, alt: Element) -> float:
    """How much of an element's contributions changes, as a share of the larger."""
    larger = max(abs(ref.contribution), abs(alt.contribution))
    return abs(alt.contribution - ref.contribution) / larger if larger else 0.0
