"""Picks of active learning as elements of a library, and the random ones beside them. No Streamlit here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from app import compute, compute_acquire
from app.compute import Asker
from app.compute_acquire import Picked
from app.design_candidates import Pool
from app.design_lists import Wanted
from app.design_question import DesignQuestion
from app.set_rows import SequenceSet, SetRow
from experiment.design import Arm, Element, Plan
from experiment.design_build import Accepted, counts
from experiment.design_constructs import NEAR, Bench, attempt, place_name, random_windows
from experiment.design_picks import Acquisition, Picks
from genome.errors import UserError
from genome.locus import Locus


@dataclass(frozen=True)
class Batch:
    """What was chosen.

    Attributes:
        elements: of the acquired arm, in the order chosen.
        windows: of those that lie at places.
        rest: candidates that were not chosen.
        acquisition: how.
        note: sentences for the methods paragraph.
    """

    elements: tuple[Element, ...]
    windows: tuple[Locus, ...]
    rest: tuple[SetRow, ...]
    acquisition: Acquisition
    note: str


def batch(question: DesignQuestion, bench: Bench, pool: Pool, used: Iterable[str], asker: Asker) -> Batch:
    """Chooses as many of a pool as the plan wants, with the model and the track of the view.

    Args:
        question: whose plan has ``picks``.
        bench: makes the elements.
        pool: among which is chosen.
        used: names of elements that there are already.
        asker: who asks; its progress covers the whole choice.

    Raises:
        UserError: when the strategy does not go with the model.
    """
    wanted = question.plan.picks
    if wanted is None:
        raise ValueError(f"{wanted=}: nothing is to be chosen")
    found = _picked(question, wanted, pool, asker)
    names = set(used)
    elements = []
    for row, arm, score in zip(found.rows, found.chosen.arms, found.chosen.scores.tolist(), strict=True):
        made = _element(bench, row, f"picked by {arm}", "acquired", names)
        elements.append(made if np.isnan(score) else replace(made, score=float(score)))
    chosen = set(found.places)
    about = f"{found.spec.model_id} for {found.target.track} (seed {found.seed})"
    information = found.information
    return Batch(
        tuple(elements),
        tuple(row.locus for row in found.rows if row.locus is not None),
        tuple(row for place, row in enumerate(pool.rows) if place not in chosen),
        Acquisition(
            model_id=found.spec.model_id,
            track=found.target.track,
            strategy=wanted.strategy,
            seed=found.seed,
            candidates=found.n_candidates,
            among=pool.words,
            expected=information.share if information else None,
            random=found.random,
            words=found.words,
        ),
        f"Acquired elements were chosen by {wanted.strategy} with {about} among {pool.words}. {' '.join(found.words)}",
    )


def random_arm(
    plan: Plan,
    bench: Bench,
    wanted: Wanted,
    windows: tuple[Locus, ...],
    found: Accepted,
    chosen: Batch | None,
    notes: list[str],
) -> list[Element]:
    """Random elements, as many as picks where there are some: of what these were chosen from, else windows nearby.

    Args:
        plan: how many, and the seed.
        bench: makes the elements.
        wanted: the lists.
        windows: of the places.
        found: what is in the library already.
        chosen: picks that were chosen here.
        notes: sentences on how; one is added.

    Raises:
        UserError: when there is no room for so many.
    """
    n = counts("acquired", found.elements) if "acquired" in plan.arms else plan.random
    if chosen is not None:
        notes.append(f"Random elements are drawn from the candidates that were not picked (seed {plan.seed}).")
        names = {element.name for element in found.elements}
        order = _order(plan, len(chosen.rest))[:n]
        return [_element(bench, chosen.rest[index], "random candidate", "random", names) for index in order]
    if wanted.pool:
        notes.append(f"Random elements are drawn from the places of the list that were not picked (seed {plan.seed}).")
        return _of_list(plan, bench, wanted, n, found.bases)
    drawn = random_windows(bench, windows, n, seed=plan.seed, taken=found.bases)
    notes.append(
        f"Random elements are windows within {NEAR:,} bp of the places, beside them, without N or forbidden sites (seed {plan.seed})."
    )
    return [bench.element(f"{place_name(window)}_random", "random window", "random", window) for window in drawn]


def _of_list(plan: Plan, bench: Bench, wanted: Wanted, n: int, taken: set[str]) -> list[Element]:
    """Random elements of the list that picks were given from.

    Raises:
        UserError: when it is too short.
    """
    rest = [place for place in wanted.pool if place not in set(wanted.acquired)]
    found: list[Element] = []
    for index in _order(plan, len(rest)):
        if len(found) == n:
            break
        place = rest[index]
        made = attempt(place_name(place), "random", lambda place=place: [  # type: ignore[misc]
            bench.element(f"{place_name(place)}_random", "random of the list", "random", bench.window(place))
        ])  # fmt: skip
        elements = [one for one in made if isinstance(one, Element)]
        found += [one for one in elements if not bench.objection(one.bases) and one.bases not in taken]
    if len(found) < n:
        raise UserError(
            f"Besides the picks the list has {len(found):,} places that can be ordered, and {n:,} random ones are wanted beside "
            f"as many picks: pick at most {len(found):,}, or give a longer list."
        )
    return found


def _order(plan: Plan, n: int) -> list[int]:
    """Rows in a random order."""
    return np.random.default_rng([plan.seed, 4]).permutation(n).tolist()  # type: ignore[no-any-return]


def _picked(question: DesignQuestion, picks: Picks, pool: Pool, asker: Asker) -> Picked:
    """The choice, kept for the next library that asks the same of the model."""
    view, seed = question.view, question.plan.seed
    digest = hashlib.blake2b(digest_size=16)
    for row in pool.rows:
        digest.update(f"{row.name}\t{row.locus}\t{row.bases}\n".encode())
    return compute.cache().get(
        ("picked", view.model, view.track, picks, seed, digest.hexdigest()),
        lambda: compute_acquire.pick(
            view.model,
            view.track,
            SequenceSet(pool.rows),
            picks.n,
            asker,
            strategy=picks.strategy,
            seed=seed,
            bounds=picks.bounds,
        ),
        wait=asker.wait,
    )


def _element(bench: Bench, row: SetRow, kind: str, arm: Arm, names: set[str]) -> Element:
    """A candidate as an element with a name of its own; ``names`` is added to."""
    suffix = "pick" if arm == "acquired" else arm
    if row.locus is not None:
        made = bench.element(f"{row.name}_{suffix}", kind, arm, row.locus)
    else:
        made = bench.given(row.name, kind, arm, row.bases)
    name, number = made.name, 2
    while name in names:
        name, number = f"{made.name}_{number}", number + 1
    names.add(name)
    return replace(made, name=name)
