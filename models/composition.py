"""What a stretch of DNA is made of, without any network: its GC, how unusual its words are, how repetitive it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.shuffle import N_CODE, letters_of

Codes = npt.NDArray[np.int8]
Float = npt.NDArray[np.float64]
Words = npt.NDArray[np.int64]

WORD_LENGTH = 6  # bp; the last base of a word is judged by the five before it
N_WORDS = 4**WORD_LENGTH
REPEAT_WINDOW, REPEAT_WORD = (
    64,
    5,
)  # bp; longer words than DUST's three tell repeats of long units better from plain DNA
_SMOOTHING = 100.0  # occurrences that the shorter context is worth
_FIT_ROWS = 30_000
_ROUNDS = 8


def gc_content(codes: Codes) -> Float:
    """float64 (n,): share of G and C among the known bases of codes (n, length); NaN where none is known."""
    known = (codes != N_CODE).sum(axis=1)
    with np.errstate(invalid="ignore"):
        share: Float = np.isin(codes, (1, 2)).sum(axis=1) / np.where(known, known, np.nan)
    return share


def unknown_share(codes: Codes) -> Float:
    """float64 (n,): share of N."""
    share: Float = (codes == N_CODE).mean(axis=1)
    return share


def words_of(codes: Codes, *, length: int = WORD_LENGTH) -> Words:
    """int64 (n, bases - length + 1): the number of each word of codes (n, bases), first base highest; -1 where it holds N."""
    n_words = codes.shape[1] - length + 1
    if n_words < 1:
        raise ValueError(f"{codes.shape=} is shorter than a word of {length} bp")
    words = np.zeros((len(codes), n_words), dtype=np.int64)
    unknown = np.zeros(words.shape, dtype=bool)
    for index in range(length):
        part = codes[:, index : index + n_words]
        unknown |= part == N_CODE
        words = words * 4 + (part & 3)
    return np.where(unknown, -1, words)


def repetitiveness(codes: Codes) -> Float:
    """How often words of five letters come again in the most repetitive 64 bp, counted as DUST does (Morgulis et al. 2006).

    Args:
        codes: int8 (n, length), 0..3 for ACGT and 4 for N.

    Returns:
        float64 (n,): pairs of equal words for each word of the window; under 0.2 in random DNA, 30 in one letter only.
    """
    words = words_of(codes, length=REPEAT_WORD)
    n_words = words.shape[1]
    width = min(REPEAT_WINDOW - REPEAT_WORD + 1, n_words)
    pairs = np.zeros((len(codes), n_words - width + 1))
    for lag in range(1, width):
        equal = (words[:, :-lag] == words[:, lag:]) & (words[:, lag:] >= 0)
        total = np.zeros((len(codes), n_words - lag + 1))
        np.cumsum(equal, axis=1, out=total[:, 1:])
        pairs += total[:, width - lag :] - total[:, : n_words - width + 1]
    score: Float = pairs.max(axis=1) / max(width - 1, 1)
    return score


def longest_repeat(codes: Codes, *, longest_unit: int = 12) -> tuple[str, int]:
    """The longest exact tandem repeat of one sequence, codes (length,): its unit in letters and its length in bp.

    A stretch counts when it holds its unit at least three times; without one, the unit is empty and the length 0.
    """
    best, place, unit = 0, 0, 0
    for period in range(1, longest_unit + 1):
        equal = (codes[period:] == codes[:-period]) & (codes[period:] != N_CODE)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], equal.astype(np.int8), [0]])))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            length = end - start + period
            if length > best and length >= 3 * period:
                best, place, unit = length, start, period
    return (letters_of(codes[place : place + unit]), best) if unit else ("", 0)


@dataclass(frozen=True)
class WordModel:
    """How DNA of some kind is worded: a few Markov chains of order five, each for a part of the sequences.

    Several chains, because DNA rich in GC and DNA rich in AT have different words, and one chain for both would find
    neither likely. Both strands count alike.

    Attributes:
        chains: float32 (chains, 4096), log2 probability of a word's last base after its first five, mean of the word
            and its reverse complement.
        shares: float64 (chains,), share of the sequences that each chain stands for.
    """

    chains: npt.NDArray[np.float32]
    shares: Float

    def surprise(self, codes: Codes) -> Float:
        """float64 (n,): bits per base that this wording leaves unexplained; 2 for letters drawn at random.

        N is passed over; NaN where no word is known.
        """
        return self.word_surprise(words_of(codes))

    def word_surprise(self, words: Words) -> Float:
        """``surprise`` of words (n, words) as ``words_of`` gives them."""
        bits = self._bits(words)
        top = bits.max(axis=1, keepdims=True)
        whole = top[:, 0] + np.log2(np.exp2(bits - top).sum(axis=1))
        surprise: Float = -whole / words.shape[1]
        return surprise

    def responsibilities(self, words: Words) -> Float:
        """float64 (n, chains): how probable it is that each chain made each sequence."""
        bits = self._bits(words)
        shares = np.exp2(bits - bits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def _bits(self, words: Words) -> Float:
        """float64 (n, chains): log2 probability of each sequence and chain together, as if every word were known."""
        known = (words >= 0).sum(axis=1)
        scale = words.shape[1] / np.where(known, known, np.nan)
        parts = [np.where(words >= 0, chain[words], 0.0).sum(axis=1) * scale for chain in self.chains]
        with np.errstate(divide="ignore"):
            return np.stack(parts, axis=1) + np.log2(self.shares)


def fit_words(codes: Codes, *, seed: int, chains: int = 2) -> WordModel:
    """Learns how sequences are worded, by expectation maximisation from groups of growing GC content.

    Args:
        codes: int8 (n, length); at most 30,000 rows, drawn by the seed, are used.
        seed: of the draw.
        chains: how many Markov chains.
    """
    if len(codes) > _FIT_ROWS:
        codes = codes[np.sort(np.random.default_rng(seed).choice(len(codes), _FIT_ROWS, replace=False))]
    words = words_of(codes)
    order = np.argsort(np.nan_to_num(gc_content(codes), nan=0.5), kind="stable")
    groups = np.empty(len(codes), dtype=np.int64)
    groups[order] = np.arange(len(codes)) * chains // len(codes)
    weights = np.eye(chains)[groups]
    for _ in range(_ROUNDS):
        model = WordModel(np.stack([_chain(words, column) for column in weights.T]), weights.mean(axis=0))
        weights = model.responsibilities(words)
    return model


def _chain(words: Words, weights: Float) -> npt.NDArray[np.float32]:
    """float32 (4096,): one chain's log2 probabilities, from words (n, words) weighted by row."""
    known = words >= 0
    per_word = np.broadcast_to(weights[:, None], words.shape)[known]
    forward = np.bincount(words[known], weights=per_word, minlength=N_WORDS)
    counts = forward + forward[_reverse_complements()]
    probability = np.full((1, 4), 0.25)
    for length in range(1, WORD_LENGTH + 1):  # each context leans on the one that is a base shorter
        seen = counts.reshape(-1, 4 ** (length - 1), 4).sum(axis=0)
        prior = np.tile(probability, (4 if length > 1 else 1, 1))
        probability = (seen + _SMOOTHING * prior) / (seen.sum(axis=1, keepdims=True) + _SMOOTHING)
    bits = np.log2(probability).ravel()
    return ((bits + bits[_reverse_complements()]) / 2).astype(np.float32)


def _reverse_complements() -> Words:
    """int64 (4096,): the number of each word's reverse complement."""
    words, turned = np.arange(N_WORDS), np.zeros(N_WORDS, dtype=np.int64)
    for _ in range(WORD_LENGTH):
        turned = turned * 4 + (3 - words % 4)
        words = words // 4
    return turned
