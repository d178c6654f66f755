"""The one look at the shipped sandbox: scores ``sandbox-profile`` against the simulator's truth, and writes its card."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.sandbox import Site, sandbox_genome, sites
from genome.sandbox_reads import BACKGROUND_READS, expected_reads
from models import registry
from models.composition import N_WORDS, WORD_LENGTH, words_of
from models.core import Model
from models.cost import cost
from models.loop import progress_of
from models.metrics import bootstrap_correlation, divergence, interval, pearson, rounded, shares
from models.profile_card import card
from models.profile_data import INPUT_LENGTH, MARGIN, OUTPUT_LENGTH, Experiment, shipped, simulate, turned
from models.profile_task import NAME, ProfileRecipe, answers
from models.shuffle import N_CODE, Codes, codes_of, letters_of

Float = npt.NDArray[np.floating]
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
SEED = 41


def log_counts(profiles: Float) -> npt.NDArray[np.float64]:
    """float64 (n,): log(1 + reads of the window), both strands together, of profiles (n, 2, bins)."""
    return np.asarray(np.log1p(profiles.sum(axis=(1, 2), dtype=np.float64)))


def loss_per_read(expected: Float, reads: Float) -> float:
    """Mean negative log probability in nats of where a read begins, over all reads (n, 2, bins) of the windows."""
    of_each = np.maximum(shares(expected), 1e-12)
    return float(-(reads.reshape(len(reads), -1) * np.log(of_each)).sum() / reads.sum())


def counts_scores(predicted: Mapping[str, Float], truth: Float, reads: Float) -> list[dict[str, Any]]:
    """Pearson's r of each prediction (n,) of log counts with the truth (n,) and with one experiment (n,).

    The truth is the last row: what it reaches against one experiment is the ceiling.
    """
    rows = {**predicted, "the truth itself": truth}
    entries: list[dict[str, Any]] = [{"name": name} for name in rows]
    for against, measured in (("truth", truth), ("experiment", reads)):
        stacked = np.stack(list(rows.values()))
        drawn = bootstrap_correlation(pearson, stacked, measured, np.arange(len(measured)), seed=SEED)
        for entry, row, resampled in zip(entries, stacked, drawn, strict=True):
            entry[against] = rounded(interval(pearson(row, measured), resampled))
    return entries


def profile_scores(predicted: Mapping[str, Float], truth: Float, reads: Float) -> list[dict[str, Any]]:
    """How far each prediction (n, 2, bins) of the shape is from the truth, and what it costs on one experiment.

    Divergence is the median over windows with at least twice the background; the loss counts every read.
    """
    active = truth.sum(axis=(1, 2)) > 2 * 2 * OUTPUT_LENGTH * BACKGROUND_READS
    rows = {**predicted, "one experiment": reads, "the truth itself": truth}
    return [
        {
            "name": name,
            "windows": int(active.sum()),
            "divergence": round(float(np.median(divergence(row[active], truth[active]))), 4),
            "loss_per_read": None if name == "one experiment" else round(loss_per_read(row, reads), 4),
        }
        for name, row in rows.items()
    ]


def deletion_scores(model: Model) -> list[dict[str, Any]]:
    """What taking out each planted site (N instead of its letters) does to log counts: the model beside the simulator."""
    planted = list(sites())
    whole = site_windows(planted)
    without = whole.copy()
    for row, site in zip(without, planted, strict=True):
        start = site.locus.start - (site.locus.start + site.locus.end) // 2 + INPUT_LENGTH // 2
        row[start : start + site.locus.length] = N_CODE
    told = log_counts(answers(model, without)) - log_counts(answers(model, whole))
    true = log_counts(_truth(without)) - log_counts(_truth(whole))
    keys = np.array([site.key for site in planted])
    groups: dict[str, npt.NDArray[np.bool_]] = {"all planted sites": np.ones(len(keys), dtype=bool)} | {
        key: keys == key for key in dict.fromkeys(keys)
    }
    entries = []
    for name, chosen in groups.items():
        entry: dict[str, Any] = {"name": str(name), "sites": int(chosen.sum())}
        entry |= {"true": round(float(true[chosen].mean()), 4), "model": round(float(told[chosen].mean()), 4)}
        entry["error"] = round(float(np.sqrt(((told - true)[chosen] ** 2).mean())), 4)
        entry["pearson"] = round(pearson(told[chosen], true[chosen]), 4) if true[chosen].std() > 0.05 else None
        entries.append(entry)
    return entries


def word_baseline(train: Experiment, validation: Experiment, test: Experiment) -> npt.NDArray[np.float64]:
    """float64 (n,): log counts of the test windows by ridge regression on how often each 6-letter word occurs.

    Words of the 300 bp are counted on both strands; the penalty is the one that does best on the validation windows.
    """
    x, x_validation, x_test = (_word_counts(part.windows()) for part in (train, validation, test))
    y, y_validation = (log_counts(part.profiles(part.reads)) for part in (train, validation))
    centre, level = x.mean(axis=0), y.mean()
    square, product = (x - centre).T @ (x - centre), (x - centre).T @ (y - level)
    fitted = [np.linalg.solve(square + penalty * np.eye(len(square)), product) for penalty in PENALTIES]
    best = max(fitted, key=lambda weight: pearson((x_validation - centre) @ weight, y_validation))
    return np.asarray((x_test - centre) @ best + level)


def score(model: Model, recipe: ProfileRecipe) -> dict[str, Any]:
    """Every figure of the card but the training time."""
    test, train, validation = shipped(), simulate(recipe.train_seeds), simulate(recipe.validation_seeds)
    words = word_baseline(train, validation, test)
    told, truth, reads = answers(model, test.windows()), test.profiles(test.expected), test.profiles(test.reads)
    single = answers(model.members[0], test.windows())
    mean = np.broadcast_to(train.profiles(train.reads).mean(axis=0), truth.shape)
    counts = {NAME: log_counts(told), "its first member, one strand": log_counts(single), "words (ridge)": words}
    shapes = {NAME: told, "its first member, one strand": single, "mean profile of the training windows": mean}
    return {
        "windows": {"train": len(train.centres), "validation": len(validation.centres), "test": len(test.centres)},
        "scores": counts_scores(counts, log_counts(truth), log_counts(reads)),
        "profiles": profile_scores(shapes, truth, reads),
        "deletions": deletion_scores(model),
    }


def main(arguments: list[str] | None = None) -> int:
    """Scores the released model on the shipped sandbox and writes scores.json and card.md."""
    parser = argparse.ArgumentParser(prog="python -m models.profile_held_out", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/train"), help="folder of the fits, for training times")
    chosen = parser.parse_args(arguments)
    try:
        folder = write(chosen.work)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"scores.json and card.md are in {folder}")
    return 0


def write(work: Path) -> Path:
    """Writes the two files of the released model; a truth.json beside them (benchmarks/profile_truth) goes into the card."""
    model = registry.load(registry.spec(NAME).model_id)
    folder, recipe = registry.RELEASED / NAME, ProfileRecipe()
    kept, truth = folder / "scores.json", folder / "truth.json"
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    scores: dict[str, Any] = {"model_id": model.spec.model_id, "recipe": asdict(recipe), "cost": cost(model)}
    scores["training_seconds"] = training_seconds(work, recipe) or before.get("training_seconds", [])
    scores |= before if before.get("model_id") == scores["model_id"] and "scores" in before else score(model, recipe)
    kept.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    found = json.loads(truth.read_text(encoding="utf-8")) if truth.is_file() else None
    (folder / "card.md").write_text(card(model.spec, scores, found), encoding="utf-8")
    return folder


def training_seconds(work: Path, recipe: ProfileRecipe) -> list[int]:
    """Processor seconds of each member's fit; empty when the states of the fits are not there."""
    states = [work / NAME / f"member-{member}.fit" for member in range(recipe.members)]
    return [round(progress_of(path)["seconds"]) for path in states] if all(p.is_file() for p in states) else []


def site_windows(planted: Seq[Site]) -> Codes:
    """int8 (sites, INPUT_LENGTH): the window around the middle of each site of the shipped sandbox."""
    genome = sandbox_genome()
    starts = [(site.locus.start + site.locus.end) // 2 - INPUT_LENGTH // 2 for site in planted]
    loci = [Locus(site.locus.chrom, at, at + INPUT_LENGTH) for site, at in zip(planted, starts, strict=True)]
    return np.stack([codes_of(genome.sequence(locus).bases) for locus in loci])


def _truth(codes: Codes) -> npt.NDArray[np.float64]:
    """float64 (n, 2, OUTPUT_LENGTH): the simulator's answer for windows (n, INPUT_LENGTH)."""
    return np.stack([expected_reads(letters_of(row))[:, MARGIN:-MARGIN] for row in codes])


def _word_counts(codes: Codes) -> npt.NDArray[np.float64]:
    """float64 (n, words): how often each word occurs in the middle of windows, the mean over both strands.

    A word and its reverse complement occur equally often then; the one that comes first in the alphabet stands for both.
    """
    middle = codes[:, MARGIN:-MARGIN]
    other = turned(middle, np.zeros((len(middle), 2, 1), dtype=np.float32))[0]
    counts = np.zeros((len(codes), N_WORDS))
    for strand in (middle, other):
        for row, words in zip(counts, words_of(strand), strict=True):
            row += 0.5 * np.bincount(words[words >= 0], minlength=N_WORDS)
    return counts[:, _first_of_pairs()]


def _first_of_pairs() -> npt.NDArray[np.bool_]:
    """bool (words,): whether a word comes no later in the alphabet than its reverse complement."""
    words = np.arange(N_WORDS)
    letters = words[:, None] // 4 ** np.arange(WORD_LENGTH) % 4  # last letter first
    return np.asarray(words <= ((3 - letters) * 4 ** np.arange(WORD_LENGTH)[::-1]).sum(axis=1))


if __name__ == "__main__":
    sys.exit(main())
