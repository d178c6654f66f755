"""The kinds of job there are: how each is cut into slices, what a slice computes, and what comes together at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiment.job_files import Arrays, Parameters
from genome.errors import UserError
from models.engine import Progress, Runner


@dataclass(frozen=True)
class Work:
    """What a slice works with.

    Attributes:
        parameters: as asked for.
        bases: the letters the job was started on.
        runner: the engine, bound to the model of that id, behind everything interactive.
        progress: called with the share of the slice that is done; raises when the job was cancelled.
    """

    parameters: Parameters
    bases: str
    runner: Callable[[str], Runner]
    progress: Progress


@dataclass(frozen=True)
class Kind:
    """One kind of job. Its functions depend on nothing but what they are given: a slice may be computed twice.

    Attributes:
        name: name in the table.
        slices: (parameters, bases) -> how many slices.
        run_slice: (work, index) -> the arrays of one slice.
        finish: (parameters, bases, arrays of the slices in order, None where one is not computed yet) -> the result, or
            as much of it as is there.
    """

    name: str
    slices: Callable[[Parameters, str], int]
    run_slice: Callable[[Work, int], Arrays]
    finish: Callable[[Parameters, str, Sequence[Arrays | None]], Arrays]


_table: dict[str, Kind] = {}


def add_kind(kind: Kind) -> None:
    """Adds a kind to the table; a kind of that name is replaced."""
    _table[kind.name] = kind


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UserError: when this version of Cislens has none.
    """
    from experiment import long_atlas, long_letters, long_mutagenesis, long_refine, long_surrogate, long_variants

    own = (
        long_mutagenesis.KIND,
        long_letters.KIND,
        long_surrogate.KIND,
        long_atlas.KIND,
        long_variants.KIND,
        long_refine.KIND,
    )
    known = {kind.name: kind for kind in own} | _table
    if name not in known:
        raise UserError(f"This version of Cislens has no jobs of the kind '{name[:40]}'; remove the job.")
    return known[name]
