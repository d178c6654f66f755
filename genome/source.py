"""One way to ask for bases, whatever they come from: a FASTA, a server, memory."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence

# The digest of a contig reads this many windows of this many bp, spread evenly along it.
DIGEST_WINDOWS = 4
DIGEST_WINDOW_LENGTH = 256
_DIGEST_CONTIGS = 25

_MITOCHONDRIAL = ("chrM", "M", "MT", "chrMT", "Mito", "chrMito")
_TO_ACGTN = bytearray(b"N" * 256)
for _letter, _base in zip(b"ACGTUacgtu", b"ACGTTACGTT", strict=True):
    _TO_ACGTN[_letter] = _base


class Genome(Protocol):
    """A source of reference bases; shared by all sessions and threads.

    Attributes:
        name: the name in the table of genomes, e.g. ``hg19``.
        build: the assembly, e.g. ``GRCh37``.
        synthetic: True when no organism has this sequence.
        contigs: length in bp of each sequence, by name.
    """

    @property
    def name(self) -> str: ...
    @property
    def build(self) -> str: ...
    @property
    def synthetic(self) -> bool: ...
    @property
    def contigs(self) -> Mapping[str, int]: ...

    def sequence(self, locus: Locus) -> Sequence:
        """The bases of a stretch, upper-case ACGTN, N past either end of the chromosome (0-based half-open)."""
        ...

    def contig_digest(self, chrom: str) -> str:
        """12 hex digits that tell this chromosome from one of another build: see ``digest_of_contig``."""
        ...

    def canonical(self, chrom: str) -> str:
        """The genome's own spelling of a chromosome name, or a UserError that suggests the near one."""
        ...


class ContigNames:
    """The spellings under which people know the chromosomes of one genome (22 and chr22, MT and chrM, chrIV and IV)."""

    def __init__(self, genome_name: str, contigs: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self._genome_name = genome_name
        self._contigs = tuple(contigs)
        self._exact = frozenset(self._contigs)
        self._index = {contig.lower(): contig for contig in reversed(self._contigs)}
        for contig in self._contigs:
            self._index.setdefault(_other_prefix(contig).lower(), contig)
        for contig in self._contigs:
            for spelling in _spellings(contig, aliases or {}):
                self._index.setdefault(spelling.lower(), contig)

    def find(self, chrom: str) -> str | None:
        """The genome's own spelling, or None."""
        return chrom if chrom in self._exact else self._index.get(chrom.strip().lower())

    def canonical(self, chrom: str) -> str:
        """The genome's own spelling.

        Raises:
            UserError: when there is no such chromosome, suggesting the nearest names.
        """
        found = self.find(chrom)
        if found is not None:
            return found
        near = difflib.get_close_matches(chrom.strip().lower(), list(self._index), n=6, cutoff=0.6)
        names = list(dict.fromkeys(self._index[name] for name in near))[:3]
        shown = " ".join(chrom.split())[:40]
        if names:
            raise UserError(f"{self._genome_name} has no chromosome '{shown}'; did you mean {_either(names)}?")
        raise UserError(f"{self._genome_name} has no chromosome '{shown}'; it has {_either(self._contigs[:4], 'and')}.")


class MemoryGenome:
    """A small genome held in memory: the sandbox, or what somebody pasted."""

    def __init__(
        self,
        name: str,
        records: Mapping[str, str],
        *,
        build: str,
        synthetic: bool = False,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.build = build
        self.synthetic = synthetic
        self._records = {contig: to_acgtn(bases.encode("ascii", "replace")) for contig, bases in records.items()}
        self.contigs: Mapping[str, int] = {contig: len(bases) for contig, bases in self._records.items()}
        self._names = ContigNames(name, self.contigs, aliases)

    def canonical(self, chrom: str) -> str:
        """See ``Genome``."""
        return self._names.canonical(chrom)

    def sequence(self, locus: Locus) -> Sequence:
        """See ``Genome``."""
        chrom = self.canonical(locus.chrom)
        bases = self._records[chrom]
        return padded(chrom, len(bases), locus, lambda start, end: bases[start:end])

    def contig_digest(self, chrom: str) -> str:
        """See ``digest_of_contig``; unlike that of a large genome, it covers every base."""
        name = self.canonical(chrom)
        bases = self._records[name]
        return hashlib.sha256(f"{name}\t{len(bases)}\n{bases}".encode()).hexdigest()[:12]


def to_acgtn(raw: bytes) -> str:
    """Letters of a file as upper-case ACGTN: U is read as T, everything else (IUPAC codes too) as N."""
    return raw.translate(_TO_ACGTN).decode("ascii")


def padded(chrom: str, contig_length: int, locus: Locus, read: Callable[[int, int], str]) -> Sequence:
    """The bases of a stretch, with N where it hangs off the chromosome.

    Args:
        chrom: the genome's own name of the chromosome.
        contig_length: its length in bp.
        locus: the stretch, 0-based half-open.
        read: gives the bases from start to end (0-based half-open, within the chromosome).
    """
    start, end = max(locus.start, 0), min(locus.end, contig_length)
    inside = read(start, end) if start < end else ""
    if len(inside) != max(end - start, 0):
        raise ValueError(f"{len(inside)=} for {chrom}:{start}-{end} (0-based)")
    left = min(max(-locus.start, 0), locus.length) if inside else locus.length
    bases = "N" * left + inside + "N" * (locus.length - left - len(inside))
    return Sequence(bases, Locus(chrom, locus.start, locus.end))


def digest_windows(contig_length: int) -> tuple[tuple[int, int], ...]:
    """The stretches (0-based half-open) that a contig's digest reads: evenly spread, their middles at 1/8, 3/8, ..."""
    middles = [contig_length * (2 * index + 1) // (2 * DIGEST_WINDOWS) for index in range(DIGEST_WINDOWS)]
    starts = [max(middle - DIGEST_WINDOW_LENGTH // 2, 0) for middle in middles]
    return tuple((start, min(start + DIGEST_WINDOW_LENGTH, contig_length)) for start in starts)


def digest_of_contig(chrom: str, contig_length: int, read: Callable[[int, int], str]) -> str:
    """12 hex digits of SHA-256 over a chromosome's name, its length and the bases of four windows of 256 bp.

    The same on every machine, and for a local copy and a server of the same assembly. It tells builds apart; it is not
    a proof that every base is equal.
    """
    digest = hashlib.sha256(f"{chrom}\t{contig_length}\n".encode())
    for start, end in digest_windows(contig_length):
        digest.update(f"{start}\t{read(start, end)}\n".encode())
    return digest.hexdigest()[:12]


def genome_digest(genome: Genome) -> str:
    """12 hex digits over the names and lengths of all chromosomes and the digests of the longest ones.

    It tells copies of a genome apart, also those that hold only some of its chromosomes.
    """
    sizes = sorted(genome.contigs.items(), key=lambda item: (-item[1], item[0]))
    digests = [genome.contig_digest(chrom) for chrom, _ in sizes[:_DIGEST_CONTIGS]]
    return hashlib.sha256(repr((sorted(sizes), digests)).encode()).hexdigest()[:12]


def _other_prefix(contig: str) -> str:
    """The name without its ``chr``, or with one."""
    return contig[3:] if contig.lower().startswith("chr") and len(contig) > 3 else f"chr{contig}"


def _spellings(contig: str, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """Every other way to write a chromosome's name."""
    names = [contig, _other_prefix(contig)]
    if contig in _MITOCHONDRIAL:
        names += _MITOCHONDRIAL
    group = {name.lower() for name in names}
    for alias, name in aliases.items():
        if alias.lower() in group or name.lower() in group:
            names += [alias, name]
    return tuple(name for name in names if name)


def _either(names: Iterable[str], word: str = "or") -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
