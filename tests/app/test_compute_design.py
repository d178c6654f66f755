"""Libraries from questions: every file passes a checker that shares no code, and what cannot be ordered is refused by name."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from app import compute, compute_design
from app.design_question import DesignQuestion
from app.view import View
from experiment import order_sheet
from experiment.design import ARMS, Costs, Design, Plan
from experiment.design_layout import GUIDE_LAYOUT, LAYOUTS
from experiment.hypothesis import BREAKS
from genome import catalog
from genome.errors import UserError
from genome.locus import Locus, Variant, parse_locus
from models import registry
from tests.experiment.order_checker import other_strand, problems

BY_NAME = list(LAYOUTS.values())
ASKER = compute.Asker("test")
CTCF = "sb1:58,351-58,510"
SMALL = {"random": 6, "positive": 3, "negative": 4, "barcodes": 3}


@pytest.fixture(scope="module")
def chromosomes():
    source = catalog.open_genome("sandbox")
    return {name: source.sequence(Locus(name, 0, length)).bases for name, length in source.contigs.items()}


def view(place: str = CTCF, **other) -> View:
    return View(registry.spec("tf-binding").model_id, "sandbox", parse_locus(place), "CTCF binding", **other)


def asked(place: str = CTCF, *, arms=("tiling",), texts=None, edits=(), **plan) -> DesignQuestion:
    usual = {"length": 100, "leave_out": True, **SMALL}
    return DesignQuestion(view(place, edits=edits), Plan(arms=arms, **(usual | plan)), **(texts or {}))


def made(question: DesignQuestion) -> Design:
    return compute_design.design(question, ASKER)


def wrong_with(design: Design, chromosomes) -> list[str]:
    return problems(order_sheet.tsv(design), order_sheet.fasta(design), order_sheet.manifest(design), chromosomes)


@pytest.mark.parametrize("layout", BY_NAME, ids=lambda layout: layout.name)
def test_every_arm_at_once_is_right_by_the_independent_checker(layout, chromosomes):
    picks = ">mine\n" + "ACGTTGCAGA" * 10 + "\n"
    texts = {
        "places": f"{CTCF}\nsb1:31,421-31,570\nsb1:58,432 G>C\nsb1:58,430 AGGG>A\nsb1:58,431 g>gtta\n",
        "acquired": picks,
    }
    question = asked(arms=ARMS, texts=texts, layout=layout, deletions=True, barcodes=3 if layout.barcode_length else 0)
    design = made(question)
    assert wrong_with(design, chromosomes) == []
    counts = design.by_arm()
    assert set(counts) == set(ARMS)
    assert counts["acquired"][0] == counts["random"][0] == 1
    assert counts["positive control"][0] == 3
    assert counts["negative control"][0] == 4
    assert Design.from_json(json.loads(order_sheet.manifest(design))) == design
    assert [element.arm for element in design.elements] == sorted((e.arm for e in design.elements), key=ARMS.index)


def test_the_checker_sees_every_kind_of_damage(chromosomes):
    design = made(asked(arms=("variant", "tiling", "negative control"), texts={"places": f"{CTCF}\nsb1:58,432 G>C"}))
    sheet, fasta, manifest = order_sheet.tsv(design), order_sheet.fasta(design), order_sheet.manifest(design)
    assert problems(sheet, fasta, manifest, chromosomes) == []
    first = design.elements[0]
    kpn = first.bases[:40] + "GGTACC" + first.bases[46:]
    flipped = ("C" if first.bases[50] != "C" else "A").join((first.bases[:50], first.bases[51:]))
    damage = [
        (first.bases, kpn),  # a site
        (first.bases, flipped),  # not the genome's base
        (first.barcodes[1], first.barcodes[0][:-1] + ("A" if first.barcodes[0][-1] != "A" else "C")),  # too near
        (first.barcodes[0], "A" * 12),
        (first.barcodes[0], first.barcodes[0][:-1]),
        ("58432.G.C", "58432.G.A"),  # a link to another edit
        (design.plan.layout.right, other_strand(design.plan.layout.right)),
    ]
    for old, new in damage:
        assert old in sheet
        assert problems(sheet.replace(old, new), fasta.replace(old, new), manifest, chromosomes) != [], (old, new)
    lines = sheet.splitlines(keepends=True)
    assert problems("".join(lines[:-1]), fasta, manifest, chromosomes) != []
    assert problems(sheet + lines[-1], fasta, manifest, chromosomes) != []


def test_twelve_thousand_oligos_are_made_and_written_in_under_a_minute(chromosomes):
    places = "\n".join(f"sb1:{start}-{start + 99}" for start in range(101, 179_800, 14))
    many = asked(
        arms=("tiling", "random", "negative control"), texts={"places": places}, barcodes=1, random=0, negative=100
    )
    few = asked("sb1:20,001-40,000", arms=("tiling", "negative control"), step=16, barcodes=10, negative=60)
    for question in (many, few):
        started = time.perf_counter()
        design = made(question)
        files = order_sheet.tsv(design), order_sheet.fasta(design), order_sheet.manifest(design)
        took = time.perf_counter() - started
        print(f"{design.n_oligos:,} oligos of {len(design.elements):,} elements in {took:.1f} s")
        assert design.n_oligos >= 12_000
        assert took < 60
        assert problems(*files, chromosomes) == []


def test_the_same_question_gives_the_same_files_and_another_seed_others():
    question = asked(arms=("tiling", "random", "negative control"))
    first = order_sheet.manifest(made(question))
    compute.cache.cache_clear()
    assert order_sheet.manifest(made(question)) == first
    other = order_sheet.manifest(made(replace(question, plan=replace(question.plan, seed=1))))
    assert json.loads(other)["sha256"] != json.loads(first)["sha256"]


def test_hypotheses_break_the_planted_motif_and_spare_the_rest(chromosomes):
    design = made(asked(arms=("hypothesis",)))
    assert wrong_with(design, chromosomes) == []
    claim = design.hypotheses[0]
    assert "CTCF" in claim.claim
    assert claim.high < 0
    original = claim.original.bases
    kill, shuffle = claim.named("kill")[0], claim.named("shuffle")[0]
    changed = sum(a != b for a, b in zip(original, kill.bases, strict=True))
    assert 1 <= changed < sum(a != b for a, b in zip(original, shuffle.bases, strict=True))
    assert sorted(original) == sorted(shuffle.bases)
    assert abs(claim.named("spare")[0].predicted) < 0.2 * abs(claim.predicted)
    names = {element.name: element for element in design.elements}
    for one in claim.interventions:
        assert names[one.name].bases == one.bases
        inside = slice(one.start, one.end)
        assert one.kind == "original" or (
            one.bases[: one.start] + original[inside] + one.bases[one.end :] == original
            and one.bases[inside] != original[inside]
        )
    assert all(hypothesis.named(*BREAKS) for hypothesis in design.hypotheses)


def test_saturation_is_every_substitution_once():
    design = made(asked("sb1:58,401-58,430", arms=("saturation",)))
    changes = {element.edits for element in design.elements if element.kind == "substitution"}
    left = {one.name for one in design.left_out}
    assert len(changes) + len(left) == 30 * 3
    assert sum(element.kind == "wild type" for element in design.elements) == 1


def test_edits_of_the_locus_are_its_variants():
    edit = Variant("sb1", 58_432, "G", "C")
    design = made(asked(arms=("variant",), edits=(edit,)))
    assert [element.kind for element in design.elements] == ["reference allele", "alternative allele"]
    with pytest.raises(UserError, match="has none"):
        made(asked(arms=("variant",)))


def test_picks_are_rows_of_the_list_and_random_ones_its_other_rows(chromosomes):
    places = [f"sb1:{start}-{start + 99}" for start in range(10_001, 14_000, 200)]
    design = made(asked(arms=("acquired", "random"), texts={"places": "\n".join(places), "acquired": "3\n7\n20"}))
    assert wrong_with(design, chromosomes) == []
    picked = [e.locus.replace(",", "") for e in design.elements if e.arm == "acquired"]
    random = {e.locus.replace(",", "") for e in design.elements if e.arm == "random"}
    assert picked == [places[2], places[6], places[19]]
    assert len(random) == 3
    assert random <= set(places) - set(picked)
    with pytest.raises(UserError, match="Row 21 is picked, and the list has 20 places"):
        made(asked(arms=("acquired",), texts={"places": "\n".join(places), "acquired": "21"}))
    with pytest.raises(UserError, match=r"pick at most"):
        made(
            asked(
                arms=("acquired", "random"),
                texts={"places": "\n".join(places), "acquired": "\n".join(map(str, range(1, 19)))},
            )
        )


REFUSED = {
    "off the end": ({"texts": {"places": "sb1:1-20"}, "leave_out": False}, "sb1_1-20.*hang off the end of sb1 .1 to 180,000"),
    "beyond the end": ({"texts": {"places": "sb1:190,000-190,100"}, "leave_out": False}, "line_1 .*off the end"),
    "an empty list": ({"texts": {"places": " \n \n"}}, "The list is empty"),
    "the same twice": ({"texts": {"places": f"{CTCF}\n{CTCF}"}, "leave_out": False}, "line_2 is the same as line 1"),
    "no place": ({"texts": {"places": "nowhere at all\n"}, "leave_out": False}, "line_1"),
    "a wrong REF": ({"texts": {"places": "sb1:58,432 T>A"}, "arms": ("variant",), "leave_out": False}, "line_1 .*G"),
    "too dear": ({"costs": Costs(1.0, 100.0, 305.0)}, "that pays for 5 oligos, or 1 barcode of each"),
    "no money for the replicates": ({"costs": Costs(1.0, 1000.0, 500.0)}, "does not pay for the replicates"),
    "too many oligos": ({"place": "sb1:20,001-40,000", "step": 10, "barcodes": 1_000}, "at most 250,000 fit one order.*250 elements"),
    "no barcodes left": ({"layout": replace(BY_NAME[0], barcode_length=6), "barcodes": 100}, "can be had of 6 bases"),
    "nothing left": ({"layout": replace(BY_NAME[0], sites=("NNNA",))}, "Nothing is left to order"),
    "a site": ({"layout": replace(BY_NAME[0], sites=("CCAGG",)), "leave_out": False}, "cannot be ordered: .*holds CCAGG.*leave them out"),
    "lone controls": ({"texts": {"places": "sb1:1-20"}, "arms": ("negative control",)}, "choose another place"),
    "no picks": ({"arms": ("acquired",)}, "give the picks"),
    "picks of another length": ({"arms": ("acquired",), "texts": {"acquired": ">a\nACGTACGTAC"}, "leave_out": False}, "a has 10|it has 10"),
    "a protein": ({"arms": ("acquired",), "texts": {"acquired": ">a\nMKVLLEEQ"}}, "protein"),
    "random without room": ({"arms": ("random",), "random": 5_000}, "room for .* random windows"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_ordered_is_refused_in_one_sentence(name):
    values, says = REFUSED[name]
    with pytest.raises(UserError, match=says) as refusal:
        made(asked(**values))
    assert "\n" not in str(refusal.value)


def test_unknown_bases_are_refused_or_left_out(chromosomes):
    bases = chromosomes["sb1"][10_000:10_400]
    pasted = bases[:150] + "N" * 5 + bases[155:]
    question = DesignQuestion(
        View(view().model, "pasted", Locus("mine", 0, 400), "CTCF binding", bases=pasted),
        Plan(arms=("tiling",), length=100, step=50, leave_out=True, barcodes=2),
    )
    design = made(question)
    assert (
        problems(order_sheet.tsv(design), order_sheet.fasta(design), order_sheet.manifest(design), {"mine": pasted})
        == []
    )
    assert "5 of its bases are unknown" in " ".join(one.reason for one in design.left_out) or design.left_out == ()
    with pytest.raises(UserError, match=r"unknown \(N\)"):
        made(replace(question, plan=replace(question.plan, leave_out=False)))


def test_a_wild_type_with_a_site_takes_its_mutants_along():
    site = catalog.open_genome("sandbox").sequence(parse_locus("sb1:58,432-58,437")).bases
    plan = {"layout": replace(BY_NAME[0], sites=(site,)), "arms": ("saturation", "tiling")}
    design = made(asked("sb1:58,431-58,440", texts={"places": "sb1:58,431-58,440\nsb1:70,001-70,100"}, **plan))
    assert not [e for e in design.elements if e.arm == "saturation" and "58," in e.locus]
    assert any("is of use only with" in one.reason for one in design.left_out)


@pytest.mark.parametrize("place", [CTCF, "sb1:40,001-42,000"])
def test_guides_lie_beside_their_pam_and_say_that_nothing_was_searched(place, chromosomes):
    plan = Plan(
        "CRISPRi",
        ("tiling", "random", "negative control"),
        layout=GUIDE_LAYOUT,
        guides=4,
        barcodes=0,
        random=5,
        negative=6,
    )
    design = made(DesignQuestion(view(place), plan))
    assert wrong_with(design, chromosomes) == []
    assert {arm: count for arm, (count, _) in design.by_arm().items()} == {
        "tiling": 4,
        "random": 5,
        "negative control": 6,
    }
    inside = parse_locus(place)
    for element in design.elements:
        if element.arm == "tiling":
            at = parse_locus(element.locus)
            low, high = (at.start, at.end + 3) if element.strand == "+" else (at.start - 3, at.end)
            assert inside.start <= low < high <= inside.end
    assert "not searched" in order_sheet.methods(design)
    assert "not searched" in json.loads(order_sheet.manifest(design))["off_targets"]


def test_more_places_than_anyone_waits_for_are_refused_before_anything_is_computed():
    places = "\n".join(f"sb1:{start}-{start + 99}" for start in range(1_001, 1_001 + 201 * 100, 100))
    with pytest.raises(UserError, match="201 are listed; give at most 200"):
        made(asked(arms=("hypothesis",), texts={"places": places}))


def test_what_guides_cannot_do_is_refused():
    plan = Plan("CRISPRi", ("tiling",), layout=GUIDE_LAYOUT, guides=500, barcodes=0)
    with pytest.raises(UserError, match=r"has room for .* guides, and 500 are wanted"):
        made(DesignQuestion(view(), plan))
    with pytest.raises(UserError, match="changes no bases"):
        made(DesignQuestion(view(), replace(plan, arms=("saturation",))))
    known = replace(plan, arms=("tiling", "positive control"), guides=2)
    with pytest.raises(UserError, match="No guide is known to work"):
        made(DesignQuestion(view(), known))
    with pytest.raises(UserError, match="has 19 letters"):
        made(DesignQuestion(view(), known, positives="ACGTACGATCGATCAGACT"))
    good = "GCTAGACCATGACTAGACCT"
    design = made(DesignQuestion(view(), known, positives=good.lower()))
    assert [e.bases for e in design.elements if e.arm == "positive control"] == [good]


def test_the_interval_of_an_effect_is_that_of_one_more_network():
    mean, low, high = compute_design._interval(np.array([1.0, 2.0, 3.0]))
    assert (mean, high - mean) == pytest.approx((2.0, 4.302653 * np.sqrt(4 / 3)), rel=1e-5)
    assert low == pytest.approx(2 * mean - high)
    assert compute_design._interval(np.array([1.5])) == (1.5, 1.5, 1.5)
