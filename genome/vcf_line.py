"""One line of a VCF that somebody pastes into a search box: its alleles, before the genome is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genome.errors import UserError
from genome.locus import Variant

_FIELDS = 5  # CHROM, POS, ID, REF, ALT; what follows is left to those who read files
_CHROM = re.compile(r"[^\s:]{1,64}")
_POSITION = re.compile(r"\d{1,12}", re.ASCII)
_BASES = re.compile(r"[ACGTN]+", re.IGNORECASE)
_ALT = re.compile(r"[ACGTN]+|\*|\.|<[^<>\s]{1,60}>|[ACGTN.]*[\[\]][^\s,]{1,80}[\[\]][ACGTN.]*", re.IGNORECASE)


@dataclass(frozen=True)
class VcfLine:
    """What a line says.

    Attributes:
        name: its ID; empty for none.
        variants: one for each ALT allele that is written in bases and differs from REF, in the order of the line.
        notices: sentences on the alleles that were left out.
    """

    name: str
    variants: tuple[Variant, ...]
    notices: tuple[str, ...] = ()


def is_vcf_line(text: str) -> bool:
    """Whether a text has the form of one VCF line, its columns divided by tabs or spaces."""
    fields = _columns(text)
    return (
        len(fields) >= _FIELDS
        and "\n" not in text.strip()
        and bool(_CHROM.fullmatch(fields[0]))
        and bool(_POSITION.fullmatch(fields[1]))
        and bool(_BASES.fullmatch(fields[3]))
        and all(_ALT.fullmatch(alt) for alt in fields[4].split(","))
    )


def parse_vcf_line(text: str) -> VcfLine:
    """Reads CHROM, POS, ID, REF and ALT; later columns are not looked at.

    Raises:
        UserError: when it is no VCF line, or no allele of it can be read as bases.
    """
    if not is_vcf_line(text):
        raise UserError("This is not a line of a VCF; its first columns are CHROM, POS, ID, REF and ALT.")
    chrom, position, name, ref, alts = _columns(text)[:_FIELDS]
    if int(position) < 1:
        raise UserError("Positions of a VCF are counted from 1, and this line says 0; correct it.")
    written = list(dict.fromkeys(alt.upper() for alt in alts.split(",")))
    kept = [alt for alt in written if _BASES.fullmatch(alt) and alt != ref.upper()]
    if not kept:
        raise UserError(f"ALT is {alts[:40]}, which names no other bases; write them out, as in chr22 19710933 . C T.")
    left_out = [alt for alt in written if alt not in kept]
    notices = (f"Left out of this line, because it names no other bases: {', '.join(left_out)[:60]}.",)
    variants = tuple(Variant(chrom, int(position), ref.upper(), alt) for alt in kept)
    return VcfLine("" if name == "." else name, variants, notices if left_out else ())


def _columns(text: str) -> list[str]:
    return text.split()
