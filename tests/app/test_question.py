"""The What if question travels in a link: whole, and nothing else comes out of one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import view as views
from app.question import FIELDS, Question, asks, from_query, question
from app.view import View
from genome.errors import UserError
from genome.locus import Locus

VIEW = View("tf-binding-0123456789ab", "hg19", Locus("chr22", 99, 200), "CTCF binding")
SCRIPT = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def values(form):
    if isinstance(form, range):
        return st.integers(form.start, form.stop - 1)
    if isinstance(form, tuple):
        return st.sampled_from(form)
    return st.from_regex(form, fullmatch=True).filter(str.isascii)


@st.composite
def questions(draw):
    kind = draw(st.sampled_from(list(FIELDS)))
    return Question(kind, tuple((name, draw(values(form))) for name, form in FIELDS[kind].items()))


@settings(max_examples=300, deadline=None)
@given(questions())
def test_a_question_survives_its_link_beside_the_view(asked):
    link = asked.link(VIEW, "http://localhost:8501/what-if")
    assert link.startswith("http://localhost:8501/what-if?")
    query = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    assert asks(query)
    assert from_query(query) == asked
    assert views.from_query(query) == VIEW


GOOD = {
    kind: Question(kind, tuple((n, f[0] if isinstance(f, range | tuple) else "CTCF") for n, f in forms.items()))
    for kind, forms in FIELDS.items()
}
EACH = [(kind, name) for kind, forms in FIELDS.items() for name in forms]


@pytest.mark.parametrize(("kind", "name"), EACH)
@pytest.mark.parametrize("text", [SCRIPT, "\x00", "9" * 5000, "é", "-1", "١", "$(x)", "a\nb"])
def test_what_a_field_cannot_hold_is_refused_in_one_sentence(kind, name, text):
    if text == "-1" and name in ("where", "to"):
        return  # a position that the locus does not hold is refused where it is asked
    with pytest.raises(UserError) as refusal:
        from_query(GOOD[kind].to_query() | {f"ask.{name}": text})
    said = str(refusal.value)
    assert "<" not in said
    assert len(said) < 200
    assert "\n" not in said


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_a_question_that_is_cut_short_says_what_it_lacks(kind, name):
    query = GOOD[kind].to_query()
    assert set(query) == {"ask", *(f"ask.{field}" for field in FIELDS[kind])}  # written in full
    del query[f"ask.{name}"]
    with pytest.raises(UserError, match=f"lacks {name}"):
        from_query(query)


def test_unknown_questions_and_fields_are_refused():
    with pytest.raises(UserError, match="unknown"):
        from_query({"ask": SCRIPT})
    with pytest.raises(UserError, match="fields that this question has not"):
        from_query(GOOD["tiles"].to_query() | {"ask.more": "1"})
    assert not asks(VIEW.to_query())


def test_a_programmer_who_forgets_a_field_is_told():
    with pytest.raises(ValueError, match="has the fields"):
        question("tiles", tile=10)
    assert question("tiles", tile=10, n=20, seed=0).number("tile") == 10
    assert question("pair", **{name.replace("-", "_"): value for name, value in GOOD["pair"].values}) == GOOD["pair"]


def test_every_name_of_a_motif_can_be_asked():
    from interpret.jaspar import jaspar_motifs

    for motif in jaspar_motifs():
        question("everywhere", motif=motif.name, strand="+", n=100, seed=0, scale="explained", backgrounds="quiet")
