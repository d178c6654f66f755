"""The motif scan beside memelite's FIMO: rows for ``make bench``; ``python -m benchmarks.motif_scan`` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.run import side_by_side
from genome.sequence import one_hot
from interpret.jaspar import jaspar_motifs
from interpret.motifs import Hit, fimo_hits
from interpret.scan import find, jaspar_matrices, warm

LENGTHS = (230, 2_000, 20_000)


def rows() -> list[dict[str, Any]]:
    """Our hits against memelite's call alone (its answer in our form is not timed), all JASPAR vertebrates, p < 0.0001."""
    return [scan_beside_memelite(length) for length in LENGTHS]


def scan_beside_memelite(length: int) -> dict[str, Any]:
    """One row: random DNA of a length, both strands, compiled and warm."""
    from memelite import fimo

    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), length))
    motifs, encoded = jaspar_motifs(), one_hot(bases)[None]
    table = {motif.matrix_id: motif.frequencies for motif in motifs}
    warm()
    ours, theirs = find(bases, jaspar_matrices()), fimo_hits([bases], motifs)[0]
    return side_by_side(
        f"scanning {length:,} bp with {len(motifs):,} JASPAR vertebrate motifs",
        lambda: find(bases, jaspar_matrices()),
        "memelite FIMO, compiled",
        lambda: fimo(table, encoded),
        hits=len(ours),
        identical=placed(ours) == placed(theirs),
        max_difference=difference(ours, theirs),
    )


def placed(hits: Sequence[Hit]) -> list[tuple[str, int, int, str]]:
    """Motif, start, end and strand of each hit, in order."""
    return sorted((hit.motif.matrix_id, hit.start, hit.end, hit.strand) for hit in hits)


def difference(ours: Sequence[Hit], theirs: Sequence[Hit]) -> float:
    """The largest difference of a score (bits) or, relative, of a p-value; infinite when the hits are not the same."""
    if placed(ours) != placed(theirs):
        return float("inf")

    def numbers(hits: Sequence[Hit]) -> np.ndarray[Any, np.dtype[np.float64]]:
        in_order = sorted(hits, key=lambda hit: (hit.motif.matrix_id, hit.start, hit.end, hit.strand))
        return np.array([(hit.score, hit.p_value) for hit in in_order]).reshape(-1, 2)

    one, other = numbers(ours), numbers(theirs)
    scale = np.stack([np.ones(len(one)), np.maximum(other[:, 1], np.finfo(np.float64).tiny)], axis=1)
    return float((np.abs(one - other) / scale).max(initial=0.0))


if __name__ == "__main__":
    for row in rows():
        print(row)
