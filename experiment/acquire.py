"""Which sequences to measure next: strategies that choose a batch from candidates.

The default is core-set. On the retina pool (``benchmarks/active_learning.json``: 10,000 elements, five batches of 500 after 500
random ones, a small network, five seeds) the area under its learning curve (Pearson r on held-out elements) lies 0.019 (0.009 to
0.029) above that of random choice, paired by seed; ensemble variance 0.014 (0.007 to 0.022), LCMD 0.015 (-0.001 to 0.030), margin
0.006 (-0.005 to 0.017). On building blocks, designs unlike the pool, every strategy lies above random (core-set by 0.078), and
none beyond its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from experiment.activeml import class_uncertainty, core_set
from experiment.lcmd import largest_cluster_maximum_distance
from genome.errors import UserError

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

STRATEGIES = {
    "random": "drawn evenly",
    "variance": "where the networks disagree most",
    "entropy": "where silencer, inactive or enhancer is least certain",
    "margin": "where the two likeliest of silencer, inactive and enhancer are closest",
    "core-set": "far from one another in what the network makes of them",
    "lcmd": "largest clusters of what the network would learn, farthest first (LCMD)",
    "mix": "stated shares of the others",
}
SHORTLIST = (
    3  # candidates with the highest scores, in batches, of which a core set is taken: diversity within the batch
)
DEFAULT = "core-set"
# How much better than random choice a strategy did, with the ends of the 95 % interval; a test compares it with the benchmark.
GAINS = {
    "core-set": (0.019, 0.009, 0.029),
    "lcmd": (0.015, -0.001, 0.030),
    "variance": (0.014, 0.007, 0.022),
    "margin": (0.006, -0.005, 0.017),
}
DEFAULT_SHARES = {"random": 0.5, "lcmd": 0.5}


@dataclass(frozen=True)
class Candidates:
    """What is known of the sequences that could be measured; every array has one row for each.

    Attributes:
        keys: uint64 (rows,), a digest of each sequence: decides random draws and ties, so that the order of rows does not.
        members: (members, rows), each network's prediction.
        classes: (rows, classes), probabilities of the activity classes; entropy and margin need them.
        embeddings: (rows, features), what the network makes of each; core-set and diversity need them.
        gradients: (rows, features), sketched gradients; LCMD needs them.
        seen_embeddings: (known, features), of sequences that were measured already.
        seen_gradients: (known, features), likewise.
    """

    keys: Keys
    members: Floats | None = None
    classes: Floats | None = None
    embeddings: Floats | None = None
    gradients: Floats | None = None
    seen_embeddings: Floats | None = None
    seen_gradients: Floats | None = None

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if values is None:
                continue
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds {int((~np.isfinite(values)).sum())} values that are no numbers")
            rows = values.shape[1] if name == "members" else len(values)
            if not name.startswith("seen_") and rows != self.n:
                raise ValueError(f"{name} has {rows} rows, {self.n=}")

    @property
    def n(self) -> int:
        """Number of candidates."""
        return len(self.keys)

    def chosen(self, rows: Rows) -> Candidates:
        """Some of the candidates, in order; what was measured stays."""
        kept = {
            name: values[:, rows] if name == "members" else values[rows]
            for name, values in vars(self).items()
            if values is not None and not name.startswith("seen_")
        }
        return replace(self, **kept)

    def after(self, rows: Rows) -> Candidates:
        """The same candidates when some of them count as measured already."""
        seen = {}
        for name in ("embeddings", "gradients"):
            features, known = getattr(self, name), getattr(self, f"seen_{name}")
            if features is not None:
                seen[f"seen_{name}"] = features[rows] if known is None else np.concatenate([known, features[rows]])
        return replace(self, **seen)


@dataclass(frozen=True)
class Chosen:
    """A batch.

    Attributes:
        rows: int64 (n,), places among the candidates, in the order chosen.
        scores: float64 (n,), what the strategy ranked them by; NaN where it ranks by distance or not at all.
        arms: for each row the strategy that chose it.
        shares: rows that each strategy chose.
        words: one sentence on how.
    """

    rows: Rows
    scores: npt.NDArray[np.float64]
    arms: tuple[str, ...]
    shares: dict[str, int]
    words: str


def reason(strategy: str) -> str:
    """One sentence on what speaks for a strategy."""
    if strategy not in GAINS:
        return (
            f"Our comparison on measured elements left this one out; {DEFAULT} did best there, and is the usual choice."
        )
    value, low, high = GAINS[strategy]
    first = "The usual choice, as it did best: on" if strategy == DEFAULT else "On"
    last = "" if strategy == DEFAULT else f"; {DEFAULT} picks, the usual choice, {GAINS[DEFAULT][0]:.3f} better"
    name = "LCMD" if strategy == "lcmd" else strategy
    how = "better than" if low > 0 else "about as well as"
    return (
        f"{first} 10,000 measured retina elements, networks that learned from {name} picks predicted others {how} those that "
        f"learned from as many random ones ({value:.3f} better, 95 % interval {low:.3f} to {high:.3f}; Pearson r, mean over the "
        f"rounds){last}."
    )


def choose(
    strategy: str,
    candidates: Candidates,
    n: int,
    *,
    seed: int = 0,
    shares: Mapping[str, float] | None = None,
    shortlist: float = SHORTLIST,
) -> Chosen:
    """Chooses n candidates; the same seed chooses the same, whatever their order.

    Args:
        strategy: a key of ``STRATEGIES``.
        candidates: what is known of them.
        n: how many.
        seed: of random draws and ties.
        shares: of the mix, by strategy; they are scaled to add up to 1.
        shortlist: variance, entropy and margin take the ``shortlist`` * n highest scores, and of these a core set of n
            where embeddings are known; 1 takes the highest scores alone.

    Raises:
        UserError: when there are fewer than n, or what the strategy needs is not known.
        ValueError: when there is no such strategy.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"{strategy=} is not one of {list(STRATEGIES)}")
    if not 1 <= n <= candidates.n:
        raise UserError(f"{n:,} cannot be chosen from {candidates.n:,} candidates; ask for 1 to {candidates.n:,}.")
    parts = _counts(shares or DEFAULT_SHARES, n) if strategy == "mix" else {strategy: n}
    order = np.argsort(_priority(candidates.keys, seed), kind="stable")
    ordered = candidates.chosen(order)
    rows, scores, arms = np.zeros(0, np.int64), np.zeros(0), []
    for name, count in parts.items():
        if count:
            rest = np.setdiff1d(np.arange(candidates.n), rows)
            picked, ranked = _by(name, ordered.after(rows).chosen(rest), count, shortlist)
            rows, scores = np.concatenate([rows, rest[picked]]), np.concatenate([scores, ranked])
            arms += [name] * count
    words = "; ".join(f"{count:,} {STRATEGIES[name]}" for name, count in parts.items())
    return Chosen(order[rows], scores, tuple(arms), parts, f"{words} (seed {seed}).")


def _by(name: str, candidates: Candidates, n: int, shortlist: float) -> tuple[Rows, npt.NDArray[np.float64]]:
    """Rows of candidates that stand in their random order, and their scores."""
    if name == "random":
        return np.arange(n), np.full(n, np.nan)
    if name == "core-set":
        features = _needed(candidates.embeddings, name, "an embedding")
        return core_set(features, _seen(candidates.seen_embeddings, features), n), np.full(n, np.nan)
    if name == "lcmd":
        features = _needed(candidates.gradients, name, "gradients")
        seen = _seen(candidates.seen_gradients, features)
        return largest_cluster_maximum_distance(features, seen, n), np.full(n, np.nan)
    scores = _scores(name, candidates)
    best = np.argsort(-scores, kind="stable")
    if candidates.embeddings is None or shortlist <= 1 or candidates.n == n:
        return best[:n], scores[best[:n]]
    best = best[: max(n, round(shortlist * n))]
    features = candidates.embeddings[best]
    rows = best[core_set(features, _seen(candidates.seen_embeddings, features), n)]
    return rows, scores[rows]


def _scores(name: str, candidates: Candidates) -> npt.NDArray[np.float64]:
    if name == "variance":
        members = _needed(candidates.members, name, "predictions of at least two networks")
        if len(members) < 2:
            raise UserError("This model is a single network, so nothing can disagree; choose by another strategy.")
        return np.asarray(members.astype(np.float64).var(axis=0, ddof=1))
    classes = _needed(candidates.classes, name, "classes of activity")
    return class_uncertainty(classes, "entropy" if name == "entropy" else "margin_sampling")


def _needed(values: Floats | None, strategy: str, what: str) -> Floats:
    if values is None:
        raise UserError(
            f"Choosing by {strategy} needs {what}, which this model does not give; choose by another strategy."
        )
    return values


def _seen(known: Floats | None, features: Floats) -> Floats:
    return features[:0] if known is None else known


def _counts(shares: Mapping[str, float], n: int) -> dict[str, int]:
    """n rows by shares, the largest remainders rounded up; those first named win ties.

    Raises:
        UserError: when a share is not of a strategy, negative, or all are 0.
    """
    wrong = [name for name in shares if name not in STRATEGIES or name == "mix"]
    if wrong or min(shares.values()) < 0 or sum(shares.values()) <= 0:
        raise UserError(
            f"The shares {dict(shares)} must be 0 or more, of {', '.join(k for k in STRATEGIES if k != 'mix')}."
        )
    exact = np.array(list(shares.values()), dtype=np.float64) / sum(shares.values()) * n
    counts = np.floor(exact + 1e-9).astype(int)
    remainder = np.argsort(-(exact - counts), kind="stable")[: n - counts.sum()]
    counts[remainder] += 1
    return {name: int(count) for name, count in zip(shares, counts, strict=True)}


def _priority(keys: Keys, seed: int) -> Keys:
    """uint64 (rows,): a random number of each key that the seed decides (splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = keys + np.uint64(0x9E3779B97F4A7C15) * np.uint64(seed + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)


def keys_of(codes: npt.NDArray[np.int8]) -> Keys:
    """uint64 (rows,): a digest of each sequence, given as int8 codes (rows, length)."""
    import hashlib

    return np.array(
        [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "big") for row in codes], np.uint64
    )
