"""A set of sequences beside a model's training data: what is unlike, why, and what that does to the predictions."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app import compute
from app.compute import Asker
from app.compute_shift import features_of, organism_of, reference_of, runner
from app.set_rows import MAX_ROWS, SequenceSet, SetRow, is_intervals, read_places, read_sequences
from app.view import MAX_LINKED_BASES, PASTED, View
from genome.catalog import genome_entry, open_genome
from genome.errors import UserError
from genome.sequence import fitted
from interpret.wording import LOG_ODDS
from models.composition import unknown_share
from models.core import ModelSpec
from models.shift import FALSE_ALARMS, MEASURES, Reference, Verdict, codes_from, judge, outside, percent
from models.shift_build import predicted
from models.shift_kinds import (
    concept_drift,
    conformal_p_values,
    imbalance,
    prior_by_em,
    shift_of_predictions,
)

MAX_BASES = 40_000_000  # of all windows together: a long window allows fewer rows
FEWEST = 20  # sequences from which a sentence on the whole set is worth saying
STANDINGS = {"like": "like", "edge": "at the edge", "unlike": "unlike", "unknown": "not known"}
_CHUNK = 1_024


@dataclass(frozen=True)
class SetReport:
    """What was found of a set.

    Attributes:
        spec: the model.
        reference: its training data in short, or None where the model has no such file.
        genome: name of the genome that the rows' loci belong to, or ``pasted``.
        rows: the sequences.
        problems: sentences on rows that were left out.
        verdicts: one per row.
        measures: float64 (n, 4), MEASURES of the window that was read; NaN where not known.
        unknown: float64 (n,), share of N in that window.
        answers: float32 (n, tracks), in each track's unit.
        scope: sentences on what the model was not trained for.
    """

    spec: ModelSpec
    reference: Reference | None
    genome: str
    rows: tuple[SetRow, ...]
    problems: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    measures: npt.NDArray[np.float64]
    unknown: npt.NDArray[np.float64]
    answers: npt.NDArray[np.float32]
    scope: tuple[str, ...]

    def count(self, standing: str) -> int:
        """How many rows have a standing."""
        return sum(verdict.standing == standing for verdict in self.verdicts)


def read_set(name: str, text: str, genome: str, spec: ModelSpec, asker: Asker) -> tuple[SequenceSet, str]:
    """The sequences of an upload or a paste, and the genome that their places belong to (``pasted`` without places).

    Raises:
        UserError: when nothing in it can be used, or it is too large.
    """
    if not is_intervals(name, text):
        return read_sequences(text), PASTED
    if genome == PASTED:
        raise UserError("These are intervals on a genome; choose the genome that they belong to.")
    source = open_genome(genome, remote_allowed=asker.remote_allowed)
    remote = not genome_entry(genome).is_local
    return read_places(name, text, source, spec.input_length, remote=remote), genome


def report(spec: ModelSpec, found: SequenceSet, genome: str, asker: Asker, *, biosample: str = "") -> SetReport:
    """Predicts and judges every sequence of a set; interactive work of others goes first.

    A sequence shorter than the window stands in its middle with N around it; of a longer one the central window is read.

    Raises:
        UserError: when the set is too large for the model's window.
    """
    most = min(MAX_ROWS, MAX_BASES // spec.input_length)
    if len(found.rows) > most:
        raise UserError(f"This set has {len(found.rows):,} sequences; {spec.name} takes at most {most:,} at once.")
    reference = reference_of(spec)
    codes = codes_from([fitted(row.bases, spec.input_length) for row in found.rows])
    run, parts = runner(spec, asker, "batch"), []
    for first in range(0, len(codes), _CHUNK):
        parts.append(_part(spec, reference, codes[first : first + _CHUNK], run))
        asker_progress(asker, min(1.0, (first + _CHUNK) / len(codes)))
    verdicts = tuple(verdict for part in parts for verdict in part[0])
    measures = np.array([v.measures or (np.nan,) * len(MEASURES) for v in verdicts], dtype=np.float64)
    organism = organism_of(genome) if genome != PASTED else ""
    scope = outside(spec, reference.organism if reference else "", organism, biosample=biosample)
    answers = np.concatenate([part[1] for part in parts])
    return SetReport(
        spec, reference, genome, found.rows, found.problems, verdicts, measures, unknown_share(codes), answers, scope
    )


def asker_progress(asker: Asker, done: float) -> None:
    """Tells the asker how far it is; may raise to give up."""
    if asker.progress is not None:
        asker.progress(done)


def findings(found: SetReport, track: str) -> tuple[tuple[str, str], ...]:
    """What the four tests of shift say of the set, each with its name: covariate, label, imbalance and concept."""
    index, n = found.spec.track_index(track), len(found.rows)
    said = [("The sequences", _covariate(found))]
    if n < FEWEST:
        said.append(("The whole set", f"{n} sequences are too few to say more; give at least {FEWEST}."))
        return tuple(said)
    values = found.answers[:, index]
    if found.reference is not None:
        said.append(("The predictions", _label(found, values, found.reference.answers[index], index)))
    pairs = [(row.measured, values[i]) for i, row in enumerate(found.rows) if row.measured is not None]
    if len(pairs) >= FEWEST:
        measured, answers = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
        said.append(("The measurements", _imbalance(measured, answers, found.spec.tracks[index].unit)))
        said.append(("The rule", _concept(found.reference, index, np.abs(measured - answers))))
    return tuple(said)


def table(found: SetReport, track: str, address: str) -> dict[str, list[Any]]:
    """Columns of the table of rows, strangest first; ``address`` is where the Locus screen is served.

    A row with a place links to it; one without, to itself as a pasted sequence where a link can hold it.
    """
    index = found.spec.track_index(track)
    strange = [-1.0 if np.isnan(v.stranger_than) else v.stranger_than for v in found.verdicts]
    n_share_first = sorted(range(len(found.rows)), key=lambda i: (-_rank(found.verdicts[i]), -strange[i], i))
    columns: dict[str, list[Any]] = {name: [] for name in ("name", "place", "standing", "why", "look")}
    columns |= {name: [] for name in ("GC", "words, bits per base", "repeats", "network distance", "N", track)}
    for i in n_share_first:
        row, verdict = found.rows[i], found.verdicts[i]
        view = _view(found, row, track)
        cells = [row.name, str(row.locus or ""), STANDINGS[verdict.standing], "; ".join(verdict.reasons)]
        cells.append(view.link(address) if view is not None else "")
        numbers = [*found.measures[i], found.unknown[i], found.answers[i, index]]
        for name, cell in zip(columns, [*cells, *(_number(value) for value in numbers)], strict=True):
            columns[name].append(cell)
    return columns


def as_csv(columns: dict[str, list[Any]], spec: ModelSpec) -> str:
    """The table as CSV with the model's id in every row; text that a spreadsheet would take for a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, "model"])
    for row in zip(*columns.values(), strict=True):
        writer.writerow([*(_harmless(cell) for cell in row), spec.model_id])
    return out.getvalue()


def _part(
    spec: ModelSpec, reference: Reference | None, codes: npt.NDArray[np.int8], run: Any
) -> tuple[tuple[Verdict, ...], npt.NDArray[np.float32]]:
    """Verdicts and answers of some rows."""
    answers = predicted(run, spec, codes)
    if reference is None:
        return (Verdict("unknown"),) * len(codes), answers
    from models.shift import encoded

    return judge(reference, codes, features_of(spec, reference, encoded(codes), run, None)), answers


def _covariate(found: SetReport) -> str:
    if found.reference is None:
        return "It is not known what this model was trained on, so nothing can be said of how alike they are."
    n, unlike, edge = len(found.rows), found.count("unlike"), found.count("edge")
    return (
        f"{unlike:,} of {n:,} ({percent(unlike / n)}) are unlike the training data and {edge:,} ({percent(edge / n)}) at "
        f"its edge; of sequences like it, {percent(FALSE_ALARMS)} and {percent(FALSE_ALARMS)} are."
    )


def _label(found: SetReport, values: npt.NDArray[np.float32], known: npt.NDArray[np.float32], index: int) -> str:
    track = found.spec.tracks[index]
    moved = shift_of_predictions(values, known)
    chance = "below 0.001" if moved.p_value < 0.001 else f"{moved.p_value:.3f}"
    text = (
        f"Their median is {moved.median_moved:+.2f} {track.unit} from that of held-out training-like sequences; the two "
        f"distributions differ by {moved.distance:.2f} (Kolmogorov-Smirnov, p {chance})."
    ).replace("+-", "-")
    if track.unit == LOG_ODDS:
        share = prior_by_em(values)
        text += f" About {percent(share)} would be bound, if bound and unbound look as they did in training."
    return text


def _imbalance(measured: npt.NDArray[np.float64], answers: npt.NDArray[np.float64], unit: str) -> str:
    bins = [one for one in imbalance(measured, answers) if one.n]
    fewest, worst = min(bins, key=lambda one: one.n), max(bins, key=lambda one: one.error)
    return (
        f"{len(measured):,} measured values; the emptiest fifth of their range ({fewest.low:.2f} to {fewest.high:.2f}) holds "
        f"{fewest.n:,}. The error is largest from {worst.low:.2f} to {worst.high:.2f}: {worst.error:.2f} {unit}, of which "
        f"{worst.bias:+.2f} is bias."
    )


def _concept(reference: Reference | None, index: int, residuals: npt.NDArray[np.float64]) -> str:
    known = reference.residuals[index] if reference is not None else np.zeros(0, np.float32)
    known = known[np.isfinite(known)]
    if not len(known):
        return "Whether the rule changed cannot be told: the model's own errors on held-out rows are not known here."
    drift = concept_drift(conformal_p_values(residuals, known))
    if drift.alarm_at is not None:
        return (
            f"From measurement {drift.alarm_at:,} on, the errors are not those of held-out rows any more (a bet against it "
            f"grew a hundredfold): the model's intervals do not hold here."
        )
    return (
        f"The errors are like those on held-out rows (a bet against it stands at {drift.wealth[-1]:.2f} of its stake)."
    )


def _view(found: SetReport, row: SetRow, track: str) -> View | None:
    if row.locus is not None:
        return View(found.spec.model_id, found.genome, row.locus, track)
    if len(row.bases) > MAX_LINKED_BASES:
        return None
    return compute.pasted_view(found.spec.model_id, track, "pasted", row.bases)


def _rank(verdict: Verdict) -> int:
    return ("unknown", "like", "edge", "unlike").index(verdict.standing)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell
