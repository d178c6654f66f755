"""Measurements that somebody gives: read, judged, and laid beside what a model says. No Streamlit here."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from app import compute
from app.compute import Asker
from app.view import is_link
from experiment import measurements_crispri as crispri
from experiment import oracle, verdict
from experiment.hypothesis import Hypothesis
from experiment.measurements import CONTROLS, Measurements
from experiment.measurements_beside import Beside, beside, predict
from experiment.measurements_crispri import Pairs, Ranking
from experiment.measurements_layout import Kind, Layout, recognise
from experiment.measurements_quality import Quality, quality
from experiment.measurements_read import digest_of, of_variants, read
from experiment.oracle import Ordered
from experiment.verdict import Verdict
from genome.catalog import genomes, open_genome
from genome.errors import UserError
from genome.locus import Locus
from genome.sandbox import ASSETS
from genome.variant_lines import Source
from interpret.measured import parse_measured
from interpret.whatif import MOST_UNKNOWN, answers
from models import intervals, registry
from models.core import ModelSpec
from models.shuffle import codes_of

MAX_UPLOAD = 50 << 20  # bytes on the page; the command line reads files of any size
MAX_HYPOTHESES = 5_000
CLAIMS = ASSETS / "claims.json"
EXAMPLE_SEED = 7
WORDS: dict[Kind, str] = {
    "counts": "MPRA, counts by barcode",
    "activities": "MPRA, activities",
    "pairs": "CRISPRi, element-gene pairs",
    "variants": "Measured effects of changes",
}


@dataclass(frozen=True)
class Taken:
    """What was made of a table.

    Attributes:
        layout: how it was recognised.
        measured: the measurements.
        quality: their report; None for element-gene pairs, which have their own.
        pairs: the element-gene pairs; None for other assays.
    """

    layout: Layout
    measured: Measurements
    quality: Quality | None
    pairs: Pairs | None

    @property
    def kind(self) -> Kind:
        """What it holds."""
        return self.layout.kind


def take(source: Source, name: str, *, fewest_barcodes: int = 1) -> Taken:
    """Reads a table of any assay that is known here.

    Args:
        source: the file, or pasted text.
        name: what it is called.
        fewest_barcodes: elements with fewer in a replicate are left out of it, where barcodes are counted.

    Raises:
        UserError: when it is none of these tables.
    """
    shown = " ".join(name.split())[-60:] or "the table"
    layout = recognise(source)
    if layout.kind == "pairs":
        pairs = crispri.read_pairs(source, shown)
        return Taken(layout, crispri.as_measurements(pairs), None, pairs)
    if layout.kind == "variants":
        found = of_variants(parse_measured(shown, _bytes(source)), digest_of(source))
        return Taken(layout, found, quality(found), None)
    measured = read(source, shown, fewest_barcodes=fewest_barcodes)
    return Taken(layout, measured, quality(measured), None)


def compared(taken: Taken, model: str, track: str, asker: Asker) -> Beside:
    """What a model says of measured elements, beside what was measured.

    Raises:
        UserError: when nothing can be predicted.
    """
    spec = registry.spec(model)
    compute.check_track(spec, track)
    key = (
        "measured elements",
        taken.measured.digest,
        taken.measured.name,
        len(taken.measured.rows),
        spec.model_id,
        track,
    )

    def made() -> Beside:
        rows = predict(compute.runner(spec, asker), spec, track, taken.measured, progress=asker.progress)
        return beside(rows, spec, track, intervals.calibration(spec.model_id), unit=taken.measured.unit)

    return compute.cache().get(key, made, wait=asker.wait)


def fitting_model(taken: Taken) -> str:
    """The model that a table is asked of unless somebody chooses: of reporters, the one whose window is closest.

    A table that says no bases says nothing of a window: the first of them, not the one with the smallest.
    """
    specs = [spec for spec in registry.specs() if spec.noise] or list(registry.specs())
    lengths = [len(row.bases) for row in taken.measured.rows[:1_000] if row.bases]
    if not lengths:
        return specs[0].model_id
    typical = sorted(lengths)[len(lengths) // 2]
    return min(specs, key=lambda spec: abs(spec.input_length - typical)).model_id


def link_of(found: Beside, index: int, spec: ModelSpec, track: str) -> dict[str, str]:
    """The address of an element in Cislens, after the ``?``: where it came from, else its own bases."""
    own = dict(parse_qsl(found.rows.links[index].rpartition("?")[2]))
    if is_link(own):
        return own
    view = compute.pasted_view(spec.model_id, track, _locus_name(found.rows.names[index]), found.rows.bases[index])
    return view.to_query()


def claims_of(text: str | bytes) -> tuple[tuple[Hypothesis, ...], tuple[Ordered, ...]]:
    """The hypotheses of a file in JSON, and every construct that it knows by name.

    A list of hypotheses, an object with one under ``hypotheses``, or the manifest of a design, whose ``elements`` say which
    constructs are controls and where each came from.

    Raises:
        UserError: when it holds neither.
    """
    try:
        content = json.loads(text)
        listed, elements = (
            (content.get("hypotheses", []), content.get("elements", [])) if isinstance(content, dict) else (content, [])
        )
        if len(listed) > MAX_HYPOTHESES:
            raise UserError(f"This file has {len(listed):,} hypotheses; up to {MAX_HYPOTHESES:,} are judged at once.")
        found = tuple(Hypothesis.from_json(one) for one in listed)
        known = {one.name: one for one in oracle.ordered(found)}
        for one in elements:
            control = one["arm"] if one["arm"] in CONTROLS else ""
            known[one["name"]] = Ordered(one["name"], one["bases"], control, str(one.get("link", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError("This is no file of hypotheses; give the JSON that the Design page writes.") from error
    if not known:
        raise UserError("This file holds no hypothesis and no construct.")
    return found, tuple(known.values())


def judged(hypotheses: tuple[Hypothesis, ...], taken: Taken, smallest: float) -> tuple[Verdict, ...]:
    """What the measurements say of each hypothesis.

    Raises:
        UserError: when the table is no MPRA, or none of its elements is a construct of theirs.
    """
    if taken.measured.assay != "MPRA":
        raise UserError("Hypotheses are judged by an MPRA of their constructs; this table is of another assay.")
    named = {part.name for one in hypotheses for part in one.interventions}
    if not named & set(taken.measured.names):
        raise UserError("No element of the table has the name of a construct of these hypotheses; compare the names.")
    return verdict.verdicts(hypotheses, taken.measured, smallest=smallest)


def example() -> tuple[tuple[Hypothesis, ...], Taken]:
    """Claims of a network that learned a correlate in the sandbox, and what the sandbox's own grammar measures of them."""
    hypotheses, constructs = claims_of(CLAIMS.read_bytes())
    measured = oracle.measure(constructs, seed=EXAMPLE_SEED)
    layout = Layout("activities", None, (), {})
    return hypotheses, Taken(layout, measured, quality(measured), None)


def ranked_elements(taken: Taken, genome: str, model: str, track: str, asker: Asker) -> tuple[Ranking | None, int]:
    """How well an element's own predicted activity finds regulated pairs, and how many elements lie in a genome.

    Args:
        taken: element-gene pairs.
        genome: name of the genome that they are counted in.
        model: which model.
        track: which track.
        asker: who asks.
    """
    pairs = taken.pairs
    if pairs is None:
        raise ValueError("no element-gene pairs")
    spec, source = registry.spec(model), open_genome(genome, remote_allowed=False)
    bases: dict[Locus, str] = {}
    for one in pairs.elements:
        if one.end <= source.contigs.get(one.chrom, 0):
            letters = source.sequence(one.resized(spec.input_length)).bases
            if letters.count("N") <= MOST_UNKNOWN * spec.input_length:
                bases[one] = letters
    if not bases:
        return None, 0
    run = compute.engine().runner(spec.model_id, session=asker.session, priority="batch")
    codes = np.stack([codes_of(letters) for letters in bases.values()])
    found = answers(run, spec, codes, "explained", asker.progress).mean(axis=1)[:, spec.track_index(track)]
    scores = dict(zip(bases, found.tolist(), strict=True))
    words = f"predicted {track} of the element alone ({spec.name})"
    values = [scores.get(one.element, float("nan")) for one in pairs.rows]
    return crispri.ranked(pairs.rows, values, words), len(bases)


def genomes_of(build: str) -> tuple[str, ...]:
    """Genomes of an assembly that are on this computer."""
    return tuple(entry.name for entry in genomes() if entry.build == build and entry.is_local)


def without_bases(taken: Taken) -> bool:
    """Whether nothing can be predicted because no element has a sequence."""
    return not any(row.bases for row in taken.measured.rows)


def with_constructs(taken: Taken, constructs: tuple[Ordered, ...]) -> Taken:
    """The same table with what an order sheet knows of its elements by name: bases, links, which are controls."""
    known = {one.name: one for one in constructs}
    if not known.keys() & set(taken.measured.names):
        return taken
    rows = tuple(
        row
        if (one := known.get(row.name)) is None
        else replace(row, bases=row.bases or one.bases, link=row.link or one.link, control=row.control or one.control)
        for row in taken.measured.rows
    )
    measured = replace(taken.measured, rows=rows)
    return replace(taken, measured=measured, quality=quality(measured) if taken.quality is not None else None)


def _locus_name(name: str) -> str:
    """A name that can stand where a chromosome does."""
    return "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in name)[:40] or "element"


def _bytes(source: Source) -> bytes:
    if isinstance(source, str):
        return source.encode("utf-8", "surrogateescape")
    if isinstance(source, Path):
        return source.read_bytes()
    source.seek(0)
    return io.BytesIO(source.read()).getvalue()


def sentence(found: Beside) -> str:
    """What came of laying predictions beside measurements, in one or two sentences for people."""
    n = len(found.rows.names)
    if found.correlation is None:
        said = f"{n:,} elements, too few for a correlation."
    else:
        said = f"Predicted and measured agree with r = {found.correlation[0]:.2f} (rank {found.correlation[1]:.2f}) over {n:,} elements."
    if found.coverage is None:
        return f"{said} {found.rule}"
    as_stated = "as the model states" if found.coverage.as_stated else _other(found)
    alarmed = found.drift is not None and found.drift.alarm_at is not None
    after = "" if found.drift is None else (
        f" Something has changed since the model was calibrated: the alarm came after {found.drift.alarm_at:,} elements."
        if alarmed
        else " Nothing says that the rule has changed since the model was calibrated."
    )  # fmt: skip
    return (
        f"{said} {100 * found.coverage.share:.0f} % lie within the model's {100 * found.coverage.confidence:.0f} % interval, "
        f"{as_stated}.{after}"
    )


def ranking_words(found: Ranking) -> str:
    """How well something finds regulated pairs."""
    return (
        f"Area under precision and recall by {found.score}: {found.area.value:.3f} ({found.area.low:.3f} to {found.area.high:.3f}); "
        f"{found.chance:.3f} by chance, {found.regulated:,} regulated of {found.n:,} pairs."
    )


def _other(found: Beside) -> str:
    coverage = found.coverage
    if coverage is not None and coverage.share > coverage.high:
        return "more than stated: these measurements are less noisy, or easier, than those it was calibrated on"
    return "fewer than stated: the model is surer of these elements than it should be"
