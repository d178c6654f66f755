"""Contributions of every base of a long locus as a job: by any method, piece by piece, stitched."""

from __future__ import annotations

from collections.abc import Sequence as Seq

import numpy as np

from experiment import stretch
from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Kind, Work
from experiment.stretch import Stretch
from genome.locus import Locus
from genome.sequence import codes_of
from interpret.integrated_gradients import FIRST_POINTS
from interpret.methods import COVER, attribute
from interpret.references import N_SHUFFLES
from models import registry
from models.core import ModelSpec
from models.tiling import core_of

_WINDOWS_PER_PIECE = 4
_SHORTEST_PIECE = 2_000  # bp


def pieces(found: Stretch, spec: ModelSpec) -> list[Locus]:
    """Sub-loci whose letters, side by side, are those of the whole.

    Windows start at multiples of the stride in the genome, so a base lies in the same windows whatever is asked around
    it, as long as what is asked is longer than a window: each piece is, even where edits shorten it.
    """
    locus = found.locus
    shortest = spec.input_length + sum(len(edit.ref) for edit in found.sequence.edits) + 1
    length = max(_WINDOWS_PER_PIECE * spec.input_length, _SHORTEST_PIECE, shortest)
    count = max(1, (locus.end - locus.start - shortest) // length + 1) if locus.length > shortest else 1
    starts = [locus.start + index * length for index in range(count)]
    return [Locus(locus.chrom, start, end) for start, end in zip(starts, [*starts[1:], locus.end], strict=True)]


def passes(parameters: Parameters, bases: str) -> int:
    """Passes through one window, forward and back, that the whole job takes at the fewest points."""
    found = stretch.read(parameters, bases)
    spec = registry.spec(found.model)
    references = N_SHUFFLES if parameters["baseline"] == "shuffled" else 1
    count = sum(
        1 if piece.length <= spec.input_length else COVER * (piece.length // spec.input_length + 1)
        for piece in pieces(found, spec)
    )
    return count * references * FIRST_POINTS


def array_bytes(parameters: Parameters, bases: str) -> int:
    """Memory of the gradients of one piece, which are kept until it is done."""
    found = stretch.read(parameters, bases)
    spec = registry.spec(found.model)
    references = N_SHUFFLES if parameters["baseline"] == "shuffled" else 1
    longest = max(piece.length for piece in pieces(found, spec))
    count = 1 if longest <= spec.input_length else COVER * (longest // spec.input_length + 2)
    components = spec.n_members * len(spec.strands)
    one = 4 * 4 * spec.input_length  # float32 (4, window)
    return count * references * one * (3 * components + 2)


def slices(parameters: Parameters, bases: str) -> int:
    """How many pieces a locus has."""
    found = stretch.read(parameters, bases)
    return len(pieces(found, registry.spec(found.model)))


def run_slice(work: Work, index: int) -> Arrays:
    """The letters of one piece."""
    found = stretch.read(work.parameters, work.bases)
    spec = registry.spec(found.model)
    piece = pieces(found, spec)[index]
    letters = attribute(
        work.runner(spec.model_id),
        spec,
        found.sequence,
        piece,
        found.target,
        method=str(work.parameters["method"]),
        baseline=str(work.parameters["baseline"]),
        seed=int(work.parameters["seed"]),
        progress=work.progress,
    )
    core = slice(*letters.core)
    return {
        "hypothetical": letters.hypothetical[:, core],
        "members": letters.members[:, core],
        "strands": letters.strands[:, core],
        "points": np.array(letters.points),
        "worst_gap": np.array(letters.worst_gap),
        "converged": np.array(letters.converged is not False),  # true too where a method makes no such promise
    }


def finish(parameters: Parameters, bases: str, parts: Seq[Arrays | None]) -> Arrays:
    """The letters of the locus, NaN where a piece is not computed yet.

    Returns:
        ``hypothetical``: float32 (4, length), in the target's unit; ``values``: float32 (length,), of the base that
        stands there; ``members``, ``strands``: float32 (n, length); ``codes``, ``positions``, ``inserted`` (length,) as
        for mutagenesis; ``points``: most points on a path; ``worst_gap``: largest |gap| of one window (NaN for a method
        that does not promise to add up); ``converged``.
    """
    found = stretch.read(parameters, bases)
    spec = registry.spec(found.model)
    first, last = core_of(found.sequence, found.locus.start, found.locus.end)
    core = found.sequence.part(first, last)
    whole = {
        name: np.full((rows, last - first), np.nan, dtype=np.float32)
        for name, rows in (("hypothetical", 4), ("members", spec.n_members), ("strands", len(spec.strands)))
    }
    for piece, part in zip(pieces(found, spec), parts, strict=True):
        if part is not None:
            start, end = core_of(found.sequence, piece.start, piece.end)
            for name, values in whole.items():
                values[:, start - first : end - first] = part[name]
    known = [part for part in parts if part is not None]
    return {
        **whole,
        "values": whole["members"].mean(axis=0),
        "codes": codes_of(core.bases),
        "positions": core.positions,
        "inserted": core.inserted,
        "points": np.array(max((int(part["points"]) for part in known), default=0)),
        "worst_gap": np.array(max((float(part["worst_gap"]) for part in known), default=float("nan"))),
        "converged": np.array(all(bool(part["converged"]) for part in known)),
    }


KIND = Kind("letters", slices, run_slice, finish)
