"""The sandbox as a sequencer would see it: expected reads per base, from the same grammar as its activity.

``python -m genome.sandbox_reads`` writes assets/sandbox/reads.md, the description for people, again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.home import replaced
from genome.sandbox import ASSETS, PAIR, RULES, SandboxMotif, motifs, occupancy

STRANDS = "+-"  # rows of every array of reads
BACKGROUND_READS = 0.05  # per base and strand
READS_PER_ACTIVITY = 200.0
SMALLEST_SHARE = 0.01  # an occupancy below this counts as nothing, as in ``activity``
REACH = 100  # bp: reads at a base depend on no base farther away (tested)


@dataclass(frozen=True)
class Footprint:
    """Where the reads of a bound factor begin, as in ChIP-exo: a shoulder of + reads on its left, of - reads on its right.

    Attributes:
        key: the factor.
        distance: bp from the centre of the site to the centre of each shoulder.
        width: standard deviation of a shoulder in bp; nothing lies beyond three of them.
        own_share: share of the reads that lie on the strand of the site, before it; the rest on the other, behind it.
    """

    key: str
    distance: float
    width: float
    own_share: float

    def shoulder(self, centre: float) -> tuple[int, npt.NDArray[np.float64]]:
        """First base of a shoulder around ``centre`` (0-based, may lie between bases) and its shares, which sum to 1."""
        first = int(np.ceil(centre - 3 * self.width))
        bases = np.arange(first, int(np.floor(centre + 3 * self.width)) + 1)
        shares = np.exp(-0.5 * ((bases - centre) / self.width) ** 2)
        return first, shares / shares.sum()


FOOTPRINTS = (
    Footprint("CTCF", 22.0, 5.0, 0.6),
    Footprint("SPI1", 14.0, 4.0, 0.5),
    Footprint("POU5F1::SOX2", 16.0, 4.0, 0.65),
    Footprint("NR5A2", 12.0, 3.0, 0.6),
    Footprint("HNF4A", 18.0, 6.0, 0.5),
    Footprint("CEBPB", 10.0, 3.0, 0.5),
    Footprint("NRF1", 12.0, 4.0, 0.5),  # weight 0: it has a shape, but no reads
)


@dataclass(frozen=True)
class BoundSite:
    """One placement of a factor that leaves reads.

    Attributes:
        key: the factor.
        start: leftmost base, 0-based.
        length: bp.
        strand: ``+`` or ``-``.
        reads: expected reads of both strands together, the bonus of its pairs included.
    """

    key: str
    start: int
    length: int
    strand: str
    reads: float


def expected_reads(bases: str) -> npt.NDArray[np.float64]:
    """The true profile of a stretch of sandbox DNA: expected reads that begin at each base, float64 (2, length), + and -.

    Reads add up in linear space: the same background everywhere, and for every bound site its reads times the footprint
    of its factor. A site on the + strand puts ``own_share`` of its reads in a shoulder of the + track ``distance`` bp to
    the left of its centre, and the rest in a shoulder of the - track as far to its right; a site on the - strand is its
    mirror image. Reads that fall outside the bases are lost. How many reads a site has says ``bound_sites``.

    It has no memory of the genome: edited and designed bases are answered like any others. Away from the ends, taking a
    site out takes away its own reads and its pair bonus and changes nothing else.

    Args:
        bases: ACGTN, any length; a base that is N scores nothing.
    """
    reads = np.full((2, len(bases)), BACKGROUND_READS)
    for site in bound_sites(bases):
        _add(reads, site)
    return reads


def bound_sites(bases: str) -> tuple[BoundSite, ...]:
    """Every site that leaves reads in a stretch of sandbox DNA, by factor and place: what ``expected_reads`` adds up.

    With o the occupancy of ``activity`` (shares below 0.01 count as nothing), placements of one factor that overlap, on
    either strand, exclude one another: among those that start less than its length from a placement, itself included,

        share = o x (1 - product of (1 - o)) / sum of o,

    which is o for a site that stands alone. The site has 200 x weight x share reads, and half of 200 x pair weight x
    share x share of the other for every partner at an allowed gap, on the same strand and in order. So where each factor
    stands at one place, the reads of all sites sum to 200 x ``activity``.
    """
    shares = {motif.key: _shares(bases, motif) for motif in motifs()}
    amounts = {rule.key: rule.weight * shares[rule.key] for rule in RULES}
    _add_pairs(amounts, shares)
    return tuple(
        BoundSite(
            motif.key,
            int(start),
            motif.length,
            STRANDS[row],
            float(READS_PER_ACTIVITY * amounts[motif.key][row, start]),
        )
        for motif in motifs()
        for row, start in np.argwhere(amounts[motif.key] > 0)
    )


def sampled_reads(expected: npt.NDArray[np.float64], *, seed: int) -> npt.NDArray[np.int64]:
    """One sequencing run: Poisson counts around expected reads, in their shape; the same seed gives the same counts."""
    return np.random.default_rng(seed).poisson(expected)


def _shares(bases: str, motif: SandboxMotif) -> npt.NDArray[np.float64]:
    """float64 (2, positions): the share of time of each placement, after overlapping ones have excluded one another."""
    shares = occupancy(bases, motif)
    shares = np.where(shares < SMALLEST_SHARE, 0.0, shares)
    if not shares.any():
        return shares
    near = np.ones(2 * motif.length - 1)
    middle = slice(motif.length - 1, motif.length - 1 + shares.shape[1])
    total = np.convolve(shares.sum(axis=0), near)[middle]
    free = np.exp(np.convolve(np.log1p(-shares).sum(axis=0), near)[middle])
    return np.divide(shares * (1.0 - free), total, out=np.zeros_like(shares), where=shares > 0)


def _add_pairs(amounts: dict[str, npt.NDArray[np.float64]], shares: dict[str, npt.NDArray[np.float64]]) -> None:
    """Gives each partner half of the bonus of every pair that obeys the spacing rule; ``amounts`` is changed in place."""
    lengths = {motif.key: motif.length for motif in motifs()}
    for gap in range(PAIR.shortest, PAIR.longest + 1):
        for row, left, right in ((0, PAIR.first, PAIR.second), (1, PAIR.second, PAIR.first)):
            shift = lengths[left] + gap
            n_pairs = shares[right].shape[1] - shift
            if n_pairs <= 0:
                continue
            bonus = 0.5 * PAIR.weight * shares[left][row, :n_pairs] * shares[right][row, shift : shift + n_pairs]
            amounts[left][row, :n_pairs] += bonus
            amounts[right][row, shift : shift + n_pairs] += bonus


def _add(reads: npt.NDArray[np.float64], site: BoundSite) -> None:
    """Adds the reads of one site to a profile (2, length) in place."""
    footprint = next(shape for shape in FOOTPRINTS if shape.key == site.key)
    centre = site.start + (site.length - 1) / 2
    for row, side in enumerate((-1, 1)):
        share = footprint.own_share if STRANDS[row] == site.strand else 1 - footprint.own_share
        first, shoulder = footprint.shoulder(centre + side * footprint.distance)
        low, high = max(first, 0), min(first + len(shoulder), reads.shape[1])
        if low < high:
            reads[row, low:high] += site.reads * share * shoulder[low - first : high - first]


def description() -> str:
    """The text of assets/sandbox/reads.md: the simulator for people."""
    lines = [
        f"| {shape.key} | {rule.weight:g} | {shape.distance:g} | {shape.width:g} | {100 * shape.own_share:.0f} % |"
        for shape, rule in zip(FOOTPRINTS, RULES, strict=True)
    ]
    return _DESCRIPTION.format(
        footprints="\n".join(lines), background=BACKGROUND_READS, reads=f"{READS_PER_ACTIVITY:g}",
        bonus=f"{PAIR.weight:g}", shortest=PAIR.shortest, longest=PAIR.longest, reach=REACH,
    )  # fmt: skip


_DESCRIPTION = """\
# Simulated reads of the sandbox

What a ChIP-exo-like experiment would count in sandbox DNA, on two strands, from the grammar in `grammar.md`. The simulator
is `genome/sandbox_reads.py`: `expected_reads(bases)` is the truth, `sampled_reads` one run (Poisson counts around it).
This text is written by `python -m genome.sandbox_reads`.

    expected reads at a base and strand = {background} + sum over bound sites of (reads of the site x footprint there)

- **Reads of a site** = {reads} x weight x share, and for each pair that obeys the spacing rule (POU5F1::SOX2 then NR5A2,
  same strand, {shortest} to {longest} bp apart) half of {reads} x {bonus} x share x share of the partner.
- **Share** = the occupancy o of `grammar.md`, with less than 0.01 counted as nothing. Placements of one factor that overlap
  exclude one another: share = o x (1 - product of (1 - o)) / sum of o over the placements that start less than the
  factor's length away, itself included. A site that stands alone keeps its o.
- **Footprint**: + reads begin in a shoulder to the left of the site, - reads in a shoulder to its right; a shoulder is a
  normal curve cut at three standard deviations, and sums to 1. The shoulder on the site's own strand gets its own share of
  the reads, so that the profile also tells which way the site points.
- Everything adds up in linear space, and both strands are treated alike: the reverse complement has the mirrored profile
  with its strands swapped. A base depends on nothing farther than {reach} bp away. Where each factor stands at one place, the
  reads above background sum to {reads} x the true activity.

| factor | weight | centre of site to shoulder, bp | standard deviation, bp | reads on the site's own strand |
|---|---|---|---|---|
{footprints}
"""


def write() -> None:
    """Writes the description beside the sandbox's other files."""
    with replaced(ASSETS / "reads.md") as temporary:
        temporary.write_text(description(), encoding="ascii", newline="\n")


if __name__ == "__main__":
    write()
