"""Whatever a person types into the search box, turned into a place."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from genome.errors import UserError
from genome.genes import Gene, Genes
from genome.hgvs import HgvsChange, chromosome_of, is_hgvs, parse_hgvs
from genome.locus import Locus, Variant, is_locus, is_variant, parse_locus, parse_variant
from genome.mismatch import installed_others, mismatch
from genome.paste import MAX_PASTE, PastedRecord, looks_like_sequence, read_records
from genome.remote import KnownGene, KnownVariant
from genome.sequence import reverse_complement
from genome.source import Genome
from genome.vcf_line import is_vcf_line, parse_vcf_line

MAX_LOCUS = 1_000_000
MAX_EDIT = 2_000
FLANK = 500  # bp shown on either side of a transcription start or a variant
_SHIFT_STEP = 1_000
_RSID = re.compile(r"\s*(rs\d{1,12})\s*", re.IGNORECASE)

Kind = Literal["locus", "gene", "rsid", "hgvs", "variant", "sequence"]


class Lookup(Protocol):
    """A service that knows rsIDs and gene names: ``genome.remote.Ensembl``."""

    def variant(self, rsid: str) -> KnownVariant:
        """Where a known variant lies."""
        ...

    def gene(self, symbol: str) -> KnownGene:
        """Where a gene lies."""
        ...


@dataclass(frozen=True)
class Place:
    """What was typed, as a place in a genome.

    Attributes:
        locus: the stretch to show, 0-based half-open, in the genome's own spelling.
        kind: what was recognised.
        edits: the changes that were typed with it, REF checked, left-normalised.
        notices: sentences the person should read.
        sequence: the pasted records (``locus`` is the first of them), or None.
        alleles: where several alternative alleles were named, each as a change, the one in ``edits`` among them; else
            empty.
    """

    locus: Locus
    kind: Kind
    edits: tuple[Variant, ...] = ()
    notices: tuple[str, ...] = ()
    sequence: tuple[PastedRecord, ...] | None = None
    alleles: tuple[Variant, ...] = ()

    @property
    def records(self) -> tuple[PastedRecord, ...]:
        """The pasted records; empty for a place in the genome."""
        return self.sequence or ()


def resolve(text: str, genome: Genome, genes: Genes | None, *, remote: Lookup | None = None) -> Place:
    """Finds the place that a person means.

    Args:
        text: coordinates (1-based, inclusive), a gene, an rsID, a variant, a line of a VCF, a g. HGVS change, or a
            sequence or FASTA.
        genome: where to look.
        genes: its genes, or None when no file of them is declared.
        remote: the service for rsIDs and unknown genes; None when remote reading is not allowed.

    Raises:
        UserError: when nothing fits, saying what to do.
    """
    if not text.strip():
        raise UserError("Type a place such as chr22:19,710,700-19,711,200, a gene, a variant, or paste a sequence.")
    if is_hgvs(text):
        return _around(hgvs_variant(text, genome), "hgvs", genome)
    if is_locus(text):
        locus, notices = checked_locus(parse_locus(text), genome)
        return Place(locus, "locus", notices=notices)
    if is_variant(text):
        return _around(parse_variant(text), "variant", genome)
    if is_vcf_line(text):
        line = parse_vcf_line(text)
        return _among(line.variants, "variant", genome, line.name or "This line", line.notices)
    rsid = rsid_in(text)
    if rsid:
        return _from_rsid(rsid, genome, remote)
    return _from_name(text, genome, genes, remote)


def rsid_in(text: str) -> str:
    """The rsID that a text is, in lower case; empty when it is something else."""
    found = _RSID.fullmatch(text)
    return found[1].lower() if found else ""


def checked_locus(locus: Locus, genome: Genome) -> tuple[Locus, tuple[str, ...]]:
    """A locus in the genome's own spelling, with notices about what hangs off the chromosome.

    Raises:
        UserError: when the chromosome is unknown, the stretch too long, or wholly off the chromosome.
    """
    if locus.length > MAX_LOCUS:
        raise UserError(f"{locus} is {locus.length:,} bp long; show at most {MAX_LOCUS:,} bp at once.")
    chrom = genome.canonical(locus.chrom)
    length = genome.contigs[chrom]
    placed = Locus(chrom, locus.start, locus.end)
    if locus.start >= length or locus.end <= 0:
        raise UserError(f"{placed} lies off the end: {chrom} of {genome.name} has {length:,} bp.")
    outside = max(-locus.start, 0) + max(locus.end - length, 0)
    if not outside:
        return placed, ()
    return placed, (f"{outside:,} bp of {placed} lie off the end of {chrom} ({length:,} bp) and are shown as N.",)


def checked_variant(variant: Variant, genome: Genome) -> tuple[Variant, tuple[str, ...]]:
    """A variant in the genome's own spelling, its REF checked, trimmed and moved left as far as it goes.

    Raises:
        UserError: when the genome has other bases there, naming them and whether the other strand fits.
    """
    if max(len(variant.ref), len(variant.alt)) > MAX_EDIT:
        raise UserError(f"This change is longer than {MAX_EDIT:,} bp; change at most {MAX_EDIT:,} bp at once.")
    chrom = genome.canonical(variant.chrom)
    length = genome.contigs[chrom]
    if variant.end > length or variant.start >= length:
        raise UserError(f"{variant} lies off the end: {chrom} of {genome.name} has {length:,} bp.")
    if variant.ref:
        found = genome.sequence(Locus(chrom, variant.start, variant.end)).bases
        if found != variant.ref:
            placed = Variant(chrom, variant.position, variant.ref, variant.alt)
            raise UserError(mismatch(placed, found, genome, others=installed_others(genome)))
    placed = Variant(chrom, variant.position, variant.ref, variant.alt)
    moved = left_normalised(placed, genome)
    if moved == placed:
        return placed, ()
    return moved, (f"{placed} is written as {moved}, the leftmost way to say the same.",)


def left_normalised(variant: Variant, genome: Genome) -> Variant:
    """The same change with common bases trimmed and an insertion or deletion moved left as far as the bases allow."""
    ref, alt, start = variant.ref, variant.alt, variant.start
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    ref, alt, start = ref[shared:], alt[shared:], start + shared
    if ref and alt:
        return Variant(variant.chrom, start + 1, ref, alt)
    allele = ref or alt
    moved = _steps_left(allele, variant.chrom, start, genome)
    turn = -moved % len(allele)
    allele, start = allele[turn:] + allele[:turn], start - moved
    return Variant(variant.chrom, start + 1, allele if ref else "", allele if alt else "")


def _steps_left(allele: str, chrom: str, start: int, genome: Genome) -> int:
    """How many bases an insertion or deletion before the 0-based ``start`` can be moved left and say the same."""
    steps = 0
    while steps < start:
        before = genome.sequence(Locus(chrom, max(start - steps - _SHIFT_STEP, 0), start - steps)).bases
        for base in reversed(before):
            if base == "N" or base != allele[-1 - steps % len(allele)]:
                return steps
            steps += 1
    return steps


def _around(variant: Variant, kind: Kind, genome: Genome, notices: tuple[str, ...] = ()) -> Place:
    """The stretch around a checked variant, with the variant as an edit."""
    edit, said = checked_variant(variant, genome)
    return Place(_window(edit.chrom, edit.start, max(edit.end, edit.start + 1), genome), kind, (edit,), notices + said)


def _among(
    variants: tuple[Variant, ...], kind: Kind, genome: Genome, name: str, notices: tuple[str, ...] = ()
) -> Place:
    """The stretch around the first of several alleles of one site, with all of them to choose from."""
    if len(variants) == 1:
        return _around(variants[0], kind, genome, notices)
    listed = ", ".join(variant.alt or "-" for variant in variants)
    several = f"{name} has several alternative alleles ({listed}); the first is shown."
    place = _around(variants[0], kind, genome, (several, *notices))
    return replace(place, alleles=tuple(checked_variant(variant, genome)[0] for variant in variants))


def _window(chrom: str, start: int, end: int, genome: Genome) -> Locus:
    """``FLANK`` bp on either side of the middle (more for a long change), kept on the chromosome where that is possible."""
    length = max(2 * FLANK, end - start + FLANK)
    locus = Locus(chrom, start, end).resized(length)
    locus = locus.shifted(min(genome.contigs[chrom] - locus.end, 0))
    return locus.shifted(max(-locus.start, 0))


def hgvs_variant(text: str, genome: Genome) -> Variant:
    """A g. change as a variant of the genome, its REF not yet checked.

    Raises:
        UserError: when it cannot be read, is too long, or lies off the chromosome or in another assembly.
    """
    change = parse_hgvs(text)
    chrom = genome.canonical(chromosome_of(change.reference, genome.build) or change.reference)
    if change.end - change.start > MAX_EDIT:
        raise UserError(f"This change is longer than {MAX_EDIT:,} bp; change at most {MAX_EDIT:,} bp at once.")
    if change.end > genome.contigs[chrom]:
        raise UserError(f"{text.strip()} lies off the end: {chrom} of {genome.name} has {genome.contigs[chrom]:,} bp.")
    return _as_variant(change, chrom, genome, text)


def _as_variant(change: HgvsChange, chrom: str, genome: Genome, text: str) -> Variant:
    """A g. change with the bases it leaves unsaid read from the genome."""
    ref = change.ref
    if ref is None:
        ref = genome.sequence(Locus(chrom, change.start, change.end)).bases
    alt = change.alt
    if change.kind == "dup":
        alt = ref + ref
    elif change.kind == "inv":
        alt = reverse_complement(ref)
    if alt is None or ref == alt:
        raise UserError(f"'{' '.join(text.split())[:60]}' changes nothing; check its bases.")
    return Variant(chrom, change.start + 1, ref, alt)


def _from_rsid(rsid: str, genome: Genome, remote: Lookup | None) -> Place:
    if genome.synthetic:
        raise UserError(f"{rsid} is a variant of a real genome, and {genome.name} is synthetic; choose another genome.")
    if remote is None:
        raise UserError(
            f"Looking up {rsid} would send it to Ensembl, which is not allowed or not possible for {genome.name}; allow "
            "remote reading, or give its position and alleles, such as chr22:19,710,933 C>T."
        )
    known = remote.variant(rsid)
    variants = tuple(Variant(known.chrom, known.start + 1, known.ref, alt) for alt in known.alts)
    return _among(variants, "rsid", genome, rsid)


def _from_name(text: str, genome: Genome, genes: Genes | None, remote: Lookup | None) -> Place:
    """A gene, a whole small chromosome, or a sequence."""
    name = text.strip()
    is_name = len(name) <= 64 and len(name.split()) == 1 and not name.startswith(">")
    if is_name and genes is not None and genes.named(name):
        return _at_gene(genes.find(name), genome, len(genes.named(name)))
    if looks_like_sequence(text):
        return _pasted(text)
    if is_name and _has_contig(name, genome):
        return _whole_contig(genome.canonical(name), genome)
    if not is_name:
        shown = " ".join(name.split())[:60]
        raise UserError(
            f"'{shown}' is neither a place, a gene, a variant nor a sequence; try chr22:19,710,700-19,711,200."
        )
    if remote is not None:
        known = remote.gene(name)
        return _at_gene(Gene(known.name, Locus(known.chrom, known.start, known.end), known.strand), genome, 1)
    if genes is not None:
        return _suggested(name, genes, genome)
    raise UserError(
        f"'{name}' is no place, and no genes are known for {genome.name}; set CISLENS_GENES_{_variable(genome.name)} to a "
        "BED or GTF file, allow remote reading, or type a place such as chr22:19,710,700-19,711,200."
    )


def _at_gene(gene: Gene, genome: Genome, count: int) -> Place:
    """The stretch around a gene's transcription start."""
    if not _has_contig(gene.locus.chrom, genome):
        raise UserError(
            f"{gene.name} lies on {gene.locus.chrom}, which this copy of {genome.name} does not hold; choose another gene "
            "or a complete copy of the genome."
        )
    chrom = genome.canonical(gene.locus.chrom)
    site = gene.start_site
    asked = Locus(chrom, site - FLANK, site + FLANK)
    try:
        locus, off = checked_locus(asked, genome)
    except UserError as error:
        raise UserError(f"{gene.name} starts at {chrom}:{site + 1:,}, outside what is known of it: {error}") from error
    said = f"Centred on the transcription start of {gene.name} ({chrom}:{site + 1:,}, strand {gene.strand}), {FLANK} bp each way."
    several = (f"{count} genes are called {gene.name}; the longest is shown.",) if count > 1 else ()
    return Place(locus, "gene", notices=(said, *several, *off))


def _has_contig(name: str, genome: Genome) -> bool:
    known = genome.contigs  # an unreachable server is said here, not taken for an unknown name
    try:
        return genome.canonical(name) in known
    except UserError:
        return False


def _whole_contig(chrom: str, genome: Genome) -> Place:
    length = genome.contigs[chrom]
    if length > MAX_LOCUS:
        raise UserError(
            f"{chrom} has {length:,} bp; name a stretch of at most {MAX_LOCUS:,} bp, as in {chrom}:1,000-2,000."
        )
    return Place(Locus(chrom, 0, length), "locus")


def _pasted(text: str) -> Place:
    records = read_records(text)
    notices = [
        f"{record.name}: {notice}" if len(records) > 1 else notice for record in records for notice in record.notices
    ]
    if len(records) > 1:
        notices.insert(0, f"{len(records)} sequences were pasted; the first, {records[0].name}, is shown.")
    if len(records[0].bases) > MAX_PASTE:
        notices.append(f"This sequence is longer than {MAX_PASTE:,} bp: zoom in to see letters.")
    return Place(Locus(records[0].name, 0, len(records[0].bases)), "sequence", (), tuple(notices), records)


def _suggested(name: str, genes: Genes, genome: Genome) -> Place:
    """Ends in the error that suggests a gene, or a chromosome where that is nearer."""
    chroms = difflib.get_close_matches(name.lower(), [c.lower() for c in list(genome.contigs)[:2000]], n=1, cutoff=0.8)
    if chroms and not genes.suggestions(name):
        genome.canonical(name)
    genes.find(name)
    raise ValueError(f"{name=} was found after all")


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
