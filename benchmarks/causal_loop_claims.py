"""What the networks of the causal loop claim of planted sites, whether it is true, and what they believe of a genome.

The truth is the grammar's, without noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from experiment.hypothesis import BREAKS, Hypothesis
from experiment.hypothesis_make import hypothesis
from experiment.verdict import SMALLEST, Verdict
from genome import sandbox
from genome.sandbox import RULES, elements, motifs, sandbox_genome, sites
from genome.sandbox_build import Sandbox
from interpret.whatif import answers
from models.core import Model, ModelSpec
from models.engine import Engine, Runner
from models.metrics import pearson
from models.shuffle import codes_of, letters_of

CORRELATE = "NRF1"
CAUSES = tuple(rule.key for rule in RULES if rule.role != "correlate")
NOTHING = 0.05  # log2; what does less does nothing
WORDS = ("supported", "refuted", "undecided")


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


def runner(model: Model) -> Runner:
    """The engine, bound to one model."""
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


def chosen_claims(model: Model, n: int, asked: int) -> list[Hypothesis]:
    """n true claims, then n false ones: of each kind those in which the model believes most, among as many sites as are asked about.

    True: without noise, breaking the site lowers the activity by at least the smallest effect of interest. False: it does nothing
    at all. What lies between belongs to neither.

    Raises:
        ValueError: when the model does not believe in so many.
    """
    run = runner(model)
    stated = (claim(run, model.spec, site) for site in most_believed(run, model.spec, planted(), asked))
    made = sorted((one for one in stated if one.predicted < 0), key=lambda one: one.predicted)
    true = [one for one in made if is_true(one)][:n]
    false = [one for one in made if abs(true_effect(one)) < NOTHING][:n]
    if min(len(true), len(false)) < n:
        raise ValueError(f"{len(true)=}, {len(false)=}")
    return true + false


def most_believed(run: Runner, spec: ModelSpec, found: Seq[Planted], n: int) -> list[Planted]:
    """Of the causes and of the correlate the n sites whose shuffle lowers the prediction most.

    Sites that do something, but less than the smallest effect of interest, are left out: no verdict on them is wrong.
    """
    random, codes = np.random.default_rng(4), np.stack([codes_of(one.bases) for one in found])
    broken = codes.copy()
    for row, one in enumerate(found):
        broken[row, one.start : one.end] = random.permutation(codes[row, one.start : one.end])
    before, after = (answers(run, spec, each, "explained").mean(axis=(1, 2)) for each in (codes, broken))
    order = np.argsort(after - before, kind="stable").tolist()
    true = [activity(letters_of(broken[i])) - activity(one.bases) for i, one in enumerate(found)]
    causes = [i for i in order if found[i].key != CORRELATE and true[i] <= -SMALLEST]
    kinds = (causes, [i for i in order if found[i].key == CORRELATE])
    return [found[i] for kind in kinds for i in kind[:n]]


def claim(run: Runner, spec: ModelSpec, one: Planted) -> Hypothesis:
    """What the model says of one site, as constructs."""
    scores = next(motif.scores() for motif in motifs() if motif.key == one.key)
    return hypothesis(
        run, spec, "activity", one.bases, one.start, one.end, name=one.name, link=one.link,
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


def judged(found: Iterable[Verdict]) -> dict[str, Any]:
    """How often verdicts are right, and what was predicted of the claims."""
    told = [(is_true(one.hypothesis), one) for one in found]
    counts = Counter((truth, one.word) for truth, one in told)
    predicted = {
        kind: round(float(np.mean([one.hypothesis.predicted for truth, one in told if truth == wanted])), 3)
        for kind, wanted in (("true claims", True), ("false claims", False))
    }
    true, false = ({word: counts[truth, word] for word in WORDS} for truth in (True, False))
    return {**shares(true, false), "mean_predicted": predicted}


def shares(true: dict[str, int], false: dict[str, int]) -> dict[str, Any]:
    """What the words on true and on false claims come to."""
    n, right = sum(true.values()) + sum(false.values()), true["supported"] + false["refuted"]
    undecided = true["undecided"] + false["undecided"]
    return {
        "hypotheses": n,
        "false": sum(false.values()),
        "right_of_decided": round(right / (n - undecided), 3),
        "right_of_all": round(right / n, 3),
        "undecided": round(undecided / n, 3),
        "true_claims": true,
        "false_claims": false,
    }


def believed(model: Model, genome: Sandbox) -> dict[str, Any]:
    """What networks say of breaking each factor's planted sites in a genome they never saw, beside what is true.

    Each value is a mean over sites; ``causes`` are all factors but the correlate together.
    """
    bases, by_name = dict(genome.contigs), {one.name: one for one in genome.elements}
    random, run = np.random.default_rng(9), runner(model)
    whole = {one.name: bases[one.locus.chrom][one.locus.start : one.locus.end] for one in genome.elements}
    told = _answers(run, model, list(whole.values()))
    before = dict(zip(whole, told, strict=True))
    truth = {one.name: one.activity for one in genome.elements}
    changes: dict[str, list[tuple[float, float]]] = {}
    for key in (CORRELATE, *CAUSES):
        here = [site for site in genome.sites if site.key == key]
        broken = []
        for site in here:
            start, old = site.locus.start - by_name[site.element].locus.start, whole[site.element]
            letters = random.permutation(list(old[start : start + site.locus.length]))
            broken.append(old[:start] + "".join(letters) + old[start + site.locus.length :])
        changes[key] = [
            (after - before[site.element], activity(changed) - truth[site.element])
            for after, changed, site in zip(_answers(run, model, broken), broken, here, strict=True)
        ]
    changes["causes"] = [change for key in CAUSES for change in changes[key]]
    record: dict[str, Any] = {"r_on_elements": round(pearson(np.array(told), np.array(list(truth.values()))), 3)}
    for key, found in changes.items():
        predicted, true = np.mean(found, axis=0).tolist()
        record[key] = {"sites": len(found), "predicted": round(predicted, 3), "true": round(true, 3)}
    return record


def _answers(run: Runner, model: Model, bases: Seq[str]) -> list[float]:
    """One number for each element: the mean over networks."""
    codes = np.stack([codes_of(one) for one in bases])
    return [float(value) for value in answers(run, model.spec, codes, "explained").mean(axis=(1, 2))]
