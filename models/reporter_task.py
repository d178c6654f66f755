"""Fitting a network to reporter elements: what a batch is, what is made small, and what chooses the best pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.augment import moved, reversed_codes, turned
from models.binding_data import Codes
from models.fit import encoded
from models.metrics import pearson
from models.reporter_data import Elements
from models.shuffle import codes_of

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ReporterRecipe:
    """How one reporter model is fitted.

    Attributes:
        architecture: key among the architectures that may be loaded.
        options: keyword arguments of the architecture, but for the number of tracks.
        context: letters before and after the insert.
        epochs: passes over the training rows, each row on a random strand.
        batch: rows per step.
        learning_rate: largest step size.
        weight_decay: of AdamW.
        max_shift: half of the inserts are moved by up to this many bp either way; what falls out is lost, what comes in is N.
        scatter_weight: of the likelihood that fits the log variances.
        seed: of everything; member k uses seed + k.
        averaging: share of the running average of the weights that each step keeps.
        lesson_epochs: passes over a teacher's sequences, where there is a teacher.
        lesson_rate: largest step size while learning from it.
    """

    architecture: str
    options: dict[str, Any] = field(default_factory=dict)
    context: tuple[str, str] = ("", "")
    epochs: int = 30
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    max_shift: int = 6
    scatter_weight: float = 0.2
    seed: int = 5
    averaging: float = 0.99
    lesson_epochs: int = 3
    lesson_rate: float = 3e-3


@dataclass(frozen=True)
class ReporterTask:
    """Elements with several measurements each, some missing.

    Attributes:
        train: rows that are fitted.
        early: rows that choose the best pass.
        recipe: how.
        judged: how many of the first columns count when the best pass is chosen; the others only help.
        learned_first: digest of the network that the fit starts from, if it starts from one.
    """

    train: Elements
    early: Elements
    recipe: ReporterRecipe
    judged: int
    learned_first: str = ""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Recipe and data: a saved fit of others is not taken up."""
        return {
            "recipe": asdict(self.recipe),
            "train": self.train.digest(),
            "early": self.early.digest(),
            "learned_first": self.learned_first,
        }

    def steps(self) -> int:
        """Batches per pass; a last one of fewer than two rows would upset the batch norms and is left out."""
        return self.train.n // self.recipe.batch

    def batches(self, seed: np.random.SeedSequence) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields constructs (batch, 4, length) and (batch, 2, columns): labels, and how much each counts."""
        random = np.random.default_rng(seed)
        order = random.permutation(self.train.n)
        share = _column_weights(self.train)
        for start in range(0, self.steps() * self.recipe.batch, self.recipe.batch):
            picked = order[start : start + self.recipe.batch]
            inserts = moved(turned(self.train.codes[picked], random), random, self.recipe.max_shift)
            labels = self.train.labels[picked]
            counts = np.where(np.isnan(labels), 0, share * self.train.weights[picked, None])
            known = np.stack([np.nan_to_num(labels), counts.astype(np.float32)], axis=1)
            yield constructs(inserts, self.recipe.context), torch.from_numpy(known)

    def loss(self, answer: Tensor, labels: Tensor) -> Tensor:
        """Squared error of the means, and the likelihood of the residuals under the log variances.

        The means are fitted by squared error alone: a likelihood would let the network excuse what it finds hard.
        """
        value, count = labels[:, 0], labels[:, 1]
        n_columns = value.shape[1]
        mean, log_variance = answer[:, :n_columns, 0], answer[:, n_columns:, 0]
        error = (value - mean) ** 2
        scatter = log_variance + error.detach() / log_variance.exp()
        return ((error + self.recipe.scatter_weight * scatter) * count).sum() / count.sum().clamp_min(1e-6)

    def score(self, module: nn.Module) -> float:
        """Mean Pearson correlation over the judged columns."""
        answers = answers_of(module, self.early.codes, self.recipe.context)[0]
        return float(np.mean([pearson(answers[:, index], self.early.labels[:, index]) for index in range(self.judged)]))


@torch.no_grad()
def answers_of(module: nn.Module, codes: Codes, context: tuple[str, str], *, batch: int = 256) -> tuple[Float, Float]:
    """Means and variances of inserts (n, length), both float32 (n, columns), averaged over the insert's strands."""
    module.eval()
    means, variances = [], []
    for start in range(0, len(codes), batch):
        part = codes[start : start + batch]
        both = [module(constructs(insert, context))[:, :, 0] for insert in (part, reversed_codes(part))]
        answer = [x.chunk(2, dim=1) for x in both]
        means.append((answer[0][0] + answer[1][0]) / 2)
        variances.append((answer[0][1].exp() + answer[1][1].exp()) / 2)
    return torch.cat(means).numpy(), torch.cat(variances).numpy()


def constructs(inserts: Codes, context: tuple[str, str]) -> Tensor:
    """float32 (n, 4, before + length + after): inserts between the constant letters of the assay."""
    before, after = (np.broadcast_to(codes_of(bases), (len(inserts), len(bases))) for bases in context)
    return encoded(np.concatenate([before, inserts, after], axis=1))


def standardised(module: nn.Module, train: Elements) -> nn.Module:
    """Sets the head's centre and scale to those of the training labels."""
    known = torch.from_numpy(train.labels)
    with torch.no_grad():
        module.head.centre.copy_(known.nanmean(0))  # type: ignore[union-attr, operator]
        spread = ((known - known.nanmean(0)) ** 2).nanmean(0).sqrt()
        module.head.scale.copy_(spread)  # type: ignore[union-attr, operator]
    return module


def kept_columns(module: nn.Module, n_columns: int) -> nn.Module:
    """Cuts the head down to its first columns: the others only helped to learn."""
    head = module.head
    for layer in (head.mean, head.log_variance):  # type: ignore[union-attr]
        layer.weight = nn.Parameter(layer.weight[:n_columns].detach().clone())  # type: ignore[union-attr, index]
        layer.bias = nn.Parameter(layer.bias[:n_columns].detach().clone())  # type: ignore[union-attr, index]
    head.centre, head.scale = head.centre[:n_columns].clone(), head.scale[:n_columns].clone()  # type: ignore[union-attr, index]
    return module


def _column_weights(train: Elements) -> Float:
    """float32 (columns,): a column with few labels counts more per label, by the square root of its scarcity; divided
    by the column's variance, so that no unit counts more than another. A column that nobody measured counts nothing."""
    counts = (~np.isnan(train.labels)).sum(axis=0)
    measured = counts > 0
    shares = np.zeros(len(counts))
    shares[measured] = np.sqrt(counts.max() / counts[measured]) / np.nanvar(train.labels[:, measured], axis=0)
    return shares.astype(np.float32)
