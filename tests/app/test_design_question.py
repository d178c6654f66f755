"""A design travels in a link: whole, and nothing else comes out of one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import view as views
from app.design_question import MAX_LINKED_TEXT, DesignQuestion, asks, from_query
from app.view import View
from experiment.acquire import STRATEGIES
from experiment.design import ARMS, BOUNDS, Costs, Plan
from experiment.design_layout import ENZYMES, LAYOUTS, Layout
from experiment.design_picks import Picks
from genome.errors import UserError
from genome.locus import Locus

VIEW = View("tf-binding-0123456789ab", "hg19", Locus("chr22", 99, 200), "CTCF binding")
GOOD = DesignQuestion(
    VIEW,
    Plan(picks=Picks(9, "margin", bounds=(-1.5, 2.0))),
    places="chr22:1-200\nchr22:5 A>C\n",
    candidates="chr22:1-200\n",
)
TEXTS = ("design.places", "design.candidates")
DNA = st.text("ACGT", max_size=30)


@st.composite
def plans(draw):
    layout = Layout(
        draw(st.sampled_from([*LAYOUTS, "your own"])),
        draw(DNA),
        draw(DNA),
        draw(DNA),
        draw(st.sampled_from([0, 6, 12, 20])),
        gc_low=draw(st.floats(0, 0.5)),
        gc_high=draw(st.floats(0.5, 1)),
        longest_run=draw(st.integers(1, 20)),
        sites=tuple(draw(st.lists(st.sampled_from(list(ENZYMES)), max_size=4, unique=True))),
        longest_oligo=500,
    )
    numbers = {name: draw(st.integers(low, high)) for name, (low, high, _) in BOUNDS.items()}
    numbers["length"] = draw(st.integers(10, 300))
    numbers["barcodes"] = draw(st.integers(1, 50)) if layout.barcode_length else 0
    prices = [draw(st.floats(0, 1e9)) for _ in range(2)]
    costs = Costs(*prices, draw(st.floats(0, 1e9)) if any(prices) else 0.0, draw(st.sampled_from(["USD", "EUR"])))
    arms = tuple(draw(st.sets(st.sampled_from(ARMS), min_size=1)))
    flags = {"deletions": draw(st.booleans()), "leave_out": draw(st.booleans())}
    picks = st.builds(
        Picks, st.integers(1, 20_000), st.sampled_from(list(STRATEGIES)), st.integers(1, 10_000), st.integers(0, 1_000_000),
        st.none() | st.tuples(st.floats(-5, 0), st.floats(0.5, 5)),
    )  # fmt: skip
    return Plan("MPRA", arms, layout=layout, costs=costs, picks=draw(st.none() | picks), **numbers, **flags)


@settings(max_examples=200)
@given(plans(), st.text(st.characters(codec="ascii"), max_size=300))
def test_a_design_survives_its_link_and_its_json(plan, text):
    asked = DesignQuestion(VIEW, plan, "my_library", places=text, candidates=text if plan.picks else "")
    link = asked.link("http://localhost:8501/design")
    assert link.startswith("http://localhost:8501/design?")
    query = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    assert asks(query)
    assert from_query(query) == asked
    assert views.from_query(query) == VIEW
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("name", [name for name in GOOD.to_query() if name.startswith("design")])
@pytest.mark.parametrize("text", ["<script>", "\x00", "9" * 400, "é", "-1", "١", "nan", ""])
def test_what_a_field_cannot_hold_is_refused_in_one_sentence(name, text):
    said = ""
    try:
        found = from_query(GOOD.to_query() | {name: text})
    except UserError as refusal:
        said = str(refusal)
    else:
        assert from_query(found.to_query()) == found
    assert "\n" not in said


@pytest.mark.parametrize("name", [name for name in GOOD.to_query() if name.startswith("design.") and name not in TEXTS])
def test_a_link_that_is_cut_short_is_refused(name):
    query = GOOD.to_query()
    del query[name]
    with pytest.raises(UserError, match="cut short"):
        from_query(query)


def test_a_link_from_before_picks_were_chosen_here_still_works():
    plain = DesignQuestion(VIEW, Plan(arms=("acquired",)), acquired="chr22:1-200\n")
    assert not {"design.pick", "design.strategy", "design.low"} & set(plain.to_query())
    assert from_query(plain.to_query()).plan.picks is None


def test_what_does_not_fit_a_link_has_none():
    long = DesignQuestion(VIEW, Plan(), places="chr22:1-200\n" * (MAX_LINKED_TEXT // 10))
    assert not long.in_a_link
    assert long.link("http://x/design") == ""
    with pytest.raises(UserError, match="longer than a link can hold"):
        from_query(long.to_query())


IMPOSSIBLE = {
    "no barcodes": ({"barcodes": 0}, "at least one barcode"),
    "too long for the oligo": ({"length": 300}, "elements of at most 243"),
    "a negative number": ({"random": -1}, "from 0 to"),
    "a huge number": ({"barcodes": 10**9}, "from 0 to 1,000"),
    "no arms": ({"arms": ()}, "at least one arm"),
    "barcodes that are not in the oligo": ({"layout": list(LAYOUTS.values())[2]}, "set the barcodes to 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_plan_is_refused_with_what_is_possible(name):
    values, says = IMPOSSIBLE[name]
    with pytest.raises(UserError, match=says):
        Plan(**values)
    assert Plan(length=243)


@pytest.mark.parametrize("budget", [-1.0, 1e13, float("nan"), float("inf")])
def test_a_price_is_a_number_of_this_world(budget):
    with pytest.raises(UserError, match="Prices and the budget"):
        Costs(budget=budget)


def test_adaptors_in_lower_case_count_as_upper_case_and_other_letters_do_not():
    assert Layout("x", "acgt", "", "ttta", 0).left == "ACGT"
    with pytest.raises(UserError, match="left adaptor"):
        Layout("x", "ACGN", "", "", 0)
    with pytest.raises(UserError, match="neither an enzyme"):
        Layout("x", "A", "", "", 0, sites=("NoSuchI",))
