"""Motifs put in, taken out, moved and turned at a locus: always as many bases as before, so that all others stay in place."""

from __future__ import annotations

import numpy as np

from genome.errors import UserError
from genome.locus import Variant
from genome.sequence import Sequence, reverse_complement
from models.shuffle import codes_of, letters_of, shuffle_codes

_CANDIDATES = 20  # shuffles of which the one with most changed bases is taken
_JOINED = 4  # changed bases with at most so many unchanged ones between them are one edit
LONGEST_STRETCH = 1_000


def put_in(sequence: Sequence, position: int, bases: str) -> Sequence:
    """Writes bases over those that stand from a place on.

    Args:
        sequence: bases in register with the genome.
        position: 0-based genome position of the first base to overwrite.
        bases: ACGT.

    Raises:
        UserError: when that reaches beyond the bases, or they stand there already.
    """
    start, end = _inside(sequence, position, position + len(bases))
    if sequence.bases[start:end] == bases:
        raise UserError(f"{bases} stands there already; choose another place.")
    return _rewritten(sequence, sequence.bases[:start] + bases + sequence.bases[end:])


def take_out(sequence: Sequence, start: int, end: int, *, seed: int) -> Sequence:
    """Breaks the words of a stretch and keeps its composition: a dinucleotide shuffle of its own bases.

    Of 20 shuffles the one that changes most bases is taken, whatever the model says of it.

    Args:
        sequence: bases in register with the genome.
        start: first base, 0-based genome position.
        end: one past the last base.
        seed: of the shuffles.

    Raises:
        UserError: when no other order keeps its dinucleotides.
    """
    first, last = _inside(sequence, start, end)
    old = codes_of(sequence.bases[first:last])
    drawn = shuffle_codes(np.repeat(old[None], _CANDIDATES, axis=0), seed=seed)
    changed = (drawn != old).sum(axis=1)
    if not changed.any():
        raise UserError(
            f"{sequence.bases[first:last][:20]} has no other order with the same dinucleotides; choose a longer stretch."
        )
    new = letters_of(drawn[int(changed.argmax())])
    return _rewritten(sequence, sequence.bases[:first] + new + sequence.bases[last:])


def flip(sequence: Sequence, start: int, end: int) -> Sequence:
    """Turns a stretch to the other strand in place (reverse complement).

    Raises:
        UserError: when it reads the same on both strands.
    """
    first, last = _inside(sequence, start, end)
    new = reverse_complement(sequence.bases[first:last])
    if new == sequence.bases[first:last]:
        raise UserError("This stretch reads the same on both strands, so turning it changes nothing.")
    return _rewritten(sequence, sequence.bases[:first] + new + sequence.bases[last:])


def move(sequence: Sequence, start: int, end: int, to: int, *, seed: int) -> Sequence:
    """Moves a stretch: its old place is shuffled as ``take_out`` does, then it is written over the bases at the new one.

    Args:
        sequence: bases in register with the genome.
        start: first base, 0-based genome position.
        end: one past the last base.
        to: 0-based genome position of its first base afterwards.
        seed: of the shuffles.
    """
    if to == start:
        raise UserError("That is where it stands now; write another position to move it to.")
    first, last = _inside(sequence, start, end)
    return put_in(take_out(sequence, start, end, seed=seed), to, sequence.bases[first:last])


def differences(before: Sequence, after: Sequence) -> tuple[Variant, ...]:
    """The edits that turn one stretch into another of the same length and place; neighbouring changes are one edit."""
    if before.locus != after.locus or before.length != after.length:
        raise ValueError(f"{before.locus=}, {after.locus=}")
    changed = [i for i, pair in enumerate(zip(before.bases, after.bases, strict=True)) if pair[0] != pair[1]]
    runs: list[list[int]] = []
    for index in changed:
        if runs and index - runs[-1][1] <= _JOINED:
            runs[-1][1] = index + 1
        else:
            runs.append([index, index + 1])
    origin, chrom = before.locus.start, before.locus.chrom
    return tuple(
        Variant(chrom, origin + first + 1, before.bases[first:last], after.bases[first:last]) for first, last in runs
    )


def in_register(sequence: Sequence) -> Sequence:
    """The bases as if the genome had them, edits included, so that further edits can be stated on them.

    Raises:
        UserError: when bases were inserted or deleted.
    """
    if sequence.inserted.any() or sequence.length != sequence.locus.length:
        raise UserError(
            "The Locus page shows inserted or deleted bases, and motifs are moved in place only; undo those edits there first."
        )
    return Sequence(sequence.bases, sequence.locus)


def _inside(sequence: Sequence, start: int, end: int) -> tuple[int, int]:
    """First and last index of a stretch of the genome; a UserError where it is empty, too long or not all here."""
    origin = sequence.locus.start
    if not 0 < end - start <= LONGEST_STRETCH:
        raise UserError(f"A stretch has from 1 to {LONGEST_STRETCH:,} bp, its first position before its last.")
    if start < origin or end > sequence.locus.end:
        raise UserError(f"{start + 1:,} to {end:,} lies too far from the locus; move the Locus page there first.")
    return start - origin, end - origin


def _rewritten(sequence: Sequence, bases: str) -> Sequence:
    return Sequence(bases, sequence.locus)
