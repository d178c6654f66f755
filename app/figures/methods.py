"""The letters of several methods under each other, on one axis of positions and each in its own unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.figures.heatmap import frame, letters_axis, letters_with_band, row_title, rows_from_top
from genome.locus import Locus
from interpret.attribution import Attribution
from interpret.methods import in_words

_ROW = 92  # pixels


def figure(rows: Sequence[tuple[Attribution, str]], locus: Locus, palette: str) -> go.Figure:
    """One row of letters per method; each has its own axis, for their sizes need not be comparable.

    Args:
        rows: contributions, and what stands behind the method's name above them (or nothing).
        locus: the stretch shown, 0-based half-open.
        palette: key of PALETTES.
    """
    heights = [_ROW] * len(rows)
    layout: dict[str, Any] = frame(heights, locus)
    layout["margin"]["r"] = 20
    traces: list[Any] = []
    for row, ((found, more), domain) in enumerate(zip(rows, rows_from_top(heights), strict=True), 1):
        number = str(row) if row > 1 else ""
        words = in_words(found)
        layout["annotations"].append(row_title(f"{words[:1].upper()}{words[1:]}{f' · {more}' if more else ''}", domain))
        traces += letters_with_band(found, palette, f"y{number}")
        layout[f"yaxis{number}"] = letters_axis(found.unit, domain)
        layout["xaxis"]["anchor"] = f"y{number}"
    return go.Figure(traces, layout)
