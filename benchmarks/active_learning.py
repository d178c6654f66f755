"""Does choosing what to measure pay? A retina pool with hidden labels, batches chosen by five strategies, five seeds.

    CISLENS_DATA=... python -m benchmarks.active_learning

Each step (fit three small networks on what is known, score them, choose the next batch) is one file below ``--work``; a run
that was stopped goes on from them. One core; a step takes some seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.active_learning_network import WordCounts
from benchmarks.active_learning_table import draw, markdown, summary
from experiment.acquire import SHORTLIST, Candidates, choose, keys_of
from experiment.acquire_features import NEEDS
from experiment.expected import class_shares, expected_information
from models import loop
from models.core import Model, ModelSpec, Track
from models.fit import encoded
from models.metrics import pearson, spearman
from models.predict import Components, Embeddings
from models.reporter_data import RETINA_FIRST, RETINA_LENGTH, Elements, read_retina, retina_table
from models.reporter_task import ReporterRecipe, ReporterTask, standardised
from models.shuffle import codes_of
from models.sketch import SketchedGradients

COMMAND = "CISLENS_DATA=... python -m benchmarks.active_learning"
RESULTS = Path(__file__).with_name("active_learning.json")
STRATEGIES = ("random", "variance", "margin", "core-set", "lcmd")
SEEDS = (0, 1, 2, 3, 4)
TRACK = Track("retina activity", "MPRA", "mouse retina, newborn explants", "log2(RNA/DNA), recomputed")
DRAWN = 23  # seed of the pool and of the rows that are scored
RECIPE = ReporterRecipe(
    "words", {}, epochs=10, batch=100, learning_rate=4e-3, weight_decay=0.1, max_shift=0, averaging=0.95
)


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes:
        start: rows drawn at random that every strategy starts from.
        batch: rows chosen at a time.
        batches: how many times.
        members: networks in the ensemble.
    """

    start: int = 500
    batch: int = 500
    batches: int = 5
    members: int = 3


@dataclass(frozen=True)
class Field:
    """What is played on.

    Attributes:
        pool: rows whose labels are hidden until they are chosen.
        early: labelled rows that choose the best pass of every fit, the same for all strategies.
        scored: held-out rows by name.
        bounds: log2 activity below which an element is a silencer, above which an enhancer.
    """

    pool: Elements
    early: Elements
    scored: dict[str, Elements]
    bounds: tuple[float, float]


def read_field(data: Path) -> Field:
    """10,000 training rows of rounds 1 to 3c as the pool; valid rows of those rounds; building blocks, which the pool lacks.

    Activity within a factor of two of the median scrambled control of the training split counts as inactive.
    """
    random = np.random.default_rng(DRAWN)
    parts = read_retina(data, (*RETINA_FIRST, "3c"))  # building blocks are shorter, so they are not among them
    table = retina_table(data)
    blocks = [row for row in table if row["label"].startswith("building-block")]
    controls = [row for row in table if row["round"] == "scrambled control" and row["split"] == "train"]
    middle = float(np.median([float(row["expression_log2"]) for row in controls]))
    drawn = {
        "pool": parts.train.chosen(random.permutation(parts.train.n)[:10_000]),
        "early": parts.early.chosen(random.permutation(parts.early.n)[:300]),
        "valid": parts.test.chosen(random.permutation(parts.test.n)[:3_000]),
    }
    picked = [blocks[row] for row in random.permutation(len(blocks))[:1_000]]
    scored = {"valid": drawn["valid"], "building blocks": _centred(picked)}
    return Field(drawn["pool"], drawn["early"], scored, (round(middle - 1, 3), round(middle + 1, 3)))


def _centred(rows: list[dict[str, str]]) -> Elements:
    """Shorter elements with N around them."""
    bases = [row["sequence"].center(RETINA_LENGTH, "N") for row in rows]
    labels = np.array([[float(row["expression_log2"])] for row in rows], dtype=np.float32)
    return Elements(
        np.stack([codes_of(one) for one in bases]), labels, np.ones(len(rows), np.float32), np.arange(len(rows))
    )


def fit_ensemble(field: Field, rows: npt.NDArray[np.int64], plan: Plan, seed: int) -> Model:
    """Networks of different seeds on the known rows."""
    known = field.pool.chosen(rows)
    task = ReporterTask(known, field.early, RECIPE, 1)
    schedule = loop.Schedule(
        "acquisition", RECIPE.epochs, RECIPE.learning_rate, RECIPE.weight_decay, 1000 * seed, RECIPE.averaging
    )
    members = [
        loop.fit(lambda: standardised(WordCounts(), known), task, schedule, member=member, say=lambda _: None)
        for member in range(plan.members)
    ]
    spec = ModelSpec(
        "acquisition", "acquisition", "", RETINA_LENGTH, 1, RETINA_LENGTH, (TRACK,), "forward", plan.members, noise=True
    )
    return Model(spec, members)


def run_on(model: Model) -> Callable[..., tuple[npt.NDArray[Any], ...]]:
    """A runner without an engine: one model, one thread."""

    def run(function: Any, rows: tuple[npt.NDArray[Any], ...], _progress: Any = None) -> tuple[npt.NDArray[Any], ...]:
        with torch.set_grad_enabled(function.gradient):
            return tuple(part.detach().numpy() for part in function(model, 512, *map(torch.from_numpy, rows)))

    return run


def predicted(model: Model, codes: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Each network's prediction and its variance of a measurement, both (members, rows)."""
    answers, variances = run_on(model)(Components(), (encoded(codes).numpy(),))
    return tuple(part[:, :, 0, 0].T.astype(np.float64) for part in (answers, variances))  # type: ignore[return-value]


def scores_of(model: Model, field: Field) -> dict[str, float]:
    """Correlations of the ensemble on the rows held out."""
    found = {}
    for name, rows in field.scored.items():
        mean = predicted(model, rows.codes)[0].mean(axis=0)
        found[f"{name} pearson"] = pearson(mean, rows.labels[:, 0])
        found[f"{name} spearman"] = spearman(mean, rows.labels[:, 0])
    return found


def candidates_of(
    model: Model, field: Field, rows: npt.NDArray[np.int64], shown: set[str]
) -> tuple[Candidates, Any, npt.NDArray[np.int64]]:
    """The rest of the pool as ``choose`` is to see it, the noise of a measurement there, and their rows in the pool.

    Args:
        model: the ensemble.
        field: the pool.
        rows: what is known of it.
        shown: of ``embeddings`` and ``gradients``, what is needed.
    """
    run = run_on(model)
    rest = np.setdiff1d(np.arange(field.pool.n), rows)
    windows = encoded(field.pool.codes).numpy() if shown else None
    members, variances = predicted(model, field.pool.codes[rest])
    embeddings = run(Embeddings(), (windows,))[0] if "embeddings" in shown else None
    gradients = run(SketchedGradients(TRACK.target), (windows,))[0] if "gradients" in shown else None
    candidates = Candidates(
        keys_of(field.pool.codes[rest]),
        members,
        class_shares(members, np.sqrt(variances), field.bounds),
        *(None if features is None else features[rest] for features in (embeddings, gradients)),
        *(None if features is None else features[rows] for features in (embeddings, gradients)),
    )
    return candidates, variances.mean(axis=0), rest


def step(
    field: Field, plan: Plan, rows: npt.NDArray[np.int64], seed: int, strategies: tuple[str, ...]
) -> dict[str, Any]:
    """Fits on the known rows, scores, and chooses the next batch by each of some strategies.

    Where all strategies are asked at once, it also says what each batch is expected to tell.
    """
    started = time.process_time()
    model = fit_ensemble(field, rows, plan, seed)
    found: dict[str, Any] = {"rows": len(rows), **scores_of(model, field), "next": {}}
    found["variance"] = float(predicted(model, field.pool.codes)[0].var(axis=0, ddof=1).mean())
    if strategies:
        told = len(strategies) > 1
        shown = {what for name in strategies for what in NEEDS[name]} | ({"gradients"} if told else set())
        candidates, noise, rest = candidates_of(model, field, rows, shown)
        for name in strategies:
            batch = choose(name, candidates, plan.batch, seed=seed).rows
            found["next"][name] = {"rows": rest[batch].tolist()}
            if told:
                expected = expected_information(candidates.members, candidates.gradients, noise, batch)
                found["next"][name]["expected"] = asdict(expected)
    return found | {"seconds": round(time.process_time() - started, 2)}


def play(
    field: Field, plan: Plan, seeds: tuple[int, ...], work: Path, say: loop.Say = loop.say_at_once
) -> list[dict[str, Any]]:
    """Every step of every seed and strategy, taken up where a run before stopped."""
    done = []
    for seed in seeds:
        start = np.sort(np.random.default_rng([DRAWN, seed]).permutation(field.pool.n)[: plan.start])
        first = _kept(work / f"seed-{seed}-start.json", partial(step, field, plan, start, seed, STRATEGIES))
        for strategy in STRATEGIES:
            rows, told = start, first
            done.append({"seed": seed, "strategy": strategy, "step": 0, **told})
            for number in range(1, plan.batches + 1):
                rows = np.concatenate([rows, told["next"][strategy]["rows"]])
                further = (strategy,) if number < plan.batches else ()
                place = work / f"seed-{seed}-{strategy}-{number}.json"
                told = _kept(place, partial(step, field, plan, rows, seed, further))
                done.append({"seed": seed, "strategy": strategy, "step": number, **told})
                say(f"seed {seed} {strategy} {number}: valid {told['valid pearson']:.3f}, {told['seconds']} s")
    return done


def _kept(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, or what is computed and then written there, whole or not at all."""
    if not path.exists():
        text = json.dumps(compute())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(text, encoding="utf-8")
        os.replace(path.with_suffix(".part"), path)
    return json.loads(path.read_text(encoding="utf-8"))


def results(field: Field, plan: Plan, done: list[dict[str, Any]]) -> dict[str, Any]:
    """What is committed: the plan, the summary, and every step's scores."""
    kept = (
        "seed",
        "strategy",
        "step",
        "rows",
        "variance",
        *(f"{on} {r}" for on in field.scored for r in ("pearson", "spearman")),
    )
    return {
        "command": COMMAND,
        "plan": asdict(plan) | {"pool": field.pool.n, "early": field.early.n, "shortlist": SHORTLIST},
        "scored": {name: rows.n for name, rows in field.scored.items()},
        "bounds": list(field.bounds),
        "pool": field.pool.digest(),
        "recipe": asdict(RECIPE),
        **summary(done),
        "steps": [{key: _short(one[key]) for key in kept} for one in done],
    }


def _short(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value


def main() -> None:
    """Plays, and writes active_learning.json and .svg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/active_learning"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    asked = parser.parse_args()
    data = os.environ.get("CISLENS_DATA")
    if not data:
        parser.error("set CISLENS_DATA to the folder of measured data")
    torch.set_num_threads(1)
    field, plan = read_field(Path(data)), Plan()
    found = results(field, plan, play(field, plan, tuple(asked.seeds), asked.work))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found, RESULTS.with_suffix(".svg"))
    print(f"{markdown(found)}\n\n{found['conclusion']}")


if __name__ == "__main__":
    main()
