"""Does the loop find causes? ``python -m benchmarks.causal_loop`` writes benchmarks/causal_loop.json: minutes on one core.

In the sandbox NRF1 goes with activity and does nothing. (1) Small networks learn from three simulated genomes, with the noise of a
real assay, and believe in it. (2) They are made to say which of the planted sites of the shipped sandbox drive it: half of
the claims are true, half are false. (3) Each claim becomes constructs, the oracle measures them, and each gets a verdict.
(4) The networks are trained on with these measurements, refuted claims counting more, and asked again on a genome that they never
saw. The control gets as many measurements of further elements in which nothing was changed.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from experiment.hypothesis import BREAKS, Hypothesis
from experiment.hypothesis_make import hypothesis
from experiment.measurements import LOG2_ACTIVITY, Measurements
from experiment.oracle import RETINA_NOISE, Ordered, measure, ordered
from experiment.verdict import REFUTED_WEIGHT, SMALLEST, Verdict, row_weights, verdicts
from genome import sandbox
from genome.sandbox import ASSETS, RULES, elements, motifs, sandbox_genome, sites
from genome.sandbox_build import Sandbox, build
from interpret.whatif import answers
from models.core import Model, ModelSpec, Track
from models.engine import Engine, Runner
from models.loop import Schedule, fit
from models.metrics import pearson
from models.reporter_data import Elements
from models.reporter_task import ReporterRecipe, ReporterTask, standardised
from models.residual import Residual
from models.shuffle import codes_of, letters_of

RESULTS = Path(__file__).with_name("causal_loop.json")
CLAIMS_FILE = ASSETS / "claims.json"  # some of them, for the example on the Measure page
EXAMPLES = 12  # claims of either kind
LEARNED_FROM, MORE, HELD_OUT = (101, 102, 103), (121, 122, 123, 124), 200  # seeds of simulated genomes
MEMBERS, REPLICATES, CLAIMS = 3, 3, 60  # claims of either kind
NOISE_SEEDS = 20  # other draws of the noise, on which the share of right verdicts is stated as well
CORRELATE = "NRF1"
CAUSES = tuple(rule.key for rule in RULES if rule.role != "correlate")
OPTIONS: dict[str, Any] = {
    "n_tracks": 1, "filters": 32, "filter_length": 15, "widths": (32, 48), "kernel_length": 5, "hidden": 32, "dropout": 0.1,
}  # fmt: skip
FIRST = ReporterRecipe("residual", OPTIONS, epochs=30, batch=32, learning_rate=3e-3, averaging=0.98)
NEXT = ReporterRecipe("residual", OPTIONS, epochs=15, batch=32, learning_rate=2e-3, averaging=0.98)
Effects = npt.NDArray[np.float64]


@cache
def activity(bases: str) -> float:
    """The true activity; the same constructs are asked about for every draw of the noise."""
    return sandbox.activity(bases)


@dataclass(frozen=True)
class Planted:
    """A planted site in its element.

    Attributes:
        bases: of the element.
        key: the factor.
        start, end: of the site, 0-based in ``bases``.
        strand: ``+`` or ``-``.
        name: of the element and the factor.
        link: opens the site.
    """

    bases: str
    key: str
    start: int
    end: int
    strand: str
    name: str
    link: str


def main() -> None:
    """Runs the loop and writes the file."""
    torch.set_num_threads(1)
    genomes, further, held_out = ([build(seed) for seed in seeds] for seeds in (LEARNED_FROM, MORE, (HELD_OUT,)))
    old = elements_of(measure(all_elements(genomes), seed=1, replicates=REPLICATES))
    first = trained(old, FIRST)
    claims = chosen_claims(runner(first), planted())
    shown = [one.to_json() for one in (*claims[:EXAMPLES], *claims[CLAIMS : CLAIMS + EXAMPLES])]
    CLAIMS_FILE.write_text(json.dumps({"hypotheses": shown}) + "\n")
    measured = measure(ordered(claims), seed=2, replicates=REPLICATES)
    found = verdicts(claims, measured)
    rows = elements_of(measured)
    weights = row_weights(found, measured.names)
    control = elements_of(measure(all_elements(further)[: rows.n], seed=3, replicates=REPLICATES))
    arms = {
        "first": first,
        "after one causal round": trained(joined(old, rows, weights), NEXT, first),
        "control: as many further elements, nothing changed": trained(
            joined(old, control, np.ones(control.n)), NEXT, first
        ),
    }
    record = {
        "noise": {
            "sd": RETINA_NOISE.sd,
            "freedom": RETINA_NOISE.freedom,
            "replicates": REPLICATES,
            "unit": LOG2_ACTIVITY,
        },
        "smallest_effect_of_interest": SMALLEST,
        "verdicts": judged(found, len(measured.names)),
        "verdicts_under_other_noise": again(claims),
        "learned_from": {"elements": old.n, "constructs": rows.n, "weight_of_refuted": REFUTED_WEIGHT},
        "belief": {name: believed(runner(one), held_out[0]) for name, one in arms.items()},
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


def all_elements(genomes: Iterable[Sandbox]) -> list[Ordered]:
    """Every element of some simulated genomes."""
    return [
        Ordered(f"{genome.seed} {one.name}", dict(genome.contigs)[one.locus.chrom][one.locus.start : one.locus.end])
        for genome in genomes
        for one in genome.elements
    ]


def elements_of(measured: Measurements) -> Elements:
    """Measured constructs as training rows: the mean over replicates."""
    values: dict[str, list[float]] = {}
    bases: dict[str, str] = {}
    for row in measured.rows:
        values.setdefault(row.name, []).append(row.value)
        bases[row.name] = row.bases
    labels = np.array([[np.mean(found)] for found in values.values()], np.float32)
    codes = np.stack([codes_of(bases[name]) for name in values])
    return Elements(codes, labels, np.ones(len(codes), np.float32), np.arange(len(codes), dtype=np.int64))


def joined(old: Elements, new: Elements, weights: npt.NDArray[np.floating]) -> Elements:
    """Old rows and new ones, which count as their weights say."""
    return Elements(
        np.concatenate([old.codes, new.codes]),
        np.concatenate([old.labels, new.labels]),
        np.concatenate([old.weights, weights.astype(np.float32)]),
        np.arange(old.n + new.n, dtype=np.int64),
    )


def trained(rows: Elements, recipe: ReporterRecipe, parent: Model | None = None) -> Model:
    """An ensemble fitted to rows, from the start or on from a parent; a seventh of the rows chooses the best pass."""
    order = np.random.default_rng(0).permutation(rows.n)
    early, train = rows.chosen(order[: rows.n // 7]), rows.chosen(order[rows.n // 7 :])
    task, members = ReporterTask(train, early, recipe, 1), []
    for member in range(MEMBERS):

        def start(member: int = member) -> nn.Module:
            if parent is None:
                return standardised(Residual(**OPTIONS), train)
            return copy.deepcopy(parent.members[member]).requires_grad_(True)

        schedule = Schedule("sandbox", recipe.epochs, recipe.learning_rate, recipe.weight_decay, 5, recipe.averaging)
        members.append(fit(start, task, schedule, member=member, say=lambda _: None))
    return Model(_spec(), members)


def runner(model: Model) -> Runner:
    """The engine, bound to a model that is not installed."""
    return Engine(lambda _: model).runner(model.spec.model_id)


def planted() -> list[Planted]:
    """The planted sites of the shipped sandbox in their elements, with links."""
    genome, by_name = sandbox_genome(), {one.name: one for one in elements()}
    made = []
    for site in sites():
        whole, at = by_name[site.element].locus, site.locus
        start, end = at.start - whole.start, at.end - whole.start
        if site.key in (*CAUSES, CORRELATE):
            link = f"genome=sandbox&locus={at.chrom}%3A{at.start + 1}-{at.end}"
            name = f"{site.element} {site.key} {start}"
            made.append(Planted(genome.sequence(whole).bases, site.key, start, end, site.strand, name, link))
    return made


def chosen_claims(run: Runner, found: Seq[Planted]) -> list[Hypothesis]:
    """As many true claims as false ones: of each kind those in which the model believes most.

    True: without noise, breaking the site lowers the activity by at least the smallest effect of interest. False: it does nothing
    at all. What lies between belongs to neither.
    """
    made = sorted(
        (one for one in (claim(run, site) for site in found) if one.predicted < 0), key=lambda one: one.predicted
    )
    true = [one for one in made if true_effect(one) <= -SMALLEST][:CLAIMS]
    false = [one for one in made if abs(true_effect(one)) < 0.05][:CLAIMS]
    if min(len(true), len(false)) < CLAIMS:
        raise ValueError(f"{len(true)=}, {len(false)=}")
    return true + false


def most_believed(run: Runner, found: Seq[Planted]) -> list[Planted]:
    """The sites of the correlate and of the causes whose shuffle lowers the prediction most: half as many more as are claimed.

    Sites that do something, but less than the smallest effect of interest, are left out: no verdict on them is wrong.
    """
    random, codes = np.random.default_rng(4), np.stack([codes_of(one.bases) for one in found])
    broken = codes.copy()
    for row, one in enumerate(found):
        broken[row, one.start : one.end] = random.permutation(codes[row, one.start : one.end])
    before, after = (answers(run, _spec(), each, "explained").mean(axis=(1, 2)) for each in (codes, broken))
    order = np.argsort(after - before, kind="stable").tolist()
    true = [activity(letters_of(broken[i])) - activity(one.bases) for i, one in enumerate(found)]
    causes = [i for i in order if found[i].key != CORRELATE and true[i] <= -SMALLEST]
    kinds = (causes, [i for i in order if found[i].key == CORRELATE])
    return [found[i] for kind in kinds for i in kind[: 3 * CLAIMS // 2]]


def claim(run: Runner, one: Planted) -> Hypothesis:
    """What the model says of one site, as constructs."""
    scores = next(motif.scores() for motif in motifs() if motif.key == one.key)
    return hypothesis(
        run, _spec(), "activity", one.bases, one.start, one.end, name=one.name, link=one.link,
        claim=f"The {one.key} site of {one.name.split()[0]} drives its activity up.",
        matrix=scores if one.strand == "+" else scores[::-1, ::-1],
    )  # fmt: skip


def true_effect(one: Hypothesis) -> float:
    """What breaking it does without noise: broken minus original and spare controls."""
    broken = [activity(part.bases) for part in one.named(*BREAKS)]
    return float(np.mean(broken) - np.mean([activity(part.bases) for part in one.named("original", "spare")]))


def is_true(one: Hypothesis) -> bool:
    """Whether the claim holds in the grammar."""
    return true_effect(one) <= -SMALLEST


def judged(found: Seq[Verdict], constructs: int) -> dict[str, Any]:
    """How often the verdicts are right."""
    counts = Counter((is_true(one.hypothesis), one.word) for one in found)
    decided = [one for one in found if one.word != "undecided"]
    right = sum((one.word == "supported") == is_true(one.hypothesis) for one in decided)
    return {
        "hypotheses": len(found),
        "false": sum(not is_true(one.hypothesis) for one in found),
        "constructs": constructs,
        "right_of_decided": round(right / len(decided), 3),
        "right_of_all": round(right / len(found), 3),
        "undecided": round(1 - len(decided) / len(found), 3),
        "true_claims": {word: counts[True, word] for word in ("supported", "refuted", "undecided")},
        "false_claims": {word: counts[False, word] for word in ("supported", "refuted", "undecided")},
        "mean_predicted": {
            kind: round(
                float(np.mean([one.hypothesis.predicted for one in found if is_true(one.hypothesis) == truth])), 3
            )
            for kind, truth in (("true claims", True), ("false claims", False))
        },
    }


def again(claims: Seq[Hypothesis]) -> dict[str, Any]:
    """The same constructs measured again and again, in 3 to 5 replicates: mean and worst of the shares."""
    record = {}
    for replicates in (3, 4, 5):
        runs = []
        for seed in range(NOISE_SEEDS):
            found = verdicts(claims, measure(ordered(claims), seed=100 + seed, replicates=replicates))
            runs.append(judged(found, 0))
        record[f"{replicates} replicates"] = {
            "draws": NOISE_SEEDS,
            "right_of_decided_mean": round(float(np.mean([one["right_of_decided"] for one in runs])), 3),
            "right_of_decided_lowest": min(one["right_of_decided"] for one in runs),
            "undecided_mean": round(float(np.mean([one["undecided"] for one in runs])), 3),
            "undecided_highest": max(one["undecided"] for one in runs),
        }
    return record


def believed(run: Runner, genome: Sandbox) -> dict[str, Any]:
    """What networks say of breaking each factor's planted sites in a genome they never saw, beside what is true."""
    bases, by_name = dict(genome.contigs), {one.name: one for one in genome.elements}
    random, spec = np.random.default_rng(9), _spec()
    whole = {one.name: bases[one.locus.chrom][one.locus.start : one.locus.end] for one in genome.elements}
    told = answers(run, spec, np.stack([codes_of(one) for one in whole.values()]), "explained").mean(axis=(1, 2))
    before = dict(zip(whole, told.tolist(), strict=True))
    truth = {one.name: one.activity for one in genome.elements}
    record: dict[str, Any] = {"r_on_elements": round(pearson(told, np.array(list(truth.values()))), 3)}
    for key in (CORRELATE, *CAUSES):
        here = [site for site in genome.sites if site.key == key]
        broken = []
        for site in here:
            start = site.locus.start - by_name[site.element].locus.start
            old = whole[site.element]
            letters = random.permutation(list(old[start : start + site.locus.length]))
            broken.append(old[:start] + "".join(letters) + old[start + site.locus.length :])
        after = answers(run, spec, np.stack([codes_of(one) for one in broken]), "explained").mean(axis=(1, 2))
        record[key] = {
            "sites": len(here),
            "predicted": round(float(np.mean([a - before[s.element] for a, s in zip(after, here, strict=True)])), 3),
            "true": round(
                float(np.mean([activity(b) - truth[s.element] for b, s in zip(broken, here, strict=True)])), 3
            ),
        }
    return record


def _spec() -> ModelSpec:
    """The networks of this benchmark, which are installed nowhere."""
    track = Track("activity", "MPRA", "none (synthetic)", LOG2_ACTIVITY)
    name = "sandbox-reporter"
    return ModelSpec(f"{name}-{'0' * 12}", name, name, 200, 1, 200, (track,), "average", MEMBERS, noise=True)


if __name__ == "__main__":
    main()
