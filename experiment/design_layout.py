"""What an oligo is made of around its element, and which words may not stand in it on either strand. Text only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from genome.errors import UserError
from genome.sequence import BASES, reverse_complement

SHORTEST_BARCODE, LONGEST_BARCODE = 6, 20
LONGEST_OLIGO = 500  # what can be synthesised in a pool at all
ADAPTOR_WORD = 8  # a barcode shares no word of so many letters with an adaptor
SHORTEST_SITE, LONGEST_SITE = 4, 20

# IUPAC letters of recognition sites.
_IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "[AG]", "Y": "[CT]", "S": "[CG]", "W": "[AT]", "K": "[GT]", "M": "[AC]",
    "B": "[CGT]", "D": "[AGT]", "H": "[ACT]", "V": "[ACG]", "N": "[ACGT]",
}  # fmt: skip
_OTHER_STRAND = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")

# Recognition sites of enzymes that libraries are cloned with.
ENZYMES: Mapping[str, str] = {
    "AgeI": "ACCGGT", "AscI": "GGCGCGCC", "BamHI": "GGATCC", "BbsI": "GAAGAC", "BsaI": "GGTCTC", "BsmBI": "CGTCTC",
    "BsrGI": "TGTACA", "BstXI": "CCANNNNNNTGG", "EcoRI": "GAATTC", "HindIII": "AAGCTT", "KpnI": "GGTACC", "MfeI": "CAATTG",
    "MluI": "ACGCGT", "NheI": "GCTAGC", "NotI": "GCGGCCGC", "PacI": "TTAATTAA", "SalI": "GTCGAC", "SbfI": "CCTGCAGG",
    "SfiI": "GGCCNNNNNGGCC", "SpeI": "ACTAGT", "SphI": "GCATGC", "XbaI": "TCTAGA", "XhoI": "CTCGAG",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """An oligo, read 5' to 3': left adaptor, element, middle, barcode, right adaptor.

    Attributes:
        name: what people call it.
        left: the 5' adaptor, ACGT.
        middle: what stands between element and barcode (cloning sites), ACGT, possibly empty.
        right: the 3' adaptor, ACGT.
        barcode_length: in bases; 0 where barcodes are not part of the oligo.
        gc_low, gc_high: smallest and largest share of G and C in a barcode.
        longest_run: the longest run of one base that touches a barcode.
        sites: names of ENZYMES, or words of IUPAC letters, which may not touch an element or a barcode on either strand.
        longest_oligo: the longest oligo that the supplier makes, in bases.
    """

    name: str
    left: str
    middle: str
    right: str
    barcode_length: int
    gc_low: float = 0.35
    gc_high: float = 0.65
    longest_run: int = 3
    sites: tuple[str, ...] = ()
    longest_oligo: int = 300

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", tuple(self.sites))
        for words, bases in (("left adaptor", self.left), ("middle", self.middle), ("right adaptor", self.right)):
            object.__setattr__(self, words.split()[0], bases.upper())
            if not set(bases.upper()) <= set(BASES) or len(bases) > 100:
                raise UserError(f"The {words} must be at most 100 letters A, C, G and T; correct it.")
        if self.barcode_length and not SHORTEST_BARCODE <= self.barcode_length <= LONGEST_BARCODE:
            raise UserError(
                f"Barcodes have from {SHORTEST_BARCODE} to {LONGEST_BARCODE} bases (0: none in the oligo), and this asks for "
                f"{self.barcode_length}."
            )
        if not 0 <= self.gc_low <= self.gc_high <= 1:
            raise UserError("The share of G and C in a barcode must be from 0 to 1, the smaller number first.")
        if not 1 <= self.longest_run <= LONGEST_BARCODE:
            raise UserError(f"The longest run of one base must be from 1 to {LONGEST_BARCODE}.")
        if not 1 <= self.longest_oligo <= LONGEST_OLIGO:
            raise UserError(
                f"An oligo can have at most {LONGEST_OLIGO} bases, and this asks for {self.longest_oligo:,}."
            )
        for site in self.sites:
            site_letters(site)

    def oligo(self, bases: str, barcode: str = "") -> str:
        """The whole oligo of an element."""
        return f"{self.left}{bases}{self.middle}{barcode}{self.right}"

    def oligo_length(self, element_length: int) -> int:
        """Length of an oligo whose element has so many bases."""
        fixed = len(self.left) + len(self.middle) + len(self.right)
        return fixed + self.barcode_length + element_length

    def check_length(self, element_length: int) -> None:
        """Raises a UserError that says how long an element can be, where this one is too long for the oligo."""
        length = self.oligo_length(element_length)
        if element_length < 1 or length > self.longest_oligo:
            most = self.longest_oligo - self.oligo_length(0)
            raise UserError(
                f"Elements of {element_length:,} bases make oligos of {length:,}, and the longest is {self.longest_oligo:,}: take "
                f"elements of at most {most:,} bases, or a longer oligo."
                if most > 0
                else f"The adaptors and the barcode alone have {self.oligo_length(0):,} bases, and the longest oligo is "
                f"{self.longest_oligo:,}: shorten them."
            )

    @cached_property
    def forbidden(self) -> tuple[Word, ...]:
        """Sites and whole adaptors, as they read on either strand of the oligo."""
        words = [(site, site_letters(site)) for site in self.sites]
        words += [
            (name, bases) for name, bases in (("left adaptor", self.left), ("right adaptor", self.right)) if bases
        ]
        return tuple(Word(name, letters) for name, letters in words)

    @cached_property
    def reach(self) -> int:
        """How many bases beyond a stretch decide whether a forbidden word, or a word of an adaptor, touches it."""
        return max([ADAPTOR_WORD, self.longest_run + 1, *(len(word.letters) for word in self.forbidden)]) - 1

    @cached_property
    def screens(self) -> tuple[tuple[int, re.Pattern[str]], ...]:
        """What may not touch a barcode, by length: runs, sites and adaptors on either strand, words of adaptors.

        Each pattern matches words of its one length, so that in a text that reaches that length less one beyond a barcode on both
        sides every match touches it.
        """
        words: dict[int, dict[str, None]] = {
            self.longest_run + 1: {base * (self.longest_run + 1): None for base in BASES}
        }
        for word in self.forbidden:
            words.setdefault(len(word.letters), {}).update(dict.fromkeys(word.strands))
        for bases in (self.left, self.right):
            for strand in (bases, reverse_complement(bases)):
                for i in range(len(strand) - ADAPTOR_WORD + 1):
                    words.setdefault(ADAPTOR_WORD, {})[strand[i : i + ADAPTOR_WORD]] = None
        return tuple((length, re.compile("|".join(map(_pattern, found)))) for length, found in sorted(words.items()))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"sites": list(self.sites)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Layout:
        """Reads ``to_json``."""
        return cls(**dict(record))


@dataclass(frozen=True)
class Word:
    """A word that may not stand in what varies.

    Attributes:
        name: of the enzyme or the adaptor.
        letters: IUPAC letters, as read on one strand.
    """

    name: str
    letters: str

    @cached_property
    def strands(self) -> tuple[str, ...]:
        """Its letters as they read along the oligo, from either strand."""
        return tuple(dict.fromkeys((self.letters, self.letters.translate(_OTHER_STRAND)[::-1])))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it on either strand."""
        return re.compile("|".join(map(_pattern, self.strands)))

    def touches(self, text: str, start: int, end: int) -> bool:
        """Whether it shares a base with ``start`` to ``end`` (0-based half-open) of a text."""
        beyond = len(self.letters) - 1
        return self.pattern.search(text, max(0, start - beyond), min(len(text), end + beyond)) is not None


def _pattern(letters: str) -> str:
    return "".join(_IUPAC[letter] for letter in letters)


def site_letters(site: str) -> str:
    """The letters of an enzyme's name or of a written site.

    Raises:
        UserError: when it is neither.
    """
    named = {name.upper(): letters for name, letters in ENZYMES.items()}
    letters = named.get(site.strip().upper(), site.strip().upper())
    if not SHORTEST_SITE <= len(letters) <= LONGEST_SITE or not set(letters) <= set(_IUPAC):
        raise UserError(
            f"'{site.strip()[:30]}' is neither an enzyme that is known here nor a site of {SHORTEST_SITE} to {LONGEST_SITE} letters; "
            f"write a name such as {', '.join(list(ENZYMES)[8:11])}, or the letters of its site."
        )
    if set(letters) == {"N"}:
        raise UserError("A site of N alone stands everywhere; write the letters of the site.")
    return letters


def forbidden_in(layout: Layout, bases: str) -> tuple[str, ...]:
    """Names of the sites and adaptors that touch an element in its oligo, apart from what only its barcode decides."""
    after = layout.middle if layout.barcode_length else layout.middle + layout.right
    text, start = layout.left + bases + after, len(layout.left)
    end = start + len(bases)
    return tuple(word.name for word in layout.forbidden if word.touches(text, start, end))


# The first is offered first. All are read 5' to 3'.
LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "barcode after KpnI, XbaI",
            "ACTGGCCGCTTCACTG",
            "GGTACCTCTAGA",
            "AGATCGGAAGAGCGTCG",
            12,
            sites=("KpnI", "XbaI", "SfiI"),
        ),
        Layout(
            "barcode after SpeI, SphI",
            "GTAGCGTCTGTCCGTGAATTC",
            "ACTAGTCGCATGC",
            "GCGGCCGCCAACTACTACTACAG",
            10,
            sites=("EcoRI", "SpeI", "SphI", "NotI"),
        ),
        Layout(
            "lentiMPRA (barcodes come with the PCR)",
            "AGGACCGGATCAACT",
            "",
            "CATTGCGTGAACCGA",
            0,
            sites=("AgeI", "SbfI"),
        ),
    )
}
GUIDE_LAYOUT = Layout(
    "guide between BsmBI sites",
    "CGTCTCACACCG",
    "",
    "GTTTCGAGACG",
    0,
    gc_low=0.2,
    gc_high=0.8,
    longest_run=4,
    sites=("BsmBI",),
)
