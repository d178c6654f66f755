"""The retina campaign as it went: five rounds of measured rows, cut by locus, and the building blocks that nobody trains on."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.reporter_data import RETINA_FLOOR, RETINA_LENGTH, Elements, retina_table
from models.shuffle import codes_of

ROUNDS = {
    "1": ("1 genomic", "1 crx motif mutant", "1 shape mutant"),
    "2 entropy": ("2 entropy",),
    "3ab": ("3ab",),
    "3c": ("3c",),
    "4b margin": ("4b margin",),
}
BUILDING_BLOCKS = 2_000  # of 6,598 designs, drawn once; none is trained on
EARLY_SHARE, SEED = 0.07, 11
PRIOR_ROWS = 3.0  # replicates that the round's mean variance counts as, beside a row's own


@dataclass(frozen=True)
class Round:
    """One round of the campaign.

    Attributes:
        name: a key of ``ROUNDS``.
        train: rows of loci of the file's training split.
        early: rows of training loci that no step sees; the same loci in every round.
        valid: rows of the file's validation split, read for the table alone.
    """

    name: str
    train: Elements
    early: Elements
    valid: Elements


def read_campaign(data: Path) -> tuple[list[Round], Elements]:
    """The rounds in order, and the building-block designs.

    Building blocks are designs of 100 bp without a locus, made of motifs alone; N stands around them.

    Raises:
        UserError: when the file is missing.
    """
    table = retina_table(data)
    designed = [row for row in table if row["label"].startswith("building-block")]
    measured = [row for row in table if not row["label"].startswith("building-block")]
    places = sorted({row["mm10"] for row in measured})
    number = {place: index for index, place in enumerate(places)}
    free = sorted({row["mm10"] for row in measured if row["split"] == "train"})
    order = np.random.default_rng(SEED).permutation(free)
    early = set(order[: round(EARLY_SHARE * len(free))].tolist())
    rounds = []
    for name, kinds in ROUNDS.items():
        rows = [row for row in measured if row["round"] in kinds]
        weights = noise_weights(rows)
        found = _elements(rows, weights, [number[row["mm10"]] for row in rows])
        valid = np.array([row["split"] == "valid" for row in rows])
        kept = np.array([row["mm10"] in early for row in rows])
        rounds.append(Round(name, found.chosen(~valid & ~kept), found.chosen(~valid & kept), found.chosen(valid)))
    picked = np.sort(np.random.default_rng(SEED).permutation(len(designed))[:BUILDING_BLOCKS])
    blocks = [designed[row] for row in picked]
    return rounds, _elements(blocks, np.ones(len(blocks)), list(range(len(blocks))))


def noise_weights(rows: Seq[dict[str, Any]]) -> np.ndarray:
    """float64 (n,): 1 / (1 + v), v being the variance of a row's mean over replicates, in log2² units.

    A row has three to five replicates, so its own variance is rough: it is drawn to the mean of its round as if that were
    three replicates more. Round 4b, whose replicates agree least, so counts least.
    """
    activity, sd, n = (
        np.array([float(row[name]) for row in rows]) for name in ("expression", "expression_std", "n_reps")
    )
    own = (sd / np.maximum(activity, 2.0**RETINA_FLOOR) / np.log(2)) ** 2 / n
    drawn = (n * own + PRIOR_ROWS * own.mean()) / (n + PRIOR_ROWS)
    return np.asarray(1 / (1 + drawn))


def _elements(rows: Seq[dict[str, Any]], weights: np.ndarray, clusters: list[int]) -> Elements:
    labels = np.array([[max(float(row["expression_log2"]), RETINA_FLOOR)] for row in rows], dtype=np.float32)
    codes = np.stack([codes_of(_centred(row["sequence"])) for row in rows])
    return Elements(codes, labels, weights.astype(np.float32), np.array(clusters, dtype=np.int64))


def _centred(bases: str) -> str:
    before = (RETINA_LENGTH - len(bases)) // 2
    return "N" * before + bases + "N" * (RETINA_LENGTH - len(bases) - before)
