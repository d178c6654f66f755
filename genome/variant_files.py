"""Variants of a file, one allele after another: VCF, a table, or a list as people type it; any size, constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from genome.errors import UserError
from genome.locus import Locus
from genome.resolve import Lookup
from genome.source import Genome
from genome.variant_check import checked
from genome.variant_lines import Line, Source, name_of, read_lines
from genome.variant_rows import VariantRow
from genome.variant_text import (
    VCF,
    Columns,
    alleles_of_columns,
    alleles_of_text,
    columns_of,
    is_title,
    not_a_variant,
)

MAX_HEADER = 100_000  # lines
_BUILDS = (  # assembly, other names of it, length of its chromosome 1
    ("GRCh37", ("hg19", "b37", "hs37", "grch37"), 249_250_621),
    ("GRCh38", ("hg38", "hs38", "grch38"), 248_956_422),
    ("T2T-CHM13", ("hs1", "chm13"), 248_387_328),
    ("GRCm38", ("mm10", "grcm38"), 195_471_971),
    ("GRCm39", ("mm39", "grcm39"), 195_154_279),
)
_CONTIG = re.compile(r"##contig=<(?=.*\bID=([^,>]+))(?=.*\blength=(\d+))")


@dataclass(frozen=True)
class VariantFile:
    """How a file of variants is to be read: its head has been looked at, nothing else.

    Attributes:
        source: the file, or the text.
        name: what a sentence calls it.
        header: lines of a VCF header as they are, without line ends; empty for other forms.
        columns: where a VCF or a table keeps what makes a variant; None for a list of variants as people write them.
        regions: stretches that alone are read, through the index beside the file; empty: everything.
    """

    source: Source
    name: str
    header: tuple[str, ...]
    columns: Columns | None
    regions: tuple[Locus, ...] = ()

    @property
    def is_vcf(self) -> bool:
        """Whether it is a VCF."""
        return self.columns is not None and self.columns.is_vcf

    def lines(self) -> Iterator[Line]:
        """Every line below the header that is neither empty nor a comment (of regions: counted within them)."""
        if self.regions and isinstance(self.source, Path):
            from genome.variant_index import lines_in

            yield from lines_in(self.source, self.regions)
            return
        waits_for_header = not self.is_vcf
        for line in read_lines(self.source):
            if not line.fault and (not line.text.strip() or line.text.startswith("#")):
                continue
            if waits_for_header:
                waits_for_header = False
                if not line.fault and (columns_of(line.text) if self.columns else is_title(line.text)):
                    continue
            yield line

    def alleles(self, genome: Genome, *, lookup: Lookup | None = None) -> Iterator[VariantRow]:
        """Each allele of each line, as written and not yet checked."""
        for line in self.lines():
            if line.fault:
                yield not_a_variant(line, line.fault)
            elif self.columns is not None:
                yield from alleles_of_columns(line, self.columns)
            else:
                yield from alleles_of_text(line, genome, lookup)

    def rows(self, genome: Genome, *, lookup: Lookup | None = None) -> Iterator[VariantRow]:
        """See ``read_variants``."""
        return checked(self.alleles(genome, lookup=lookup), genome, stated=stated_build(self.header, genome))


def read_variants(
    source: Source, genome: Genome, *, lookup: Lookup | None = None, regions: tuple[Locus, ...] = ()
) -> Iterator[VariantRow]:
    """Each allele of a file exactly once, in order, checked against the genome and left-normalised, or with a reason.

    Args:
        source: VCF or a table with columns chrom, pos, (id,) ref, alt, plain or gzip, or one variant a line; a path, a
            file that is open for reading bytes (it is read from its start), or text.
        genome: the genome the variants are on.
        lookup: the service for rsIDs; None when remote reading is not allowed.
        regions: read only these, through the index beside a bgzip.

    Raises:
        UserError: when it is empty, no text, or regions are asked of a file without an index.
    """
    return open_variants(source, regions=regions).rows(genome, lookup=lookup)


def open_variants(source: Source, *, regions: tuple[Locus, ...] = ()) -> VariantFile:
    """Looks at the head of a file and says how it is to be read.

    Raises:
        UserError: when it is empty, no text, has a header that lacks a column, or regions are asked for and it has no
            index.
    """
    name = name_of(source)
    if regions:
        from genome.variant_index import checked_regions

        regions = checked_regions(source, regions)
    header, first = _head(source, name)
    titles = [text for text in header if text.startswith("#CHROM\tPOS\tID\tREF\tALT")]
    if titles or (header[:1] and header[0].startswith("##fileformat=VCF")):
        count = titles[-1].count("\t") + 1 if titles else 0
        return VariantFile(source, name, header, replace(VCF, count=count), regions)
    if regions:
        raise UserError(f"{name} is no VCF, so no region of it can be read; leave --region out.")
    if first.text.count("\t") >= 7 and columns_of(first.text) is None:  # a VCF that has lost its header
        return VariantFile(source, name, (), VCF)
    found = next((columns for text in (*header[-1:], first.text) if (columns := columns_of(text)) is not None), None)
    return VariantFile(source, name, (), found)


def stated_build(header: tuple[str, ...], genome: Genome) -> str:
    """The build that a VCF header says it is of, when that is not the genome's; else empty."""
    contigs = dict[str, int]()
    named = ""
    for text in header:
        found = _CONTIG.match(text)
        if found:
            contigs[found[1]] = int(found[2])
        if text.startswith(("##reference=", "##contig=", "##assembly=")):
            named += text.lower()
    builds = [build for build, _, length in _BUILDS if length in (contigs.get("1"), contigs.get("chr1"))]
    builds += [build for build, names, _ in _BUILDS if any(name in named for name in names)]
    if builds:
        return "" if genome.build in builds else builds[0]
    own = genome.contigs
    differing = [name for name, length in contigs.items() if own.get(name, length) != length]
    if not differing:
        return ""
    return f"another build ({differing[0]} has {contigs[differing[0]]:,} bp there, and {own[differing[0]]:,} in {genome.name})"


def _head(source: Source, name: str) -> tuple[tuple[str, ...], Line]:
    """The lines at the top that begin with #, and the first that is neither one of them nor empty."""
    header: list[str] = []
    for line in read_lines(source):
        if not line.fault and line.text.startswith("#"):
            header.append(line.text)
        elif line.fault or line.text.strip():
            return tuple(header), line
        if len(header) > MAX_HEADER:
            raise UserError(f"{name} has a header of more than {MAX_HEADER:,} lines; give variants as VCF or a table.")
    if not header:
        raise UserError(f"{name} is empty; give variants as VCF, or as a table with columns chrom, pos, ref and alt.")
    return tuple(header), Line(0, "")
