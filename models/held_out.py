"""The one look at the held-out chromosomes: scores a model there, beside the parsimonious one, and writes its card."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from models import registry
from models.binding_card import card
from models.binding_data import (
    FACTORS,
    PEAK,
    TEST_CHROMS,
    Rows,
    canonical_kmers,
    read_peaks,
    read_splits,
    read_test_background,
    sampled_background,
    shares_kmer,
    shuffled,
)
from models.core import Model
from models.cost import cost
from models.fit import log_odds
from models.metrics import auprc, auroc, bootstrap_auprc, bootstrap_auroc, interval, rounded
from models.train import RECIPES, data_folder

BASELINE = "simple"
TEST_SEED = 22
BACKGROUND_RATIO = 10
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Contest:
    """Peaks of one factor against one kind of unbound window.

    Attributes:
        factor: index of the factor.
        negatives: name of the kind of unbound window.
        positive: held-out peaks.
        negative: held-out unbound windows.
    """

    factor: int
    negatives: str
    positive: Rows
    negative: Rows


def read_contests(folder: Path) -> tuple[Contest, ...]:
    """Every comparison on chr20 and chr22 that the card reports.

    Args:
        folder: the data folder (``CISLENS_DATA``).
    """
    peaks = read_peaks(folder)
    test = peaks.chosen(np.isin(peaks.chroms, TEST_CHROMS))
    background = read_test_background(folder, peaks)
    contests = []
    for factor in range(len(FACTORS)):
        positive, others = test.of(PEAK, factor), test.of(PEAK, 1 - factor)
        plain, matched = (
            sampled_background(background, positive, ratio=BACKGROUND_RATIO, gc_matched=gc_matched, seed=TEST_SEED)
            for gc_matched in (False, True)
        )
        contests += [
            Contest(factor, "dinucleotide shuffles", positive, shuffled(positive, seed=TEST_SEED)),
            Contest(factor, "other factor's peaks", positive, others.chosen(others.labels[:, factor] == 0)),
            Contest(factor, "background 1:10", positive, plain),
            Contest(factor, "background 1:10, GC-matched", positive, matched),
        ]
    return tuple(contests)


def unrepeated(contests: tuple[Contest, ...], train: Rows) -> tuple[Contest, ...]:
    """The GC-matched contests again, without background windows that share a 25-mer with a training row."""
    words = canonical_kmers(train.codes)
    kept = []
    for contest in contests:
        if contest.negatives.endswith("GC-matched"):
            seen = shares_kmer(canonical_kmers(contest.negative.codes), words)
            name = f"{contest.negatives}, no 25-mer in training"
            kept.append(Contest(contest.factor, name, contest.positive, contest.negative.chosen(~seen)))
    return tuple(kept)


def score(contest: Contest, models: dict[str, Model]) -> dict[str, dict[str, Any]]:
    """Scores each model on one contest, on the same bootstrap resamples.

    Args:
        contest: bound and unbound windows.
        models: by name; ``simple`` among them is what the others are compared with.

    Returns:
        For each model its figures: AUROC, AUPRC, their difference from ``simple`` with 95 % intervals, and the share of
        windows called bound (log odds above 0).
    """
    names = list(models)
    high = np.stack([log_odds(model, contest.positive.codes)[:, contest.factor] for model in models.values()])
    low = np.stack([log_odds(model, contest.negative.codes)[:, contest.factor] for model in models.values()])
    resampled = {"auroc": bootstrap_auroc(high, low), "auprc": bootstrap_auprc(high, low)}
    values = {"auroc": [auroc(*pair) for pair in zip(high, low, strict=True)]}
    values["auprc"] = [auprc(*pair) for pair in zip(high, low, strict=True)]
    results = {}
    for index, name in enumerate(names):
        result: dict[str, Any] = {
            "track": FACTORS[contest.factor],
            "negatives": contest.negatives,
            "n_positive": contest.positive.n,
            "n_negative": contest.negative.n,
            "called_positive": round(float((high[index] > 0).mean()), 4),
            "called_negative": round(float((low[index] > 0).mean()), 4),
        }
        for metric, areas in resampled.items():
            result[metric] = rounded(interval(values[metric][index], areas[index]))
            if name != BASELINE:
                base = names.index(BASELINE)
                difference = values[metric][index] - values[metric][base]
                result[f"{metric}_above_simple"] = rounded(interval(difference, areas[index] - areas[base]))
        results[name] = result
    return results


def main(arguments: list[str] | None = None) -> int:
    """Scores the released models on the held-out rows and writes scores.json and card.md of each."""
    parser = argparse.ArgumentParser(prog="python -m models.held_out", description=__doc__)
    parser.add_argument("--out", type=Path, default=registry.RELEASED, help="folder with one folder per model")
    chosen = parser.parse_args(arguments)
    try:
        _write(data_folder(), chosen.out)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _write(folder: Path, out: Path) -> None:
    """Scores every model that has a recipe and writes its two files."""
    models = {name: registry.load(registry.spec(name).model_id) for name in sorted(RECIPES)}
    splits = read_splits(folder)
    contests = read_contests(folder)
    contests += unrepeated(contests, splits.train)
    results = [score(contest, models) for contest in contests]
    counts = {name: _counts(rows) for name, rows in vars(splits).items() if isinstance(rows, Rows)}
    for name, model in models.items():
        scores = {
            "model": name,
            "recipe": asdict(RECIPES[name]),
            "cost": cost(model),
            "rows": counts | {"dropped": splits.dropped},
            "scores": [result[name] for result in results],
        }
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
        baseline = [result[BASELINE] for result in results]
        (out / name / "card.md").write_text(card(model.spec, scores, baseline), encoding="utf-8")
        print(f"{name}: scores.json and card.md are in {out / name}")


def _counts(rows: Rows) -> dict[str, int]:
    """How many peaks of each factor and background windows there are."""
    peaks = {factor: rows.of(PEAK, index).n for index, factor in enumerate(FACTORS)}
    return peaks | {"background": rows.n - sum(peaks.values())}


if __name__ == "__main__":
    sys.exit(main())
