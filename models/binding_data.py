"""CTCF and PU.1 binding: measured peaks, what counts as unbound, and which rows train, choose or test a model."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from models.shuffle import N_CODE, codes_of, shuffle_codes

Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Kmers = npt.NDArray[np.uint64]

FACTORS = ("CTCF", "PU.1")
WINDOW_LENGTH = 100
TEST_CHROMS = ("chr20", "chr22")
VALIDATION_CHROMS = ("chr9", "chr10")
HOMOLOGY_LENGTH = 25  # rows that share a word of this length, on either strand, count as the same sequence
NEARBY = 500  # within this many bp of a peak a site is not called unbound
BACKGROUND_STRIDE = 50
BACKGROUND_VALIDATION_START = 1_900_000  # of the hg38 chr2 piece: windows from here on choose, those before train
PEAK, SHUFFLE, BACKGROUND = 0, 1, 2

_FILES = {"CTCF": "binding/ctcf.fa.gz", "PU.1": "binding/pu1.fa.gz"}
_TRAIN_BACKGROUND = ("genomes/hg38_demo.fa.gz", "chr2")
_TEST_BACKGROUND = ("genomes/hg19_demo.fa.gz", "chr22")
_NO_KMER = np.uint64(np.iinfo(np.uint64).max)


@dataclass(frozen=True)
class Rows:
    """Windows of DNA and whether each factor binds there.

    Attributes:
        codes: int8 (n, 100), 0..3 for ACGT and 4 for N.
        labels: float32 (n, 2), CTCF and PU.1: 1 bound, 0 unbound, NaN unknown.
        kinds: int8 (n,), PEAK, SHUFFLE or BACKGROUND.
        factors: int8 (n,), the factor whose peak it is (or was shuffled from), 0 CTCF, 1 PU.1; -1 for background.
        chroms: str (n,).
        starts: int64 (n,), 0-based start of the window (of the peak it was shuffled from).
    """

    codes: Codes
    labels: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.int8]
    factors: npt.NDArray[np.int8]
    chroms: npt.NDArray[np.str_]
    starts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {len(array) for array in vars(self).values()}
        if len(lengths) != 1 or self.codes.ndim != 2 or self.labels.shape != (len(self.codes), len(FACTORS)):
            raise ValueError(f"{lengths=}, {self.codes.shape=}, {self.labels.shape=}")

    @property
    def n(self) -> int:
        """How many windows."""
        return len(self.codes)

    def chosen(self, which: Flags | npt.NDArray[np.int64]) -> Rows:
        """The rows at a mask or at indices."""
        return Rows(**{name: array[which] for name, array in vars(self).items()})

    def of(self, kind: int, factor: int) -> Rows:
        """The rows of one kind and factor."""
        return self.chosen((self.kinds == kind) & (self.factors == factor))


@dataclass(frozen=True)
class Splits:
    """Peaks and background windows, apart by chromosome and by homology.

    Attributes:
        train: peaks and hg38 chr2 windows to fit on.
        validation: peaks of chr9 and chr10 and the far end of the chr2 piece, for every choice.
        test: peaks of chr20 and chr22, looked at once.
        dropped: how many train or validation rows were left out because they share a 25-mer with a test peak (``test``)
            or train rows because they share one with a validation row (``validation``).
    """

    train: Rows
    validation: Rows
    test: Rows
    dropped: dict[str, int]


def read_splits(folder: Path) -> Splits:
    """Reads all peaks and training background and splits them by chromosome and homology.

    Args:
        folder: the data folder (``CISLENS_DATA``).
    """
    peaks = read_peaks(folder)
    background = read_training_background(folder, peaks)
    rows = joined([peaks, background])
    words = canonical_kmers(rows.codes)
    test = np.isin(rows.chroms, TEST_CHROMS) & (rows.kinds == PEAK)
    far = (rows.kinds == BACKGROUND) & (rows.starts >= BACKGROUND_VALIDATION_START)
    validation = (np.isin(rows.chroms, VALIDATION_CHROMS) & (rows.kinds == PEAK)) | far
    like_test = shares_kmer(words, words[test]) & ~test
    validation &= ~like_test
    train = ~test & ~like_test & ~validation & ~far & ~np.isin(rows.chroms, VALIDATION_CHROMS)
    like_validation = shares_kmer(words, words[validation & (rows.kinds == PEAK)]) & train
    dropped = {"test": int(like_test.sum()), "validation": int(like_validation.sum())}
    return Splits(rows.chosen(train & ~like_validation), rows.chosen(validation), rows.chosen(test), dropped)


def read_peaks(folder: Path) -> Rows:
    """All peaks of both factors: hg19, 100 bp, headers ``chrN:start-end`` (0-based half-open).

    A peak of one factor is unbound by the other, unless a peak of the other lies within 500 bp: then that is unknown.
    """
    parts = [_read_factor(folder / _FILES[name], index) for index, name in enumerate(FACTORS)]
    for index, rows in enumerate(parts):
        other = 1 - index
        near = near_peaks(rows.chroms, rows.starts, parts[other], within=NEARBY)
        rows.labels[near, other] = np.nan
    return joined(parts)


def read_training_background(folder: Path, peaks: Rows) -> Rows:
    """Windows of the hg38 chr2 piece, every 50 bp, without N and without a 25-mer of any peak (either strand).

    The peaks are hg19 and the piece is hg38, so the sequence decides, not the coordinates. A window within 500 bp of a
    window that shares a 25-mer with a peak mapped to chr2 is left out too.
    """
    codes = _read_contig(folder, *_TRAIN_BACKGROUND)
    words = canonical_kmers(codes[None])[0]
    like_peak = found_among(words, canonical_kmers(peaks.codes))
    home = peaks.chosen(peaks.chroms == _TRAIN_BACKGROUND[1])
    like_home = found_among(words, canonical_kmers(home.codes))
    starts = np.arange(0, len(codes) - WINDOW_LENGTH + 1, BACKGROUND_STRIDE)
    bad = _count_within(codes == N_CODE, starts, starts + WINDOW_LENGTH)
    bad += _count_within(like_peak, starts, starts + WINDOW_LENGTH - HOMOLOGY_LENGTH + 1)
    bad += _count_within(like_home, starts - NEARBY, starts + WINDOW_LENGTH + NEARBY)
    return _background_rows(codes, starts[bad == 0], _TRAIN_BACKGROUND[1])


def read_test_background(folder: Path, peaks: Rows) -> Rows:
    """Windows of the hg19 chr22 piece, every 20 bp, without N, more than 500 bp from any peak of either factor."""
    codes = _read_contig(folder, *_TEST_BACKGROUND)
    starts = np.arange(0, len(codes) - WINDOW_LENGTH + 1, 20)
    starts = starts[_count_within(codes == N_CODE, starts, starts + WINDOW_LENGTH) == 0]
    chroms = np.full(len(starts), _TEST_BACKGROUND[1])
    starts = starts[~near_peaks(chroms, starts, peaks, within=NEARBY)]
    return _background_rows(codes, starts, _TEST_BACKGROUND[1])


def shuffled(rows: Rows, *, seed: int) -> Rows:
    """One dinucleotide shuffle of each row, unbound by both factors."""
    return Rows(
        codes=shuffle_codes(rows.codes, seed=seed),
        labels=np.zeros_like(rows.labels),
        kinds=np.full(rows.n, SHUFFLE, dtype=np.int8),
        factors=rows.factors,
        chroms=rows.chroms,
        starts=rows.starts,
    )


def joined(parts: list[Rows]) -> Rows:
    """Several sets of rows as one, in order."""
    return Rows(**{name: np.concatenate([vars(rows)[name] for rows in parts]) for name in vars(parts[0])})


def sampled_background(background: Rows, peaks: Rows, *, ratio: int, gc_matched: bool, seed: int) -> Rows:
    """``ratio`` background windows for each peak, none twice.

    Args:
        background: candidate windows.
        peaks: the peaks to match.
        ratio: windows per peak.
        gc_matched: whether the windows have the peaks' distribution of GC content (in steps of 2 %).
        seed: of the draw.

    Raises:
        ValueError: when there are too few windows of some GC content.
    """
    random = np.random.default_rng(seed)
    if not gc_matched:
        return background.chosen(np.sort(random.choice(background.n, ratio * peaks.n, replace=False)))
    bins, wanted = _gc_bins(background), np.bincount(_gc_bins(peaks), minlength=51) * ratio
    picked: list[npt.NDArray[np.int64]] = []
    carried = 0
    for step in np.argsort(-wanted, kind="stable"):
        pool = np.flatnonzero(bins == step)
        take = min(int(wanted[step]), len(pool))
        carried += int(wanted[step]) - take
        picked.append(random.choice(pool, take, replace=False))
    if carried > 0.02 * wanted.sum():
        raise ValueError(f"{carried=} of {wanted.sum()} background windows have no match in GC content")
    return background.chosen(np.sort(np.concatenate(picked)))


def canonical_kmers(codes: Codes, *, length: int = HOMOLOGY_LENGTH) -> Kmers:
    """The words of each sequence, the same number for a word and its reverse complement.

    Args:
        codes: int8 (n, bases).
        length: bp per word, at most 31.

    Returns:
        uint64 (n, bases - length + 1); the largest uint64 where the word holds N.
    """
    n_words = codes.shape[1] - length + 1
    forward = np.zeros((len(codes), n_words), dtype=np.uint64)
    backward, unknown = forward.copy(), np.zeros(forward.shape, dtype=bool)
    for index in range(length):
        part = codes[:, index : index + n_words]
        unknown |= part == N_CODE
        base = (part & 3).astype(np.uint64)
        forward = forward << np.uint64(2) | base
        backward |= (np.uint64(3) - base) << np.uint64(2 * index)
    return np.where(unknown, _NO_KMER, np.minimum(forward, backward))


def shares_kmer(words: Kmers, others: Kmers) -> Flags:
    """bool (n,): which rows of words (n, words) hold a word of ``others``."""
    return np.asarray(found_among(words, others).any(axis=1))


def near_peaks(chroms: npt.NDArray[np.str_], starts: npt.NDArray[np.int64], peaks: Rows, *, within: int) -> Flags:
    """bool (n,): which windows of 100 bp overlap a peak or lie at most ``within`` bp from one."""
    near = np.zeros(len(starts), dtype=bool)
    for chrom in np.unique(chroms):
        here = np.flatnonzero(chroms == chrom)
        places = np.sort(peaks.starts[peaks.chroms == chrom])
        first = np.searchsorted(places, starts[here] - WINDOW_LENGTH - within, side="left")
        last = np.searchsorted(places, starts[here] + WINDOW_LENGTH + within, side="right")
        near[here] = last > first
    return near


def read_fasta(path: Path) -> list[tuple[str, str]]:
    """Name and letters of each record of a gzipped FASTA file.

    Raises:
        UserError: when the file is missing.
    """
    if not path.is_file():
        raise UserError(
            f"The file {path.name} is not in the data folder; set CISLENS_DATA to the folder that holds it."
        )
    with gzip.open(path, "rt", encoding="ascii") as handle:
        records = handle.read().split(">")[1:]
    return [(head.strip(), body.replace("\n", "")) for head, _, body in (record.partition("\n") for record in records)]


def found_among(words: Kmers, others: Kmers) -> Flags:
    """Which words are among ``others``, in the shape of ``words``; N is like nothing.

    A table of 2^24 places, by a product of the word, rules most words out before they are searched for.
    """
    known = others[others != _NO_KMER]
    table = np.zeros(1 << 24, dtype=bool)
    table[_place(known)] = True
    found: Flags = table[_place(words)] & (words != _NO_KMER)
    found[found] = np.isin(words[found], known)
    return found


def _place(words: Kmers) -> npt.NDArray[np.uint64]:
    """A number of 24 bits for each word."""
    with np.errstate(over="ignore"):
        return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)


def _read_factor(path: Path, factor: int) -> Rows:
    """The peaks of one factor; the other's label is 0 for now."""
    records = read_fasta(path)
    places = [name.replace("-", ":").split(":") for name, _ in records]
    codes = codes_of("".join(bases for _, bases in records)).reshape(len(records), WINDOW_LENGTH)
    labels = np.zeros((len(records), len(FACTORS)), dtype=np.float32)
    labels[:, factor] = 1
    return Rows(
        codes=codes,
        labels=labels,
        kinds=np.full(len(records), PEAK, dtype=np.int8),
        factors=np.full(len(records), factor, dtype=np.int8),
        chroms=np.array([chrom for chrom, _, _ in places]),
        starts=np.array([int(start) for _, start, _ in places], dtype=np.int64),
    )


def _read_contig(folder: Path, name: str, contig: str) -> Codes:
    """int8 (length,) of one record."""
    return codes_of(dict(read_fasta(folder / name))[contig])


def _background_rows(codes: Codes, starts: npt.NDArray[np.int64], chrom: str) -> Rows:
    """Windows of a contig's codes as rows that nothing binds."""
    n = len(starts)
    return Rows(
        codes=np.lib.stride_tricks.sliding_window_view(codes, WINDOW_LENGTH)[starts],
        labels=np.zeros((n, len(FACTORS)), dtype=np.float32),
        kinds=np.full(n, BACKGROUND, dtype=np.int8),
        factors=np.full(n, -1, dtype=np.int8),
        chroms=np.full(n, chrom),
        starts=starts.astype(np.int64),
    )


def _count_within(flags: Flags, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64 (n,): how many flags are set from each start to each end (0-based half-open, cut at the edges)."""
    total = np.concatenate([[0], flags.cumsum()])
    return total[np.clip(ends, 0, len(flags))] - total[np.clip(starts, 0, len(flags))]


def _gc_bins(rows: Rows) -> npt.NDArray[np.int64]:
    """int64 (n,): GC content in steps of 2 %."""
    return np.isin(rows.codes, (1, 2)).sum(axis=1) // 2
