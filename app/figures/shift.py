"""How a set of sequences is spread beside a model's training data: one small panel per measure. No Streamlit here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

BLUE, GREY = "#0072B2", "#94a3b8"
N_BINS = 30
Values = npt.NDArray[np.floating]


def figure(panels: dict[str, tuple[Values, Values | None]]) -> go.Figure:
    """Shares of sequences over the range of each measure: the set as bars, the training-like sequences as a line.

    Args:
        panels: name of a measure -> values of the set and of the training-like sequences (None where not known). NaN is
            left out; a panel without any value of the set is not drawn.
    """
    drawn = {name: pair for name, pair in panels.items() if np.isfinite(pair[0]).any()}
    if not drawn:
        raise ValueError("no panel has a value")
    made = make_subplots(rows=1, cols=len(drawn), subplot_titles=list(drawn), horizontal_spacing=0.04)
    for column, (ours, known) in enumerate(drawn.values(), 1):
        for trace in _panel(ours, known, legend=column == 1):
            made.add_trace(trace, row=1, col=column)
    made.update_layout(
        height=240,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        bargap=0.05,
        legend={"orientation": "h", "y": 1.35, "x": 0},
        plot_bgcolor="white",
    )
    made.update_yaxes(tickformat=".0%", rangemode="tozero", gridcolor="#e2e8f0")
    made.update_yaxes(title_text="share of sequences", row=1, col=1)
    made.update_annotations(font_size=12)
    return made


def shares(values: Values, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64 (bins,): share of the values in each bin; what lies beyond the edges counts in the outermost."""
    known = values[np.isfinite(values)]
    counts = np.histogram(np.clip(known, edges[0], edges[-1]), bins=edges)[0]
    return counts / max(1, len(known))


def common_edges(ours: Values, known: Values | None) -> npt.NDArray[np.float64]:
    """float64 (31,): bins over both; the most extreme half per cent of the joint range is drawn at its ends."""
    both = np.concatenate([ours, known if known is not None else ours[:0]]).astype(np.float64)
    low, high = np.quantile(both[np.isfinite(both)], [0.005, 0.995])
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return np.linspace(low, high, N_BINS + 1)


def _panel(ours: Values, known: Values | None, *, legend: bool) -> list[go.Bar | go.Scatter]:
    edges = common_edges(ours, known)
    middles = (edges[1:] + edges[:-1]) / 2
    traces: list[go.Bar | go.Scatter] = [
        go.Bar(x=middles, y=shares(ours, edges), name="this set", marker_color=BLUE, opacity=0.7, showlegend=legend)
    ]
    if known is not None and np.isfinite(known).any():
        line = {"color": GREY, "shape": "hvh", "width": 2}
        y = shares(known, edges)
        traces.append(
            go.Scatter(x=middles, y=y, mode="lines", name="like the training data", line=line, showlegend=legend)
        )
    return traces
