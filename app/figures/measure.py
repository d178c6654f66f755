"""Measured elements: replicates beside each other, predicted beside measured with intervals, the alarm, and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.figures.heatmap import GREY, LOWERS, RAISES, number, plain
from app.figures.measured import laid_out
from experiment.measurements_beside import ALARM, Beside
from experiment.measurements_quality import Quality
from experiment.verdict import Verdict

_MOST = 5_000  # marks that are drawn; more are thinned evenly, misses kept
_CONTROLS = {"": ("elements", GREY, "circle"), "positive control": ("positive controls", "#009E73", "triangle-up"), "negative control": ("negative controls", "#CC79A7", "triangle-down")}  # fmt: skip
_WORDS = {"supported": ("#009E73", "circle"), "refuted": (LOWERS, "x"), "undecided": (GREY, "circle-open")}
_FOREST = 40  # verdicts that are drawn


def replicates(found: Quality, unit: str) -> go.Figure | None:
    """Two replicates of every element, the two that agree least; None where there are not two."""
    if not found.correlations:
        return None
    pair = min(found.correlations, key=lambda one: found.correlations[one])
    columns = [found.replicates.index(name) for name in pair]
    both = np.isfinite(found.values[:, columns]).all(axis=1)
    kept = _thinned(np.flatnonzero(both))
    x, y = (found.values[kept, column] for column in columns)
    names = [plain(found.names[index]) for index in kept.tolist()]
    figure = go.Figure(_dots(x, y, names, "replicates"))
    _diagonal(figure, x, y)
    return laid_out(figure, f"replicate {plain(pair[0])}, {plain(unit)}", f"replicate {plain(pair[1])}", 300)


def scatter(found: Beside, unit: str, predicted_unit: str) -> go.Figure:
    """One mark per element; those beyond their interval are full, with the interval of the furthest drawn."""
    rows, beyond = found.rows, np.zeros(len(found.rows.names), bool)
    if found.low is not None:
        beyond[list(found.misses)] = True
    kept = _thinned(np.arange(len(beyond)), beyond)
    figure = go.Figure()
    for control, (label, colour, symbol) in _CONTROLS.items():
        mine = kept[[rows.controls[index] == control for index in kept.tolist()]]
        if len(mine):
            texts = [_text(found, index, unit) for index in mine.tolist()]
            opacity = np.where(beyond[mine], 0.95, 0.35)
            colours = np.where(beyond[mine], RAISES if not control else colour, colour)
            figure.add_scatter(
                x=rows.predicted[mine], y=rows.measured[mine], mode="markers", name=label, text=texts,
                marker={"color": colours, "symbol": symbol, "size": 6, "opacity": opacity},
                hovertemplate="%{text}<extra></extra>",
            )  # fmt: skip
    _band(figure, found)
    return laid_out(figure, f"predicted, {plain(predicted_unit)}", f"measured, {plain(unit)}", 380)


def left(found: Beside, unit: str) -> go.Figure:
    """Measured minus predicted over the prediction; the band is the model's interval."""
    rows, low, high = found.rows, found.low, found.high
    order = _thinned(np.argsort(rows.predicted, kind="stable"))
    figure = go.Figure()
    if low is not None and high is not None:
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=rows.predicted[order], y=(low - rows.predicted)[order], **edge)
        fill = {"fill": "tonexty", "fillcolor": "rgba(100,116,139,0.16)"}
        figure.add_scatter(x=rows.predicted[order], y=(high - rows.predicted)[order], **fill, **edge)
    texts = [_text(found, index, unit) for index in order.tolist()]
    figure.add_trace(_dots(rows.predicted[order], found.residuals[order], texts, "elements"))
    figure.add_hline(y=0, line={"color": "#94a3b8", "width": 1})
    return laid_out(figure, "predicted", f"measured − predicted, {plain(unit)}", 300)


def alarm(found: Beside) -> go.Figure | None:
    """What a stake against "nothing has changed" has become, measurement by measurement, on a logarithm."""
    if found.drift is None:
        return None
    wealth = np.maximum(found.drift.wealth, 1e-6)
    places = _thinned(np.arange(len(wealth)))
    figure = go.Figure(go.Scatter(x=places + 1, y=wealth[places], mode="lines", line={"color": RAISES, "width": 1.5}))
    figure.add_hline(y=ALARM, line={"color": LOWERS, "width": 1, "dash": "dot"})
    figure = laid_out(figure, "measured elements, in random order", "evidence of a change", 220)
    figure.update_yaxes(
        type="log", exponentformat="power", dtick=max(1, int(np.log10(wealth.max() / wealth.min()) / 4))
    )
    figure.update_layout(showlegend=False)
    return figure


def verdicts(found: Sequence[Verdict], unit: str) -> go.Figure:
    """Measured effect of breaking each claimed site with its interval; the band holds what is too small to count."""
    shown = [one for one in found if one.effect is not None][:_FOREST]
    figure = go.Figure()
    smallest = shown[0].smallest if shown else 0.0
    figure.add_vrect(x0=-smallest, x1=smallest, fillcolor="rgba(100,116,139,0.12)", line_width=0)
    for word, (colour, symbol) in _WORDS.items():
        mine = [(index, one) for index, one in enumerate(shown) if one.word == word and one.effect is not None]
        if mine:
            effects = [one.effect for _, one in mine if one.effect is not None]
            ends = [effect.interval() for effect in effects]
            texts = [f"<b>{plain(one.hypothesis.claim)}</b><br>{plain(one.reason)}" for _, one in mine]
            figure.add_scatter(
                x=[effect.value for effect in effects],
                y=[index for index, _ in mine],
                error_x={
                    "type": "data", "symmetric": False, "color": colour, "thickness": 1.2, "width": 0,
                    "array": [high - e.value for e, (_, high) in zip(effects, ends, strict=True)],
                    "arrayminus": [e.value - low for e, (low, _) in zip(effects, ends, strict=True)],
                },
                mode="markers", name=word, text=texts, hovertemplate="%{text}<extra></extra>",
                marker={"color": colour, "symbol": symbol, "size": 8},
            )  # fmt: skip
    figure = laid_out(figure, f"measured: broken − not broken, {plain(unit)}", "", 120 + 16 * len(shown))
    figure.update_yaxes(showticklabels=False, autorange="reversed", showgrid=False)
    return figure


def _text(found: Beside, index: int, unit: str) -> str:
    rows = found.rows
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" ({number(float(found.low[index]), 2)} to {number(float(found.high[index]), 2)})"
    return (
        f"<b>{plain(rows.names[index][:60])}</b><br>predicted {number(float(rows.predicted[index]), 2)}{interval}<br>"
        f"measured {number(float(rows.measured[index]), 2)} {plain(unit)}"
    )


def _band(figure: go.Figure, found: Beside) -> None:
    """The intervals as a band around what is predicted, or the fitted line where there are none."""
    rows = found.rows
    if found.low is not None and found.high is not None:
        order = np.argsort(rows.predicted, kind="stable")
        x = rows.predicted[order]
        for ends in (found.low, found.high):
            smooth = _running(ends[order], 25)
            line = {"color": "#64748b", "width": 1, "dash": "dot"}
            figure.add_scatter(x=x, y=smooth, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    elif found.line is not None:
        ends = np.array([rows.predicted.min(), rows.predicted.max()])
        line = {"color": GREY, "width": 1, "dash": "dot"}
        y = found.line[0] * ends + found.line[1]
        figure.add_scatter(x=ends, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _running(values: Any, width: int) -> Any:
    """Running mean of (n,), shorter windows at its ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    low, high = np.maximum(places - width, 0), np.minimum(places + width + 1, len(values))
    return (total[high] - total[low]) / (high - low)


def _thinned(places: Any, keep: Any = None) -> Any:
    """At most some thousand of the places, evenly; those to keep stay."""
    step = max(1, -(-len(places) // _MOST))
    if keep is None or step == 1:
        return places[::step]
    chosen = np.zeros(len(keep), bool)
    chosen[places[::step]] = True
    return np.flatnonzero(chosen | keep)


def _dots(x: Any, y: Any, texts: Sequence[str], name: str) -> go.Scatter:
    marker = {"color": RAISES, "size": 5, "opacity": 0.4}
    return go.Scatter(
        x=x, y=y, mode="markers", name=name, text=list(texts), marker=marker, hovertemplate="%{text}<extra></extra>"
    )


def _diagonal(figure: go.Figure, x: Any, y: Any) -> None:
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    line = {"color": GREY, "width": 1, "dash": "dot"}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", showlegend=False)
