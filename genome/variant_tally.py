"""What became of the variants of a file, counted, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from genome.source import Genome
from genome.variant_rows import VariantRow
from genome.variant_text import COLUMNS, SPACES

SHOWN = 5  # lines named of each kind
MOST = 0.5  # share of alleles whose REF does not fit above which the build is doubted
_AGAIN = "The same as in line"
_REMARKS = {SPACES: "separated by spaces, not tabs", COLUMNS: "with another number of columns than the header"}
_REMARKS |= {_AGAIN: "that say the same as an earlier line"}


@dataclass
class Tally:
    """Counts rows as they pass.

    Attributes:
        counts: alleles by status.
        first: the first rows of each status but ``ok``, at most ``SHOWN``.
        remarks: ok alleles by what is odd about their lines.
        lines: the first lines of each remark.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[VariantRow]] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, rows: Iterable[VariantRow]) -> None:
        """Counts some more rows."""
        for row in rows:
            self.counts[row.status] += 1
            if row.status != "ok" and len(first := self.first.setdefault(row.status, [])) < SHOWN:
                first.append(row)
            if not row.notice:
                continue
            for remark in _REMARKS:
                if remark in row.notice:
                    self.remarks[remark] += 1
                    if len(lines := self.lines.setdefault(remark, [])) < SHOWN:
                        lines.append(row.line)

    @property
    def total(self) -> int:
        """How many alleles there were."""
        return self.counts.total()

    @property
    def not_understood(self) -> int:
        """How many lines could not be read as variants (a file that is cut short counts as one)."""
        return self.counts["not a variant"]

    def sentences(self, genome: Genome) -> tuple[str, ...]:
        """What became of them: how many were scored, of each other kind how many and where, and whether to doubt the build."""
        scored = self.counts["ok"]
        said = [f"{scored:,} of {self.total:,} alleles scored."]
        for status, count in self.counts.most_common():
            if status != "ok":
                rows = self.first[status]
                said.append(
                    f"{count:,} not scored ({status}): {_lines([row.line for row in rows], count)}: {rows[0].reason}"
                )
        doubt = self.doubt(genome)
        return (*said, *self.odd_lines(), *([doubt] if doubt else []))

    def odd_lines(self) -> tuple[str, ...]:
        """What is odd about lines whose alleles are ok, and where."""
        return tuple(
            f"{count:,} {'allele' if count == 1 else 'alleles'} in lines {_REMARKS[remark]}: {_lines(self.lines[remark], count)}."
            for remark, count in self.remarks.most_common()
        )

    def doubt(self, genome: Genome) -> str:
        """Whether to doubt the build, one sentence; empty when most REF alleles fit."""
        fits, wrong = self.counts["ok"], self.counts["REF mismatch"]
        if wrong <= MOST * (wrong + fits):
            return ""
        return (
            f"Most REF alleles ({wrong:,} of {wrong + fits:,}) are not what {genome.name} has: these variants look as if "
            f"they were of another build than {genome.build}; choose the genome that fits."
        )


def _lines(numbers: list[int], count: int) -> str:
    """``line 3``, or the first few of many."""
    known = list(dict.fromkeys(numbers))
    shown = ", ".join(f"{number:,}" for number in known)
    return f"line{'s' if len(known) > 1 or count > len(numbers) else ''} {shown}{', …' if count > len(numbers) else ''}"
