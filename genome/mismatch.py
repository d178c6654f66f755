"""REF is not what the genome has: what would fit instead."""

from __future__ import annotations

from collections.abc import Sequence as Seq

from genome.catalog import genomes, open_genome
from genome.locus import Locus, Variant
from genome.sequence import reverse_complement
from genome.source import Genome

_SHOWN = 20  # bases of an allele in a sentence


def mismatch(variant: Variant, found: str, genome: Genome, *, others: Seq[Genome] = (), stated: str = "") -> str:
    """What the genome has where a variant says something else, and what to do: the first of these that fits.

    The build that the file itself names; REF and ALT swapped, the other strand (both are named when both fit); another
    build that is kept here; else to check the build.

    Args:
        variant: with the chromosome in the genome's own spelling.
        found: the genome's bases where ``variant.ref`` should be.
        genome: the genome that was asked.
        others: genomes of other builds.
        stated: the build that the file says it is of, when that is not the genome's.
    """
    shown, said = (bases if len(bases) <= _SHOWN else f"{bases[:_SHOWN]}…" for bases in (found, variant.ref))
    what = f"{genome.name} has {shown} at {variant.chrom}:{variant.position:,}, not {said}."
    if stated:
        return f"{what} The file says it is of {stated}: choose that genome."
    fitting = _swapped(variant, genome) + _other_strand(variant, found)
    if fitting:
        return f"{what} {' '.join(fitting)}"
    builds = [other for other in others if fits(variant, other)]
    if builds:
        return f"{what} {builds[0].name} ({builds[0].build}) has {said} there: is it of that build?"
    return f"{what} Check that the position is of {genome.build}."


def fits(variant: Variant, genome: Genome) -> bool:
    """Whether another genome has this REF at this place."""
    chrom = next((name for name in (variant.chrom, _respelled(variant.chrom)) if name in genome.contigs), None)
    if chrom is None or not variant.ref or variant.end > genome.contigs[chrom]:
        return False
    return genome.sequence(Locus(chrom, variant.start, variant.end)).bases == variant.ref


def installed_others(genome: Genome) -> tuple[Genome, ...]:
    """Real genomes of other builds that are kept on this computer and can be read at once."""
    from genome.fasta import is_ready

    if genome.synthetic:
        return ()
    known = [entry for entry in genomes() if entry.path is not None and not entry.synthetic]
    wanted = [entry for entry in known if entry.build != genome.build and entry.path and is_ready(entry.path)]
    return tuple(open_genome(entry.name) for entry in wanted)


def _swapped(variant: Variant, genome: Genome) -> list[str]:
    end = variant.start + len(variant.alt)
    if not variant.alt or end > genome.contigs[variant.chrom]:
        return []
    if genome.sequence(Locus(variant.chrom, variant.start, end)).bases != variant.alt:
        return []
    swapped = Variant(variant.chrom, variant.position, variant.alt, variant.ref)
    return [f"REF and ALT look swapped{_text(swapped)}."]


def _other_strand(variant: Variant, found: str) -> list[str]:
    if reverse_complement(found) != variant.ref:
        return []
    turned = Variant(variant.chrom, variant.position, found, reverse_complement(variant.alt))
    return [f"The other strand fits{_text(turned)}."]


def _text(variant: Variant) -> str:
    return f": write {variant}" if len(variant.ref) + len(variant.alt) <= 2 * _SHOWN else ""


def _respelled(chrom: str) -> str:
    return chrom[3:] if chrom.startswith("chr") else f"chr{chrom}"
