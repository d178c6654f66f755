"""CRISPRi element-gene pairs: what silencing an element did to a gene, how good the table is, and what no model here can say.

A model that reads some hundred or two thousand bases sees the element and never the gene: which gene an element acts on is decided
by what lies outside its window. It can rank elements by their own activity, and that ranking is all that is compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from experiment.measurements import LISTED, Dropped, Measurements, Reading
from experiment.measurements_layout import recognise, rows
from experiment.measurements_read import CUT_ROW, LONG_ROW, digest_of
from genome.errors import UserError
from genome.locus import Locus
from genome.variant_lines import Source
from models.core import ModelSpec
from models.metrics import Interval, auprc, bootstrap_auprc, interval

UNIT = "share of expression lost (negative) or gained when the element is silenced"
NO_PLACE = "its start and end are no stretch of a chromosome"
NO_EFFECT = "its effect is no number"
NO_GENE = "it names no gene"
IMPOSSIBLE = "its effect is below \u22121: more than everything would be lost"
NOT_VALID = "the table itself calls the pair not valid"
AGAIN = "the pair stands there twice for one element, gene and data set"
NO_DISTANCE = "the gene starts on another chromosome, or nowhere"
_YES, _NO = ("TRUE", "1", "YES"), ("FALSE", "0", "NO")
_NEAR = 1_000  # bp; closer to the start of its gene an element is a promoter
_FAR_OFF = 5_000  # bp between the distance that a table states and that of its coordinates
FEWEST_REGULATED = 20  # pairs from which a precision-recall figure is given


@dataclass(frozen=True)
class Pair:
    """One element and one gene.

    Attributes:
        element: 0-based half-open.
        gene: symbol.
        effect: change of expression when the element is silenced, as a share; -0.3 is a loss of 30 %.
        start_site: 0-based position of the gene's start of transcription; None where the table gives none (or 0).
        regulated: whether the table says that the element drives the gene; None where it does not say.
        significant: whether it says that the effect is significant; None where it does not say.
        dataset: where it comes from; empty where the table does not say.
        stated: bp to the start of the gene as the table states it; None where it does not.
    """

    element: Locus
    gene: str
    effect: float
    start_site: int | None
    regulated: bool | None
    significant: bool | None
    dataset: str
    stated: float | None = None

    @property
    def distance(self) -> int:
        """bp between the middle of the element and the start of the gene; as the table states it where that has no place."""
        if self.start_site is None:
            return round(self.stated or 0)
        return abs((self.element.start + self.element.end) // 2 - self.start_site)


@dataclass(frozen=True)
class Pairs:
    """A table of element-gene pairs.

    Attributes:
        name: of the file.
        rows: the pairs.
        dropped: the first rows left out; ``dropped_counts`` counts all of them by reason.
        dropped_counts: see there.
        digest: SHA-256 of the file.
    """

    name: str
    rows: tuple[Pair, ...]
    dropped: tuple[Dropped, ...]
    dropped_counts: dict[str, int]
    digest: str

    @property
    def elements(self) -> tuple[Locus, ...]:
        """Every element once, in order of appearance."""
        return tuple(dict.fromkeys(one.element for one in self.rows))


@dataclass(frozen=True)
class Ranking:
    """How well a score finds the regulated pairs of a table.

    Attributes:
        score: what ranks the pairs, in words.
        area: area under the precision-recall curve, with its 95 % interval over resampled pairs.
        chance: the share of regulated pairs: the area of a random order.
        n: pairs.
        regulated: pairs that are regulated.
    """

    score: str
    area: Interval
    chance: float
    n: int
    regulated: int


class _LeftOut(Exception):
    """Why a pair is left out."""


def read_pairs(source: Source, name: str) -> Pairs:
    """Reads element-gene pairs in the columns of Gschwind et al. 2023 (ENCODE): one line each, BED coordinates.

    Raises:
        UserError: when it is no such table, or no pair in it can be used.
    """
    layout = recognise(source)
    if layout.kind != "pairs":
        raise ValueError(f"{layout.kind=} is read elsewhere")
    found: dict[tuple[Locus, str, str], Pair] = {}
    dropped: list[Dropped] = []
    counts: Counter[str] = Counter()
    for line, cells in rows(source, layout):
        try:
            if line.fault:
                raise _LeftOut(line.fault.rstrip("."))
            if len(cells) != len(layout.header):
                raise _LeftOut(CUT_ROW if len(cells) < len(layout.header) else LONG_ROW)
            pair = _pair(lambda column, cells=cells: layout.cell(cells, column))  # type: ignore[misc]
            key = (pair.element, pair.gene, pair.dataset)
            if key in found:
                raise _LeftOut(AGAIN)
            found[key] = pair
        except _LeftOut as error:
            counts[str(error)] += 1
            if len(dropped) < LISTED:
                dropped.append(Dropped(line.number, str(error), " ".join(cells[:4])[:60]))
    if not found:
        why = f" Line {dropped[0].line}: {dropped[0].reason}." if dropped else ""
        raise UserError(f"{name} holds no element-gene pair that can be used.{why}")
    return Pairs(name, tuple(found.values()), tuple(dropped), dict(counts), digest_of(source))


def as_measurements(pairs: Pairs) -> Measurements:
    """The pairs in the form in which every assay is kept."""
    made = tuple(
        Reading(
            f"{one.gene}|{one.element.chrom}:{one.element.start + 1}-{one.element.end}", "", one.dataset, one.effect
        )
        for one in pairs.rows
    )
    return Measurements(pairs.name, "CRISPRi", UNIT, made, pairs.digest, pairs.dropped, pairs.dropped_counts)


def quality(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    """What the table is worth, as (what, sentence)."""
    rows_, elements = pairs.rows, pairs.elements
    lengths = np.array([one.length for one in elements])
    distances = np.array([one.distance for one in rows_])
    genes = len({one.gene for one in rows_})
    said = [
        ("Pairs", f"{len(rows_):,} pairs of {len(elements):,} elements and {genes:,} genes."),
        (
            "Elements",
            f"{lengths.min():,} to {lengths.max():,} bp, half of them up to {int(np.median(lengths)):,}; "
            f"{_overlapping(elements):,} overlap another element of the table.",
        ),
        (
            "Distance",
            f"From the middle of the element to the start of the gene {distances.min():,} to {distances.max():,} bp, half of them "
            f"up to {int(np.median(distances)):,}; {int((distances < _NEAR).sum()):,} lie within {_NEAR:,} bp of it.",
        ),
    ]
    odd = [one for one in rows_ if one.stated is not None and abs(one.stated - one.distance) > _FAR_OFF]
    if odd:
        words = f"{len(odd):,} pairs state a distance that is more than {_FAR_OFF:,} bp off their own coordinates."
        said.append(("Stated distances", f"{words} The coordinates are used."))
    nowhere = sum(one.start_site is None for one in rows_)
    if nowhere:
        said.append(
            ("Gene starts", f"{nowhere:,} pairs give no start of their gene, or 0; the stated distance is used.")
        )
    regulated = [one for one in rows_ if one.regulated]
    if any(one.regulated is not None for one in rows_):
        lost = [one for one in regulated if one.effect < 0]
        up = sum(bool(one.significant) and not one.regulated and one.effect > 0 for one in rows_)
        said.append((
            "Regulated",
            f"{len(regulated):,} pairs ({len(regulated) / len(rows_):.1%}), {len(lost):,} of which lose expression; "
            f"{up:,} significant pairs gain expression and do not count as regulated.",
        ))  # fmt: skip
    sets = Counter(one.dataset or "not named" for one in rows_)
    if len(sets) > 1:
        shares = {name: [one.regulated for one in rows_ if (one.dataset or "not named") == name] for name in sets}
        parts = [
            f"{name}: {n:,} pairs, {np.mean([bool(x) for x in shares[name]]):.1%} regulated"
            for name, n in sets.most_common()
        ]
        said.append(("Batches", f"{'; '.join(parts)}. They were chosen differently, so compare within one."))
    left = sum(pairs.dropped_counts.values())
    reasons = "; ".join(
        f"{n:,}: {reason}" for reason, n in sorted(pairs.dropped_counts.items(), key=lambda one: -one[1])
    )
    said.append(("Left out", f"{left:,} rows. {reasons}." if left else "No row."))
    return tuple(said)


def by_distance(pairs: Pairs) -> Ranking | None:
    """How well nearness to the gene alone finds the regulated pairs: what any model has to beat."""
    return ranked(pairs.rows, [-float(one.distance) for one in pairs.rows], "nearness to the start of the gene")


def ranked(rows_: Sequence[Pair], scores: Sequence[float], words: str) -> Ranking | None:
    """How well a score finds the regulated pairs; None where too few are known to be regulated.

    Args:
        rows_: the pairs.
        scores: one for each; NaN where there is none, and the pair is left out.
        words: what the score is.
    """
    known = [(one.regulated, score) for one, score in zip(rows_, scores, strict=True) if one.regulated is not None]
    positive = np.array([score for regulated, score in known if regulated and math.isfinite(score)])
    negative = np.array([score for regulated, score in known if not regulated and math.isfinite(score)])
    if len(positive) < FEWEST_REGULATED or not len(negative):
        return None
    n = len(positive) + len(negative)
    area = interval(auprc(positive, negative), bootstrap_auprc(positive[None], negative[None])[0])
    return Ranking(words, area, len(positive) / n, n, len(positive))


def what_a_model_can_say(spec: ModelSpec, pairs: Pairs, inside: int) -> str:
    """What a model that reads one window can and cannot say of these pairs, for people.

    Args:
        spec: the model.
        pairs: the table.
        inside: elements whose bases can be read in the genome that is here.
    """
    reach = np.array([2 * one.distance < spec.input_length for one in pairs.rows])
    seen = int(reach.sum())
    of_both = (
        "no window holds an element and its gene"
        if not seen
        else f"a window holds both in {seen:,} of {len(pairs.rows):,} pairs"
    )
    first = (
        f"{spec.name} reads {spec.input_length:,} bp at a time: {of_both}. It cannot say which gene an element acts on, nor how "
        "strongly; it can only say how active the element is by itself, the same for every gene."
    )
    if not inside:
        return f"{first} None of the {len(pairs.elements):,} elements lies in the genome that is here, so not even that is compared."
    return f"{first} {inside:,} of {len(pairs.elements):,} elements lie in the genome that is here."


def _pair(cell: Callable[[str], str]) -> Pair:
    start, end = cell("chromstart"), cell("chromend")
    if not (start.isdigit() and end.isdigit() and int(start) < int(end)) or not cell("chrom"):
        raise _LeftOut(NO_PLACE)
    try:
        effect = float(cell("effectsize"))
    except ValueError as error:
        raise _LeftOut(NO_EFFECT) from error
    if not math.isfinite(effect):
        raise _LeftOut(NO_EFFECT)
    if effect < -1:
        raise _LeftOut(IMPOSSIBLE)
    if not cell("measuredgenesymbol"):
        raise _LeftOut(NO_GENE)
    if _answer(cell("validconnection")) is False:
        raise _LeftOut(NOT_VALID)
    site, other = cell("starttss"), cell("chrtss")
    known, stated = site.isdigit() and int(site) > 0, _stated(cell("distancetotss"))
    if (other and other != cell("chrom")) or not (known or stated is not None):
        raise _LeftOut(NO_DISTANCE)
    return Pair(
        Locus(cell("chrom"), int(start), int(end)), cell("measuredgenesymbol")[:60], effect, int(site) if known else None,
        _answer(cell("regulated")), _answer(cell("significant")), cell("dataset")[:60], stated,
    )  # fmt: skip


def _answer(text: str) -> bool | None:
    upper = text.upper()
    return True if upper in _YES else False if upper in _NO else None


def _stated(text: str) -> float | None:
    try:
        value = abs(float(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _overlapping(elements: Sequence[Locus]) -> int:
    """Elements that share bases with another one."""
    found: set[Locus] = set()
    last: Locus | None = None  # of those so far on this chromosome the one that reaches furthest
    for one in sorted(elements):
        if last is not None and last.chrom == one.chrom and one.start < last.end:
            found |= {last, one}
        if last is None or last.chrom != one.chrom or one.end > last.end:
            last = one
    return len(found)
