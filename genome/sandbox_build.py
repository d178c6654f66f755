"""Makes the sandbox genome from a seed. ``python -m genome.sandbox_build`` writes assets/sandbox again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genome.home import replaced
from genome.locus import Locus
from genome.sandbox import (
    ASSETS,
    ELEMENT_LENGTH,
    PAIR,
    RULES,
    SITE_THRESHOLD,
    Element,
    SandboxMotif,
    Site,
    activity,
    motifs,
    occupancy,
)
from genome.sequence import BASES, reverse_complement

SEED = 20_261
CONTIGS = (("sb1", 180), ("sb2", 120))  # name and number of slots
SLOT_LENGTH = 1_000
MARGIN = 20  # bp between a site and the edge of its element
GENE_EVERY = 6  # slots per gene

# Background: base composition of human intergenic DNA (41 % G+C) times a factor per dinucleotide (CpG depleted to about a
# quarter, its decay products TpG and CpA enriched, TpA rare) times a factor that lengthens runs of A and of T.
_BASE = {"A": 0.295, "C": 0.205, "G": 0.205, "T": 0.295}
_PAIR = {"CG": 0.23, "TG": 1.2, "CA": 1.2, "TA": 0.75, "AA": 1.12, "TT": 1.12, "CC": 1.2, "GG": 1.2}
_RUN = {"AAAA": 1.25, "TTTT": 1.25, "CCCC": 0.9, "GGGG": 0.9}

# What is planted: kind and number of elements. The factors of each kind are placed by ``_plan``.
KINDS = (
    ("single CTCF", 60),
    ("single SPI1", 60),
    ("cooperative pair", 30),
    ("pair at a wrong spacing", 20),
    ("half a pair: POU5F1::SOX2", 15),
    ("half a pair: NR5A2", 15),
    ("independent pair", 20),
    ("independent: HNF4A", 12),
    ("independent: CEBPB", 12),
    ("decoy: scrambled CTCF", 16),
    ("decoy: scrambled SPI1", 16),
    ("nothing", 24),
)
CORRELATE_WITH_ACTIVE = 0.8
CORRELATE_WITH_INACTIVE = 0.1


@dataclass(frozen=True)
class Sandbox:
    """A built sandbox: contigs (name, bases), its sites, elements and genes (name, locus, strand)."""

    seed: int
    contigs: tuple[tuple[str, str], ...]
    sites: tuple[Site, ...]
    elements: tuple[Element, ...]
    genes: tuple[tuple[str, Locus, str], ...]

    def files(self) -> dict[str, str]:
        """Name and text of every shipped file that is made from the seed."""
        return {
            "sandbox.fa": "".join(
                f">{name} synthetic seed={self.seed}\n{_lines(bases)}" for name, bases in self.contigs
            ),
            "sites.bed": _sites_text(self.sites),
            "elements.bed": _elements_text(self.elements),
            "genes.bed": _genes_text(self.genes),
            "grammar.md": _grammar_text(self),
        }


@dataclass(frozen=True)
class _Planned:
    """A site before it is planted: its letters as they read on the forward strand, and where they go in the element."""

    key: str
    role: str
    strand: str
    letters: str
    offset: int
    strength: float


def build(seed: int = SEED) -> Sandbox:
    """Makes the sandbox: background, planted elements, no accidental sites. The same seed gives the same bytes."""
    draw = random.Random(seed).random  # the one generator whose numbers Python promises to keep
    kinds = _shuffled([kind for kind, number in KINDS for _ in range(number)], draw)
    contigs: list[tuple[str, str]] = []
    sites: list[Site] = []
    elements: list[Element] = []
    used: dict[str, int] = {}
    for name, n_slots in CONTIGS:
        letters = _background(n_slots * SLOT_LENGTH, draw)
        placed: list[Site] = []
        spans: list[tuple[str, str, Locus]] = []
        for slot in range(n_slots):
            kind = kinds[len(spans) + len(elements)]
            used[kind] = used.get(kind, 0) + 1
            start = slot * SLOT_LENGTH + 300 + int(draw() * 200)
            element = f"E{len(elements) + len(spans) + 1:03d}"
            spans.append((element, kind, Locus(name, start, start + ELEMENT_LENGTH)))
            for plan in _plan(kind, used[kind], draw):
                place = Locus(name, start + plan.offset, start + plan.offset + len(plan.letters))
                letters[place.start : place.end] = plan.letters
                matrix = next(m.matrix_id for m in motifs() if m.key == plan.key.removeprefix("scrambled "))
                placed.append(Site(place, plan.key, plan.strand, plan.role, plan.strength, matrix, element))
        _scrub(letters, placed, draw)
        bases = "".join(letters)
        contigs.append((name, bases))
        sites += sorted(placed, key=lambda site: site.locus)
        elements += [Element(at, label, kind, activity(bases[at.start : at.end])) for label, kind, at in spans]
    return Sandbox(seed, tuple(contigs), tuple(sites), tuple(elements), _genes())


def write(folder: Path = ASSETS, seed: int = SEED) -> None:
    """Writes the shipped files (the matrices in motifs.json are an input and stay as they are)."""
    for name, text in build(seed).files().items():
        with replaced(folder / name) as temporary:
            temporary.write_text(text, encoding="ascii", newline="\n")


def _plan(kind: str, count: int, draw: Callable[[], float]) -> list[_Planned]:
    """The sites of one element; kinds alternate strand, and single sites alternate strong and weak."""
    strand = "+" if count % 2 else "-"
    strong = count % 4 in (0, 1)
    if kind.startswith("single"):
        core = [_site(kind.split()[1], "single", strand, strong, draw)]
    elif kind == "cooperative pair":
        core = _pair(strand, PAIR.shortest + int(draw() * (PAIR.longest - PAIR.shortest + 1)), "cooperative", draw)
    elif kind == "pair at a wrong spacing":
        core = _pair(strand, PAIR.longest + 12 + int(draw() * 20), "decoy", draw)
    elif kind.startswith("half"):
        core = [_site(kind.split()[-1], "cooperative", strand, True, draw)]
    elif kind == "independent pair":
        first = _site("HNF4A", "independent", strand, True, draw)
        second = _site("CEBPB", "independent", "+" if draw() < 0.5 else "-", True, draw)
        core = [first, _moved(second, len(first.letters) + 5 + int(draw() * 50))]
    elif kind.startswith("independent"):
        core = [_site(kind.split()[-1], "independent", strand, True, draw)]
    elif kind.startswith("decoy"):
        core = [_scrambled(kind.split()[-1], strand, draw)]
    else:
        core = []
    return _with_correlate(core, kind, draw)


def _with_correlate(core: list[_Planned], kind: str, draw: Callable[[], float]) -> list[_Planned]:
    """Puts the sites in the left three quarters of the element, and perhaps the correlate in the rest."""
    span = max((site.offset + len(site.letters) for site in core), default=0)
    room = ELEMENT_LENGTH - 2 * MARGIN - 40 - span
    shift = MARGIN + int(draw() * room)
    sites = [_moved(site, shift) for site in core]
    is_active = not kind.startswith(("decoy", "nothing", "half", "pair at"))
    with_correlate = draw() < (CORRELATE_WITH_ACTIVE if is_active else CORRELATE_WITH_INACTIVE)
    correlate = _site("NRF1", "correlate", "+" if draw() < 0.5 else "-", True, draw)
    if with_correlate:
        sites.append(_moved(correlate, ELEMENT_LENGTH - MARGIN - len(correlate.letters) - int(draw() * 10)))
    return sites


def _pair(strand: str, gap: int, role: str, draw: Callable[[], float]) -> list[_Planned]:
    """The two factors on one strand with a gap between them; on the - strand the order is mirrored."""
    first, second = (_site(key, role, strand, True, draw) for key in (PAIR.first, PAIR.second))
    left, right = (first, second) if strand == "+" else (second, first)
    return [left, _moved(right, len(left.letters) + gap)]


def _site(key: str, role: str, strand: str, strong: bool, draw: Callable[[], float]) -> _Planned:
    """An instance drawn from the matrix, drawn again until it is as strong as wanted.

    Strong: occupancy at least 0.95; weak: 0.6 to 0.9.
    """
    motif = next(m for m in motifs() if m.key == key)
    thresholds = np.cumsum(motif.probabilities() ** (2.0 if strong else 1.0), axis=0)
    thresholds /= thresholds[-1]
    lowest, highest = (0.95, 1.0) if strong else (0.6, 0.9)
    for _ in range(100_000):
        letters = "".join(BASES[int((thresholds[:, i] < draw()).sum())] for i in range(motif.length))
        share = float(occupancy(letters, motif)[0, 0])
        if lowest <= share <= highest:
            return _Planned(key, role, strand, _oriented(letters, strand), 0, _strength(letters, motif))
    raise ValueError(f"no instance of {key} with an occupancy of {lowest} to {highest}")


def _scrambled(key: str, strand: str, draw: Callable[[], float]) -> _Planned:
    """A strong instance with its letters in another order, so that composition alone stays."""
    motif = next(m for m in motifs() if m.key == key)
    letters = _oriented(_site(key, "decoy", "+", True, draw).letters, strand)
    for _ in range(10_000):
        mixed = "".join(_shuffled(list(letters), draw))
        if all(occupancy(mixed, other).max(initial=0.0) < 0.05 for other in motifs()):
            return _Planned(f"scrambled {key}", "decoy", strand, mixed, 0, _strength(_oriented(mixed, strand), motif))
    raise ValueError(f"no scrambled {key} without a site")


def _scrub(letters: list[str], placed: list[Site], draw: Callable[[], float]) -> None:
    """Changes background bases until no site stands anywhere but where one was planted."""
    is_planted = np.zeros(len(letters), dtype=bool)
    for site in placed:
        is_planted[site.locus.start : site.locus.end] = True
    for _ in range(200):
        accidents = _accidents("".join(letters), placed)
        free = [(start, motif) for start, motif in accidents if not is_planted[start : start + motif.length].all()]
        if not free:
            return
        for start, motif in free:
            inside = [p for p in range(start, start + motif.length) if not is_planted[p]]
            letters[inside[int(draw() * len(inside))]] = BASES[int(draw() * 4)]
    raise ValueError(f"{len(free)} accidental sites are left")


def _accidents(bases: str, placed: list[Site]) -> list[tuple[int, SandboxMotif]]:
    """Start and motif of every site that nobody planted (a site's own mirror image within 3 bp counts as planted)."""
    found = []
    for motif in motifs():
        wanted = {site.locus.start + by for site in placed if site.key == motif.key for by in range(-3, 4)}
        starts = np.flatnonzero(occupancy(bases, motif).max(axis=0) >= SITE_THRESHOLD / 5)
        found += [(int(start), motif) for start in starts if int(start) not in wanted]
    return found


def _background(length: int, draw: Callable[[], float]) -> list[str]:
    """Letters of a third-order Markov chain: see the factors at the top."""
    table = {}
    for context in (a + b + c for a in BASES for b in BASES for c in BASES):
        weights = [_BASE[x] * _PAIR.get(context[2] + x, 1.0) * _RUN.get(context + x, 1.0) for x in BASES]
        total = sum(weights)
        table[context] = (weights[0] / total, sum(weights[:2]) / total, sum(weights[:3]) / total)
    letters = ["A", "C", "T"]
    while len(letters) < length + 100:
        a, c, g = table["".join(letters[-3:])]
        value = draw()
        letters.append("A" if value < a else "C" if value < c else "G" if value < g else "T")
    return letters[100:]


def _genes() -> tuple[tuple[str, Locus, str], ...]:
    """Made-up genes: one per six slots, strands alternating, starting beside an element."""
    genes: list[tuple[str, Locus, str]] = []
    for name, n_slots in CONTIGS:
        for slot in range(0, n_slots, GENE_EVERY):
            start = slot * SLOT_LENGTH + 800
            strand = "+" if len(genes) % 2 == 0 else "-"
            length = 2_000 + 250 * (len(genes) % 7)
            genes.append((f"SBX{len(genes) + 1}", Locus(name, start, start + length), strand))
    return tuple(genes)


def _moved(site: _Planned, by: int) -> _Planned:
    return _Planned(site.key, site.role, site.strand, site.letters, site.offset + by, site.strength)


def _oriented(letters: str, strand: str) -> str:
    return letters if strand == "+" else reverse_complement(letters)


def _strength(letters: str, motif: SandboxMotif) -> float:
    matrix = motif.scores()
    score = sum(matrix[BASES.index(base), i] for i, base in enumerate(letters))
    return round(max(float(score) / motif.best, 0.0), 3)


def _shuffled(items: list[str], draw: Callable[[], float]) -> list[str]:
    mixed = list(items)
    for i in range(len(mixed) - 1, 0, -1):
        j = int(draw() * (i + 1))
        mixed[i], mixed[j] = mixed[j], mixed[i]
    return mixed


def _lines(bases: str) -> str:
    return "".join(f"{bases[i : i + 60]}\n" for i in range(0, len(bases), 60))


def _bed(locus: Locus, *columns: object) -> str:
    return "\t".join(map(str, (locus.chrom, locus.start, locus.end, *columns))) + "\n"


def _sites_text(sites: tuple[Site, ...]) -> str:
    head = "#chrom\tstart\tend\tname\tscore\tstrand\trole\tstrength\tmatrix\telement\n"
    return head + "".join(
        _bed(s.locus, s.key, round(1000 * s.strength), s.strand, s.role, f"{s.strength:.3f}", s.matrix_id, s.element)
        for s in sites
    )


def _elements_text(elements: tuple[Element, ...]) -> str:
    head = "#chrom\tstart\tend\tname\tscore\tstrand\tactivity\tkind\n"
    return head + "".join(
        _bed(e.locus, e.name, min(round(250 * e.activity), 1000), ".", f"{e.activity:.4f}", e.kind) for e in elements
    )


def _genes_text(genes: tuple[tuple[str, Locus, str], ...]) -> str:
    return "#chrom\tstart\tend\tname\tscore\tstrand\n" + "".join(
        _bed(at, name, 0, strand) for name, at, strand in genes
    )


def _grammar_text(sandbox: Sandbox) -> str:
    text = (ASSETS / "grammar_template.md").read_text(encoding="ascii")
    ids = {motif.key: (motif.matrix_id, motif.length) for motif in motifs()}
    factors = "\n".join(f"| {r.key} | {ids[r.key][0]} | {ids[r.key][1]} | {r.role} | {r.weight:g} |" for r in RULES)
    kinds = "\n".join(f"| {kind} | {number} | {_mean_activity(sandbox, kind):.2f} |" for kind, number in KINDS)
    bases = "".join(bases for _, bases in sandbox.contigs)
    return text.format(
        seed=sandbox.seed, n_bases=f"{len(bases):,}", gc=f"{100 * (bases.count('G') + bases.count('C')) / len(bases):.1f}",
        cpg=f"{bases.count('CG') * len(bases) / (bases.count('C') * bases.count('G')):.2f}", factors=factors, kinds=kinds,
        first=PAIR.first, second=PAIR.second, shortest=PAIR.shortest, longest=PAIR.longest, bonus=f"{PAIR.weight:g}",
        n_sites=len(sandbox.sites), n_elements=len(sandbox.elements), n_genes=len(sandbox.genes),
    )  # fmt: skip


def _mean_activity(sandbox: Sandbox, kind: str) -> float:
    values = [element.activity for element in sandbox.elements if element.kind == kind]
    return sum(values) / len(values)


if __name__ == "__main__":
    write()
