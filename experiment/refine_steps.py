"""The steps of a refinement: each candidate on one network, the naive control, the other networks, then the new model.

Each fit is one file; a step whose file is there is done. A step depends on its plan and on earlier files alone, so it gives
the same weights in whatever process it runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file, save_file
from torch import nn

from experiment import refine, refine_card, refine_equip
from experiment.refine import CANDIDATES, Plan, Refinement
from experiment.refine_fit import correlation, fit_refined
from experiment.refine_gate import Judged, judge
from experiment.refine_rows import Table
from experiment.refine_strategy import NAIVE, Strategy
from genome.errors import UserError
from genome.home import replaced
from models import loop, registry
from models.core import Model
from models.loop import progress_of
from models.reporter_equip import ensemble_answers
from models.reporter_task import ReporterRecipe, answers_of
from models.shuffle import codes_of
from models.write import write_model

RECORD, MODEL = "refinement.json", "model"
SMALL, BATCH, SMALL_BATCH = 4_000, 128, 32  # rows below which a step takes the smaller batch
USUAL_PASSES = 4
LEAST_SHOWN = 25_000  # rows in all passes of a strategy that says how many, unless the plan does
FASTER = ("adapters", "head", "new head")
Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """One piece of work.

    Attributes:
        kind: ``search`` (a candidate on the first network), ``control`` (naive), ``fit`` (the chosen one) or ``assess``.
        candidate: which of the strategy's candidates (``search``).
        member: which network.
    """

    kind: str
    candidate: int = 0
    member: int = 0


@dataclass(frozen=True)
class Bench:
    """Everything that the steps of one refinement work with.

    Attributes:
        where: its folder.
        plan: what is asked.
        parent: the model that is refined; only read.
        new: the new table, its columns as they are trained.
        old: the old tables.
    """

    where: Path
    plan: Plan
    parent: Model
    new: Table
    old: tuple[Table, ...]


def steps(plan: Plan, n_members: int) -> tuple[Step, ...]:
    """What is to be done, in order."""
    found = [Step("search", candidate) for candidate in range(len(CANDIDATES[plan.strategy]))]
    if plan.strategy != "naive":
        found += [Step("control", member=member) for member in range(n_members)]
    found += [Step("fit", member=member) for member in range(1, n_members)]
    return (*found, Step("assess"))


def bench(where: Path) -> Bench:
    """Reads the plan, the parent and the tables of a refinement."""
    plan = refine.plan_in(where)
    parent = registry.load(plan.parent)
    new, *old = refine.tables(plan, parent.spec)
    return Bench(where, plan, parent, new, tuple(old))


def run_step(found: Bench, index: int, say: loop.Say) -> None:
    """Does one step, unless its file is there; what it needs of earlier ones is done first where it is missing."""
    step = steps(found.plan, found.parent.spec.n_members)[index]
    if step.kind == "assess":
        assess(found, say)
        return
    strategy = NAIVE if step.kind == "control" else candidates(found)[step.candidate]
    if step.kind == "fit":
        strategy = chosen(found, say)[0]
    fitted(found, strategy, step.member, say)


def candidates(found: Bench) -> tuple[Strategy, ...]:
    """What is tried, with the passes that these tables ask for, unless the plan says how many.

    How often a strategy goes through all rows was found where that shows a network tens of thousands of them. Over small tables
    one pass is so few steps that some of the old is lost and the new is not yet learned: there it shows 25,000 rows.
    """
    tried = CANDIDATES[found.plan.strategy]
    if found.plan.epochs:
        return tried
    per_pass = found.new.train.n + sum(table.train.n for table in found.old)
    needed = -(-LEAST_SHOWN // per_pass)
    return tuple(replace(one, passes=max(one.passes, needed)) if one.passes else one for one in tried)


def passes(found: Bench, strategy: Strategy) -> int:
    """Passes of a candidate over the new rows."""
    return strategy.passes or found.plan.epochs or USUAL_PASSES


def most_passes(found: Bench, index: int) -> int:
    """Passes of one step, for its progress; of a step that waits for a choice, as many as any candidate makes."""
    step, tried = steps(found.plan, found.parent.spec.n_members)[index], candidates(found)
    wanted = {"search": tried[step.candidate : step.candidate + 1], "control": (NAIVE,)}.get(step.kind, tried)
    return max(passes(found, strategy) for strategy in wanted)


def read_record(where: Path) -> Refinement | None:
    """The refinement of a folder, once it is assessed.

    Raises:
        UserError: when it was damaged.
    """
    path = where / RECORD
    if not path.is_file():
        return None
    try:
        return Refinement.from_json(json.loads(path.read_text()))
    except ValueError as error:
        raise UserError("The record of this refinement was damaged; start it again.") from error


def fitted(found: Bench, strategy: Strategy, member: int, say: loop.Say) -> tuple[nn.Module, dict[str, Any]]:
    """One refined network and what is known of its fit, from its file or trained now."""
    name = f"{_plain(strategy.name)}-{_key(strategy)}-{member}"
    path = found.where / "fits" / f"{name}.safetensors"
    parent: nn.Module = found.parent.members[member]
    if not path.is_file():
        checkpoint = path.with_suffix(".fit")
        new, old = _trained_on(found, strategy)
        early = [table.early for table in (new, *old)]
        learned = fit_refined(
            parent,
            strategy,
            new.train,
            [table.train for table in old],
            early,
            _recipe(found, strategy),
            member=member,
            checkpoint=checkpoint,
            say=say,
        )
        context = found.parent.spec.context
        about = {
            "sequences": learned.sequences,
            "early": {table.name: correlation(learned.network, table.early, context) for table in (new, *old)},
        }
        _write(path, learned.network, about)
        checkpoint.unlink(missing_ok=True)
    network = _network(found, strategy)
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False), progress_of(path)


def chosen(found: Bench, say: loop.Say) -> tuple[Strategy, list[dict[str, Any]]]:
    """The candidate whose first network does best on early rows, each table counting alike, and every candidate tried."""
    tried, all_of_them = [], candidates(found)
    for strategy in all_of_them:
        about = fitted(found, strategy, 0, say)[1]
        early = float(np.mean(list(about["early"].values())))
        tried.append({**asdict(strategy), "early": round(early, 4), "by_table": about["early"]})
    best = max(range(len(tried)), key=lambda index: tried[index]["early"])
    return all_of_them[best], tried


def assess(found: Bench, say: loop.Say) -> Refinement:
    """Writes the new model, lets the gate judge it, and writes the record last: with it everything is done."""
    done = read_record(found.where)
    if done is not None:
        return done
    plan, n_members = found.plan, found.parent.spec.n_members
    strategy, tried = chosen(found, say)
    after = [fitted(found, strategy, member, say) for member in range(n_members)]
    naive = [fitted(found, NAIVE, member, say) for member in range(n_members)]
    folder = found.where / MODEL
    child = _write_child(found, strategy, [network for network, _ in after], folder)
    control = Model(found.parent.spec, [network for network, _ in naive])
    verdict = judge(
        [_judged(found, table, child, control, new=table is found.new) for table in (found.new, *found.old)],
        bound=plan.bound,
        seed=plan.seed,
        unchanged=_unchanged(found, child) if plan.strategy == "new head" else None,
    )
    tables = (found.new, *found.old)
    metrics = {
        "searched": tried,
        "chosen": asdict(strategy),
        "anchors": _anchors(found, child, control),
        "sequences": sum(about["sequences"] for _, about in (*after, *naive)),
        "intervals": refine_equip.write_intervals(child, tables, found.plan.track, folder),
        "reference": refine_equip.write_reference(child, found.parent.spec, tables, found.plan.track, folder),
        "tables": [_told(table) for table in (found.new, *found.old)],
    }
    data = tuple(digest for _, digest in (plan.new, *plan.old))
    made = Refinement(
        plan.parent, child.spec.model_id, refine.in_words(strategy), plan, data, refine.code_version(), plan.seed, metrics, verdict
    )  # fmt: skip
    with replaced(folder / "card.md") as temporary:
        temporary.write_text(refine_card.card(child.spec, made), encoding="utf-8")
    with replaced(found.where / RECORD) as temporary:
        temporary.write_text(json.dumps(made.to_json(), indent=1))
    return made


def _trained_on(found: Bench, strategy: Strategy) -> tuple[Table, tuple[Table, ...]]:
    """The tables as this strategy sees them: the control of a new head trains the first of the parent's own tracks."""
    if found.plan.strategy == "new head" and strategy.trained != "new head":
        return found.new.seen_by(0, len(found.parent.spec.tracks)), ()
    return found.new, found.old


def _recipe(found: Bench, strategy: Strategy) -> ReporterRecipe:
    plan = found.plan
    times = 3 if strategy.trained in FASTER else 1
    batch = BATCH if found.new.train.n >= SMALL else SMALL_BATCH
    return ReporterRecipe(
        "refined",
        context=found.parent.spec.context,
        epochs=passes(found, strategy),
        batch=batch,
        learning_rate=times * strategy.step * plan.learning_rate,
        weight_decay=0.0,
        seed=1000 * plan.seed,
        averaging=0.0,
    )


def _network(found: Bench, strategy: Strategy) -> nn.Module:
    """A network of the right shape, to be filled in."""
    name, options = refine.architecture(found.plan.parent)
    if strategy.trained == "new head":
        options["n_tracks"] = len(found.parent.spec.tracks) + 1
    else:
        options["n_tracks"] = len(found.parent.spec.tracks)
    return registry.build(name, options)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _key(strategy: Strategy) -> str:
    parts = strategy.replay, strategy.ewc, strategy.l2, strategy.distill, strategy.rank, strategy.passes, strategy.step
    return "-".join([strategy.pick, *(f"{part:g}" for part in parts)])


def _write(path: Path, network: nn.Module, about: dict[str, Any]) -> None:
    """A fit as one file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    tensors = {name: value.detach().clone().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, partial, {"fit": json.dumps(about)})
    os.replace(partial, path)


def _write_child(found: Bench, strategy: Strategy, networks: Seq[nn.Module], folder: Path) -> Model:
    """The new model's folder; written anew where a kill left a part of it."""
    name, options = refine.architecture(found.plan.parent)
    spec = refine.child_spec(found.plan, found.parent, strategy)
    sds = _sds(found, networks)
    tracks = tuple(replace(track, sd=sd) for track, sd in zip(spec.tracks, sds, strict=True))
    write_model(replace(spec, tracks=tracks), name, {**options, "n_tracks": len(tracks)}, networks, folder)
    return registry.load_folder(folder)


def _sds(found: Bench, networks: Seq[nn.Module]) -> list[float]:
    """Standard deviation of each track's predictions on early rows: of all tables, for the tracks that they measure."""
    rows = np.concatenate([table.early.codes for table in (found.new, *found.old)])
    spec = replace(found.parent.spec, n_members=len(networks))
    answers = np.mean([answers_of(network, rows, spec.context)[0] for network in networks], axis=0)
    known = [track.sd for track in spec.tracks]
    measured = range(len(known)) if found.plan.strategy != "new head" else []
    return [
        round(float(answers[:, index].std()), 4) if index in measured or index >= len(known) else known[index]
        for index in range(answers.shape[1])
    ]


def _judged(found: Bench, table: Table, child: Model, control: Model, *, new: bool) -> Judged:
    """One table's held-out rows. A new head is compared with whichever old track goes best with the new assay."""
    rows = table.valid
    before, after, naive = (ensemble_answers(model, rows.codes)[0] for model in (found.parent, child, control))
    if found.plan.strategy == "new head":
        measured = rows.labels[:, 0]
        best = max(range(before.shape[1]), key=lambda index: abs(_r(before[:, index], measured)))
        return Judged(
            table.name, new, measured, before[:, best], after[:, -1], naive[:, 0], rows.clusters, table.stated
        )
    index = found.parent.spec.track_index(found.plan.track)
    answers = before[:, index], after[:, index], naive[:, index]
    return Judged(table.name, new, rows.labels[:, index], *answers, rows.clusters, table.stated)


def _r(predicted: Float, measured: Float) -> float:
    return float(np.nan_to_num(np.corrcoef(predicted, measured)[0, 1])) if predicted.std() > 0 else 0.0


def _unchanged(found: Bench, child: Model) -> float:
    """Largest change of the old tracks' answers on the new table's held-out sequences."""
    rows = found.new.valid.codes
    before, after = (ensemble_answers(model, rows)[0] for model in (found.parent, child))
    return float(np.abs(after[:, : before.shape[1]] - before).max())


def _anchors(found: Bench, child: Model, control: Model) -> list[dict[str, Any]]:
    """What each anchor was predicted before and after, on the track that was refined."""
    if not found.plan.anchors:
        return []
    codes = np.stack([codes_of(bases) for _, bases in found.plan.anchors])
    index = 0 if found.plan.strategy == "new head" else found.parent.spec.track_index(found.plan.track)
    before, after, naive = (ensemble_answers(model, codes)[0][:, index] for model in (found.parent, child, control))
    return [
        {"name": name, "before": float(b), "after": float(a), "naive": float(n)}
        for (name, _), b, a, n in zip(found.plan.anchors, before, after, naive, strict=True)
    ]


def _told(table: Table) -> dict[str, Any]:
    sizes = {part: getattr(table, part).n for part in ("train", "early", "calibration", "valid")}
    return {"name": table.name, "digest": table.digest, **sizes, "dropped": dict(table.dropped), "stated": table.stated}
