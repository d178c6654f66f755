"""Many variants as a table: which columns it has, what stands above it, and how it is written. No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.export import RESEARCH_USE
from genome.home import replaced
from genome.source import Genome, genome_digest
from genome.variant_rows import VariantRow
from interpret import background
from interpret.variants import VariantEffects
from models.core import ModelSpec

FIELDS = ("chrom", "pos", "id", "ref", "alt", "status", "reason", "notice", "variant", "line")
VALUES = {  # column of a track -> what it says
    "ref": "prediction with REF",
    "alt": "prediction with ALT",
    "effect": "ALT - REF",
    "sd": "standard deviation of the effect between the members of the model",
    "low": "smallest effect over the placements of the window",
    "high": "largest effect over the placements of the window",
    "agree": "whether every member gives the effect the same sign",
    "percentile": "share of the null below the size of the effect, in per cent",
}
_ROWS_PER_GROUP = 65_536  # of parquet


@dataclass(frozen=True)
class Table:
    """What a table of variants is about; everything but the variants.

    Attributes:
        spec: the model.
        genome: the genome.
        null: what percentiles are percentiles of; None where the model has no such set.
    """

    spec: ModelSpec
    genome: Genome
    null: background.Background | None

    @property
    def about(self) -> tuple[str, ...]:
        """What stands above the table, one sentence a line."""
        spec, placements = self.spec, self.spec.placements
        where = "centred on the change"
        if placements > 1:
            where = f"around the change, moved by up to a quarter window ({placements} placements, their mean)"
        return (
            f"Cislens {version('cislens')}. {RESEARCH_USE}",
            f"Model {spec.model_id}: mean over {_counted(spec.n_members, 'member')} and strands {' '.join(spec.strands)}.",
            f"Genome {self.genome.name} ({self.genome.build}), digest {genome_digest(self.genome)}.",
            f"Each variant alone, in windows of {spec.input_length:,} bp {where}; both alleles start at the same base.",
            *(f"{track.name}: effect = ALT - REF, in {_unit(track.unit, track.kind)}." for track in spec.tracks),
            *(f"{track.name}: {self._null_of(track.name)}" for track in spec.tracks),
            *(
                ["This model has one member, so there is neither a spread of members nor their agreement."]
                * (spec.n_members < 2)
            ),
        )

    def percentiles(self, effects: VariantEffects) -> npt.NDArray[np.float32]:
        """float32 (n, tracks), from 0 to 100; NaN where there is none: the null holds single-base changes only."""
        found = np.full(effects.delta.shape, np.nan, dtype=np.float32)
        snvs = np.array([is_snv(row) for row in effects.rows], dtype=bool)[:, None]
        deltas = np.where(snvs, effects.delta, np.float32(np.nan))
        if self.null is not None:
            for index, track in enumerate(self.spec.tracks):
                ranks, _ = self.null.rank_effects(track.name, deltas[:, index], synthetic=self.genome.synthetic)
                if ranks is not None:
                    found[:, index] = ranks
        return found

    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return FIELDS + tuple(f"{track.name}:{value}" for track in self.spec.tracks for value in VALUES)

    def values(self, effects: VariantEffects) -> npt.NDArray[np.float32]:
        """float32 (n, tracks, values) in the order of ``VALUES``; NaN where there is none, agreement as 0 or 1.

        A model of one member has neither a spread nor agreement.
        """
        several = np.isfinite(effects.delta) & (self.spec.n_members > 1)
        agree = np.where(several, effects.signs_agree, np.float32(np.nan))
        spread = np.where(several, effects.spread, np.float32(np.nan))
        numbers = (effects.before, effects.after, effects.delta, spread, effects.low, effects.high, agree)
        values: npt.NDArray[np.float32] = np.stack([*numbers, self.percentiles(effects)], axis=2) + np.float32(
            0
        )  # no -0
        return values

    def _null_of(self, track: str) -> str:
        if self.null is None:
            return f"no percentile: {self.spec.name} has no background for {self.genome.name}."
        ranks, words = self.null.rank_effects(track, np.zeros(1, np.float32), synthetic=self.genome.synthetic)
        return (
            f"{words}."
            if ranks is None
            else f"percentile of the size of the effect among {words}; of single-base changes only."
        )


def table_of(spec: ModelSpec, genome: Genome) -> Table:
    """The table of a model's effects on a genome, with the percentiles that suit it.

    Raises:
        UserError: when a background cannot be used.
    """
    return Table(spec, genome, background.chosen(spec.model_id, synthetic=genome.synthetic))


def is_snv(row: VariantRow) -> bool:
    """Whether a row changes one base into another."""
    return row.variant is not None and len(row.variant.ref) == len(row.variant.alt) == 1


def fields_of(row: VariantRow) -> list[str]:
    """The cells of ``FIELDS`` as text that holds neither tabs nor line ends."""
    position = "." if row.status == "not a variant" and row.position == 0 else str(row.position)
    variant = "" if row.variant is None else str(row.variant)
    cells = [row.chrom, position, row.name or ".", row.ref, row.alt, row.status, row.reason, row.notice, variant]
    return [" ".join(cell.split()) for cell in (*cells, str(row.line))]


def write_tsv(out: Path, effects: Iterable[VariantEffects], table: Table) -> None:
    """Writes tab-separated text; ``#`` lines above the header say what it is about."""
    with replaced(out) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        file.writelines(f"# {line}\n" for line in table.about)
        file.write("\t".join(table.columns()) + "\n")
        for chunk in effects:
            file.write(tsv_rows(chunk, table))


def tsv_rows(effects: VariantEffects, table: Table) -> str:
    """The lines of a chunk, each with its end; a value that is missing is an empty cell."""
    agree_at = list(VALUES).index("agree")
    lines = []
    for row, values in zip(effects.rows, table.values(effects), strict=True):
        cells = fields_of(row)
        for track in values.tolist():
            cells += [
                ("yes" if value else "no") if at == agree_at and value == value else number(value)
                for at, value in enumerate(track)
            ]
        lines.append("\t".join(cells) + "\n")
    return "".join(lines)


def number(value: float, missing: str = "") -> str:
    """A value with six digits."""
    return missing if value != value else f"{value:.6g}"


def write_parquet(out: Path, effects: Iterable[VariantEffects], table: Table) -> None:
    """Writes parquet: float32 for the values, what the table is about in the metadata of the schema."""
    import pyarrow
    from pyarrow import parquet

    types = [pyarrow.int64() if name in ("pos", "line") else pyarrow.string() for name in FIELDS]
    for _ in table.spec.tracks:
        types += [pyarrow.bool_() if name == "agree" else pyarrow.float32() for name in VALUES]
    about = {"cislens": "\n".join(table.about)}
    schema = pyarrow.schema(list(zip(table.columns(), types, strict=True)), metadata=about)
    with replaced(out) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as file:
        for chunks in _grouped(effects):
            columns = [_columns(chunk, table) for chunk in chunks]
            batches = [
                pyarrow.record_batch(
                    [pyarrow.array(cells, kind, from_pandas=True) for cells, kind in zip(column, types, strict=True)],
                    schema=schema,
                )
                for column in columns
            ]
            file.write_table(pyarrow.Table.from_batches(batches, schema), row_group_size=_ROWS_PER_GROUP)


def _grouped(effects: Iterable[VariantEffects]) -> Iterator[list[VariantEffects]]:
    """Chunks, as many together as make a row group."""
    group: list[VariantEffects] = []
    for chunk in effects:
        group.append(chunk)
        if sum(len(part.rows) for part in group) >= _ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group


def _columns(effects: VariantEffects, table: Table) -> list[Any]:
    """One sequence of cells a column."""
    cells = [fields_of(row) for row in effects.rows]
    text = [[row[at].encode("utf-8", "replace").decode() for row in cells] for at in range(len(FIELDS))]
    places = FIELDS.index("pos"), FIELDS.index("line")
    columns: list[Any] = [
        [int(c) if c != "." else None for c in column] if at in places else column for at, column in enumerate(text)
    ]
    values = table.values(effects)
    for track in range(values.shape[1]):
        for at, name in enumerate(VALUES):
            found = values[:, track, at]
            columns.append([None if v != v else bool(v) for v in found.tolist()] if name == "agree" else found)
    return columns


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' * (count != 1)}"


def _unit(unit: str, kind: str) -> str:
    return f"log counts ({unit})" if kind == "profile" else unit
