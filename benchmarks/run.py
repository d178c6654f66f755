"""Ours beside the peer, in one run: ``make bench`` writes benchmarks/results.json.

Ours and the peer take turns, and the medians of at least five rounds are compared: the ratio (peer / ours) holds on a
noisy machine where absolute times do not.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.networks import bpnet_like
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.methods import attribute
from interpret.motifs import name_seqlets, warm
from interpret.references import reference_windows
from interpret.seqlets import Seqlet
from models import registry
from models.core import Model, Target
from models.engine import Engine
from models.predict import Components, predict
from models.tiling import core_of, tile, windows

ROUNDS = 5
RESULTS = Path(__file__).with_name("results.json")
LOCUS = Locus("bench", 1_000, 3_000)


def main() -> None:
    """Measures every row and writes the file."""
    from benchmarks import (
        attributions,
        fast_mutagenesis,
        motif_scan,
        screen_figures,
        variants,
    )  # they use ``side_by_side``

    rows = [prediction_and_letters(), letters_beside_captum(), *batch_choice(), motif_names()]
    for part in (fast_mutagenesis, attributions, motif_scan, screen_figures, variants):
        rows += part.rows()
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(
            f"{row['name']:<70} {row['ours_seconds']:.4f} s   {row['peer']}: {row['peer_seconds']:.4f} s   x {row['ratio']:.2f}"
        )


def side_by_side(
    name: str, ours: Callable[[], Any], peer: str, theirs: Callable[[], Any], **more: Any
) -> dict[str, Any]:
    """One row: medians of ours and the peer's, taken in turn after a round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for counted in range(ROUNDS + 1):
        for run, kept in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            run()
            if counted:
                kept.append(time.perf_counter() - start)
    seconds = [statistics.median(kept) for kept in times]
    return {
        "name": name,
        "ours_seconds": round(seconds[0], 5),
        "peer": peer,
        "peer_seconds": round(seconds[1], 5),
        "ratio": round(seconds[1] / seconds[0], 2),
        **more,
    }


def random_sequence(length: int = 4_000) -> Sequence:
    """Random DNA around the measured locus."""
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), length))
    return Sequence(bases, Locus("bench", 0, length))


def prediction_and_letters() -> dict[str, Any]:
    """A fresh 2 kb locus with the default model: prediction and letters, against the promise of one second."""
    engine, spec, sequence = Engine(registry.load), registry.spec(registry.DEFAULT_MODEL), random_sequence()
    run = engine.runner(spec.model_id)

    def ours() -> None:
        predict(run, spec, sequence, LOCUS)
        attribute(run, spec, sequence, LOCUS, Target(spec.tracks[0].name))

    row = side_by_side("a fresh 2 kb locus, tf-binding: prediction and letters", ours, "promised: 1 s", lambda: None)
    return row | {"peer_seconds": 1.0, "ratio": round(1.0 / row["ours_seconds"], 2)}


def letters_beside_captum() -> dict[str, Any]:
    """Letters to our convergence rule, against captum's default of 50 points on the same windows and components."""
    from captum.attr import IntegratedGradients

    engine, spec, sequence = Engine(registry.load), registry.spec(registry.DEFAULT_MODEL), random_sequence()
    run, model, target = engine.runner(spec.model_id), registry.load(spec.model_id), Target(spec.tracks[0].name)
    found = attribute(run, spec, sequence, LOCUS, target)
    tiling = tile(core_of(sequence, LOCUS.start, LOCUS.end), window=spec.input_length, stride=spec.input_length // 4)
    x = windows(sequence.one_hot(), tiling)
    reference = torch.from_numpy(reference_windows(x, "uniform", seed=0)[:, 0])
    x_tensor = torch.from_numpy(x)
    explain = IntegratedGradients(lambda y: model(y)[:, 0].mean(1))
    gaps = []

    def theirs() -> None:
        _, delta = explain.attribute(x_tensor, baselines=reference, return_convergence_delta=True)
        gaps.append(float(delta.abs().max()))

    return side_by_side(
        "letters of a 2 kb locus, tf-binding, until they add up",
        lambda: attribute(run, spec, sequence, LOCUS, target),
        "captum, 50 points",
        theirs,
        our_worst_gap=found.worst_gap,
        our_points=found.points,
        peer_worst_gap=gaps[-1] if gaps else None,
    ) | {"peer_worst_gap": gaps[-1]}


def batch_choice() -> list[dict[str, Any]]:
    """Forward passes through the engine at the batch size it measured, against plain torch with 128 at a time.

    Plain torch runs in a process of its own: the engine tells the allocator to keep freed memory, which would help it.
    """
    rows = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        for name, count in ((registry.DEFAULT_MODEL, 2_048), ("bpnet-like", 128)):
            model, x = measured_model(name), random_windows(name, count)
            model_id = model.spec.model_id
            engine = Engine({model_id: model}.__getitem__)
            pace = engine.pace(model_id)
            rows.append(
                side_by_side(
                    f"{count:,} windows of {name}, measured batch",
                    lambda e=engine, i=model_id, x=x: e.run(i, Components(), (x,)),
                    "eager torch, 128 at a time",
                    lambda name=name, count=count: alone.submit(eager_pass, name, count).result(),
                    batch=pace.batch,
                )
            )
    return rows


@lru_cache
def measured_model(name: str) -> Model:
    """The released model of that name, or the BPNet-like one with random weights."""
    return bpnet_like() if name == "bpnet-like" else registry.load(registry.spec(name).model_id)


@lru_cache
def random_windows(name: str, count: int) -> Any:
    """float32 (count, 4, window), one-hot, for that model."""
    bases = np.random.default_rng(0).integers(0, 4, (count, measured_model(name).spec.input_length))
    return np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy()


def eager_pass(name: str, count: int) -> None:
    """What one would write without an engine."""
    with torch.inference_mode():
        for chunk in torch.from_numpy(random_windows(name, count)).split(128):
            measured_model(name)(chunk)


def motif_names() -> dict[str, Any]:
    """Naming one stretch of letters with all JASPAR vertebrate motifs, warm, against memelite's TOMTOM."""
    import torch as _torch
    from memelite import tomtom

    from interpret.jaspar import jaspar_motifs

    rng = np.random.default_rng(0)
    bases = rng.integers(0, 4, 60)
    hypothetical = np.full((4, 60), -0.2, dtype=np.float32)
    hypothetical[bases, np.arange(60)] = 0.6
    hypothetical[:, :20] = hypothetical[:, 40:] = 0
    values = hypothetical[bases, np.arange(60)]
    seqlet = Seqlet(20, 40, "+", float(values.sum()), 1e-3)
    warm()
    targets = [_torch.from_numpy(m.frequencies).numpy() for m in jaspar_motifs()]
    query = hypothetical[:, 20:40].astype(np.float64)
    query = np.exp(query) / np.exp(query).sum(0)
    return side_by_side(
        "naming one stretch with all JASPAR vertebrate motifs, warm",
        lambda: name_seqlets([seqlet], values, hypothetical, sd=1.0),
        "memelite TOMTOM, compiled",
        lambda: tomtom([query], targets),
    )


if __name__ == "__main__":
    main()
