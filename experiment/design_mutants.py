"""Mutants that test what a model claims of a place: its strongest motifs broken by the fewest changes and by shuffles, moved,
broken together, and a stretch spared by the model broken instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from experiment.design import Element
from experiment.design_constructs import Bench, as_edits, clean_name, place_name
from experiment.hypothesis import Kind
from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import BASES, Sequence
from interpret.jaspar import Motif
from interpret.motifs import MotifCall
from interpret.whatif_edits import move, take_out
from interpret.whatif_motif import WEAKEST_MATCH, Word, fit
from models.shuffle import codes_of

FloatArray = npt.NDArray[np.float64]

STILL_THERE = 0.75  # of its first score: a motif that fitted poorly is broken when it fits at most so well
LEFT_OVER = 0.2  # of the contributions: an element without a name is broken when its bases would keep at most so much
SHIFTS = (-10, -5, 5, 10)  # bp: whole and half turns of the helix
_TRIES = 40  # shuffles looked at
_PSEUDO = 0.01


@dataclass(frozen=True)
class Part:
    """A stretch that the model claims to matter.

    Attributes:
        locus: where it stands, 0-based half-open.
        label: what it resembles, or ``element`` where it resembles nothing known.
        raises: whether its bases raise the prediction.
        word: the motif as it lies on the + strand; None where it has no name.
        hypothetical: float64 (4, length), what each base would contribute there, in the track's unit.
    """

    locus: Locus
    label: str
    raises: bool
    word: Word | None
    hypothetical: FloatArray


@dataclass(frozen=True)
class Mutant:
    """An element with its part in a hypothesis.

    Attributes:
        element: the construct.
        part: index of the part it changes; -1 for the wild type and for both broken together.
        role: of the construct in the hypothesis; None where it stands beside (both broken together).
        start, end: first changed base and one past the last, 0-based in the element.
    """

    element: Element
    part: int
    role: Kind | None
    start: int
    end: int


def parts_of(
    calls: Seq[MotifCall], hypothetical: FloatArray, origin: Locus, window: Locus, n: int, *, floor: float
) -> tuple[Part, ...]:
    """The strongest stretches inside an element, strongest first.

    Args:
        calls: seqlets by falling strength, with the motifs they resemble; positions counted from the first base of ``origin``.
        hypothetical: float (4, length of origin), in the track's unit.
        origin: the stretch that was explained, 0-based half-open.
        window: the element; parts that reach beyond it are not taken.
        n: how many at most.
        floor: smallest sum of contributions that counts, in the track's unit.

    Raises:
        UserError: when there is none.
    """
    found: list[Part] = []
    for call in calls:
        start, end = call.motif_span if call.named else (call.seqlet.start, call.seqlet.end)
        if start < 0 or end > origin.length or abs(call.seqlet.attribution) < floor:
            continue
        locus = Locus(origin.chrom, origin.start + start, origin.start + end)
        apart = all(locus.end <= one.locus.start or one.locus.end <= locus.start for one in found)
        if locus.start < window.start or locus.end > window.end or not apart or len(found) == n:
            continue
        word = _word(call.matched) if call.named and call.matched is not None else None
        label = call.motif.name if word is not None and call.motif is not None else "element"
        scores = hypothetical[:, start:end].astype(np.float64)
        found.append(Part(locus, label, call.seqlet.sign == "+", word, scores))
    if not found:
        raise UserError(f"nothing in it adds up to {floor:.2g}, so the model makes no claim that a mutant could test")
    return tuple(found)


def mutants(
    bench: Bench, window: Locus, parts: Seq[Part], contributions: FloatArray, *, track: str, seed: int
) -> Iterator[Mutant | tuple[str, str]]:
    """The wild type and every mutant of a place, each with its role; a pair of name and reason where one cannot be made.

    Args:
        bench: what elements are cut from.
        window: the element, 0-based half-open.
        parts: what the model claims to matter, strongest first.
        contributions: float (length of the window,), of each base, in the track's unit.
        track: that the claims are about.
        seed: of the shuffles.
    """
    wild, place, name_of_wild = bench.sequence(window), place_name(window), f"{place_name(window)}_wt"
    made = bench.element(name_of_wild, "wild type", "hypothesis", window)
    yield Mutant(made, -1, "original", 0, window.length)
    quiet = _spared(window, parts, contributions)
    killed: list[str] = []
    for index, part in enumerate(parts):
        name, claim = f"{place}_{index + 1}_{clean_name(part.label)}", claim_of(part, track)
        for kind, role, ending, make in _recipes(bench, wild, parts, index, quiet, seed):
            found = _made(bench, wild, (f"{name}_{ending}", kind, claim, name_of_wild), index, role, make)
            yield found
            if role == "kill" and isinstance(found, Mutant):
                killed.append(found.element.bases)
    if len(killed) > 1:
        words = f"{place}_two_kills", "two motifs killed", "", name_of_wild
        yield _made(bench, wild, words, -1, None, partial(_both, wild.bases, *killed[:2]))


def _recipes(
    bench: Bench, wild: Sequence, parts: Seq[Part], index: int, quiet: dict[int, Locus], seed: int
) -> Iterator[tuple[str, Kind, str, Callable[[], str]]]:
    """What is done to a part: its kind in words, its role, the end of its name, and how its bases are made."""
    part = parts[index]
    yield "motif kill, fewest changes", "kill", "kill", partial(fewest_changes, wild, part)
    yield "motif kill, shuffle", "shuffle", "shuffle", partial(_shuffled, bench, wild, part.locus, part, seed)
    free = quiet.get(part.locus.length)
    if free is not None:
        yield "spared bases shuffled", "spare", "spare", partial(_shuffled, bench, wild, free, None, seed)
    for shift in SHIFTS if len(parts) > 1 else ():
        if _has_room(part, shift, parts, wild.locus):
            yield f"spacing {shift:+d} bp", "move", f"move{shift:+d}", partial(_moved, wild, part, shift, seed)


def claim_of(part: Part, track: str) -> str:
    """What the model claims of a part, one sentence."""
    what = f"The bases at {part.locus}"
    what += f", which resemble {part.label}," if part.word is not None else ""
    return f"{what} {'raise' if part.raises else 'lower'} {track}."


def fewest_changes(wild: Sequence, part: Part) -> str:
    """The bases with a part broken by the fewest substitutions, each to the base that its scores like least.

    A motif is broken when nothing there fits it any better than ``WEAKEST_MATCH`` of the best possible score (or
    ``STILL_THERE`` of what it fitted before, if that is less); an element without a name when its bases would keep at most
    ``LEFT_OVER`` of their contributions, by the hypothetical contributions.

    Raises:
        UserError: when it cannot be broken.
    """
    first, last = part.locus.start - wild.locus.start, part.locus.end - wild.locus.start
    bases = _unfit(wild.bases, first, last, part.word) if part.word is not None else _emptied(wild.bases, first, part)
    if bases == wild.bases:
        raise UserError("no change of single bases breaks it")
    return bases


def _unfit(bases: str, first: int, last: int, word: Word) -> str:
    margin = len(word.bases) // 4
    low, high = max(0, first - margin), min(len(bases), last + margin)
    before = fit(bases[low:high], word)
    if before is None:
        raise UserError("the motif does not lie in the element")
    enough = min(WEAKEST_MATCH, STILL_THERE * before.share)
    now = bases
    for _ in range(last - first):
        match = fit(now[low:high], word)
        if match is None or match.share < enough:
            return now
        scores = word.scores if match.strand == "+" else word.scores[::-1, ::-1]
        at, codes = low + match.start, codes_of(now)
        drops = [
            (scores[codes[at + column], column] - scores[:, column].min() if first <= at + column < last else -1.0)
            for column in range(scores.shape[1])
        ]
        column = int(np.argmax(drops))
        if drops[column] <= 0:
            break
        worst = BASES[int(scores[:, column].argmin())]
        now = now[: at + column] + worst + now[at + column + 1 :]
    raise UserError("no change of single bases breaks it")


def _emptied(bases: str, first: int, part: Part) -> str:
    scores = part.hypothetical * (1.0 if part.raises else -1.0)
    codes = codes_of(bases[first : first + part.locus.length]).astype(int)
    there = scores[codes, np.arange(part.locus.length)]
    drops = there - scores.min(axis=0)
    kept, now = float(there.sum()), bases
    if kept <= 0:
        raise UserError("its bases do not add up to what it is said to do")
    enough = LEFT_OVER * kept
    for column in np.argsort(-drops, kind="stable").tolist():
        if kept <= enough:
            break
        kept -= float(drops[column])
        now = now[: first + column] + BASES[int(scores[:, column].argmin())] + now[first + column + 1 :]
    return now


def _shuffled(bench: Bench, wild: Sequence, place: Locus, part: Part | None, seed: int) -> str:
    """The bases with a stretch shuffled, so that the part no longer fits and the oligo can be ordered."""
    first, last = place.start - wild.locus.start, place.end - wild.locus.start
    word = part.word if part is not None else None
    before = fit(wild.bases[first:last], word) if word is not None else None
    enough = min(WEAKEST_MATCH, STILL_THERE * before.share) if before is not None else 1.0
    for draw in range(_TRIES):
        bases = take_out(wild, place.start, place.end, seed=seed + draw).bases
        match = fit(bases[first:last], word) if word is not None else None
        if not bench.objection(bases) and (match is None or match.share < enough):
            return bases
    raise UserError(f"none of {_TRIES} shuffles breaks it and can be ordered")


def _moved(wild: Sequence, part: Part, shift: int, seed: int) -> str:
    return move(wild, part.locus.start, part.locus.end, part.locus.start + shift, seed=seed).bases


def _both(wild: str, first: str, second: str) -> str:
    """The changes of two mutants of one wild type, of the first where both change a base."""
    return "".join(b if b != a else c for a, b, c in zip(wild, first, second, strict=True))


def _made(
    bench: Bench,
    wild: Sequence,
    words: tuple[str, str, str, str],
    part: int,
    role: Kind | None,
    make: Callable[[], str],
) -> Mutant | tuple[str, str]:
    name, kind, claim, beside = words
    try:
        edits = as_edits(wild, make())
        element = bench.element(name, kind, "hypothesis", wild.locus, edits, hypothesis=claim, beside=beside)
    except UserError as error:
        return clean_name(name), str(error).rstrip(".")
    origin = wild.locus.start
    return Mutant(element, part, role, edits[0].start - origin, edits[-1].end - origin)


def _has_room(part: Part, shift: int, parts: Seq[Part], window: Locus) -> bool:
    """Whether a part can be moved inside the element without covering another."""
    to = part.locus.shifted(shift)
    free = all(one is part or one.locus.end <= to.start or to.end <= one.locus.start for one in parts)
    return free and window.start <= to.start and to.end <= window.end


def _spared(window: Locus, parts: Seq[Part], contributions: FloatArray) -> dict[int, Locus]:
    """For each length of a part, the stretch of it that touches no part and whose contributions are smallest in size."""
    taken = np.zeros(window.length, dtype=bool)
    for part in parts:
        taken[part.locus.start - window.start : part.locus.end - window.start] = True
    found: dict[int, Locus] = {}
    for length in {part.locus.length for part in parts}:
        ones = np.ones(length)
        size = np.convolve(np.abs(contributions), ones, "valid")
        size[np.convolve(taken, ones, "valid") > 0] = np.inf
        start = int(size.argmin())
        if np.isfinite(size[start]):
            found[length] = Locus(window.chrom, window.start + start, window.start + start + length)
    return found


def _word(motif: Motif) -> Word:
    bases = "".join(BASES[index] for index in motif.frequencies.argmax(axis=0))
    scores = np.log2(((1 - _PSEUDO) * motif.frequencies + _PSEUDO / 4) / 0.25)
    return Word(motif.name, bases, motif.matrix_id, scores)
