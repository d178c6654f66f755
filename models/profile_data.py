"""Simulated experiments on simulated genomes: what ``sandbox-profile`` is trained, chosen and tested on."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.locus import Locus
from genome.sandbox import ELEMENT_LENGTH, Element, elements, sandbox_genome
from genome.sandbox_build import SEED, build
from genome.sandbox_reads import expected_reads, sampled_reads
from models.augment import reversed_codes
from models.shuffle import Codes, codes_of

INPUT_LENGTH = 500
OUTPUT_LENGTH = 300
MARGIN = (INPUT_LENGTH - OUTPUT_LENGTH) // 2
PADDING = 500  # bp of N around every contig, so that every window lies inside
BACKGROUND_EVERY = 4  # one window between elements for so many windows on elements
N_RUN_EVERY = 10  # one element in so many has a run of N in it, as assemblies do
N_RUN_LENGTHS = (15, 100)
EXPERIMENT_SEED = 77  # of the reads of every simulated experiment, together with the genome's own

Reads = npt.NDArray[np.floating | np.integer]


@dataclass(frozen=True)
class Experiment:
    """Simulated genomes laid end to end, N between them, and the reads of one experiment on them.

    Attributes:
        codes: int8 (length,), 0 to 3 for ACGT and 4 for N.
        expected: float32 (2, length), true expected reads at each base, + and - strand.
        reads: uint16 (2, length), one Poisson draw around them.
        centres: int64 (windows,), 0-based middles of the elements and of stretches between them.
    """

    codes: Codes
    expected: npt.NDArray[np.float32]
    reads: npt.NDArray[np.uint16]
    centres: npt.NDArray[np.int64]

    @property
    def mean_reads(self) -> float:
        """Mean reads of a window, both strands together."""
        return float(self.profiles(self.reads).sum(axis=(1, 2)).mean())

    def windows(self, moved: npt.NDArray[np.int64] | int = 0) -> Codes:
        """int8 (windows, INPUT_LENGTH): the letters around every centre, moved by so many bp."""
        starts = self.centres + moved - INPUT_LENGTH // 2
        return self.codes[starts[:, None] + np.arange(INPUT_LENGTH)]

    def profiles(self, reads: Reads, moved: npt.NDArray[np.int64] | int = 0) -> npt.NDArray[np.float32]:
        """float32 (windows, 2, OUTPUT_LENGTH): ``reads`` (2, length) in the middle of those windows."""
        starts = self.centres + moved - OUTPUT_LENGTH // 2
        places = starts[:, None] + np.arange(OUTPUT_LENGTH)
        return reads[:, places].transpose(1, 0, 2).astype(np.float32)


def simulate(seeds: Seq[int]) -> Experiment:
    """Builds one sandbox for each seed, with runs of N in some elements, and runs the experiment on it.

    Raises:
        ValueError: when a seed is that of the shipped sandbox, which is the test.
    """
    if SEED in seeds:
        raise ValueError(f"{SEED} is the shipped sandbox, which nothing is trained on")
    parts = [part for seed in seeds for part in _simulated(seed)]
    return joined(parts)


def shipped() -> Experiment:
    """The shipped sandbox with the reads of one experiment on it: the test."""
    genome = sandbox_genome()
    parts = []
    for order, (chrom, length) in enumerate(genome.contigs.items()):
        bases = genome.sequence(Locus(chrom, 0, length)).bases
        parts.append(_measured(bases, [e for e in elements() if e.locus.chrom == chrom], [SEED, order]))
    return joined(parts)


def joined(parts: Seq[Experiment]) -> Experiment:
    """Several experiments as one."""
    starts = np.cumsum([0, *(len(part.codes) for part in parts[:-1])])
    return Experiment(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.expected for part in parts], axis=1),
        np.concatenate([part.reads for part in parts], axis=1),
        np.concatenate([part.centres + start for part, start in zip(parts, starts, strict=True)]),
    )


def turned(codes: Codes, profiles: npt.NDArray[np.float32]) -> tuple[Codes, npt.NDArray[np.float32]]:
    """The same windows read from the other strand: letters complemented, profiles mirrored, their strands swapped."""
    return reversed_codes(codes), profiles[:, ::-1, ::-1]


def _simulated(seed: int) -> list[Experiment]:
    """The contigs of one simulated genome, measured."""
    sandbox = build(seed)
    random = np.random.default_rng([EXPERIMENT_SEED, seed])
    parts = []
    for order, (chrom, bases) in enumerate(sandbox.contigs):
        planted = [element for element in sandbox.elements if element.locus.chrom == chrom]
        parts.append(_measured(_with_n(bases, planted, random), planted, [seed, order]))
    return parts


def _with_n(bases: str, planted: Seq[Element], random: np.random.Generator) -> str:
    """The bases with a run of N somewhere in every tenth element."""
    letters = list(bases)
    for element in planted:
        if random.integers(N_RUN_EVERY):
            continue
        length = int(random.integers(*N_RUN_LENGTHS))
        start = element.locus.start + int(random.integers(-length // 2, ELEMENT_LENGTH - length // 2))
        letters[start : start + length] = "N" * length
    return "".join(letters)


def _measured(bases: str, planted: Seq[Element], seed: Seq[int]) -> Experiment:
    """One contig between N, and the reads counted on it."""
    padded = "N" * PADDING + bases + "N" * PADDING
    expected = expected_reads(padded)
    draw = int(np.random.SeedSequence([EXPERIMENT_SEED, *seed]).generate_state(1)[0])
    middles = np.array([PADDING + element.locus.start + ELEMENT_LENGTH // 2 for element in planted], dtype=np.int64)
    between = (middles[:-1] + middles[1:])[::BACKGROUND_EVERY] // 2
    reads = sampled_reads(expected, seed=draw).astype(np.uint16)
    return Experiment(codes_of(padded), expected.astype(np.float32), reads, np.concatenate([middles, between]))
