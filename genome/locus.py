"""Places in a genome. The only module that converts between 0-based and 1-based coordinates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genome.errors import UserError

_NUMBER = r"\d{1,3}(?:\.\d{3})+(?!\d)|\d[\d,_]*"
_LOCUS = re.compile(rf"^\s*([^\s:]{{1,64}})\s*:\s*({_NUMBER})\s*(?:(?:-|\u2013|\.\.|\s)\s*({_NUMBER}))?\s*$")
_VARIANT = re.compile(
    r"^\s*([^\s:]{1,64})[:\s-]+([\d,_]+)[:\s-]*([ACGTNacgtn]*|-)\s*(?:>|/|-|:|\s)\s*([ACGTNacgtn]*|-)\s*$"
)
_EXAMPLE = "chr22:19,710,700-19,711,200"


@dataclass(frozen=True, order=True)
class Locus:
    """A stretch of a chromosome, 0-based half-open, forward strand. It may hang off either end of the chromosome.

    Attributes:
        chrom: sequence name as the genome spells it.
        start: first base, 0-based; negative when the stretch hangs off the left end.
        end: one past the last base, 0-based.
    """

    chrom: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not self.chrom:
            raise ValueError(f"{self.chrom=}")
        if self.end <= self.start:
            raise ValueError(f"a locus needs start < end: {self.start=}, {self.end=}")

    @property
    def length(self) -> int:
        """Length in bp."""
        return self.end - self.start

    def __str__(self) -> str:
        """1-based inclusive text with thousands separators, as people write it."""
        return f"{self.chrom}:{self.start + 1:,}-{self.end:,}"

    def resized(self, length: int) -> Locus:
        """The locus of ``length`` bp with the same centre (the extra base of an odd difference goes right)."""
        start = self.start + (self.length - length) // 2
        return Locus(self.chrom, start, start + length)

    def extended(self, flank: int) -> Locus:
        """The locus with ``flank`` bp more on either side."""
        return Locus(self.chrom, self.start - flank, self.end + flank)

    def shifted(self, by: int) -> Locus:
        """The locus moved ``by`` bp to the right."""
        return Locus(self.chrom, self.start + by, self.end + by)

    def contains(self, position: int) -> bool:
        """Whether a 0-based position lies inside."""
        return self.start <= position < self.end


@dataclass(frozen=True, order=True)
class Variant:
    """A change of bases at a place, as VCF writes it; either allele may be empty here (a plain insertion or deletion).

    Attributes:
        chrom: sequence name as the genome spells it.
        position: 1-based position of the first base of ``ref`` (VCF POS); for an empty ``ref`` the base that the
            inserted bases come before.
        ref: reference bases, upper case, possibly empty.
        alt: new bases, upper case, possibly empty.
    """

    chrom: str
    position: int
    ref: str
    alt: str

    def __post_init__(self) -> None:
        if self.position < 1:
            raise ValueError(f"{self.position=}")
        if not set(self.ref + self.alt) <= set("ACGTN") or self.ref == self.alt:
            raise ValueError(f"{self.ref=}, {self.alt=}")

    @property
    def start(self) -> int:
        """0-based position of the first changed base."""
        return self.position - 1

    @property
    def end(self) -> int:
        """0-based position one past the last base of ``ref``."""
        return self.start + len(self.ref)

    def __str__(self) -> str:
        """``chr22:19,710,933 C>T``; an empty allele is written ``-``."""
        return f"{self.chrom}:{self.position:,} {self.ref or '-'}>{self.alt or '-'}"


def parse_locus(text: str) -> Locus:
    """Reads ``chr22:19,710,700-19,711,200`` (1-based, inclusive; one position alone is one base).

    Raises:
        UserError: when the text is not a locus, or its start lies after its end.
    """
    match = _LOCUS.match(text)
    if not match:
        raise UserError(f"'{_short(text)}' is not a locus; write it as {_EXAMPLE}.")
    start = _number(match[2], text)
    end = _number(match[3], text) if match[3] else start
    if start > end:
        raise UserError(
            f"The start {start:,} lies after the end {end:,}; write the smaller number first, as in {_EXAMPLE}."
        )
    if start < 1:
        raise UserError(
            f"Positions are counted from 1, and '{_short(text)}' starts at {start}; write it as {_EXAMPLE}."
        )
    return Locus(match[1], start - 1, end)


def is_locus(text: str) -> bool:
    """Whether the text has the form of a locus (its numbers may still be wrong)."""
    return bool(_LOCUS.match(text))


def parse_variant(text: str) -> Variant:
    """Reads ``chr22:19710933 C>T`` (also ``chr22-19710933-C-T`` and ``chr22:19710933:C:T``); ``-`` is an empty allele.

    Raises:
        UserError: when the text is not a variant.
    """
    chrom, position, ref, alt = written_variant(text)
    if position < 1 or ref == alt:
        raise UserError(f"'{_short(text)}' changes nothing or lies before base 1; write it as chr22:19,710,933 C>T.")
    return Variant(chrom, position, ref, alt)


def written_variant(text: str) -> tuple[str, int, str, str]:
    """Chromosome, 1-based position, REF and ALT as ``parse_variant`` reads them, whether or not they make sense.

    Raises:
        UserError: when the text has not the form of a variant.
    """
    match = _VARIANT.match(text)
    if not match:
        raise UserError(f"'{_short(text)}' is not a variant; write it as chr22:19,710,933 C>T.")
    ref, alt = (allele.upper().replace("-", "") for allele in (match[3], match[4]))
    return match[1], _number(match[2], text), ref, alt


def is_variant(text: str) -> bool:
    """Whether the text has the form of a variant."""
    return bool(_VARIANT.match(text)) and not is_locus(text)


def _number(text: str, whole: str) -> int:
    digits = re.sub(r"[,_.]", "", text)
    if not digits.isdigit() or len(digits) > 12:
        raise UserError(f"'{_short(whole)}' is not a locus; write it as {_EXAMPLE}.")
    return int(digits)


def _short(text: str, limit: int = 60) -> str:
    """What was typed, cut so that a message stays one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"
