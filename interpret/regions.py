"""Every substitution of long stretches, piece by piece: what a genome-wide track of effects is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import BASES, codes_of
from genome.source import Genome
from genome.variant_rows import VariantRow
from interpret.attribution import Float
from interpret.background_build import merged
from interpret.effects import placement_rule
from interpret.substitutions import Substitutions
from interpret.variants import score
from models.core import ModelSpec
from models.engine import Progress, Runner

PIECE = 500  # bp computed and kept at a time

# What one number is made of the effects of the three other bases at a position, by name.
SUMMARIES = {
    "mean": "mean of the effects of the three other bases",
    "largest": "effect of the one other base whose effect is largest in size, with its sign",
}


@dataclass(frozen=True)
class Stretches:
    """The places that are computed.

    Attributes:
        loci: on their chromosomes, merged where they overlap or touch, in the genome's order; 0-based half-open.
        notices: sentences on what was left out or cut.
    """

    loci: tuple[Locus, ...]
    notices: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """bp together."""
        return sum(locus.length for locus in self.loci)

    def pieces(self) -> tuple[Locus, ...]:
        """The same stretches cut into pieces of ``PIECE`` bp, the last of each shorter."""
        return tuple(
            Locus(locus.chrom, start, min(start + PIECE, locus.end))
            for locus in self.loci
            for start in range(locus.start, locus.end, PIECE)
        )


def stretches(places: Iterable[Locus], genome: Genome) -> Stretches:
    """Places in the genome's own spelling, on its chromosomes, each base once.

    Raises:
        UserError: when nothing is left, with the reason of the first place that was left out.
    """
    kept: list[Locus] = []
    lost: list[str] = []
    cut = 0
    for place in places:
        try:
            chrom = genome.canonical(place.chrom)
        except UserError as error:
            lost.append(str(error))
            continue
        length = genome.contigs[chrom]
        start, end = max(place.start, 0), min(place.end, length)
        if start >= end:
            lost.append(f"{place} lies off the end: {chrom} of {genome.name} has {length:,} bp.")
            continue
        cut += (start, end) != (place.start, place.end)
        kept.append(Locus(chrom, start, end))
    if not kept:
        raise UserError(lost[0] if lost else "There is no place to compute; give a locus or a BED file.")
    order = {chrom: number for number, chrom in enumerate(genome.contigs)}
    found = tuple(sorted(merged(kept), key=lambda locus: (order[locus.chrom], locus.start)))
    notices = []
    if lost:
        notices.append(f"{len(lost):,} places are left out: {lost[0]}")
    if cut:
        notices.append(f"{cut:,} places hang off their chromosome and are cut.")
    return Stretches(found, tuple(notices))


def substitutions_in(
    run: Runner, spec: ModelSpec, genome: Genome, locus: Locus, track: str, progress: Progress | None = None
) -> Substitutions:
    """Every substitution of a stretch, each in windows around it, as ``interpret.variants.score`` reads any variant.

    The column of an N, and of a base with more than a tenth of N in its windows, is NaN.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        genome: where the bases are read.
        locus: the stretch, on its chromosome, 0-based half-open.
        track: name of the track; its usual scalar is taken.
        progress: called with the share done.
    """
    sequence, index = genome.sequence(locus), spec.track_index(track)
    rows = tuple(_rows(sequence.bases, locus))
    effects = np.full((4, locus.length), np.nan, np.float32)
    spread = effects.copy()
    share = None if progress is None or not rows else lambda done: progress(done / len(rows))
    for chunk in score(run, spec, genome, (rows,) if rows else (), progress=share):
        known = [at for at, row in enumerate(chunk.rows) if row.status == "ok"]
        changes = [rows[at].variant for at in known]
        places = [change.start - locus.start for change in changes if change is not None]
        bases = [BASES.index(change.alt) for change in changes if change is not None]
        effects[bases, places] = chunk.delta[known, index]
        spread[bases, places] = chunk.spread[known, index]
    codes = codes_of(sequence.bases).astype(np.int64)
    standing = np.isfinite(effects).any(axis=0) & (codes < 4)
    for values in (effects, spread):
        values[codes[standing], np.flatnonzero(standing)] = 0
    unit = spec.tracks[index].target.unit(spec)
    return Substitutions(
        sequence, effects, spread if spec.n_members > 1 else None, unit, placement_rule(spec, "each change")
    )


def summary(effects: Float, how: str) -> npt.NDArray[np.float32]:
    """One number for each position, of the effects of its three other bases.

    Args:
        effects: float32 (4, length), 0 at the base that stands there, NaN where nothing is known.
        how: key of ``SUMMARIES``.

    Returns:
        float32 (length,), NaN where nothing is known.
    """
    if how == "mean":
        return np.asarray(effects.sum(axis=0) / 3, np.float32)
    if how != "largest":
        raise ValueError(f"{how=} is not one of {list(SUMMARIES)}")
    strongest = np.where(np.isnan(effects), -1, np.abs(effects)).argmax(axis=0)
    return np.asarray(effects[strongest, np.arange(effects.shape[1])], np.float32)


def _rows(bases: str, locus: Locus) -> Iterator[VariantRow]:
    """A row for each substitution of a known base."""
    for at, ref in enumerate(bases):
        place = Locus(locus.chrom, locus.start + at, locus.start + at + 1)
        for alt in BASES:
            if ref in BASES and ref != alt:
                change = Variant(locus.chrom, place.start + 1, ref, alt)
                yield VariantRow(0, locus.chrom, change.position, "", ref, alt, variant=change, locus=place)
