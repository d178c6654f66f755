"""What an experiment gave: one activity for each element and replicate, and every row that was left out, with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Assay = Literal["MPRA", "CRISPRi", "variant effects"]
ASSAYS: tuple[Assay, ...] = get_args(Assay)
Control = Literal["", "positive control", "negative control"]
CONTROLS: tuple[Control, ...] = get_args(Control)
LOG2_ACTIVITY = "log2(RNA/DNA)"
LISTED = 1_000  # dropped rows that are kept one by one


@dataclass(frozen=True)
class Reading:
    """One element in one replicate.

    Attributes:
        name: of the element, as the table or the order sheet has it.
        bases: ACGTN; empty where the table does not say them.
        replicate: as the table names it, such as ``1``; empty for a value that is no single replicate's.
        value: in the unit of the measurements.
        sd: standard deviation of ``value``, between barcodes or as the table says; None where nothing says.
        barcodes: how many barcodes it rests on; None where the table does not say.
        control: what kind of control it is; empty for none.
        link: the link that the element came from; empty where it is not known.
    """

    name: str
    bases: str
    replicate: str
    value: float
    sd: float | None = None
    barcodes: int | None = None
    control: Control = ""
    link: str = ""

    def __post_init__(self) -> None:
        if not self.name or not math.isfinite(self.value) or self.control not in CONTROLS:
            raise ValueError(f"{self.name=}, {self.value=}, {self.control=}")


@dataclass(frozen=True)
class Dropped:
    """A row that was left out.

    Attributes:
        line: of the upload, from 1; 0 where it was no single line (an element with too few barcodes).
        reason: in words, the same for all rows that were left out for it.
        detail: what stood there.
    """

    line: int
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Measurements:
    """Measured activities, as one upload gave them. Never changed afterwards: a corrected file is another upload.

    Attributes:
        name: of the file.
        assay: which assay it is.
        unit: of the values.
        rows: one for each element and replicate, in the order of the upload.
        digest: SHA-256 of the uploaded bytes, 64 hex digits.
        dropped: the first rows that were left out, at most ``LISTED``.
        dropped_counts: how many were left out by reason, all of them.
        remarks: sentences on how the table was read.
    """

    name: str
    assay: Assay
    unit: str
    rows: tuple[Reading, ...]
    digest: str
    dropped: tuple[Dropped, ...] = ()
    dropped_counts: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.assay not in ASSAYS or not self.unit:
            raise ValueError(f"{self.assay=}, {self.unit=}")

    @property
    def replicates(self) -> tuple[str, ...]:
        """Names of the replicates, in order of appearance."""
        return tuple(dict.fromkeys(one.replicate for one in self.rows))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the elements, in order of appearance."""
        return tuple(dict.fromkeys(one.name for one in self.rows))

    @property
    def n_dropped(self) -> int:
        """Rows that were left out."""
        return sum(self.dropped_counts.values())

    def to_json(self) -> dict[str, Any]:
        """As plain values; the rows column by column."""
        columns = {one.name: [getattr(row, one.name) for row in self.rows] for one in fields(Reading)}
        return {
            "name": self.name,
            "assay": self.assay,
            "unit": self.unit,
            "rows": columns,
            "digest": self.digest,
            "dropped": [asdict(one) for one in self.dropped],
            "dropped_counts": dict(self.dropped_counts),
            "remarks": list(self.remarks),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Measurements:
        """Back from plain values.

        Raises:
            ValueError: when they are no measurements.
        """
        try:
            columns = [content["rows"][one.name] for one in fields(Reading)]
            return cls(
                name=content["name"],
                assay=content["assay"],
                unit=content["unit"],
                rows=tuple(Reading(*cells) for cells in zip(*columns, strict=True)),
                digest=content["digest"],
                dropped=tuple(Dropped(**one) for one in content["dropped"]),
                dropped_counts=content["dropped_counts"],
                remarks=tuple(content["remarks"]),
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"no measurements: {error}") from error
