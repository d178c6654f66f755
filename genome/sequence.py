"""Letters: one-hot encoding, reverse complement, and edits that keep track of where each base came from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.locus import Locus, Variant

BASES = "ACGT"
_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
_IUPAC = set("RYSWKMBDHV")
_CODES = np.full(256, 4, dtype=np.int8)
for _index, _base in enumerate(BASES):
    _CODES[ord(_base)] = _index
    _CODES[ord(_base.lower())] = _index


@dataclass(frozen=True)
class Sequence:
    """A stretch of DNA, perhaps edited, that knows the place of each base.

    Attributes:
        bases: letters ACGTN after the edits.
        locus: the place it was read from, 0-based half-open. A pasted sequence lies on a contig of its own.
        edits: the changes made to the genome's bases, sorted by position.
        positions: int64 (length,), the 0-based genome position of each base; an inserted base carries the position of
            its edit.
        inserted: bool (length,), True where the base has no counterpart in the genome.
    """

    bases: str
    locus: Locus
    edits: tuple[Variant, ...] = ()
    positions: npt.NDArray[np.int64] = field(default=None, compare=False, repr=False)  # type: ignore[assignment,arg-type]
    inserted: npt.NDArray[np.bool_] = field(default=None, compare=False, repr=False)  # type: ignore[assignment,arg-type]

    def __post_init__(self) -> None:
        if not self.bases or not set(self.bases) <= set("ACGTN"):
            raise ValueError(f"bases must be ACGTN, upper case, at least one: {self.bases[:40]!r}")
        if self.positions is None:
            object.__setattr__(self, "positions", np.arange(self.locus.start, self.locus.start + len(self.bases)))
        if self.inserted is None:
            object.__setattr__(self, "inserted", np.zeros(len(self.bases), dtype=bool))
        if not len(self.positions) == len(self.inserted) == len(self.bases):
            raise ValueError(f"{len(self.positions)=}, {len(self.inserted)=}, {len(self.bases)=}")

    @property
    def length(self) -> int:
        """Length in bp after the edits."""
        return len(self.bases)

    def one_hot(self) -> npt.NDArray[np.float32]:
        """float32 (4, length), rows ACGT, N = a column of zeros."""
        return one_hot(self.bases)

    def part(self, start: int, end: int) -> Sequence:
        """Bases ``start`` to ``end`` (0-based half-open, counted in this sequence), with their places."""
        if not 0 <= start < end <= self.length:
            raise ValueError(f"{start=}, {end=}, {self.length=}")
        positions = self.positions[start:end]
        locus = Locus(self.locus.chrom, int(positions[0]), int(positions[-1]) + 1)
        return Sequence(self.bases[start:end], locus, self.edits, positions, self.inserted[start:end])

    @property
    def n_share(self) -> float:
        """Share of bases that are N."""
        return self.bases.count("N") / self.length


def one_hot(bases: str) -> npt.NDArray[np.float32]:
    """Encodes DNA letters.

    Args:
        bases: letters; lower case counts as upper case, anything but ACGT as N.

    Returns:
        float32 (4, length), rows ACGT; N is a column of zeros.
    """
    return encoded(codes_of(bases))


def encoded(codes: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """float32 (..., 4, length) one-hot of codes (..., length), 0..3 for ACGT; 4 (N) is a column of zeros."""
    return (codes[..., None, :] == np.arange(4, dtype=np.int8)[:, None]).astype(np.float32)


def decoded(one_hot: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """int8 (..., length), 0..3 for ACGT and 4 for N, of one-hot (..., 4, length): the way back from ``encoded``."""
    return np.where(one_hot.any(axis=-2), one_hot.argmax(axis=-2), 4).astype(np.int8)


def codes_of(bases: str) -> npt.NDArray[np.int8]:
    """int8 (length,): 0..3 for A, C, G, T in either case, 4 for anything else."""
    return _CODES[np.frombuffer(bases.encode("ascii", "replace"), dtype=np.uint8)]


def letters(encoded: npt.NDArray[np.float32]) -> str:
    """The DNA letters of a one-hot array (4, length); a column of zeros is N."""
    return "".join("ACGTN"[code] for code in decoded(encoded))


def reverse_complement(bases: str) -> str:
    """The other strand, read 5' to 3'."""
    return bases.translate(_COMPLEMENT)[::-1]


def clean_bases(text: str) -> tuple[str, tuple[str, ...]]:
    """Turns typed or pasted letters into ACGTN, and says what was changed.

    Args:
        text: letters of one sequence without a FASTA header; white space and digits are dropped.

    Returns:
        Upper-case ACGTN, and one notice (a sentence) for each kind of change made.

    Raises:
        UserError: when it is empty, a protein, or holds letters that stand for no base.
    """
    bases = "".join(c for c in text.upper() if not c.isspace() and not c.isdigit())
    if not bases:
        raise UserError("There is no sequence here; paste DNA letters such as ACGTTGCA.")
    notices = []
    if "U" in bases and "T" not in bases:
        bases = bases.replace("U", "T")
        notices.append("This looks like RNA: U was read as T.")
    strange = sorted(set(bases) - set("ACGTN") - _IUPAC)
    if strange:
        shown = ", ".join(f"'{letter}'" for letter in strange[:5])
        kind = "This looks like a protein" if set("EFILPQ") & set(strange) else "This is not DNA"
        raise UserError(f"{kind}: it holds {shown}; paste DNA letters A, C, G, T or N.")
    ambiguous = sum(bases.count(letter) for letter in _IUPAC)
    if ambiguous:
        bases = "".join("N" if letter in _IUPAC else letter for letter in bases)
        notices.append(f"{ambiguous:,} ambiguous letters (IUPAC codes) were read as N.")
    return bases, tuple(notices)


def fitted(bases: str, window: int) -> str:
    """The bases in one window: N around a shorter sequence, the central part of a longer one."""
    if len(bases) >= window:
        start = (len(bases) - window) // 2
        return bases[start : start + window]
    left = (window - len(bases)) // 2
    return "N" * left + bases + "N" * (window - len(bases) - left)


def edited(reference: Sequence, edits: tuple[Variant, ...]) -> Sequence:
    """Applies substitutions, deletions and insertions to a stretch of reference.

    Edits are stated in genome coordinates, so they do not shift one another. Those outside the stretch are left out;
    one that crosses its edge is cut there.

    Args:
        reference: the unedited stretch.
        edits: changes, each with its REF allele.

    Returns:
        The edited stretch; its length differs when bases were inserted or deleted.

    Raises:
        UserError: when a REF allele is not what stands there, or two edits overlap.
    """
    bases: list[str] = []
    positions: list[int] = []
    inserted: list[bool] = []
    start, end = reference.locus.start, reference.locus.end
    cursor = start
    used = []
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if edit.end < start or edit.start >= end or (edit.ref and edit.end == start):
            continue
        check_reference(reference, edit)
        if edit.start < cursor and edit.start >= start:
            raise UserError(f"The edit {edit} overlaps the one before it; undo one of them.")
        used.append(edit)
        cut = max(edit.start, start)
        _keep(bases, positions, inserted, reference, cursor, cut)
        alt = edit.alt
        for offset, base in enumerate(alt):
            extra = offset >= len(edit.ref)
            place = edit.start + min(offset, max(len(edit.ref) - 1, 0))
            if place >= start and (place < end or extra):
                bases.append(base)
                positions.append(place)
                inserted.append(extra)
        cursor = max(cursor, min(edit.end, end))
    _keep(bases, positions, inserted, reference, cursor, end)
    if not bases:
        raise UserError("The edits delete the whole sequence; undo one of them.")
    return Sequence(
        "".join(bases),
        reference.locus,
        tuple(used),
        np.array(positions, dtype=np.int64),
        np.array(inserted, dtype=bool),
    )


def check_reference(reference: Sequence, edit: Variant) -> None:
    """Checks that the REF allele of an edit is what stands in the reference (as far as it lies inside the stretch).

    Raises:
        UserError: naming what stands there instead.
    """
    if edit.chrom != reference.locus.chrom:
        raise UserError(f"The edit {edit} lies on {edit.chrom}, and this view on {reference.locus.chrom}.")
    start, end = max(edit.start, reference.locus.start), min(edit.end, reference.locus.end)
    if start >= end:
        return
    found = reference.bases[start - reference.locus.start : end - reference.locus.start]
    stated = edit.ref[start - edit.start : end - edit.start]
    if found != stated:
        raise UserError(
            f"The genome has {found} at {edit.chrom}:{start + 1:,}, not {stated}; check the build and the strand."
        )


def _keep(
    bases: list[str], positions: list[int], inserted: list[bool], reference: Sequence, start: int, end: int
) -> None:
    """Copies reference bases from ``start`` to ``end`` (genome positions) unchanged."""
    if end <= start:
        return
    first = reference.locus.start
    bases.extend(reference.bases[start - first : end - first])
    positions.extend(range(start, end))
    inserted.extend([False] * (end - start))
