"""Changes as MaveDB writes them (``g.``, ``n.``, ``c.``), as places and alleles of the genome's forward strand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from genome.errors import UserError
from genome.hgvs import parse_hgvs
from genome.sequence import reverse_complement

_EXAMPLE = "chr22:19,710,789 +"
_TARGET = re.compile(r"\s*([^\s:]{1,64})\s*[:\s]\s*([\d,]{1,16})\s*[:\s]?\s*([+\-\u2212]?)\s*")
_WRITTEN = re.compile(r"(?:(?P<reference>[^\s:]{1,64}):)?(?P<kind>[gmcnrp])\.(?P<change>\S{1,5000})")
_COUNTED = re.compile(r"(-?\d{1,9})(?:_(-?\d{1,9}))?([A-Za-z>]+)")
_UNCHANGED = {"_wt", "_sy", "=", "wt"}

Form = Literal["", "dup", "inv"]


class NeedsTarget(UserError):
    """A table whose positions are counted along its target, of which nobody said yet where it lies."""


class LeftOut(ValueError):
    """A row that is no single change of the genome: what such rows are called, in words that can be counted."""


@dataclass(frozen=True)
class TargetPlace:
    """Where the sequence that was mutated lies in the genome.

    Attributes:
        chrom: chromosome as it was typed.
        position: 1-based position of the target's first base (its base 1).
        strand: ``+``, or ``-`` where the target runs leftwards.
    """

    chrom: str
    position: int
    strand: Literal["+", "-"] = "+"

    def __str__(self) -> str:
        """As people type it."""
        return f"{self.chrom}:{self.position:,} {self.strand}"

    def of(self, counted: int) -> int:
        """The 1-based genome position of a base counted along the target; there is no base 0."""
        steps = counted - 1 if counted > 0 else counted
        return self.position + (steps if self.strand == "+" else -steps)


@dataclass(frozen=True)
class Allele:
    """One change, before the genome was asked.

    Attributes:
        chrom: chromosome or accession as written.
        position: 1-based position of the first base of ``ref``, or of the base that inserted ones come before.
        ref: bases that are replaced, forward strand; N where the text does not say them.
        alt: bases put in their place; empty for a deletion, and where ``form`` says what they are.
        form: ``dup`` or ``inv`` where the new bases follow from the old ones.
    """

    chrom: str
    position: int
    ref: str
    alt: str
    form: Form = ""


def parse_target(text: str) -> TargetPlace:
    """Reads ``chr22:19,710,789 +``: the place of a target's first base and its strand, forward unless said.

    Raises:
        UserError: when the text is not a place.
    """
    match = _TARGET.fullmatch(text)
    position = int(match[2].replace(",", "") or 0) if match else 0
    if match is None or position < 1:
        shown = " ".join(text.split())[:60]
        raise UserError(
            f"'{shown}' is not the place of a first base; write it as {_EXAMPLE}, or with - for the reverse."
        )
    return TargetPlace(match[1], position, "-" if match[3] in ("-", "\u2212") else "+")


def allele_of(text: str, target: TargetPlace | None) -> Allele:
    """Reads one cell of ``hgvs_nt``.

    Args:
        text: such as ``NC_000022.10:g.19710933C>T``, ``n.145C>T`` or ``c.-12del``.
        target: where base 1 of ``n.`` and ``c.`` lies; None where nobody said.

    Raises:
        LeftOut: when it is no single change of the genome.
        NeedsTarget: when it counts along a target and none is given.
    """
    change = text.strip()
    if change.lower() in ("", "na", "none", "nan"):
        raise LeftOut("row without a change in hgvs_nt")
    if change.lower() in _UNCHANGED or change.endswith("="):
        raise LeftOut("row of the unchanged sequence")
    if "[" in change or ";" in change:
        raise LeftOut("row of several changes at once")
    match = _WRITTEN.fullmatch(change)
    if match is None:
        raise LeftOut("row whose change cannot be read")
    if match["kind"] in "pr":
        raise LeftOut("row of a change of a protein or RNA")
    if match["kind"] in "gm":
        if not match["reference"]:
            raise LeftOut("row whose g. change names no chromosome")
        return _genomic(match["reference"], match["change"])
    if target is None:
        raise NeedsTarget(
            f"This table counts positions along its target ({change[:30]}): say where the target's first base lies and on "
            f"which strand, such as {_EXAMPLE}."
        )
    return _genomic(target.chrom, _on_genome(match["change"], target))


def _on_genome(change: str, target: TargetPlace) -> str:
    """A change counted along the target, as a g. change of the forward strand."""
    match = _COUNTED.fullmatch(change)
    if match is None or "0" in (match[1], match[2]):
        raise LeftOut("row at a place that lies in no target (intron, UTR or base 0)")
    ends = sorted(target.of(int(place)) for place in match.groups()[:2] if place is not None)
    if ends[0] < 1:
        raise LeftOut("row that lies before the chromosome")
    what = match[3]
    if target.strand == "-":
        what = re.sub(r"[ACGTN]+", lambda bases: reverse_complement(bases[0]), what)
    return f"{'_'.join(map(str, ends))}{what}"


def _genomic(chrom: str, change: str) -> Allele:
    try:
        found = parse_hgvs(f"{chrom}:g.{change}")
    except UserError as error:
        raise LeftOut("row whose change cannot be read") from error
    ref = "N" * (found.end - found.start) if found.ref is None else found.ref
    form: Form = "dup" if found.kind == "dup" else "inv" if found.kind == "inv" else ""
    return Allele(chrom, found.start + 1, ref, found.alt or "", form)
