"""Changes in genomic HGVS notation (g.), turned into variants."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genome.errors import UserError

_EXAMPLE = "NC_000022.10:g.19710933C>T"
_HGVS = re.compile(r"\s*([^\s:]{1,64})\s*:\s*([gcmnpr])\.\s*(\S{1,5000})\s*", re.IGNORECASE)
_CHANGE = re.compile(
    r"(?P<start>\d{1,12})(?:_(?P<end>\d{1,12}))?"
    r"(?:(?P<ref>[ACGTN]+)>(?P<alt>[ACGTN]+)|(?P<kind>delins|del|ins|dup|inv)(?P<bases>[ACGTN]*)(?:ins(?P<more>[ACGTN]+))?)",
    re.IGNORECASE,
)
# RefSeq accessions: number of chromosome 1, names in order, and the version that each assembly uses.
_HUMAN = [*map(str, range(1, 23)), "X", "Y"]
_MOUSE = [*map(str, range(1, 20)), "X", "Y"]
_YEAST = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
_GRCH37 = [10, 11, 11, 11, 9, 11, 13, 10, 11, 10, 9, 11, 10, 8, 9, 9, 10, 9, 9, 10, 8, 10, 10, 9]
_SERIES = (
    ("GRCh37", 1, _HUMAN, _GRCH37),
    ("GRCh38", 1, _HUMAN, [version + 1 for version in _GRCH37]),
    ("GRCm38", 67, _MOUSE, [6] * 19 + [7, 7]),
    ("GRCm39", 67, _MOUSE, [7] * 19 + [8, 8]),
    ("R64-1-1", 1133, _YEAST, [9, 8, 5, 10, 3, 5, 9, 6, 2, 9, 9, 5, 3, 8, 6, 4]),
)
_MITOCHONDRIAL = {"NC_012920.1": ("GRCh37", "GRCh38"), "NC_005089.1": ("GRCm38", "GRCm39"), "NC_001224.1": ("R64-1-1",)}


@dataclass(frozen=True)
class HgvsChange:
    """A g. change as written, before the genome was asked.

    Attributes:
        reference: the accession or chromosome before the colon.
        start: first changed base, 0-based (for an insertion the base the new ones come before).
        end: one past the last changed base, 0-based; equal to ``start`` for an insertion.
        ref: the reference bases if they were written, else None.
        alt: the new bases; None when the genome must be read first (``dup``, ``inv``).
        kind: ``>``, ``del``, ``ins``, ``delins``, ``dup`` or ``inv``.
    """

    reference: str
    start: int
    end: int
    ref: str | None
    alt: str | None
    kind: str


def is_hgvs(text: str) -> bool:
    """Whether the text has the form of an HGVS change (it may be one that cannot be used)."""
    return bool(_HGVS.fullmatch(text))


def parse_hgvs(text: str) -> HgvsChange:
    """Reads a g. change: substitution, del, ins, delins, dup, inv.

    Raises:
        UserError: when it is another kind of HGVS, or cannot be read.
    """
    match = _HGVS.fullmatch(text)
    shown = " ".join(text.split())[:60]
    if not match:
        raise UserError(f"'{shown}' is not a change in HGVS; write it as {_EXAMPLE}.")
    if match[2].lower() not in "gm":
        raise UserError(
            f"'{shown}' counts along a transcript or a protein; give the genomic change, such as {_EXAMPLE}."
        )
    change = _CHANGE.fullmatch(match[3])
    if not change:
        raise UserError(f"'{shown}' is not a g. change that can be read; write it as {_EXAMPLE}.")
    start, end = int(change["start"]), int(change["end"] or change["start"])
    if start < 1 or end < start:
        raise UserError(f"The positions in '{shown}' are out of order; write it as {_EXAMPLE}.")
    return _change(match[1], start, end, change, shown)


def chromosome_of(accession: str, build: str) -> str | None:
    """The chromosome of a RefSeq accession in an assembly (22, X, IV, MT); None when it is no such accession.

    Raises:
        UserError: when it belongs to another assembly, or has no version, naming the one that fits.
    """
    match = re.fullmatch(r"(NC_\d{6,9})(?:\.(\d{1,3}))?", accession.upper())
    if not match:
        return None
    builds = list(_MITOCHONDRIAL.get(accession.upper(), ()))
    if build in builds:
        return "MT"
    for series, first, names, versions in _SERIES:
        index = int(match[1][3:]) - first
        if not 0 <= index < len(names):
            continue
        if series == build and match[2] in (None, str(versions[index])):
            if match[2] is None:
                raise UserError(f"{accession} has no version; write {match[1]}.{versions[index]} for {build}.")
            return names[index]
        if match[2] == str(versions[index]):
            builds.append(series)
    if builds:
        raise UserError(f"{accession} belongs to {builds[0]}, and this genome is {build}; choose the genome that fits.")
    raise UserError(f"{accession} is not a chromosome of {build}; give its name, such as chr22:g.19710933C>T.")


def _change(reference: str, start: int, end: int, change: re.Match[str], shown: str) -> HgvsChange:
    """The parsed pieces, checked against each other; positions become 0-based."""
    if change["alt"]:
        ref, alt = change["ref"].upper(), change["alt"].upper()
        end = start + len(ref) - 1 if change["end"] is None else end
        _check_length(ref, start, end, shown)
        return HgvsChange(reference, start - 1, end, ref, alt, ">")
    kind, bases = change["kind"].lower(), change["bases"].upper()
    if change["more"] and kind != "del":
        raise UserError(f"'{shown}' is not a g. change that can be read; write it as {_EXAMPLE}.")
    if change["more"]:
        kind, ref, alt = "delins", bases or None, change["more"].upper()
    elif kind in ("ins", "delins"):
        if not bases:
            raise UserError(f"'{shown}' does not say which bases are put in; write them after '{kind}'.")
        ref, alt = None, bases
    else:
        ref, alt = bases or None, "" if kind == "del" else None
    if kind == "ins":
        if end != start + 1:
            raise UserError(f"An insertion names the two bases it goes between, such as g.{start}_{start + 1}insA.")
        return HgvsChange(reference, start, start, "", alt, kind)
    if ref is not None:
        _check_length(ref, start, end, shown)
    return HgvsChange(reference, start - 1, end, ref, alt, kind)


def _check_length(ref: str, start: int, end: int, shown: str) -> None:
    if len(ref) != end - start + 1:
        raise UserError(f"'{shown}' names {len(ref)} bases for {end - start + 1} positions; correct one of them.")
