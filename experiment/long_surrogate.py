"""How additive a model is at a locus, as a job: what it says of some thousand mutants, in slices, then the fit."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import Any

import numpy as np
import numpy.typing as npt

from experiment import stretch
from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Kind, Work
from genome.sequence import Sequence
from interpret import surrogate
from interpret.surrogate import Share, Surrogate
from interpret.whatif import Scale, window_at
from models import registry
from models.core import ModelSpec

_BASES_PER_SLICE = 200_000  # window length times mutants: about the work of a slice
_FEWEST, _MOST = 10, 2_000  # mutants in a slice
_SHARES = ("value", "low", "high")


def slice_length(spec: ModelSpec) -> int:
    """Mutants in a slice. It depends on the model alone, so a job is cut the same way after every restart."""
    return int(np.clip(_BASES_PER_SLICE // spec.input_length, _FEWEST, _MOST))


def slices(parameters: Parameters, bases: str) -> int:
    """How many slices a job has.

    Raises:
        UserError: when the stretch cannot be asked with so many mutants.
    """
    spec, _, _ = _asked(parameters, bases)
    return -(-int(parameters["n"]) // slice_length(spec))


def run_slice(work: Work, index: int) -> Arrays:
    """The answers to the mutants of one slice: float64 (mutants, tracks)."""
    spec, window, places = _asked(work.parameters, work.bases)
    length = slice_length(spec)
    found = surrogate.answers_of(
        work.runner(spec.model_id),
        spec,
        window,
        places,
        int(work.parameters["n"]),
        seed=int(work.parameters["seed"]),
        scale=_scale(work.parameters),
        rows=slice(index * length, (index + 1) * length),
        progress=work.progress,
    )
    return {"answers": found}


def finish(parameters: Parameters, bases: str, parts: Seq[Arrays | None]) -> Arrays:
    """The fit; of a part of the answers only how many there are, as ``answered``.

    Returns:
        ``answered``: how many mutants; with all of them the arrays of a Surrogate, see ``read``.
    """
    spec, window, places = _asked(parameters, bases)
    known = [part["answers"] for part in parts if part is not None]
    answered = np.array(sum(len(part) for part in known))
    if len(known) < len(parts):
        return {"answered": answered}
    values = np.concatenate(known)
    if values.shape != (int(parameters["n"]), len(spec.tracks)):
        raise ValueError(f"{values.shape=}")
    found = surrogate.fitted(spec, window, places, values, seed=int(parameters["seed"]), scale=_scale(parameters))
    return {
        "answered": answered,
        "sd": found.sd,
        "weights": found.weights,
        "positions": found.positions,
        "paired": found.paired,
        "n_test": np.array(found.n_test),
        **{f"additive_{name}": getattr(found.additive, name) for name in _SHARES},
        **{f"pairwise_{name}": getattr(found.pairwise, name) for name in _SHARES},
    }


def read(parameters: Parameters, arrays: Mapping[str, npt.NDArray[Any]]) -> Surrogate:
    """The Surrogate of a finished job.

    Raises:
        KeyError: when the arrays are not those of a finished one.
    """
    n, seed = int(parameters["n"]), int(parameters["seed"])
    additive, pairwise = (Share(*(arrays[f"{kind}_{name}"] for name in _SHARES)) for kind in ("additive", "pairwise"))
    positions, paired = arrays["positions"], arrays["paired"]
    rule = surrogate.rule_of(n, len(positions), paired.shape[1], seed)
    sd, weights, n_test = arrays["sd"], arrays["weights"], int(arrays["n_test"])
    return Surrogate(
        additive, pairwise, sd, weights, positions, paired, n, n_test, seed, _scale(parameters), rule
    )  # fmt: skip


def _asked(parameters: Parameters, bases: str) -> tuple[ModelSpec, Sequence, npt.NDArray[np.int64]]:
    """The model, its window at the locus, and which of its bases are mutated (indices)."""
    found = stretch.read(parameters, bases)
    spec = registry.spec(found.model)
    window = window_at(found.sequence, found.locus.start, found.locus.end, spec)
    return spec, window, surrogate.mutable(window, found.locus.start, found.locus.end, int(parameters["n"]))


def _scale(parameters: Parameters) -> Scale:
    return "amount" if parameters["scale"] == "amount" else "explained"


KIND = Kind("additive", slices, run_slice, finish)
