"""Everything the Locus screen says about a view, gathered in one call. No Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app import compute, compute_shift, compute_trust
from app.compute import Asker
from app.limits import has_letters
from app.view import View
from genome.errors import UserError
from genome.sequence import Sequence
from interpret import trust, wording
from interpret.agreement import Agreement
from interpret.attribution import Attribution
from interpret.background import Rank
from interpret.background_build import MAX_N
from interpret.checks import Check, checks
from interpret.headline import Headline, headline
from interpret.motifs import MotifCall
from interpret.wording import Interval, Reading
from models import registry
from models.core import ModelSpec, Prediction
from models.intervals import Band

MAX_READABLE = 100  # bp whose letters can be told apart on any screen


@dataclass(frozen=True)
class Answer:
    """What is shown of a view.

    Attributes:
        view: the view, with the chromosome's digest filled in.
        spec: the model.
        sequence: the bases of the locus after the edits.
        prediction: every track along the locus.
        attribution: the contributions to the view's track, or None where the locus is too long for letters.
        calls: stretches that stand out and the motifs they resemble, strongest first; empty without letters.
        headline: the strongest prediction.
        checks: the trust strip.
        said: what is predicted, and what to make of it.
        notices: sentences on what was done to the input.
        band: where measurements are expected along the locus, or None when the model has no intervals.
        rank: where the strongest prediction stands in the model's background.
        ranked: the line below the sentence that says so; empty where the sentence says it.
        agreement: how other methods rank the bases, or None without letters.
    """

    view: View
    spec: ModelSpec
    sequence: Sequence
    prediction: Prediction
    attribution: Attribution | None
    calls: tuple[MotifCall, ...]
    headline: Headline
    checks: tuple[Check, ...]
    said: tuple[str, str]
    notices: tuple[str, ...]
    band: Band | None
    rank: Rank
    ranked: str
    agreement: Agreement | None


def answer(view: View, asker: Asker, *, thorough: bool = False) -> Answer:
    """Predicts, explains and judges a view.

    Args:
        view: what is looked at.
        asker: who asks.
        thorough: whether checks are to be made that take longer than anybody would wait for unasked.

    Raises:
        UserError: when it cannot be answered; the text says why and what to do.
    """
    spec = registry.spec(view.model)
    view = replace(view, reduce=compute.target(spec, view).reduce, contig=compute.contig_digest(view, asker))
    track = spec.track_index(view.track)
    shown = compute.shown_sequence(view, asker)
    prediction = compute.prediction(view, asker.part(0.0, 0.25))
    explained = has_letters(spec, view.locus)
    attribution = compute.attribution(view, asker.part(0.25, 0.7)) if explained else None
    calls = compute.motif_calls(view, attribution, asker.part(0.7, 0.75)) if attribution is not None else ()
    found = headline(prediction, track)
    band, trouble = _band(view, asker)
    interval = _interval(prediction, track, found, band)
    how = wording.reading(spec.tracks[track].unit, spec.tracks[track].kind)
    rank = _rank(view, found, shown, asker)
    agreement = compute_trust.agreement(view, asker.part(0.75, 0.9), thorough=thorough) if explained else None
    row = checks(
        found,
        attribution,
        sd=spec.tracks[track].sd,
        n_share=shown.n_share,
        simple=compute.simple_says(view, found.start, found.end, asker),
        how=how,
        interval=interval,
        like=compute_shift.of_view(view, asker),
        agreement=agreement,
        deletion=compute_trust.deletion(view, asker.part(0.9, 1.0), thorough=thorough) if explained else None,
    )
    said = _said(view, prediction, found, calls, row, interval, rank, unknown=shown.n_share == 1, explained=explained)
    notices = (*_notices(view, prediction, shown, attribution), *_meaning(band), *trouble)
    ranked = _ranked(rank, how)
    return Answer(
        view, spec, shown, prediction, attribution, calls, found, row, said, notices, band, rank, ranked, agreement
    )  # fmt: skip


def _said(
    view: View,
    prediction: Prediction,
    found: Headline,
    calls: tuple[MotifCall, ...],
    row: tuple[Check, ...],
    interval: Interval | None,
    rank: Rank,
    *,
    unknown: bool,
    explained: bool,
) -> tuple[str, str]:
    """The two sentences."""
    track = prediction.spec.tracks[prediction.spec.track_index(view.track)]
    return trust.sentence(
        track.name,
        track.unit,
        found,
        [call.label for call in calls if call.label and call.seqlet.sign == "+"],
        row,
        explained=explained,
        long=len(prediction.starts) > 1,
        kind=track.kind,
        sd=track.sd,
        interval=interval,
        rank=rank.text if rank.percentile is not None else "",
        unknown=unknown,
    )


def _band(view: View, asker: Asker) -> tuple[Band | None, tuple[str, ...]]:
    """The intervals; where their file cannot be used, none and the reason: the prediction itself is still good."""
    try:
        return compute.interval(view, asker), ()
    except UserError as error:
        return None, (str(error),)


def _interval(prediction: Prediction, track: int, found: Headline, band: Band | None) -> Interval | None:
    """Where a measurement of the strongest prediction is expected."""
    if band is None:
        return None
    same = (prediction.starts == found.start) & (prediction.values[track] == np.float32(found.value))
    ends = band.at(track, int(np.flatnonzero(same)[0]))
    return None if ends is None else Interval(*ends, band.confidence)


def _rank(view: View, found: Headline, shown: Sequence, asker: Asker) -> Rank:
    if shown.n_share > MAX_N:
        return Rank(None, f"no percentile: more than {100 * MAX_N:.0f} % of the bases are unknown (N)")
    return compute.percentiles(view, found.start, found.end, asker)


def _ranked(rank: Rank, how: Reading) -> str:
    """The line below the sentence. An activity and a count of reads have their percentile in the sentence itself."""
    if rank.percentile is not None and how != "odds":
        return ""
    return rank.text[:1].upper() + rank.text[1:].rstrip(".") + "."


def _meaning(band: Band | None) -> tuple[str, ...]:
    return () if band is None else (f"{100 * band.confidence:g} % of measurements fall inside the pale band.",)


def _notices(view: View, prediction: Prediction, shown: Sequence, attribution: Attribution | None) -> tuple[str, ...]:
    notices = [prediction.rule]
    if attribution is not None and attribution.note:
        notices.append(attribution.note)
    if view.locus.length > MAX_READABLE and has_letters(prediction.spec, view.locus):
        notices.append("Where letters would be too narrow to read, bars in their colours stand for them: zoom in.")
    if view.locus.length > compute.MAX_LETTERS:
        notices.append(f"Letters are shown for up to {compute.MAX_LETTERS:,} bp: zoom in to see them.")
    elif not has_letters(prediction.spec, view.locus):
        notices.append(
            f"One window of {prediction.spec.input_length:,} bp takes long: contributions are computed as a job."
        )
    if shown.n_share > 0 and view.locus.start < 0:
        notices.append("The locus hangs off the chromosome's end; what lies beyond is N.")
    if shown.inserted.any():
        notices.append("Inserted bases have no place in the genome: they are drawn under Edit, before and after.")
    return tuple(notices)
