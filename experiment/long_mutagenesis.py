"""Saturation mutagenesis of a region as a job: every substitution at every position, in slices of positions."""

from __future__ import annotations

from collections.abc import Sequence as Seq

import numpy as np
import numpy.typing as npt

from experiment import stretch
from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Kind, Work
from experiment.stretch import Stretch
from genome.sequence import codes_of
from interpret.methods import letter_stride
from interpret.mutagenesis import effects_of_every_base
from models import registry
from models.core import ModelSpec
from models.tiling import Tiling, core_of, tile, windows

_BASES_PER_SLICE = 1_000_000  # window length times positions: a slice of a 196,608 bp window is 5 positions
_MOST_POSITIONS = 256


def slice_length(spec: ModelSpec) -> int:
    """Positions in a slice. It depends on the model alone, so a job is cut the same way after every restart."""
    return int(np.clip(_BASES_PER_SLICE // spec.input_length, 4, _MOST_POSITIONS))


def passes(parameters: Parameters, bases: str) -> int:
    """Passes through one window that the whole job takes at most: where differences are carried exactly it takes fewer."""
    found = stretch.read(parameters, bases)
    spec = registry.spec(found.model)
    first, last = _region(found)
    tiling = _tiling(found, spec)
    read = sum(3 * len(_inside(start, spec, first, last)) for start in tiling.starts)
    return read + tiling.cover * slices(parameters, bases)


def slices(parameters: Parameters, bases: str) -> int:
    """How many slices a region has."""
    found = stretch.read(parameters, bases)
    first, last = _region(found)
    return -(-(last - first) // slice_length(registry.spec(found.model)))


def run_slice(work: Work, index: int) -> Arrays:
    """The effects at the positions of one slice.

    A locus inside one window is asked in the window centred on it. Along a longer one the scalar is the sum over windows
    divided by the number that cover a base, as for letters, so that both say the same of a base.
    """
    found = stretch.read(work.parameters, work.bases)
    spec = registry.spec(found.model)
    first, last = _region(found)
    length = slice_length(spec)
    first, last = first + index * length, min(last, first + (index + 1) * length)
    tiling = _tiling(found, spec)
    concerned = [int(start) for start in tiling.starts if len(_inside(start, spec, first, last))]
    one_hot = found.sequence.one_hot()
    total = np.zeros((len(spec.strands) * spec.n_members, 4, last - first), dtype=np.float64)
    for done, start in enumerate(concerned):
        single = Tiling(tiling.window, tiling.stride, np.array([start]), tiling.core, True)
        positions = _inside(start, spec, first, last)

        def share(part: float, done: int = done) -> None:
            work.progress((done + part) / len(concerned))

        effects, _ = effects_of_every_base(
            work.runner(spec.model_id),
            spec,
            windows(one_hot, single),
            found.target,
            positions=positions - start,
            progress=share,
        )
        total[:, :, positions - first] += effects[0]
    return {"effects": (total / tiling.cover).astype(np.float32)}


def finish(parameters: Parameters, bases: str, parts: Seq[Arrays | None]) -> Arrays:
    """The region's effects, NaN where a slice is not computed yet.

    Returns:
        ``effects``: float32 (components, 4, length), scalar with the base minus scalar as it is, in the target's unit,
        members outermost; ``codes``: int8 (length,), the base that stands there (4 is N); ``positions``: int64
        (length,), 0-based genome positions; ``inserted``: bool (length,).
    """
    found = stretch.read(parameters, bases)
    spec = registry.spec(found.model)
    first, last = _region(found)
    whole = np.full((len(spec.strands) * spec.n_members, 4, last - first), np.nan, dtype=np.float32)
    length = slice_length(spec)
    for index, part in enumerate(parts):
        if part is not None:
            whole[:, :, index * length : (index + 1) * length] = part["effects"]
    region = found.sequence.part(first, last)
    return {
        "effects": whole,
        "codes": codes_of(region.bases),
        "positions": region.positions,
        "inserted": region.inserted,
    }


def _region(found: Stretch) -> tuple[int, int]:
    """The part of the sequence that is worked on, 0-based half-open, counted in it."""
    return core_of(found.sequence, found.region.start, found.region.end)


def _tiling(found: Stretch, spec: ModelSpec) -> Tiling:
    core = core_of(found.sequence, found.locus.start, found.locus.end)
    origin = int(found.sequence.positions[0])
    return tile(core, window=spec.input_length, stride=letter_stride(spec), origin=origin)


def _inside(start: int, spec: ModelSpec, first: int, last: int) -> npt.NDArray[np.int64]:
    """The positions of a stretch that lie in the window at ``start``, counted in the sequence."""
    return np.arange(max(first, start), min(last, start + spec.input_length), dtype=np.int64)


KIND = Kind("mutagenesis", slices, run_slice, finish)
