"""Does the loop find causes?

    python -m benchmarks.causal_loop [--seeds 5]     into benchmarks/causal_loop.json and assets/sandbox/claims.json

In the sandbox NRF1 goes with activity and does nothing. Under each of several seeds: (1) Small networks learn from four simulated
genomes, with the noise of a real assay, and believe in it. (2) They are made to say which of the planted sites of the shipped sandbox drive
it: half of the claims are true, half are false. (3) Each claim becomes constructs, the oracle measures them, and each gets a verdict.
(4) The product refines the networks with these measurements, the old rows and nothing set by hand, refuted claims counting more; its gate
judges. The refined networks are asked again on a genome that they never saw. Beside them stand the control, refined in the same way with as
many measurements of further elements in which nothing was changed; the same refinement in four passes or one, as if the tables were
large; naive fine-tuning, which the product trains as its own control; and networks trained from nothing on all old and new rows.

Every finished pass, fit and seed is kept in ``build/causal_loop``: a run that was stopped goes on there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import causal_loop_networks as networks
from benchmarks.causal_loop_claims import CAUSES, CORRELATE, WORDS, believed, chosen_claims, judged, shares
from experiment import refine
from experiment.hypothesis import Hypothesis
from experiment.measurements import LOG2_ACTIVITY
from experiment.oracle import RETINA_NOISE, measure, ordered
from experiment.verdict import REFUTED_WEIGHT, SMALLEST, row_weights, verdicts
from genome.home import folder, replaced
from genome.sandbox import ASSETS
from genome.sandbox_build import Sandbox, build
from models.reporter_task import ReporterRecipe

RESULTS = Path(__file__).with_name("causal_loop.json")
CLAIMS_FILE = ASSETS / "claims.json"  # some of the first seed's, for the example on the Measure page
EXAMPLES = 12  # claims of either kind
SEEDS = 5
FIRST, AFTER, CONTROL = "first", "after one causal round", "control: as many further elements, nothing changed"
FEW = "the same in four passes or one"
NAIVE, ANEW = "naive fine-tuning on the constructs", "trained anew on old rows and constructs"
OPTIONS: dict[str, Any] = {
    "n_tracks": 1, "filters": 32, "filter_length": 15, "widths": (32, 48), "kernel_length": 5, "hidden": 32, "dropout": 0.1,
}  # fmt: skip
RECIPE = ReporterRecipe("residual", OPTIONS, epochs=30, batch=32, learning_rate=3e-3, averaging=0.98)
_CODE = ("benchmarks/causal_loop*.py", "experiment/*.py", "genome/sandbox*.py", "interpret/whatif*.py")


@dataclass(frozen=True)
class Scale:
    """How large the loop is.

    Attributes:
        learned_from, more, held_out: seeds of simulated genomes: of the old rows, of the control's, and of what is asked at the end.
        members: networks.
        replicates: of every measurement.
        claims, asked: claims of either kind, and sites that the networks are asked about to find them.
        draws: of the noise, on which the share of right verdicts is stated as well.
        recipe: of a training from nothing.
    """

    learned_from: tuple[int, ...] = (101, 102, 103, 104)
    more: tuple[int, ...] = (121, 122, 123, 124)
    held_out: int = 200
    members: int = 3
    replicates: int = 3
    claims: int = 60
    asked: int = 120
    draws: int = 20
    recipe: ReporterRecipe = RECIPE


@cache
def genome(seed: int) -> Sandbox:
    """A simulated genome; every seed of the loop asks for the same ones."""
    return build(seed)


def run(seeds: Seq[int], scale: Scale, results: Path, claims_file: Path) -> None:
    """The loop under each seed; the file is written anew after each."""
    finished: list[dict[str, Any]] = []
    for seed in seeds:
        finished.append(kept(seed, scale, claims_file if seed == seeds[0] else None))
        results.write_text(json.dumps(record(finished, scale), indent=1) + "\n")
        print(*told(finished), sep="\n", flush=True)


def kept(seed: int, scale: Scale, claims_file: Path | None) -> dict[str, Any]:
    """One seed's figures: from its file if the same code made it, else made now."""
    root = Path(__file__).parents[1]
    code = b"".join(path.read_bytes() for pattern in _CODE for path in sorted(root.glob(pattern)))
    digest = hashlib.sha256(f"{seed} {scale} {refine.code_version()}".encode() + code).hexdigest()[:20]
    path = folder("seeds") / f"{seed}-{digest}.json"
    if not path.is_file():
        found = one_seed(seed, scale)
        with replaced(path) as temporary:
            temporary.write_text(json.dumps(found))
    found = json.loads(path.read_text())
    if claims_file is not None:
        claims_file.write_text(json.dumps({"hypotheses": found["examples"]}) + "\n")
    return found  # type: ignore[no-any-return]


def one_seed(seed: int, scale: Scale) -> dict[str, Any]:
    """The loop, once: the seed decides the noise and the networks."""
    name, recipe = f"sandbox-reporter-{seed}", replace(scale.recipe, seed=1000 * seed)
    genomes, further = ([genome(one) for one in some] for some in (scale.learned_from, scale.more))

    def measured(constructs: Any, which: int) -> Any:
        return measure(constructs, seed=10 * seed + which, replicates=scale.replicates)

    old = networks.table(measured(networks.all_elements(genomes), 1), {})
    first = networks.first(name, old, recipe, scale.members)
    claims = chosen_claims(first, scale.claims, scale.asked)
    found = measured(ordered(claims), 2)
    judgements = verdicts(claims, found)
    weights = dict(zip(found.names, row_weights(judgements, found.names).tolist(), strict=True))
    new = networks.table(found, weights)
    control = networks.table(measured(networks.all_elements(further)[: len(new)], 3), {})
    after, few, beside = (
        networks.refined(first, (called, rows), ("elements", old), seed=seed, passes=passes)
        for called, rows, passes in (("constructs", new, 0), ("constructs", new, 4), ("further elements", control, 0))
    )
    arms = {
        FIRST: first, AFTER: after.model, FEW: few.model, CONTROL: beside.model, NAIVE: after.naive,
        ANEW: networks.anew(f"{name}-anew", [old, new], recipe, scale.members),
    }  # fmt: skip
    return {
        "seed": seed,
        "verdicts": {**judged(judgements), "constructs": len(new)},
        "verdicts_under_other_noise": again(claims, scale),
        "old_rows": len(old),
        "belief": {arm: believed(model, genome(scale.held_out)) for arm, model in arms.items()},
        "refinement": {AFTER: after.told, FEW: few.told, CONTROL: beside.told},
        "examples": [one.to_json() for half in (0, scale.claims) for one in claims[half : half + EXAMPLES]],
    }


def again(claims: Seq[Hypothesis], scale: Scale) -> dict[str, list[dict[str, Any]]]:
    """Verdicts on the same constructs measured again and again, in 3 to 5 replicates."""
    found: dict[str, list[dict[str, Any]]] = {}
    for replicates in (3, 4, 5):
        draws = (measure(ordered(claims), seed=100 + draw, replicates=replicates) for draw in range(scale.draws))
        runs = [judged(verdicts(claims, one)) for one in draws]
        found[f"{replicates} replicates"] = [
            {key: one[key] for key in ("right_of_decided", "undecided")} for one in runs
        ]
    return found


def record(finished: Seq[dict[str, Any]], scale: Scale) -> dict[str, Any]:
    """The file: every figure by seed, and over seeds as mean, lowest and highest."""
    return {
        "command": "python -m benchmarks.causal_loop",
        "seeds": [one["seed"] for one in finished],
        "noise": {"sd": RETINA_NOISE.sd, "freedom": RETINA_NOISE.freedom, "replicates": scale.replicates, "unit": LOG2_ACTIVITY},
        "smallest_effect_of_interest": SMALLEST,
        "learned_from": {
            "elements": finished[0]["old_rows"],
            "constructs": [one["verdicts"]["constructs"] for one in finished],
            "weight_of_refuted": REFUTED_WEIGHT,
        },
        "verdicts": {"pooled": _pooled(finished), "by_seed": [one["verdicts"] for one in finished]},
        "verdicts_under_other_noise": _under_other_noise(finished),
        "belief": _beliefs(finished),
        "refinement": {arm: [one["refinement"][arm] for one in finished] for arm in (AFTER, FEW, CONTROL)},
    }  # fmt: skip


def told(finished: Seq[dict[str, Any]]) -> list[str]:
    """What is printed: the verdicts, and what each arm believes, mean over seeds with the lowest and the highest."""
    found = _pooled(finished)
    words = [f"right of decided {found['right_of_decided']}, undecided {found['undecided']}"]
    for arm, by_key in _beliefs(finished).items():
        spreads = {key: by_key[key]["predicted"] for key in (CORRELATE, "causes", "r_on_elements")}
        parts = [f"{key} {one['mean']} ({one['lowest']} to {one['highest']})" for key, one in spreads.items()]
        words.append(f"{arm}: {', '.join(parts)}")
    return words


def _pooled(finished: Seq[dict[str, Any]]) -> dict[str, Any]:
    parts = [one["verdicts"] for one in finished]
    true, false = (
        {word: sum(one[kind][word] for one in parts) for word in WORDS} for kind in ("true_claims", "false_claims")
    )
    return shares(true, false)  # fmt: skip


def _under_other_noise(finished: Seq[dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for replicates in finished[0]["verdicts_under_other_noise"]:
        runs = [draw for one in finished for draw in one["verdicts_under_other_noise"][replicates]]
        right, undecided = ([draw[key] for draw in runs] for key in ("right_of_decided", "undecided"))
        found[replicates] = {
            "draws": len(runs),
            "right_of_decided_mean": round(float(np.mean(right)), 3),
            "right_of_decided_lowest": min(right),
            "undecided_mean": round(float(np.mean(undecided)), 3),
            "undecided_highest": max(undecided),
        }
    return found


def _beliefs(finished: Seq[dict[str, Any]]) -> dict[str, Any]:
    """Arm -> factor -> what breaking its sites is predicted to do, by seed, and what is true."""
    found: dict[str, Any] = {}
    for arm in (FIRST, AFTER, FEW, CONTROL, NAIVE, ANEW):
        told = [one["belief"][arm] for one in finished]
        found[arm] = {"r_on_elements": {"predicted": _spread([one["r_on_elements"] for one in told])}}
        for key in (CORRELATE, "causes", *CAUSES):
            about = {name: told[0][key][name] for name in ("sites", "true")}
            found[arm][key] = {**about, "predicted": _spread([one[key]["predicted"] for one in told])}
    return found


def _spread(values: Seq[float]) -> dict[str, Any]:
    return {"mean": round(float(np.mean(values)), 3), "lowest": min(values), "highest": max(values), "by_seed": list(values)}  # fmt: skip


def main(arguments: Seq[str] | None = None) -> int:
    """Runs the loop and writes the files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.causal_loop", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--work", type=Path, default=Path("build/causal_loop"), help="folder of what is finished")
    given = parser.parse_args(arguments)
    os.environ["CISLENS_HOME"] = str(given.work.resolve())
    torch.set_num_threads(1)
    run(range(given.seeds), Scale(), RESULTS, CLAIMS_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
