"""Measurements that are kept in projects, as the tables that a model is refined with."""

from __future__ import annotations

from collections.abc import Sequence as Seq

from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import compute_project
from app.widgets import text
from experiment import refine
from genome.errors import UserError

Table = tuple[str, str]  # name and SHA-256, as a plan has it


def pickers(left, right) -> tuple[int | None, tuple[int, ...]]:  # type: ignore[no-untyped-def]
    """Draws what is kept, to be chosen as new and as older measurements; their numbers."""
    try:
        kept = compute_project.measured()
    except UserError as error:
        left.caption(text(error))
        return None, ()
    if not kept:
        left.caption("Measurements kept in a project on the Measure page can be chosen here too.")
        return None, ()
    new = left.selectbox(
        "Or new measurements that are kept in a project",
        list(kept),
        index=None,
        format_func=lambda number: kept[number],
        placeholder="None",
        key="refine-kept-new",
    )
    old = right.multiselect(
        "And older ones that are kept in a project",
        [number for number in kept if number != new],
        format_func=lambda number: kept[number],
        placeholder="None",
        key="refine-kept-old",
    )
    if new is not None and (n := compute_project.refuted(new)):
        left.caption(f"Constructs of {n:,} refuted {'hypothesis' if n == 1 else 'hypotheses'} count more.")
    return new, tuple(old)


def given(
    new: UploadedFile | None, kept_new: int | None, old: Seq[UploadedFile], kept_old: Seq[int]
) -> tuple[Table, tuple[Table, ...]]:
    """The new table and the old ones, kept where a refinement finds them.

    Raises:
        UserError: when there is no new table, or there are two.
    """
    if (new is None) == (kept_new is None):
        raise UserError(
            "Give a table of new measurements first."
            if new is None
            else "Choose one table of new measurements: a file, or one that is kept in a project."
        )
    learned = _file(new) if new is not None else _kept(kept_new)
    return learned, (*(_file(one) for one in old), *(_kept(number) for number in kept_old))


def _file(upload: UploadedFile) -> Table:
    return refine.keep_table(upload.name, upload.getvalue())


def _kept(number: int | None) -> Table:
    if number is None:
        raise ValueError("no measurements")
    return refine.keep_table(*compute_project.training_table(number))
