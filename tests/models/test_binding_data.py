"""Which rows train, choose and test the binding models, and that they stay apart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from genome.errors import UserError
from genome.sequence import reverse_complement
from models.binding_data import (
    BACKGROUND,
    NEARBY,
    PEAK,
    SHUFFLE,
    TEST_CHROMS,
    Rows,
    Splits,
    canonical_kmers,
    near_peaks,
    read_fasta,
    read_peaks,
    read_splits,
    read_test_background,
    sampled_background,
    shares_kmer,
    shuffled,
)
from models.shuffle import codes_of

needs_data = pytest.mark.skipif(
    not os.environ.get("CISLENS_DATA"), reason="set CISLENS_DATA to the folder of measured data"
)


def rows(starts: list[int], *, chrom: str = "chr1", factor: int = 0, codes: np.ndarray | None = None) -> Rows:
    n = len(starts)
    if codes is None:
        codes = np.random.default_rng(0).integers(0, 4, (n, 100)).astype(np.int8)
    return Rows(
        codes=codes,
        labels=np.tile(np.eye(2, dtype=np.float32)[factor], (n, 1)),
        kinds=np.full(n, PEAK, dtype=np.int8),
        factors=np.full(n, factor, dtype=np.int8),
        chroms=np.full(n, chrom),
        starts=np.array(starts, dtype=np.int64),
    )


def test_a_word_and_its_reverse_complement_are_the_same_word() -> None:
    bases = "ACGTTGCAAGGTCCATTGACCAGTACCGTTA"
    there, back = (canonical_kmers(codes_of(text)[None], length=25)[0] for text in (bases, reverse_complement(bases)))
    assert there.tolist() == back[::-1].tolist()
    assert len(set(there.tolist())) == len(bases) - 24


def test_different_words_are_different_and_n_is_like_nothing() -> None:
    alike = canonical_kmers(np.array([codes_of("ACGTAC" + "A" * 30), codes_of("N" * 36)]), length=25)
    assert shares_kmer(alike, canonical_kmers(codes_of("C" + "A" * 24)[None], length=25)).tolist() == [True, False]
    assert not shares_kmer(alike, canonical_kmers(codes_of("G" + "A" * 24)[None], length=25)).any()
    assert not shares_kmer(alike, alike[1:]).any()


@pytest.mark.parametrize(("start", "expected"), [(399, False), (400, True), (1000, True), (1600, True), (1601, False)])
def test_near_means_within_so_many_bp_of_either_end(start: int, expected: bool) -> None:
    found = near_peaks(np.array(["chr1"]), np.array([start]), rows([1000]), within=500)
    assert found.tolist() == [expected]


def test_near_peaks_of_another_chromosome_do_not_count() -> None:
    assert not near_peaks(np.array(["chr2"]), np.array([1000]), rows([1000]), within=500).any()


def test_shuffles_are_unbound_by_both_factors_and_keep_the_place_of_their_peak() -> None:
    made = shuffled(rows([5, 9]), seed=1)
    assert (made.labels == 0).all()
    assert set(made.kinds.tolist()) == {SHUFFLE}
    assert made.starts.tolist() == [5, 9]


def test_background_matched_in_gc_has_the_gc_of_the_peaks() -> None:
    random = np.random.default_rng(3)
    peaks = rows(list(range(50)), codes=random.choice(4, (50, 100), p=[0.23, 0.27, 0.27, 0.23]).astype(np.int8))
    pool = rows(list(range(60_000)), codes=random.integers(0, 4, (60_000, 100)).astype(np.int8))
    matched = sampled_background(pool, peaks, ratio=2, gc_matched=True, seed=1)
    plain = sampled_background(pool, peaks, ratio=2, gc_matched=False, seed=1)
    gc_matched, gc_plain, gc_peaks = (np.isin(part.codes, (1, 2)).mean() for part in (matched, plain, peaks))
    assert gc_peaks > 0.52
    assert abs(gc_matched - gc_peaks) < 0.01
    assert abs(gc_plain - 0.5) < 0.02
    assert len(set(matched.starts.tolist())) == matched.n


def test_background_that_cannot_be_matched_is_refused() -> None:
    pool = rows([0, 1], codes=np.zeros((2, 100), dtype=np.int8))
    with pytest.raises(ValueError, match="no match in GC"):
        sampled_background(pool, rows([5]), ratio=2, gc_matched=True, seed=0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ctcf\.fa\.gz.*CISLENS_DATA"):
        read_fasta(tmp_path / "ctcf.fa.gz")


@pytest.fixture(scope="module")
def splits() -> Splits:
    return read_splits(Path(os.environ["CISLENS_DATA"]))


@needs_data
def test_no_row_of_training_shares_a_25_mer_with_a_test_peak(splits: Splits) -> None:
    words = canonical_kmers(splits.test.codes)
    assert not shares_kmer(canonical_kmers(splits.train.codes), words).any()
    assert not shares_kmer(canonical_kmers(splits.validation.codes), words).any()


@needs_data
def test_no_place_is_in_two_splits(splits: Splits) -> None:
    places = []
    for part in (splits.train, splits.validation, splits.test):
        builds = np.where(part.kinds == BACKGROUND, "hg38", "hg19")
        places.append(set(zip(builds, part.chroms, part.starts // 1000, strict=True)))
    assert not places[0] & places[1]
    assert not (places[0] | places[1]) & places[2]
    assert set(splits.test.chroms) == set(TEST_CHROMS)
    assert not np.isin(splits.train.chroms, [*TEST_CHROMS, "chr9", "chr10"]).any()


@needs_data
def test_background_holds_no_n_and_no_word_of_a_peak(splits: Splits) -> None:
    peaks = read_peaks(Path(os.environ["CISLENS_DATA"]))
    background = splits.train.chosen(splits.train.kinds == BACKGROUND)
    assert background.n > 20_000
    assert background.codes.max() < 4
    assert not shares_kmer(canonical_kmers(background.codes), canonical_kmers(peaks.codes)).any()


@needs_data
def test_test_background_lies_away_from_every_peak() -> None:
    folder = Path(os.environ["CISLENS_DATA"])
    peaks = read_peaks(folder)
    background = read_test_background(folder, peaks)
    assert set(background.chroms) == {"chr22"}
    middles = np.sort(peaks.starts[peaks.chroms == "chr22"])
    after = middles[np.minimum(np.searchsorted(middles, background.starts), len(middles) - 1)]
    before = middles[np.maximum(np.searchsorted(middles, background.starts) - 1, 0)]
    distance = np.minimum(abs(background.starts - after), abs(background.starts - before))
    assert distance.min() > NEARBY + 100


@needs_data
def test_a_peak_near_one_of_the_other_factor_is_unknown_to_it() -> None:
    peaks = read_peaks(Path(os.environ["CISLENS_DATA"]))
    assert np.nansum(peaks.labels, axis=0).tolist() == [37_498, 27_489]
    ctcf = peaks.of(PEAK, 0)
    overlapping = near_peaks(ctcf.chroms, ctcf.starts, peaks.of(PEAK, 1), within=0)
    assert overlapping.sum() > 100
    assert np.isnan(ctcf.labels[overlapping, 1]).all()
