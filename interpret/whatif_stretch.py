"""What a stretch is worth where it stands: tiles shuffled one by one, and whether a stretch is needed or enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.effects import placed_starts, placement_rule
from interpret.whatif import (
    Estimate,
    Scale,
    Values,
    amount_unit,
    answers,
    as_amounts,
    backgrounds,
    estimate,
    known,
    share_of,
    window_at,
    with_interval,
)
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.shuffle import Codes, codes_of, shuffle_codes
from models.tiling import core_of

SHORTEST_TILE = 10  # bp: shorter ones often have no other order with the same dinucleotides
MOST_TILES = 200
SMALLEST_EFFECT = 0.05  # of what the place has above shuffled DNA: less lies within what a network errs
BACKGROUND_SHUFFLES = 20
ABOVE_BACKGROUND = 2.0  # times what shuffled DNA has: with less there is nothing to lose a share of


@dataclass(frozen=True)
class Tiles:
    """What is lost when each tile is shuffled in place (in-silico CRISPRi).

    Attributes:
        starts, ends: int64 (tiles,), 0-based half-open genome positions.
        drop: wild type - shuffled, (tiles, tracks), on the usual explained scale: positive where the tile raises it; NaN
            where a tile has no other order with the same dinucleotides.
        share: (wild type - shuffled) / wild type, (tiles, tracks), in amounts; NaN where it is refused.
        refused: per track why no share is given, in words; empty where it is given.
        wild_type: float64 (tracks,), usual explained scale, mean over the windows used.
        n, seed: shuffles per tile.
        rule: how it was done.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    drop: Estimate
    share: Estimate
    refused: tuple[str, ...]
    wild_type: Values
    n: int
    seed: int
    rule: str


@dataclass(frozen=True)
class Needed:
    """Whether a stretch is needed where it stands, and whether it is enough elsewhere.

    Attributes:
        start, end: the stretch, 0-based half-open genome positions.
        necessity: wild type - (stretch shuffled), (tracks,).
        sufficiency: (stretch kept, all else shuffled) - (all shuffled), (tracks,).
        context: necessity - sufficiency: what the stretch does only among its own neighbours; negative where they make up
            for its loss.
        wild_type, shuffled: float64 (tracks,), the sequence as it is, and all of it shuffled.
        n, seed, scale: shuffles; what effects are counted in.
        rule: how it was done.
    """

    start: int
    end: int
    necessity: Estimate
    sufficiency: Estimate
    context: Estimate
    wild_type: Values
    shuffled: Values
    n: int
    seed: int
    scale: Scale
    rule: str


def windows_around(
    sequence: Sequence, locus: Locus, start: int, end: int, spec: ModelSpec
) -> tuple[list[Sequence], str]:
    """The windows in which a stretch is changed, and one sentence on where they lie: as for any edit.

    Args:
        sequence: bases that reach two windows beyond the locus.
        locus: what is shown. When it fits one window, that window; else those placed around the stretch.
        start: first base of the stretch, 0-based genome position.
        end: one past its last base.
        spec: the model.
    """
    if locus.length <= spec.input_length and locus.start <= start and end <= locus.end:
        return [
            window_at(sequence, locus.start, locus.end, spec)
        ], f"In the {spec.input_length} bp window centred on the locus."
    if end - start > spec.input_length // 2:
        raise UserError(
            f"This stretch has {end - start} bp, more than half of the model's window of {spec.input_length}: choose a shorter "
            "one, or a locus that fits one window."
        )
    first, last = core_of(sequence, start, end)
    starts = placed_starts(first, last, spec)
    return [known(sequence.part(at, at + spec.input_length)) for at in starts], placement_rule(spec, "the stretch")


def tiles(
    run: Runner,
    spec: ModelSpec,
    sequence: Sequence,
    locus: Locus,
    length: int,
    *,
    n: int,
    seed: int,
    progress: Progress | None = None,
) -> Tiles:
    """Shuffles a locus tile by tile, each in its own context, n times.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases that reach two windows beyond the locus.
        locus: what is cut into tiles.
        length: of a tile in bp; the last one takes what is left, if it is long enough to be one.
        n: shuffles of each tile.
        seed: of the shuffles.
        progress: called with the share done.

    Raises:
        UserError: when the tiles are too short or too many.
    """
    starts, ends = _tiles(locus, length, spec)
    wild, drops, shares = [], [], []
    floor = _background(run, spec, sequence, locus, seed)
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        windows, rule = windows_around(sequence, locus, start, end, spec)
        before, after = _shuffled_inside(
            run,
            spec,
            windows,
            start,
            end,
            n=n,
            seed=seed + index,
            progress=share_of(progress, index, index + 1, len(starts)),
        )  # (windows, members, tracks), (windows, n, members, tracks)
        wild.append(before.mean(axis=(0, 1)))
        fixed = not _shuffles(windows[0], start, end, n, seed + index)[1]
        drops.append(np.where(fixed, np.nan, (before[:, None] - after).mean(axis=0)))
        whole, left = (_amounts(part, spec).mean(axis=0) for part in (before, after))
        with np.errstate(divide="ignore", invalid="ignore"):
            shares.append(np.where(_enough(whole, floor, spec) & (not fixed), (whole - left) / whole, np.nan))
    drop, share = (estimate(np.stack(parts, axis=2)) for parts in (drops, shares))
    refused = tuple(
        _refusal(spec, track, bool((np.isnan(share.mean) & ~np.isnan(drop.mean))[:, track].any()))
        for track in range(len(spec.tracks))
    )
    rule = f"{rule} Each tile is replaced by {n} dinucleotide shuffles of its own bases (seed {seed}), the rest stays."
    if n_fixed := int(np.isnan(drop.mean).all(axis=1).sum()):
        rule += f" {n_fixed} tiles have no other order with the same dinucleotides and are left out."
    return Tiles(starts, ends, drop, share, refused, np.mean(wild, axis=0), n, seed, rule)


def needed_or_enough(
    run: Runner,
    spec: ModelSpec,
    sequence: Sequence,
    locus: Locus,
    start: int,
    end: int,
    *,
    n: int,
    seed: int,
    scale: Scale,
    progress: Progress | None = None,
) -> Needed:
    """Necessity, sufficiency and context of a stretch.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases that reach two windows beyond the locus.
        locus: what is shown; it decides which windows are asked.
        start: first base of the stretch, 0-based genome position.
        end: one past its last base.
        n: shuffles, of the stretch and of its surroundings.
        seed: of the shuffles.
        scale: what effects are counted in.
        progress: called with the share done.

    Raises:
        UserError: when the stretch is too short or lies outside the locus.
    """
    if end - start < SHORTEST_TILE or not (locus.start <= start and end <= locus.end):
        raise UserError(
            f"The stretch must have at least {SHORTEST_TILE} bp and lie inside the locus, {locus.start + 1:,} to {locus.end:,}."
        )
    windows, rule = windows_around(sequence, locus, start, end, spec)
    if not _shuffles(windows[0], start, end, n, seed)[1]:
        raise UserError("This stretch has no other order with the same dinucleotides; choose a longer one.")
    before, without = _shuffled_inside(
        run, spec, windows, start, end, n=n, seed=seed, scale=scale, progress=share_of(progress, 0, 1, 3)
    )
    alone, empty = _kept_inside(run, spec, windows, start, end, n, seed, scale, share_of(progress, 1, 3, 3))
    lost, gained = (before[:, None] - without).mean(axis=0), (alone - empty).mean(axis=0)  # (n, members, tracks)
    rule += (
        f" {n} dinucleotide shuffles (seed {seed}): of the stretch alone for what is needed, of the whole window with the "
        "stretch put back in its place for what is enough."
    )
    return Needed(
        start, end, estimate(lost), estimate(gained), estimate(lost - gained),
        before.mean(axis=(0, 1)), empty.mean(axis=(0, 1, 2)), n, seed, scale, rule,
    )  # fmt: skip


def tiles_words(found: Tiles, track: int, unit: str) -> str:
    """Which tile matters most on a track, in a sentence: of those whose interval excludes 0.

    Args:
        found: the answer.
        track: which track.
        unit: of differences, where no share is given.
    """
    part = found.drop if found.refused[track] else found.share
    values, clear = part.mean[:, track], part.clear[:, track]
    if np.isnan(values).all():
        return "no tile here can be shuffled."
    if not clear.any():
        return f"no tile does anything clear: every interval over {found.n} shuffles holds 0."
    top = int(np.where(clear, np.abs(values), -1.0).argmax())
    amount = f"{abs(values[top]):.3g} {unit}" if found.refused[track] else f"{abs(values[top]):.0%} of it"
    return (
        f"the tile that matters most is {found.starts[top] + 1:,} to {found.ends[top]:,}; shuffling it "
        f"{'takes away' if values[top] > 0 else 'adds'} {amount}."
    )


def needed_words(found: Needed, track: int, unit: str) -> str:
    """What the tests say of a track, in a sentence.

    An effect counts when its interval excludes 0 and it is at least a twentieth of what the place has above shuffled DNA. A
    stretch that lowers the prediction is neither needed nor enough for it: that is said in other words.
    """
    here, elsewhere = (
        int(np.sign(part.mean[track])) if counts(found, part, track) else 0
        for part in (found.necessity, found.sufficiency)
    )
    verdict = {
        (1, 1): "is needed here and enough elsewhere",
        (1, 0): "is needed here, but not enough elsewhere",
        (0, 1): "is enough elsewhere, but not needed here: its neighbours make up for it",
        (0, 0): "is neither needed nor enough: the model does not use it, even if it stands where activity is high",
        (-1, -1): "lowers the prediction, here and elsewhere",
        (-1, 0): "lowers the prediction here, and does nothing elsewhere",
        (0, -1): "lowers the prediction elsewhere, and does nothing here",
        (-1, 1): "lowers the prediction here, although it raises it elsewhere: its neighbours turn what it does",
        (1, -1): "is needed here, although it lowers the prediction elsewhere: its neighbours turn what it does",
    }[here, elsewhere]
    return (
        f"{found.start + 1:,} to {found.end:,} {verdict} (needed {with_interval(found.necessity, track)}, enough "
        f"{with_interval(found.sufficiency, track)} {unit})."
    )


def counts(found: Needed, part: Estimate, track: int) -> bool:
    """Whether an effect is more than chance and more than the error of a fitted network."""
    whole = abs(float(found.wild_type[track] - found.shuffled[track]))
    return bool(part.clear[track]) and abs(float(part.mean[track])) >= SMALLEST_EFFECT * whole


def _tiles(locus: Locus, length: int, spec: ModelSpec) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Starts and ends of the tiles of a locus."""
    if not SHORTEST_TILE <= length <= max(SHORTEST_TILE, spec.input_length // 2):
        raise UserError(f"A tile has from {SHORTEST_TILE} to {spec.input_length // 2} bp, half of the model's window.")
    starts = np.arange(locus.start, locus.end - SHORTEST_TILE + 1, length, dtype=np.int64)
    if not 0 < len(starts) <= MOST_TILES:
        raise UserError(
            f"This makes {len(starts):,} tiles of {locus.length:,} bp; choose tiles that make 1 to {MOST_TILES}."
        )
    return starts, np.minimum(starts + length, locus.end)


def _shuffled_inside(
    run: Runner,
    spec: ModelSpec,
    windows: list[Sequence],
    start: int,
    end: int,
    *,
    n: int,
    seed: int,
    scale: Scale = "explained",
    progress: Progress | None = None,
) -> tuple[Values, Values]:
    """The windows as they are (windows, members, tracks), and with the stretch shuffled (windows, n, members, tracks)."""
    rows = [codes_of(window.bases)[None] for window in windows]
    stretch, _ = _shuffles(windows[0], start, end, n, seed)  # the same shuffles in every window
    for window in windows:
        codes = np.repeat(codes_of(window.bases)[None], n, axis=0)
        codes[:, slice(*core_of(window, start, end))] = stretch
        rows.append(codes)
    found = answers(run, spec, np.concatenate(rows), scale, progress)
    k = len(windows)
    return found[:k], found[k:].reshape(k, n, *found.shape[1:])


def _shuffles(window: Sequence, start: int, end: int, n: int, seed: int) -> tuple[Codes, bool]:
    """int8 (n, stretch): dinucleotide shuffles of a stretch, and whether any differs from it."""
    own = codes_of(window.bases)[slice(*core_of(window, start, end))]
    drawn = shuffle_codes(np.repeat(own[None], n, axis=0), seed=seed)
    return drawn, bool((drawn != own).any())


def _kept_inside(
    run: Runner,
    spec: ModelSpec,
    windows: list[Sequence],
    start: int,
    end: int,
    n: int,
    seed: int,
    scale: Scale,
    progress: Progress | None,
) -> tuple[Values, Values]:
    """Shuffled windows with the stretch put back, and without it: both (windows, n, members, tracks)."""
    rows = []
    for window in windows:
        empty = backgrounds(window, n, seed=seed)
        alone = empty.copy()
        first, last = core_of(window, start, end)
        alone[:, first:last] = codes_of(window.bases)[first:last]
        rows += [alone, empty]
    found = answers(run, spec, np.concatenate(rows), scale, progress)
    found = found.reshape(len(windows), 2, n, *found.shape[1:])
    return found[:, 0], found[:, 1]


def _background(run: Runner, spec: ModelSpec, sequence: Sequence, locus: Locus, seed: int) -> Values:
    """float64 (tracks,): the amount that shuffled DNA of this place has; NaN for a track without amounts."""
    window = window_at(sequence, locus.start, locus.end, spec)
    found = answers(run, spec, backgrounds(window, BACKGROUND_SHUFFLES, seed=seed), "explained")
    return np.asarray(_amounts(found, spec).mean(axis=(0, 1)))


def _amounts(scalars: Values, spec: ModelSpec) -> Values:
    """Explained scalars (..., tracks) as amounts, NaN for tracks that have none."""
    allowed = np.array([bool(amount_unit(track)) for track in spec.tracks])
    return np.where(allowed, as_amounts(np.where(allowed, scalars, 0.0), spec), np.nan)


def _enough(whole: Values, floor: Values, spec: ModelSpec) -> npt.NDArray[np.bool_]:
    """bool (tracks,): whether the wild type (members, tracks) has something to lose a share of.

    Reads near those of shuffled DNA are background. A ratio such as RNA/DNA is never near 0 by its nature.
    """
    counted = np.array([track.kind == "profile" for track in spec.tracks])
    return np.asarray(~counted | (whole.mean(axis=0) >= ABOVE_BACKGROUND * floor))


def _refusal(spec: ModelSpec, track: int, missing: bool) -> str:
    """Why a track has no share, in words; empty where it has one."""
    one = spec.tracks[track]
    if not amount_unit(one):
        return (
            f"No share is given for {one.name}: {one.unit} are no amount, and a share of them would change with where 0 was "
            "put. The difference is shown instead."
        )
    if missing:
        return (
            f"No share is given for {one.name}: the {one.unit} expected here are less than {ABOVE_BACKGROUND:g} times those of "
            "shuffled DNA, so there is next to nothing to lose. The difference is shown instead."
        )
    return ""
