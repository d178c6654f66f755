"""Do the bases that a method calls strong matter? They are taken out, and put back alone, beside others like them.

*Deletion* replaces bases by what stands at their places in dinucleotide-preserving shuffles of the window, *insertion*
puts them into the shuffles. What counts as strong has the sign of what is explained: bases that raise the prediction
where it lies above that of the shuffles, and bases that lower it where it lies below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.sequence import decoded
from interpret.references import N_SHUFFLES, reference_windows
from models.core import ModelSpec, Target
from models.engine import Progress, Runner
from models.predict import Scalars

Float = npt.NDArray[np.float32]
Real = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

TOP = 10  # bases that the chip deletes
FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75)  # of the window, between nothing and everything
MOST_N = 0.10
LEAST = 0.25  # of the track's standard deviation: a smaller difference from shuffled DNA is nothing to explain
TEST_ROWS = 1 + 3 * N_SHUFFLES  # windows that one deletion test asks for
CURVE_ROWS = 4 * N_SHUFFLES * len(FRACTIONS)
_DISTANCE = 10  # a matched base lies as far from the centre up to a tenth of the window, or twice that, and so on


class NothingToExplain(UserError):
    """The prediction is about that of shuffled DNA: there is nothing that bases could be responsible for."""


@dataclass(frozen=True)
class Ends:
    """What lies between having every base and having none.

    Attributes:
        shuffled: float32 (draws, 4, window), the shuffles.
        original: f(x), in the unit of what is explained.
        values: float64 (draws,), f of each shuffle.
    """

    shuffled: Float
    original: float
    values: Real

    @property
    def difference(self) -> float:
        """f(x) - mean f(shuffles)."""
        return self.original - float(self.values.mean())

    @property
    def sign(self) -> int:
        """1 where the window raises the prediction above that of its shuffles, -1 where it lowers it."""
        return 1 if self.difference > 0 else -1


@dataclass(frozen=True)
class Deletion:
    """What the strongest bases cost when they are taken out, beside others like them.

    Attributes:
        places: int64 (k,), the strongest bases, strongest first, counted in the window from 0.
        costs: float64 (draws,), by how much the prediction moves towards that of shuffled DNA, in the unit of what is
            explained; one value per shuffle.
        others: float64 (draws,), the same for as many other bases, drawn anew each time, of the same letters and about as
            far from the window's centre.
        tolerance: by how many bp their distances from the centre differ at most.
        difference: f(x) - mean f(shuffles).
        sign: of that.
    """

    places: Places
    costs: Real
    others: Real
    tolerance: int
    difference: float
    sign: int

    @property
    def ratio(self) -> float:
        """How many times as much the strongest cost as the others; infinite where the others cost nothing."""
        top, other = float(self.costs.mean()), float(self.others.mean())
        if other <= 0:
            return float("inf") if top > 0 else 0.0
        return max(0.0, top / other)

    @property
    def beaten(self) -> float:
        """The share of the draws of others that cost less than the strongest do on average."""
        return float((self.others < self.costs.mean()).mean())


@dataclass(frozen=True)
class Untested:
    """Why a test was not made.

    Attributes:
        short: in a few words.
        why: in a sentence.
    """

    short: str
    why: str


@dataclass(frozen=True)
class Curves:
    """The prediction while more and more bases are taken out of the window, or put into its shuffles.

    Attributes:
        fractions: float64 (points,), the share of bases, from 0 to 1.
        deletion, insertion: float64 (points,), strongest bases first, mean over the shuffles, scaled so that the
            window itself is 1 and its shuffles are 0 on average.
        random_deletion, random_insertion: float64 (draws, points), the same with each base exchanged for a random one of the
            same letter and about as far from the window's centre.
    """

    fractions: Real
    deletion: Real
    insertion: Real
    random_deletion: Real
    random_insertion: Real

    def areas(self) -> dict[str, float]:
        """The area under each curve; deletion should fall early (small), insertion rise early (large)."""
        named = {
            "deletion": self.deletion,
            "insertion": self.insertion,
            "random deletion": self.random_deletion.mean(axis=0),
            "random insertion": self.random_insertion.mean(axis=0),
        }
        return {name: area(curve, self.fractions) for name, curve in named.items()}


def area(curve: Real, fractions: Real) -> float:
    """The area under a curve by trapezoids."""
    return float(np.trapezoid(curve, fractions))


def ends(run: Runner, x: Float, spec: ModelSpec, target: Target, *, seed: int, draws: int = N_SHUFFLES) -> Ends:
    """The prediction of a window and of its shuffles.

    Args:
        run: the engine, bound to a model.
        x: float32 (4, window), one-hot.
        spec: that model.
        target: the scalar.
        seed: of the shuffles.
        draws: how many shuffles, at most 20.

    Raises:
        UserError: when more than 10 % of the bases are unknown.
        NothingToExplain: when the window is predicted as its shuffles are.
    """
    n_share = 1 - float(x.sum()) / x.shape[1]
    if n_share > MOST_N:
        raise UserError(f"{n_share:.0%} of the bases are unknown (N): what the known ones do cannot be tested.")
    shuffled = reference_windows(x[None], "shuffled", seed=seed)[0, :draws]
    values = scalars(run, np.concatenate([x[None], shuffled]), target)
    found = Ends(shuffled, float(values[0]), values[1:])
    sd = spec.tracks[spec.track_index(target.track)].sd
    if abs(found.difference) < LEAST * sd:
        raise NothingToExplain(
            f"Shuffled, this DNA is predicted about the same ({abs(found.difference):.2g} {target.unit(spec)} apart, less "
            f"than {LEAST} standard deviations): there is nothing to explain."
        )
    return found


def deletion_test(
    run: Runner,
    x: Float,
    values: Float,
    spec: ModelSpec,
    target: Target,
    *,
    seed: int,
    most: int = TOP,
    progress: Progress | None = None,
) -> Deletion:
    """Takes the strongest bases out of a window, and as many others like them.

    Args:
        run: the engine, bound to a model.
        x: float32 (4, window), one-hot.
        values: float32 (window,), contribution of each base; NaN where it may neither be chosen nor compared.
        spec: that model.
        target: the scalar.
        seed: of the shuffles and of the draws.
        most: how many bases; fewer are taken where fewer have the sign of what is explained, or fewer others of the same
            letters are there.
        progress: called with the share done.

    Raises:
        UserError: when more than 10 % of the bases are unknown, or no base can be tested.
        NothingToExplain: when the window is predicted as its shuffles are.
    """
    found = ends(run, x, spec, target, seed=seed)
    codes = decoded(x)
    ranking = strongest(values, codes, found.sign)
    places = _with_others(codes, ranking, most, sign=found.sign, values=values)
    if not len(places):
        word = "raises" if found.sign > 0 else "lowers"
        raise UserError(f"No base that {word} the prediction has others like it to be compared with.")
    random = np.random.default_rng([seed, 1])
    drawn = [matched_others(codes, ranking, places, random) for _ in found.shuffled]
    rows = [replaced(x, shuffle, places) for shuffle in found.shuffled]
    rows += [replaced(x, shuffle, others) for shuffle, (others, _) in zip(found.shuffled, drawn, strict=True)]
    moved = found.sign * (found.original - scalars(run, np.stack(rows), target, progress))
    return Deletion(
        places=places,
        costs=moved[: len(drawn)],
        others=moved[len(drawn) :],
        tolerance=max(tolerance for _, tolerance in drawn),
        difference=found.difference,
        sign=found.sign,
    )


def curves(
    run: Runner,
    x: Float,
    values: Float,
    spec: ModelSpec,
    target: Target,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Curves:
    """Deletion and insertion of everything, strongest bases first and in matched random orders.

    Args:
        run: the engine, bound to a model.
        x: float32 (4, window), one-hot.
        values: float32 (window,), contribution of each base; NaN counts as 0.
        spec: that model.
        target: the scalar.
        seed: of the shuffles and of the draws.
        progress: called with the share done.

    Raises:
        UserError: when more than 10 % of the bases are unknown.
        NothingToExplain: when the window is predicted as its shuffles are.
    """
    found = ends(run, x, spec, target, seed=seed)
    codes = decoded(x)
    ranking = strongest(np.nan_to_num(values), codes, found.sign)
    random = np.random.default_rng([seed, 2])
    ranked = [ranking] * len(found.shuffled)
    drawn = [matched_order(codes, ranking, random) for _ in found.shuffled]
    halves = (None, None) if progress is None else (lambda d: progress(d / 2), lambda d: progress(0.5 + d / 2))
    first = swept(run, x, found, ranked, target, halves[0])
    second = swept(run, x, found, drawn, target, halves[1])
    fractions = np.array([0.0, *FRACTIONS, 1.0])
    return Curves(fractions, first[0].mean(axis=0), first[1].mean(axis=0), second[0], second[1])


def swept(
    run: Runner,
    x: Float,
    found: Ends,
    orders: list[Places],
    target: Target,
    progress: Progress | None = None,
) -> Real:
    """Deletion and insertion along an order for each shuffle: float64 (2, draws, points), 1 the window and 0 its shuffles.

    The points are nothing, ``FRACTIONS`` of the bases, and everything.
    """
    counts = [round(fraction * len(order)) for order in orders[:1] for fraction in FRACTIONS]
    pairs = list(zip(found.shuffled, orders, strict=True))
    rows = [replaced(x, shuffle, order[:count]) for shuffle, order in pairs for count in counts]
    rows += [replaced(shuffle, x, order[:count]) for shuffle, order in pairs for count in counts]
    inner = scalars(run, np.stack(rows), target, progress).reshape(2, len(pairs), len(counts))
    full, none = np.full(len(pairs), found.original), found.values
    whole = [np.column_stack([full, inner[0], none]), np.column_stack([none, inner[1], full])]
    return (np.stack(whole) - found.values.mean()) / found.difference


def strongest(values: Float, codes: npt.NDArray[np.int8], sign: int) -> Places:
    """The places of known bases, strongest contribution of a sign first; those with a NaN are left out."""
    usable = np.flatnonzero((codes < 4) & np.isfinite(values))
    return usable[np.argsort(-sign * values[usable].astype(np.float64), kind="stable")]


def matched_others(
    codes: npt.NDArray[np.int8], ranking: Places, places: Places, random: np.random.Generator
) -> tuple[Places, int]:
    """Random other bases, each of the same letter as one of ``places`` and about as far from the window's centre.

    Args:
        codes: int8 (window,), the letters.
        ranking: int64, the places that may be drawn.
        places: int64 (k,), the bases to be matched; of each letter at least as many others must be in ``ranking``.
        random: where chance comes from.

    Returns:
        int64 (k,), the others in the order of ``places``, and by how many bp their distances may differ.
    """
    distance = np.abs(np.arange(len(codes)) - (len(codes) - 1) / 2)
    rest = np.setdiff1d(ranking, places)
    tolerance = max(1, len(codes) // _DISTANCE)
    while True:
        chosen: dict[int, int] = {}
        for place in random.permutation(places):
            alike = (codes[rest] == codes[place]) & (np.abs(distance[rest] - distance[place]) <= tolerance)
            free = np.setdiff1d(rest[alike], list(chosen.values()))
            if not len(free):
                break
            chosen[int(place)] = int(random.choice(free))
        if len(chosen) == len(places):
            return np.array([chosen[int(place)] for place in places], dtype=np.int64), tolerance
        if tolerance > len(codes):
            raise ValueError(f"{places=} have too few others of their letters")
        tolerance *= 2


def matched_order(codes: npt.NDArray[np.int8], ranking: Places, random: np.random.Generator) -> Places:
    """The ranking with each base exchanged for a random one of the same letter, about as far from the window's centre."""
    distance = np.abs(ranking - (len(codes) - 1) / 2) // max(1, len(codes) // _DISTANCE)
    order = ranking.copy()
    for kind in np.unique(np.column_stack([codes[ranking], distance]), axis=0):
        alike = np.flatnonzero((codes[ranking] == kind[0]) & (distance == kind[1]))
        order[alike] = random.permutation(ranking[alike])
    return order


def replaced(window: Float, by: Float, places: Places) -> Float:
    """A window (4, length) with the bases of another at some places."""
    changed = window.copy()
    changed[:, places] = by[:, places]
    return changed


def scalars(run: Runner, rows: Float, target: Target, progress: Progress | None = None) -> Real:
    """The explained function, mean over members and strands, of windows (n, 4, window): float64 (n,)."""
    found: Real = run(Scalars(target), (rows,), progress)[0].mean(axis=1, dtype=np.float64)
    return found


def _with_others(codes: npt.NDArray[np.int8], ranking: Places, most: int, *, sign: int, values: Float) -> Places:
    """The strongest bases of a sign, at most ``most``, as long as each letter has as many others."""
    right = ranking[sign * values[ranking] > 0]
    available = np.bincount(codes[ranking], minlength=4)
    for count in range(min(most, len(right)), 0, -1):
        if (2 * np.bincount(codes[right[:count]], minlength=4) <= available).all():
            return right[:count]
    return right[:0]
