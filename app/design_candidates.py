"""Among which elements picks of active learning are chosen: windows tiled over places, or a list. No Streamlit, no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from app.set_rows import MAX_REMOTE_ROWS, SetRow
from app.view import PASTED
from experiment.design import Plan
from experiment.design_constructs import Bench, clean_name, place_name
from experiment.design_picks import MOST_CANDIDATES, Picks
from genome.catalog import genome_entry
from genome.errors import UserError
from genome.locus import Locus
from genome.sequence import BASES
from genome.source import Genome

Candidate = Locus | tuple[str, str]
_LENGTH = "have another length than the elements ({length:,} bp)"
_END = "hang off the end of the chromosome"
_UNKNOWN = "hold unknown bases (N)"
_SITE = "hold a site or an adaptor"
_AGAIN = "repeat another"
_ORDERED = "are in the library already"


@dataclass(frozen=True)
class Pool:
    """Elements that can be chosen: each can be ordered, and none is in the library already.

    Attributes:
        rows: with the bases of an element, and its window where it lies at a place; no bases twice.
        words: what they are, and how many of the others cannot be chosen and why.
    """

    rows: tuple[SetRow, ...]
    words: str


def pool(
    plan: Plan,
    bench: Bench,
    places: Seq[Locus],
    listed: Seq[Candidate],
    taken: set[str],
    *,
    most_read: int = MOST_CANDIDATES,
) -> Pool:
    """What picks are chosen among.

    Args:
        plan: with ``picks``.
        bench: cuts the windows.
        places: over which windows are tiled where nothing is listed.
        listed: places (the window in the middle of each) or names and bases.
        taken: bases of elements that other arms order.
        most_read: stretches of the genome that are read at most; fewer of one on a server.

    Raises:
        UserError: when there are too many, none can be chosen, or fewer than are wanted.
    """
    wanted = _wanted(plan)
    if len(listed) > MOST_CANDIDATES:
        raise UserError(
            f"{len(listed):,} candidates are listed, and at most {MOST_CANDIDATES:,} are compared; give a part."
        )
    loci = tuple(one for one in listed if isinstance(one, Locus))
    if not listed:
        loci = stretches(places, bench.length, wanted.around, bench.genome)
    if len(loci) > most_read:
        raise UserError(
            f"Candidates would be read at {len(loci):,} places of a genome on a server, and at most {most_read:,} are: give a part, or "
            "fetch the genome to this computer."
        )
    if listed:
        found, what = _of_list(bench, listed), f"{len(listed):,} listed candidates"
    else:
        found, what = _tiled(bench, loci, wanted.step), _tiled_words(loci, bench.length, wanted)
    rows, why = _usable(bench, found, taken)
    left = [f"{count:,} that {words.format(length=bench.length)}" for words, count in why.most_common()]
    _check_enough(plan, len(rows), what + (f" ({', '.join(left)})" if left else ""), _advice(listed, bench.length))
    return Pool(tuple(rows), what + (f", less {', '.join(left)}" if left else ""))


def most_read(genome: str) -> int:
    """How many stretches of a genome are read while somebody waits."""
    here = genome == PASTED or genome_entry(genome).is_local
    return MOST_CANDIDATES if here else MAX_REMOTE_ROWS


def stretches(places: Iterable[Locus], length: int, around: int, genome: Genome) -> tuple[Locus, ...]:
    """The stretches that windows of ``length`` bp are tiled over: the places, and bp around them, joined where they overlap.

    A place shorter than a window counts as the window with the same centre; what hangs off the chromosome is cut away.
    """
    wide = [place.resized(max(place.length, length) + 2 * around) for place in places]
    ends = {one.chrom: genome.contigs[genome.canonical(one.chrom)] for one in wide}
    cut = [Locus(one.chrom, max(0, one.start), min(one.end, ends[one.chrom])) for one in wide]
    joined: list[Locus] = []
    for one in sorted(cut, key=lambda locus: (locus.chrom, locus.start)):
        last = joined[-1] if joined else None
        if last is not None and last.chrom == one.chrom and one.start <= last.end:
            joined[-1] = Locus(one.chrom, last.start, max(last.end, one.end))
        else:
            joined.append(one)
    return tuple(one for one in joined if one.length >= length)


def n_windows(loci: Iterable[Locus], length: int, step: int) -> int:
    """How many windows are tiled over stretches."""
    return sum(len(_starts(locus, length, step)) for locus in loci)


def _wanted(plan: Plan) -> Picks:
    if plan.picks is None:
        raise ValueError(f"{plan.picks=}: nothing is to be chosen")
    return plan.picks


def _starts(locus: Locus, length: int, step: int) -> list[int]:
    """Every ``step`` bp from the first base on, and the one that ends with the last."""
    last = locus.end - length
    whole = list(range(locus.start, last + 1, step))
    return whole if not whole or whole[-1] == last else [*whole, last]


def _tiled(bench: Bench, loci: Iterable[Locus], step: int) -> Iterator[SetRow | str]:
    """Windows over stretches, each stretch read at once.

    Raises:
        UserError: when there are too many.
    """
    loci = tuple(loci)
    many = n_windows(loci, bench.length, step)
    if many > MOST_CANDIDATES:
        raise UserError(
            f"{many:,} windows are tiled over the places, and at most {MOST_CANDIDATES:,} candidates are compared: take a longer step, "
            "less around the places, or fewer places."
        )
    for locus in loci:
        whole = bench.genome.sequence(locus).bases
        for start in _starts(locus, bench.length, step):
            window = Locus(locus.chrom, start, start + bench.length)
            yield SetRow(place_name(window), whole[start - locus.start :][: bench.length], window)


def _of_list(bench: Bench, listed: Iterable[Candidate]) -> Iterator[SetRow | str]:
    """Listed candidates as rows, or why they are none."""
    for one in listed:
        if isinstance(one, Locus):
            try:
                window = bench.window(one)
            except UserError:
                yield _END
                continue
            yield SetRow(place_name(window), bench.genome.sequence(window).bases, window)
        elif len(one[1]) != bench.length:
            yield _LENGTH
        else:
            yield SetRow(clean_name(one[0]), one[1])


def _usable(bench: Bench, found: Iterable[SetRow | str], taken: set[str]) -> tuple[list[SetRow], Counter[str]]:
    """Rows that can be chosen, and why others cannot, counted."""
    why: Counter[str] = Counter()
    rows: dict[str, SetRow] = {}
    for row in found:
        if isinstance(row, str):
            why[row] += 1
        elif not set(row.bases) <= set(BASES):
            why[_UNKNOWN] += 1
        elif row.bases in rows:
            why[_AGAIN] += 1
        elif row.bases in taken:
            why[_ORDERED] += 1
        elif bench.objection(row.bases):
            why[_SITE] += 1
        else:
            rows[row.bases] = row
    return list(rows.values()), why


def _tiled_words(loci: Seq[Locus], length: int, wanted: Picks) -> str:
    around = f" and {wanted.around:,} bp on either side" if wanted.around else ""
    many = n_windows(loci, length, wanted.step)
    return f"{many:,} windows of {length:,} bp, every {wanted.step:,} bp over the places{around}"


def _advice(listed: Seq[Candidate], length: int) -> str:
    """What can be done where too few can be chosen."""
    others = Counter(len(one[1]) for one in listed if not isinstance(one, Locus) and len(one[1]) != length)
    if others:
        usual, count = others.most_common(1)[0]
        return f"take elements of {usual:,} bp, which {count:,} listed sequences have"
    return "list more candidates" if listed else "take more bp around the places, a shorter step, or more places"


def _check_enough(plan: Plan, n: int, what: str, advice: str) -> None:
    """Raises a UserError where fewer can be chosen than are wanted, the random elements beside the picks included."""
    wanted, each = _wanted(plan), 2 if "random" in plan.arms else 1
    if n >= each * wanted.n:
        return
    beside = " and as many random ones" if each == 2 else ""
    pick = f"pick at most {n // each:,}, or " if n // each else ""
    raise UserError(f"{wanted.n:,} picks{beside} are wanted, and {n:,} can be chosen of {what}: {pick}{advice}.")
