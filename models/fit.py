"""Fits one member of a model to binding data: the loop knows rows and losses, not what kind of model it trains."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.augment import moved, turned
from models.binding_data import FACTORS, PEAK, Codes, Rows, joined, shuffled
from models.loop import Say, Schedule, fit, say_at_once
from models.metrics import auroc
from models.shuffle import N_CODE


@dataclass(frozen=True)
class Recipe:
    """How one model is fitted.

    Attributes:
        name: the model's name, as in ``make train MODEL=``.
        title: a few words for people.
        architecture: its key among the architectures that may be loaded.
        options: keyword arguments of the architecture.
        members: how many times it is fitted, each from another seed.
        epochs: passes over the training rows, each with fresh shuffles.
        batch: rows per step.
        learning_rate: largest step size of AdamW; it rises for a tenth of the steps and falls to nothing.
        weight_decay: of AdamW.
        max_shift: half of the training rows are moved by up to this many bp either way, and filled up with N.
        cut_share: this share of the training rows is known only around its centre, N outside.
        blank_share: this share of the training rows is nothing but N, and unbound.
        smoothing: labels are 1 - smoothing and smoothing instead of 1 and 0.
        seed: of everything; member k uses seed + k.
    """

    name: str
    title: str
    architecture: str
    options: dict[str, Any] = field(default_factory=dict)
    members: int = 3
    epochs: int = 12
    batch: int = 256
    learning_rate: float = 8e-3
    weight_decay: float = 1e-2
    max_shift: int = 10
    cut_share: float = 0.1
    blank_share: float = 0.01
    smoothing: float = 0.01
    seed: int = 7

    def __post_init__(self) -> None:
        if min(self.members, self.epochs, self.batch) < 1 or not 0 <= self.max_shift < 50:
            raise ValueError(f"{self.members=}, {self.epochs=}, {self.batch=}, {self.max_shift=}")


def fit_member(
    build: Callable[..., nn.Module],
    train: Rows,
    validation: Rows,
    recipe: Recipe,
    *,
    member: int,
    checkpoint: Path | None = None,
    say: Say = say_at_once,
) -> nn.Module:
    """Fits one member and gives it back with the weights of its best pass.

    Args:
        build: the architecture, called with the recipe's options.
        train: peaks and background; fresh shuffles of the peaks are added at each pass.
        validation: rows, shuffles included, that choose the best pass.
        recipe: how to fit.
        member: which one, from 0; it decides the seed.
        checkpoint: file that holds the state after each pass; a run that was stopped goes on from it.
        say: is told the progress.
    """
    schedule = Schedule(recipe.name, recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.seed)
    task = _BindingTask(train, validation, recipe)
    return fit(lambda: build(**recipe.options), task, schedule, member=member, checkpoint=checkpoint, say=say)


def validation_score(module: nn.Module, rows: Rows) -> float:
    """Mean over factors of the AUROC of known peaks against everything known to be unbound."""
    scores = log_odds(module, rows.codes)
    areas = []
    for index in range(len(FACTORS)):
        labels = rows.labels[:, index]
        areas.append(auroc(scores[labels == 1, index], scores[labels == 0, index]))
    return float(np.mean(areas))


@torch.no_grad()
def log_odds(module: nn.Module, codes: Codes, *, batch: int = 256) -> npt.NDArray[np.float32]:
    """float32 (n, tracks): a model's answer for codes (n, length) of one window each."""
    module.eval()
    parts = [module(encoded(codes[start : start + batch]))[:, :, 0] for start in range(0, len(codes), batch)]
    return torch.cat(parts).numpy()


def encoded(codes: Codes) -> Tensor:
    """float32 (n, 4, length) one-hot of codes (n, length); N is a column of zeros."""
    one_hot = F.one_hot(torch.from_numpy(codes.astype(np.int64)), N_CODE + 1)[..., :N_CODE]
    return one_hot.transpose(1, 2).to(torch.float32)


def calibration(
    scores: npt.NDArray[np.floating], rows: Rows
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The slope and intercept (tracks,) that turn scores (n, tracks) into log odds at even odds of bound and unbound.

    Logistic regression of known labels. Peaks weigh one half; unbound rows the other, in equal parts over the kinds of row
    (shuffles of this factor's peaks, the other factor's peaks, background; shuffles of the other's peaks are left out).
    """
    fitted = [_fit_logistic(scores[:, index], rows.labels[:, index], _even_weights(rows, index)) for index in range(2)]
    return np.array([slope for slope, _ in fitted]), np.array([intercept for _, intercept in fitted])


def _even_weights(rows: Rows, factor: int) -> npt.NDArray[np.float64]:
    """float64 (n,), sums to one; zero for unknown rows and shuffles of the other factor's peaks."""
    labels = rows.labels[:, factor]
    bound = labels == 1
    groups = [
        (labels == 0) & (rows.kinds == kind) & ((rows.kinds == PEAK) | (rows.factors != 1 - factor))
        for kind in range(3)
    ]
    weights = np.where(bound, 0.5 / max(bound.sum(), 1), 0.0)
    present = [group for group in groups if group.any()]
    for group in present:
        weights[group] = 0.5 / len(present) / group.sum()
    return weights


def _fit_logistic(
    scores: npt.NDArray[np.floating], labels: npt.NDArray[np.float32], weights: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Slope and intercept of the weighted logistic regression of labels (n,) on scores (n,), by Newton steps that are
    halved until they help."""
    used = weights > 0
    design = np.stack([scores[used].astype(np.float64), np.ones(used.sum())], axis=1)
    target, weight = labels[used].astype(np.float64), weights[used]
    solution = np.zeros(2)
    for _ in range(100):
        chance = 0.5 * (1 + np.tanh(design @ solution / 2))
        uphill = design.T @ (weight * (target - chance))
        bend = (design * (weight * chance * (1 - chance))[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(bend, uphill)
        loss = _weighted_loss(design @ solution, target, weight)
        while _weighted_loss(design @ (solution + step), target, weight) > loss and np.abs(step).max() > 1e-10:
            step = step / 2
        solution = solution + step
        if np.abs(step).max() < 1e-10:
            break
    return float(solution[0]), float(solution[1])


def _weighted_loss(
    scores: npt.NDArray[np.float64], target: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> float:
    """Weighted cross-entropy of log odds (n,) against labels (n,)."""
    return float((weight * (np.logaddexp(0, scores) - target * scores)).sum())


@dataclass(frozen=True)
class _BindingTask:
    """Peaks, fresh shuffles of them and background, to be told apart."""

    train: Rows
    validation: Rows
    recipe: Recipe

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"recipe": asdict(self.recipe), "train": _digest(self.train), "validation": _digest(self.validation)}

    def steps(self) -> int:
        n_peaks = int((self.train.kinds == PEAK).sum())
        return -(-(self.train.n + n_peaks) // self.recipe.batch)

    def batches(self, seed: np.random.SeedSequence) -> Iterator[tuple[Tensor, Tensor]]:
        shuffle_seed, order_seed = (int(number) for number in seed.generate_state(3)[:2])
        rows = joined([self.train, shuffled(self.train.chosen(self.train.kinds == PEAK), seed=shuffle_seed)])
        return _batches(rows, self.recipe, order_seed)

    def loss(self, answer: Tensor, labels: Tensor) -> Tensor:
        return _loss(answer[:, :, 0], labels, self.recipe.smoothing)

    def score(self, module: nn.Module) -> float:
        return validation_score(module, self.validation)


def _digest(rows: Rows) -> str:
    """12 hex of SHA-256 over letters and labels: a changed file is another training set."""
    return hashlib.sha256(rows.codes.tobytes() + rows.labels.tobytes()).hexdigest()[:12]


def _batches(rows: Rows, recipe: Recipe, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields one-hot windows (batch, 4, length) and labels (batch, tracks), in random order, strand and place."""
    random = np.random.default_rng(seed)
    order = random.permutation(rows.n)
    for start in range(0, rows.n, recipe.batch):
        picked = order[start : start + recipe.batch]
        codes = moved(turned(rows.codes[picked], random), random, recipe.max_shift)
        codes, labels = _hidden(codes, rows.labels[picked], random, recipe)
        yield encoded(codes), torch.from_numpy(labels)


def _hidden(
    codes: Codes, labels: npt.NDArray[np.float32], random: np.random.Generator, recipe: Recipe
) -> tuple[Codes, npt.NDArray[np.float32]]:
    """Some rows with N instead of their flanks (same labels), and some that are N throughout (unbound)."""
    n, length = codes.shape
    start = random.integers(0, 3 * length // 10, (n, 1))
    end = random.integers(7 * length // 10, length, (n, 1))
    cut = random.random((n, 1)) < recipe.cut_share
    blank = random.random((n, 1)) < recipe.blank_share
    places = np.arange(length)
    outside = (places < start) | (places > end)
    unknown = (outside & cut) | blank
    return np.where(unknown, np.int8(N_CODE), codes), np.where(blank, np.float32(0), labels)


def _loss(scores: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of log odds (n, tracks) over the labels that are known."""
    known = ~labels.isnan()
    targets = labels[known] * (1 - 2 * smoothing) + smoothing
    return F.binary_cross_entropy_with_logits(scores[known], targets)
