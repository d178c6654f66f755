"""Effects of every substitution as bigWigs: one for each base put in, and a summary, with what is needed to make them again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from genome.bigwig import write_bigwig
from genome.errors import UserError
from genome.sequence import BASES
from interpret.attribution import Float
from interpret.regions import SUMMARIES, summary
from interpret.substitutions import Substitutions

NAMES = (*BASES, "summary")
AT_REFERENCE = (
    "0 where the base that is put in stands there already; no value at an N or where its windows hold too much N"
)

Part = tuple[str, "np.ndarray[Any, np.dtype[np.int64]]", Float]  # chromosome, positions (n,), effects (4, n)


def write(paths: Mapping[str, Path], contigs: Mapping[str, int], parts: Callable[[], Iterable[Part]], how: str) -> None:
    """Writes the five files, reading the parts once for each, so that only one is in memory.

    Args:
        paths: by name of ``NAMES``.
        contigs: length in bp of each chromosome of the parts.
        parts: gives them anew, by chromosome and position: chromosome, 0-based positions int64 (n,), effects float32 (4, n).
        how: key of ``SUMMARIES``.

    Raises:
        UserError: when no base has a value.
    """
    if not any(np.isfinite(effects).any() for _, _, effects in parts()):
        raise UserError("No base there has an effect: all of them are N, or lie among too much N.")
    for name in NAMES:
        write_bigwig(paths[name], contigs, _rows(parts(), name, how))


def archive(found: Substitutions, *, contig_length: int, about: Mapping[str, Any], how: str = "mean") -> bytes:
    """The map on screen as a zip of the five files and what they are; bases without a place in the genome are left out.

    Args:
        found: the map.
        contig_length: of its chromosome, in bp.
        about: how it was computed.
        how: key of ``SUMMARIES``.

    Raises:
        UserError: when no base has a value.
    """
    chrom, positions = found.sequence.locus.chrom, found.sequence.positions
    kept = ~found.sequence.inserted & (positions >= 0) & (positions < contig_length)
    part: Part = (chrom, positions[kept], found.effects[:, kept])
    buffer = io.BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        paths = {name: Path(folder) / f"{name}.bw" for name in NAMES}
        write(paths, {chrom: contig_length}, lambda: (part,), how)
        for path in paths.values():
            packed.write(path, path.name)
        packed.writestr("about.json", json.dumps(dict(about) | meaning(how), indent=1) + "\n")
    return buffer.getvalue()


def meaning(how: str) -> dict[str, str]:
    """What a value in each file is."""
    return {
        "A, C, G, T": f"prediction with that base minus prediction with the one that stands there; {AT_REFERENCE}",
        "summary": f"{how}: {SUMMARIES[how]}",
    }


def _rows(parts: Iterable[Part], name: str, how: str) -> Iterator[tuple[str, int, int, float]]:
    for chrom, positions, effects in parts:
        values = summary(effects, how) if name == "summary" else effects[BASES.index(name)]
        known = np.isfinite(values)
        for start, value in zip(positions[known].tolist(), values[known].tolist(), strict=True):
            yield chrom, start, start + 1, value
