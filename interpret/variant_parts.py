"""Effects of a chunk of variants as plain arrays and back, so that they outlive the process that computed them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.locus import Locus, Variant
from genome.variant_rows import VariantRow
from interpret.effects import VALUES
from interpret.variants import VariantEffects

Arrays = Mapping[str, npt.NDArray[Any]]


def as_arrays(effects: VariantEffects) -> Arrays:
    """The chunk as arrays: float32 (fields, n, tracks), bool (n, tracks), and the rows as JSON in uint8."""
    rows = json.dumps([as_list(row) for row in effects.rows], separators=(",", ":"))
    return {
        "rows": np.frombuffer(rows.encode("ascii"), dtype=np.uint8),
        "values": np.stack([getattr(effects, name) for name in VALUES]),
        "signs_agree": effects.signs_agree,
    }


def from_arrays(arrays: Arrays) -> VariantEffects:
    """The chunk that was kept, equal to the one that was given."""
    rows = tuple(as_row(fields) for fields in json.loads(arrays["rows"].tobytes()))
    values = dict(zip(VALUES, arrays["values"].astype(np.float32), strict=True))
    return VariantEffects(rows, **values, signs_agree=arrays["signs_agree"].astype(bool))


def as_list(row: VariantRow) -> list[Any]:
    """A row as what JSON can hold."""
    variant, locus = row.variant, row.locus
    return [
        *(row.line, row.chrom, row.position, row.name, row.ref, row.alt, row.status, row.reason, row.notice),
        None if variant is None else [variant.chrom, variant.position, variant.ref, variant.alt],
        None if locus is None else [locus.chrom, locus.start, locus.end],
    ]


def as_row(fields: list[Any]) -> VariantRow:
    """The row that ``as_list`` was given."""
    line, chrom, position, name, ref, alt, status, reason, notice, variant, locus = fields
    return VariantRow(
        line,
        chrom,
        position,
        name,
        ref,
        alt,
        status,
        reason,
        notice,
        None if variant is None else Variant(*variant),
        None if locus is None else Locus(*locus),
    )
