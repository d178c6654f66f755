"""Every substitution in windows around it: the effect that a background ranks, and that an edit is shown with."""

from __future__ import annotations

import numpy as np

from genome.locus import Locus
from genome.sequence import Sequence, codes_of
from interpret.attribution import Float
from interpret.effects import explained, placed_starts, placement_rule
from interpret.substitutions import Substitutions
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.predict import Components, by_member
from models.tiling import Tiling, core_of, windows

_AT_ONCE = 512  # windows in memory


def placed_passes(spec: ModelSpec, length: int) -> int:
    """Windows that are read for a stretch of ``length`` bp: four bases at each position in each placement."""
    return 4 * spec.placements * length


def placed_effects(
    run: Runner, spec: ModelSpec, sequence: Sequence, locus: Locus, track: str, progress: Progress | None = None
) -> Substitutions:
    """The effect of every substitution as the mean over windows around it, on the track's usual scalar.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases (edits applied) that reach a window beyond the locus on both sides.
        locus: the stretch, 0-based half-open, in genome coordinates.
        track: name of the track.
        progress: called with the share done.
    """
    start, end = core_of(sequence, locus.start, locus.end)
    encoded, index = sequence.one_hot(), spec.track_index(track)
    block = max(1, _AT_ONCE // placed_passes(spec, 1))
    parts = []
    for first in range(start, end, block):
        places = np.arange(first, min(first + block, end))
        x = _alleles(encoded, places, spec)  # (places, 4, placements, 4, window)
        components = run(Components(), (x.reshape(-1, *x.shape[3:]),), None)[0]
        values = by_member(explained(components, spec)[..., index], spec)  # (windows, members)
        parts.append(values.reshape(len(places), 4, spec.placements, -1).mean(axis=2))
        if progress is not None:
            progress((places[-1] + 1 - start) / (end - start))
    by_base = np.concatenate(parts).transpose(2, 1, 0)  # (members, 4, length)
    part = sequence.part(start, end)
    codes = codes_of(part.bases).astype(np.int64)
    standing = by_base[:, np.minimum(codes, 3), np.arange(part.length)]  # (members, length)
    effects = np.where(codes == 4, np.float32(np.nan), by_base - standing[:, None])
    spread = effects.std(axis=0, ddof=1) if len(effects) > 1 else None
    unit = spec.tracks[index].target.unit(spec)
    rule = placement_rule(spec, "each change")
    return Substitutions(part, effects.mean(axis=0), spread, unit, rule)


def _alleles(encoded: Float, places: np.ndarray[tuple[int], np.dtype[np.int64]], spec: ModelSpec) -> Float:
    """Windows around each place with each base in turn: float32 (places, 4, placements, 4, window)."""
    starts = np.array([placed_starts(place, place + 1, spec) for place in places.tolist()], dtype=np.int64)
    tiling = Tiling(spec.input_length, 1, starts.ravel(), (0, encoded.shape[1]), False)
    x = windows(encoded, tiling).reshape(len(places), 1, spec.placements, 4, spec.input_length).repeat(4, axis=1)
    rows, placed = np.arange(len(places))[:, None], np.arange(spec.placements)[None]
    for base in range(4):
        x[rows, base, placed, :, places[:, None] - starts] = np.eye(4, dtype=np.float32)[base]
    return x
