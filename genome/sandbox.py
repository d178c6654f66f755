"""The sandbox: a synthetic genome whose regulatory grammar is known, and the oracle that obeys it."""

from __future__ import annotations

import json
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import codes_of
from genome.source import MemoryGenome

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "sandbox"
ELEMENT_LENGTH = 200
SITE_THRESHOLD = 0.5  # occupancy from which a match counts as a site

Role = Literal["single", "cooperative", "independent", "correlate", "decoy"]


@dataclass(frozen=True)
class Rule:
    """What a factor's sites do to activity.

    Attributes:
        key: the factor, e.g. ``CTCF``.
        role: its place in the grammar.
        weight: activity that one fully occupied site adds by itself.
    """

    key: str
    role: Role
    weight: float


@dataclass(frozen=True)
class PairRule:
    """A bonus for two sites that stand on the same strand, in order, at one of the allowed distances.

    Attributes:
        first: the upstream factor.
        second: the downstream factor.
        shortest: smallest gap in bp between the end of the first site and the start of the second.
        longest: largest gap in bp.
        weight: activity added when both are fully occupied.
    """

    first: str
    second: str
    shortest: int
    longest: int
    weight: float


RULES = (
    Rule("CTCF", "single", 1.0),
    Rule("SPI1", "single", 1.5),
    Rule("POU5F1::SOX2", "cooperative", 0.2),
    Rule("NR5A2", "cooperative", 0.2),
    Rule("HNF4A", "independent", 0.8),
    Rule("CEBPB", "independent", 0.8),
    Rule("NRF1", "correlate", 0.0),
)
PAIR = PairRule("POU5F1::SOX2", "NR5A2", 4, 10, 2.0)


@dataclass(frozen=True)
class SandboxMotif:
    """A matrix of JASPAR used by the sandbox.

    Attributes:
        key: the factor.
        matrix_id: accession with version, e.g. ``MA0139.1``.
        counts: float64 (4, length), rows ACGT.
    """

    key: str
    matrix_id: str
    counts: npt.NDArray[np.float64]

    @property
    def length(self) -> int:
        """Length in bp."""
        return int(self.counts.shape[1])

    def probabilities(self) -> npt.NDArray[np.float64]:
        """float64 (4, length): base frequencies with a pseudocount of 1 % spread over the four bases."""
        shares = self.counts / self.counts.sum(axis=0)
        return 0.99 * shares + 0.0025

    def scores(self) -> npt.NDArray[np.float64]:
        """float64 (4, length): log2 of frequency over 1/4, in bits."""
        return np.asarray(np.log2(self.probabilities() / 0.25))

    @property
    def best(self) -> float:
        """The highest possible score, in bits."""
        return float(self.scores().max(axis=0).sum())


@dataclass(frozen=True)
class Site:
    """A planted site.

    Attributes:
        locus: 0-based half-open.
        key: the factor (``scrambled CTCF`` for a decoy without meaning).
        strand: ``+`` or ``-``.
        role: its place in the grammar.
        strength: score divided by the best possible score, 0 to 1.
        matrix_id: JASPAR accession.
        element: name of the element it lies in.
    """

    locus: Locus
    key: str
    strand: str
    role: str
    strength: float
    matrix_id: str
    element: str


@dataclass(frozen=True)
class Element:
    """A planted regulatory element of 200 bp.

    Attributes:
        locus: 0-based half-open.
        name: e.g. ``E017``.
        kind: what was planted, e.g. ``cooperative pair``.
        activity: the oracle's answer on its bases.
    """

    locus: Locus
    name: str
    kind: str
    activity: float


def activity(bases: str) -> float:
    """The true activity of a sandbox element: what an experiment without noise would measure, in sandbox units.

    For every factor m, position i and strand, a match of score s (bits above a uniform background) is occupied to the
    share ``o = 1 / (1 + exp(-(s - t_m)))`` with ``t_m = 0.65 x best score``. A factor counts once:
    ``O_m = 1 - product(1 - o)`` over all its matches, both strands. Then

        activity = sum_m weight_m x O_m + pair weight x max(o_first x o_second)

    where the maximum runs over pairs on one strand in the stated order with an allowed gap. Shares below 0.01 count as
    nothing, so most backgrounds without sites have exactly 0. It has no memory of the genome: edited and designed bases are
    answered like any others. A base that is N scores nothing.

    Args:
        bases: ACGTN; meant for some hundred bp, since every site in it counts.
    """
    matches = {motif.key: occupancy(bases, motif) for motif in motifs()}
    total = 0.0
    for rule in RULES:
        shares = matches[rule.key]
        total += rule.weight * float(1.0 - np.prod(1.0 - np.where(shares < 0.01, 0.0, shares)))
    return round(total + PAIR.weight * _pair_share(matches), 6)


def occupancy(bases: str, motif: SandboxMotif) -> npt.NDArray[np.float64]:
    """float64 (2, positions): the share of time a site starting at each position is occupied, rows + and - strand.

    Positions are 0-based in ``bases``, the leftmost base of the match on either strand; an empty array if too short.
    """
    score = motif_scores(bases, motif)
    return np.asarray(1.0 / (1.0 + np.exp(-(score - 0.65 * motif.best))))


def motif_scores(bases: str, motif: SandboxMotif) -> npt.NDArray[np.float64]:
    """float64 (2, positions): matrix score in bits of each placement, rows + and - strand; N scores 0."""
    matrix = motif.scores()
    codes = codes_of(bases)
    n_positions = max(len(codes) - motif.length + 1, 0)
    result = np.zeros((2, n_positions))
    for row, oriented in enumerate((matrix, matrix[::-1, ::-1])):
        for column in range(motif.length):
            result[row] += np.append(oriented[:, column], 0.0)[codes[column : column + n_positions]]
    return result


@cache
def motifs() -> tuple[SandboxMotif, ...]:
    """The matrices of the grammar, in the order of ``RULES``."""
    content = json.loads(_asset("motifs.json"))["motifs"]
    return tuple(
        SandboxMotif(rule.key, content[rule.key]["matrix_id"], np.array(content[rule.key]["counts"], dtype=np.float64))
        for rule in RULES
    )


def sandbox_genome(name: str = "sandbox", build: str = "sandbox-1") -> MemoryGenome:
    """The synthetic genome, read from the shipped file."""
    records: dict[str, str] = {}
    for record in _asset("sandbox.fa").split(">")[1:]:
        header, _, body = record.partition("\n")
        records[header.split()[0]] = body.replace("\n", "")
    return MemoryGenome(name, records, build=build, synthetic=True)


@cache
def sites() -> tuple[Site, ...]:
    """Every planted site, by place: the known answer for motif methods."""
    return tuple(
        Site(Locus(row[0], int(row[1]), int(row[2])), row[3], row[5], row[6], float(row[7]), row[8], row[9])
        for row in _rows("sites.bed")
    )


@cache
def elements() -> tuple[Element, ...]:
    """Every planted element with its true activity, by place."""
    return tuple(
        Element(Locus(row[0], int(row[1]), int(row[2])), row[3], row[7], float(row[6])) for row in _rows("elements.bed")
    )


def _pair_share(matches: dict[str, npt.NDArray[np.float64]]) -> float:
    """The largest product of occupancies over pairs that obey the spacing rule."""
    lengths = {motif.key: motif.length for motif in motifs()}
    first, second = matches[PAIR.first], matches[PAIR.second]
    best = 0.0
    for gap in range(PAIR.shortest, PAIR.longest + 1):
        forward = _largest_product(first[0], second[0], lengths[PAIR.first] + gap)
        backward = _largest_product(second[1], first[1], lengths[PAIR.second] + gap)
        best = max(best, forward, backward)
    return best if best >= 0.01 else 0.0


def _largest_product(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64], shift: int) -> float:
    """The largest left[i] x right[i + shift]."""
    n_pairs = min(len(left), len(right) - shift)
    return float((left[:n_pairs] * right[shift : shift + n_pairs]).max()) if n_pairs > 0 else 0.0


def _rows(name: str) -> Seq[list[str]]:
    return [line.split("\t") for line in _asset(name).splitlines() if line and line[0] != "#"]


def _asset(name: str) -> str:
    try:
        return (ASSETS / name).read_text(encoding="ascii")
    except OSError as error:
        raise UserError(f"The sandbox file {name} is missing from {ASSETS}; install Cislens again.") from error
