"""One allele that somebody asks about: as it was written, and as it was understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, get_args

from genome.locus import Locus, Variant

Status = Literal[
    "ok",
    "REF mismatch",
    "off the end",
    "N",
    "symbolic allele",
    "no ALT allele",
    "too long",
    "unknown chromosome",
    "not a variant",
]
STATUSES: tuple[Status, ...] = get_args(Status)  # their order is kept in files of jobs: add new ones at the end


@dataclass(frozen=True)
class VariantRow:
    """One allele of one line. Each allele of the input is one row, in the order of the input, whatever became of it.

    Attributes:
        line: number of the line it stands on, from 1; several alleles of one line share it.
        chrom: chromosome as written.
        position: POS as written, 1-based; 0 where it is no number.
        name: ID as written; empty for none.
        ref: REF as written.
        alt: this allele of ALT as written.
        status: ``ok``, or in two words why it has no effect.
        reason: the same in one sentence, with the line's number left to ``line``; empty when ok.
        notice: what people should know of one that is ok (it was moved left, say); empty for nothing.
        variant: the change in the genome's own spelling, REF checked, left-normalised; None where there is none, and
            where REF and ALT are the same.
        locus: the stretch of REF in the genome's own spelling, at least one base, 0-based half-open; None unless ok.
    """

    line: int
    chrom: str
    position: int
    name: str
    ref: str
    alt: str
    status: Status = "ok"
    reason: str = ""
    notice: str = ""
    variant: Variant | None = None
    locus: Locus | None = None

    def __post_init__(self) -> None:
        if (self.status == "ok") != (not self.reason):
            raise ValueError(f"{self.status=} with {self.reason=}")
        if self.status != "ok" and (self.variant is not None or self.locus is not None):
            raise ValueError(f"{self.status=} with {self.variant=}")

    def refused(self, status: Status, reason: str) -> VariantRow:
        """The same row without an effect, and why."""
        return replace(self, status=status, reason=reason, notice="", variant=None, locus=None)


def in_chunks(rows: Iterable[VariantRow], size: int) -> Iterator[tuple[VariantRow, ...]]:
    """Rows in tuples of ``size``, the last one shorter; never more than one tuple in memory."""
    if size < 1:
        raise ValueError(f"{size=}")
    source = iter(rows)
    while chunk := tuple(islice(source, size)):
        yield chunk
