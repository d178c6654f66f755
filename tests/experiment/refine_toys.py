"""A small reporter model, and measured tables of an assay whose rule is known: activity counts one word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from models import loop
from models.core import ModelSpec, Track
from models.reporter_data import Elements
from models.reporter_task import ReporterRecipe, ReporterTask, standardised
from models.residual import Residual
from models.shuffle import codes_of
from models.write import write_model

WINDOW = 40
OPTIONS = {
    "n_tracks": 1,
    "filters": 6,
    "filter_length": 5,
    "widths": [8],
    "kernel_length": 3,
    "hidden": 8,
    "dropout": 0.0,
}


def rows(n: int, *, word: str = "GATA", gain: float = 2.0, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Random inserts, half of which hold a word, and their activity: ``gain`` for the word, and noise."""
    random = np.random.default_rng(seed)
    bases = ["".join(random.choice(list("ACGT"), WINDOW)) for _ in range(n)]
    placed = random.random(n) < 0.5
    at = random.integers(0, WINDOW - len(word), n)
    bases = [b[:p] + word + b[p + len(word) :] if put else b for b, p, put in zip(bases, at, placed, strict=True)]
    return bases, (gain * placed + random.normal(0, 0.3, n)).astype(np.float32)


def elements(n: int, **how: object) -> Elements:
    """The same as rows that are fitted."""
    bases, values = rows(n, **how)  # type: ignore[arg-type]
    codes = np.stack([codes_of(one) for one in bases])
    return Elements(codes, values[:, None], np.ones(n, np.float32), np.arange(n))


def table(n: int, **how: object) -> bytes:
    """The same as a TSV; every row a place of its own."""
    bases, values = rows(n, **how)  # type: ignore[arg-type]
    lines = ["name\tsequence\tvalue\tplace"]
    lines += [f"e{i}\t{b}\t{v:.4f}\tp{i}" for i, (b, v) in enumerate(zip(bases, values, strict=True))]
    return ("\n".join(lines) + "\n").encode()


def trained(seed: int = 0, **how: object) -> nn.Module:
    """A network that knows the rule of ``rows``."""
    train, early = elements(400, seed=seed, **how), elements(100, seed=seed + 50, **how)
    recipe = ReporterRecipe("residual", OPTIONS, epochs=6, batch=32, learning_rate=1e-2, max_shift=0, averaging=0.0)
    return loop.fit(
        lambda: standardised(Residual(**OPTIONS), train),
        ReporterTask(train, early, recipe, 1),
        loop.Schedule("toy", recipe.epochs, recipe.learning_rate, 0.0, 7),
        member=seed,
        say=lambda _: None,
    )


def write_toy(folder: Path, *, members: int = 2, name: str = "toy-reporter") -> Path:
    """A registered model of such networks."""
    torch.set_num_threads(1)
    spec = ModelSpec(
        model_id=f"{name}-unwritten",
        name=name,
        title="A toy reporter",
        input_length=WINDOW,
        output_length=1,
        resolution=WINDOW,
        tracks=(Track("activity", "MPRA", "toy cells", "log2(RNA/DNA)"),),
        strand_rule="average",
        n_members=members,
        origin="Made up.",
        noise=True,
    )
    return write_model(spec, "residual", OPTIONS, [trained(seed) for seed in range(members)], folder / name)
