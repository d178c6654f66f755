"""Reporter assays (MPRA): measured elements, which of them count as the same sequence, and who may see which.

Human lentiMPRA: Agarwal et al. 2025 (Nature 639:411). Mouse retina: Friedman et al. 2025, rounds of active learning.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from models.binding_data import (
    HOMOLOGY_LENGTH,
    Codes,
    Flags,
    Kmers,
    canonical_kmers,
    found_among,
    read_fasta,
    shares_kmer,
)
from models.shuffle import N_CODE, codes_of

Float = npt.NDArray[np.float32]

LENTI_COLUMNS = ("WTC11", "HepG2_joint", "K562_joint", "WTC11_joint")
LENTI_CONTEXT = ("AGGACCGGATCAACT", "CATTGCGTGAACCGA")
RETINA_FIRST = ("1 genomic", "1 crx motif mutant", "1 shape mutant", "2 entropy", "3ab")
RETINA_LENGTH = 164  # bp; a few designed elements are shorter and are left out
RETINA_FLOOR = -5.0  # log2; lower values mean that next to no RNA was seen, and say nothing more
SHARED_WITH_SATMUT = (
    31  # bp; a row that shares a word of this length with a saturation-mutagenesis reference is left out
)
INSIDE_DEMO = 0.9  # share of an element's words of 31 bp that a demo genome holds, from which it counts as inside
EARLY_SHARE, CALIBRATION_SHARE = 0.07, 0.10  # of the training clusters
SPLIT_SEED = 11

_DEMO = ("genomes/hg19_demo.fa.gz", "genomes/hg38_demo.fa.gz")


@dataclass(frozen=True)
class Elements:
    """Measured elements.

    Attributes:
        codes: int8 (n, length), 0..3 for ACGT.
        labels: float32 (n, columns), log2 activity; NaN where it was not measured.
        weights: float32 (n,), how much a row counts.
        clusters: int64 (n,), rows of one cluster share a word of 25 bp on either strand (through others too).
    """

    codes: Codes
    labels: Float
    weights: Float
    clusters: npt.NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.codes)

    def chosen(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Elements:
        """Some of the rows, in order."""
        return Elements(**{name: values[rows] for name, values in vars(self).items()})

    def digest(self) -> str:
        """12 hex of SHA-256 over letters and labels: a changed file is another training set."""
        content = b"".join(np.ascontiguousarray(values).tobytes() for values in (self.codes, self.labels, self.weights))
        return hashlib.sha256(content).hexdigest()[:12]


@dataclass(frozen=True)
class Parts:
    """Who sees what.

    Attributes:
        train: rows that are fitted.
        early: rows that choose the best pass and the family; no step sees them.
        calibration: rows that set intervals and thresholds; no step and no choice sees them.
        test: rows of the published validation split; read once, for the card.
        dropped: how many rows were left out, and why.
    """

    train: Elements
    early: Elements
    calibration: Elements
    test: Elements
    dropped: dict[str, int]


def read_lentimpra(data: Path) -> Parts:
    """The human elements, in four columns (``LENTI_COLUMNS``).

    Left out of training: elements inside the demo genomes, those that share a word of 31 bp with a
    saturation-mutagenesis reference, and those in one cluster with a test row.

    Raises:
        UserError: when a file is missing.
    """
    rows = _table(data / "mpra_human/lentimpra.tsv.gz")
    codes = np.stack([codes_of(row["sequence"]) for row in rows])
    labels = np.array([[float(row[name] or "nan") for name in LENTI_COLUMNS] for row in rows], dtype=np.float32)
    elements = Elements(codes, labels, np.ones(len(rows), np.float32), clusters_of(codes))
    test = np.array([row["split"] == "valid" for row in rows])
    words = canonical_kmers(codes, length=SHARED_WITH_SATMUT)
    barred = {
        "inside a demo genome": _inside(words, data),
        "shares 31 bp with a saturation-mutagenesis reference": shares_kmer(words, _satmut_words(data)),
        "in one cluster with a test row": np.isin(elements.clusters, elements.clusters[test]),
    }
    return _parted(elements, test, barred)


def read_retina(data: Path, rounds: tuple[str, ...] = RETINA_FIRST) -> Parts:
    """The mouse retina elements of some rounds, one column (cut off at -5), weighted by how well they were measured.

    Raises:
        UserError: when the file is missing.
    """
    rows = [row for row in retina_table(data) if row["round"] in rounds and len(row["sequence"]) == RETINA_LENGTH]
    codes = np.stack([codes_of(row["sequence"]) for row in rows])
    labels = np.array([[max(float(row["expression_log2"]), RETINA_FLOOR)] for row in rows], dtype=np.float32)
    weights = np.array([min(int(row["n_barcodes"] or 1), 4) / 4 for row in rows], dtype=np.float32)
    elements = Elements(codes, labels, weights, clusters_of(codes))
    test = np.array([row["split"] == "valid" for row in rows])
    return _parted(
        elements, test, {"in one cluster with a test row": np.isin(elements.clusters, elements.clusters[test])}
    )


def retina_table(data: Path) -> list[dict[str, str]]:
    """Every row of the mouse retina campaign as it stands in its file.

    Raises:
        UserError: when the file is missing.
    """
    return _table(data / "mpra_retina/retina_mpra_rounds.tsv.gz")


def clusters_of(codes: Codes, *, length: int = HOMOLOGY_LENGTH) -> npt.NDArray[np.int64]:
    """int64 (n,): the same number for rows that share a word, on either strand, directly or through other rows.

    Args:
        codes: int8 (n, bases).
        length: bp per word.
    """
    words = canonical_kmers(codes, length=length)
    _, places = np.unique(words, return_inverse=True)
    places = places.reshape(words.shape)
    labels = np.arange(len(codes), dtype=np.int64)
    while True:  # the smallest row number spreads over shared words until nothing changes
        by_word = np.full(places.max() + 1, len(codes), dtype=np.int64)
        np.minimum.at(by_word, places, labels[:, None])
        spread = by_word[places].min(axis=1)
        if (spread == labels).all():
            return labels
        labels = spread


def _parted(elements: Elements, test: Flags, barred: dict[str, Flags]) -> Parts:
    """Cuts early-stopping and calibration rows from the training clusters, whole clusters at a time."""
    free = ~test
    dropped = {}
    for reason, flags in barred.items():
        dropped[reason] = int((free & flags).sum())
        free &= ~flags
    names = np.unique(elements.clusters[free])
    order = np.random.default_rng(SPLIT_SEED).permutation(names)
    n_early, n_calibration = round(EARLY_SHARE * len(names)), round(CALIBRATION_SHARE * len(names))
    early = free & np.isin(elements.clusters, order[:n_early])
    calibration = free & np.isin(elements.clusters, order[n_early : n_early + n_calibration])
    return Parts(
        train=elements.chosen(free & ~early & ~calibration),
        early=elements.chosen(early),
        calibration=elements.chosen(calibration),
        test=elements.chosen(test),
        dropped=dropped,
    )


def _inside(words: Kmers, data: Path) -> Flags:
    """bool (n,): which elements lie inside a demo genome, nearly all their words (n, words) being found there."""
    seen = []
    for name in _DEMO:
        for _, bases in read_fasta(data / name):
            codes = codes_of(bases)
            for start in range(0, len(codes), 1 << 22):
                piece = codes[start : start + (1 << 22) + SHARED_WITH_SATMUT - 1]
                if len(piece) >= SHARED_WITH_SATMUT and (piece < N_CODE).any():
                    there = canonical_kmers(piece[None], length=SHARED_WITH_SATMUT)
                    seen.append(there[found_among(there, words)])
    return np.asarray(found_among(words, np.unique(np.concatenate(seen))).mean(axis=1) >= INSIDE_DEMO)


def _satmut_words(data: Path) -> Kmers:
    """The words of the saturation-mutagenesis references, as far as their bases are stated."""
    bases: dict[tuple[str, str], dict[int, str]] = {}
    for row in _table(data / "satmut/saturation_mutagenesis.tsv.gz"):
        bases.setdefault((row["Element"], row["Release"]), {})[int(row["Pos"])] = row["Ref"]
    found = []
    for stated in bases.values():
        places = range(min(stated), max(stated) + 1)
        codes = codes_of("".join(stated.get(place, "N") for place in places))[None]
        found.append(canonical_kmers(codes, length=SHARED_WITH_SATMUT).ravel())
    return np.unique(np.concatenate(found))


def _table(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise UserError(
            f"The file {path.name} is not in the data folder; set CISLENS_DATA to the folder that holds it."
        )
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))
