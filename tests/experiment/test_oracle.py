"""The sandbox as a laboratory, and the constructs that a model's claim becomes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from experiment.hypothesis import Hypothesis
from experiment.hypothesis_make import hypothesis
from experiment.oracle import RETINA_NOISE, Ordered, measure, ordered
from experiment.verdict import verdicts
from experiment.verdict_noise import Noise
from genome.errors import UserError
from genome.sandbox import activity, elements, motifs, sandbox_genome, sites
from models.engine import Engine, Runner
from tests.oracles import Grammar, one_track

MODEL = one_track("grammar", Grammar(), 200, unit="log2(RNA/DNA)")


@pytest.fixture(scope="module")
def run() -> Runner:
    return Engine(lambda _: MODEL).runner(MODEL.spec.model_id)


def asked(run: Runner, key: str, kind: str, *, with_matrix: bool = False) -> Hypothesis:
    """What the grammar itself says of a planted site."""
    element = next(
        one for one in elements() if one.kind == kind and any(_is_in(one.name, site, key) for site in sites())
    )
    site = next(site for site in sites() if _is_in(element.name, site, key))
    bases = sandbox_genome().sequence(element.locus).bases
    start = site.locus.start - element.locus.start
    scores = next(motif.scores() for motif in motifs() if motif.key == key)
    return hypothesis(
        run, MODEL.spec, "activity", bases, start, start + site.locus.length, name=f"{element.name} {key}", link="locus=x",
        claim=f"{key} drives it", matrix=(scores if site.strand == "+" else scores[::-1, ::-1]) if with_matrix else None,
    )  # fmt: skip


def _is_in(element: str, site: object, key: str) -> bool:
    return (site.element, site.key) == (element, key)  # type: ignore[attr-defined]


def test_the_oracle_measures_the_grammar() -> None:
    bases = sandbox_genome().sequence(elements()[0].locus).bases
    found = measure([Ordered("a", bases)], seed=1, replicates=4_000, noise=Noise(0.3, 1e5))
    assert np.mean([row.value for row in found.rows]) == pytest.approx(activity(bases), abs=0.02)


def test_the_same_seed_measures_the_same_and_another_one_does_not() -> None:
    wanted = [Ordered("a", "ACGT" * 50), Ordered("b", "TTGA" * 50)]
    assert measure(wanted, seed=1) == measure(wanted, seed=1)
    assert measure(wanted, seed=1).rows != measure(wanted, seed=2).rows


def test_replicates_scatter_as_stated() -> None:
    found = measure([Ordered(f"{k}", "A" * 60) for k in range(4_000)], seed=3)
    values = np.array([row.value for row in found.rows]).reshape(-1, 3)
    spread = np.sqrt((values - values.mean(axis=0)).var(axis=1, ddof=1).mean())
    wanted = RETINA_NOISE.sd * np.sqrt(RETINA_NOISE.freedom / (RETINA_NOISE.freedom - 2))
    assert spread == pytest.approx(wanted, rel=0.2)


@pytest.mark.parametrize("with_matrix", [False, True])
def test_constructs_do_what_their_kind_says(run: Runner, with_matrix: bool) -> None:
    found = asked(run, "SPI1", "single SPI1", with_matrix=with_matrix)
    counts = Counter(part.kind for part in found.interventions)
    assert counts == {"original": 1, "kill": 2, "shuffle": 2, "spare": 3, "move": 1}
    original = activity(found.original.bases)
    for part in found.named("kill", "shuffle"):
        assert activity(part.bases) - original < -1
    for part in found.named("spare"):
        assert activity(part.bases) == pytest.approx(original, abs=0.1)
    moved = found.named("move")[0]
    assert activity(moved.bases) == pytest.approx(original, abs=0.2)  # it acts wherever it stands
    assert found.predicted == pytest.approx(np.mean([activity(p.bases) - original for p in found.named("kill", "shuffle")]), abs=1e-4)  # fmt: skip


def test_constructs_change_only_what_they_say_and_keep_the_length(run: Runner) -> None:
    found = asked(run, "CTCF", "single CTCF")
    old = found.original.bases
    for part in found.interventions:
        assert len(part.bases) == len(old)
        assert part.bases[: part.start] == old[: part.start]
        assert part.bases[part.end :] == old[part.end :]
    for part in found.named("shuffle", "spare"):
        assert sorted(part.bases) == sorted(old)
        assert part.bases != old
    for part in found.named("kill"):
        assert 1 <= sum(a != b for a, b in zip(part.bases, old, strict=True)) <= 6


def test_a_cause_is_supported_and_the_correlate_refuted(run: Runner) -> None:
    claims = [asked(run, "SPI1", "single SPI1"), asked(run, "NRF1", "single SPI1", with_matrix=True)]
    table = measure(ordered(claims), seed=5, noise=Noise(0.1, 50))
    assert [one.word for one in verdicts(claims, table)] == ["supported", "refuted"]


def test_two_constructs_of_one_name_are_refused(run: Runner) -> None:
    one, other = asked(run, "SPI1", "single SPI1"), asked(run, "CTCF", "single CTCF")
    assert len(ordered([one, other])) == len(one.interventions) + len(other.interventions)
    assert len(ordered([one, one])) == len(one.interventions)


@pytest.mark.parametrize(
    ("bases", "start", "end", "said"),
    [
        ("ACGT" * 10, 2, 10, "200 bp"),
        ("ACGT" * 50, 2, 4, "4 to 60 bp"),
        ("ACGT" * 10 + "A" * 120 + "ACGT" * 10, 50, 60, "all the same letter"),
        ("ACGN" * 50, 2, 10, "200 bp"),
    ],
)
def test_what_cannot_be_tested_is_refused(run: Runner, bases: str, start: int, end: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        hypothesis(run, MODEL.spec, "activity", bases, start, end, name="x", claim="x", link="")
