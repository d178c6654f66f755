"""From what a model believes of a stretch of DNA to the constructs that can prove it wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiment.hypothesis import Hypothesis, Intervention, Kind
from genome.errors import UserError
from genome.sequence import BASES
from interpret.whatif import answers
from models.core import ModelSpec
from models.engine import Runner
from models.shuffle import codes_of

SHUFFLES, SPARES = 2, 3
ENOUGH = 0.8  # of what the shuffles do by the model, from which a kill by few changes counts as one
MOST_CHANGED = 6  # bases of a kill
SHORTEST, LONGEST = 4, 60  # bp of a claimed stretch
_ORDERS = 20  # of which the one with most changed bases is taken
_PLACES = 24  # for spare controls, of which those are taken where the model says that least happens
_APART = 2  # bp between the claimed stretch and a spare one

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Asked:
    """A model's effects on one track, against the original bases."""

    run: Runner
    spec: ModelSpec
    track: int
    original: Values

    def effects(self, constructs: list[str]) -> Values:
        """float64 (constructs, members): each minus the original."""
        codes = np.stack([codes_of(bases) for bases in constructs])
        return answers(self.run, self.spec, codes, "explained")[..., self.track] - self.original


def hypothesis(
    run: Runner,
    spec: ModelSpec,
    track: str,
    bases: str,
    start: int,
    end: int,
    *,
    name: str,
    claim: str,
    link: str,
    matrix: Values | None = None,
    seed: int = 0,
) -> Hypothesis:
    """States what a model believes of a stretch, and writes the constructs that test it.

    The stretch is broken twice by few changes and twice by a shuffle of its letters; as many bases are shuffled at three
    places where the model says that nothing happens; and the stretch is moved to one of these. The interval of the predicted
    effect goes from the lowest to the highest network.

    Where a motif is claimed, its matrix says which changes break it, so that they do whatever the model believes; else the
    changes are those after which the model says what it says of the shuffles.

    Args:
        run: the engine, bound to the model.
        spec: that model.
        track: name of the track.
        bases: ACGT, as long as the model's window: the construct as it is.
        start: first claimed base, 0-based in ``bases``.
        end: one past the last.
        name: that the names of all constructs begin with.
        claim: one sentence for people.
        link: opens the place.
        matrix: float (4, end - start), score in bits of each base ACGT as the motif reads along the bases; None without one.
        seed: of the shuffles.

    Raises:
        UserError: when the bases do not fit the model, or the stretch is too short, too long, or leaves no room.
    """
    _check(spec, bases, start, end)
    index = spec.track_index(track)
    before = answers(run, spec, codes_of(bases)[None], "explained")[..., index]
    asked = _Asked(run, spec, index, before)
    shuffles = [_shuffled(bases, start, end, seed=seed + k) for k in range(SHUFFLES)]
    does = float(asked.effects(shuffles).mean())
    killed = _kills(asked, bases, start, end, does) if matrix is None else _unmatched(bases, start, end, matrix)
    broken: list[tuple[Kind, str]] = [("kill", one) for one in killed]
    broken += [("shuffle", one) for one in shuffles]
    spares = _spares(asked, bases, start, end, seed=seed)
    moved = _moved(bases, shuffles[0], start, end, spares[0][0])
    made = [("original", bases, start, end), *((kind, one, start, end) for kind, one in broken)]
    made += [("spare", one, at, at + end - start) for at, one in spares]
    made += [("move", moved, min(start, spares[0][0]), max(end, spares[0][0] + end - start))]
    effects = asked.effects([one for _, one, _, _ in made])
    members = effects[1 : 1 + len(broken)].mean(axis=0)  # of breaking it, by member
    return Hypothesis(
        link, claim, spec.model_id, track, float(members.mean()), float(members.min()), float(members.max()),
        spec.tracks[index].target.unit(spec), _named(name, made, effects.mean(axis=1)),
    )  # fmt: skip


def _named(name: str, made: list[tuple[Kind, str, int, int]], effects: Values) -> tuple[Intervention, ...]:
    """Constructs with names, those of a kind numbered."""
    counts: dict[str, int] = {}
    found = []
    for (kind, bases, start, end), effect in zip(made, effects.tolist(), strict=True):
        counts[kind] = counts.get(kind, 0) + 1
        label = kind if kind in ("original", "move") else f"{kind} {counts[kind]}"
        found.append(Intervention(f"{name} {label}", kind, bases, start, end, effect))
    return tuple(found)


def _check(spec: ModelSpec, bases: str, start: int, end: int) -> None:
    if len(bases) != spec.input_length or not set(bases) <= set(BASES):
        raise UserError(
            f"{spec.name} tests constructs of {spec.input_length:,} bp of A, C, G and T; these are {len(bases):,} bp."
        )
    if not (start >= 0 and end <= len(bases) and SHORTEST <= end - start <= LONGEST):
        raise UserError(f"A stretch that can be tested has {SHORTEST} to {LONGEST} bp, all of them in the construct.")
    if max(start, len(bases) - end) < end - start + _APART:
        raise UserError("The construct has no room for a spare control beside this stretch; choose a shorter one.")
    if len(set(bases[start:end])) == 1:
        raise UserError("These bases are all the same letter, which no other order breaks; choose another stretch.")


def _shuffled(bases: str, start: int, end: int, *, seed: int) -> str:
    """The letters of a stretch in another order: of 20 drawn, the one in which most places change."""
    random, old = np.random.default_rng([seed, start, end]), np.array(list(bases[start:end]))
    orders = [random.permutation(old) for _ in range(_ORDERS)]
    return bases[:start] + "".join(max(orders, key=lambda new: int((new != old).sum()))) + bases[end:]


def _kills(asked: _Asked, bases: str, start: int, end: int, does: float) -> list[str]:
    """The fewest changes that break a stretch as the shuffles do, by the model; then the same places with other letters."""
    side = math.copysign(1.0, does)
    places = [(at, base) for at in range(start, end) for base in BASES if base != bases[at]]
    singles = side * asked.effects([_with(bases, [one]) for one in places]).mean(axis=1)
    ranked = np.argsort(-singles.reshape(-1, 3), axis=1)  # of each place, its three letters, the worst first
    best = singles.reshape(-1, 3).max(axis=1)
    order = np.argsort(-best, kind="stable")[:MOST_CHANGED]
    kills = []
    for letter in (0, 1):
        changes = [places[3 * at + int(ranked[at, letter])] for at in order.tolist()]
        growing = [_with(bases, changes[: k + 1]) for k in range(len(changes))]
        lost = side * asked.effects(growing).mean(axis=1)
        enough = np.flatnonzero(lost >= ENOUGH * abs(does))
        kills.append(growing[int(enough[0]) if len(enough) else int(lost.argmax())])
    return kills


def _unmatched(bases: str, start: int, end: int, matrix: Values) -> list[str]:
    """The fewest changes after which the motif scores below 0 bits; then those with the second-worst letters."""
    if matrix.shape != (4, end - start):
        raise ValueError(f"{matrix.shape=}, {start=}, {end=}")
    stand = codes_of(bases[start:end])
    scores = matrix[stand, np.arange(end - start)]
    others = np.where(np.arange(4)[:, None] == stand, np.inf, matrix)  # (4, places): letters that do not stand there
    ranked = np.argsort(others, axis=0)
    kills = []
    for letter in (0, 1):
        lost = scores - np.take_along_axis(matrix, ranked[letter][None], axis=0)[0]
        order = np.argsort(-lost, kind="stable")
        left = scores.sum() - np.cumsum(lost[order])
        below = np.flatnonzero(left < 0)
        many = int(below[0]) + 1 if len(below) else len(order)
        kills.append(_with(bases, [(start + at, BASES[int(ranked[letter, at])]) for at in order[:many].tolist()]))
    return kills


def _spares(asked: _Asked, bases: str, start: int, end: int, *, seed: int) -> list[tuple[int, str]]:
    """Shuffles of as many bases elsewhere, where the model says that least happens; no two over one another if possible."""
    length = end - start
    free = [at for at in range(len(bases) - length + 1) if at + length + _APART <= start or at >= end + _APART]
    free = [at for at in free if len(set(bases[at : at + length])) > 1]
    if not free:
        raise UserError("There is nothing to shuffle beside this stretch; choose another construct.")
    places = [free[round(k)] for k in np.linspace(0, len(free) - 1, min(_PLACES, len(free)))]
    made = [_shuffled(bases, at, at + length, seed=seed) for at in places]
    order = np.argsort(np.abs(asked.effects(made).mean(axis=1)), kind="stable").tolist()
    chosen: list[int] = []
    for overlapping in (False, True):
        for one in order:
            apart = all(abs(places[one] - places[other]) >= length for other in chosen)
            if len(chosen) < SPARES and one not in chosen and (apart or overlapping):
                chosen.append(one)
    return [(places[one], made[one]) for one in chosen]


def _moved(bases: str, shuffled: str, start: int, end: int, to: int) -> str:
    """The stretch at another place, its old one shuffled."""
    return shuffled[:to] + bases[start:end] + shuffled[to + end - start :]


def _with(bases: str, changes: list[tuple[int, str]]) -> str:
    letters = list(bases)
    for at, base in changes:
        letters[at] = base
    return "".join(letters)
