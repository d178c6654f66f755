"""Genomes read window by window from UCSC, and names looked up at Ensembl. Only ever used with consent."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from genome.errors import UserError
from genome.home import folder, replaced
from genome.locus import Locus
from genome.sequence import Sequence
from genome.source import ContigNames, digest_of_contig, padded, to_acgtn
from genome.web import NotFoundError, get_json

UCSC_URL = "https://api.genome.ucsc.edu"
CHUNK_LENGTH = 1 << 16
CACHE_BYTES = 512 << 20
_SAFE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


class RemoteGenome:
    """A genome read from the UCSC REST service in aligned pieces of 64 kb, kept in a bounded cache on disk.

    Args of the constructor:
        name: UCSC's name of the assembly, e.g. ``hg38``.
        base_url: address of the service.
        timeout: seconds.
        cache_bytes: the pieces kept on disk for this genome; the least recently read go first.
    """

    synthetic = False

    def __init__(
        self,
        name: str,
        *,
        build: str = "",
        aliases: Mapping[str, str] | None = None,
        base_url: str = UCSC_URL,
        timeout: float = 10.0,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        if not _SAFE.fullmatch(name):
            raise ValueError(f"{name=}")
        self.name = name
        self.build = build or name
        self._aliases = dict(aliases or {})
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._cache_bytes = cache_bytes
        self._lock = threading.RLock()

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of each chromosome, asked from UCSC once and kept on disk."""
        with self._lock:
            return self._contigs

    def canonical(self, chrom: str) -> str:
        """See ``Genome``."""
        with self._lock:
            return self._names.canonical(chrom)

    def sequence(self, locus: Locus) -> Sequence:
        """See ``Genome``; asks UCSC for the pieces that are not kept yet."""
        chrom = self.canonical(locus.chrom)
        return padded(chrom, self.contigs[chrom], locus, lambda start, end: self._read(chrom, start, end))

    def contig_digest(self, chrom: str) -> str:
        """See ``digest_of_contig``; equal to that of a local copy."""
        name = self.canonical(chrom)
        return digest_of_contig(name, self.contigs[name], lambda start, end: self._read(name, start, end))

    @cached_property
    def _contigs(self) -> Mapping[str, int]:
        path = folder("remote", self.name) / "contigs.json"
        kept = _read_json(path)
        if not isinstance(kept, dict):
            answer = self._ask(f"/list/chromosomes?genome={quote(self.name)}")
            kept = answer.get("chromosomes") if isinstance(answer, dict) else None
        lengths = _checked_lengths(kept)
        if not path.exists():
            _keep(path, json.dumps(lengths).encode())
        return lengths

    @cached_property
    def _names(self) -> ContigNames:
        return ContigNames(self.name, self._contigs, self._aliases)

    def _read(self, chrom: str, start: int, end: int) -> str:
        first, last = start // CHUNK_LENGTH, (end - 1) // CHUNK_LENGTH
        bases = "".join(self._chunk(chrom, index) for index in range(first, last + 1))
        return bases[start - first * CHUNK_LENGTH : end - first * CHUNK_LENGTH]

    def _chunk(self, chrom: str, index: int) -> str:
        """The bases of one aligned piece; one question at a time goes to UCSC, kept pieces do not wait for it."""
        start = index * CHUNK_LENGTH
        end = min(start + CHUNK_LENGTH, self.contigs[chrom])
        path = folder("remote", self.name, quote(chrom, safe="")) / f"{index}.txt"
        kept = _kept_chunk(path, end - start)
        if kept is not None:
            return kept
        with self._lock:
            kept = _kept_chunk(path, end - start)
            return kept if kept is not None else self._fetched_chunk(chrom, start, end, path)

    def _fetched_chunk(self, chrom: str, start: int, end: int, path: Path) -> str:
        where = f"genome={quote(self.name)};chrom={quote(chrom)};start={start};end={end}"
        answer = self._ask(f"/getData/sequence?{where}")
        bases = answer.get("dna") if isinstance(answer, dict) else None
        if not isinstance(bases, str) or len(bases) != end - start or not bases.isascii() or not bases.isalpha():
            raise UserError(
                f"UCSC sent a wrong answer for {chrom}; try again later or use a local copy of {self.name}."
            )
        clean = to_acgtn(bases.encode("ascii"))
        _keep(path, clean.encode("ascii"))
        _shrink(path.parent.parent, self._cache_bytes)
        return clean

    def _ask(self, path: str) -> Any:
        try:
            return get_json(self._base_url + path, service="UCSC", timeout=self._timeout)
        except NotFoundError as error:
            raise UserError(f"UCSC has no answer for {self.name}: {error}") from error


@dataclass(frozen=True)
class KnownVariant:
    """What Ensembl knows about an rsID, as VCF-like alleles on the forward strand.

    Attributes:
        name: the identifier.
        chrom: chromosome as Ensembl spells it (22, X, MT).
        start: first base of the reference allele, 0-based; for an insertion the base it comes before.
        ref: reference allele, empty for an insertion.
        alts: the other alleles.
    """

    name: str
    chrom: str
    start: int
    ref: str
    alts: tuple[str, ...]


@dataclass(frozen=True)
class KnownGene:
    """Where Ensembl puts a gene: chromosome as Ensembl spells it, 0-based half-open, strand + or -."""

    name: str
    chrom: str
    start: int
    end: int
    strand: str
    gene_id: str


@dataclass(frozen=True)
class Ensembl:
    """The Ensembl REST service for one organism and assembly. Constructed only where remote reading was allowed.

    Attributes:
        species: e.g. ``homo_sapiens``.
        assembly: what its answers must refer to, e.g. ``GRCh37``.
        base_url: the server of that assembly (GRCh37 has its own).
        timeout: seconds.
    """

    species: str
    assembly: str
    base_url: str = "https://rest.ensembl.org"
    timeout: float = 10.0

    def variant(self, rsid: str) -> KnownVariant:
        """Where a known variant lies and what its alleles are.

        Raises:
            UserError: when it is unknown, lies on no chromosome of this assembly, or Ensembl cannot be asked.
        """
        answer = self._ask(f"/variation/{quote(self.species)}/{quote(rsid, safe='')}", rsid)
        for mapping in _dicts(answer.get("mappings")):
            known = _known_variant(rsid, mapping, self.assembly)
            if known is not None:
                return known
        raise UserError(f"Ensembl places {rsid} nowhere on {self.assembly}; give its position and alleles instead.")

    def gene(self, symbol: str) -> KnownGene:
        """Where a gene lies.

        Raises:
            UserError: when it is unknown, of another assembly, or Ensembl cannot be asked.
        """
        answer = self._ask(f"/lookup/symbol/{quote(self.species)}/{quote(symbol, safe='')}", symbol)
        try:
            start, end = int(answer["start"]) - 1, int(answer["end"])
            strand = "-" if int(answer.get("strand", 1)) < 0 else "+"
            chrom, assembly = str(answer["seq_region_name"]), str(answer["assembly_name"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"Ensembl sent a wrong answer for {symbol}; try again later.") from error
        if assembly != self.assembly or start < 0 or end <= start:
            raise UserError(f"Ensembl knows {symbol} on {assembly}, not on {self.assembly}; give its position instead.")
        return KnownGene(
            str(answer.get("display_name") or symbol), chrom, start, end, strand, str(answer.get("id", ""))
        )

    def _ask(self, path: str, name: str) -> dict[str, Any]:
        url = f"{self.base_url.rstrip('/')}{path}?content-type=application/json"
        try:
            answer = get_json(url, service="Ensembl", timeout=self.timeout)
        except NotFoundError as error:
            raise UserError(f"Ensembl does not know '{name}' for {self.assembly}; check the spelling.") from error
        if not isinstance(answer, dict):
            raise UserError(f"Ensembl sent a wrong answer for {name}; try again later.")
        return answer


def _known_variant(rsid: str, mapping: dict[str, Any], assembly: str) -> KnownVariant | None:
    """One mapping of Ensembl's answer, or None when it lies elsewhere (a patch, another assembly) or has no bases."""
    if mapping.get("assembly_name") != assembly or mapping.get("coord_system", "chromosome") != "chromosome":
        return None
    alleles = [allele.upper().replace("-", "") for allele in str(mapping.get("allele_string", "")).split("/")]
    if len(alleles) < 2 or not all(set(allele) <= set("ACGT") for allele in alleles):
        return None
    try:
        # Ensembl counts from 1, both ends included; an insertion has its end before its start.
        start, end = int(mapping["start"]), int(mapping["end"])
        backwards = int(mapping.get("strand", 1)) < 0
    except (KeyError, TypeError, ValueError):
        return None
    if backwards:
        alleles = [allele.translate(str.maketrans("ACGT", "TGCA"))[::-1] for allele in alleles]
    if start < 1 or len(alleles[0]) != end - start + 1:
        return None
    return KnownVariant(rsid, str(mapping.get("seq_region_name", "")), start - 1, alleles[0], tuple(alleles[1:]))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _checked_lengths(value: Any) -> dict[str, int]:
    lengths = value if isinstance(value, dict) else {}
    if not lengths or not all(_SAFE.fullmatch(k) and type(v) is int and v > 0 for k, v in lengths.items()):
        raise UserError("UCSC sent no usable list of chromosomes; try again later or use a local copy.")
    return lengths


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None  # not kept, or damaged: asked for again


def _kept_chunk(path: Path, length: int) -> str | None:
    """A piece kept on disk (and marked as used now), or None when it is not there or not whole."""
    try:
        bases = path.read_bytes()
        path.touch()
    except OSError:
        return None
    return bases.decode("ascii") if len(bases) == length and not bases.translate(None, b"ACGTN") else None


def _keep(path: Path, content: bytes) -> None:
    try:
        with replaced(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"Cannot write to {path.parent} ({error.strerror}); set CISLENS_HOME to another folder."
        ) from error


def _shrink(root: Path, limit: int) -> None:
    """Deletes the pieces read longest ago until at most ``limit`` bytes are kept."""
    chunks = []
    for path in root.glob("*/*.txt"):
        try:
            state = path.stat()
        except FileNotFoundError:
            continue  # another process was quicker
        chunks.append((state.st_mtime_ns, state.st_size, path))
    total = sum(size for _, size, _ in chunks)
    for _, size, path in sorted(chunks):
        if total <= limit:
            return
        path.unlink(missing_ok=True)
        total -= size
