"""Makes a background: a model's activities and single-base effects over the places of a named set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from genome.source import Genome
from interpret.background import About, Background, Distribution, distribution
from interpret.effects import explained, placed_starts
from models.core import Model, ModelSpec
from models.engine import Progress, Runner
from models.predict import Components
from models.tiling import Tiling, windows

MOST = 20_000  # single-base changes
MAX_PLACE = 5_000  # bp; a longer "peak" is a lift-over across a gap, not a measurement
MAX_N = 0.1  # share of N above which a window is left out
_BATCH = 32  # windows per pass
ACTIVITY_FORMULA = "prediction of one window of {window} bp (log counts of a profile track)"
EFFECT_FORMULA = (
    "|mean over {placements} windows around the change, moved by up to a quarter window, of (changed - unchanged)|"
)
EFFECT_FORMULA_CENTRED = "|changed - unchanged| in the window centred on the change"
K562 = "K562-peaks"
_K562_FILES = ("tracks/K562_DNase_peaks.hg19_demo.narrowPeak.gz", "tracks/K562_ATAC_peaks.hg19_demo.narrowPeak.gz")
_K562_GENOME = "genomes/hg19_demo.fa.gz"
_K562_WORDS = "measured K562 open chromatin (hg19 demo)"


@dataclass(frozen=True)
class FixedBatches:
    """Answers for windows that come in batches of a fixed size: (n, batch, 4, window) -> (n, batch, components, ...).

    The engine's own batch size is measured anew in every process and may move the last digit of an answer. A file that
    is shipped should be the same bytes whenever it is made again.
    """

    passes: int
    gradient: bool = False

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002
        return (torch.stack([Components()(model, self.passes, row)[0] for row in rows[0]]),)


def build(
    run: Runner,
    spec: ModelSpec,
    genome: Genome,
    intervals: Iterable[Locus],
    *,
    name: str,
    words: str,
    seed: int = 0,
    most: int = MOST,
    progress: Progress | None = None,
) -> Background:
    """Activities of windows across the places, and effects of single-base changes inside them.

    Overlapping places count once. Windows stand side by side across each place, centred on it. Of all changes (three
    per known base) ``most`` are drawn without repetition when there are more.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        genome: where the bases are read.
        intervals: the places, 0-based half-open.
        name: of the set.
        words: what stands after "windows of" on screen.
        seed: of the sampling.
        most: changes at most.
        progress: called with the share done.

    Raises:
        UserError: when there is no place, or nothing in them can be read.
    """
    if most < 1:
        raise ValueError(f"{most=}")
    places = merged(Locus(genome.canonical(place.chrom), place.start, place.end) for place in intervals)
    if not places:
        raise UserError("There is no place to make a background of; give a BED file with at least one row.")
    share = _parts(progress)
    activities = _activities(run, spec, genome, places, share[0])
    effects, n_changes = _effects(run, spec, genome, places, seed, most, share[1])
    if not len(activities):
        raise UserError(f"The places hold no bases that {genome.name} knows; check the genome's name.")
    sampled = most < n_changes
    about = About(
        model_id=spec.model_id,
        name=name,
        words=words,
        provenance=_provenance(genome, places, len(activities), len(effects), n_changes, sampled=sampled, seed=seed),
        genome=genome.name,
        synthetic=genome.synthetic,
        digest=_digest(genome, places),
        seed=seed,
        sampled=sampled,
        activity_formula=ACTIVITY_FORMULA.format(window=spec.input_length),
        effect_formula=(EFFECT_FORMULA if spec.placements > 1 else EFFECT_FORMULA_CENTRED).format(
            placements=spec.placements
        ),
        sds={track.name: track.sd for track in spec.tracks},
    )
    return Background(about, _by_track(spec, activities), _by_track(spec, np.abs(effects)))


def build_default(
    run: Runner, spec: ModelSpec, data: Path, *, seed: int = 0, most: int = MOST, progress: Progress | None = None
) -> Background:
    """The default set of a human model: the measured K562 peaks of the demo genome.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        data: the folder of measured data.
        seed: of the sampling.
        most: changes at most.
        progress: called with the share done.
    """
    from genome.fasta import LocalGenome

    genome = LocalGenome(data / _K562_GENOME, name="hg19", build="GRCh37")
    places = [place for name in _K562_FILES for place in read_places(data / name)]
    kept = [place for place in places if place.length <= MAX_PLACE]
    return build(run, spec, genome, kept, name=K562, words=_K562_WORDS, seed=seed, most=most, progress=progress)


def read_places(path: Path) -> tuple[Locus, ...]:
    """The rows of a BED or narrowPeak file (plain or gzip) as places, 0-based half-open.

    Raises:
        UserError: when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror}); check --bed.") from error
    return places_of(path.name, data)


def places_of(name: str, data: bytes) -> tuple[Locus, ...]:
    """The rows of a BED or narrowPeak file (plain or gzip) as places, 0-based half-open.

    Raises:
        UserError: when it is no such file, naming the line that is wrong.
    """
    from genome.intervals import MAX_POSITION, parse_intervals

    found = parse_intervals(name, data)
    if found.is_signal:
        raise UserError(f"{found.name} is a signal, not a list of places; give a BED or narrowPeak file.")
    return tuple(row.locus for chrom in found.contigs for row in found.inside(Locus(chrom, 0, MAX_POSITION)))


def merged(places: Iterable[Locus]) -> tuple[Locus, ...]:
    """Overlapping or touching places joined, in order (0-based half-open)."""
    joined: list[Locus] = []
    for place in sorted(places):
        last = joined[-1] if joined else None
        if last is not None and last.chrom == place.chrom and place.start <= last.end:
            joined[-1] = Locus(place.chrom, last.start, max(last.end, place.end))
        else:
            joined.append(place)
    return tuple(joined)


def window_starts(place: Locus, window: int) -> list[int]:
    """First bases (0-based) of windows side by side across a place; one, centred, when it is shorter than 1.5 windows."""
    count = max(1, int(place.length / window + 0.5))
    first = place.start + (place.length - count * window) // 2
    return [first + index * window for index in range(count)]


def _activities(
    run: Runner, spec: ModelSpec, genome: Genome, places: tuple[Locus, ...], progress: Progress | None
) -> npt.NDArray[np.float32]:
    """float32 (windows, tracks); windows with too many N are left out."""
    parts = []
    per_block = max(1, _at_once(spec) // 4)
    for first in range(0, len(places), per_block):
        cut = [_windows_across(spec, genome, place) for place in places[first : first + per_block]]
        parts.append(_scalars(run, spec, np.concatenate(cut)))
        if progress is not None:
            progress(min(1.0, (first + per_block) / len(places)))
    return np.concatenate(parts)


def _windows_across(spec: ModelSpec, genome: Genome, place: Locus) -> npt.NDArray[np.int8]:
    """The known windows side by side across a place: int8 (windows, 4, window)."""
    starts = np.array(window_starts(place, spec.input_length), dtype=np.int64)
    sequence = genome.sequence(Locus(place.chrom, int(starts[0]), int(starts[-1]) + spec.input_length))
    cut = windows(sequence.one_hot(), _tiling(starts - sequence.locus.start, spec, sequence)).astype(np.int8)
    return cut[_known(cut)]


def _effects(
    run: Runner,
    spec: ModelSpec,
    genome: Genome,
    places: tuple[Locus, ...],
    seed: int,
    most: int,
    progress: Progress | None,
) -> tuple[npt.NDArray[np.float32], int]:
    """Effects float32 (changes, tracks), and how many changes there are in all.

    A change whose reference base is N, or whose windows are unknown, gives none.
    """
    lengths = np.array([place.length for place in places])
    n_changes = 3 * int(lengths.sum())
    drawn = np.arange(n_changes)
    if most < n_changes:
        drawn = np.sort(np.random.default_rng(seed).choice(n_changes, most, replace=False))
    owners = np.searchsorted(3 * lengths.cumsum(), drawn, "right")
    parts = []
    per_block = max(1, _at_once(spec) // (2 * spec.placements))
    for first in range(0, len(drawn), per_block):
        block = slice(first, first + per_block)
        offsets = drawn[block] - 3 * (lengths.cumsum() - lengths)[owners[block]]
        parts.append(_effects_of(run, spec, genome, [places[index] for index in owners[block]], offsets))
        if progress is not None:
            progress(min(1.0, (first + per_block) / len(drawn)))
    return np.concatenate(parts), n_changes


def _effects_of(
    run: Runner, spec: ModelSpec, genome: Genome, places: list[Locus], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Effects float32 (changes, tracks) of changes counted three per base from the start of their place."""
    before, after = [], []
    for place, offset in zip(places, offsets.tolist(), strict=True):
        base, other = divmod(offset, 3)
        pair = _both_alleles(spec, genome, place.chrom, place.start + base, 1 + other)
        if pair is not None:
            before.append(pair[0])
            after.append(pair[1])
    if not before:
        return np.zeros((0, len(spec.tracks)), np.float32)
    scalars = _scalars(run, spec, np.concatenate([*before, *after]))
    by_allele = scalars.reshape(2, len(before), spec.placements, len(spec.tracks))
    return (by_allele[1] - by_allele[0]).mean(axis=1)


def _both_alleles(
    spec: ModelSpec, genome: Genome, chrom: str, position: int, turn: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]] | None:
    """The placed windows around a base (0-based) without and with it changed, int8 (placements, 4, window); None if unknown.

    Args:
        spec: the model.
        genome: where the bases are read.
        chrom: the chromosome.
        position: the base, 0-based.
        turn: 1, 2 or 3: how far the new base stands after the old one in A, C, G, T, A, ...
    """
    starts = np.array(placed_starts(position, position + 1, spec), dtype=np.int64)
    sequence = genome.sequence(Locus(chrom, int(starts.min()), int(starts.max()) + spec.input_length))
    before = windows(sequence.one_hot(), _tiling(starts - sequence.locus.start, spec, sequence)).astype(np.int8)
    columns = position - starts
    if not before[0, :, columns[0]].any() or not _known(before).all():
        return None
    after = before.copy()
    rows = np.arange(len(starts))
    after[rows, :, columns] = np.roll(before[rows, :, columns], turn, axis=1)
    return before, after


def _scalars(run: Runner, spec: ModelSpec, cut: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """The usual explained scalar of every track in each window: (n, 4, window) -> float32 (n, tracks)."""
    batch = min(_BATCH, _at_once(spec))
    padded = np.concatenate([cut, np.zeros(((-len(cut)) % batch, *cut.shape[1:]), np.int8)])
    parts = [np.zeros((0, len(spec.tracks)), np.float32)]
    for first in range(0, len(padded), batch * max(1, _at_once(spec) // batch)):
        x = padded[first : first + batch * max(1, _at_once(spec) // batch)].astype(np.float32)
        components = run(FixedBatches(batch), (x.reshape(-1, batch, *cut.shape[1:]),))[0]
        parts.append(explained(components.reshape(-1, *components.shape[2:]), spec).mean(axis=1))
    scalars = np.concatenate(parts)[: len(cut)]
    if not np.isfinite(scalars).all():
        raise UserError(f"{spec.title} gave something that is not a number; no background can be made of it.")
    return scalars


def _at_once(spec: ModelSpec) -> int:
    """Windows that stand in memory at a time: up to 2,048, fewer of a model with long windows or many bins."""
    answers = spec.n_members * len(spec.strands) * len(spec.tracks) * spec.output_length
    return max(1, min(2_048, (1 << 25) // (4 * spec.input_length + answers)))


def _tiling(starts: npt.NDArray[np.int64], spec: ModelSpec, sequence: Sequence) -> Tiling:
    return Tiling(spec.input_length, 1, starts, (0, sequence.length), False)


def _known(cut: npt.NDArray[np.int8] | npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """bool (n,): whether at most MAX_N of a window's bases are N."""
    return 1 - cut.sum(axis=1).mean(axis=1) <= MAX_N


def _provenance(
    genome: Genome,
    places: tuple[Locus, ...],
    n_windows: int,
    n_effects: int,
    n_changes: int,
    *,
    sampled: bool,
    seed: int,
) -> str:
    drawn = f"{n_effects:,} of the {n_changes:,}" if sampled else f"{n_effects:,}"
    how = f", drawn with seed {seed}" if sampled else ""
    return (
        f"{len(places):,} merged places ({sum(place.length for place in places):,} bp) of {genome.name}"
        f"{' (synthetic)' if genome.synthetic else ''}: {n_windows:,} windows side by side, and {drawn} single-base "
        f"changes inside them{how}."
    )


def _by_track(spec: ModelSpec, values: npt.NDArray[np.float32]) -> dict[str, Distribution]:
    """values (n, tracks) as one distribution per track."""
    return {track.name: distribution(values[:, index]) for index, track in enumerate(spec.tracks)}


def _digest(genome: Genome, places: tuple[Locus, ...]) -> str:
    """12 hex digits over the places and the digests of their chromosomes."""
    digest = hashlib.sha256()
    for chrom in sorted({place.chrom for place in places}):
        digest.update(f"{chrom}\t{genome.contig_digest(chrom)}\n".encode())
    for place in places:
        digest.update(f"{place.chrom}\t{place.start}\t{place.end}\n".encode())
    return digest.hexdigest()[:12]


def _parts(progress: Progress | None) -> tuple[Callable[[float], None] | None, Callable[[float], None] | None]:
    """Progress of the windows (the first tenth) and of the changes."""
    if progress is None:
        return None, None
    return lambda done: progress(0.1 * done), lambda done: progress(0.1 + 0.9 * done)
