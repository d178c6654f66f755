"""Predicted against measured effects, one mark each, and what is left along the locus."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.figures.heatmap import GREY, INK, LOWERS, RAISES, number, plain
from interpret.measured_beside import Comparison
from interpret.measured_match import KINDS, Match
from interpret.measured_residuals import Residuals

_LOOKS = {  # colour and symbol of each kind, told apart without colour as well
    "substitution": (RAISES, "circle"),
    "deletion": (LOWERS, "triangle-down"),
    "insertion": ("#009E73", "triangle-up"),
    "change of several bases": ("#CC79A7", "diamond"),
}
_AXIS: dict[str, Any] = {"zerolinecolor": "#cbd5e1", "gridcolor": "#f1f5f9", "tickfont": {"size": 11}}


def scatter(found: Comparison, unit: str, measured_unit: str) -> go.Figure:
    """One mark per allele that was measured well, and the line through them.

    Args:
        found: the pairs.
        unit: of the predicted effects.
        measured_unit: of the measured ones.
    """
    texts = [
        f"<b>{plain(name_of(one))}</b><br>predicted {number(guess, 2)} {plain(unit)}<br>"
        f"measured {number(value, 2)} {plain(measured_unit)}"
        for one, guess, value in zip(found.matches, found.predicted.tolist(), found.measured.tolist(), strict=True)
    ]
    figure = go.Figure(_marks(found, found.predicted, found.measured, texts))
    if found.line is not None:
        ends = np.array([found.predicted.min(), found.predicted.max()])
        line = {"color": GREY, "width": 1, "dash": "dot"}
        figure.add_scatter(
            x=ends, y=found.line(ends), mode="lines", line=line, name="fitted line", hoverinfo="skip", showlegend=False
        )
    return laid_out(figure, f"predicted, {plain(unit)}", f"measured, {plain(measured_unit)}", 320)


def along(found: Comparison, parted: Residuals, measured_unit: str) -> go.Figure:
    """Measured minus fitted along the locus; the band is the model's interval, and what lies beyond it is drawn full.

    Args:
        found: the pairs.
        parted: what is left of them.
        measured_unit: of the measured effects.
    """
    places = np.array([one.variant.position for one in found.matches])
    beyond = np.zeros(len(places), bool)
    if parted.half is not None:
        beyond[list(parted.worst)] = True
    texts = [
        f"<b>{plain(name_of(one))}</b><br>measured − fitted {number(value, 2)} {plain(measured_unit)}"
        + ("<br>beyond the interval" if outside else "")
        for one, value, outside in zip(found.matches, parted.values.tolist(), beyond.tolist(), strict=True)
    ]
    figure = go.Figure()
    if parted.half is not None:
        first = np.unique(places, return_index=True)[1]
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=places[first], y=-parted.half[first], **edge)
        figure.add_scatter(
            x=places[first], y=parted.half[first], fill="tonexty", fillcolor="rgba(100,116,139,0.14)", **edge
        )
    opacity = np.where(beyond, 1.0, 0.35) if parted.half is not None else np.full(len(places), 0.5)
    for trace in _marks(found, places, parted.values, texts, opacity):
        figure.add_trace(trace)
    figure = laid_out(figure, "position", f"measured − fitted, {plain(measured_unit)}", 260)
    figure.update_xaxes(tickformat=",d")
    return figure


def name_of(one: Match) -> str:
    """An allele in a few characters: ``19,710,933 C>T``."""
    ref, alt = (bases if len(bases) <= 12 else f"{bases[:11]}…" for bases in (one.variant.ref, one.variant.alt))
    return f"{one.variant.position:,} {ref or '-'}>{alt or '-'}"


def _marks(
    found: Comparison, x: Any, y: Any, texts: list[str], opacity: np.ndarray[Any, Any] | None = None
) -> list[go.Scatter]:
    kinds = np.array([one.kind for one in found.matches])
    traces = []
    for kind in KINDS:
        mine = kinds == kind
        if mine.any():
            colour, symbol = _LOOKS[kind]
            faint = 0.45 if opacity is None else opacity[mine]
            traces.append(
                go.Scatter(
                    x=np.asarray(x)[mine],
                    y=np.asarray(y)[mine],
                    mode="markers",
                    name=f"{kind}s" if kind != "change of several bases" else "several bases",
                    marker={"color": colour, "symbol": symbol, "size": 6, "opacity": faint},
                    text=np.array(texts, dtype=object)[mine],
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    return traces


def laid_out(figure: go.Figure, across: str, up: str, height: int) -> go.Figure:
    """Axes and margins of every picture of measurements; a legend where there are several kinds of marks."""
    drawn = sum(trace.mode == "markers" for trace in figure.data)
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 20, "t": 16, "b": 50},
        showlegend=drawn > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
        plot_bgcolor="#ffffff",
        paper_bgcolor="#ffffff",
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": INK}},
    )
    figure.update_xaxes(**_AXIS, title={"text": across, "font": {"size": 12}})
    figure.update_yaxes(**_AXIS, title={"text": up, "font": {"size": 12}})
    return figure
