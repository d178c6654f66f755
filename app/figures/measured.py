"""Predicted against measured effects of substitutions: one dot each."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app.figures.heatmap import INK, RAISES, number, plain
from interpret.measured_beside import Comparison


def scatter(found: Comparison, unit: str, measured_unit: str) -> go.Figure:
    """One dot per substitution that was measured well.

    Args:
        found: the pairs.
        unit: of the predicted effects.
        measured_unit: of the measured ones.
    """
    texts = [
        f"<b>{plain(name)}</b><br>predicted {number(one, 2)} {plain(unit)}<br>measured {number(other, 2)} {plain(measured_unit)}"
        for name, one, other in zip(found.names, found.predicted.tolist(), found.measured.tolist(), strict=True)
    ]
    dots = go.Scatter(
        x=found.predicted,
        y=found.measured,
        mode="markers",
        marker={"color": RAISES, "size": 5, "opacity": 0.45},
        text=np.array(texts, dtype=object),
        hovertemplate="%{text}<extra></extra>",
    )
    axis = {"zerolinecolor": "#cbd5e1", "gridcolor": "#f1f5f9", "tickfont": {"size": 11}}
    return go.Figure(
        [dots],
        {
            "height": 320,
            "margin": {"l": 60, "r": 20, "t": 16, "b": 50},
            "showlegend": False,
            "plot_bgcolor": "#ffffff",
            "paper_bgcolor": "#ffffff",
            "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK}},
            "xaxis": axis | {"title": {"text": f"predicted, {plain(unit)}", "font": {"size": 12}}},
            "yaxis": axis | {"title": {"text": f"measured, {plain(measured_unit)}", "font": {"size": 12}}},
        },
    )
