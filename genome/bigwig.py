"""Values along a genome as a bigWig file: the one place that writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path


def write_bigwig(path: Path, chroms: Mapping[str, int], rows: Iterable[tuple[str, int, int, float]]) -> None:
    """Writes a bigWig, reading its rows one by one, so that they need not be in memory.

    Args:
        path: of the file.
        chroms: length in bp of each chromosome that has rows, by name.
        rows: (chromosome, start, end, value), 0-based half-open, by chromosome and start, none of them overlapping; at
            least one.
    """
    import pybigtools

    pybigtools.open(str(path), "w").write(dict(chroms), iter(rows))
