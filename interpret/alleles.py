"""Both alleles of a change, read in the same windows: wherever the window lies, and base by base of a profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from interpret.effects import around, explained, halves, span
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.metrics import divergence
from models.predict import by_member, run_windows
from models.tiling import Tiling

Float = npt.NDArray[np.float32]

PLACES = 41  # windows of a sweep, at most
SLOW_WINDOW, FEW_PLACES = 2_500, 11  # bp beyond which a sweep has so many
AROUND = 250  # bp on either side of the change over which the shapes of profiles are compared
EDGE = 0.05  # share of the window that always stays on either side of the change in a sweep


@dataclass(frozen=True)
class Sweep:
    """What is predicted of both alleles, wherever the window lies around the change.

    Attributes:
        offsets: int64 (n,), middle of the window minus that of the change, in bp.
        before: float32 (n, tracks), the usual explained scalar with REF, mean over members and strands.
        after: float32 (n, tracks), with ALT; both windows start at the same base.
        spread: float32 (n, tracks), standard deviation of after - before between members; 0 for one member.
    """

    offsets: npt.NDArray[np.int64]
    before: Float
    after: Float
    spread: Float

    @property
    def delta(self) -> Float:
        """float32 (n, tracks), ALT - REF."""
        return self.after - self.before


@dataclass(frozen=True)
class Profiles:
    """Expected reads of both alleles at the bases that both have, in the one window centred on the change.

    Attributes:
        positions: int64 (n,), 0-based genome positions, ascending.
        before: float32 (tracks, n), with REF, mean over members and strands.
        after: float32 (tracks, n), with ALT.
        divergence: float64 (tracks,), Jensen-Shannon distance of the two shapes within ``AROUND`` bp of the change, from
            0 (the same) to 1; the shapes of a stranded pair are compared together. NaN where there are no reads.
    """

    positions: npt.NDArray[np.int64]
    before: Float
    after: Float
    divergence: npt.NDArray[np.float64]


def window_around(edits: tuple[Variant, ...], spec: ModelSpec) -> Locus:
    """The locus around changes that fits one window of the model with either allele.

    Raises:
        UserError: when the changes span more than half of the window.
    """
    changed, half = span(edits), spec.input_length // 2
    if changed > half:
        raise UserError(
            f"This changes {changed:,} bp, more than half of the window of {spec.input_length:,} bp that {spec.name} reads; "
            "choose a model with a longer window."
        )
    first, last = around(edits)
    length = spec.input_length - max(0, sum(len(edit.alt) - len(edit.ref) for edit in edits))
    start = (first + last) // 2 - length // 2
    return Locus(edits[0].chrom, start, start + length)


def sweep(
    run: Runner,
    spec: ModelSpec,
    reference: Sequence,
    edits: tuple[Variant, ...],
    *,
    progress: Progress | None = None,
) -> Sweep:
    """Reads both alleles with the window moved over the change.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        reference: unedited bases that reach two windows beyond the changes on both sides.
        edits: the changes, taken together.
        progress: called with the share done.
    """
    first, last = around(edits)
    window = spec.input_length
    reach = max(0, window // 2 - (last - first) // 2 - round(EDGE * window))
    places = PLACES if window <= SLOW_WINDOW else FEW_PLACES
    offsets = np.unique(np.linspace(-reach, reach, places).round().astype(np.int64))
    starts = (first + last) // 2 - window // 2 + offsets - reference.locus.start
    changed = edited(reference, edits)
    # Everything left of the first change is the same in both, so the index of the first base is too.
    values = []
    for sequence, share in zip((reference, changed), halves(progress), strict=True):
        tiling = Tiling(window, 1, starts, (0, sequence.length), False)
        values.append(by_member(explained(run_windows(run, sequence, tiling, share), spec), spec))
    difference = values[1] - values[0]
    one = difference.shape[1] == 1
    spread = np.zeros_like(difference[:, 0]) if one else difference.std(axis=1, ddof=1)
    return Sweep(offsets, values[0].mean(axis=1), values[1].mean(axis=1), spread)


def profiles(run: Runner, spec: ModelSpec, reference: Sequence, edits: tuple[Variant, ...]) -> Profiles | None:
    """Reads both alleles base by base in the window centred on the change.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        reference: unedited bases that reach two windows beyond the changes on both sides.
        edits: the changes, taken together.

    Returns:
        None for a model that predicts no reads base by base.
    """
    if spec.resolution != 1 or any(track.kind != "profile" for track in spec.tracks):
        return None
    first, last = around(edits)
    start = (first + last) // 2 - spec.input_length // 2 - reference.locus.start
    offset = (spec.input_length - spec.output_length) // 2
    found = []
    for sequence in (reference, edited(reference, edits)):
        tiling = Tiling(spec.input_length, spec.input_length, np.array([start], dtype=np.int64), (0, 1), True)
        reads = run_windows(run, sequence, tiling)[0].mean(axis=0)  # (tracks, bins)
        part = slice(start + offset, start + offset + spec.output_length)
        kept = ~sequence.inserted[part]
        found.append((sequence.positions[part][kept], reads[:, kept]))
    positions, left, right = np.intersect1d(found[0][0], found[1][0], return_indices=True)
    before, after = found[0][1][:, left], found[1][1][:, right]
    near = (positions >= first - AROUND) & (positions < last + AROUND)
    distances = np.array(
        [
            _distance(before[list(pair)][:, near].ravel(), after[list(pair)][:, near].ravel())
            for pair in (spec.strand_pair(index) for index in range(len(spec.tracks)))
        ]
    )
    return Profiles(positions, before, after, distances)


def _distance(one: Float, other: Float) -> float:
    """Jensen-Shannon distance (base 2) of two rows of reads: 0 for one shape, 1 for shapes that share no place."""
    if not one.sum() > 0 or not other.sum() > 0:
        return float("nan")
    return float(np.sqrt(max(0.0, float(divergence(one[None], other[None])[0]))))
