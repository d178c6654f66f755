"""Picks that a design chooses itself: exactly those of the acquisition, beside as many random ones, and mistakes in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import compute, compute_acquire, compute_design
from app.compute import Asker
from app.design_candidates import most_read, n_windows, pool, stretches
from app.design_question import DesignQuestion
from app.set_rows import SequenceSet, SetRow
from app.view import View
from experiment import order_sheet
from experiment.acquire import STRATEGIES
from experiment.design import Design, Plan
from experiment.design_constructs import Bench
from experiment.design_layout import Layout
from experiment.design_picks import Acquisition, Picks
from genome import catalog
from genome.errors import UserError
from genome.locus import Locus, parse_locus
from genome.source import MemoryGenome
from models import registry
from tests.app.toy_folders import PATHS, WINDOW, write_cells
from tests.experiment.order_checker import problems, touches
from tests.toy_models import random_bases

PLACE = "sb1:58,351-58,510"
ARMS = ("acquired", "random", "negative control")
OLIGO = Layout("toy", "ACTGGCCGCTTCACTG", "", "AGATCGGAAGAGCGTC", 0, sites=("KpnI",))


@pytest.fixture(scope="module")
def chromosomes():
    source = catalog.open_genome("sandbox")
    return {name: source.sequence(Locus(name, 0, length)).bases for name, length in source.contigs.items()}


@pytest.fixture
def cells(tmp_path, monkeypatch) -> str:
    """A toy model of two networks whose activity is a weight per base."""
    write_cells(tmp_path / "models")
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    return registry.spec("cells").model_id


def asked(model: str, picks: Picks, *, arms=ARMS, texts=None, length: int = 100, **plan) -> DesignQuestion:
    spec = registry.spec(model)
    view = View(spec.model_id, "sandbox", parse_locus(PLACE), spec.tracks[0].name)
    usual = {"layout": OLIGO, "barcodes": 0, "negative": 3, "length": length}
    return DesignQuestion(view, Plan(arms=arms, picks=picks, **(usual | plan)), **(texts or {}))


def made(question: DesignQuestion, asker: Asker | None = None) -> Design:
    return compute_design.design(question, asker or Asker("test"))


def of_arm(design: Design, arm: str):
    return [element for element in design.elements if element.arm == arm]


def orderable(bases: str) -> bool:
    oligo = OLIGO.left + bases + OLIGO.right
    words = ("GGTACC", OLIGO.left, OLIGO.right)
    start = len(OLIGO.left)
    return not any(touches(word, oligo, start, start + len(bases)) for word in words)


def windows(chromosome: str, first: int, last: int, length: int, step: int) -> list[SetRow]:
    """Windows that can be ordered from ``first`` to ``last`` (1-based inclusive), written down without the product."""
    starts = {*range(first, last - length + 2, step), last - length + 1}
    found = {}
    for start in sorted(starts):
        bases = chromosome[start - 1 : start - 1 + length]
        if orderable(bases):
            found.setdefault(bases, SetRow(f"w{start}", bases, Locus("sb1", start - 1, start - 1 + length)))
    return list(found.values())


def same_as_pick(design: Design, question: DesignQuestion, rows: list[SetRow]) -> None:
    """The acquired arm is what the acquisition chooses among the same sequences, and the random arm is of the others."""
    view, picks = question.view, question.plan.picks
    chosen = compute_acquire.pick(
        view.model, view.track, SequenceSet(tuple(rows[::-1])), picks.n, Asker(), strategy=picks.strategy,
        seed=question.plan.seed, bounds=picks.bounds,
    )  # fmt: skip
    mine = of_arm(design, "acquired")
    assert [element.bases for element in mine] == [row.bases for row in chosen.rows]
    assert [element.locus for element in mine] == [str(row.locus or "") for row in chosen.rows]
    scores = [None if score != score else score for score in chosen.chosen.scores.tolist()]
    assert [element.score for element in mine] == scores
    assert [element.kind for element in mine] == [f"picked by {arm}" for arm in chosen.chosen.arms]
    random = {element.bases for element in of_arm(design, "random")}
    assert len(random) == picks.n
    assert random <= {row.bases for row in rows} - {element.bases for element in mine}
    assert design.acquisition.words == chosen.words
    assert design.acquisition.candidates == chosen.n_candidates == len(rows)


@pytest.mark.parametrize("strategy", ["variance", "random", "margin"])
def test_a_toy_models_library_holds_exactly_what_the_acquisition_chooses(cells, chromosomes, strategy):
    bounds = (-2.0, 0.5) if strategy == "margin" else None
    question = asked(cells, Picks(12, strategy, step=25, around=400, bounds=bounds), length=WINDOW, seed=3)
    design = made(question)
    same_as_pick(design, question, windows(chromosomes["sb1"], 58_351 - 400, 58_510 + 400, WINDOW, 25))
    files = order_sheet.tsv(design), order_sheet.fasta(design), order_sheet.manifest(design)
    assert problems(*files, chromosomes) == []
    assert (strategy == "random") == all(element.score is None for element in of_arm(design, "acquired"))


@pytest.mark.parametrize("strategy", ["core-set", "lcmd", "mix"])
def test_a_released_models_library_holds_exactly_what_the_acquisition_chooses(chromosomes, strategy):
    question = asked("tf-binding", Picks(7, strategy, around=1_000), seed=1)
    design = made(question)
    same_as_pick(design, question, windows(chromosomes["sb1"], 58_351 - 1_000, 58_510 + 1_000, 100, 50))
    assert 0 < design.acquisition.random < design.acquisition.expected < 1 or strategy != "core-set"


def test_listed_sequences_are_chosen_by_their_names_and_carry_score_arm_and_link(cells):
    texts = {"candidates": "".join(f">my seq/{row}\n{random_bases(WINDOW, seed=row)}\n" for row in range(30))}
    question = asked(cells, Picks(5, "variance"), texts=texts, length=WINDOW)
    design = made(question)
    rows = [SetRow(f"{row}", random_bases(WINDOW, seed=row)) for row in range(30)]
    same_as_pick(design, question, [row for row in rows if orderable(row.bases)])
    picked = of_arm(design, "acquired")
    assert all(element.name.startswith("my") and "bases=" in element.link for element in picked)
    header, *lines = (line.split("\t") for line in order_sheet.tsv(design).splitlines())
    sheet = [dict(zip(header, line, strict=True)) for line in lines]
    told = {row["element"]: row for row in sheet if row["arm"] == "acquired"}
    assert {name: float(row["score"]) for name, row in told.items()} == pytest.approx(
        {element.name: element.score for element in picked}, rel=1e-5
    )
    assert all(row["link"] == element.link for element in picked for row in [told[element.name]])
    assert {row["score"] for row in sheet if row["arm"] != "acquired"} == {""}


def test_a_table_and_a_bed_are_candidates_too(cells):
    table = "name\tsequence\n" + "".join(f"e{row}\t{random_bases(WINDOW, seed=row)}\n" for row in range(20))
    design = made(asked(cells, Picks(4, "variance"), texts={"candidates": table}, length=WINDOW, arms=("acquired",)))
    assert {element.name[0] for element in design.elements} == {"e"}
    bed = "".join(f"sb1\t{start}\t{start + 500}\tpeak\n" for start in range(10_000, 30_000, 1_000))
    design = made(asked(cells, Picks(4, "variance"), texts={"candidates": bed}, length=WINDOW))
    for element in design.elements:
        assert (parse_locus(element.locus).start + WINDOW // 2) % 1_000 == 250
    shuffled = {element.locus for element in of_arm(design, "negative control")}
    assert shuffled <= {element.locus for element in of_arm(design, "acquired")}


def test_the_methods_and_the_manifest_say_how_it_was_chosen_and_can_be_read_again(cells):
    design = made(asked(cells, Picks(6, "variance", around=300), length=WINDOW, seed=9))
    methods, manifest = order_sheet.methods(design), json.loads(order_sheet.manifest(design))
    assert f"chosen by variance with {cells} for WTC11 activity (seed 9)" in methods
    assert "drawn from the candidates that were not picked (seed 9)" in methods
    assert all(sentence in methods for sentence in design.acquisition.words)
    assert manifest["acquisition"]["strategy"] == "variance"
    assert manifest["acquisition"]["model_id"] == cells
    assert Design.from_json(manifest) == design
    old = {name: value for name, value in manifest.items() if name != "acquisition"}
    old["plan"] = {name: value for name, value in old["plan"].items() if name != "picks"}
    assert Design.from_json(old).acquisition is None


def test_what_another_arm_orders_is_not_picked_again(cells):
    picks = Picks(10, "variance", step=20, around=300)
    design = made(asked(cells, picks, length=WINDOW, arms=("tiling", "acquired", "random"), step=20, leave_out=True))
    tiles = {element.bases for element in of_arm(design, "tiling")}
    assert len(tiles) > 3
    assert len(of_arm(design, "acquired")) == len(of_arm(design, "random")) == 10
    assert "are in the library already" in order_sheet.methods(design)


def test_another_library_of_the_same_choice_does_not_ask_the_model_again(cells, monkeypatch):
    question = asked(cells, Picks(6, "variance", around=300), length=WINDOW)
    first = made(question)
    monkeypatch.setattr(compute_acquire, "pick", lambda *_, **__: pytest.fail("asked again"))
    again = made(replace(question, plan=replace(question.plan, replicates=5)))
    assert of_arm(again, "acquired") == of_arm(first, "acquired")


def test_the_choice_tells_how_far_it_is_and_can_be_given_up():
    question = asked("tf-binding", Picks(10, around=2_000))
    told: list[float] = []
    made(question, Asker("test", progress=told.append))
    assert told == sorted(told)
    assert 0 <= told[0] < 0.5 < told[-1] <= 1
    compute.cache.cache_clear()

    def give_up(done: float) -> None:
        raise InterruptedError(str(done))

    with pytest.raises(InterruptedError):
        made(question, Asker("test", progress=give_up))


SHORT = "".join(f">s{row}\n{random_bases(30, seed=row)}\n" for row in range(9))
LONG = "".join(f">s{row}\n{random_bases(100, seed=row)}\n" for row in range(9))
REFUSED = {
    "fewer windows than picks": ({"n": 50}, {}, "50 picks and as many random ones are wanted, and 3 can be chosen of 3 windows of 100 bp, "
                                 "every 50 bp over the places: pick at most 1, or take more bp around the places"),
    "fewer candidates than picks": ({"n": 5}, {"candidates": LONG}, "5 picks and as many random ones are wanted, and 9 can be .* pick at most 4"),
    "sequences of another length": ({"n": 2}, {"candidates": SHORT}, "0 can be chosen of 9 listed candidates .9 that have another length than the "
                                    "elements .100 bp..: take elements of 30 bp, which 9 listed sequences have"),
    "a protein": ({"n": 2}, {"candidates": ">p\nMKVLLEEQ\n"}, "Record 1"),
    "variants": ({"n": 2}, {"candidates": "sb1:58,432 G>C\n"}, "is a variant: list places, or choose the arm of variants"),
    "nowhere": ({"n": 2}, {"candidates": "nowhere at all\n"}, "None of the candidates can be used: line_1"),
    "an empty list": ({"n": 2}, {"candidates": " \n"}, "The list is empty"),
    "a wrong line": ({"n": 2}, {"candidates": "sb1:20,001-20,100\nsb1:190,000-190,100\n"}, "line_2"),
    "too many windows": ({"n": 2, "around": 90_000, "step": 2}, {}, r"at most 20,000 candidates are compared: take a longer step"),
    "bounds of another unit": ({"n": 1, "strategy": "margin"}, {}, "say below which value"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_one_sentence(name):
    picks, texts, says = REFUSED[name]
    with pytest.raises(UserError, match=says) as refusal:
        made(asked("tf-binding", Picks(**picks), texts=texts))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("strategy", "says"),
    [("core-set", "shows no embedding"), ("variance", "single network"), ("lcmd", "no layer whose gradients")],
)
def test_a_strategy_that_the_model_cannot_do_is_refused(strategy, says):
    with pytest.raises(UserError, match=says):
        made(asked("simple", Picks(3, strategy, around=500)))


def test_a_genome_on_a_server_is_read_at_few_places_only():
    bench = Bench(catalog.open_genome("sandbox"), 100, OLIGO, lambda *_: "", lambda *_: "")
    plan = asked("tf-binding", Picks(2)).plan
    listed = [Locus("sb1", start, start + 100) for start in range(1_000, 2_000, 100)]
    assert len(pool(plan, bench, (), listed, set()).rows) > 4
    for places, candidates in (((), listed), (listed[::2], ())):
        with pytest.raises(UserError, match="genome on a server, and at most 3 are"):
            pool(plan, bench, places, candidates, set(), most_read=3)
    assert most_read("hg38") < most_read("sandbox") == most_read("pasted")


def test_picks_are_either_given_or_chosen():
    with pytest.raises(UserError, match="leave out the one or the other"):
        asked("tf-binding", Picks(3), texts={"acquired": "1\n"})
    with pytest.raises(UserError, match="say how many"):
        asked("tf-binding", None, texts={"candidates": LONG})
    with pytest.raises(UserError, match="say how many to choose"):
        made(asked("tf-binding", None))
    with pytest.raises(UserError, match="no strategy 'luck'"):
        Picks(3, "luck")
    with pytest.raises(UserError, match="number of picks must be from 1"):
        Picks(0)
    with pytest.raises(UserError, match="must lie below"):
        Picks(3, "margin", bounds=(1.0, -1.0))


def test_a_single_network_chooses_at_random_and_says_what_is_not_known():
    design = made(asked("simple", Picks(3, "random", around=500)))
    assert design.acquisition.expected is None
    assert "What the batch would tell is not known" in order_sheet.methods(design)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 990), st.integers(1, 200)), min_size=1, max_size=6),
    st.integers(5, 60),
    st.integers(0, 80),
    st.integers(1, 30),
)
def test_stretches_lie_apart_on_the_chromosome_and_reach_every_place(places, length, around, step):
    genome = MemoryGenome("pasted", {"one": "A" * 1_000}, build="x")
    loci = [Locus("one", start, min(1_000, start + size)) for start, size in places]
    found = stretches(loci, length, around, genome)
    assert all(one.start >= 0 and one.end <= 1_000 and one.length >= length for one in found)
    assert all(one.end < other.start for one, other in pairwise(found))
    inside = [place for place in loci if length // 2 < place.start and place.end < 1_000 - length // 2]
    assert all(any(one.start <= place.start and place.end <= one.end for one in found) for place in inside)
    assert n_windows(found, length, step) >= len(found)


def test_an_acquisition_names_a_strategy_that_there_is():
    words = Acquisition("m", "t", "core-set", 0, 5, "five", None, None, ["one", "two"])
    assert words.words == ("one", "two")
    assert words.strategy in STRATEGIES
