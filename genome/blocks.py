"""A genome that keeps the blocks read last: many small questions near each other cost one reading."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from genome.source import Genome, padded

BLOCK = 4_096  # bp
KEPT = 512  # blocks


class BlockGenome:
    """The same genome, read in blocks of which the last ones asked for are kept; a few MB of memory."""

    def __init__(self, genome: Genome) -> None:
        self.name, self.build, self.synthetic = genome.name, genome.build, genome.synthetic
        self.contigs: Mapping[str, int] = genome.contigs
        self._genome = genome
        self._block = lru_cache(KEPT)(self._read)
        self._spelling = lru_cache(10_000)(self._spelled)
        self.contig_digest = genome.contig_digest

    def canonical(self, chrom: str) -> str:
        """See ``Genome``; a name that is unknown is looked for only once, which takes long."""
        found = self._spelling(chrom)
        if isinstance(found, UserError):
            raise UserError(str(found))
        return found

    def bases(self, chrom: str, start: int, end: int) -> str:
        """Letters ACGTN from ``start`` to ``end`` (0-based half-open), within the chromosome, in the genome's spelling."""
        first, last = start // BLOCK, (end - 1) // BLOCK
        if first == last:
            return self._block(chrom, first)[start - first * BLOCK : end - first * BLOCK]
        joined = "".join(self._block(chrom, index) for index in range(first, last + 1))
        return joined[start - first * BLOCK : end - first * BLOCK]

    def sequence(self, locus: Locus) -> Sequence:
        """See ``Genome``."""
        chrom = self.canonical(locus.chrom)
        return padded(chrom, self.contigs[chrom], locus, lambda start, end: self.bases(chrom, start, end))

    def _spelled(self, chrom: str) -> str | UserError:
        try:
            return self._genome.canonical(chrom)
        except UserError as error:
            return error

    def _read(self, chrom: str, index: int) -> str:
        end = min((index + 1) * BLOCK, self.contigs[chrom])
        return self._genome.sequence(Locus(chrom, index * BLOCK, end)).bases
