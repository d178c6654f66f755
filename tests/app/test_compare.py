"""Letters before and after an edit stand in register."""

from __future__ import annotations

import pytest

from app import compute
from app.compute import Asker
from app.figures import compare
from app.view import View
from genome.locus import Locus, Variant
from models import registry

LOCUS = Locus("sb1", 58350, 58450)


def view(*edits: Variant) -> View:
    return View(registry.spec("simple").model_id, "sandbox", LOCUS, "CTCF binding", edits=edits)


def explained(*edits: Variant):
    return compute.attribution(view(*edits), Asker())


def ref(position: int, count: int) -> str:
    bases = compute.reference(view(), Asker())
    offset = position - 1 - bases.locus.start
    return str(bases.bases[offset : offset + count])


def test_without_an_edit_nothing_differs() -> None:
    found = compare.columns(explained(), explained())
    assert [column.position for column in found] == sorted({column.position for column in found})
    assert not any(column.differs for column in found)


def test_inserted_bases_stand_over_a_gap_and_the_rest_stays_in_register() -> None:
    found = compare.columns(explained(), explained(Variant("sb1", 58400, "", "GATTA")))
    assert [column.after[0] for column in found if column.before is None] == list("GATTA")
    both = [column for column in found if column.before and column.after]
    assert all(column.before[0] == column.after[0] for column in both)


def test_deleted_bases_stand_over_a_gap() -> None:
    gone = ref(58400, 3)
    found = compare.columns(explained(), explained(Variant("sb1", 58400, gone, "")))
    inside = [column for column in found if LOCUS.contains(column.position)]
    missing = [column for column in inside if column.after is None]
    assert "".join(column.before[0] for column in missing) == gone
    assert [column.position for column in missing] == [58399, 58400, 58401]


def test_a_substitution_is_the_only_difference() -> None:
    base = ref(58400, 1)
    other = "A" if base != "A" else "C"
    found = compare.columns(explained(), explained(Variant("sb1", 58400, base, other)))
    assert [(c.position, c.before[0], c.after[0]) for c in found if c.differs] == [(58399, base, other)]


def test_the_picture_needs_a_base_near_the_edits() -> None:
    edit = Variant("sb1", 58400, "", "GG")
    assert compare.before_and_after(explained(), explained(edit), (edit,), palette="safe").startswith("<svg")
    with pytest.raises(ValueError, match="explained"):
        compare.before_and_after(explained(), explained(), (Variant("sb1", 100, "", "GG"),), palette="safe")
