"""The networks of the causal loop: trained from nothing, offered by the registry, and refined by the product's own steps.

Which rows judge is stated in the tables, so no network, trained or refined, learned from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from experiment import refine, refine_steps
from experiment.measurements import LOG2_ACTIVITY, Measurements
from experiment.oracle import Ordered
from experiment.refine_fit import together
from experiment.refine_rows import Row, as_table, rows_of, weights_of
from experiment.refine_strategy import NAIVE, Strategy
from genome.home import folder
from genome.sandbox_build import Sandbox
from models import registry
from models.core import Model, ModelSpec, Track
from models.loop import Schedule, fit
from models.reporter_data import Elements
from models.reporter_task import ReporterRecipe, ReporterTask, standardised
from models.residual import Residual
from models.shuffle import codes_of
from models.write import write_model

TRACK, WINDOW = "activity", 200
VALID_SHARE, EARLY_SHARE = (
    0.25,
    1 / 7,
)  # of the elements: kept from all training; of the others, those that choose its best pass


@dataclass(frozen=True)
class Refined:
    """What the product made of a model and new rows.

    Attributes:
        model: the refined one.
        naive: its control, refined with nothing that holds the old.
        told: what was tried, what was chosen, and what the gate says.
    """

    model: Model
    naive: Model
    told: Mapping[str, Any]


def all_elements(genomes: Iterable[Sandbox]) -> list[Ordered]:
    """Every element of some simulated genomes."""
    return [
        Ordered(f"{genome.seed}-{one.name}", dict(genome.contigs)[one.locus.chrom][one.locus.start : one.locus.end])
        for genome in genomes
        for one in genome.elements
    ]


def table(measured: Measurements, weights: Mapping[str, float]) -> tuple[Row, ...]:
    """Measurements as the rows of a refinement: means over replicates, and which of them judge.

    An element and all its constructs, whose names begin with its own, are on one side.

    Args:
        measured: with bases.
        weights: name -> how much a construct counts while it is learned from; 1 where it is not named.
    """
    rows = rows_of(measured.rows)
    places = [row.name.split()[0] for row in rows]
    names = np.random.default_rng(6).permutation(np.unique(places)).tolist()
    valid = set(names[: round(VALID_SHARE * len(names))])
    return tuple(
        replace(row, weight=weights.get(row.name, 1.0), split="valid" if at in valid else "train", place=at)
        for row, at in zip(rows, places, strict=True)
    )


def learnt(rows: Seq[Row], sd: float) -> tuple[Elements, Elements]:
    """The rows that train, for a training from nothing: those that are fitted, and a seventh of the elements to choose the best pass.

    A row counts as in a refinement: by its noise, beside the track's sd, and by its weight.
    """
    rows = [row for row in rows if row.split == "train"]
    names, places = np.unique([row.place for row in rows], return_inverse=True)
    weights = weights_of([row.sd for row in rows], sd)
    codes, labels = np.stack([codes_of(row.bases) for row in rows]), np.array([[row.value] for row in rows], np.float32)
    counts = np.array([row.weight for row in rows], np.float32)
    every = Elements(codes, labels, weights * counts, places.astype(np.int64))
    early = np.random.default_rng(7).permutation(len(names))[: round(EARLY_SHARE * len(names))]
    chosen = np.isin(places, early)
    return every.chosen(~chosen), every.chosen(chosen)


def spec_of(name: str, members: int, sd: float) -> ModelSpec:
    """What a model of this benchmark says of itself."""
    track = Track(TRACK, "MPRA", "none (synthetic)", LOG2_ACTIVITY, sd=sd)
    title = "Learned from simulated elements"
    return ModelSpec(f"{name}-unwritten", name, title, WINDOW, 1, WINDOW, (track,), "average", members, noise=True)


def sd_of(rows: Seq[Row]) -> float:
    """Standard deviation of the values: what noise is weighed against."""
    return round(float(np.std([row.value for row in rows])), 4)


def first(name: str, old: Seq[Row], recipe: ReporterRecipe, members: int) -> Model:
    """Networks trained from nothing, which the registry offers under a name."""
    sd, place = sd_of(old), folder("models") / name
    networks = _fitted(name, [old], sd, recipe, members)
    write_model(spec_of(name, members, sd), recipe.architecture, recipe.options, networks, place)
    return registry.load_folder(place)


def anew(name: str, tables: Seq[Seq[Row]], recipe: ReporterRecipe, members: int) -> Model:
    """Networks trained from nothing on the rows of all tables, installed nowhere."""
    sd = sd_of(tables[0])
    return Model(spec_of(name, members, sd), _fitted(name, tables, sd, recipe, members))


def _fitted(name: str, tables: Seq[Seq[Row]], sd: float, recipe: ReporterRecipe, members: int) -> list[nn.Module]:
    """An ensemble; a network that was stopped goes on at the pass where it was."""
    train, early = (together(parts) for parts in zip(*(learnt(rows, sd) for rows in tables), strict=True))
    task = ReporterTask(train, early, recipe, 1)
    schedule = Schedule(name, recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.seed, recipe.averaging)

    def fitted(member: int) -> nn.Module:
        checkpoint = folder("fits") / f"{name}-{member}.fit"
        return fit(
            lambda: standardised(Residual(**recipe.options), train), task, schedule, member=member, checkpoint=checkpoint, say=_quiet
        )  # fmt: skip

    return [fitted(member) for member in range(members)]


def refined(
    parent: Model, new: tuple[str, Seq[Row]], old: tuple[str, Seq[Row]], *, seed: int, passes: int = 0
) -> Refined:
    """A model refined by the product, by what it suggests to somebody who has the old rows.

    Args:
        parent: the model.
        new, old: name and rows.
        seed: of the refinement.
        passes: over the new rows, at most; 0: as the product has it.
    """
    strategy, _ = refine.usual(old=True)
    kept, shown = (refine.keep_table(name, as_table(rows)) for name, rows in (new, old))
    plan = refine.Plan(parent.spec.model_id, TRACK, strategy, kept, (shown,), epochs=passes, seed=seed)
    where = refine.prepare(plan)
    bench, members = refine_steps.bench(where), parent.spec.n_members
    for step in range(len(refine_steps.steps(plan, members))):
        refine_steps.run_step(bench, step, _quiet)
    made = refine_steps.read_record(where)
    if made is None:
        raise ValueError(f"no record in {where}")
    naive = [refine_steps.fitted(bench, NAIVE, member, _quiet)[0] for member in range(members)]
    told = {
        "strategy": made.strategy,
        "passes": refine_steps.passes(bench, Strategy(**made.metrics["chosen"])),
        "searched": [_set(one) for one in made.metrics["searched"]],
        "sequences": made.metrics["sequences"],
        "accepted": made.verdict.accepted,
        "said": list(made.verdict.words),
        "changes": [asdict(change) for change in made.verdict.changes],
    }
    return Refined(registry.load_folder(where / refine_steps.MODEL), Model(parent.spec, naive), told)


def _set(tried: Mapping[str, Any]) -> dict[str, Any]:
    """A candidate: what it sets, and what it came to on early rows."""
    usual = asdict(NAIVE)
    return {key: value for key, value in tried.items() if key != "by_table" and usual.get(key, "") != value}


def _quiet(_: str) -> None:
    """The steps of every network are too many to be told."""
