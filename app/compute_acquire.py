"""Which of some sequences to measure next: names in, a batch out, with what it is expected to tell. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app import compute
from app.compute import Asker
from app.compute_shift import runner
from app.score import fitted
from app.set_rows import SequenceSet, SetRow
from experiment.acquire import DEFAULT, DEFAULT_SHARES, STRATEGIES, Candidates, Chosen, choose
from experiment.acquire_features import NEEDS, Described, describe
from experiment.expected import Information, expected_of_batches
from genome.errors import UserError
from models import registry
from models.core import ModelSpec, Target
from models.shift import codes_from

MAX_BASES = 40_000_000  # of all windows together
LOG2_BOUNDS = (-1.0, 1.0)  # half and twice, where a track is log2 and nothing else is said
RANDOM_BATCHES = 30  # random batches of the same size, for comparison
_DESCRIBED = 0.9  # share of the time that the network takes; choosing takes the rest


@dataclass(frozen=True)
class Picked:
    """A batch of candidates, and what it is expected to tell.

    Attributes:
        spec: the model.
        target: the scalar that is to be learned.
        seed: of random draws and ties.
        rows: the sequences chosen, in the order chosen.
        places: for each its row among the candidates, from 0.
        chosen: scores, arms and shares.
        predicted: float64 (n,), the model's predictions of them.
        spread: float64 (n,), standard deviation between networks (n - 1); 0 for a single one.
        information: what the batch is expected to tell, or None where that cannot be said.
        random: mean share of the variance that random batches of the same size are expected to remove, or None.
        n_candidates: different sequences that could be chosen.
        words: sentences for people.
    """

    spec: ModelSpec
    target: Target
    seed: int
    rows: tuple[SetRow, ...]
    places: tuple[int, ...]
    chosen: Chosen
    predicted: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    information: Information | None
    random: float | None
    n_candidates: int
    words: tuple[str, ...]


def pick(
    model: str,
    track: str,
    found: SequenceSet,
    n: int,
    asker: Asker,
    *,
    strategy: str = DEFAULT,
    seed: int = 0,
    shares: Mapping[str, float] | None = None,
    bounds: tuple[float, float] | None = None,
) -> Picked:
    """Chooses n of some sequences to measure next.

    Args:
        model: a name, or a full model_id.
        track: what is to be measured.
        found: the candidates; a sequence that stands twice counts once.
        n: how many to choose.
        asker: who asks.
        strategy: a key of ``experiment.acquire.STRATEGIES``.
        seed: of random draws and ties.
        shares: of the mix, by strategy.
        bounds: activity below the first is a silencer's, above the second an enhancer's; half and twice for log2 tracks.

    Raises:
        UserError: when there are fewer than n, the strategy does not go with the model, or the set is too large.
    """
    spec = registry.spec(model)
    compute.check_track(spec, track)
    used = _used(strategy, shares)
    letters, kept = _different(found, spec, n)
    run, target = runner(spec, asker, "batch"), spec.tracks[spec.track_index(track)].target
    told = describe(
        run,
        spec,
        target,
        codes_from(letters),
        shown=_shown(spec, used),
        expectation=spec.n_members > 1,
        bounds=_bounds(spec, track, used, bounds),
        progress=asker.part(0.0, _DESCRIBED).progress,
    )
    chosen = choose(strategy, told.candidates, n, seed=seed, shares=shares)
    information, random, sentences = _expected(told, chosen, seed)
    members, places = told.members[:, chosen.rows], tuple(kept[row] for row in chosen.rows)
    return Picked(
        spec=spec,
        target=target,
        seed=seed,
        rows=tuple(found.rows[place] for place in places),
        places=places,
        chosen=chosen,
        predicted=members.mean(axis=0),
        spread=members.std(axis=0, ddof=1) if spec.n_members > 1 else np.zeros(n),
        information=information,
        random=random,
        n_candidates=len(kept),
        words=_words(chosen, len(found.rows), len(kept), sentences),
    )


def table(found: Picked) -> dict[str, list[Any]]:
    """Columns of the batch, one row a sequence in the order chosen; places are 1-based inclusive."""
    unit = found.target.unit(found.spec)
    scores = [None if np.isnan(score) else round(float(score), 6) for score in found.chosen.scores]
    return {
        "name": [row.name for row in found.rows],
        "row": [place + 1 for place in found.places],
        "locus": [str(row.locus or "") for row in found.rows],
        "sequence": [row.bases for row in found.rows],
        "arm": list(found.chosen.arms),
        "score": scores,
        f"predicted {found.target.track} ({unit})": [round(float(value), 4) for value in found.predicted],
        "spread between networks": [round(float(value), 4) for value in found.spread],
    }


def _used(strategy: str, shares: Mapping[str, float] | None) -> tuple[str, ...]:
    """The strategies that choose.

    Raises:
        UserError: when there is none of that name.
    """
    if strategy not in STRATEGIES:
        raise UserError(f"There is no strategy '{strategy[:40]}'; choose one of: {', '.join(STRATEGIES)}.")
    return tuple(shares or DEFAULT_SHARES) if strategy == "mix" else (strategy,)


def _different(found: SequenceSet, spec: ModelSpec, n: int) -> tuple[list[str], list[int]]:
    """The different windows of a set, and the first row of each.

    Raises:
        UserError: when there are fewer than n, or too many for the model's window.
    """
    first: dict[str, int] = {}
    for place, row in enumerate(found.rows):
        first.setdefault(fitted(row.bases, spec.input_length), place)
    most = MAX_BASES // spec.input_length
    if len(first) > most:
        raise UserError(f"This set has {len(first):,} sequences; {spec.name} takes at most {most:,} at once.")
    if not 1 <= n <= len(first):
        raise UserError(f"{n:,} cannot be chosen from {len(first):,} different sequences; ask for 1 to {len(first):,}.")
    return list(first), list(first.values())


def _shown(spec: ModelSpec, used: tuple[str, ...]) -> tuple[str, ...]:
    """What the strategies need, as far as the network shows it.

    Raises:
        UserError: when it does not show what one of them cannot do without.
    """
    needed = {what for name in used for what in NEEDS.get(name, ())}
    if not _has_embedding(spec) and "core-set" not in used:
        needed.discard("embeddings")  # scores are then taken without a shortlist
    if not _has_embedding(spec) and "core-set" in used:
        raise UserError(f"{spec.name} shows no embedding, which core-set needs; choose by another strategy.")
    return tuple(sorted(needed))


def _has_embedding(spec: ModelSpec) -> bool:
    return hasattr(compute.engine().model(spec.model_id).members[0], "embed")


def _bounds(
    spec: ModelSpec, track: str, used: tuple[str, ...], bounds: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Where classes of activity begin.

    Raises:
        UserError: when a strategy needs classes and nothing says where they begin, or they do not rise.
    """
    if not {"entropy", "margin"} & set(used):
        return None
    unit = spec.tracks[spec.track_index(track)].unit
    if bounds is None and not unit.startswith("log2"):
        raise UserError(
            f"{track} is counted in {unit}: say below which value a sequence is a silencer and above which an enhancer."
        )
    low, high = bounds or LOG2_BOUNDS
    if not low < high:
        raise UserError(f"A silencer's bound ({low:g}) must lie below an enhancer's ({high:g}).")
    return low, high


def _expected(told: Described, chosen: Chosen, seed: int) -> tuple[Information | None, float | None, tuple[str, ...]]:
    """What the batch is expected to tell, the same of random batches, and sentences: what, and how that is known."""
    candidates: Candidates = told.candidates
    unknown = "What the batch would tell is not known: "
    if len(told.members) < 2:
        return None, None, (f"{unknown}a single network does not say how unsure it is.",)
    if candidates.gradients is None:
        return None, None, (f"{unknown}no layer of the network shows its gradients.",)
    n = len(chosen.rows)
    others = [choose("random", candidates, n, seed=seed + 1 + draw).rows for draw in range(RANDOM_BATCHES)]
    batches = [chosen.rows, *others]
    first, *drawn = expected_of_batches(told.members, candidates.gradients, told.noise, batches)
    random = float(np.mean([one.share for one in drawn]))
    return (
        first,
        random,
        (
            f"Measured once, these {n:,} are expected to remove {first.share:.1%} of the variance between the networks "
            f"over all candidates (random ones {random:.1%}).",
            "That is the posterior of a Gaussian process with the networks' variance and the correlation of their gradients; the "
            f"noise is {told.noise_from}. Compare batches by it: networks fitted anew may disagree more after more data.",
        ),
    )


def _words(chosen: Chosen, n_rows: int, n_kept: int, sentences: tuple[str, ...]) -> tuple[str, ...]:
    twice = f" ({n_rows - n_kept:,} that stand twice count once)" if n_rows > n_kept else ""
    n = f"{len(chosen.rows):,}"
    how = chosen.words if len(chosen.shares) > 1 else chosen.words.removeprefix(f"{n} ")
    return (f"{n} of {n_kept:,} sequences{twice}: {how}", *sentences)
