"""Genes of one genome, from BED or GTF: found by name, and by place."""

from __future__ import annotations

import difflib
import gzip
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.source import ContigNames

# In a file sorted by position, exons of one name and strand belong to one gene unless they lie farther apart than this.
LONGEST_GAP = 1_500_000
_ATTRIBUTE = re.compile(r'(gene_name|gene_id) "([^"]*)"')

Row = tuple[str, int, int, str, str, str]  # chrom, start, end (0-based half-open), name, strand, gene id


@dataclass(frozen=True)
class Gene:
    """A gene and its exons.

    Attributes:
        name: symbol.
        locus: from its first base to its last, 0-based half-open.
        strand: ``+``, ``-`` or ``.``.
        spans: (start, end) of each exon, 0-based half-open, sorted, merged over transcripts; the whole locus when the
            file holds no exons.
        gene_id: identifier of its source, or empty.
    """

    name: str
    locus: Locus
    strand: str
    spans: tuple[tuple[int, int], ...] = ()
    gene_id: str = ""

    @property
    def exons(self) -> tuple[Locus, ...]:
        """The exons as places."""
        return tuple(Locus(self.locus.chrom, start, end) for start, end in self.spans)

    @property
    def start_site(self) -> int:
        """0-based position of the transcription start (the most upstream base)."""
        return self.locus.end - 1 if self.strand == "-" else self.locus.start


class Genes:
    """The genes of one genome, sorted by place."""

    def __init__(self, genes: Iterable[Gene], *, aliases: Mapping[str, str] | None = None) -> None:
        self._genes = tuple(sorted(genes, key=lambda gene: (gene.locus, gene.name)))
        self._contigs = ContigNames("this file of genes", dict.fromkeys(g.locus.chrom for g in self._genes), aliases)
        self._by_contig: dict[str, tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
        first = 0
        for chrom in dict.fromkeys(gene.locus.chrom for gene in self._genes):
            last = first
            while last < len(self._genes) and self._genes[last].locus.chrom == chrom:
                last += 1
            spans = np.array([(g.locus.start, g.locus.end) for g in self._genes[first:last]], dtype=np.int64)
            self._by_contig[chrom] = (first, spans[:, 0], spans[:, 1])
            first = last

    def __len__(self) -> int:
        return len(self._genes)

    def named(self, name: str) -> tuple[Gene, ...]:
        """Every gene of that name or identifier, whatever the case; the longest first."""
        return self._by_name.get(name.strip().lower(), ())

    def find(self, name: str) -> Gene:
        """The gene of that name or identifier, whatever the case (the longest, if there are several).

        Raises:
            UserError: when there is none, suggesting near names.
        """
        found = self.named(name)
        if found:
            return found[0]
        shown = " ".join(name.split())[:40]
        near = self.suggestions(name)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "check the spelling, or give a place such as chr1:1,000-2,000."
        )
        raise UserError(f"There is no gene '{shown}' here; {hint}")

    def suggestions(self, name: str) -> tuple[str, ...]:
        """Up to three names spelled alike."""
        typed = name.strip().lower()[:40]
        pool = [n for n in self._by_name if abs(len(n) - len(typed)) <= 2 and set(n[:2]) & set(typed[:2])]
        near = difflib.get_close_matches(typed, pool, n=3, cutoff=0.7)
        return tuple(dict.fromkeys(self._by_name[n][0].name for n in near))

    def in_locus(self, locus: Locus) -> tuple[Gene, ...]:
        """The genes that share at least one base with a stretch, by place."""
        chrom = self._contigs.find(locus.chrom)
        if chrom is None:
            return ()
        first, starts, ends = self._by_contig[chrom]
        last = int(np.searchsorted(starts, locus.end, side="left"))
        return tuple(self._genes[first + int(i)] for i in np.flatnonzero(ends[:last] > locus.start))

    @cached_property
    def _by_name(self) -> dict[str, tuple[Gene, ...]]:
        index: dict[str, list[Gene]] = {}
        for gene in self._genes:
            for key in {gene.name.lower(), gene.gene_id.lower()} - {""}:
                index.setdefault(key, []).append(gene)
        return {key: tuple(sorted(found, key=lambda g: -g.locus.length)) for key, found in index.items()}


def read_genes(path: Path | str, *, aliases: Mapping[str, str] | None = None) -> Genes:
    """Reads genes from BED (6 columns and up; 12 with exons; or one row per exon) or GTF, plain or gzip.

    Args:
        path: the file; GTF when its name ends in .gtf or .gtf.gz.
        aliases: other spellings of chromosome names.

    Raises:
        UserError: when it cannot be read, naming the line.
    """
    path = Path(path)
    ending = path.name.lower().removesuffix(".gz")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as lines:
            genes = _from_gtf(lines, path.name) if ending.endswith(".gtf") else _from_bed(lines, path.name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"The gene file {path.name} is cut short or damaged; copy it again.") from error
    except OSError as error:
        raise UserError(f"The gene file {path} cannot be read ({error.strerror}); check its path.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"The gene file {path.name} is not text; give a BED or a GTF.") from error
    if not genes:
        raise UserError(f"The gene file {path.name} holds no genes; give a BED of 6 columns or a GTF.")
    return Genes(genes, aliases=aliases)


def _from_bed(lines: IO[str], file_name: str) -> list[Gene]:
    rows: list[Row] = []
    blocks: list[Gene] = []
    for number, line in enumerate(lines, 1):
        fields = line.rstrip("\r\n").split("\t")
        if len(fields) < 6:
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            raise UserError(f"Line {number} of {file_name} has {len(fields)} columns; a BED of genes has 6 or more.")
        if line[0] == "#":
            continue
        try:
            row = (
                fields[0],
                int(fields[1]),
                int(fields[2]),
                fields[3],
                fields[5],
                fields[6] if len(fields) == 8 else "",
            )
            if len(fields) >= 12:
                blocks.append(_from_blocks(row, fields))
            else:
                rows.append(row)
        except ValueError as error:
            raise UserError(f"Line {number} of {file_name} is not a gene: its numbers cannot be read.") from error
        if row[1] < 0 or row[2] <= row[1]:
            raise UserError(f"Line {number} of {file_name} is not a gene: it starts at {row[1]} and ends at {row[2]}.")
    return blocks + _grouped(rows)


def _from_blocks(row: Row, fields: list[str]) -> Gene:
    """A gene of a 12-column BED, where the exons are blocks."""
    chrom, start, end, name, strand, _ = row
    sizes = [int(size) for size in fields[10].rstrip(",").split(",")]
    offsets = [int(offset) for offset in fields[11].rstrip(",").split(",")]
    exons = [(start + offset, start + offset + size) for offset, size in zip(offsets, sizes, strict=True)]
    return Gene(name, Locus(chrom, start, end), strand, _merged(exons))


def _grouped(rows: list[Row]) -> list[Gene]:
    """Rows of one gene brought together: those that follow each other; in a sorted file, those of one name."""
    is_sorted = all(a[0] != b[0] or a[1] <= b[1] for a, b in pairwise(rows))
    order = sorted(rows, key=lambda row: (row[0], row[3], row[4], row[1])) if is_sorted else rows
    genes: list[Gene] = []
    spans: list[tuple[int, int]] = []
    head: Row | None = None
    reach = 0
    for row in order:
        same = head is not None and row[0] == head[0] and row[3:5] == head[3:5] and row[5] == head[5]
        if head is not None and not (same and row[1] - reach <= LONGEST_GAP):
            genes.append(_gene(head, spans))
            head = None
        if head is None:
            head, spans, reach = row, [], 0
        spans.append((row[1], row[2]))
        reach = max(reach, row[2])
    return [*genes, _gene(head, spans)] if head is not None else genes


def _gene(head: Row, spans: list[tuple[int, int]]) -> Gene:
    chrom, _, _, name, strand, gene_id = head
    exons = _merged(spans)
    return Gene(name, Locus(chrom, exons[0][0], exons[-1][1]), strand, exons, gene_id)


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Overlapping or touching stretches joined, sorted."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def _from_gtf(lines: IO[str], file_name: str) -> list[Gene]:
    names: dict[tuple[str, str, str], str] = {}
    whole: dict[tuple[str, str, str], tuple[int, int]] = {}
    exons: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for number, line in enumerate(lines, 1):
        fields = line.split("\t", 8)
        if len(fields) < 9:
            if not line.strip() or line.startswith("#"):
                continue
            raise UserError(f"Line {number} of {file_name} has {len(fields)} columns; a GTF has 9.")
        if fields[2] not in ("gene", "exon"):
            continue
        attributes = dict(_ATTRIBUTE.findall(fields[8]))
        try:
            start, end = int(fields[3]) - 1, int(fields[4])  # a GTF counts from 1, both ends included
            key = (fields[0], attributes["gene_id"], fields[6])
        except (ValueError, KeyError) as error:
            raise UserError(f"Line {number} of {file_name} has no gene_id or no position.") from error
        if start < 0 or end <= start:
            raise UserError(f"Line {number} of {file_name} ends before it starts.")
        names[key] = attributes.get("gene_name") or names.get(key) or attributes["gene_id"]
        if fields[2] == "gene":
            whole[key] = (start, end)
        else:
            exons.setdefault(key, []).append((start, end))
    return [_from_parts(key, name, whole.get(key), exons.get(key, [])) for key, name in names.items()]


def _from_parts(
    key: tuple[str, str, str], name: str, span: tuple[int, int] | None, exons: list[tuple[int, int]]
) -> Gene:
    chrom, gene_id, strand = key
    merged = _merged(exons or ([span] if span else []))
    start, end = span or (merged[0][0], merged[-1][1])
    return Gene(name, Locus(chrom, start, end), strand, merged, gene_id)
