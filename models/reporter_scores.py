"""The one look at the held-out reporter elements: ensembles, families, word counts and the replicate ceiling in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics import bootstrap_correlation, interval, pearson, rounded, spearman
from models.reporter_data import Elements

Float = npt.NDArray[np.float32]
CORRELATIONS = {"pearson": pearson, "spearman": spearman}
SEED = 31


def compare(
    predicted: Mapping[str, Float], test: Elements, columns: tuple[str, ...], *, baseline: str, n_resamples: int = 1000
) -> list[dict[str, Any]]:
    """Scores several predictions of the same rows, on the same resamples of whole clusters.

    Args:
        predicted: float32 (n, columns) for each name.
        test: the held-out rows.
        columns: names of the columns.
        baseline: the name that the others are compared with.
        n_resamples: of the bootstrap.

    Returns:
        One entry per name and column: Pearson and Spearman with 95 % intervals, and how far they lie above the baseline.
    """
    names = list(predicted)
    base = names.index(baseline)
    entries = []
    for index, column in enumerate(columns):
        measured = test.labels[:, index]
        stacked = np.stack([predicted[name][:, index] for name in names])
        found: dict[str, tuple[list[float], npt.NDArray[np.float64]]] = {}
        for metric, correlation in CORRELATIONS.items():
            drawn = bootstrap_correlation(
                correlation, stacked, measured, test.clusters, n_resamples=n_resamples, seed=SEED
            )
            found[metric] = [correlation(row, measured) for row in stacked], drawn
        for place, name in enumerate(names):
            entry: dict[str, Any] = {"name": name, "column": column, "rows": int((~np.isnan(measured)).sum())}
            for metric, (values, drawn) in found.items():
                entry[metric] = rounded(interval(values[place], drawn[place]))
                if place != base:
                    above = interval(values[place] - values[base], drawn[place] - drawn[base])
                    entry[f"{metric}_above_{baseline}"] = rounded(above)
            entries.append(entry)
    return entries


def ceiling(measured: Float, again: Float) -> dict[str, float]:
    """Pearson and Spearman between two measurements of the same elements, and how many there are."""
    both = ~np.isnan(measured) & ~np.isnan(again)
    return {
        "rows": int(both.sum()),
        "pearson": round(pearson(measured[both], again[both]), 4),
        "spearman": round(spearman(measured[both], again[both]), 4),
    }
