"""Regions of a VCF that lies beside its index (.tbi or .csi). The only module that knows pysam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genome.errors import UserError
from genome.locus import Locus
from genome.source import ContigNames
from genome.variant_lines import Line, Source


def checked_regions(source: Source, regions: tuple[Locus, ...]) -> tuple[Locus, ...]:
    """The regions in the file's own spelling of chromosomes, sorted and joined where they overlap.

    Raises:
        UserError: when the file has no index, or no such chromosome.
    """
    if not isinstance(source, Path) or not _index_of(source):
        name = source.name if isinstance(source, Path) else "The text"
        raise UserError(
            f"{name} has no index, so no region of it can be read; sort it, compress it with bgzip, and run tabix -p vcf."
        )
    with _opened(source) as file:
        contigs = tuple(str(name) for name in file.contigs)
    names = ContigNames(source.name, contigs)
    placed = [(names.canonical(region.chrom), max(region.start, 0), region.end) for region in regions]
    joined: list[Locus] = []
    for chrom, start, end in sorted(placed, key=lambda place: (contigs.index(place[0]), *place[1:])):
        if joined and joined[-1].chrom == chrom and start <= joined[-1].end:
            joined[-1] = Locus(chrom, joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Locus(chrom, start, end))
    return tuple(joined)


def lines_in(path: Path, regions: tuple[Locus, ...]) -> Iterator[Line]:
    """The lines that share a base with a region, each once, numbered from 1 within what is read.

    Args:
        path: the file.
        regions: sorted and apart, as ``checked_regions`` gives them.
    """
    number, before = 0, Locus("-", 0, 1)
    with _opened(path) as file:
        for region in regions:
            seen_to = before.end if before.chrom == region.chrom else 0
            before = region
            for text in _fetched(file, path, region):
                # A long REF that reaches from one region into the next was read with the first.
                if int(text.split("\t", 2)[1]) - 1 >= seen_to:
                    number += 1
                    yield Line(number, text)


def _fetched(file: Any, path: Path, region: Locus) -> Iterator[str]:
    try:
        yield from file.fetch(region.chrom, region.start, region.end)
    except (OSError, ValueError) as error:
        raise UserError(f"{region} of {path.name} cannot be read ({error}); make its index again.") from error


def _opened(path: Path) -> Any:
    import pysam

    try:
        return pysam.TabixFile(str(path), index=str(_index_of(path)), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"The index of {path.name} cannot be used; make it again with tabix -p vcf.") from error


def _index_of(path: Path) -> Path | None:
    beside = (path.with_name(f"{path.name}.{ending}") for ending in ("tbi", "csi"))
    return next((index for index in beside if index.is_file()), None)
