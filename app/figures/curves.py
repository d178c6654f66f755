"""Deletion and insertion as a picture: the strongest bases first, beside random ones like them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from interpret.faithfulness import Curves

STRONGEST, RANDOM = "#0072b2", "#64748b"


def figure(found: Curves) -> go.Figure:
    """Two panels on one axis: 1 is the prediction of the window, 0 the mean of its shuffles."""
    drawn = make_subplots(1, 2, shared_yaxes=True, subplot_titles=("Bases deleted", "Bases inserted into shuffled DNA"))
    share = 100 * found.fractions
    sides = ((found.deletion, found.random_deletion), (found.insertion, found.random_insertion))
    for column, (curve, random) in enumerate(sides, start=1):
        low, high = np.percentile(random, [5, 95], axis=0)
        drawn.add_trace(_line(share, high, RANDOM, "", width=0), 1, column)
        band = _line(share, low, RANDOM, "", width=0)
        band.update(fill="tonexty", fillcolor="rgba(100,116,139,.18)")
        drawn.add_trace(band, 1, column)
        drawn.add_trace(
            _line(share, random.mean(axis=0), RANDOM, "random bases like them", shown=column == 1), 1, column
        )
        drawn.add_trace(_line(share, curve, STRONGEST, "strongest first", shown=column == 1), 1, column)
        drawn.update_xaxes(title_text="% of the bases", row=1, col=column)
    drawn.update_yaxes(title_text="prediction (window 1, shuffled 0)", row=1, col=1)
    drawn.update_layout(height=320, margin={"l": 50, "r": 10, "t": 30, "b": 60}, legend={"orientation": "h", "y": -0.3})
    return drawn


def _line(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    color: str,
    name: str,
    *,
    width: float = 2,
    shown: bool = False,
) -> go.Scatter:
    line = {"color": color, "width": width}
    return go.Scatter(x=x, y=y, mode="lines", line=line, name=name, showlegend=shown, hoverinfo="y" if name else "skip")
