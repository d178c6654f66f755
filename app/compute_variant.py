"""What one variant does: a question in, everything the Variants page says out, cached. No Streamlit here."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np

from app import answer as answers
from app import compute
from app.answer import Answer
from app.compute import Asker
from app.limits import MAX_INLINE_WINDOW
from app.variant_question import VariantQuestion, asked_of
from app.view import View
from app.whatif_record import tracks_shown
from genome.errors import UserError
from genome.locus import Variant
from interpret.alleles import Profiles, Sweep, around, profiles, sweep
from interpret.background import Rank
from interpret.checks import Check
from interpret.effects import Effect, effect
from interpret.haplotype import Haplotype, haplotype
from interpret.motif_change import MotifChange, motif_changes
from interpret.motifs import MotifCall
from interpret.pair_trust import pair_checks, pair_sentence
from interpret.whatif import known, unit_of
from models import registry
from models.core import ModelSpec

LEAST_SHARE = 0.2  # of an element's contributions, from which it is called weakened or strengthened
OTHER_SECONDS = 1.0  # that another model may take to be put beside
NO_RANK = "no percentile: the background holds single-base changes only"


@dataclass(frozen=True)
class TrackEffect:
    """One row of the table: what the variant does on one track.

    Attributes:
        name: of the track; both strands of a profile stand once.
        index: of the track in its model.
        biosample: cell type or tissue.
        before, after, delta: REF, ALT and ALT - REF, mean over the placements.
        spread: standard deviation of delta between members; None for a single member.
        low, high: smallest and largest delta over the placements.
        agree: whether every member gives delta the same sign.
        sds: size of delta in standard deviations of the track.
        unit: of all of these.
        formula: how the effect is made of REF and ALT.
        rank: where the size of delta stands, or why nowhere.
        divergence: Jensen-Shannon distance of the shapes, for a profile; else None.
    """

    name: str
    index: int
    biosample: str
    before: float
    after: float
    delta: float
    spread: float | None
    low: float
    high: float
    agree: bool
    sds: float
    unit: str
    formula: str
    rank: Rank
    divergence: float | None = None


@dataclass(frozen=True)
class Element:
    """A stretch of letters that resembles a motif in one allele.

    Attributes:
        name: the motif's.
        q_value: of the resemblance (TOMTOM).
        contribution: of its bases, in the track's unit.
    """

    name: str
    q_value: float
    contribution: float


@dataclass(frozen=True)
class VariantAnswer:
    """Everything the page says of a variant.

    Attributes:
        question: what was asked, the chromosome's digest filled in.
        spec: the model.
        ref, alt: both alleles, each as the Locus page shows it, in the one window centred on the variant.
        effect: over the placements, on every track.
        rows: one for each track, the largest change first.
        sweep: both alleles wherever the window lies.
        profiles: both alleles base by base, for a model that predicts reads; else None.
        motifs: motifs made or broken, of letters alone.
        elements: what the letters over the variant resemble, with REF and with ALT; empty without letters.
        checks: the trust strip of the pair.
        said: what the variant does, and whether to believe it.
    """

    question: VariantQuestion
    spec: ModelSpec
    ref: Answer
    alt: Answer
    effect: Effect
    rows: tuple[TrackEffect, ...]
    sweep: Sweep
    profiles: Profiles | None
    motifs: tuple[MotifChange, ...]
    elements: tuple[tuple[Element, ...], tuple[Element, ...]]
    checks: tuple[Check, ...]
    said: tuple[str, str]

    @property
    def view(self) -> View:
        """The view of ALT."""
        return self.question.view

    @property
    def row(self) -> TrackEffect:
        """The row of the track that is looked at."""
        pair = self.spec.strand_pair(self.spec.track_index(self.view.track))
        return next(row for row in self.rows if row.index in pair)


@dataclass(frozen=True)
class Elsewhere:
    """The same variant on another model.

    Attributes:
        spec: the model.
        rows: its tracks, the largest change first; empty where it has no answer.
        refusal: why it has none, in one sentence.
    """

    spec: ModelSpec
    rows: tuple[TrackEffect, ...]
    refusal: str = ""


def variant_answer(question: VariantQuestion, asker: Asker, *, thorough: bool = False) -> VariantAnswer:
    """Predicts, explains, compares and judges both alleles.

    Raises:
        UserError: when it cannot be answered; the text says why and what to do.
    """
    spec = registry.spec(question.view.model)
    _refuse_long(spec)
    view = replace(question.view, contig=compute.contig_digest(question.view, asker))
    index = spec.track_index(view.track)
    known(compute.shown_sequence(view, asker))
    found = placed_effect(view, view.edits, _part(asker, 0.0, 0.15))
    ref = answers.answer(replace(view, edits=()), _part(asker, 0.15, 0.5), thorough=thorough)
    alt = answers.answer(view, _part(asker, 0.5, 0.85), thorough=thorough)
    reads = _profiles(view, spec, asker)
    moved = _sweep(view, spec, _part(asker, 0.85, 0.98))
    changed = _motif_changes(view, spec, ref, alt, asker)
    elements = (_elements(ref, view.edits), _elements(alt, view.edits))
    row = pair_checks(found, index, spec.tracks[index].sd, spec.n_members, (ref.checks, alt.checks))
    said = pair_sentence(words_of(view.edits), spec, found, index, row, _motif_words(elements, changed))
    return VariantAnswer(
        replace(question, view=alt.view),
        spec,
        ref,
        alt,
        found,
        _rows(view, spec, found, reads, asker),
        moved,
        reads,
        changed,
        elements,
        row,
        said,
    )


def placed_effect(view: View, edits: tuple[Variant, ...], asker: Asker) -> Effect:
    """The effect of changes together, in windows around them, as in the background.

    Raises:
        UserError: when it cannot be computed.
    """
    spec = registry.spec(view.model)
    edit: Hashable = edits[0] if len(edits) == 1 else edits  # one alone has the key that its percentile is ranked under
    return compute.cache().get(
        ("effect", "placed", spec.model_id, *compute.place_key(view), view.edits, edit),
        lambda: effect(
            compute.runner(spec, asker), spec, compute.reference(view, asker), edits, progress=asker.progress
        ),
        wait=asker.wait,
    )


def haplotype_of(question: VariantQuestion, asker: Asker) -> Haplotype:
    """Several variants together and each alone, all in the same windows.

    Raises:
        UserError: when it cannot be computed.
    """
    view = question.view
    spec = registry.spec(view.model)
    return compute.cache().get(
        ("haplotype", spec.model_id, *compute.place_key(view), view.edits),
        lambda: haplotype(
            compute.runner(spec, asker), spec, compute.genome(view, asker), view.edits, progress=asker.progress
        ),
        wait=asker.wait,
    )


def on_other_models(question: VariantQuestion, asker: Asker) -> tuple[Elsewhere, ...]:
    """The same variant on every other installed model that answers within a second, or why one is left out."""
    others = [spec for spec in registry.specs() if spec.model_id != question.view.model]
    return tuple(_elsewhere(question, spec, asker) for spec in others)


def words_of(edits: tuple[Variant, ...]) -> str:
    """The change in a few words: C>T at chr22:19,710,933."""
    if len(edits) > 1:
        first, last = around(edits)
        return f"{len(edits)} variants together at {edits[0].chrom}:{first + 1:,}–{last:,}"
    edit = edits[0]
    where = f"{edit.chrom}:{edit.position:,}"
    if not edit.ref:
        return f"Insertion of {_short(edit.alt)} before {where}"
    if not edit.alt:
        return f"Deletion of {_short(edit.ref)} at {where}"
    return f"{_short(edit.ref)}>{_short(edit.alt)} at {where}"


def _elsewhere(question: VariantQuestion, spec: ModelSpec, asker: Asker) -> Elsewhere:
    """One other model: its rows, or why it has none."""
    try:
        _refuse_long(spec)
        view = asked_of(question.view, question.variants, spec).view
        windows = 2 * spec.placements
        seconds = windows * compute.engine().pace(spec.model_id).row_seconds
        if seconds > OTHER_SECONDS:
            return Elsewhere(spec, (), f"It would take {seconds:.0f} s; choose it above to ask it.")
        known(compute.shown_sequence(view, asker))
        return Elsewhere(spec, _rows(view, spec, placed_effect(view, view.edits, asker), None, asker))
    except UserError as error:
        return Elsewhere(spec, (), str(error))


def _refuse_long(spec: ModelSpec) -> None:
    if spec.input_length > MAX_INLINE_WINDOW:
        raise UserError(
            f"{spec.name} reads {spec.input_length:,} bp at once, which takes too long to wait for; score the variant as a "
            "job under Many variants, or by cislens variants."
        )


def _rows(view: View, spec: ModelSpec, found: Effect, reads: Profiles | None, asker: Asker) -> tuple[TrackEffect, ...]:
    """The table, the largest change in standard deviations of its track first."""
    rows = [
        TrackEffect(
            name=name,
            index=index,
            biosample=spec.tracks[index].biosample,
            before=float(found.before[index]),
            after=float(found.after[index]),
            delta=float(found.delta[index]),
            spread=float(found.spread[index]) if spec.n_members > 1 else None,
            low=float(found.low[index]),
            high=float(found.high[index]),
            agree=bool(found.signs_agree[index]),
            sds=abs(float(found.delta[index])) / spec.tracks[index].sd,
            unit=unit_of(spec, index, "explained"),
            formula=formula_of(spec, index),
            rank=_rank(view, spec.tracks[index].name, asker),
            divergence=None if reads is None else float(reads.divergence[index]),
        )
        for name, index in tracks_shown(spec)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.sds, row.index)))


def formula_of(spec: ModelSpec, index: int) -> str:
    """How the effect on a track is made of REF and ALT, with its unit."""
    track = spec.tracks[index]
    if track.kind == "profile":
        return f"ln(1 + ALT) − ln(1 + REF), total {track.unit} in the window"
    return f"ALT − REF, {track.unit}"


def _rank(view: View, track: str, asker: Asker) -> Rank:
    """Where the effect stands on one track; several variants together are ranked nowhere."""
    if len(view.edits) != 1:
        return Rank(None, NO_RANK)
    return compute.effect_percentile(replace(view, track=track, reduce="mean"), view.edits[0], asker)[1]


def _sweep(view: View, spec: ModelSpec, asker: Asker) -> Sweep:
    return compute.cache().get(
        ("sweep", spec.model_id, *compute.place_key(view), view.edits),
        lambda: sweep(
            compute.runner(spec, asker), spec, compute.reference(view, asker), view.edits, progress=asker.progress
        ),
        wait=asker.wait,
    )


def _profiles(view: View, spec: ModelSpec, asker: Asker) -> Profiles | None:
    return compute.cache().get(
        ("profiles", spec.model_id, *compute.place_key(view), view.edits),
        lambda: profiles(compute.runner(spec, asker), spec, compute.reference(view, asker), view.edits),
        wait=asker.wait,
    )


def _motif_changes(view: View, spec: ModelSpec, ref: Answer, alt: Answer, asker: Asker) -> tuple[MotifChange, ...]:
    """Motifs made or broken, each with what the contributions of its allele say of it."""
    explained = ref.attribution is not None and alt.attribution is not None
    key = ("motif changes", spec.model_id, *_explained_by(view), explained)

    def compared() -> tuple[MotifChange, ...]:
        sd = spec.tracks[spec.track_index(view.track)].sd
        if ref.attribution is None or alt.attribution is None:
            return motif_changes(ref.sequence, alt.sequence, view.edits)
        parts = [found.sequence.part(*found.whole) for found in (ref.attribution, alt.attribution)]
        values = [found.values[slice(*found.whole)] for found in (ref.attribution, alt.attribution)]
        return motif_changes(parts[0], parts[1], view.edits, values=(values[0], values[1]), sd=sd)

    return compute.cache().get(key, compared, wait=asker.wait)


def _explained_by(view: View) -> tuple[Hashable, ...]:
    return *compute.place_key(view), view.edits, view.track, view.reduce, view.method, view.baseline, view.seed


def _elements(found: Answer, edits: tuple[Variant, ...]) -> tuple[Element, ...]:
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
        Element(call.motif.name, call.q_value, call.contribution)
        for call in found.calls
        if call.named and call.motif is not None and over(call)
    )


def _motif_words(elements: tuple[tuple[Element, ...], tuple[Element, ...]], changed: tuple[MotifChange, ...]) -> str:
    """One sentence on what is made or broken: by the letters where they say so, else by letters alone with support."""
    names = [{element.name: element for element in side} for side in elements]
    for side, other, verb in ((0, 1, "breaks"), (1, 0, "makes")):
        lost = [element for name, element in names[side].items() if name not in names[other]]
        if lost:
            return (
                f"It {verb} an element of the contributions that resembles {lost[0].name} (q = {lost[0].q_value:.1e})."
            )
    both = [(element, names[1][name]) for name, element in names[0].items() if name in names[1]]
    moved = [pair for pair in both if _share(*pair) >= LEAST_SHARE]
    if moved:
        ref, alt = moved[0]
        verb = "weakens" if abs(alt.contribution) < abs(ref.contribution) else "strengthens"
        return f"It {verb} an element of the contributions that resembles {ref.name}."
    backed = [change for change in changed if change.support in ("strong", "weak")]
    if backed:
        verbs = {"broken": "breaks", "made": "makes", "weakened": "weakens", "strengthened": "strengthens"}
        return (
            f"It {verbs[backed[0].kind]} a match to the motif {backed[0].motif.name}, in letters that the model uses."
        )
    return ""


def _share(ref: Element, alt: Element) -> float:
    """How much of an element's contributions changes, as a share of the larger."""
    larger = max(abs(ref.contribution), abs(alt.contribution))
    return abs(alt.contribution - ref.contribution) / larger if larger else 0.0


def _short(bases: str) -> str:
    return bases if len(bases) <= 12 else f"{len(bases):,} bp"


def _part(asker: Asker, start: float, end: float) -> Asker:
    """The asker, whose progress covers a part of the whole."""
    progress = asker.progress
    if progress is None:
        return asker
    return replace(asker, progress=lambda done: progress(start + done * (end - start)))
