"""Answers to what-if questions as pictures. No Streamlit here."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from interpret.effects import Effect
from interpret.surrogate import Surrogate
from interpret.whatif import Estimate
from interpret.whatif_pairs import Spacing
from interpret.whatif_stretch import Tiles

BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#94a3b8", "#0f172a"
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#64748b", "#0f172a")
TOP_TRACKS = 30


def spacing(found: Spacing, track: int, unit: str) -> go.Figure:
    """The interaction over the gap, one line with its interval for each arrangement; what is called has a filled mark."""
    made = go.Figure()
    for row, name in enumerate(found.arrangements):
        color, part = LINES[row % len(LINES)], found.interaction
        low, high = part.low[row, :, track], part.high[row, :, track]
        made.add_scatter(
            x=np.concatenate([found.gaps, found.gaps[::-1]]), y=np.concatenate([high, low[::-1]]),
            fill="toself", mode="lines", fillcolor=_faint(color), line={"width": 0}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        called = found.called[row, :, track]
        made.add_scatter(
            x=found.gaps, y=part.mean[row, :, track], name=name, mode="lines+markers",
            line={"color": color, "width": 2},
            marker={"size": 8, "symbol": np.where(called, "circle", "circle-open").tolist(), "color": color},
            customdata=np.stack([low, high, found.pair.mean[row, :, track]], axis=1),
            hovertemplate=f"{name}<br>%{{x}} bp: %{{y:+.3g}} (%{{customdata[0]:+.3g}} to %{{customdata[1]:+.3g}})"
            "<br>both %{customdata[2]:+.3g}<extra></extra>",
        )  # fmt: skip
    made.add_hline(y=0, line_color=GREY, line_width=1)
    made.update_xaxes(title_text="bp between the motifs", gridcolor="#eef2f7", zeroline=False)
    made.update_yaxes(title_text=f"interaction, {unit}", gridcolor="#eef2f7", zeroline=False)
    return _framed(made, 380)


def tiles(found: Tiles, track: int, unit: str, *, share: bool) -> go.Figure:
    """What each tile is worth, along the genome, with the interval over shuffles."""
    part = found.share if share else found.drop
    values, low, high = (each[:, track] for each in (part.mean, part.low, part.high))
    middles, widths = (found.starts + found.ends + 1) / 2, (found.ends - found.starts) * 0.92
    text = [f"{start + 1:,}–{end:,}" for start, end in zip(found.starts, found.ends, strict=True)]
    made = go.Figure(
        go.Bar(
            x=middles, y=values, width=widths, customdata=text,
            marker_color=[BLUE if value > 0 else ORANGE for value in values],
            error_y={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low, "color": INK,
                     "thickness": 1, "width": 2},
            hovertemplate="%{customdata}: %{y:.3g}<extra></extra>",
        )
    )  # fmt: skip
    made.add_hline(y=0, line_color=GREY, line_width=1)
    made.update_xaxes(title_text="position", tickformat=",d", gridcolor="#eef2f7")
    title = "share lost when shuffled" if share else f"lost when shuffled, {unit}"
    made.update_yaxes(title_text=title, gridcolor="#eef2f7", tickformat=".0%" if share else None)
    return _framed(made, 320)


def estimates(parts: dict[str, Estimate], tracks: list[tuple[str, int]], unit: str) -> go.Figure:
    """Estimates of each track as points with their intervals, one color for each part."""
    made = go.Figure()
    shown = tracks[:TOP_TRACKS]
    names, at = [name for name, _ in shown], [index for _, index in shown]
    for order, (name, part) in enumerate(parts.items()):
        mean = part.mean[at]
        made.add_scatter(
            x=mean, y=names, name=name, mode="markers", marker={"size": 10, "color": LINES[order]},
            error_x={"type": "data", "symmetric": False, "array": part.high[at] - mean, "arrayminus": mean - part.low[at],
                     "color": LINES[order], "thickness": 1.5},
            hovertemplate=f"%{{y}}, {name}: %{{x:+.3g}}<extra></extra>",
        )  # fmt: skip
    return _by_track(made, len(shown), unit, grouped=len(parts))


def effect(found: Effect, tracks: list[tuple[str, int]], unit: str) -> go.Figure:
    """What a change does to each track, with the spread between members."""
    made = go.Figure()
    shown = tracks[:TOP_TRACKS]
    names, at = [name for name, _ in shown], [index for _, index in shown]
    made.add_bar(
        x=found.delta[at], y=names, orientation="h", showlegend=False, width=0.5,
        marker_color=[BLUE if value > 0 else ORANGE for value in found.delta[at]],
        error_x={"type": "data", "array": found.spread[at], "color": INK, "thickness": 1, "width": 3},
        hovertemplate="%{y}: %{x:+.3g}<extra></extra>",
    )  # fmt: skip
    return _by_track(made, len(shown), f"change, {unit}")


def additive(found: Surrogate, tracks: list[tuple[str, int]]) -> go.Figure:
    """How the variance of the mutants divides: single bases, pairs, and what is neither."""
    shown = [(name, index) for name, index in tracks if np.isfinite(found.additive.value[index])][:TOP_TRACKS]
    names, at = [name for name, _ in shown], [index for _, index in shown]
    single = np.clip(found.additive.value[at], 0, 1)
    both = np.clip(np.maximum(found.pairwise.value[at], single), 0, 1)
    made = go.Figure()
    for name, values, color in (
        ("single bases", single, BLUE),
        ("pairs", both - single, "#56B4E9"),
        ("neither", 1 - both, "#e2e8f0"),
    ):
        made.add_bar(
            x=values, y=names, name=name, orientation="h", marker_color=color, width=0.5,
            hovertemplate=f"%{{y}}, {name}: %{{x:.0%}}<extra></extra>",
        )  # fmt: skip
    made.update_layout(barmode="stack")
    made.update_xaxes(tickformat=".0%", range=[0, 1])
    return _by_track(made, len(shown), "share of what the model does here")


def _by_track(made: go.Figure, n_tracks: int, title: str, *, grouped: int = 1) -> go.Figure:
    made.add_vline(x=0, line_color=GREY, line_width=1)
    made.update_yaxes(autorange="reversed", gridcolor="#eef2f7")
    made.update_xaxes(title_text=title, gridcolor="#eef2f7", zeroline=False)
    if grouped > 1:
        made.update_layout(scattermode="group")
    return _framed(made, 130 + 44 * n_tracks)


def _framed(made: go.Figure, height: int) -> go.Figure:
    made.update_layout(
        height=min(height, 1_200),
        margin={"l": 10, "r": 10, "t": 36, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        plot_bgcolor="white",
        paper_bgcolor="rgba(0,0,0,0)",
    )
    return made


def _faint(color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
