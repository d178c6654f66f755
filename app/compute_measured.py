"""A person's own measurements beside what is predicted of the same alleles. No Streamlit here.

The table is handed in and never kept: it stays in the session of who gave it. What is predicted of its alleles is cached.
"""

from __future__ import annotations

from dataclasses import replace

from app import compute
from app.answer import Answer
from app.compute import Asker
from app.compute_mutagenesis import MOST_SECONDS, PROMPT_SECONDS, TakesTime, in_words
from app.view import View
from genome import catalog
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.variant_rows import VariantRow, in_chunks
from interpret import measured_match
from interpret.measured import LOG2, MeasuredTable
from interpret.measured_beside import Comparison, Guess, guesses_among
from interpret.measured_match import Matched
from interpret.measured_residuals import Residuals, half_widths, residuals
from interpret.variants import score
from models import registry

_CHUNK = 200  # variants between two words of progress


def build_of(view: View) -> str:
    """The assembly of the view; of pasted bases there is none."""
    return next((entry.build for entry in catalog.genomes() if entry.name == view.genome), view.genome)


def matched(
    view: View, table: MeasuredTable, asker: Asker, *, element: str | None = None, typed: float | None = None
) -> Matched:
    """The measurements of a table in the locus that is looked at, each with its change of the genome.

    Args:
        view: what is looked at.
        table: the measured effects.
        asker: who asks.
        element: which of the table's; the one with most measurements here unless given.
        typed: a ceiling that somebody states.
    """
    genome = compute.genome(view, asker)
    return measured_match.match(
        table, genome, view.locus, build_of(view), element=element, edits=view.edits, typed=typed
    )


def longer(found: Matched) -> tuple[Variant, ...]:
    """The alleles that a map of substitutions has no cell for."""
    return tuple(one.variant for one in found.matches if one.kind != "substitution")


def predicted(
    view: View, variants: tuple[Variant, ...], asker: Asker, *, patient: bool = False
) -> dict[Variant, Guess]:
    """What the model says of each allele alone, in windows around it, on the track of the view.

    One that cannot be scored (too long for the window, too much N) is not among them.

    Args:
        view: what is looked at; its edits play no part.
        variants: the alleles, REF checked and left-normalised.
        asker: who asks.
        patient: whether somebody asked for it, knowing how long it takes.

    Raises:
        TakesTime: when it takes longer than anybody would wait for unasked.
        UserError: when it takes longer than the page does, or another scalar than the track's usual one is looked at.
    """
    spec = registry.spec(view.model)
    index = spec.track_index(view.track)
    if view.reduce is not None and view.reduce != spec.tracks[index].reductions[0]:
        raise UserError("Deletions and insertions are predicted for the usual scalar of a track only; choose counts.")
    wanted = seconds(view, len(variants))
    if wanted > MOST_SECONDS:
        raise UserError(
            f"That takes about {in_words(wanted)} here, and the page waits {in_words(MOST_SECONDS)} at most."
        )
    if wanted > PROMPT_SECONDS and not patient:
        raise TakesTime(f"That takes about {in_words(wanted)} here.")
    rows = tuple(
        VariantRow(
            number, one.chrom, one.position, "", one.ref, one.alt,
            variant=one, locus=Locus(one.chrom, one.start, max(one.end, one.start + 1)),
        )
        for number, one in enumerate(variants, 1)
    )  # fmt: skip

    def scored() -> dict[Variant, Guess]:
        progress = asker.progress
        share = None if progress is None else lambda done: progress(done / len(rows))
        found: dict[Variant, Guess] = {}
        run = compute.runner(spec, asker)
        for chunk in score(run, spec, compute.genome(view, asker), in_chunks(rows, _CHUNK), progress=share):
            found |= guesses_among(chunk, spec, view.track)
        return found

    key = ("measured alleles", spec.model_id, *compute.place_key(view), view.track, variants)
    return compute.cache().get(key, scored, wait=asker.wait) if rows else {}


def seconds(view: View, variants: int) -> float:
    """How long scoring that many alleles takes, from the measured pace: windows around each allele and its reference."""
    spec = registry.spec(view.model)
    return 2 * spec.placements * variants * compute.engine().pace(spec.model_id).row_seconds


def parted(found: Answer, shown: Comparison, unit: str) -> Residuals | None:
    """Where measured effects part from predicted ones, with the model's interval along the locus where it has one.

    Args:
        found: the answer on screen.
        shown: the pairs.
        unit: of the table.
    """
    track = found.spec.track_index(found.view.track)
    band, prediction = found.band, found.prediction
    half = None
    if band is not None:
        half = half_widths(shown, prediction.starts, prediction.ends, band.low[track], band.high[track])
    same = unit == LOG2 and found.spec.tracks[track].unit.lower().startswith("log2")
    return residuals(shown, half, same_unit=same, confidence=0.9 if band is None else band.confidence)


def with_change(view: View, variant: Variant) -> View:
    """The same place with one change made, in the panel that says what it does."""
    return replace(view, edits=(*view.edits, variant), panel="edit")
