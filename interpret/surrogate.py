"""How much of what a model does at a locus is a sum over bases: an additive and a pairwise model fitted to its mutants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.sequence import Sequence
from interpret.whatif import Scale, Values, answers
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.shuffle import N_CODE, Codes, codes_of

RATE = 0.1  # share of bases changed in a mutant
PAIRED_POSITIONS = 30  # positions with the largest additive weights, between which pairs are fitted
FEWEST, MOST = 1_000, 30_000
LONGEST = 1_000  # bp that are mutated
RIDGES = (1e-3, 1e-1, 1.0, 10.0, 100.0, 1_000.0)
VALIDATION, TEST = 0.1, 0.2
RESAMPLES = 200
SMALLEST_SD = 0.02  # of the track's own standard deviation: mutants that vary less are all alike


@dataclass(frozen=True)
class Share:
    """A share of variance explained on mutants that were kept out of the fit.

    Attributes:
        value: float64 (tracks,); NaN where the mutants hardly differ.
        low, high: float64 (tracks,), 95 % interval over resamples of those mutants.
    """

    value: Values
    low: Values
    high: Values


@dataclass(frozen=True)
class Surrogate:
    """What a sum over bases, and a sum over bases and pairs, explain of a model at a locus.

    Attributes:
        additive: share explained by a weight for each base.
        pairwise: share explained when pairs between the positions that matter most are added.
        sd: float64 (tracks,), standard deviation of the model's answers over the mutants.
        weights: float64 (tracks, positions), mean effect of changing each position, from the additive model.
        positions: int64 (positions,), 0-based genome positions that were mutated.
        paired: int64 (tracks, up to 30), indices into ``positions`` between which pairs were fitted.
        n, n_test, seed, scale: mutants in all, kept out; of the draws; what answers are counted in.
        rule: how it was done.
    """

    additive: Share
    pairwise: Share
    sd: Values
    weights: Values
    positions: npt.NDArray[np.int64]
    paired: npt.NDArray[np.int64]
    n: int
    n_test: int
    seed: int
    scale: Scale
    rule: str


def surrogate(
    run: Runner,
    spec: ModelSpec,
    window: Sequence,
    start: int,
    end: int,
    *,
    n: int,
    seed: int,
    scale: Scale,
    progress: Progress | None = None,
) -> Surrogate:
    """Fits an additive and a pairwise model to mutants in which every tenth base was changed.

    The additive model has one weight for each other base at each position; the pairwise one is fitted to what that leaves
    over, with one weight for each pair of the thirty positions with the largest additive weights. Ridge regression, its
    strength chosen on a tenth of the mutants; the shares are those of a fifth that neither saw.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        window: the model's window.
        start: first base that is mutated, 0-based genome position.
        end: one past the last.
        n: mutants.
        seed: of the draws.
        scale: what answers are counted in.
        progress: called with the share done.

    Raises:
        UserError: when the stretch is too long for so few mutants.
    """
    places = mutable(window, start, end, n)
    values = answers_of(run, spec, window, places, n, seed=seed, scale=scale, progress=progress)
    return fitted(spec, window, places, values, seed=seed, scale=scale)


def answers_of(
    run: Runner,
    spec: ModelSpec,
    window: Sequence,
    places: npt.NDArray[np.int64],
    n: int,
    *,
    seed: int,
    scale: Scale,
    rows: slice = slice(None),
    progress: Progress | None = None,
) -> Values:
    """What the model says of the mutants, or of some of them: the first step, which can be done in parts.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        window: the model's window.
        places: int64 (places,), what is mutated, as ``mutable`` gives it.
        n: mutants in all.
        seed: of the draws.
        scale: what answers are counted in.
        rows: which of the mutants.
        progress: called with the share done.

    Returns:
        float64 (rows, tracks), mean over members and strands.
    """
    mutants = mutated(codes_of(window.bases), places, draw(len(places), n, seed=seed)[rows])
    return np.asarray(answers(run, spec, mutants, scale, progress).mean(axis=1))


def fitted(
    spec: ModelSpec, window: Sequence, places: npt.NDArray[np.int64], values: Values, *, seed: int, scale: Scale
) -> Surrogate:
    """Both models fitted to the answers (n, tracks) of all mutants: the second step."""
    n = len(values)
    steps, parts = draw(len(places), n, seed=seed), _split(n)
    additive = _one_hot(steps)
    fits = [_fit(additive, values[:, track], parts) for track in range(values.shape[1])]
    weights = np.stack([fit[0].reshape(len(places), 3).mean(axis=1) for fit in fits])
    paired = np.sort(np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :PAIRED_POSITIONS], axis=1)
    left = [values[:, track] - fit[1] for track, fit in enumerate(fits)]  # what the additive model does not explain
    pairs = [_fit(_pairs(steps != 0, chosen), left[track], parts) for track, chosen in enumerate(paired)]
    said = [fit[1] for fit in fits], [fit[1] + more[1] for fit, more in zip(fits, pairs, strict=True)]
    test, sd = values[parts[2]], values.std(axis=0)
    quiet = np.array([sd[i] < SMALLEST_SD * _track_sd(spec, i, scale, values) for i in range(len(sd))])
    single, both = (_share(test, np.stack(some, axis=1)[parts[2]], quiet, seed) for some in said)
    return Surrogate(
        single, both, sd, weights, window.positions[places], paired, n, len(test), seed, scale,
        rule_of(n, len(places), paired.shape[1], seed),
    )  # fmt: skip


def rule_of(n: int, n_places: int, n_paired: int, seed: int) -> str:
    """How it was done, in sentences."""
    n_test = n - _split(n)[2].start
    return (
        f"{n:,} mutants of {n_places:,} bp with {RATE:.0%} of the bases changed (seed {seed}); the shares are those of "
        f"{n_test:,} mutants that were kept out of the fit. Pairs: between the {n_paired} positions with the largest weights."
    )


def mutable(window: Sequence, start: int, end: int, n: int) -> npt.NDArray[np.int64]:
    """Indices in the window of the bases of a stretch (0-based half-open) that are mutated.

    Raises:
        UserError: when so many mutants do not suffice for them.
    """
    wild = codes_of(window.bases)
    inside = (window.positions >= start) & (window.positions < end)
    places = np.flatnonzero(inside & (wild != N_CODE))
    if not FEWEST <= n <= MOST:
        raise UserError(f"Choose from {FEWEST:,} to {MOST:,} mutants; this asks for {n:,}.")
    if not 2 <= len(places) <= LONGEST or 3 * len(places) > (1 - VALIDATION - TEST) * n:
        raise UserError(
            f"{len(places):,} bp need {_needed(len(places)):,} mutants or more, one to fit each weight on: ask for more "
            f"mutants, or look at a locus of fewer bases (at most {LONGEST:,})."
        )
    return places


def draw(n_places: int, n: int, *, seed: int) -> Codes:
    """int8 (n, places): by how many letters (in the order A, C, G, T, round again) each place is moved; 0 in nine of ten."""
    random = np.random.default_rng(seed)
    by = random.integers(1, 4, (n, n_places)) * (random.random((n, n_places)) < RATE)
    return np.asarray(by, dtype=np.int8)


def mutated(wild: Codes, places: npt.NDArray[np.int64], steps: Codes) -> Codes:
    """int8 (n, window): mutants of a window whose places were moved by some steps (n, places)."""
    codes = np.repeat(wild[None], len(steps), axis=0)
    codes[:, places] = (codes[:, places] + steps) % 4
    return codes


def words(found: Surrogate, track: int) -> str:
    """What a track's shares say, in a sentence."""
    additive, pairwise = found.additive.value[track], found.pairwise.value[track]
    if np.isnan(additive):
        return "Mutants of this place hardly differ on this track, so there is nothing to explain."
    said = (
        f"{_percent(additive)} ({_percent(found.additive.low[track])} to {_percent(found.additive.high[track])}) of what the "
        "model does here is additive: a sum over single bases."
    )
    if pairwise > additive:
        said += f" Pairs between the positions that matter most bring it to {_percent(pairwise)}."
    else:
        said += f" Pairs between the positions that matter most add nothing that {found.n:,} mutants can show."
    rest = max(0.0, 1 - max(additive, pairwise))
    return f"{said} {_percent(rest)} is neither, or too fine to be fitted on so many mutants."


def _percent(share: float) -> str:
    return f"{100 * max(0.0, share):.0f} %"


def _needed(positions: int) -> int:
    return int(np.ceil(3 * positions / (1 - VALIDATION - TEST) / 500) * 500)


def _track_sd(spec: ModelSpec, track: int, scale: Scale, values: Values) -> float:
    """What a large change is: the track's own standard deviation; in amounts, the mean amount of the mutants."""
    return spec.tracks[track].sd if scale == "explained" else float(np.abs(values[:, track]).mean())


def _one_hot(steps: Codes) -> npt.NDArray[np.float32]:
    """float32 (n, positions x 3): which other base stands at each position."""
    return np.stack([steps == step for step in (1, 2, 3)], axis=2).reshape(len(steps), -1).astype(np.float32)


def _pairs(changed: npt.NDArray[np.bool_], chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """float32 (n, pairs): product of two chosen positions, each 1 where changed, less the rate: so pairs owe nothing to singles."""
    first, second = np.triu_indices(len(chosen), 1)
    some = changed[:, chosen].astype(np.float32) - np.float32(RATE)
    return np.asarray(some[:, first] * some[:, second], dtype=np.float32)


def _split(n: int) -> tuple[slice, slice, slice]:
    """Rows to fit, to choose the ridge, and to judge; mutants are drawn independently, so their order is as good as any."""
    first, second = int(n * (1 - VALIDATION - TEST)), int(n * (1 - TEST))
    return slice(0, first), slice(first, second), slice(second, n)


def _fit(features: npt.NDArray[np.float32], values: Values, parts: tuple[slice, slice, slice]) -> tuple[Values, Values]:
    """Weights of the ridge that does best on the validation rows, and what it says of every row."""
    train, validation, _ = parts
    x, y = features[train].astype(np.float64), values[train]
    centre, level = x.mean(axis=0), y.mean()
    gram, target = x.T @ x - len(x) * np.outer(centre, centre), x.T @ (y - level)
    best: tuple[float, Values] | None = None
    for ridge in RIDGES:
        weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), target)
        error = float(((values[validation] - level - (features[validation] - centre) @ weights) ** 2).mean())
        if best is None or error < best[0]:
            best = (error, weights)
    if best is None:
        raise ValueError(f"{RIDGES=}")
    return best[1], np.asarray(level + (features - centre) @ best[1])


def _share(true: Values, said: Values, quiet: npt.NDArray[np.bool_], seed: int) -> Share:
    """1 - squared error / variance on rows (n, tracks), with an interval over resamples of the rows."""
    random = np.random.default_rng(seed)
    rows = [np.arange(len(true)), *(random.integers(0, len(true), len(true)) for _ in range(RESAMPLES))]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.stack([1 - ((true[i] - said[i]) ** 2).mean(axis=0) / true[i].var(axis=0) for i in rows])
    found[:, quiet] = np.nan
    low, high = np.quantile(found[1:], [0.025, 0.975], axis=0)
    return Share(found[0], low, high)
