"""Several phased variants as one edit, beside what each does alone and what they do beyond their sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import codes_of, edited
from genome.source import Genome
from interpret.allele_scalars import window_scalars
from interpret.effects import Effect, around, effect_of, placed_starts, placement_rule, span
from interpret.variant_windows import MAX_N, Codes, cut, share_unknown
from models.core import ModelSpec
from models.engine import Progress, Runner

Float = npt.NDArray[np.float32]

PERSONAL = (
    "Models of this kind were found to miss, and often to turn round, how activity differs between the genomes of "
    "people (Huang et al. 2023, Sasse et al. 2023, Nature Genetics 55): take what several variants do together as a "
    "question for an experiment, not as an answer about a person."
)


@dataclass(frozen=True)
class Haplotype:
    """What several variants on one copy of the chromosome do together, all read in the same windows.

    Attributes:
        together: the effect of all of them as one edit.
        alone: of each by itself, in order of position.
        total: float32 (tracks,), sum of the effects alone.
        interaction: float32 (tracks,), effect together - total.
        interaction_spread: float32 (tracks,), its standard deviation between members (n - 1); 0 for one member.
        interaction_low, interaction_high: float32 (tracks,), smallest and largest of it over the placements.
        interaction_signs_agree: bool (tracks,), whether every member gives it the same sign.
        warning: one sentence on what such an answer is not.
    """

    together: Effect
    alone: tuple[Effect, ...]
    total: Float
    interaction: Float
    interaction_spread: Float
    interaction_low: Float
    interaction_high: Float
    interaction_signs_agree: npt.NDArray[np.bool_]
    warning: str


def haplotype(
    run: Runner,
    spec: ModelSpec,
    genome: Genome,
    variants: tuple[Variant, ...],
    *,
    progress: Progress | None = None,
) -> Haplotype:
    """The effect of phased variants as one edit, of each alone in the same windows, and of their interaction.

    The windows lie around all of them, so that an interaction is never a matter of where they lay: a network that adds
    up bases gives exactly none for substitutions. One variant alone is that variant, without interaction.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        genome: where the bases are read.
        variants: on one chromosome, in the genome's own spelling; their order does not matter.
        progress: called with the share done.

    Raises:
        UserError: when they overlap, span more than half a window (no window would show them together as it should),
            lie where too much is unknown, or a REF allele is not what stands there.
    """
    variants = tuple(sorted(set(variants)))
    if not variants:
        raise ValueError(f"{variants=}")
    windows = _windows(spec, genome, variants)  # (alleles, placements, window)
    values = window_scalars(run, spec, windows, progress)  # (alleles, placements, members, tracks)
    rule = placement_rule(spec, "the change" if len(variants) == 1 else "the changes")
    before, after, singly = values[0], values[1], values[2:]
    excess = after - before - (singly - before).sum(axis=0) if len(variants) > 1 else np.zeros_like(before)
    beyond = effect_of(variants, np.zeros_like(excess), excess, rule)
    alone = tuple(effect_of((one,), before, value, rule) for one, value in zip(variants, singly, strict=True))
    return Haplotype(
        together=effect_of(variants, before, after, rule),
        alone=alone,
        total=np.sum([one.delta for one in alone], axis=0),
        interaction=beyond.delta,
        interaction_spread=beyond.spread,
        interaction_low=beyond.low,
        interaction_high=beyond.high,
        interaction_signs_agree=beyond.signs_agree,
        warning=PERSONAL,
    )


def _windows(spec: ModelSpec, genome: Genome, variants: tuple[Variant, ...]) -> Codes:
    """The placed windows without, with all and with each of the variants: uint8 (2 + variants, placements, window)."""
    window, longest, chroms = spec.input_length, span(variants), sorted({one.chrom for one in variants})
    if len(chroms) > 1:
        raise UserError(f"A haplotype lies on one chromosome; these variants lie on {' and '.join(chroms[:3])}.")
    if longest > window // 2:
        raise UserError(
            f"These variants span {longest:,} bp, more than half of the model's window of {window:,} bp: it cannot tell "
            "what they do together; ask for each alone."
        )
    first, last = around(variants)
    starts = np.array(placed_starts(first, last, spec), dtype=np.int64)
    lost = sum(max(0, len(one.ref) - len(one.alt)) for one in variants)
    origin, end = min(int(starts[0]), first), max(int(starts[-1]) + window, last) + lost
    reference = genome.sequence(Locus(chroms[0], origin, end))
    alleles = [reference.bases, edited(reference, variants).bases]
    alleles += [edited(reference, (one,)).bases for one in variants]
    found = np.stack([cut(codes_of(bases).astype(np.uint8), starts - origin, window) for bases in alleles])
    unknown = share_unknown(found)
    if unknown > MAX_N:
        raise UserError(f"{unknown:.0%} of the bases around these variants are unknown (N), more than {MAX_N:.0%}.")
    return found
