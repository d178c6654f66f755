"""The windows around a variant with either allele, as letters' codes; or why it has none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genome.locus import Locus
from genome.sequence import codes_of
from genome.source import Genome
from genome.variant_rows import VariantRow
from interpret.effects import placed_starts, span
from models.core import ModelSpec

Codes = npt.NDArray[np.uint8]

MAX_N = 0.1  # share of N over the windows of an allele above which a variant is refused
_N = 4


def allele_windows(row: VariantRow, spec: ModelSpec, genome: Genome) -> Codes | VariantRow:
    """The placed windows of a row with REF and with ALT, both beginning at the same bases (``interpret.effects``).

    A deletion lets bases in on the right, an insertion pushes some out; past either end of the chromosome stands N.

    Args:
        row: a row that is ok.
        spec: the model.
        genome: where the bases are read; only those that a window shows.

    Returns:
        uint8 (2, placements, window), 0..3 for ACGT and 4 for N, REF first; or the row, refused: longer than half a
        window, more than MAX_N unknown, or not what stands in the genome.
    """
    if row.status != "ok" or row.locus is None:
        raise ValueError(f"{row.status=}, {row.locus=}")
    window, change = spec.input_length, row.variant
    ref, alt = ("", "") if change is None else (change.ref, change.alt)
    first = row.locus.start if change is None else change.start
    last = row.locus.end if change is None else max(change.end, first + 1)
    longest = last - first if change is None else span((change,))
    if longest > window // 2:
        return row.refused(
            "too long", f"It changes {longest:,} bp, more than half of the model's window of {window:,} bp."
        )
    if "N" in ref + alt:
        return row.refused("N", "An allele holds N, which no model knows.")
    starts = np.array(placed_starts(first, last, spec), dtype=np.int64)
    origin = min(int(starts[0]), first)
    end = max(int(starts[-1]) + window + max(0, len(ref) - len(alt)), last)
    codes = codes_of(genome.sequence(Locus(row.locus.chrom, origin, end)).bases).astype(np.uint8)
    at = first - origin
    if not np.array_equal(codes[at : at + len(ref)], codes_of(ref)):
        return row.refused("REF mismatch", f"{genome.name} has other bases than {ref[:40]} there.")
    changed = np.concatenate([codes[:at], codes_of(alt).astype(np.uint8), codes[at + len(ref) :]])
    both = np.stack([cut(allele, starts - origin, window) for allele in (codes, changed)])  # both start at one base
    unknown = share_unknown(both)
    if unknown > MAX_N:
        return row.refused("N", f"{unknown:.0%} of the bases in its windows are unknown (N), more than {MAX_N:.0%}.")
    return both


def share_unknown(windows: Codes) -> float:
    """The largest share of N over the windows of an allele: uint8 (alleles, placements, window)."""
    return max(np.count_nonzero(allele == _N) / allele.size for allele in windows)


def cut(codes: Codes, starts: npt.NDArray[np.int64], window: int) -> Codes:
    """Windows at the given first bases, uint8 (starts, window)."""
    return np.stack([codes[start : start + window] for start in starts.tolist()])
