"""Refinements: what is asked for, what came of it, and where both are kept.

A plan and its tables decide everything, so their digest names a refinement; its folder holds the fits as they end, and a run
that was killed goes on at the first one that is missing. The parent's files are only read.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiment.refine_gate import BOUND, Verdict
from experiment.refine_rows import Table, read_tables
from experiment.refine_strategy import NAIVE, Strategy, why_not
from genome.errors import UserError
from genome.home import folder, home, replaced
from models import registry
from models.core import Model, ModelSpec, Track

_CODE = ("experiment/refine*.py", "models/loop.py", "models/reporter_*.py", "models/augment.py")

# What is tried for each strategy; the best on early-stopping rows, of the new and of every old table alike, is taken.
CANDIDATES: dict[str, tuple[Strategy, ...]] = {
    "replay": (
        Strategy("replay", replay=1.0, pick="balanced"),
        *(Strategy("replay", pick="every", passes=1, step=step) for step in (0.5, 1.0, 2.0, 4.0)),
    ),
    "replay + distill": tuple(
        Strategy("replay + distill", replay=share, pick="balanced", distill=aim)
        for share in (0.25, 0.5)
        for aim in (0.3, 0.6)
    ),
    "ewc": tuple(Strategy("ewc", ewc=strength) for strength in (3.0, 30.0, 300.0)),
    "l2": tuple(Strategy("l2", l2=strength) for strength in (1.0, 10.0, 100.0)),
    "distill": tuple(Strategy("distill", distill=share) for share in (0.3, 0.6)),
    "adapters": tuple(Strategy("adapters", "adapters", rank=rank) for rank in (4, 16)),
    "head": (Strategy("head", "head"),),
    "new head": (Strategy("new head", "new head"),),
    "naive": (NAIVE,),
}
SAID = {
    "replay": "Old rows are shown again among the new ones.",
    "replay + distill": "Old rows are shown again, and what the parent says counts beside what was measured.",
    "ewc": "Each weight is pulled back to where it was, by how much the old answers hang on it (elastic weight consolidation).",
    "l2": "Every weight is pulled back to where it was, all alike.",
    "distill": "The aim is a mixture of what was measured and what the parent says.",
    "adapters": "The weights stay; each matrix gets a low-rank one added.",
    "head": "Only the last layers change; what the network sees in the letters stays.",
    "new head": "A new track for a new assay, read off what the network sees; the old tracks stay exactly as they are.",
    "naive": "Nothing holds the old: the control that always runs.",
}


def usual(old: bool) -> tuple[str, str]:
    """The strategy to begin with, and why: with old rows at hand or without."""
    if old:
        return (
            "replay",
            "In the replayed retina campaign it ended nearest to training anew on everything, at under a quarter of its cost; best was one "
            "pass with every old row shown once, at a large step.",
        )
    return (
        "distill",
        "It needs no old rows. In the replayed retina campaign it forgot far less than naive fine-tuning and low-rank adapters; "
        "without old held-out rows the gate cannot say so here.",
    )


@dataclass(frozen=True)
class Plan:
    """What a refinement is asked to do.

    Attributes:
        parent: model_id that is refined.
        track: which track the values measure; with ``new head`` the name of the new one.
        strategy: key of ``CANDIDATES``.
        new: name and SHA-256 of the new table.
        old: the same of tables that the parent learned from, oldest first.
        anchors: (name, bases of one window) whose predictions are told before and after.
        epochs: passes over the new rows; 0: as many as strategy and rows ask for (``refine_steps.passes``).
        learning_rate: largest step size; adapters and heads take three times that, and a strategy may take more.
        bound: largest loss of r on an old table that the gate bears.
        seed: of everything.
        assay, biosample, unit: of the new track; used by ``new head`` alone.
    """

    parent: str
    track: str
    strategy: str
    new: tuple[str, str]
    old: tuple[tuple[str, str], ...] = ()
    anchors: tuple[tuple[str, str], ...] = ()
    epochs: int = 0
    learning_rate: float = 1e-3
    bound: float = BOUND
    seed: int = 0
    assay: str = "MPRA"
    biosample: str = ""
    unit: str = "log2(RNA/DNA)"

    def __post_init__(self) -> None:
        if self.strategy not in CANDIDATES or self.epochs < 0 or self.learning_rate <= 0 or self.bound < 0:
            raise ValueError(f"{self.strategy=}, {self.epochs=}, {self.learning_rate=}, {self.bound=}")

    @property
    def digest(self) -> str:
        """40 hex of SHA-256 over everything that decides the result, the code of the refinement too."""
        return hashlib.sha256(json.dumps([self.to_json(), code_version()], sort_keys=True).encode()).hexdigest()[:40]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Plan:
        """Back from plain values.

        Raises:
            ValueError: when they are no plan.
        """
        try:
            pairs = {name: tuple((str(a), str(b)) for a, b in content[name]) for name in ("old", "anchors")}
            name, digest = content["new"]
            return cls(**{**content, **pairs, "new": (str(name), str(digest))})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no plan: {error}") from error


@dataclass(frozen=True)
class Refinement:
    """What a refinement made: a new model that never changes, and what it gained and forgot.

    Attributes:
        parent: model_id that it started from.
        child: model_id of the new model.
        strategy: in words, with its searched strength.
        plan: what was asked.
        data: SHA-256 of each table, the new one first.
        code_version: of the code that refined.
        seed: of everything.
        metrics: ``searched`` (each candidate with its early-row r), ``chosen``, ``anchors`` (name, before, after, naive),
            ``sequences`` (shown to the networks), ``intervals`` and ``reference`` (whether they could be made), ``tables`` (rows and
            what was left out).
        verdict: of the acceptance gate, with what changed on each table.
    """

    parent: str
    child: str
    strategy: str
    plan: Plan
    data: tuple[str, ...]
    code_version: str
    seed: int
    metrics: Mapping[str, Any]
    verdict: Verdict = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """As plain values; ``accepted`` says once more what the verdict says."""
        return {
            "parent": self.parent,
            "child": self.child,
            "strategy": self.strategy,
            "plan": self.plan.to_json(),
            "data": list(self.data),
            "code_version": self.code_version,
            "seed": self.seed,
            "metrics": dict(self.metrics),
            "accepted": self.verdict.accepted,
            "verdict": self.verdict.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Refinement:
        """Back from plain values.

        Raises:
            ValueError: when they are no refinement.
        """
        try:
            return cls(
                parent=content["parent"],
                child=content["child"],
                strategy=content["strategy"],
                plan=Plan.from_json(content["plan"]),
                data=tuple(content["data"]),
                code_version=content["code_version"],
                seed=content["seed"],
                metrics=content["metrics"],
                verdict=Verdict.from_json(content["verdict"]),
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"no refinement: {error}") from error


@lru_cache(maxsize=1)
def code_version() -> str:
    """The version of Cislens, and 12 hex over the code that refines: another code is another refinement."""
    root = Path(__file__).parents[1]
    content = b"".join(path.read_bytes() for pattern in _CODE for path in sorted(root.glob(pattern)))
    return f"{version('cislens')}+{hashlib.sha256(content).hexdigest()[:12]}"


def place(plan: Plan) -> Path:
    """The folder of a refinement (it may not be there)."""
    return home() / "refinements" / plan.digest


def keep_table(name: str, data: bytes) -> tuple[str, str]:
    """Keeps the bytes of a table under their digest, whole or not at all; gives its name and SHA-256."""
    digest = hashlib.sha256(data).hexdigest()
    path = folder("refinements", "tables") / digest
    if not path.is_file():
        with replaced(path) as temporary:
            temporary.write_bytes(data)
    return Path(name).name[:80] or "table", digest


def prepare(plan: Plan) -> Path:
    """Checks that a refinement can be done and writes its plan; nothing is trained yet.

    Raises:
        UserError: when the model cannot be refined, a table cannot be used, or the strategy lacks what it needs.
    """
    model = registry.load(plan.parent)
    if reason := why_not(model.spec, model.members[0]):
        raise UserError(reason)
    _check_track(plan, model.spec)
    if CANDIDATES[plan.strategy][0].needs_old_rows and not plan.old:
        raise UserError(
            f"'{plan.strategy}' needs rows that {model.spec.name} learned from; give an older table, or choose adapters, "
            "head, l2 or distill."
        )
    if plan.new in plan.old:
        raise UserError("The new table is also among the old ones; give each once.")
    if wrong := [name for name, bases in plan.anchors if len(bases) != model.spec.input_length]:
        raise UserError(
            f"The anchor {wrong[0][:60]} is not {model.spec.input_length} bp long, as the model's window is."
        )
    tables(plan, model.spec)
    where = folder("refinements", plan.digest)
    with replaced(where / "plan.json") as temporary:
        temporary.write_text(json.dumps(plan.to_json(), indent=1))
    return where


def plan_in(where: Path) -> Plan:
    """The plan of a refinement's folder.

    Raises:
        UserError: when it cannot be read.
    """
    try:
        return Plan.from_json(json.loads((where / "plan.json").read_text()))
    except (OSError, ValueError) as error:
        raise UserError("The plan of this refinement cannot be read; start it again.") from error


def tables(plan: Plan, spec: ModelSpec) -> tuple[Table, ...]:
    """The tables of a plan, the new one first, their columns as the network that is trained has them.

    Raises:
        UserError: when one is not kept here any more or cannot be used.
    """
    files = []
    for name, digest in (plan.new, *plan.old):
        path = home() / "refinements" / "tables" / digest
        if not path.is_file():
            raise UserError(f"The table {name} is not kept here any more; give it again.")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise UserError(f"The table {name} was damaged on the disk; give it again.")
        files.append((name, data))
    found = read_tables(files, spec, plan.track)
    if plan.strategy == "new head":  # the control and old rows are about the tracks that are there already
        return found
    column = spec.track_index(plan.track)
    return tuple(table.seen_by(column, len(spec.tracks)) for table in found)


def child_spec(plan: Plan, model: Model, strategy: Strategy) -> ModelSpec:
    """What the new model says of itself; the name stays, the model_id is found when it is written."""
    spec = model.spec
    tracks = spec.tracks
    if plan.strategy == "new head":
        tracks = (*tracks, Track(plan.track, plan.assay, plan.biosample or "as measured", plan.unit))
    origin = f"{spec.origin} Refined from {spec.model_id} by {in_words(strategy)} on {plan.new[0]}."
    return replace(spec, model_id=f"{spec.name}-unwritten", tracks=tracks, origin=origin, card="")


def in_words(strategy: Strategy) -> str:
    """A strategy with its strength, for people."""
    often = "once" if strategy.passes == 1 else f"in each of {strategy.passes} passes"
    every = f"every old row {often}, {strategy.step:g} times the usual step"
    parts = {
        "replay": every if strategy.pick == "every" else f"{strategy.replay:g} old rows per new row, {strategy.pick}",
        "replay + distill": f"{strategy.replay:g} old rows per new row, {strategy.distill:g} of the aim from the parent",
        "ewc": f"strength {strategy.ewc:g}",
        "l2": f"strength {strategy.l2:g}",
        "distill": f"{strategy.distill:g} of the aim from the parent",
        "adapters": f"rank {strategy.rank}",
    }
    told = parts.get(strategy.name, "")
    return f"{strategy.name} ({told})" if told else strategy.name


def strength(tried: Mapping[str, object]) -> str:
    """What sets a candidate that was tried apart from the others of its strategy, in words."""
    parts = {name: tried[name] for name in ("replay", "ewc", "l2", "distill", "rank", "passes") if tried.get(name)}
    if tried.get("step", 1.0) != 1.0:
        parts["step"] = f"{tried['step']:g} x"
    words = ["every old row"] if tried.get("pick") == "every" else []
    return ", ".join([*words, *(f"{name} {value}" for name, value in parts.items())]) or str(tried["name"])


def architecture(model_id: str) -> tuple[str, dict[str, Any]]:
    """The architecture of a model and its options, as its model.toml names them."""
    path = registry.companion(model_id, "model.toml")
    if path is None:
        raise UserError(f"{model_id} has no model.toml any more; restore it.")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return str(table["architecture"]), dict(table.get("options", {}))


def _check_track(plan: Plan, spec: ModelSpec) -> None:
    known = [track.name for track in spec.tracks]
    if plan.strategy == "new head":
        if plan.track in known:
            raise UserError(f"{spec.name} has a track '{plan.track}' already; call the new one otherwise.")
        if plan.old:
            raise UserError("A new head leaves the old tracks as they are, so it takes no old tables; leave them out.")
    elif plan.track not in known:
        raise UserError(f"{spec.name} has no track '{plan.track[:60]}'; choose one of: {', '.join(known)}.")
