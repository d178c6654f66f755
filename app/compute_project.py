"""What people make, kept in a project of the store, and taken from it again. No Streamlit here."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

from app import compute_measure
from app.compute_measure import Taken
from experiment import refine, refine_rows, refine_steps
from experiment.design import Design
from experiment.hypothesis import Hypothesis
from experiment.measurements import Measurements
from experiment.oracle import Ordered
from experiment.refine import Refinement
from experiment.store import Store, open_store
from experiment.store_records import Kind, Project
from experiment.verdict import Verdict, row_weights
from genome.errors import UserError


@dataclass(frozen=True)
class Kept:
    """What was kept.

    Attributes:
        number: of the record, among those of its kind.
        words: what it was, for people.
    """

    number: int
    words: str


def project(name: str) -> Project:
    """The project of that name, which is made if it is not there.

    Raises:
        UserError: when that is no name, or the store cannot be opened.
    """
    kept = open_store()
    number = kept.add_project(name)
    return next(one for one in kept.projects() if one.id == number)


def keep_design(where: int, design: Design) -> Kept:
    """Keeps a design with each of its elements and its hypotheses; twice the same is there once."""
    number = open_store().add_design(where, design.to_json())
    n = len(design.hypotheses)
    return Kept(number, f"{_counted(n, 'hypothesis', 'hypotheses')} and the design {design.name}")


def keep_measurements(
    where: int, taken: Taken, upload: bytes, claims: Seq[Hypothesis] = (), judged: Seq[Verdict] = ()
) -> Kept:
    """Keeps measurements with the bytes that they were read from, and what they say of hypotheses.

    Args:
        where: number of the project.
        taken: what was made of the upload.
        upload: its bytes.
        claims: hypotheses whose constructs may be among them.
        judged: verdicts on them; empty where nothing was judged.
    """
    kept, measured = open_store(), taken.measured
    design = _design_of(kept, where, measured)
    number = kept.add_measurements(where, measured.to_json(), io.BytesIO(upload), design=design)
    for one in claims:
        kept.add_hypothesis(where, one.to_json())
    for found in judged:
        hypothesis = kept.add_hypothesis(where, found.hypothesis.to_json())
        kept.add_verdict(hypothesis, found.to_json(), measurements=number)
    words = f"{measured.name}, {_counted(len(measured.names), 'element', 'elements')}"
    if design is not None:
        words += f" of the design {kept.record('designs', design)['name']}"
    counts = Counter(found.word for found in judged)
    if counts:
        words += f", and {_counted(len(judged), 'verdict', 'verdicts')}"
        words += f" ({', '.join(f'{n:,} {word}' for word, n in counts.items())})"
    return Kept(number, words)


def keep_refinement(where: int, found: Refinement) -> Kept:
    """Keeps a refinement and the model that it made, which has its place in the lineage from now on."""
    number = open_store().add_refinement(where, found.to_json(), refine.place(found.plan) / refine_steps.MODEL)
    return Kept(number, f"the refinement of {found.parent} and its model {found.child}")


def claims_of(design: int) -> tuple[tuple[Hypothesis, ...], tuple[Ordered, ...]]:
    """The hypotheses of a design that was kept, and every construct that it knows by name."""
    return compute_measure.claims_of(json.dumps(open_store().record("designs", design)))


def designs() -> dict[int, str]:
    """Number -> project and name of every MPRA design that is kept, the newest first."""
    return _named(open_store(), "designs", "elements")


def measured() -> dict[int, str]:
    """Number -> project and name of all measurements that a model can be refined with, the newest first."""
    return _named(open_store(), "measurements", "rows")


def training_table(measurements: int) -> tuple[str, bytes]:
    """Measurements as a table to refine with: its name and its bytes, the same each time.

    Replicates become their mean. Constructs of hypotheses that these measurements refuted count more, as
    ``experiment.verdict`` says: the model was wrong about them.

    Raises:
        UserError: when they say no bases.
    """
    kept = open_store()
    found = Measurements.from_json(kept.record("measurements", measurements))
    rows = [row for row in refine_rows.rows_of(found.rows) if row.bases]
    if not rows:
        raise UserError(
            f"{found.name} says no bases of its elements; read it again beside its design on the Measure page, and keep it."
        )
    weights = row_weights(_verdicts(kept, measurements), [row.name for row in rows])
    weighted = [replace(row, weight=float(weight)) for row, weight in zip(rows, weights, strict=True)]
    return f"{found.name[:60]} ({found.digest[:12]})", refine_rows.as_table(weighted)


def refuted(measurements: int) -> int:
    """How many hypotheses these measurements refuted."""
    return sum(one.word == "refuted" for one in _verdicts(open_store(), measurements))


def _named(kept: Store, kind: Kind, rows: str) -> dict[int, str]:
    projects = {one.id: one.name for one in kept.projects()}
    return {
        one.id: f"{projects[one.project]}: {one.columns['name']} ({one.columns['n_rows']:,} {rows})"
        for one in kept.entries(kind)
        if one.columns["assay"] == "MPRA"
    }


def _verdicts(kept: Store, measurements: int) -> tuple[Verdict, ...]:
    """The newest verdict of these measurements on each hypothesis, without its numbers."""
    newest: dict[int, int] = {}
    for entry in kept.entries("verdicts"):
        if entry.columns["measurements"] == measurements:
            newest.setdefault(entry.columns["hypothesis"], entry.id)
    found = []
    for hypothesis, number in newest.items():
        record = kept.record("verdicts", number)
        claim = Hypothesis.from_json(kept.record("hypotheses", hypothesis))
        told = record["smallest"], record["replicates"], record["reason"]
        found.append(Verdict(claim, record["verdict"], None, None, None, *told))
    return tuple(found)


def _design_of(kept: Store, where: int, measured: Measurements) -> int | None:
    """The newest design of a project that ordered at least half of what was measured; None without one."""
    names = set(measured.names)
    for entry in kept.entries("designs", where):
        if 2 * len(names & {element["name"] for element in kept.elements(entry.id)}) >= len(names) > 0:
            return entry.id
    return None


def _counted(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
