"""One motif in many backgrounds (global importance), and two motifs at every spacing, with what they do beyond their sum."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from interpret.whatif import (
    CONFIDENCE,
    Backgrounds,
    Estimate,
    Scale,
    Values,
    answers,
    estimate,
    share_of,
    signed_change,
)
from interpret.whatif_motif import Word
from models.core import ModelSpec
from models.engine import Progress, Runner
from models.shuffle import Codes, codes_of

MOST_GAPS = 61
SMALLEST_SHARE = 0.2  # of what the pair does, or its parts add up to: less lies within what a fitted network errs
STRONG_SHARE = 2 / 3  # of the largest interaction: the others are named as weaker
_ROWS = 2_048
SIGNS = {"+": "+", "-": "\u2212"}  # as people read a strand
Placement = tuple[
    tuple[int, str], ...
]  # (first index in the window, letters as they stand on the + strand) of each motif


@dataclass(frozen=True)
class Importance:
    """What a motif does in the middle of many backgrounds (global importance, Koo et al. 2021).

    Attributes:
        word: the motif.
        strand: the way it points.
        effect: with it minus without it, (tracks,).
        without: mean of the backgrounds themselves, float64 (tracks,).
        n, seed, scale: of the backgrounds; what effects are counted in.
        rule: where the motif stands and what the backgrounds are.
    """

    word: Word
    strand: str
    effect: Estimate
    without: Values
    n: int
    seed: int
    scale: Scale
    rule: str


@dataclass(frozen=True)
class Spacing:
    """Two motifs in every arrangement and at every gap.

    Attributes:
        words: both motifs.
        arrangements: what each row is: (order and strands as people read them).
        gaps: int64 (gaps,), bp between the end of the left motif and the start of the right one.
        pair: both minus the background, (arrangements, gaps, tracks).
        first: the first motif alone at its place in the pair, likewise.
        second: the second motif alone, likewise.
        interaction: pair - first - second in the same backgrounds, likewise.
        called: bool (arrangements, gaps, tracks), where an interaction is called (see ``verdict_words``).
        n, seed, scale: of the backgrounds; what effects are counted in.
        rule: how it was done, in sentences.
    """

    words: tuple[Word, Word]
    arrangements: tuple[str, ...]
    gaps: npt.NDArray[np.int64]
    pair: Estimate
    first: Estimate
    second: Estimate
    interaction: Estimate
    called: npt.NDArray[np.bool_]
    n: int
    seed: int
    scale: Scale
    rule: str


def embed(
    run: Runner,
    spec: ModelSpec,
    plain: Backgrounds,
    motif: Word,
    *,
    scale: Scale,
    strand: str = "+",
    progress: Progress | None = None,
) -> Importance:
    """The global importance of a motif: it is written over the middle of each background.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        plain: the backgrounds.
        motif: what to put in.
        scale: what effects are counted in.
        strand: the way the motif points.
        progress: called with the share done.
    """
    _check_fits(spec, len(motif.bases))
    start = (spec.input_length - len(motif.bases)) // 2
    found = _designs(run, spec, plain.codes, [(), ((start, motif.on(strand)),)], scale, progress)
    rule = (
        f"{motif.name} on the {strand} strand is written over the middle of each background; the same background without it "
        f"is taken away. Backgrounds: {plain.words}"
    )
    effect, without = estimate(found[1] - found[0]), found[0].mean(axis=(0, 1))
    return Importance(motif, strand, effect, without, plain.n, plain.seed, scale, rule)


def spacing(
    run: Runner,
    spec: ModelSpec,
    plain: Backgrounds,
    first: Word,
    second: Word,
    gaps: Seq[int],
    *,
    scale: Scale,
    progress: Progress | None = None,
) -> Spacing:
    """Two motifs in both orders and all orientations at every gap, each beside either motif alone at the same place.

    In each background: both motifs, the first alone, the second alone, none. The interaction is
    f(both) - f(first) - f(second) + f(none), averaged over backgrounds: what the two do beyond the sum of what each does.
    A model that answers both strands alike gives the other order the same answers from the other strand, so that it is
    not asked twice.

    Raises:
        UserError: when the motifs and the widest gap do not fit the window.
    """
    wanted = np.array(sorted(set(gaps)), dtype=np.int64)
    if not len(wanted) or wanted[0] < 0 or len(wanted) > MOST_GAPS:
        raise UserError(f"Choose from 1 to {MOST_GAPS} gaps of 0 bp or more.")
    lengths = len(first.bases) + len(second.bases)
    _check_fits(spec, lengths + int(wanted[-1]))
    start = (spec.input_length - lengths - int(wanted[-1])) // 2
    plans = tuple(_plans(first, second, start, wanted, alike=answers_both_strands_alike(spec)))
    designs: dict[Placement, int] = {(): 0}
    for plan in plans:
        for placed in plan.cells:
            for design in (placed, placed[:1], placed[1:]):
                designs.setdefault(design, len(designs))
    found = _designs(run, spec, plain.codes, list(designs), scale, progress)  # (designs, n, members, tracks)
    both, left, right = (_cells(found, designs, plans, part) for part in (slice(0, 2), slice(0, 1), slice(1, 2)))
    none = found[0][:, :, None, None]
    turned = np.array([plan.turned for plan in plans])[:, None, None]
    pair, one, other = (
        estimate(part - none) for part in (both, np.where(turned, right, left), np.where(turned, left, right))
    )
    interaction = both - left - right + none
    rule = (
        f"The left motif starts {start} bp into the window of {spec.input_length} bp and the right one follows after the gap; "
        f"both are written over what stands there. Backgrounds: {plain.words} Sites that arise by chance "
        "where motif and background meet are the same in the pair and in each motif alone, except across the gap."
    )
    if answers_both_strands_alike(spec):
        rule += (
            f" {second.name} then {first.name} is the same read from the other strand, where the model says the same: "
            f"(+) then (+) here is {second.name} (\u2212) then {first.name} (\u2212)."
        )
    names = tuple(plan.name for plan in plans)
    hits = called(interaction, pair, one, other)
    joint = estimate(interaction)
    return Spacing((first, second), names, wanted, pair, one, other, joint, hits, plain.n, plain.seed, scale, rule)


def called(interaction: Values, pair: Estimate, first: Estimate, second: Estimate) -> npt.NDArray[np.bool_]:
    """Where an interaction is called, bool (arrangements, gaps, tracks).

    Three things must hold: the interval excludes 0 even when corrected for all cells of the scan (Bonferroni); every member
    gives the same sign; and it is at least a fifth of what the pair does, or of what its parts add up to, in that cell.

    Args:
        interaction: (backgrounds, members, arrangements, gaps, tracks).
        pair, first, second: estimates of the effects, (arrangements, gaps, tracks).
    """
    cells = interaction.shape[2] * interaction.shape[3]
    strict = estimate(interaction, confidence=1 - (1 - CONFIDENCE) / cells)
    size = np.maximum(np.abs(pair.mean), np.abs(first.mean) + np.abs(second.mean))
    return np.asarray(strict.clear & strict.signs_agree & (np.abs(strict.mean) >= SMALLEST_SHARE * size))


def answers_both_strands_alike(spec: ModelSpec) -> bool:
    """Whether the reverse complement of a window has the same scalar on every track."""
    return spec.strand_rule == "average" and all(t.strand == "." or t.kind == "profile" for t in spec.tracks)


def designs_of(spec: ModelSpec, n_gaps: int) -> int:
    """How many designs a scan puts into each background: none, each motif alone at its places, both."""
    orders = 1 if answers_both_strands_alike(spec) else 2
    return 1 + orders * (2 + 2 * n_gaps + 4 * n_gaps)


def verdict_words(found: Spacing, track: int, unit: str) -> str:
    """What the scan says of a track, in a sentence or two."""
    a, b = (one.name for one in found.words)
    values, hits = found.interaction.mean[..., track], found.called[..., track]
    if not hits.any():
        largest = np.unravel_index(np.abs(values).argmax(), values.shape)
        whole = found.pair.mean[(*largest, track)]
        return (
            f"No interaction: at every gap and orientation {a} and {b} do together what the two alone add up to. The largest "
            f"difference is {signed_change(values[largest])} {unit}, where the pair does {signed_change(whole)}; that is less than is called one."
        )
    top = np.where(hits, np.abs(values), 0.0).max()
    strong = hits & (np.abs(values) >= STRONG_SHARE * top)
    weaker = hits & ~strong
    said = f"{a} and {b} do not simply add up: {_named(found, strong, values)} {unit}."
    if weaker.any():
        said += f" Weaker than two thirds of that, but called: {_named(found, weaker, values)} {unit}."
    return said


VERDICT_RULE = (
    "An interaction is called where its interval excludes 0 after correction for all cells of the scan (Bonferroni), all "
    "networks give it the same sign, and it is at least a fifth of what the pair does or its parts add up to: below that "
    "a network errs where nothing interacts, as the sandbox shows."
)


def _named(found: Spacing, cells: npt.NDArray[np.bool_], values: Values) -> str:
    """Arrangements and gaps of some cells, each with its largest value."""
    parts = []
    for row, name in enumerate(found.arrangements):
        if cells[row].any():
            best = int(np.where(cells[row], np.abs(values[row]), -1).argmax())
            parts.append(f"{name}, {runs(found.gaps, cells[row])} bp between, up to {signed_change(values[row, best])}")
    return "; ".join(parts)


def runs(gaps: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> str:
    """``4 to 10, 14`` for the chosen of the gaps asked; what was asked next to each other belongs together."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]])))
    pairs = [(int(gaps[first]), int(gaps[last - 1])) for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in pairs)


@dataclass(frozen=True)
class _Plan:
    """One arrangement: its name, whether the second motif stands left, and where the motifs stand at each gap."""

    name: str
    turned: bool
    cells: tuple[Placement, ...]


def _plans(first: Word, second: Word, start: int, gaps: npt.NDArray[np.int64], *, alike: bool) -> Iterator[_Plan]:
    """Every arrangement that has to be asked, left to right as people read it."""
    for left, right in ((first, second),) if alike else ((first, second), (second, first)):
        for one, two in ("++", "+-", "-+", "--"):
            name = f"{left.name} ({SIGNS[one]}) then {right.name} ({SIGNS[two]})"
            letters, following = left.on(one), right.on(two)
            places = (start + len(letters) + gap for gap in gaps.tolist())
            cells = tuple(((start, letters), (place, following)) for place in places)
            yield _Plan(name, left is second, cells)


def _cells(found: Values, designs: dict[Placement, int], plans: Seq[_Plan], part: slice) -> Values:
    """(backgrounds, members, arrangements, gaps, tracks): the answers to part of each arrangement."""
    index = np.array([[designs[placed[part]] for placed in plan.cells] for plan in plans])
    return np.asarray(found[index].transpose(2, 3, 0, 1, 4))


def _designs(
    run: Runner, spec: ModelSpec, plain: Codes, designs: Seq[Placement], scale: Scale, progress: Progress | None
) -> Values:
    """Every design in every background: float64 (designs, backgrounds, members, tracks)."""
    each = max(1, _ROWS // len(plain))
    parts = []
    for first in range(0, len(designs), each):
        some = designs[first : first + each]
        codes = np.concatenate([_written(plain, design) for design in some])
        share = share_of(progress, first, first + len(some), len(designs))
        found = answers(run, spec, codes, scale, share)
        parts.append(found.reshape(len(some), len(plain), *found.shape[1:]))
    return np.concatenate(parts)


def _written(plain: Codes, design: Placement) -> Codes:
    """The backgrounds with the motifs written over them."""
    codes = plain.copy()
    for start, letters in design:
        codes[:, start : start + len(letters)] = codes_of(letters)
    return codes


def _check_fits(spec: ModelSpec, length: int) -> None:
    if length > spec.input_length:
        raise UserError(f"This takes {length} bp, and the model's window has {spec.input_length}; make it shorter.")
