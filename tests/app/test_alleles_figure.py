"""Letters of both alleles in register, and both predictions with their difference, as pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest

from app.figures import alleles
from app.figures.logos import LABEL_WIDTH
from genome.locus import Variant
from interpret.alleles import Profiles, Sweep
from tests.app.test_compare import explained, ref

WIDTH = 10.0


def picture(edit: Variant) -> str:
    return alleles.letters_picture(explained(), explained(edit), (edit,), base_width=WIDTH)


def names(svg: str) -> list[str]:
    """The bases under either allele as they stand, gaps as dashes: one string each."""
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" font-size="10"[^>]*>([ACGTN])</text>', svg)
    rows = []
    for y in sorted({float(y) for _, y, _ in found}):
        columns = {round((float(x) - LABEL_WIDTH) / WIDTH - 0.5): base for x, at, base in found if float(at) == y}
        rows.append("".join(columns.get(column, "-") for column in range(max(columns) + 1)))
    return rows


def shaded(svg: str) -> list[int]:
    return [round((float(x) - LABEL_WIDTH) / WIDTH) for x in re.findall(r'<rect x="([\d.]+)" y="20"', svg)]


def other(base: str) -> str:
    return "A" if base != "A" else "C"


def test_a_substitution_is_one_shaded_column_and_the_rest_is_the_same() -> None:
    base = ref(58400, 1)
    svg = picture(Variant("sb1", 58400, base, other(base)))
    before, after = names(svg)
    (column,) = shaded(svg)
    assert (before[column], after[column]) == (base, other(base))
    assert before[:column] + before[column + 1 :] == after[:column] + after[column + 1 :]
    assert column == alleles.AROUND
    assert len(before) == 2 * alleles.AROUND + 1


def test_inserted_and_deleted_bases_stand_over_a_gap_and_what_follows_stays_in_register() -> None:
    before, after = names(picture(Variant("sb1", 58400, "", "GATTA")))
    assert before.count("-") == 5
    assert after[before.index("-") :].startswith("GATTA")
    assert before.replace("-----", "") == after[: before.index("-")] + after[before.index("-") + 5 :]
    gone = ref(58400, 3)
    svg = picture(Variant("sb1", 58400, gone, ""))
    before, after = names(svg)
    assert after.count("-") == 3
    assert "".join(before[column] for column in shaded(svg)) == gone


def test_positions_on_the_ruler_are_one_based_and_over_their_base() -> None:
    base = ref(58400, 1)
    svg = picture(Variant("sb1", 58400, base, other(base)))
    (column,) = shaded(svg)
    x = re.search(r'<text x="([\d.]+)"[^>]*>58,400</text>', svg)
    assert x is not None
    assert round((float(x[1]) - LABEL_WIDTH) / WIDTH - 0.5) == column


def test_the_picture_needs_a_base_near_the_variant() -> None:
    with pytest.raises(ValueError, match="no base"):
        alleles.letters_picture(explained(), explained(), (Variant("sb1", 5, "A", "C"),))


def test_the_sweep_draws_both_alleles_their_difference_and_the_windows_of_the_effect() -> None:
    offsets = np.arange(-3, 4)
    before, after = np.zeros((7, 2), np.float32), np.arange(14, dtype=np.float32).reshape(7, 2)
    drawn = alleles.sweep_figure(Sweep(offsets, before, after, before + 0.5), 1, "log odds", 8)
    by_name = {trace.name: trace for trace in drawn.data if trace.name}
    assert list(by_name["ALT"].y) == after[:, 1].tolist()
    assert list(by_name["ALT − REF"].y) == (after - before)[:, 1].tolist()
    assert {(shape.x0, shape.x1) for shape in drawn.layout.shapes} == {(-2, 2)}


def test_a_profile_is_drawn_at_one_based_positions_and_strands_are_added_in_the_difference() -> None:
    before = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    found = Profiles(np.array([99, 100]), before, 2 * before, np.zeros(2))
    drawn = alleles.profile_figure(found, (0, 1), ("+", "-"), (Variant("c", 100, "A", "C"),), "reads")
    by_name = {trace.name: trace for trace in drawn.data if trace.name}
    assert list(by_name["REF +"].x) == [100, 101]
    assert list(by_name["ALT -"].y) == [6.0, 8.0]
    assert list(by_name["ALT − REF"].y) == [4.0, 6.0]
