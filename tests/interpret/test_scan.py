"""The motif scan: laws, and the very hits of memelite's FIMO."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.motif_scan import difference, placed
from genome.sequence import reverse_complement
from interpret import scan as scanning
from interpret.jaspar import Motif, jaspar_motifs
from interpret.motifs import Hit, fimo_hits
from interpret.scan import Matrices, find, jaspar_matrices, scan


def random_bases(length: int, seed: int, gc: float = 0.5, n: float = 0.0) -> str:
    shares = np.array([(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2, n / (1 - n)]) * (1 - n)
    return "".join(np.random.default_rng(seed).choice(list("ACGTN"), length, p=shares))


def planted(length: int, seed: int) -> str:
    """Random DNA with the best word of every fortieth motif in it, on either strand."""
    bases = random_bases(length, seed)
    for index, motif in enumerate(jaspar_motifs()[::40]):
        word = "".join("ACGT"[base] for base in motif.frequencies.argmax(axis=0))
        word = word if index % 2 else reverse_complement(word)
        start = (index * 131) % (length - len(word))
        bases = bases[:start] + word + bases[start + len(word) :]
    return bases


# Everything is scanned in one call of memelite per threshold: it works its tables out in every call.
SEQUENCES = {
    "a word shorter than most motifs": "ACGTAC",
    "30 bp": random_bases(30, 0),
    "230 bp": random_bases(230, 1),
    "poor in G and C": random_bases(1_500, 2, gc=0.1),
    "rich in G and C": random_bases(1_500, 3, gc=0.9),
    "a tenth of N": random_bases(1_500, 4, n=0.1),
    "N alone": "N" * 100,
    "N at both ends": "N" * 40 + random_bases(300, 5) + "N" * 40,
    "planted motifs": planted(3_000, 6),
    "one block of rows and one base": random_bases(1_025, 7),
    "5 kb": random_bases(5_000, 8),
}


@pytest.fixture(scope="module")
def peer() -> dict[float, dict[str, tuple[Hit, ...]]]:
    """memelite's hits in each sequence, by threshold."""
    return {
        p: dict(zip(SEQUENCES, fimo_hits(list(SEQUENCES.values()), jaspar_motifs(), p=p), strict=True))
        for p in (1e-4, 1e-6)
    }


@pytest.mark.parametrize("p", [1e-4, 1e-6])
def test_hits_are_those_of_memelite(p: float, peer: dict[float, dict[str, tuple[Hit, ...]]]) -> None:
    for name, bases in SEQUENCES.items():
        ours, theirs = find(bases, jaspar_matrices(), p=p), peer[p][name]
        assert placed(ours) == placed(theirs), name
        assert difference(ours, theirs) < 1e-12, name
    assert len(peer[p]["planted motifs"]) > 20


def test_hits_come_by_place_then_p() -> None:
    hits = find(SEQUENCES["5 kb"], jaspar_matrices())
    assert [(hit.start, hit.p_value) for hit in hits] == sorted((hit.start, hit.p_value) for hit in hits)


@settings(deadline=None, max_examples=25)
@given(st.text("ACGTN", min_size=1, max_size=300), st.sampled_from([1e-3, 1e-4]))
def test_the_other_strand_mirrors_the_hits(bases: str, p: float) -> None:
    forward = find(bases, jaspar_matrices(), p=p)
    mirrored = [
        Hit(hit.motif, len(bases) - hit.end, len(bases) - hit.start, "+-"[hit.strand == "+"], hit.score, hit.p_value)
        for hit in find(reverse_complement(bases), jaspar_matrices(), p=p)
    ]
    assert placed(forward) == placed(mirrored)
    assert difference(forward, mirrored) < 1e-12


@settings(deadline=None, max_examples=15)
@given(st.text("ACGT", min_size=60, max_size=200), st.text("ACGT", min_size=0, max_size=60))
def test_a_hit_depends_on_its_own_letters_alone(bases: str, before: str) -> None:
    moved = {
        (motif, start - len(before), strand)
        for motif, start, _, strand in placed(find(before + bases, jaspar_matrices()))
    }
    assert {(motif, start, strand) for motif, start, _, strand in placed(find(bases, jaspar_matrices()))} <= moved


def test_a_p_value_is_the_share_of_all_words_that_score_as_high() -> None:
    """Counted, word by word, with rounded column scores: the null of a short motif holds exactly."""
    motif = min(jaspar_motifs(), key=lambda found: found.length)
    matrices = Matrices.of([motif])
    steps = np.round(matrices.scores[:4, 0, : motif.length] / 0.1).astype(int)
    words = np.indices((4,) * motif.length).reshape(motif.length, -1)
    rounded = sum(steps[words[column], column] for column in range(motif.length))
    for step in (int(rounded.min()), 0, int(np.median(rounded)), int(rounded.max())):
        chance = matrices.tails[step - matrices.lowest[0]]
        assert chance == pytest.approx((rounded >= step).mean(), rel=1e-12)


def test_both_strands_have_one_null() -> None:
    for motif in jaspar_motifs()[:10]:
        one, other = Matrices.of([motif]), Matrices.of([motif.reverse_complement()])
        assert one.lowest == other.lowest
        np.testing.assert_allclose(one.tails, other.tails, rtol=1e-9)


def test_a_high_threshold_counts_no_window_twice() -> None:
    """Where thresholds lie below zero, the padding of the last product must not look like a window."""
    motif = Motif("X", "X", "", "", np.array([[0.3, 0.2], [0.3, 0.2], [0.2, 0.3], [0.2, 0.3]]))
    bases = random_bases(2_500, 1)
    hits = scan(bases, [motif], p=0.9)
    assert placed(hits) == placed(fimo_hits([bases], [motif], p=0.9)[0])
    assert len(set(placed(hits))) == len(hits) > 1_000


def test_where_memelite_wins_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MEMELITE_FROM", 200)
    motifs = jaspar_motifs()[:50]
    bases = random_bases(200, 3)
    monkeypatch.setattr(scanning, "find", None)
    assert scan(bases, motifs) == fimo_hits([bases], motifs)[0]


def test_nothing_to_look_for_and_no_threshold_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one motif"):
        scan("ACGT", [])
    with pytest.raises(ValueError, match="p="):
        scan("ACGT", p=0.0)
