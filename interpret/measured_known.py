"""Experiments that are known well enough to be named: where they lie, in which cells, and how well a second one agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genome.source import ContigNames
from interpret.measured import Measurement, build_of


@dataclass(frozen=True)
class Source:
    """An experiment that is known well enough to be named.

    Attributes:
        words: the stretch.
        cells: the cells it was measured in.
        places: by assembly, its stretch (1-based, inclusive).
        ceiling: Spearman with a second experiment on the same stretch, over substitutions with at least 10 barcodes in both
            (benchmarks/saturation.json); None where there is none.
        twin: the name of that second experiment.
    """

    words: str
    cells: str
    places: dict[str, tuple[str, int, int]]
    ceiling: float | None = None
    twin: str = ""


_LDLR = {"GRCh37": ("chr19", 11199907, 11200224), "GRCh38": ("chr19", 11089231, 11089548)}
_PKLR = {"GRCh37": ("chr1", 155271186, 155271655), "GRCh38": ("chr1", 155301395, 155301864)}

# Kircher et al. 2019, by the names of their table. A table is taken for theirs only at their places.
KNOWN = {
    "GP1BA": Source(
        "GP1BB promoter",
        "HEL 92.1.7 (blood) cells",
        {"GRCh37": ("chr22", 19710789, 19711173), "GRCh38": ("chr22", 19723266, 19723650)},
    ),
    "LDLR": Source("LDLR promoter", "HepG2 cells", _LDLR, 0.865, "LDLR.2"),
    "LDLR.2": Source("LDLR promoter, second experiment", "HepG2 cells", _LDLR, 0.865, "LDLR"),
    "HNF4A": Source(
        "HNF4A promoter",
        "HEK293T cells",
        {"GRCh37": ("chr20", 42984160, 42984444), "GRCh38": ("chr20", 44355520, 44355804)},
    ),
    "PKLR-24h": Source("PKLR promoter, 24 h", "K562 cells", _PKLR, 0.765, "PKLR-48h"),
    "PKLR-48h": Source("PKLR promoter, 48 h", "K562 cells", _PKLR, 0.765, "PKLR-24h"),
}


def known_source(element: str, rows: Sequence[Measurement], build: str) -> Source | None:
    """The experiment, where the element has the name and the place of a known one."""
    source = KNOWN.get(element)
    place = source.places.get(build_of(build)) if source is not None else None
    if place is None or not rows or not all(place[1] <= row.position <= place[2] for row in rows):
        return None
    return source if ContigNames("", [place[0]]).find(rows[0].chrom) else None
