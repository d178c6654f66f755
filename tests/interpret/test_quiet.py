"""Quiet windows: where they lie, which of them are kept, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import encoded
from genome.source import MemoryGenome
from interpret.quiet import _starts, lowest, quiet_windows, reach_of
from interpret.whatif import answers
from tests.toy_models import WINDOW, Curved, random_bases, toy_engine, toy_model

MODEL = toy_model(Curved, n_members=2)
RUN = toy_engine(MODEL).runner(MODEL.spec.model_id)
BASES = random_bases(60_000, seed=8)
LOCUS = Locus("c1", 30_000, 30_100)


def genome(bases: str = BASES) -> MemoryGenome:
    return MemoryGenome("made", {"c1": bases}, build="made-1")


def text(codes: np.ndarray) -> str:
    return "".join("ACGTN"[code] for code in codes)


def test_the_third_that_the_model_predicts_least_of_is_kept() -> None:
    found = quiet_windows(RUN, MODEL.spec, genome(), LOCUS, 100, seed=0)
    assert found.codes.shape == (100, WINDOW)
    everywhere = answers(RUN, MODEL.spec, found.codes, "explained").mean(axis=(0, 1))
    rows = np.arange(2_000, 2_000 + 400 * WINDOW, WINDOW)
    plain = np.stack([encoded_codes(BASES[row : row + WINDOW]) for row in rows])
    assert (everywhere < answers(RUN, MODEL.spec, plain, "explained").mean(axis=(0, 1))).all()
    for words in ("100 quiet windows of made c1", "300 drawn", "100,000 bp", "seed 0", "every track"):
        assert words in found.words


def encoded_codes(bases: str) -> np.ndarray:
    from models.shuffle import codes_of

    assert encoded(codes_of(bases)[None]).shape == (1, 4, len(bases))
    return codes_of(bases)


def test_each_is_a_stretch_of_the_genome_without_n_that_does_not_touch_the_locus() -> None:
    unknown = BASES[:29_000] + "N" * 500 + BASES[29_500:]
    found = quiet_windows(RUN, MODEL.spec, genome(unknown), LOCUS, 100, seed=3)
    outside = (unknown[: LOCUS.start], unknown[LOCUS.end :])
    for row in map(text, found.codes):
        assert "N" not in row
        assert any(row in side for side in outside)


def test_the_same_seed_draws_the_same_and_another_others() -> None:
    one, same, other = (quiet_windows(RUN, MODEL.spec, genome(), LOCUS, 100, seed=seed).codes for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_where_there_is_no_room_shuffles_are_named_instead() -> None:
    with pytest.raises(UserError, match="take dinucleotide shuffles"):
        quiet_windows(RUN, MODEL.spec, genome(BASES[:2_000]), Locus("c1", 900, 1_000), 100, seed=0)
    with pytest.raises(UserError, match="without N"):
        quiet_windows(RUN, MODEL.spec, genome("N" * 60_000), LOCUS, 100, seed=0)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 600), st.integers(1, 3_000), st.integers(0, 99))
def test_windows_lie_side_by_side_inside_what_is_read_and_outside_the_locus(window, length, seed) -> None:
    reach = 5_000
    starts = _starts(Locus("c", 0, length), reach, window, seed)
    assert (np.diff(starts) >= window).all()
    assert starts[0] >= 0
    assert starts[-1] + window <= 2 * reach + length
    assert ((starts + window <= reach) | (starts >= reach + length)).all()


def test_the_lowest_are_low_on_every_track() -> None:
    predicted = np.array([[0.0, 9.0], [1.0, 1.0], [2.0, 0.0], [9.0, 2.0]])
    assert lowest(predicted, 2).tolist() == [1, 2]
    assert lowest(predicted * [1.0, 100.0] + 7, 2).tolist() == [1, 2]  # whatever the units


def test_more_or_longer_windows_are_looked_for_farther_away() -> None:
    assert reach_of(100, 100) == 100_000
    assert reach_of(2_114, 100) == 634_200
    assert reach_of(2_114, 1_000) == 1_000_000
