"""The letters that are drawn without the genome browser."""

from __future__ import annotations

import math

import pytest

from app.figures import letters
from tests.app.test_compare import explained


def test_every_letter_ends_at_its_contribution() -> None:
    found = explained()
    start, end = found.core
    tops = {}
    for _, xs, ys in letters.letter_outlines(found):
        for x, y in zip(xs, ys, strict=True):
            if not math.isnan(x):
                place = round(x - 1e-9)
                tops[place] = max(tops.get(place, 0.0), abs(y))
    wanted = {int(found.sequence.positions[i]) + 1: abs(float(found.values[i])) for i in range(start, end)}
    assert tops == pytest.approx({place: value for place, value in wanted.items() if value})
