"""Dinucleotide shuffles keep what they promise to keep, and nothing else."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.shuffle import codes_of, dinucleotide_shuffle, letters_of, shuffle_codes

DNA = st.text("ACGTN", max_size=60)
SEEDS = st.integers(0, 2**32 - 1)


def dinucleotides(bases: str) -> Counter[str]:
    return Counter(first + second for first, second in pairwise(bases))


@given(bases=DNA, seed=SEEDS)
def test_a_shuffle_holds_as_many_of_each_dinucleotide(bases: str, seed: int) -> None:
    assert dinucleotides(dinucleotide_shuffle(bases, seed=seed)) == dinucleotides(bases)


@given(bases=st.text("ACGTN", min_size=1, max_size=60), seed=SEEDS)
def test_first_and_last_base_and_every_n_stay_in_place(bases: str, seed: int) -> None:
    shuffled = dinucleotide_shuffle(bases, seed=seed)
    assert (shuffled[0], shuffled[-1]) == (bases[0], bases[-1])
    assert [base == "N" for base in shuffled] == [base == "N" for base in bases]


@given(bases=DNA, seed=SEEDS)
def test_the_same_seed_gives_the_same_shuffle_in_either_case(bases: str, seed: int) -> None:
    assert dinucleotide_shuffle(bases, seed=seed) == dinucleotide_shuffle(bases.lower(), seed=seed)


def test_every_order_with_these_dinucleotides_is_equally_likely() -> None:
    bases = "ACAGACATACA"
    orders = {"".join(order) for order in set(permutations(bases))}
    expected = {order for order in orders if dinucleotides(order) == dinucleotides(bases)}
    n = 2000 * len(expected)
    found = Counter(letters_of(row) for row in shuffle_codes(np.repeat(codes_of(bases)[None], n, axis=0), seed=3))
    assert set(found) == expected
    chi_square = sum((count - 2000) ** 2 / 2000 for count in found.values())
    assert chi_square < 43.8  # 0.999 quantile at 19 degrees of freedom


def test_rows_are_shuffled_apart_and_leave_the_input_alone() -> None:
    codes = np.random.default_rng(0).integers(0, 4, (200, 100)).astype(np.int8)
    before = codes.copy()
    shuffled = shuffle_codes(codes, seed=1)
    assert (codes == before).all()
    assert (shuffled != codes).mean() > 0.6
    assert len({letters_of(row) for row in shuffle_codes(np.repeat(codes[:1], 50, axis=0), seed=1)}) == 50


def test_a_sequence_with_only_one_order_is_returned_as_it_is() -> None:
    assert dinucleotide_shuffle("A" * 30 + "C" * 30 + "G" * 30 + "T", seed=2) == "A" * 30 + "C" * 30 + "G" * 30 + "T"


def test_codes_that_stand_for_no_base_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.4"):
        shuffle_codes(np.array([[0, 5]], dtype=np.int8), seed=0)
