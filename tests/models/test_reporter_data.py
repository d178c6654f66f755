"""Reporter elements: what counts as the same sequence, and who may see which."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from models.augment import reversed_codes
from models.binding_data import canonical_kmers, shares_kmer
from models.reporter_data import Elements, _parted, clusters_of, read_lentimpra, read_retina
from models.shuffle import codes_of


def random_codes(n: int, length: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.int8)


def test_a_reverse_complement_is_in_the_same_cluster() -> None:
    codes = random_codes(5)
    found = clusters_of(np.concatenate([codes, reversed_codes(codes)]))
    assert (found[:5] == found[5:]).all()
    assert len(set(found[:5].tolist())) == 5


def test_clusters_spread_through_shared_words() -> None:
    codes = random_codes(4)
    codes[1, :25] = codes[0, 35:60]  # 0 and 1 share 25 bp, 1 and 2 share 25 others, 3 shares nothing
    codes[2, :25] = codes[1, 35:60]
    found = clusters_of(codes)
    assert found[0] == found[1] == found[2] != found[3]


def test_24_shared_bases_are_not_enough() -> None:
    codes = random_codes(2)
    codes[1, :24] = codes[0, :24]
    codes[1, 24] = (codes[0, 24] + 1) % 4
    found = clusters_of(codes)
    assert found[0] != found[1]


def test_no_cluster_is_on_two_sides_and_barred_rows_are_nowhere() -> None:
    codes = np.repeat(random_codes(400, 40), 2, axis=0)
    clusters = clusters_of(codes)
    elements = Elements(codes, np.arange(800, dtype=np.float32)[:, None], np.ones(800, np.float32), clusters)
    test = clusters % 10 == 0
    barred = clusters % 10 == 1
    parts = _parted(elements, test, {"barred": barred})
    sides = [set(rows.clusters.tolist()) for rows in (parts.train, parts.early, parts.calibration, parts.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert not set.union(*sides) & set(clusters[barred].tolist())
    assert parts.dropped == {"barred": int(barred.sum())}
    assert min(map(len, sides)) > 0


def test_the_digest_changes_with_a_letter_and_with_a_label() -> None:
    elements = Elements(random_codes(3), np.zeros((3, 1), np.float32), np.ones(3, np.float32), np.arange(3))
    other_letter = elements.codes.copy()
    other_letter[0, 0] = (other_letter[0, 0] + 1) % 4
    one = Elements(other_letter, elements.labels, elements.weights, elements.clusters)
    two = Elements(elements.codes, elements.labels + 1, elements.weights, elements.clusters)
    assert len({elements.digest(), one.digest(), two.digest()}) == 3


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("CISLENS_DATA")
    if not folder:
        pytest.skip("the measurements are not here: set CISLENS_DATA to their folder")
    return Path(folder)


def test_human_training_rows_share_nothing_with_what_is_held_out(data: Path) -> None:
    parts = read_lentimpra(data)
    assert parts.test.n == 1490
    assert parts.dropped["inside a demo genome"] >= 50
    words = canonical_kmers(np.concatenate([parts.test.codes, parts.calibration.codes, parts.early.codes]))
    assert not shares_kmer(canonical_kmers(parts.train.codes), words).any()
    context = codes_of("ACGT")
    assert set(np.unique(parts.train.codes)) == set(context.tolist())


def test_retina_training_rows_share_nothing_with_what_is_held_out(data: Path) -> None:
    parts = read_retina(data)
    words = canonical_kmers(np.concatenate([parts.test.codes, parts.calibration.codes, parts.early.codes]))
    assert not shares_kmer(canonical_kmers(parts.train.codes), words).any()
    assert ((parts.train.weights > 0) & (parts.train.weights <= 1)).all()
    assert not np.isnan(parts.train.labels).any()
