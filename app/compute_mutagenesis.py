"""Every substitution along a locus, what it costs, where it stands, and the methods of attribution side by side.

No Streamlit here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app import compute
from app.compute import Asker
from app.limits import refuse_letters
from app.view import PASTED, View
from genome.errors import UserError
from interpret import background
from interpret.attribution import Attribution, Float
from interpret.methods import METHODS, letter_stride
from interpret.mutagenesis import position_seconds
from interpret.placed import placed_effects, placed_passes
from interpret.substitutions import Substitutions
from models import registry
from models.metrics import spearman
from models.tiling import tile

MUTAGENESIS = "ism"
PROMPT_SECONDS = 20.0  # up to this it is done unasked
MOST_SECONDS = 900.0  # beyond this the page does not do it


class TakesTime(UserError):
    """What can be computed here, but takes longer than anybody would wait for unasked."""


@dataclass(frozen=True)
class Row:
    """One method on the same locus and track.

    Attributes:
        view: the view explained by it.
        attribution: its contributions, or None where it refuses.
        refusal: why, in a sentence; empty otherwise.
        agreement: Spearman of its contributions with those of the method shown on the page; None for that one itself,
            and where one of the two never changes.
        shown: whether it is the method of the page.
    """

    view: View
    attribution: Attribution | None
    refusal: str
    agreement: float | None
    shown: bool


def mutagenesis_view(view: View) -> View:
    """The view explained by mutagenesis, centred as the view says, or on the mean of the four bases."""
    return view.with_method(MUTAGENESIS)


def seconds(view: View) -> float:
    """How long trying every substitution takes, from what was measured of this model and scalar."""
    spec = registry.spec(view.model)
    reach = (0, view.locus.length)
    tiling = tile(reach, window=spec.input_length, stride=letter_stride(spec), origin=view.locus.start)
    target = compute.target(spec, view)
    each = compute.cache().get(
        ("seconds of a substitution", spec.model_id, target),
        lambda: position_seconds(compute.runner(spec, Asker()), spec, target),
    )
    return len(tiling.starts) * spec.input_length * each


def refuse_costly(view: View, *, patient: bool = False) -> None:
    """Refuses to try every substitution where it takes too long.

    Args:
        view: what is looked at.
        patient: whether somebody asked for it, knowing how long it takes.

    Raises:
        TakesTime: when it takes longer than anybody would wait for unasked.
        UserError: when the locus is too long, or it takes longer than the page does.
    """
    if view.locus.length > compute.MAX_LETTERS:
        raise UserError(
            f"Every substitution is tried along up to {compute.MAX_LETTERS:,} bp, and this locus has "
            f"{view.locus.length:,}; zoom in."
        )
    refuse_letters(registry.spec(view.model), view.locus)
    wanted = seconds(view)
    if wanted > MOST_SECONDS:
        raise UserError(
            f"Trying every substitution of these {view.locus.length:,} bp takes about {in_words(wanted)} here, and the page "
            f"waits {in_words(MOST_SECONDS)} at most: zoom in, or choose a faster model."
        )
    if wanted > PROMPT_SECONDS and not patient:
        raise TakesTime(
            f"Trying every substitution of these {view.locus.length:,} bp takes about {in_words(wanted)} here."
        )


def in_words(duration: float) -> str:
    """A duration in seconds for people."""
    if duration < 90:
        return f"{max(1, round(duration)):,} second{'s' if round(duration) > 1 else ''}"
    return f"{round(duration / 60):,} minutes"


def mutagenesis(view: View, asker: Asker, *, patient: bool = False) -> Attribution:
    """What mutagenesis says of each base of the view; arguments and refusals as ``refuse_costly``.

    Raises:
        UserError: also when the method does not cover this network.
    """
    refuse_costly(view, patient=patient)
    return compute.attribution(mutagenesis_view(view), asker)


def placed(view: View, asker: Asker) -> Substitutions:
    """Every substitution in windows around it, as in the background and in the Edit panel.

    Raises:
        UserError: when it takes too long.
    """
    spec = registry.spec(view.model)
    wanted = placed_passes(spec, view.locus.length) * compute.engine().pace(spec.model_id).row_seconds
    if wanted > MOST_SECONDS:
        raise UserError(f"Not ranked: that takes about {in_words(wanted)} here; zoom in.")
    return compute.cache().get(
        ("placed substitutions", spec.model_id, *compute.place_key(view), view.edits, view.track),
        lambda: placed_effects(
            compute.runner(spec, asker), spec, compute.sequence(view, asker), view.locus, view.track, asker.progress
        ),
        wait=asker.wait,
    )


def percentiles(view: View, found: Substitutions, asker: Asker) -> tuple[Float | None, str]:
    """Where the size of each placed effect stands among those of the background, 0 to 100, and what that is.

    Returns:
        float32 (4, length) and the set in words; or None and the reason why there is none.
    """
    synthetic = None if view.genome == PASTED else compute.genome(view, asker).synthetic
    spec = registry.spec(view.model)
    try:
        known = background.chosen(spec.model_id, synthetic=synthetic)
        if known is None:
            raise UserError(f"{spec.name} has no background; make one with cislens background {spec.name}.")
        return known.rank_effects(view.track, found.effects, synthetic=synthetic)
    except UserError as error:
        return None, f"no percentile: {error}"


def side_by_side(view: View, asker: Asker, *, patient: bool = False) -> tuple[Row, ...]:
    """Every method on the same locus, the one of the page first.

    Each compares with the reference of the page where it knows that, else with its own usual one.

    Args:
        view: what is looked at.
        asker: who asks.
        patient: whether somebody asked for mutagenesis here, knowing how long it takes.
    """
    order = sorted(METHODS, key=lambda method: method != view.method)
    rows: list[Row] = []
    for number, method in enumerate(order):
        changed = view.with_method(method)
        part = asker.part(number / len(order), (number + 1) / len(order))
        try:
            if method == MUTAGENESIS and method != view.method:
                refuse_costly(view, patient=patient)
            found = compute.attribution(changed, part)
        except UserError as error:
            rows.append(Row(changed, None, str(error), None, method == view.method))
            continue
        first = rows[0].attribution if rows else None
        agreement = agreement_of(first, found) if first is not None else None
        rows.append(Row(changed, found, "", agreement, method == view.method))
    return tuple(rows)


def agreement_of(one: Attribution, other: Attribution) -> float | None:
    """Spearman of two methods over the known bases of the locus; None where one of them never changes."""
    values = [found.values[slice(*found.core)] for found in (one, other)]
    known = np.array([base != "N" for base in one.sequence.bases[slice(*one.core)]])
    kept = [value[known] for value in values]
    return None if any(len(value) < 2 or np.ptp(value) == 0 for value in kept) else spearman(*kept)
