"""What is computed while somebody waits, and what is a job."""

from __future__ import annotations

from genome.errors import UserError
from genome.locus import Locus
from models.core import ModelSpec

MAX_LETTERS = 2_000  # bp of a locus
MAX_INLINE_WINDOW = 20_000  # bp; beyond it one pass takes seconds


def has_letters(spec: ModelSpec, locus: Locus) -> bool:
    """Whether contributions along a locus are computed while somebody waits; elsewhere they are a job."""
    return locus.length <= MAX_LETTERS and spec.input_length <= MAX_INLINE_WINDOW


def refuse_letters(spec: ModelSpec, locus: Locus) -> None:
    """Refuses contributions that nobody should wait for.

    Raises:
        UserError: when the locus or the model's window is too long.
    """
    if locus.length > MAX_LETTERS:
        raise UserError(
            f"Contributions are computed at once for up to {MAX_LETTERS:,} bp, and this locus has {locus.length:,}; "
            "zoom in, or compute them as a job."
        )
    if spec.input_length > MAX_INLINE_WINDOW:
        raise UserError(
            f"{spec.name} reads {spec.input_length:,} bp at once, which takes too long to wait for; compute its "
            "contributions as a job."
        )
