"""Fits one network to new measurements from where its parent stands, by one of the strategies, in the loop of all training."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiment.refine_strategy import FISHER_ROWS, Adapted, NewHead, Pupil, Strategy, pull
from models import loop
from models.metrics import pearson
from models.reporter_data import Elements
from models.reporter_task import ReporterRecipe, ReporterTask, answers_of
from models.teacher import digest_of


@dataclass(frozen=True)
class Learned:
    """A refined network and what it took.

    Attributes:
        network: of the parent's architecture, in evaluation mode.
        sequences: sequences that were shown to a network on the way: training passes, the parent's answers that were
            distilled, and the rows of the Fisher information; rows that only chose the best pass are not counted.
    """

    network: nn.Module
    sequences: int


@dataclass(frozen=True)
class RefineTask:
    """New rows, and old ones drawn anew for each pass.

    Attributes:
        new: rows that are fitted, what is distilled already mixed into their labels.
        old: earlier sets (rounds, assays), of which rows are shown again.
        early: sets of rows that choose the best pass; each counts alike.
        recipe: batch, moves, seed.
        strategy: share and way of the replay.
        parent: digest of the parent's weights.
    """

    new: Elements
    old: tuple[Elements, ...]
    early: tuple[Elements, ...]
    recipe: ReporterRecipe
    strategy: Strategy
    parent: str

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Recipe, strategy, parent and data: a saved fit of others is not taken up."""
        return {
            "recipe": asdict(self.recipe),
            "strategy": asdict(self.strategy),
            "parent": self.parent,
            "new": self.new.digest(),
            "old": [rows.digest() for rows in self.old],
            "early": [rows.digest() for rows in self.early],
        }

    @property
    def n_old(self) -> int:
        """Old rows per pass; at most every one once."""
        known = sum(rows.n for rows in self.old)
        return known if self.strategy.pick == "every" else min(round(self.strategy.replay * self.new.n), known)

    def steps(self) -> int:
        """Batches per pass."""
        return (self.new.n + self.n_old) // self.recipe.batch

    def batches(self, seed: np.random.SeedSequence) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields constructs and labels of one pass, new and old rows mixed, as any reporter model learns."""
        rows = together([self.new, *self._recalled(seed)])
        yield from ReporterTask(rows, rows, self.recipe, 1).batches(seed)

    def _recalled(self, seed: np.random.SeedSequence) -> list[Elements]:
        if not self.n_old:
            return []
        random = np.random.default_rng([*seed.generate_state(2).tolist(), 1])
        return [recalled(self.old, self.n_old, self.strategy.pick, random)]

    def loss(self, answer: Tensor, labels: Tensor) -> Tensor:
        """As any reporter model's."""
        return ReporterTask(self.new, self.new, self.recipe, 1).loss(answer, labels)

    def score(self, module: nn.Module) -> float:
        """Mean over sets and columns of Pearson's r; a column that a set does not measure does not count."""
        return float(np.mean([correlation(module, rows, self.recipe.context) for rows in self.early]))


def correlation(network: nn.Module, rows: Elements, context: tuple[str, str]) -> float:
    """Mean over the measured columns of Pearson's r between answers and measurements."""
    answers = answers_of(network, rows.codes, context)[0]
    found = [pearson(answers[:, index], rows.labels[:, index]) for index in range(rows.labels.shape[1])]
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


def together(sets: Seq[Elements]) -> Elements:
    """All rows of several sets, in their order."""
    return Elements(**{name: np.concatenate([vars(rows)[name] for rows in sets]) for name in vars(sets[0])})


def recalled(old: Seq[Elements], n: int, pick: str, random: np.random.Generator) -> Elements:
    """n rows of earlier sets: each set equally likely (balanced), or else each row; none twice before all."""
    starts = [0, *np.cumsum([rows.n for rows in old]).tolist()]
    pools = [np.arange(*ends) for ends in pairwise(starts)] if pick == "balanced" else [np.arange(starts[-1])]
    shares = [len(part) for part in np.array_split(np.arange(n), len(pools))]
    drawn = [_drawn(pool, share, random) for pool, share in zip(pools, shares, strict=True)]
    return together(old).chosen(np.concatenate(drawn).astype(np.int64))


def _drawn(pool: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    rounds = [random.permutation(pool) for _ in range(-(-n // len(pool)))]
    return np.concatenate([*rounds, pool[:0]])[:n]


def fit_refined(
    parent: nn.Module,
    strategy: Strategy,
    new: Elements,
    old: Seq[Elements],
    early: Seq[Elements],
    recipe: ReporterRecipe,
    *,
    member: int,
    checkpoint: Path | None = None,
    say: loop.Say = loop.say_at_once,
) -> Learned:
    """Refines one network; the parent is not touched.

    Args:
        parent: a reporter network.
        strategy: what changes and what holds it.
        new: new training rows; their columns are the parent's tracks, or the new ones of a ``new head``.
        old: training rows of earlier sets, oldest first; may be empty where the strategy needs none.
        early: sets whose correlation chooses the best pass.
        recipe: schedule (epochs, batch, learning rate, weight decay, averaging), context and seed.
        member: which one of the ensemble; it decides the seed.
        checkpoint: file that holds the state after each pass; a run that was stopped goes on from it.
        say: is told the progress.

    Raises:
        ValueError: when the strategy needs old rows and there are none.
    """
    if strategy.needs_old_rows and not old:
        raise ValueError(f"{strategy.name} needs rows that the parent learned from")
    parent = parent.eval()
    aims = _distilled(parent, strategy, new, recipe)
    task = RefineTask(aims, tuple(old), tuple(early), recipe, strategy, digest_of(parent))
    schedule = loop.Schedule(
        strategy.name, recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.seed, recipe.averaging
    )
    held = pull(strategy, parent, together(old).codes if old else new.codes, recipe.context)
    pupil = loop.fit(
        lambda: _pupil(parent, strategy, new),
        task,
        schedule,
        member=member,
        checkpoint=checkpoint,
        say=say,
        after_step=held,
    )
    return Learned(pupil.merged(), _sequences(task, strategy))  # type: ignore[operator, arg-type]


def _pupil(parent: nn.Module, strategy: Strategy, new: Elements) -> nn.Module:
    if strategy.trained == "adapters":
        return Adapted(parent, strategy.rank)
    if strategy.trained != "new head":
        return Pupil(parent, strategy)
    beside = NewHead(parent, new.labels.shape[1])
    known = torch.from_numpy(new.labels)
    with torch.no_grad():
        beside.centre.copy_(known.nanmean(0))
        beside.scale.copy_(((known - known.nanmean(0)) ** 2).nanmean(0).sqrt())
    return beside


def _distilled(parent: nn.Module, strategy: Strategy, new: Elements, recipe: ReporterRecipe) -> Elements:
    """New rows whose labels are mixed with the parent's answers.

    Two squared errors, of the measurement and of the parent's answer, pull exactly as one towards their weighted mean does.
    The predicted noise then is that of the mixture; intervals are calibrated anew after a refinement.
    """
    if not strategy.distill:
        return new
    answers = answers_of(parent, new.codes, recipe.context)[0]
    labels = (1 - strategy.distill) * new.labels + strategy.distill * answers
    return replace(new, labels=labels.astype(np.float32))


def _sequences(task: RefineTask, strategy: Strategy) -> int:
    """Sequences shown to a network in one refinement."""
    shown = task.recipe.epochs * task.steps() * task.recipe.batch
    asked = task.new.n if strategy.distill else 0
    probed = min(FISHER_ROWS, sum(rows.n for rows in task.old)) if strategy.ewc else 0
    return shown + asked + probed
