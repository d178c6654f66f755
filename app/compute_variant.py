"""What one variant does: a question in, everything the Variants page says out, cached. No Streamlit here."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from app import answer as answers
from app import compute
from app.answer import Answer
from app.compute import Asker
from app.compute_variant_motifs import Element, elements_over, motif_words, motifs_changed
from app.limits import MAX_INLINE_WINDOW
from app.variant_question import VariantQuestion, asked_of
from app.view import View
from app.whatif_record import tracks_shown
from genome.errors import UserError
from genome.locus import Variant
from genome.resolve import checked_variant
from interpret.alleles import Profiles, Sweep, profiles, sweep
from interpret.background import TINY, Rank
from interpret.checks import Check
from interpret.effects import Effect, around, effect
from interpret.haplotype import Haplotype, haplotype
from interpret.motif_change import MotifChange
from interpret.pair_trust import pair_checks, pair_sentence
from interpret.whatif import known, unit_of
from models import registry
from models.core import ModelSpec

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
    source = compute.genome(view, asker)
    for edit in view.edits:
        checked_variant(edit, source)  # of a link, which may have been made on another build
    known(compute.shown_sequence(view, asker))
    found = placed_effect(view, view.edits, asker.part(0.0, 0.15))
    ref = answers.answer(replace(view, edits=()), asker.part(0.15, 0.5), thorough=thorough)
    alt = answers.answer(view, asker.part(0.5, 0.85), thorough=thorough)
    reads = _profiles(view, spec, asker)
    moved = _sweep(view, spec, asker.part(0.85, 0.98))
    elements = (elements_over(ref, view.edits), elements_over(alt, view.edits))
    changed = motifs_changed(view, spec, ref, alt, elements, asker)
    row = pair_checks(found, index, spec.tracks[index].sd, spec.n_members, (ref.checks, alt.checks))
    tiny = abs(float(found.delta[index])) < TINY * spec.tracks[index].sd
    motif = "" if tiny else motif_words(elements, changed)
    name = {at: told for told, one in tracks_shown(spec) for at in spec.strand_pair(one)}[index]
    said = pair_sentence(words_of(view.edits), spec, found, index, row, motif, name=name)
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
        return f"A haplotype of {len(edits)} variants at {edits[0].chrom}:{first + 1:,}–{last:,}"
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


def _short(bases: str) -> str:
    return bases if len(bases) <= 12 else f"{len(bases):,} bp"
