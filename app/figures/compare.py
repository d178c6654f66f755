"""Letters before and after an edit, in register: gaps stand where one of the two has no base. No Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.figures.logos import LetterRow, Palette, letters_svg
from genome.locus import Variant
from interpret.attribution import Attribution

AROUND = 15  # bp shown on either side of the edits
MOST_COLUMNS = 400


@dataclass(frozen=True)
class Column:
    """One place of the comparison.

    Attributes:
        position: 0-based genome position; that of the edit for an inserted base.
        before: base and contribution, or None where a base was inserted.
        after: base and contribution, or None where a base was deleted.
    """

    position: int
    before: tuple[str, float] | None
    after: tuple[str, float] | None

    @property
    def differs(self) -> bool:
        """Whether the bases differ."""
        return self.before is None or self.after is None or self.before[0] != self.after[0]


def columns(before: Attribution, after: Attribution) -> list[Column]:
    """Both sequences base by base, in genome order, where both were explained."""
    old = {
        int(position): (base, float(value))
        for position, base, value in zip(before.sequence.positions, before.sequence.bases, before.values, strict=True)
    }
    found: list[Column] = []
    pending = sorted(old)
    for index, base in enumerate(after.sequence.bases):
        position = int(after.sequence.positions[index])
        new = (base, float(after.values[index]))
        if after.sequence.inserted[index]:
            found.append(Column(position, None, new))
            continue
        while pending and pending[0] < position:
            gone = pending.pop(0)
            if index > 0:  # what lies left of the edited window was not deleted: it was not explained there
                found.append(Column(gone, old[gone], None))
        if pending and pending[0] == position:
            found.append(Column(position, old[pending.pop(0)], new))
    return found


def before_and_after(before: Attribution, after: Attribution, edits: tuple[Variant, ...], *, palette: Palette) -> str:
    """The letters of both, on one scale, as an ``<svg>`` element; around the edits when the locus is long."""
    low = min(edit.start for edit in edits) - AROUND
    high = max(edit.end for edit in edits) + AROUND
    shown = [column for column in columns(before, after) if low <= column.position < high][:MOST_COLUMNS]
    if not shown:
        raise ValueError(f"no base around {edits=} was explained")
    return letters_svg(
        [_row("Before", [column.before for column in shown]), _row("After", [column.after for column in shown])],
        unit=before.unit,
        marked=[index for index, column in enumerate(shown) if column.differs],
        palette=palette,
        description="Contribution of each base before and after the edits",
    )


def _row(label: str, cells: list[tuple[str, float] | None]) -> LetterRow:
    return LetterRow(
        label,
        "".join(cell[0] if cell else "-" for cell in cells),
        np.array([cell[1] if cell else 0.0 for cell in cells], dtype=np.float64),
    )
