"""Which variants lie together on one copy of a chromosome: phased genotypes of a VCF."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.source import Genome

MOST_SAMPLES = 10_000
_FIXED = 9  # columns before the samples
_CALL = re.compile(r"(\d+|\.)(?:([|/])(\d+|\.))?")


@dataclass(frozen=True)
class Phased:
    """The copies of a stretch that one person carries, or why they are not known.

    Attributes:
        sample: the person's column.
        copies: the variants on each copy, in order; one copy where there is but one (chrX of a man, chrM).
        reason: why there are none, in one sentence; empty when they are known.
    """

    sample: str
    copies: tuple[tuple[Variant, ...], ...]
    reason: str = ""


@dataclass
class _Person:
    """What has been read of one person so far."""

    copies: list[list[Variant]] = field(default_factory=list)
    phases: set[str] = field(default_factory=set)  # sets within which phase is known, of sites that differ
    unphased: list[str] = field(default_factory=list)
    differing: int = 0
    reason: str = ""


def read_phased(lines: Iterable[str], genome: Genome, inside: Locus) -> tuple[Phased, ...]:
    """The haplotypes of every person of a VCF over a stretch.

    Two sites at which a person's copies differ can be told apart only when both are phased (``0|1``) and of one phase
    set (PS); a single one needs no phase, nor does a variant on both copies (``1/1``).

    Args:
        lines: of the VCF, without compression; header included.
        genome: what REF is checked against.
        inside: the stretch, 0-based half-open; lines elsewhere are passed over.

    Raises:
        UserError: when it is no VCF with genotypes, naming the line that is wrong.
    """
    samples: list[str] | None = None
    people: list[_Person] = []
    chrom = genome.canonical(inside.chrom)
    for number, line in enumerate(lines, start=1):
        cells = line.rstrip("\r\n").split("\t")
        if line.startswith("#CHROM"):
            samples = _samples(cells, number)
            people = [_Person() for _ in samples]
        elif line.strip() and not line.startswith("#"):
            if samples is None:
                raise UserError(f"Line {number} comes before the line that begins with #CHROM; give a whole VCF.")
            if len(cells) != _FIXED + len(samples):
                raise UserError(
                    f"Line {number} has {len(cells)} columns, not {_FIXED + len(samples)}; VCF needs tabs between them."
                )
            if _is_inside(cells, number, genome, chrom, inside):
                _read_site(people, cells, number, genome, chrom)
    if samples is None:
        raise UserError("There is no line that begins with #CHROM; give a VCF with its header.")
    return tuple(_phased(name, person) for name, person in zip(samples, people, strict=True))


def _samples(cells: list[str], number: int) -> list[str]:
    names = cells[_FIXED:]
    if not names:
        raise UserError(f"Line {number} names no samples: this VCF has no genotypes, and so no haplotypes.")
    if len(names) > MOST_SAMPLES or len(set(names)) != len(names):
        raise UserError(f"Line {number} names a sample twice, or more than {MOST_SAMPLES:,}.")
    return names


def _is_inside(cells: list[str], number: int, genome: Genome, chrom: str, inside: Locus) -> bool:
    """Whether a line's REF touches the stretch."""
    if cells[0] != chrom and not _is_spelling(cells[0], genome, chrom):
        return False
    if not cells[1].isdigit() or int(cells[1]) < 1:
        raise UserError(f"Line {number} has the position '{cells[1][:20]}'; positions are counted from 1.")
    start = int(cells[1]) - 1
    return start < inside.end and start + len(cells[3]) > inside.start


def _is_spelling(name: str, genome: Genome, chrom: str) -> bool:
    """Whether a file means this chromosome; it may well have others that the genome does not know."""
    try:
        return genome.canonical(name) == chrom
    except UserError:
        return False


def _read_site(people: list[_Person], cells: list[str], number: int, genome: Genome, chrom: str) -> None:
    """Adds one line to every person who carries something there."""
    start, ref = int(cells[1]) - 1, cells[3].upper()
    found = genome.sequence(Locus(chrom, start, start + max(1, len(ref)))).bases
    if found != ref:
        raise UserError(
            f"Line {number} has REF {ref[:20]}, and {genome.name} has {found[:20]} there; check the build and the strand."
        )
    keys = cells[8].split(":")
    if "GT" not in keys:
        raise UserError(f"Line {number} has no genotypes (GT) in its FORMAT.")
    alts = [alt.upper() for alt in cells[4].split(",")]
    for person, cell in zip(people, cells[_FIXED:], strict=True):
        values = dict(zip(keys, cell.split(":"), strict=False))
        _read_call(person, values.get("GT", "."), values.get("PS", ""), number, _Site(chrom, start, ref, alts))


@dataclass(frozen=True)
class _Site:
    chrom: str
    start: int  # 0-based
    ref: str
    alts: list[str]

    def variant(self, allele: int) -> Variant | str | None:
        """What an allele's number stands for: None for REF; a reason where it cannot be applied."""
        if allele == 0:
            return None
        if allele > len(self.alts):
            return f"its allele {allele} is not in ALT"
        alt = self.alts[allele - 1]
        if alt in ("*", self.ref):  # a deletion that another line tells of
            return None
        if not alt or set(alt) - set("ACGT"):
            return f"its allele {alt[:20]} is not written out in letters"
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.ref, alt, strict=False)))
        ref, new = self.ref[shared:], alt[shared:]
        while ref and new and ref[-1] == new[-1]:
            ref, new = ref[:-1], new[:-1]
        return Variant(self.chrom, self.start + shared + 1, ref, new)


def _read_call(person: _Person, call: str, phase: str, number: int, site: _Site) -> None:
    match = _CALL.fullmatch(call)
    if match is None:
        person.reason = (
            person.reason or f"Line {number} has the genotype '{call[:20]}', which is not of one or two copies."
        )
        return
    alleles = [match[1]] if match[3] is None else [match[1], match[3]]
    if "." in alleles:
        person.reason = person.reason or f"The genotype on line {number} is not known."
        return
    carried = [site.variant(int(allele)) for allele in alleles]
    refused = next((one for one in carried if isinstance(one, str)), "")
    if refused:
        person.reason = person.reason or f"Line {number} cannot be put into letters: {refused}."
        return
    person.copies = person.copies or [[] for _ in alleles]
    if len(person.copies) != len(alleles):
        person.reason = (
            person.reason or f"Line {number} has {len(alleles)} copies, and the lines before it another number."
        )
        return
    if len(alleles) == 2 and carried[0] != carried[1]:
        person.differing += 1
        if match[2] == "|":
            person.phases.add(phase if phase != "." else "")
        else:
            person.unphased.append(f"line {number}")
    for copy, one in zip(person.copies, carried, strict=True):
        if isinstance(one, Variant):
            copy.append(one)


def _phased(sample: str, person: _Person) -> Phased:
    reason = person.reason
    if not reason and person.differing > 1 and person.unphased:
        reason = (
            f"The genotype on {person.unphased[0]} is not phased (0/1 and not 0|1), so it is not known which variants lie "
            "on one copy; phase the file first."
        )
    if not reason and len(person.phases) > 1:
        reason = "The variants lie in several phase sets (PS), so it is not known which of them lie on one copy."
    if reason:
        return Phased(sample, (), reason)
    return Phased(sample, tuple(tuple(sorted(copy)) for copy in person.copies) or ((), ()))
