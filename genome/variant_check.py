"""Alleles as written, checked against a genome and normalised: what each of them changes, or why it cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from genome.blocks import BlockGenome
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.mismatch import installed_others, mismatch
from genome.resolve import MAX_EDIT, left_normalised
from genome.source import Genome
from genome.variant_rows import VariantRow

_SYMBOL = re.compile(r"<.*|.*[][*>].*|\.[A-Za-z]+|[A-Za-z]+\.")
_IUPAC = set("RYSWKMBDHV")
_ACGTN = set("ACGTN")
_AGAIN = 10_000  # alleles at one position that are remembered, to say that one came before


def checked(rows: Iterable[VariantRow], genome: Genome, *, stated: str = "") -> Iterator[VariantRow]:
    """The same rows in the same order, each with the change it makes, or refused with the reason.

    The genome is read in blocks, so rows in the order of the genome are read fastest (any order is right).

    Args:
        rows: alleles as written, each with status ``ok``, or already refused.
        genome: the genome they are on.
        stated: the build that the file says it is of, when that is not the genome's.
    """
    block_genome = BlockGenome(genome)
    others: tuple[BlockGenome, ...] | None = None
    place, seen = ("", 0), dict[tuple[str, str], int]()
    for row in rows:
        if row.status != "ok":
            yield row
            continue
        found = _checked(row, block_genome)
        if isinstance(found, Variant):
            if others is None:
                others = tuple(BlockGenome(other) for other in installed_others(genome))
            has = block_genome.bases(found.chrom, found.start, found.end)
            if "N" in has:
                said = f"{genome.name} has unknown bases (N) at {found.chrom}:{found.position:,}."
                yield row.refused("N", said)
                continue
            found = row.refused("REF mismatch", mismatch(found, has, block_genome, others=others, stated=stated))
        if found.locus is not None:
            here = (found.locus.chrom, row.position)
            if here != place:
                place, seen = here, {}
            earlier = seen.get((row.ref, row.alt))
            if earlier is not None:
                found = replace(found, notice=f"{found.notice} The same as in line {earlier:,}.".strip())
            elif len(seen) < _AGAIN:
                seen[row.ref, row.alt] = row.line
        yield found


def _checked(row: VariantRow, genome: BlockGenome) -> VariantRow | Variant:
    """One row, checked; the variant alone when the genome has other bases where its REF should be."""
    ref, alt = (allele.upper().replace("-", "") for allele in (row.ref, row.alt))
    refused = _refused_alleles(row, ref, alt)
    if refused is not None:
        return refused
    if row.position < 1:
        return row.refused("off the end", f"Positions are counted from 1, and this one is {row.position:,}.")
    try:
        chrom = genome.canonical(row.chrom)
    except UserError as error:
        return row.refused("unknown chromosome", str(error))
    length, start = genome.contigs[chrom], row.position - 1
    if start + max(len(ref), 1) > length + (not ref):
        said = f"{chrom}:{row.position:,} lies off the end: {chrom} of {genome.name} has {length:,} bp."
        return row.refused("off the end", said)
    if ref and genome.bases(chrom, start, start + len(ref)) != ref:
        return Variant(chrom, row.position, ref, alt if alt != ref else "")
    if ref == alt:
        return replace(row, locus=Locus(chrom, start, start + max(len(ref), 1)))
    written = Variant(chrom, row.position, ref, alt)
    moved = left_normalised(written, genome) if len(ref) != 1 or len(alt) != 1 else written
    locus = Locus(chrom, moved.start, max(moved.end, moved.start + 1))
    if moved == written:
        return replace(row, variant=moved, locus=locus)
    said = f"It is written as {_short(moved)}, the shortest and leftmost way to say the same."
    return replace(row, variant=moved, locus=locus, notice=f"{row.notice} {said}".strip())


def _refused_alleles(row: VariantRow, ref: str, alt: str) -> VariantRow | None:
    """The row refused for what its alleles are; None when they are letters that can be looked up."""
    if row.alt in ("", ".") and row.ref:
        said = (
            "It has no ALT allele, so it changes nothing." if row.alt else "Its ALT is empty; write - for a deletion."
        )
        return row.refused("no ALT allele", said)
    if _SYMBOL.fullmatch(row.alt) or _SYMBOL.fullmatch(row.ref):
        said = f"The allele {row.alt[:40]} names no bases that could be put in; give its sequence."
        return row.refused("symbolic allele", said)
    if max(len(ref), len(alt)) > MAX_EDIT:
        size = max(len(ref), len(alt))
        return row.refused("too long", f"This change is {size:,} bp long; at most {MAX_EDIT:,} bp can be changed.")
    letters = set(ref + alt)
    if not row.ref:
        return row.refused(
            "not a variant", "Its REF is empty; write the bases that stand there, or - for an insertion."
        )
    if letters <= _ACGTN:
        said = "N stands for no base; write the bases that are meant."
        return row.refused("N", f"An allele holds N, and {said}") if "N" in letters else None
    strange = ", ".join(sorted(letters - _ACGTN)[:5])
    if letters - _ACGTN <= _IUPAC:
        return row.refused("not a variant", f"{strange} stands for several bases; write one allele for each.")
    return row.refused("not a variant", f"An allele holds {strange!r}, which is no base; write A, C, G and T.")


def _short(variant: Variant) -> str:
    shown = [allele if len(allele) <= 40 else f"{allele[:40]}…" for allele in (variant.ref or "-", variant.alt or "-")]
    return f"{variant.chrom}:{variant.position:,} {shown[0]}>{shown[1]}"
