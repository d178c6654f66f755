"""What a model makes of candidate sequences, as the strategies of ``acquire`` ask for it: all through the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiment.acquire import Candidates, keys_of
from experiment.expected import class_shares
from models.core import ModelSpec, Target
from models.engine import Progress, Runner
from models.fit import encoded
from models.predict import Components, Embeddings, Scalars
from models.progress import within
from models.shuffle import Codes
from models.sketch import NotFollowed, SketchedGradients

Float = npt.NDArray[np.float32]
_CHUNK_BASES = 4_000_000  # of all windows of a chunk together
_GRADIENT_PASSES = 12.0  # how long gradients take, in passes forward: from 6 (tf-binding) to 25 (retina)
NEEDS = {  # what a strategy reads besides predictions
    "random": (),
    "variance": ("embeddings",),
    "entropy": ("embeddings",),
    "margin": ("embeddings",),
    "core-set": ("embeddings",),
    "lcmd": ("gradients",),
}


@dataclass(frozen=True)
class Described:
    """Candidates, and how far one measurement of each would scatter.

    Attributes:
        candidates: what the strategies choose from.
        members: float64 (members, rows), each network's prediction.
        noise: float64 (rows,), variance of one measurement, unit of the scalar squared.
        noise_from: where the noise comes from, in words.
    """

    candidates: Candidates
    members: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    noise_from: str


def embeddings(run: Runner, codes: Codes, *, progress: Progress | None = None) -> Float:
    """float32 (rows, features): what the first network makes of each window (rows, length) before its last layer.

    Raises:
        ValueError: when the architecture shows none.
    """
    return _chunked(run, Embeddings(), codes, progress)


def sketched_gradients(
    run: Runner, codes: Codes, target: Target, *, seed: int = 0, progress: Progress | None = None
) -> Float:
    """float32 (rows, 512): how the scalar's gradient by the weights looks for each window (rows, length).

    Raises:
        UserError: when the network has no layer whose gradients can be kept.
    """
    return _chunked(run, SketchedGradients(target, seed), codes, progress)


def describe(
    run: Runner,
    spec: ModelSpec,
    target: Target,
    codes: Codes,
    *,
    shown: tuple[str, ...],
    bounds: tuple[float, float] | None,
    expectation: bool = False,
    progress: Progress | None = None,
) -> Described:
    """Asks a model for what strategies need to know of candidates.

    Args:
        run: the engine with the model filled in.
        spec: the model.
        target: the scalar that is to be learned.
        codes: int8 (rows, window).
        shown: of ``embeddings`` and ``gradients``, what is to be computed.
        bounds: activity below the first counts as a silencer's, above the second as an enhancer's; None without classes.
        expectation: whether gradients are also computed, where the network has them, for what a batch is expected to tell.
        progress: is told the share done.
    """
    gradients = "gradients" in shown or expectation
    needs = {"scalars": 1.0, "noise": 1.0 if spec.noise else 0.0, "embeddings": float("embeddings" in shown)}
    parts = _parts(progress, needs | {"gradients": _GRADIENT_PASSES if gradients else 0.0})
    # (rows, components), members outermost
    scalars = _chunked(run, Scalars(target), codes, parts["scalars"])
    members = scalars.reshape(len(codes), spec.n_members, len(spec.strands)).mean(axis=2).T.astype(np.float64)
    noise, noise_from = _noise(run, spec, target, codes, members, parts["noise"])
    candidates = Candidates(
        keys_of(codes),
        members,
        None if bounds is None else class_shares(members, np.sqrt(noise), bounds),
        embeddings(run, codes, progress=parts["embeddings"]) if "embeddings" in shown else None,
        _gradients(run, codes, target, parts["gradients"], needed="gradients" in shown) if gradients else None,
    )
    return Described(candidates, members, noise, noise_from)


def _parts(progress: Progress | None, weights: dict[str, float]) -> dict[str, Progress | None]:
    """Progress of each part, by how long it takes beside the others."""
    ends = (np.cumsum([0.0, *weights.values()]) / sum(weights.values())).tolist()
    return {name: within(progress, ends[i], ends[i + 1]) for i, name in enumerate(weights)}


def _gradients(run: Runner, codes: Codes, target: Target, progress: Progress | None, *, needed: bool) -> Float | None:
    """Sketched gradients; None where the network shows none and no strategy needs them."""
    try:
        return sketched_gradients(run, codes, target, progress=progress)
    except NotFollowed:
        if needed:
            raise
        return None


def _noise(
    run: Runner,
    spec: ModelSpec,
    target: Target,
    codes: Codes,
    members: npt.NDArray[np.float64],
    progress: Progress | None,
) -> tuple[npt.NDArray[np.float64], str]:
    """Variance of one measurement (rows,): what the networks predict, or else the variance of the whole track."""
    index = spec.track_index(target.track)
    if not spec.noise or spec.output_length != 1:
        sd = spec.tracks[index].sd
        return np.full(
            members.shape[1], sd**2
        ), f"the spread of the whole track (sd {sd:.2f}), as the model predicts none"
    variances = _chunked(run, Components(), codes, progress, which=1)[:, :, index, 0]
    return variances.mean(axis=1).astype(np.float64), "what the networks predict for one measured element"


def _chunked(run: Runner, function: object, codes: Codes, progress: Progress | None, *, which: int = 0) -> Float:
    """One result of a function for windows (rows, length), encoded a chunk at a time."""
    size = max(1, _CHUNK_BASES // codes.shape[1])
    parts = []
    for first in range(0, len(codes), size):
        rows = encoded(codes[first : first + size]).numpy()
        mine = within(progress, first / len(codes), (first + len(rows)) / len(codes))
        parts.append(run(function, (rows,), mine)[which])  # type: ignore[arg-type]
        if mine is not None:
            mine(1.0)
    return np.concatenate(parts)
