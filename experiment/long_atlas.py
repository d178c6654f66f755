"""An atlas of patterns as a job: the contributions of many places, ten to a slice, then TF-MoDISco over all of them.

The letters that the job keeps are one line for each stretch: chromosome, start, end (0-based half-open), and the bases
of it and of what lies around it, with tabs between. So the genome is read once, by whoever may read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import Any

import numpy as np
import numpy.typing as npt

from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Kind, Work
from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from genome.source import Genome
from interpret import atlas
from interpret.atlas import Atlas, Contributions, Pattern
from interpret.integrated_gradients import FIRST_POINTS
from interpret.methods import COVER
from interpret.motifs import resemblance
from interpret.references import N_SHUFFLES, Baseline
from models import registry
from models.core import ModelSpec, Target

PLACES_PER_SLICE = 10
MOST_BASES = 100_000_000  # of all stretches and what lies around them
_SIGNS = "+-"


def written(spec: ModelSpec, genome: Genome, places: Seq[Locus]) -> str:
    """The letters of some stretches (as ``atlas.stretches`` gives them) and of what is read around them.

    Raises:
        UserError: when that is more than a job keeps.
    """
    around = atlas.reach(spec)
    total = sum(place.length + 2 * around for place in places)
    if total > MOST_BASES:
        raise UserError(
            f"{spec.name} reads {total:,} bases for {len(places):,} places, and an atlas keeps at most {MOST_BASES:,}: "
            "give fewer places, or take a model with a shorter window."
        )
    lines = (
        f"{place.chrom}\t{place.start}\t{place.end}\t{genome.sequence(place.extended(around)).bases}\n"
        for place in places
    )
    return "".join(lines)


def passes(spec: ModelSpec, n_places: int, baseline: str) -> int:
    """Passes through one window, forward and back, that an atlas takes at the fewest points."""
    window = atlas.window_of(spec)
    count = 1 if window <= spec.input_length else COVER * (window // spec.input_length + 1)
    return n_places * count * FIRST_POINTS * (N_SHUFFLES if baseline == "shuffled" else 1)


def slices(parameters: Parameters, bases: str) -> int:  # noqa: ARG001  a kind's slices may depend on both
    """How many slices the places make."""
    return -(-bases.count("\n") // PLACES_PER_SLICE)


def run_slice(work: Work, index: int) -> Arrays:
    """What the model reads in the places of one slice: see ``atlas.Contributions``."""
    spec = registry.spec(str(work.parameters["model"]))
    lines = work.bases.splitlines()[index * PLACES_PER_SLICE : (index + 1) * PLACES_PER_SLICE]
    kept = {sequence.locus: sequence for sequence in (_read_line(line, spec) for line in lines)}
    around = atlas.reach(spec)
    found = atlas.contributions(
        work.runner(spec.model_id),
        spec,
        kept.__getitem__,
        [Locus(place.chrom, place.start + around, place.end - around) for place in kept],
        Target(str(work.parameters["track"]), str(work.parameters["reduce"])),  # type: ignore[arg-type]  # checked where it is used
        baseline=_baseline(work.parameters),
        seed=int(work.parameters["seed"]),
        progress=work.progress,
    )
    return {
        "one_hot": found.one_hot.astype(np.int8),
        "hypothetical": found.hypothetical,
        "converged": found.converged,
    }


def finish(parameters: Parameters, bases: str, parts: Seq[Arrays | None]) -> Arrays:  # noqa: ARG001
    """The patterns; while places are missing only how many were read.

    Returns:
        ``read``: places; ``not_converged``: of them; with all of them also ``faint``, ``window`` and, for each pattern by
        its number, ``0_sign`` (0 raises, 1 lowers), ``0_contribution``, ``0_frequencies``, ``0_weights``, ``0_seqlets``.
    """
    spec = registry.spec(str(parameters["model"]))
    known = [_contributions(part) for part in parts if part is not None]
    counts = {
        "read": np.array(sum(len(part.one_hot) for part in known)),
        "not_converged": np.array(sum(int((~part.converged).sum()) for part in known)),
    }
    if len(known) < len(parts):
        return counts
    sd = spec.tracks[spec.track_index(str(parameters["track"]))].sd
    found = atlas.patterns(Contributions.joined(known), sd=sd)
    arrays: dict[str, npt.NDArray[Any]] = {**counts, "faint": np.array(found.faint), "window": np.array(found.window)}
    for number, pattern in enumerate(found.patterns):
        arrays |= {
            f"{number}_sign": np.array(_SIGNS.index(pattern.sign)),
            f"{number}_contribution": np.array(pattern.contribution),
            f"{number}_frequencies": pattern.frequencies,
            f"{number}_weights": pattern.weights,
            f"{number}_seqlets": pattern.seqlets,
        }
    return arrays


def read(arrays: Mapping[str, npt.NDArray[Any]]) -> Atlas:
    """The atlas of a finished job; its patterns are named again, which gives the same names.

    Raises:
        KeyError: when the arrays are not those of a finished one.
    """
    count = sum(name.endswith("_sign") for name in arrays)
    return Atlas(
        tuple(_pattern(arrays, number) for number in range(count)),
        int(arrays["read"]),
        int(arrays["window"]),
        int(arrays["faint"]),
        int(arrays["not_converged"]),
    )


def _pattern(arrays: Mapping[str, npt.NDArray[Any]], number: int) -> Pattern:
    part = {name: arrays[f"{number}_{name}"] for name in ("sign", "contribution", "frequencies", "weights", "seqlets")}
    return Pattern(
        sign=_SIGNS[int(part["sign"])],
        n_seqlets=len(part["seqlets"]),
        contribution=float(part["contribution"]),
        frequencies=part["frequencies"],
        weights=part["weights"],
        seqlets=part["seqlets"],
        like=resemblance(part["frequencies"]),
    )


def _read_line(line: str, spec: ModelSpec) -> Sequence:
    """The bases around one stretch."""
    chrom, start, end, bases = line.split("\t")
    return Sequence(bases, Locus(chrom, int(start), int(end)).extended(atlas.reach(spec)))


def _contributions(part: Arrays) -> Contributions:
    return Contributions(part["one_hot"].astype(np.float32), part["hypothetical"], part["converged"])


def _baseline(parameters: Parameters) -> Baseline:
    found: Baseline = parameters["baseline"]  # type: ignore[assignment]  # checked where it is used
    return found


KIND = Kind("atlas", slices, run_slice, finish)
