"""Real DNA that does little: windows near a locus on which the model predicts low activity, to put motifs into.

Shuffles keep the letters of one window; these are DNA as it stands in the genome, with its repeats and its composition.
Three times as many windows as are wanted are drawn, side by side and never touching the locus, and the third that the model
predicts least of on every track is kept: by the highest of its ranks over the tracks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.source import Genome
from interpret.whatif import Backgrounds, Values, answers
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.shuffle import N_CODE, codes_of

NEAR = 100_000  # bp on either side of the locus
FARTHEST = 1_000_000  # bp, where so many windows need more room
DRAWN = 3  # windows drawn for each that is kept


def quiet_windows(
    run: Runner,
    spec: ModelSpec,
    genome: Genome,
    locus: Locus,
    n: int,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Backgrounds:
    """Windows near a locus that the model predicts least of.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        genome: where the bases are read.
        locus: what they lie near and do not overlap, 0-based half-open.
        n: how many are kept.
        seed: of the draw.
        progress: called with the share done.

    Raises:
        UserError: when there is no room for so many, or too much of it is unknown.
    """
    reach = reach_of(spec.input_length, n)
    sequence = genome.sequence(locus.extended(reach))
    codes, starts = codes_of(sequence.bases), _starts(locus, reach, spec.input_length, seed)
    windows = codes[starts[:, None] + np.arange(spec.input_length)]
    windows = windows[(windows != N_CODE).all(axis=1)]
    if len(windows) < DRAWN * n:
        raise UserError(
            f"Within {reach:,} bp of the locus {genome.name} has {len(windows):,} windows of {spec.input_length:,} bp without N, and "
            f"{n:,} quiet ones are chosen among {DRAWN * n:,}: take dinucleotide shuffles as backgrounds, or fewer."
        )
    drawn = windows[np.random.default_rng(seed).permutation(len(windows))[: DRAWN * n]]
    chosen = lowest(answers(run, spec, drawn, "explained", progress).mean(axis=1), n)
    words = (
        f"{n:,} quiet windows of {genome.name} {locus.chrom}: of {DRAWN * n:,} drawn within {reach:,} bp of the locus (seed {seed}), "
        "without N and beside it, the third that the model predicts least of"
        f"{' on every track' if len(spec.tracks) > 1 else ''}."
    )
    return Backgrounds(drawn[chosen], seed, words)


def reach_of(window: int, n: int) -> int:
    """How far from the locus windows are looked for, in bp on either side: farther where so many need more room."""
    return int(np.clip(DRAWN * n * window, NEAR, FARTHEST))


def lowest(predicted: Values, n: int) -> npt.NDArray[np.int64]:
    """The ``n`` rows of (rows, tracks) whose highest rank over the tracks is lowest, in order; of equals the first."""
    ranks = predicted.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.sort(np.argsort(ranks.max(axis=1), kind="stable")[:n])


def _starts(locus: Locus, reach: int, window: int, seed: int) -> npt.NDArray[np.int64]:
    """First bases of windows side by side on both sides of the locus, counted in what is read around it."""
    random = np.random.default_rng([seed, 1])
    left, right = random.integers(0, window, 2)
    before = np.arange(left, reach - window + 1, window, dtype=np.int64)
    after = np.arange(reach + locus.length + right, 2 * reach + locus.length - window + 1, window, dtype=np.int64)
    return np.concatenate([before, after])
