"""What DNA is made of: counts known on paper, and word models whose source is known."""

from __future__ import annotations

import numpy as np
import pytest

from models.composition import (
    fit_words,
    gc_content,
    longest_repeat,
    repetitiveness,
    unknown_share,
    words_of,
)
from models.shuffle import codes_of


def codes(*bases: str) -> np.ndarray:
    return np.stack([codes_of(one) for one in bases])


def drawn(n: int, length: int, seed: int = 0, weights: tuple[float, ...] = (0.25,) * 4) -> np.ndarray:
    return np.random.default_rng(seed).choice(4, (n, length), p=weights).astype(np.int8)


def turned(rows: np.ndarray) -> np.ndarray:
    return np.where(rows == 4, 4, 3 - rows)[:, ::-1].astype(np.int8)


def test_gc_is_counted_among_the_known_bases():
    found = gc_content(codes("GGCC", "ATGC", "NNNG", "NNNN"))
    assert found[:3].tolist() == [1.0, 0.5, 1.0]
    assert np.isnan(found[3])
    assert unknown_share(codes("ACGN")).tolist() == [0.25]


def test_words_are_numbered_in_base_four_and_n_has_none():
    assert words_of(codes("AACGN"), length=2).tolist() == [[0, 1, 6, -1]]
    with pytest.raises(ValueError, match="shorter"):
        words_of(codes("ACG"), length=5)


def pairs_by_hand(bases: str, window: int = 64, word: int = 5) -> float:
    best = 0.0
    for start in range(max(1, len(bases) - window + 1)):
        part = bases[start : start + window]
        words = [part[i : i + word] for i in range(len(part) - word + 1)]
        pairs = sum(a == b and "N" not in a for i, a in enumerate(words) for b in words[i + 1 :])
        best = max(best, pairs / (len(words) - 1))
    return best


@pytest.mark.parametrize("bases", ["A" * 90, "CA" * 40, "ACGTTGCATTAGC" * 6, "ACGNNNNNACG" * 7, "ACGTACGTAC"])
def test_repetitiveness_is_pairs_of_equal_words_in_the_worst_window(bases):
    assert repetitiveness(codes(bases))[0] == pytest.approx(pairs_by_hand(bases))


@pytest.mark.parametrize(
    ("bases", "unit", "length"),
    [
        ("TTGCACACACACACATTG", "CA", 12),
        ("GTAAAAAAAAC", "A", 8),
        ("ACGTTGCATAGC", "", 0),
        ("GATTACA" * 4, "GATTACA", 28),
    ],
)
def test_the_longest_tandem_repeat_is_named_with_its_shortest_unit(bases, unit, length):
    assert longest_repeat(codes_of(bases)) == (unit, length)


def test_n_is_no_repeat():
    assert longest_repeat(codes_of("N" * 50)) == ("", 0)


def test_letters_drawn_evenly_surprise_by_two_bits_a_base():
    words = fit_words(drawn(1500, 100), seed=0)
    assert words.surprise(drawn(200, 100, seed=1)).mean() == pytest.approx(2.0, abs=0.02)
    assert words.shares.sum() == pytest.approx(1)


def test_either_strand_is_equally_surprising():
    rows = drawn(300, 80, weights=(0.4, 0.3, 0.2, 0.1))
    words = fit_words(rows, seed=0)
    assert words.surprise(turned(rows)) == pytest.approx(words.surprise(rows), abs=1e-6)


def test_surprise_comes_near_the_entropy_of_the_source():
    weights = (0.4, 0.1, 0.1, 0.4)  # its own reverse complement
    entropy = -sum(p * np.log2(p) for p in weights)
    words = fit_words(drawn(1500, 100, weights=weights), seed=0)
    assert words.surprise(drawn(200, 100, seed=1, weights=weights)).mean() == pytest.approx(entropy, abs=0.03)


def test_two_kinds_of_dna_each_get_a_chain():
    rich, poor = (0.1, 0.4, 0.4, 0.1), (0.4, 0.1, 0.1, 0.4)
    rows = np.concatenate([drawn(900, 100, 1, rich), drawn(300, 100, 2, poor)])
    words = fit_words(rows, seed=0)
    assert sorted(words.shares) == pytest.approx([0.25, 0.75], abs=0.01)
    assert words.surprise(drawn(100, 100, 3, rich)).mean() < words.surprise(drawn(100, 100, 4)).mean() - 0.2


def test_n_is_passed_over_and_all_n_is_not_known():
    rows = drawn(500, 60)
    words = fit_words(rows, seed=0)
    some = rows[:1].copy()
    some[0, :3] = 4
    assert np.isfinite(words.surprise(some)).all()
    assert np.isnan(words.surprise(np.full((1, 60), 4, np.int8))).all()
