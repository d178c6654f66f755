"""One line of VCF, of a table, or as a person types it, into the alleles that it asks about."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

from genome.errors import UserError
from genome.hgvs import is_hgvs
from genome.locus import is_variant, written_variant
from genome.resolve import Lookup, hgvs_variant, rsid_in
from genome.source import Genome
from genome.variant_lines import Line
from genome.variant_rows import VariantRow

SPACES = "Its columns are separated by spaces, not tabs."
COLUMNS = "Its number of columns is not that of the header."
_MAX_POSITION = 10**12
_INTEGER = re.compile(r"-?\d{1,30}", re.ASCII)
_LETTERS = re.compile(r"(?:[A-Za-z]+|[-.*]|<[^>]*>)(?:,(?:[A-Za-z]+|[-.*]|<[^>]*>))*")
_NAMES = {
    "chrom": ("chrom", "chr", "chromosome", "contig"),
    "pos": ("pos", "position"),
    "id": ("id", "name", "rsid", "variant_id"),
    "ref": ("ref", "reference", "ref_allele", "reference_allele"),
    "alt": ("alt", "alternate", "alt_allele", "alternate_allele"),
}
_TITLES = ("variant", "variants", "hgvs", "hgvs_g", "hgvs_nt", "rsid", "id")


@dataclass(frozen=True)
class Columns:
    """Where a table keeps what makes a variant.

    Attributes:
        chrom, pos, ref, alt: index of the column, from 0.
        name: that of the ID, or None.
        count: number of columns of the header; 0 where there is none.
        separator: between the columns; empty for white space.
        is_vcf: whether ``-`` is no allele, as in VCF; in tables it is an empty one.
    """

    chrom: int
    pos: int
    ref: int
    alt: int
    name: int | None
    count: int = 0
    separator: str = "\t"
    is_vcf: bool = False


VCF = Columns(0, 1, 3, 4, 2, is_vcf=True)


def split(text: str, separator: str) -> list[str]:
    """The columns of a line; of CSV without their quotes."""
    if separator == "\t":
        return text.split("\t")
    if not separator:
        return text.split()
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:  # a field of more than 128 kB
        return text.split(separator)


def columns_of(text: str) -> Columns | None:
    """The columns that a header names; None when the line is no header.

    Raises:
        UserError: when it is one that lacks a column.
    """
    for separator in ("\t", ",", ";", ""):
        names = [name.strip(" #\"'").lower() for name in split(text, separator)]
        found = {key: [names.index(name) for name in known if name in names] for key, known in _NAMES.items()}
        if not found["chrom"] or not found["pos"]:
            continue
        missing = [key for key in ("ref", "alt") if not found[key]]
        if missing and text.startswith("#"):
            continue  # a comment that speaks of a place
        if missing:
            raise UserError(f"The table has no column {' or '.join(missing)}; it needs chrom, pos, ref and alt.")
        chrom, pos, ref, alt = (found[key][0] for key in ("chrom", "pos", "ref", "alt"))
        return Columns(chrom, pos, ref, alt, found["id"][0] if found["id"] else None, len(names), separator)
    return None


def alleles_of_columns(line: Line, columns: Columns) -> list[VariantRow]:
    """One row for each ALT allele of a line of VCF or of a table; one row, refused, when it cannot be divided."""
    fields, notice = split(line.text, columns.separator), ""
    needed = max(columns.chrom, columns.pos, columns.ref, columns.alt) + 1
    if len(fields) < needed and columns.separator == "\t" and len(line.text.split()) >= needed:
        fields, notice = line.text.split(), SPACES
    if len(fields) < needed:
        return [not_a_variant(line, f"It has {len(fields)} columns, and needs at least {needed}.")]
    if columns.count and len(fields) != columns.count:
        notice = f"{notice} {COLUMNS}".strip()
    name = fields[columns.name].strip() if columns.name is not None and columns.name < len(fields) else ""
    chrom, pos, ref, alt = (fields[i].strip() for i in (columns.chrom, columns.pos, columns.ref, columns.alt))
    return _rows(line, (chrom, pos, "" if name == "." else name, ref, alt), columns.is_vcf, notice)


def alleles_of_text(line: Line, genome: Genome, lookup: Lookup | None) -> list[VariantRow]:
    """One row for each allele of a line in any form that people use.

    ``chr22:19710933 C>T``, ``chr22-19710933-C-T``, a line of VCF, columns chrom, pos, (id,) ref, alt, a g. HGVS change,
    or an rsID.
    """
    text = line.text.strip()
    if is_variant(text):
        try:
            chrom, position, ref, alt = written_variant(text)
        except UserError as error:
            return [not_a_variant(line, str(error))]
        return [VariantRow(line.number, chrom, position, "", ref or "-", alt or "-")]
    if is_hgvs(text):
        return [_from_hgvs(line, text, genome)]
    if rsid := rsid_in(text):
        return _from_rsid(line, rsid, genome, lookup)
    separator = next((mark for mark in ("\t", ",", ";") if mark in text), "")
    fields = split(text, separator)
    if len(fields) < 4 and len(text.split()) >= 4:
        fields = text.split()
    if len(fields) >= 4:
        at = VCF if len(fields) >= 5 and _are_alleles(fields[3], fields[4]) else Columns(0, 1, 2, 3, None)
        if at is VCF or _are_alleles(fields[2], fields[3]):
            name = fields[2].strip() if at is VCF else ""
            chrom, pos, ref, alt = (fields[i].strip() for i in (at.chrom, at.pos, at.ref, at.alt))
            return _rows(line, (chrom, pos, "" if name == "." else name, ref, alt), False, "")
    shown = " ".join(text.split())[:60]
    return [not_a_variant(line, f"'{shown}' is not a variant; write it as chr22:19,710,933 C>T, or as a line of VCF.")]


def is_title(text: str) -> bool:
    """Whether the first line of a list only says what the lines are."""
    return text.strip().strip('"').lower() in _TITLES


def not_a_variant(line: Line, reason: str) -> VariantRow:
    """The row of a line that cannot be understood; what its first columns hold is kept."""
    fields = [*line.text[:200].split()[:1], ""]
    return VariantRow(line.number, fields[0][:60], 0, "", "", "", "not a variant", reason)


def _rows(line: Line, fields: Seq[str], strict: bool, notice: str) -> list[VariantRow]:
    chrom, pos, name, ref, alts = fields
    position = _position(pos, strict)
    row = VariantRow(line.number, chrom, position or 0, name, ref, "", notice=notice)
    rows = [replace(row, alt=alt.strip()) for alt in alts.split(",")]
    if not chrom:
        return [row.refused("not a variant", "It names no chromosome.") for row in rows]
    if position is None:
        return [row.refused("not a variant", f"Its position '{pos[:30]}' is not a whole number.") for row in rows]
    if strict and "-" in (ref, *(row.alt for row in rows)):
        said = "'-' is no allele in VCF; write the base before it with both alleles."
        return [row.refused("not a variant", said) if "-" in (ref, row.alt) else row for row in rows]
    return rows


def _position(text: str, strict: bool) -> int | None:
    digits = text if strict else text.replace(",", "").replace("_", "")
    if not _INTEGER.fullmatch(digits) or abs(int(digits)) > _MAX_POSITION:
        return None
    return int(digits)


def _are_alleles(ref: str, alt: str) -> bool:
    return bool(_LETTERS.fullmatch(ref.strip()) and (_LETTERS.fullmatch(alt.strip()) or re.search(r"[][<*]", alt)))


def _from_hgvs(line: Line, text: str, genome: Genome) -> VariantRow:
    try:
        variant = hgvs_variant(text, genome)
    except UserError as error:
        return replace(not_a_variant(line, str(error)), name=text)
    return VariantRow(line.number, variant.chrom, variant.position, text, variant.ref or "-", variant.alt or "-")


def _from_rsid(line: Line, rsid: str, genome: Genome, lookup: Lookup | None) -> list[VariantRow]:
    if lookup is None:
        said = (
            f"Looking up {rsid} would send it to Ensembl, which is not allowed or not possible for {genome.name}; allow "
            "remote reading, or give its position and alleles."
        )
        return [replace(not_a_variant(line, said), name=rsid)]
    try:
        known = lookup.variant(rsid)
    except UserError as error:
        return [replace(not_a_variant(line, str(error)), name=rsid)]
    return [
        VariantRow(line.number, known.chrom, known.start + 1, rsid, known.ref or "-", alt or "-") for alt in known.alts
    ]
