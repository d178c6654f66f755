"""Lists that people give to a design: places, variants, BED rows, row numbers, FASTA; each line understood or refused by number."""

from __future__ import annotations

from dataclasses import dataclass

from app.design_question import DesignQuestion
from app.set_rows import is_records, read_sequences
from app.view import PASTED, View
from experiment.design import Arm, LeftOut
from genome.catalog import open_ensembl, open_genes
from genome.errors import UserError
from genome.genes import Genes
from genome.locus import Locus, Variant
from genome.paste import read_records
from genome.resolve import Lookup, Place, checked_variant, resolve
from genome.source import Genome

MOST_LINES = 250_000
_TOLD = 3
_SHORTEST_SEQUENCE = 10  # letters of a line from which it is read as bases


@dataclass(frozen=True)
class Asked:
    """What a list asks for.

    Attributes:
        places: stretches, 0-based half-open, in the genome's own spelling, each once.
        variants: changes, REF checked, left-normalised, each once.
        given: names and bases of sequences.
        rows: numbers of rows of another list, from 1.
        left_out: lines that could not be used.
        notices: sentences for people.
    """

    places: tuple[Locus, ...] = ()
    variants: tuple[Variant, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    rows: tuple[int, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What the lists of a question ask for, read and checked.

    Attributes:
        places: stretches to design around, 0-based half-open.
        variants: changes whose alleles are compared.
        acquired: picks, as places or given bases.
        candidates: among which picks are chosen, as places or given bases; empty for windows tiled over the places.
        pool: places that picks could have been; empty where they come from elsewhere.
        positives: positive controls that were given.
        left_out: lines that could not be used.
        notices: sentences for people.
    """

    places: tuple[Locus, ...]
    variants: tuple[Variant, ...]
    acquired: tuple[Locus | tuple[str, str], ...]
    candidates: tuple[Locus | tuple[str, str], ...]
    pool: tuple[Locus, ...]
    positives: tuple[Locus | tuple[str, str], ...]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]


def read_lists(question: DesignQuestion, genome: Genome, *, remote_allowed: bool) -> Wanted:
    """The lists of a question, read and checked.

    Raises:
        UserError: when one is empty, or a row number names no row.
    """
    view, arms = question.view, question.plan.arms

    def read(text: str, arm: Arm, *, rows: bool = False) -> Asked:
        return read_list(text, view, genome, arm, remote_allowed=remote_allowed, rows=rows) if text else Asked()

    first = "variant" if arms == ("variant",) else arms[0]
    listed = read(question.places, first) if question.places.strip() else _of_view(view, genome)
    if question.places and not question.places.strip():
        raise UserError("The list is empty; write a place or a variant a line, or take the locus looked at.")
    picks, known = read(question.acquired, "acquired", rows=True), read(question.positives, "positive control")
    among = _candidates(question, genome, remote_allowed=remote_allowed)
    wrong = [row for row in picks.rows if not 1 <= row <= len(listed.places)]
    if wrong:
        raise UserError(
            f"Row {wrong[0]} is picked, and the list has {len(listed.places):,} places; give rows of the list."
        )
    chosen = tuple(listed.places[row - 1] for row in picks.rows) + picks.places
    pool = listed.places if chosen and set(chosen) <= set(listed.places) and len(listed.places) > 1 else ()
    return Wanted(
        places=listed.places or tuple(Locus(v.chrom, v.start, max(v.end, v.start + 1)) for v in listed.variants),
        variants=listed.variants,
        acquired=(*chosen, *picks.given),
        candidates=(*among.places, *among.given),
        pool=pool,
        positives=(*known.places, *known.given),
        left_out=(*listed.left_out, *picks.left_out, *among.left_out, *known.left_out),
        notices=(*listed.notices, *picks.notices, *among.notices, *known.notices),
    )


def _candidates(question: DesignQuestion, genome: Genome, *, remote_allowed: bool) -> Asked:
    """Sequences or places among which picks are chosen.

    Raises:
        UserError: when nothing in the list can be used, or it holds variants.
    """
    text = question.candidates
    if not text:
        return Asked()
    if is_records(text):
        found = read_sequences(text)
        return Asked(
            given=tuple((row.name, row.bases) for row in found.rows), left_out=tuple(map(_left, found.problems))
        )
    asked = read_list(text, question.view, genome, "acquired", remote_allowed=remote_allowed)
    if asked.variants:
        raise UserError(
            f"Candidates are sequences or places, and {asked.variants[0]} is a variant: list places, or choose the arm of variants."
        )
    if not asked.places and not asked.given:
        one = asked.left_out[0]
        raise UserError(
            f"None of the candidates can be used: {one.name} ({one.reason}); list sequences or places, one a line."
        )
    return asked


def _left(sentence: str) -> LeftOut:
    """What was wrong with a row, said by the reader of sequences as ``Record 3: why``."""
    name, _, reason = sentence.rstrip(".").partition(": ")
    return LeftOut(name.replace(" ", "_").lower(), "acquired", reason) if reason else LeftOut("a_row", "acquired", name)


def _of_view(view: View, genome: Genome) -> Asked:
    return Asked(
        places=(view.locus,), variants=tuple(dict.fromkeys(checked_variant(edit, genome)[0] for edit in view.edits))
    )


def read_list(text: str, view: View, genome: Genome, arm: Arm, *, remote_allowed: bool, rows: bool = False) -> Asked:
    """Reads a list, one place, variant, gene, BED row, sequence or (with ``rows``) row number a line; or a FASTA.

    Args:
        text: what was typed or uploaded; lower case counts as upper case.
        view: of which genome.
        genome: where places are checked.
        arm: for what is left out.
        remote_allowed: whether names may be looked up on a server.
        rows: whether a line may be the number of a row of another list.

    Raises:
        UserError: when it is empty, or has too many lines.
    """
    if text.lstrip().startswith(">"):
        return Asked(given=tuple((record.name, record.bases) for record in read_records(text)))
    lines = _lines(text)
    pasted = view.genome == PASTED
    names = _Names(
        None if pasted else open_genes(view.genome),
        None if pasted else open_ensembl(view.genome, remote_allowed=remote_allowed),
    )
    found: dict[Locus | Variant | int, int] = {}
    given: list[tuple[str, str]] = []
    left, notices = [], []
    for number, line in lines:
        try:
            if len(line) >= _SHORTEST_SEQUENCE and set(line.upper()) <= set("ACGTN"):
                given.append((f"line_{number}", line.upper()))
                continue
            if rows and line.isascii() and line.isdigit():
                keys: tuple[Locus | Variant | int, ...] = (int(line),)
            else:
                keys, said = _understood(line, genome, names)
                notices += [f"Line {number}: {notice}" for notice in said]
        except UserError as error:
            left.append(LeftOut(f"line_{number}", arm, str(error).rstrip(".")))
            continue
        for key in keys:
            first = found.setdefault(key, number)
            if first != number:
                left.append(LeftOut(f"line_{number}", arm, f"is the same as line {first}"))
    if len(notices) > _TOLD:
        notices = [*notices[:_TOLD], f"And {len(notices) - _TOLD:,} more lines of this kind."]
    return Asked(
        places=tuple(key for key in found if isinstance(key, Locus)),
        variants=tuple(key for key in found if isinstance(key, Variant)),
        given=tuple(given),
        rows=tuple(key for key in found if isinstance(key, int)),
        left_out=tuple(left),
        notices=tuple(notices),
    )


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines of a list that say something, with their numbers from 1."""
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith(("#", "track", "browser"))
    ]
    if not lines:
        raise UserError("The list is empty; write a place such as chr22:19,710,700-19,711,200 or a variant a line.")
    if len(lines) > MOST_LINES:
        raise UserError(
            f"The list has {len(lines):,} lines, and a design takes at most {MOST_LINES:,}; give a part of it."
        )
    return lines


@dataclass(frozen=True)
class _Names:
    """What names of genes and variants are looked up in, opened once for all lines."""

    genes: Genes | None
    remote: Lookup | None


def _understood(line: str, genome: Genome, names: _Names) -> tuple[tuple[Locus | Variant, ...], tuple[str, ...]]:
    """The places or variants of one line, and what people should know of it."""
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) >= 3 and all(field.isascii() and field.isdigit() for field in fields[1:3]):
        start, end = int(fields[1]), int(fields[2])
        if end <= start:
            raise UserError(f"it starts at {start:,} and ends at {end:,}; a BED row ends after it starts")
        return (Locus(genome.canonical(fields[0]), start, end),), ()
    place: Place = resolve(line, genome, names.genes, remote=names.remote)
    if place.sequence is not None:
        raise UserError("it is a sequence; give sequences as a FASTA of their own")
    return (place.alleles or place.edits or (place.locus,)), place.notices
