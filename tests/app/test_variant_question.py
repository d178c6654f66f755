"""The question of the Variants page travels in a link: whole, and nothing else comes out of one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import view as view_module
from app.variant_question import MAX_ALLELES, MAX_TOGETHER, VariantQuestion, asked_of, asks, from_query
from app.view import View
from genome.errors import UserError
from genome.locus import Locus, Variant
from models import registry
from tests.app.test_view import views

SPEC = registry.spec("simple")
VIEW = View(SPEC.model_id, "sandbox", Locus("chr22", 5, 99), "CTCF binding", panel="motifs")


@st.composite
def asked(draw):
    view = draw(views().filter(lambda view: view.edits))
    more = draw(st.booleans()) and len(view.edits) == 1
    others = tuple(
        Variant(view.locus.chrom, 7, "", alt) for alt in draw(st.lists(st.text("ACGT", min_size=1), max_size=4))
    )
    return VariantQuestion(view, (*view.edits, *others) if more else ())


@settings(max_examples=300, deadline=None)
@given(asked())
def test_a_question_survives_its_link(question):
    link = question.link("http://localhost:8501/variants")
    assert link.startswith("http://localhost:8501/variants?")
    query = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    assert asks(query)
    assert from_query(query) == question
    assert view_module.from_query(query) == question.view  # the same link opens the Locus page


@given(
    st.lists(
        st.tuples(st.integers(1_000, 1_040), st.text("ACGT", max_size=3), st.text("ACGT", max_size=3)).filter(
            lambda part: part[1] != part[2]
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_window_holds_the_variants_with_either_allele_and_asking_again_changes_nothing(parts):
    variants = tuple(Variant("chr1", *part) for part in parts)
    try:
        question = asked_of(VIEW, variants, SPEC)
    except UserError:
        return  # they overlap
    locus = question.view.locus
    grown = sum(len(variant.alt) - len(variant.ref) for variant in question.variants)
    assert max(locus.length, locus.length + grown) <= SPEC.input_length
    assert all(locus.start <= variant.start and variant.end <= locus.end for variant in question.variants)
    assert asked_of(question.view, question.variants, SPEC) == question
    assert question.view.panel == "edit"


def test_a_variant_lies_in_the_middle_of_its_window():
    locus = asked_of(VIEW, (Variant("chr1", 1_000, "A", "C"),), SPEC).view.locus
    assert locus.length == SPEC.input_length
    assert abs((locus.start + locus.end) // 2 - 999) <= 1


@pytest.mark.parametrize(
    ("variants", "reason"),
    [
        ([("chr1", 10, "A", "C"), ("chr2", 10, "A", "C")], "several chromosomes"),
        ([("chr1", 10, "AC", "G"), ("chr1", 11, "C", "G")], "overlaps"),
        ([("chr1", 10, "", "G"), ("chr1", 10, "C", "G")], "overlaps"),
        ([("chr1", 10, "A", "C"), ("chr1", 10_000, "A", "C")], "more than half"),
        ([("chr1", 10, "", "ACGT" * 100)], "more than half"),
    ],
)
def test_what_cannot_be_asked_together_is_refused_in_one_sentence(variants, reason):
    with pytest.raises(UserError, match=reason):
        asked_of(VIEW, tuple(Variant(*variant) for variant in variants), SPEC)


def query(**changed):
    return VariantQuestion(View(SPEC.model_id, "sandbox", Locus("chr1", 5, 99), "CTCF binding", edits=(Variant("chr1", 9, "A", "C"),))).to_query() | changed  # fmt: skip


@pytest.mark.parametrize("text", ["x", "9.A.C,<b>", "9.A.A", "10.A.C", "9.a.c", "9.A.C," * 60])
def test_damaged_alleles_are_refused_in_one_sentence(text):
    with pytest.raises(UserError) as refusal:
        from_query(query(alleles=text))
    assert "<" not in str(refusal.value)


def test_a_link_without_a_variant_asks_nothing():
    plain = VIEW.to_query()
    assert not asks(plain)
    with pytest.raises(UserError, match="names no variant"):
        from_query(plain)


def test_there_are_limits():
    many = tuple(Variant("chr1", 10 * number, "A", "C") for number in range(1, MAX_TOGETHER + 2))
    with pytest.raises(UserError, match="At most"):
        VariantQuestion(View(SPEC.model_id, "sandbox", Locus("chr1", 5, 99), "CTCF binding", edits=many))
    one = View(SPEC.model_id, "sandbox", Locus("chr1", 5, 99), "CTCF binding", edits=many[:1])
    with pytest.raises(UserError, match="alleles"):
        VariantQuestion(one, many[:1] * (MAX_ALLELES + 1))
