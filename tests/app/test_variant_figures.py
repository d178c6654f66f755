"""The plots of many variants: they say the numbers they were given, and never too many of them."""

from __future__ import annotations

import numpy as np
import pytest

from app.figures import variants


def test_every_effect_is_counted_once_on_its_side_of_zero() -> None:
    effects = np.array([-2.0, -0.5, 0.25, 1.0, np.nan], dtype=np.float32)
    bars = variants.distribution(effects, "log odds").data[0]
    assert np.nansum(bars.y) == 4
    below = np.asarray(bars.x) < 0
    assert np.nansum(np.asarray(bars.y)[below]) == 2
    assert set(np.asarray(bars.marker.color)[below]) == {variants.LOWERS}


@pytest.mark.parametrize("effects", [[], [np.nan], [0.0]])
def test_nothing_and_zeros_can_be_drawn(effects: list[float]) -> None:
    values = np.array(effects, dtype=np.float32)
    variants.distribution(values, "x")
    starts, chroms = np.zeros(len(values), np.int64), np.zeros(len(values), np.uint16)
    variants.along_the_genome(values, chroms, starts, ["c"], "x")


def test_of_many_the_largest_are_drawn_with_their_place() -> None:
    rng = np.random.default_rng(1)
    effects = rng.normal(size=10_000).astype(np.float32)
    starts = np.arange(10_000, dtype=np.int64) * 10
    figure = variants.along_the_genome(effects, np.zeros(10_000, np.uint16), starts, ["chr<b>1"], "log odds")
    drawn = np.concatenate([trace.y for trace in figure.data])
    np.testing.assert_array_equal(np.sort(np.abs(drawn)), np.sort(np.abs(effects))[-variants.MAX_DOTS :])
    largest = int(effects.argmax())
    assert figure.data[0].text[0].startswith(f"chr&lt;b&gt;1:{10 * largest + 1:,}")


def test_chromosomes_lie_side_by_side() -> None:
    effects = np.ones(4, dtype=np.float32)
    starts = np.array([100, 200, 100, 200], dtype=np.int64)
    figure = variants.along_the_genome(effects, np.array([0, 0, 1, 1], np.uint16), starts, ["a", "b"], "x")
    x = np.asarray(figure.data[0].x)
    assert x[1] < x[2]
    assert list(figure.layout.xaxis.ticktext) == ["a", "b"]


def test_every_allele_is_somewhere() -> None:
    bars = variants.became({0: 5, 1: 2}, pending=3).data[0]
    assert sum(bars.x) == 10
    assert list(bars.y) == ["not computed yet", "REF mismatch", "ok"]
