"""What to put in: the letters of a motif that somebody names or types, and where a motif already stands."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.sandbox import SandboxMotif
from genome.sequence import BASES, reverse_complement
from interpret.jaspar import Motif, jaspar_motifs
from models.shuffle import codes_of

SHORTEST, LONGEST = 3, 60
WEAKEST_MATCH = 0.6  # share of the best possible score below which a stretch is not called a match
_PSEUDO = 0.01


@dataclass(frozen=True)
class Word:
    """A motif as one sequence of letters.

    Attributes:
        name: what people call it.
        bases: ACGT, as read on the + strand.
        source: where the letters come from, in words.
        scores: float64 (4, length), log2 of frequency over 1/4 of each base, in bits; of typed letters 2 for the letter
            and 0 for others.
    """

    name: str
    bases: str
    source: str
    scores: npt.NDArray[np.float64]

    def on(self, strand: str) -> str:
        """The letters as they stand on the + strand of the genome when the motif points along ``strand``."""
        return self.bases if strand == "+" else reverse_complement(self.bases)


@dataclass(frozen=True)
class Match:
    """Where a motif fits a stretch of DNA best.

    Attributes:
        start: first base, counted in the bases searched (0-based).
        end: one past the last.
        strand: ``+`` or ``-``.
        share: its score as a share of the best possible score.
    """

    start: int
    end: int
    strand: str
    share: float


def word(text: str, own: Seq[Motif] = ()) -> Word:
    """The letters that a name, an accession or typed letters stand for.

    A name stands for the best-scoring sequence of its matrix: the most frequent base at every position.

    Args:
        text: DNA letters, the name of a factor, or a JASPAR accession with or without version.
        own: matrices that take precedence over JASPAR's (those of the sandbox's grammar).

    Raises:
        UserError: when it is neither.
    """
    typed = "".join(text.split())
    if not typed:
        raise UserError("Write a motif: a factor such as CTCF, a JASPAR accession, or DNA letters.")
    if set(typed.upper()) <= set(BASES) and len(typed) >= SHORTEST:
        return _typed(typed.upper())
    motif = _named(typed, own) or _named(typed, jaspar_motifs())
    if motif is None:
        raise UserError(
            f"'{text.strip()[:40]}' is neither DNA letters nor a vertebrate motif of JASPAR; write a factor such as CTCF, an "
            "accession such as MA0139, or letters."
        )
    bases = "".join(BASES[index] for index in motif.frequencies.argmax(axis=0))
    whose = "the sandbox's own" if any(motif is one for one in own) else "JASPAR"
    scores = np.log2(((1 - _PSEUDO) * motif.frequencies + _PSEUDO / 4) / 0.25)
    return Word(motif.name, bases, f"best-scoring sequence of {motif.matrix_id} ({whose})", scores)


def of_sandbox(motifs: Seq[SandboxMotif]) -> tuple[Motif, ...]:
    """The sandbox's matrices in the form that JASPAR's have."""
    return tuple(Motif(one.matrix_id, one.key, "", "", one.counts / one.counts.sum(axis=0)) for one in motifs)


def best_match(bases: str, wanted: Word) -> Match:
    """The placement of a motif with the highest score, on either strand; the leftmost of equals, + before -.

    Raises:
        UserError: when the bases are shorter than the motif, or nothing in them resembles it.
    """
    found = fit(bases, wanted)
    if found is None or found.share < WEAKEST_MATCH:
        best = "" if found is None else f" (the best fit has {found.share:.0%} of the best possible score)"
        raise UserError(f"Nothing here resembles {wanted.name}{best}; give the position of what you mean.")
    return found


def fit(bases: str, wanted: Word) -> Match | None:
    """The placement with the highest score, however poor; None where the bases are shorter than the motif."""
    length, codes = len(wanted.bases), codes_of(bases)
    n = len(codes) - length + 1
    if n < 1:
        return None
    totals = np.zeros((2, n))
    for row, matrix in enumerate((wanted.scores, wanted.scores[::-1, ::-1])):
        for column in range(length):
            totals[row] += np.append(matrix[:, column], 0.0)[codes[column : column + n]]
    place = int(totals.max(axis=0).argmax())
    row = int(totals[:, place].argmax())
    share = float(totals[row, place] / wanted.scores.max(axis=0).sum())
    return Match(place, place + length, "+-"[row], share)


def _typed(bases: str) -> Word:
    if len(bases) > LONGEST:
        raise UserError(f"These are {len(bases)} letters; a motif has at most {LONGEST}.")
    scores = 2.0 * (codes_of(bases) == np.arange(4)[:, None])
    return Word(bases if len(bases) <= 16 else f"{bases[:15]}…", bases, "typed letters", scores.astype(np.float64))


def _named(typed: str, motifs: Seq[Motif]) -> Motif | None:
    """The motif of that name or accession; of several with one name the one with the lowest accession."""
    wanted = typed.upper()
    for motif in motifs:
        if wanted in (motif.name.upper(), motif.matrix_id.upper(), motif.matrix_id.partition(".")[0].upper()):
            return motif
    base = wanted.partition(".")[0]
    if (
        base.startswith("MA") and base[2:].isdigit()
    ):  # an older version of a matrix: today's stands for it, and is named
        return next((motif for motif in motifs if motif.matrix_id.upper().startswith(f"{base}.")), None)
    return None
