"""The binding motifs that are known: JASPAR CORE, vertebrates, as bundled by pyjaspar (works offline)."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from genome.sequence import BASES

LICENCE = "JASPAR matrices are published under CC BY 4.0 (Rauluseviciute et al. 2024 and later releases)."
_LOCK = threading.Lock()

_LATEST = """
    SELECT m.ID, m.BASE_ID || '.' || m.VERSION, m.NAME FROM MATRIX m
    JOIN (SELECT BASE_ID, MAX(VERSION) AS newest FROM MATRIX GROUP BY BASE_ID) n
      ON n.BASE_ID = m.BASE_ID AND n.newest = m.VERSION
    WHERE m.COLLECTION = 'CORE'
      AND m.ID IN (SELECT ID FROM MATRIX_ANNOTATION WHERE TAG = 'tax_group' AND VAL = 'vertebrates')
    ORDER BY m.BASE_ID
"""


@dataclass(frozen=True)
class Motif:
    """What a transcription factor is known to bind, as base frequencies per position.

    Attributes:
        matrix_id: JASPAR accession with version, e.g. ``MA0139.2``.
        name: name of the factor as JASPAR writes it; ``A::B`` is a dimer.
        family: structural family; several, joined by ``; ``, for a dimer.
        tf_class: structural class, joined likewise.
        frequencies: float64 (4, length), rows ACGT, share of each base; columns sum to 1.
    """

    matrix_id: str
    name: str
    family: str
    tf_class: str
    frequencies: npt.NDArray[np.float64] = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        shape = self.frequencies.shape
        if len(shape) != 2 or shape[0] != 4 or shape[1] < 1 or not np.allclose(self.frequencies.sum(axis=0), 1):
            raise ValueError(f"{self.matrix_id}: frequencies must be (4, length) with columns that sum to 1: {shape=}")

    @property
    def length(self) -> int:
        """Length in bp."""
        return int(self.frequencies.shape[1])

    @property
    def families(self) -> tuple[str, ...]:
        """The family of each partner: one for a single factor."""
        return tuple(part for part in self.family.split("; ") if part)

    @property
    def information(self) -> npt.NDArray[np.float64]:
        """float64 (4, length), bits: the height of each letter in the motif's logo (no small-sample correction)."""
        logs = np.log2(np.where(self.frequencies > 0, self.frequencies, 1.0))
        bits = 2.0 + (self.frequencies * logs).sum(axis=0)
        return self.frequencies * bits

    def reverse_complement(self) -> Motif:
        """The same motif read on the other strand."""
        return Motif(self.matrix_id, self.name, self.family, self.tf_class, self.frequencies[::-1, ::-1])


def jaspar_motifs() -> tuple[Motif, ...]:
    """All vertebrate motifs of the newest JASPAR CORE release that is bundled, latest version of each.

    Read once per process (a fraction of a second) and then kept; nothing is fetched.
    """
    with _LOCK:
        return _motifs()


def jaspar_release() -> str:
    """Name of the release that ``jaspar_motifs`` reads, e.g. ``JASPAR2026``."""
    from pyjaspar import JASPAR_LATEST_RELEASE

    return str(JASPAR_LATEST_RELEASE)


@lru_cache(maxsize=1)
def _motifs() -> tuple[Motif, ...]:
    """Reads the matrices by a few plain queries: pyjaspar's own reader asks several per matrix and takes seconds."""
    from pyjaspar import jaspardb

    connection = jaspardb(release=jaspar_release()).conn
    try:
        rows = connection.execute(_LATEST).fetchall()
        family, tf_class = _annotation(connection, "family"), _annotation(connection, "class")
        motifs = tuple(
            Motif(matrix_id, name, family.get(number, ""), tf_class.get(number, ""), _frequencies(connection, number))
            for number, matrix_id, name in rows
        )
    finally:
        connection.close()
    if not motifs:
        raise ValueError(f"{jaspar_release()} holds no vertebrate CORE matrix")
    return motifs


def _frequencies(connection: sqlite3.Connection, number: int) -> npt.NDArray[np.float64]:
    """float64 (4, length): counts of one matrix over their column sums; no pseudocount is added."""
    entries = connection.execute("SELECT row, col, val FROM MATRIX_DATA WHERE ID = ?", (number,)).fetchall()
    counts = np.zeros((4, max(column for _, column, _ in entries)))
    for base, column, count in entries:
        counts[BASES.index(base), column - 1] = count
    return counts / counts.sum(axis=0)


def _annotation(connection: sqlite3.Connection, tag: str) -> dict[int, str]:
    """One annotation by internal number; several values are joined by ``; ``."""
    found: dict[int, str] = {}
    query = "SELECT ID, VAL FROM MATRIX_ANNOTATION WHERE TAG = ? ORDER BY LOCAL_ID"
    for number, value in connection.execute(query, (tag,)):
        text = str(value).strip()
        if text:
            found[number] = f"{found[number]}; {text}" if number in found else text
    return found
