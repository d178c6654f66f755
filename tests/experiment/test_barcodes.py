"""Barcodes: far from one another, within their bounds in any oligo, the same by the same seed, refused with the number there is."""

from __future__ import annotations

import re
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiment.barcodes import MIN_DISTANCE, assigned, code_words, nearest_pair
from experiment.design_layout import LAYOUTS, Layout
from genome.errors import UserError
from tests.experiment.order_checker import _barcode, other_strand, too_near, touches

LAYOUT = next(iter(LAYOUTS.values()))
DNA = st.text("ACGT", min_size=0, max_size=20)


def random_dna(n: int, length: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(row) for row in np.array(list("ACGT"))[random.integers(0, 4, (n, length))]]


@st.composite
def layouts(draw):
    sites = draw(st.lists(st.sampled_from(["KpnI", "BsaI", "NotI", "GAWTC", "ACNNGT"]), max_size=3, unique=True))
    low = draw(st.floats(0, 0.5))
    return Layout(
        "any",
        draw(DNA),
        draw(DNA),
        draw(DNA),
        draw(st.integers(6, 20)),
        gc_low=low,
        gc_high=draw(st.floats(max(low, 0.5), 1)),
        longest_run=draw(st.integers(1, 6)),
        sites=tuple(sites),
        longest_oligo=500,
    )


@settings(max_examples=40)
@given(layouts(), st.integers(0, 2**31 - 1), st.integers(1, 4), st.integers(1, 12))
def test_barcodes_keep_every_bound_in_any_oligo(layout, seed, n, count):
    elements = random_dna(count, 30, seed=seed % 1000)
    try:
        found = assigned(elements, n, layout, seed=seed)
    except UserError as refusal:
        told = [
            int(number.replace(",", ""))
            for number in re.findall(r"\d[\d,]*(?= barcodes are needed| can be had)", str(refusal))
        ]
        assert len(told) == 2
        assert told[0] == n * count > told[1]
        assume(False)
        return
    every = [barcode for mine in found for barcode in mine]
    assert [len(mine) for mine in found] == [n] * count
    assert all(sum(a != b for a, b in zip(x, y, strict=True)) >= MIN_DISTANCE for x, y in combinations(every, 2))
    adaptors = (layout.left, layout.right)
    eights = {s[i : i + 8] for word in adaptors for s in (word, other_strand(word)) for i in range(len(s) - 7)}
    record = layout.to_json()
    words = [{"KpnI": "GGTACC", "BsaI": "GGTCTC", "NotI": "GCGGCCGC"}.get(site, site) for site in layout.sites]
    for element, mine in zip(elements, found, strict=True):
        for barcode in mine:
            oligo = layout.left + element + layout.middle + barcode + layout.right
            start = len(layout.left) + len(element) + len(layout.middle)
            assert _barcode(oligo, start, start + len(barcode), record, eights) == []
            assert not any(
                touches(word, oligo, start, start + len(barcode)) for word in (*words, *filter(None, adaptors))
            )


@given(st.integers(6, 9), st.integers(0, 2**31 - 1))
@settings(max_examples=20)
def test_the_code_has_all_its_words_once_and_none_is_near_another(length, seed):
    words = np.concatenate(list(code_words(length, seed=seed)))
    assert len(np.unique(words, axis=0)) == len(words) == 4 ** (length - 3)
    some = words[np.random.default_rng(seed).permutation(len(words))[:300]]
    different = (some[:, None] != words[None]).sum(axis=2)
    assert sorted(different.min(axis=1).tolist()) == [0] * len(some)
    assert np.sort(different, axis=1)[:, 1].min() >= MIN_DISTANCE


def test_the_same_seed_gives_the_same_barcodes_and_another_others():
    elements = random_dna(50, 60)
    first = assigned(elements, 3, LAYOUT, seed=5)
    assert assigned(elements, 3, LAYOUT, seed=5) == first
    others = assigned(elements, 3, LAYOUT, seed=6)
    assert len({b for mine in first for b in mine} & {b for mine in others for b in mine}) < 15


@pytest.mark.parametrize("length", [6, 11, 12, 20])
def test_a_pair_that_is_too_near_is_found_wherever_it_differs(length):
    random = np.random.default_rng(length)
    words = ["".join(np.array(list("ACGT"))[row]) for row in next(code_words(length, seed=1))[:60]]
    assert nearest_pair(words) is None
    assert too_near(words) == []
    for first, second in combinations(range(length), 2):
        chosen = words[int(random.integers(len(words)))]
        letters = list(chosen)
        for at in (first, second):
            letters[at] = "ACGT"[("ACGT".index(letters[at]) + int(random.integers(1, 4))) % 4]
        near = "".join(letters)
        found = nearest_pair([*words, near])
        assert found is not None
        assert sum(a != b for a, b in zip(*found, strict=True)) < MIN_DISTANCE


def test_what_is_impossible_is_refused_with_the_number_that_is_possible():
    short = Layout("short", LAYOUT.left, LAYOUT.middle, LAYOUT.right, 7, sites=LAYOUT.sites)
    elements = random_dna(200, 60)
    with pytest.raises(UserError, match=r"2,000 barcodes are needed, and (\d+) can be had") as refusal:
        assigned(elements, 10, short, seed=0)
    possible = int(re.search(r"at most (\d+) elements", str(refusal.value))[1])  # type: ignore[index]
    assert possible >= 1
    assert len(assigned(elements[:possible], 10, short, seed=0)) == possible


def test_bounds_that_no_barcode_meets_are_refused_soon():
    started = time.perf_counter()
    nothing = Layout("x", "", "", "", 20, gc_low=1, gc_high=1, longest_run=1, sites=("GCGC", "CGCG"))
    with pytest.raises(UserError, match=r"0 can be had.*widen the bounds"):
        assigned(["ACGT"], 1, nothing, seed=0)
    assert time.perf_counter() - started < 60


def test_twelve_thousand_barcodes_take_seconds():
    elements = random_dna(1_200, 200)
    started = time.perf_counter()
    found = assigned(elements, 10, LAYOUT, seed=0)
    took = time.perf_counter() - started
    assert too_near([barcode for mine in found for barcode in mine]) == []
    assert took < 20
