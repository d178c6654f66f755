"""Mutagenesis as one would write it in ten lines: every base at every position, one full pass each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from interpret import methods
from interpret.attribution import Explained
from models.predict import Components


def explain(run, x, spec, target, baseline, seed, progress):
    """float32 (windows, components, 4, window): the scalar with each base, minus the mean of the four or of the others."""
    found = []
    for number, window in enumerate(x):
        tried = np.repeat(window[None, None], window.shape[1], 0).repeat(4, 1)  # (length, 4, 4, length)
        for place in range(window.shape[1]):
            tried[place, :, :, place] = np.eye(4)
        components = run(Components(), (tried.reshape(-1, *window.shape),), None)[0]
        flat = torch.from_numpy(components.reshape(-1, *components.shape[2:]))
        values = target.scalar(spec, flat).numpy().reshape(window.shape[1], 4, components.shape[1])
        values = values.transpose(2, 1, 0)  # (components, 4, length)
        others = (values * (1 - window)).sum(1, keepdims=True) / 3
        centre = values.mean(1, keepdims=True) if baseline == "four" else others
        found.append((values - centre) * window.sum(0))
        if progress is not None:
            progress((number + 1) / len(x))
    return Explained(np.stack(found).astype(np.float32), None)


METHOD = methods.Method(
    "in-silico mutagenesis",
    "ISM",
    ("four", "others"),
    explain,
    False,
    "What happens when this base is replaced by another.",
    "Zhou and Troyanskaya 2015",
)
WORDS = {
    "four": methods.Compared("mean of the four bases", "mean of four", "the mean over the four bases"),
    "others": methods.Compared("mean of the other three", "mean of others", "the mean over the other three bases"),
}


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes it the mutagenesis of this test."""
    monkeypatch.setitem(methods.METHODS, "ism", METHOD)
    for name, words in WORDS.items():
        monkeypatch.setitem(methods.BASELINE_WORDS, name, words)
