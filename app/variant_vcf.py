"""Effects of variants as VCF: the whole input, its header kept, each line with INFO fields of Cislens. No Streamlit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from app.variant_table import VALUES, Table, number
from genome.bgzf import LAST, BgzfWriter
from genome.errors import UserError
from genome.home import replaced
from genome.locus import Locus
from genome.source import Genome
from genome.variant_files import VariantFile
from genome.variant_lines import encoded
from genome.variant_rows import VariantRow
from genome.variant_text import split
from interpret.variants import VariantEffects

MOST_UNREAD = 1_000  # lines that could not be read as VCF and are told in the header
_TITLE = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_OURS = re.compile(r"##(?:INFO=<ID=CISLENS_|cislens[=_])")
_ESCAPED = str.maketrans({"%": "%25", ";": "%3B", ",": "%2C", "=": "%3D", ":": "%3A", " ": "_", "\t": "_"})

Scored = tuple[VariantRow, list[list[float]]]  # a row and its values by track, in the order of VALUES


def write_vcf(out: Path, effects: Iterable[VariantEffects], table: Table, source: VariantFile) -> None:
    """Writes bgzip that tabix can index if the input was sorted.

    A VCF is read again in step with its effects: every line is kept as it is and gets fields, one value for each ALT
    allele. What cannot stand in a VCF (a line of too few columns, a position that is no number) is told in the header.
    Any other input becomes one line for each allele.
    """
    rows = _flat(effects, table)
    names = info_names(table)
    records = _annotated(source, rows) if source.is_vcf else _made(rows, table.genome)
    unread: list[VariantRow] = []
    n_unread, n_columns = 0, len(_TITLE)
    with replaced(out) as temporary, temporary.open("wb") as file, TemporaryFile(dir=out.absolute().parent) as body:
        packed = BgzfWriter(body)
        for fields, scored in records:
            if fields is None:
                n_unread += 1
                unread += [scored[0][0]] if n_unread <= MOST_UNREAD else []
                continue
            n_columns = max(n_columns, len(fields))
            packed.write(encoded("\t".join(_with_info(fields, _info(scored, names)))) + b"\n")
        packed.end()
        _write_header(file, _header(source, table, n_columns, names), unread, n_unread)
        body.seek(0)
        shutil.copyfileobj(body, file)
        file.write(LAST)


def info_names(table: Table) -> list[list[str]]:
    """The name of the INFO field of each track and value, unique and in the letters that VCF allows."""
    stems: list[str] = []
    for track in table.spec.tracks:
        stem = re.sub(r"[^0-9A-Za-z_]+", "_", track.name).strip("_") or "track"
        while stem in stems:
            stem += "_"
        stems.append(stem)
    return [[f"CISLENS_{stem}_{value.upper()}" for value in VALUES] for stem in stems]


def _flat(effects: Iterable[VariantEffects], table: Table) -> Iterator[Scored]:
    for chunk in effects:
        yield from zip(chunk.rows, table.values(chunk).tolist(), strict=True)


def _annotated(source: VariantFile, rows: Iterator[Scored]) -> Iterator[tuple[list[str] | None, list[Scored]]]:
    """The columns of each line of a VCF with the rows of its alleles; None where it cannot stand in a VCF."""
    groups = groupby(rows, key=lambda scored: scored[0].line)
    for line in source.lines():
        number_of_line, group = next(groups, (0, iter(())))
        if line.number != number_of_line:
            raise UserError(f"{source.name} has changed since it was scored; give another --out and score it again.")
        fields = line.text.split("\t")
        if len(fields) < 5:
            fields = split(line.text, "")
        sound = not line.fault and len(fields) >= 5 and all(fields[at] for at in (0, 1, 3, 4))
        sound = sound and fields[1].isascii() and fields[1].isdigit() and len(fields[1]) <= 10
        yield fields if sound else None, list(group)


def _made(rows: Iterator[Scored], genome: Genome) -> Iterator[tuple[list[str] | None, list[Scored]]]:
    """A line for each allele of a table or a list; None where it cannot stand in a VCF."""
    for row, values in rows:
        chrom, position, ref, alt = row.chrom, row.position, row.ref, row.alt
        if row.variant is not None and "-" in (ref, alt):
            chrom, position, ref, alt = _anchored(row, genome)
        sound = position > 0 and not re.search(r"\s", chrom + row.name) and bool(chrom)
        sound = sound and bool(re.fullmatch(r"[A-Za-z]+", ref)) and bool(re.fullmatch(r"[^\s,;-]+", alt))
        name = row.name or "."
        yield [chrom, str(position), name, ref, alt, ".", ".", "."] if sound else None, [(row, values)]


def _anchored(row: VariantRow, genome: Genome) -> tuple[str, int, str, str]:
    """An insertion or deletion with the base before it, as VCF writes it; at the start of a chromosome the one after."""
    variant = row.variant
    if variant is None:
        raise ValueError(f"{row=}")
    if variant.ref and variant.alt:
        return variant.chrom, variant.position, variant.ref, variant.alt
    at = variant.start - 1 if variant.start > 0 else variant.end
    base = genome.sequence(Locus(variant.chrom, at, at + 1)).bases
    if at < variant.start:
        return variant.chrom, variant.position - 1, base + variant.ref, base + variant.alt
    return variant.chrom, variant.position, variant.ref + base, variant.alt + base


def _info(scored: list[Scored], names: list[list[str]]) -> str:
    """The fields of one line: status and reason, and for each track and value one number an allele."""
    fields = [f"CISLENS_STATUS={','.join(row.status.replace(' ', '_') for row, _ in scored)}"]
    if any(row.reason for row, _ in scored):
        fields.append(f"CISLENS_REASON={','.join(_escaped(row.reason) or '.' for row, _ in scored)}")
    for track, of_track in enumerate(names):
        for at, name in enumerate(of_track):
            values = [number(values[track][at], ".") for _, values in scored]
            if set(values) != {"."}:
                fields.append(f"{name}={','.join(values)}")
    return ";".join(fields)


def _with_info(fields: list[str], info: str) -> list[str]:
    """The line's columns with fields added to INFO; those of an earlier run of Cislens are replaced."""
    fields = fields + ["."] * (len(_TITLE) - len(fields))
    kept = [part for part in fields[7].split(";") if part not in ("", ".") and not part.startswith("CISLENS_")]
    fields[7] = ";".join([*kept, info])
    return fields


def _header(source: VariantFile, table: Table, n_columns: int, names: list[list[str]]) -> list[str]:
    """The input's own header with our declarations before its last line."""
    kept = [line for line in source.header if not _OURS.match(line)]
    if not kept or not kept[0].startswith("##fileformat="):
        kept.insert(0, "##fileformat=VCFv4.2")
    title = next((at for at, line in enumerate(kept) if line.startswith("#CHROM")), None)
    if title is None:
        samples = ["FORMAT", *(f"sample{index}" for index in range(1, n_columns - 8))] if n_columns > 8 else []
        kept.append("\t".join([*_TITLE, *samples]))
        title = len(kept) - 1
    said = 'Description="What became of the allele: ok, or why it has no effect"'
    ours = [f"##INFO=<ID=CISLENS_STATUS,Number=.,Type=String,{said}>"]
    ours.append('##INFO=<ID=CISLENS_REASON,Number=.,Type=String,Description="The reason in one sentence, escaped">')
    for track, of_track in zip(table.spec.tracks, names, strict=True):
        for (value, words), name in zip(VALUES.items(), of_track, strict=True):
            kind = "Integer" if value == "agree" else "Float"
            text = _quoted(f"{track.name}: {words} ({track.unit})" if kind == "Float" else f"{track.name}: {words}")
            ours.append(f'##INFO=<ID={name},Number=A,Type={kind},Description="{text}">')
    return [*kept[:title], *ours, *(f"##cislens={line}" for line in table.about), kept[title]]


def _write_header(file: IO[bytes], lines: list[str], unread: list[VariantRow], n_unread: int) -> None:
    packed = BgzfWriter(file)
    told = [
        f'##cislens_unread=<Line={row.line},Reason="{_quoted(row.reason)}",Begins="{_quoted(row.chrom)}">'
        for row in unread
    ]
    if n_unread > len(unread):
        told.append(f'##cislens_unread=<Line=0,Reason="and {n_unread - len(unread):,} more">')
    for line in (*lines[:-1], *told, lines[-1]):
        packed.write(encoded(line) + b"\n")
    packed.end()


def _quoted(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate(_ESCAPED)
