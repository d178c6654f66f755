"""What a change of bases does to a prediction: in the model's own window, both alleles in register."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.predict import by_member, run_windows
from models.tiling import Tiling, core_of, tile

VALUES = ("before", "after", "delta", "spread", "low", "high")  # what is told of an effect in numbers


@dataclass(frozen=True)
class Effect:
    """The effect of one change, or of several together, on the usual explained scalar of every track (``Target``).

    Attributes:
        edits: the changes.
        before: float32 (tracks,), prediction without them, mean over the placements; in the track's unit,
            or log counts for a profile.
        after: float32 (tracks,), with them.
        delta: float32 (tracks,), after - before.
        spread: float32 (tracks,), standard deviation of delta between members.
        low, high: float32 (tracks,), smallest and largest delta over the placements.
        signs_agree: bool (tracks,), whether every member gives delta the same sign.
        rule: one sentence on where the windows lay.
    """

    edits: tuple[Variant, ...]
    before: npt.NDArray[np.float32]
    after: npt.NDArray[np.float32]
    delta: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    signs_agree: npt.NDArray[np.bool_]
    rule: str


def effect(
    run: Runner,
    spec: ModelSpec,
    reference: Sequence,
    edits: tuple[Variant, ...],
    *,
    shown: Locus | None = None,
    progress: Progress | None = None,
) -> Effect:
    """The effect of changes on the prediction, never averaged over more than the model's own window.

    Both alleles start at the same base, so they stay in register: a deletion lets bases in on the right, an insertion
    pushes some out. The one exception is the window on screen (``shown``), which stays centred on the locus.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        reference: unedited bases that reach two windows beyond the changes on both sides.
        edits: the changes, taken together.
        shown: the locus on screen. When it fits one window before and after, the effect is that of this window alone,
            and equals the difference of the predictions shown. Otherwise windows are centred on the change and moved
            by up to a quarter of their length, in as many steps as the model says (``placements``).
        progress: called with the share done.

    Raises:
        UserError: when the changes do not fit one window, lie outside the bases, or a REF allele is not what stands
            there.
    """
    if not edits:
        raise ValueError(f"{edits=}")
    changed = edited(reference, edits)
    outside = [str(edit) for edit in sorted(set(edits)) if edit not in changed.edits]
    if outside:
        raise UserError(f"{outside[0]} lies too far from the locus shown to be computed; move there, or undo it.")
    shown_windows = [_single_window(sequence, shown, spec) for sequence in (reference, changed)]
    if shown_windows[0] is not None and shown_windows[1] is not None:
        before, after = shown_windows[0], shown_windows[1]
        rule = f"In the {spec.input_length} bp window centred on the locus."
    else:
        before, after = _placed_windows(reference, changed, edits, spec)
        rule = placement_rule(spec)
    halfway = halves(progress)
    values = [
        by_member(explained(run_windows(run, sequence, tiling, share), spec), spec)  # (placements, members, tracks)
        for sequence, tiling, share in ((reference, before, halfway[0]), (changed, after, halfway[1]))
    ]
    return effect_of(edits, values[0], values[1], rule)


def effect_of(
    edits: tuple[Variant, ...], before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], rule: str
) -> Effect:
    """What is told of the scalars of both alleles.

    Args:
        edits: the changes.
        before: float32 (placements, members, tracks), without them.
        after: float32 (placements, members, tracks), with them.
        rule: one sentence on where the windows lay.
    """
    return Effect(edits, **summed_up(before, after), rule=rule)


def summed_up(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """What is told of scalars (..., placements, members, tracks): ``VALUES`` and ``signs_agree``, each (..., tracks)."""
    difference = after - before
    by_placement, by_members = difference.mean(axis=-2), difference.mean(axis=-3)
    several = by_members.shape[-2] > 1
    return {
        "before": before.mean(axis=(-3, -2)),
        "after": after.mean(axis=(-3, -2)),
        "delta": difference.mean(axis=(-3, -2)),
        "spread": by_members.std(axis=-2, ddof=1) if several else np.abs(0 * by_members[..., 0, :]),  # NaN stays NaN
        "low": by_placement.min(axis=-2),
        "high": by_placement.max(axis=-2),
        "signs_agree": (np.sign(by_members) == np.sign(by_members[..., :1, :])).all(axis=-2),
    }


def placed_starts(first: int, last: int, spec: ModelSpec) -> list[int]:
    """First bases of the windows around a change from ``first`` to ``last`` (0-based half-open), left to right."""
    centred = (first + last) // 2 - spec.input_length // 2
    return [centred + offset for offset in _offsets(spec.input_length // 4, spec.placements)]


@lru_cache
def _offsets(quarter: int, placements: int) -> tuple[int, ...]:
    """How far each window lies right of the centred one, in bp."""
    if placements == 1:
        return (0,)
    return tuple(int(offset) for offset in np.linspace(-quarter, quarter, placements).round())


def placement_rule(spec: ModelSpec, changed: str = "the change") -> str:
    """One sentence on where the windows around something that is changed lie."""
    if spec.placements == 1:
        return f"In the {spec.input_length} bp window centred on {changed}."
    return f"Mean of {spec.placements} windows of {spec.input_length} bp around {changed}, moved by up to a quarter window."


def window_activity(run: Runner, spec: ModelSpec, sequence: Sequence, start: int, end: int) -> npt.NDArray[np.float32]:
    """The usual explained scalar of every track, (tracks,), in the one window centred on a stretch.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases that reach a window beyond the stretch on both sides.
        start: first base of the stretch, 0-based genome position.
        end: one past its last base.
    """
    first, last = core_of(sequence, start, end)
    centred = np.array([first + (last - first - spec.input_length) // 2], dtype=np.int64)
    tiling = Tiling(spec.input_length, spec.input_length, centred, (first, last), True)
    return explained(run_windows(run, sequence, tiling), spec).mean(axis=(0, 1))


def explained(components: npt.NDArray[np.float32], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """The usual explained scalar of every track: (windows, components, tracks, bins) -> (windows, components, tracks)."""
    flat = torch.from_numpy(components.reshape(-1, *components.shape[2:]))
    return spec.usual_scalars(flat).numpy().reshape(*components.shape[:2], len(spec.tracks))


def _single_window(sequence: Sequence, shown: Locus | None, spec: ModelSpec) -> Tiling | None:
    """The window that the Locus screen shows for this locus; None where several are shown, or no base is left of it."""
    if shown is None or not ((sequence.positions >= shown.start) & (sequence.positions < shown.end)).any():
        return None
    core = core_of(sequence, shown.start, shown.end)
    if core[1] - core[0] > spec.input_length:
        return None
    return tile(core, window=spec.input_length, stride=spec.input_length)


def _placed_windows(
    reference: Sequence, changed: Sequence, edits: tuple[Variant, ...], spec: ModelSpec
) -> tuple[Tiling, Tiling]:
    """The windows around the changes, in the reference and at the same first base in the changed sequence."""
    first, last = around(edits)
    window = spec.input_length
    longest = span(edits)
    if longest > window // 2:
        raise UserError(f"These edits span {longest} bp, more than half of the model's window of {window} bp.")
    origin = reference.locus.start
    starts = np.array([place - origin for place in placed_starts(first, last, spec)], dtype=np.int64)
    # Everything left of the first change is the same in both, so the index of the first base is too.
    return tuple(Tiling(window, 1, starts, (0, sequence.length), False) for sequence in (reference, changed))  # type: ignore[return-value]


def around(edits: tuple[Variant, ...]) -> tuple[int, int]:
    """First and one past the last changed base, 0-based half-open; an insertion counts the base it comes before."""
    return min(edit.start for edit in edits), max(max(edit.end, edit.start + 1) for edit in edits)


def span(edits: tuple[Variant, ...]) -> int:
    """What lies from the first changed base to the last, in bp, in the longer allele."""
    before = max(edit.end for edit in edits) - min(edit.start for edit in edits)
    return max(1, before, before + sum(len(edit.alt) - len(edit.ref) for edit in edits))


def halves(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """Progress of the first of two like parts, and of the second."""
    if progress is None:
        return None, None
    return lambda done: progress(done / 2), lambda done: progress(0.5 + done / 2)
