"""An atlas: the patterns that a model reads over a set of places, found by TF-MoDISco and named as letters are.

Two steps, so that a job can do the first in slices: ``contributions`` of some places, and ``patterns`` of all of them.

1. A place is read in a stretch of 400 bp centred on it (of a longer one the middle), or in the model's own window where
   that is longer. Stretches that overlap an earlier one by more than half are left out, as are those with over 10 % N.
2. TF-MoDISco: sliding window 21 bp, flank 10 bp, false discovery rate 0.2, at least 20 seqlets in a pattern.
3. TF-MoDISco always lets some share of all windows pass, so noise has patterns too. A pattern is kept only when its bases
   add up, on average, to at least 0.8 standard deviations of the track: the rule by which motifs are named.
4. The columns that contribute at least 0.3 of the highest, and all between them, are compared with JASPAR as any motif.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence as Bases
from genome.source import Genome
from interpret.methods import attribute
from interpret.modisco import FLANK, SLIDING_WINDOW, Cluster, check_installed, discover
from interpret.motifs import NAMING_FLOOR, Q_LIMIT, Resemblance, families_of, resemblance
from interpret.references import Baseline
from models.core import ModelSpec, Target
from models.engine import Progress, Runner

Float = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

SHORTEST_WINDOW = 400  # bp
LONGEST_WINDOW = 1_000  # bp of a longer model window, its middle
FEWEST_PLACES = 50
MOST_PLACES = 5_000
MAX_N = 0.1
TRIM = 0.3  # of the highest column


@dataclass(frozen=True)
class Contributions:
    """What a model reads in some places.

    Attributes:
        one_hot: float32 (n, 4, window), rows ACGT; N is a zero column.
        hypothetical: float32 (n, 4, window), what each base would contribute, in the target's unit.
        converged: bool (n,), whether the contributions of each place add up.
    """

    one_hot: Float = field(repr=False)
    hypothetical: Float = field(repr=False)
    converged: npt.NDArray[np.bool_] = field(repr=False)

    def __post_init__(self) -> None:
        if self.one_hot.shape != self.hypothetical.shape or len(self.converged) != len(self.one_hot):
            raise ValueError(f"{self.one_hot.shape=}, {self.hypothetical.shape=}, {self.converged.shape=}")

    @classmethod
    def joined(cls, parts: Sequence[Contributions]) -> Contributions:
        """Several lots as one, in order."""
        columns = ("one_hot", "hypothetical", "converged")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


@dataclass(frozen=True)
class Pattern:
    """Something that a model reads again and again.

    Attributes:
        sign: ``+`` when it raises the prediction.
        n_seqlets: how often it was found.
        contribution: mean sum of the contributions of its bases (trimmed), in the target's unit.
        frequencies: float64 (4, length), share of each base over the seqlets; columns sum to 1.
        weights: float64 (4, length), mean contribution of each base that stands there (CWM), in the target's unit.
        seqlets: int64 (n, 4): index of the place, first base and one past the last (0-based in its window), 1 when reversed.
        like: the known motif it resembles most.
    """

    sign: str
    n_seqlets: int
    contribution: float
    frequencies: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    seqlets: npt.NDArray[np.int64] = field(repr=False)
    like: Resemblance

    @property
    def named(self) -> bool:
        """Whether it may bear a name."""
        return self.like.q_value <= Q_LIMIT

    @property
    def label(self) -> str:
        """``resembles CTCF``, or that it resembles nothing known."""
        return f"resembles {self.like.motif.name}" if self.named else f"no known motif is alike at q ≤ {Q_LIMIT:g}"

    @property
    def families(self) -> tuple[str, ...]:
        """Families of the best match and of its ties, most frequent first; none without a name."""
        return families_of((self.like.motif, *self.like.ties)) if self.named else ()


@dataclass(frozen=True)
class Atlas:
    """The patterns over a set of places.

    Attributes:
        patterns: kept ones, those that raise the prediction first, by falling number of seqlets.
        n_places: places read.
        window: bp read of each.
        faint: patterns left out because their bases add up to too little.
        not_converged: places whose contributions do not add up.
    """

    patterns: tuple[Pattern, ...]
    n_places: int
    window: int
    faint: int
    not_converged: int


def window_of(spec: ModelSpec) -> int:
    """How much of each place is read, in bp."""
    return min(max(spec.input_length, SHORTEST_WINDOW), LONGEST_WINDOW)


def reach(spec: ModelSpec) -> int:
    """How many bases on either side of a stretch are read with it."""
    return 2 * spec.input_length


def stretches(spec: ModelSpec, genome: Genome, places: Iterable[Locus]) -> tuple[Locus, ...]:
    """The stretches that are read, in the order of the genome, 0-based half-open.

    Raises:
        UserError: when there are too few or too many.
    """
    window = window_of(spec)
    kept: list[Locus] = []
    for place in sorted(Locus(genome.canonical(p.chrom), p.start, p.end).resized(window) for p in places):
        last = kept[-1] if kept else None
        if last is None or last.chrom != place.chrom or 2 * (last.end - place.start) <= window:
            kept.append(place)
    known = tuple(place for place in kept if genome.sequence(place).n_share <= MAX_N)
    if not FEWEST_PLACES <= len(known) <= MOST_PLACES:
        raise UserError(
            f"An atlas is made of {FEWEST_PLACES} to {MOST_PLACES:,} places that do not overlap and are known in "
            f"{genome.name}, and these are {len(known):,}; give {'more' if len(known) < FEWEST_PLACES else 'fewer'}."
        )
    return known


def contributions(
    run: Runner,
    spec: ModelSpec,
    read: Callable[[Locus], Bases],
    places: Sequence[Locus],
    target: Target,
    *,
    baseline: Baseline = "uniform",
    seed: int = 0,
    progress: Progress | None = None,
) -> Contributions:
    """What a model reads in some of the stretches: the first step, which can be done in parts.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        read: gives the bases of a place, e.g. ``genome.sequence``.
        places: stretches of one length, as ``stretches`` gives them.
        target: the scalar to explain.
        baseline: the reference of integrated gradients.
        seed: of the shuffles.
        progress: called with the share done; may raise to give up.
    """
    if len({place.length for place in places}) != 1:
        raise ValueError(f"places must have one length: {sorted({place.length for place in places})}")
    one_hot, hypothetical, converged = [], [], []
    for index, place in enumerate(places):
        bases = read(place.extended(reach(spec)))
        found = attribute(run, spec, bases, place, target, baseline=baseline, seed=seed)
        core = slice(*found.core)
        one_hot.append(found.sequence.one_hot()[:, core])
        hypothetical.append(found.hypothetical[:, core])
        converged.append(found.converged)
        if progress is not None:
            progress((index + 1) / len(places))
    return Contributions(np.stack(one_hot), np.stack(hypothetical), np.array(converged))


def patterns(found: Contributions, *, sd: float, progress: Progress | None = None) -> Atlas:
    """The patterns of all places: the second step.

    Args:
        found: the contributions of every place.
        sd: standard deviation of the track, in the target's unit.
        progress: called with 0 while TF-MoDISco runs; may raise to give up.

    Raises:
        UserError: when TF-MoDISco is not installed, or fails.
    """
    check_installed()
    n, _, window = found.one_hot.shape
    if not sd > 0 or window < SLIDING_WINDOW + 2 * FLANK:
        raise ValueError(f"{sd=}, {window=}")
    clusters = discover(found.one_hot, found.hypothetical, progress=progress) if np.any(found.hypothetical) else ()
    spans = [_trimmed(cluster) for cluster in clusters]
    sums = [float(c.contributions[:, s:e].sum()) for c, (s, e) in zip(clusters, spans, strict=True)]
    kept = [_pattern(c, span, total) for c, span, total in zip(clusters, spans, sums, strict=True) if _clear(total, sd)]
    kept.sort(key=lambda pattern: (pattern.sign != "+", -pattern.n_seqlets))
    return Atlas(tuple(kept), n, window, len(clusters) - len(kept), int((~found.converged).sum()))


def make(
    run: Runner,
    spec: ModelSpec,
    genome: Genome,
    places: Iterable[Locus],
    target: Target,
    *,
    baseline: Baseline = "uniform",
    seed: int = 0,
    progress: Progress | None = None,
) -> Atlas:
    """Both steps at once; see them for what is what.

    Raises:
        UserError: when there are too few places or too many, or TF-MoDISco is not installed or fails.
    """
    check_installed()
    kept = stretches(spec, genome, places)
    share = None if progress is None else lambda done: progress(0.8 * done)
    found = contributions(run, spec, genome.sequence, kept, target, baseline=baseline, seed=seed, progress=share)
    beyond = None if progress is None else lambda _: progress(0.8)
    return patterns(found, sd=spec.tracks[spec.track_index(target.track)].sd, progress=beyond)


def meme(atlas: Atlas, *, about: str = "") -> str:
    """The patterns' base frequencies as a MEME motif file (version 4), for any other motif tool.

    Args:
        atlas: the patterns.
        about: how they were made, one line, written below the version as a comment.
    """
    lines = [
        "MEME version 4",
        *([f"# {' '.join(about.split())}"] if about else []),
        "",
        "ALPHABET= ACGT",
        "",
        "strands: + -",
        "",
    ]
    lines += ["Background letter frequencies", "A 0.25 C 0.25 G 0.25 T 0.25", ""]
    for number, pattern in enumerate(atlas.patterns, start=1):
        name = pattern.like.motif.name.replace(" ", "_") if pattern.named else ""
        lines.append(f"MOTIF pattern_{number} {'resembles_' + name if name else ''}".rstrip())
        width, count = pattern.frequencies.shape[1], pattern.n_seqlets
        lines.append(f"letter-probability matrix: alength= 4 w= {width} nsites= {count} E= 0")
        lines += [" ".join(f"{share:.6f}" for share in column) for column in pattern.frequencies.T]
        lines.append("")
    return "\n".join(lines)


def _clear(total: float, sd: float) -> bool:
    return abs(total) >= NAMING_FLOOR * sd


def _trimmed(cluster: Cluster) -> tuple[int, int]:
    """The columns that matter: first, and one past the last."""
    heights = np.abs(cluster.contributions).sum(axis=0)
    high = np.flatnonzero(heights >= TRIM * heights.max())
    return int(high[0]), int(high[-1]) + 1


def _pattern(cluster: Cluster, span: tuple[int, int], contribution: float) -> Pattern:
    part = slice(*span)
    seen = cluster.frequencies[:, part]
    frequencies = (seen + 1e-9) / (seen + 1e-9).sum(axis=0)  # a column of N alone says nothing: equal shares
    seqlets = cluster.seqlets.copy()
    length, reversed_ = cluster.frequencies.shape[1], seqlets[:, 3] == 1
    first = np.where(reversed_, length - span[1], span[0])
    seqlets[:, 2] = seqlets[:, 1] + first + span[1] - span[0]
    seqlets[:, 1] += first
    return Pattern(
        sign=cluster.sign,
        n_seqlets=len(seqlets),
        contribution=contribution,
        frequencies=frequencies,
        weights=cluster.contributions[:, part],
        seqlets=seqlets,
        like=resemblance(frequencies),
    )
