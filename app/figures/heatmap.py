"""Mutagenesis in Plotly: letters over a map of every substitution, and the measured map under it, on one axis."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.figures import letters as letters_figure
from genome.locus import Locus
from genome.sequence import BASES
from genome.sequence import Sequence as Bases
from interpret.attribution import Attribution, Float
from interpret.substitutions import Substitutions
from interpret.wording import digits_for

# Orange lowers, blue raises: told apart with every common form of colour blindness, and white is no effect.
LOWERS, NONE, RAISES = "#D55E00", "#FFFFFF", "#0072B2"
SCALE = [[0.0, LOWERS], [0.25, "#F0B48A"], [0.5, NONE], [0.75, "#8DBFE0"], [1.0, RAISES]]
DOT, GREY, INK = "#1e293b", "#64748b", "#0f172a"
UNKNOWN = "#f1f5f9"
_NEAR = 200  # bp up to which single bases can be told apart
_LETTERS_PIXELS, _MAP_PIXELS, _GAP, _TOP, _BOTTOM = 150, 104, 30, 30, 44


@dataclass(frozen=True)
class Map:
    """One map under the letters.

    Attributes:
        title: above it.
        unit: of its effects.
        sequence: the bases of its columns.
        effects: float32 (4, length), rows A, C, G, T; NaN where nothing is known.
        spread: float32 (4, length), between members, or None.
        percentiles: float32 (4, length) from 0 to 100, or None.
        what: what one cell is, before its value on hover.
    """

    title: str
    unit: str
    sequence: Bases
    effects: Float
    spread: Float | None = None
    percentiles: Float | None = None
    what: str = "effect"

    @property
    def largest(self) -> float:
        """The size of its largest effect; 0 where nothing is known."""
        known = np.abs(self.effects[np.isfinite(self.effects)])
        return float(known.max()) if known.size else 0.0

    @property
    def full(self) -> float:
        """The size of effect from which on the colour is full: 99 of 100 known effects are smaller; never 0."""
        known = np.abs(self.effects[np.isfinite(self.effects)])
        return (float(np.quantile(known, 0.99)) or self.largest or 1.0) if known.size else 1.0


def predicted_map(found: Substitutions, title: str, percentiles: Float | None = None) -> Map:
    """The map of predicted effects."""
    return Map(title, found.unit, found.sequence, found.effects, found.spread, percentiles)


def figure(maps: Sequence[Map], attribution: Attribution | None, locus: Locus, palette: str) -> go.Figure:
    """Letters and maps in genome coordinates (1-based on the axis); inserted bases have no place on it.

    Args:
        maps: the predicted one first.
        attribution: the contributions drawn above them, or None.
        locus: the stretch shown, 0-based half-open.
        palette: key of PALETTES.
    """
    heights = [*([_LETTERS_PIXELS] if attribution is not None else []), *[_MAP_PIXELS] * len(maps)]
    titles = [drawn.title for drawn in maps]
    if attribution is not None:
        titles.insert(0, f"Contributions to {attribution.target.track}, {attribution.method}")
    domains = rows_from_top(heights)
    traces: list[Any] = []
    layout: dict[str, Any] = frame(heights, locus)
    for row, (domain, title) in enumerate(zip(domains, titles, strict=True), 1):
        axis = f"y{row if row > 1 else ''}"
        layout["annotations"].append(row_title(title, domain))
        if attribution is not None and row == 1:
            traces += letters_with_band(attribution, palette, axis)
            layout[_key(axis)] = letters_axis(attribution.unit, domain)
        else:
            traces += _map_traces(maps[row - 1 - (attribution is not None)], locus, domain, axis)
            layout[_key(axis)] = _map_axis(domain)
    layout["xaxis"]["anchor"] = axis
    return go.Figure(traces, layout)


def rows_from_top(heights: Sequence[int]) -> list[tuple[float, float]]:
    """Where rows of these heights (pixels) lie, as shares of the plot from its foot."""
    whole = sum(heights) + _GAP * (len(heights) - 1)
    tops = [1 - (sum(heights[:i]) + _GAP * i) / whole for i in range(len(heights))]
    return [(max(0.0, top - height / whole), top) for top, height in zip(tops, heights, strict=True)]


def frame(heights: Sequence[int], locus: Locus) -> dict[str, Any]:
    """The layout around rows of these heights (pixels) over one axis of positions."""
    return {
        "height": sum(heights) + _GAP * (len(heights) - 1) + _TOP + _BOTTOM,
        "margin": {"l": 62, "r": 90, "t": _TOP, "b": _BOTTOM},
        "showlegend": False,
        "plot_bgcolor": "#ffffff",
        "paper_bgcolor": "#ffffff",
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK, "size": 12}, "align": "left"},
        "annotations": [],
        "xaxis": {
            "range": [locus.start + 0.5, locus.end + 0.5],
            "tickformat": ",d",
            "showgrid": False,
            "zeroline": False,
            "ticks": "outside",
            "title": {"text": f"position on {plain(locus.chrom)}", "font": {"size": 12}},
        },
    }


def row_title(title: str, domain: tuple[float, float]) -> dict[str, Any]:
    """What stands above a row."""
    return {
        "text": plain(title),
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": domain[1],
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": INK},
    }


def letters_axis(unit: str, domain: tuple[float, float]) -> dict[str, Any]:
    """The axis at the left of letters."""
    return {
        "domain": domain,
        "title": {"text": plain(_cut(unit)), "font": {"size": 11}},
        "tickfont": {"size": 10},
        "showgrid": False,
        "zerolinecolor": "#cbd5e1",
        "zerolinewidth": 1,
        "nticks": 4,
    }


def letters_with_band(attribution: Attribution, palette: str, axis: str) -> list[Any]:
    """Traces of letters (four), of the spread between members (one thin line per base) and of what hovering says."""
    traces: list[Any] = [trace.update(yaxis=axis) for trace in letters_figure.letter_traces(attribution, palette)]
    part = np.arange(*attribution.core)
    part = part[~attribution.sequence.inserted[part]]
    places, values, spread = (
        attribution.sequence.positions[part] + 1,
        attribution.values[part],
        attribution.spread[part],
    )
    if len(attribution.members) > 1:
        nothing = np.full(len(part), np.nan)
        traces.append(
            go.Scatter(
                x=np.stack([places, places, nothing], 1).ravel(),
                y=np.stack([values - spread, values + spread, nothing], 1).ravel(),
                mode="lines",
                line={"color": GREY, "width": 1 if len(part) <= _NEAR else 0.5},
                name="± between members",
                hoverinfo="skip",
                yaxis=axis,
            )
        )
    unit, digits = plain(attribution.unit), _digits(float(np.abs(values).max(initial=0)))
    known = len(attribution.members) > 1
    texts = [
        f"{place:,} <b>{attribution.sequence.bases[index]}</b><br>contribution {number(value, digits)}"
        f"{f' ± {member:.{digits}f}' if known else ''} {unit}"
        for index, place, value, member in zip(
            part.tolist(), places.tolist(), values.tolist(), spread.tolist(), strict=True
        )
    ]
    traces.append(
        go.Scatter(
            x=places,
            y=values,
            mode="markers",
            marker={"opacity": 0, "size": 12},
            text=np.array(texts, dtype=object),
            hovertemplate="%{text}<extra></extra>",
            name="contribution",
            yaxis=axis,
        )
    )
    return traces


def hover_texts(shown: Map, locus: Locus) -> list[list[str]]:
    """What hovering over each cell says, rows A, C, G, T: place, change, effect with its unit, spread, percentile."""
    columns = _columns(shown.sequence, locus)
    texts = [["no base here"] * locus.length for _ in BASES]
    digits, unit = _digits(shown.largest), plain(shown.unit)
    effects = shown.effects.tolist()
    spread = None if shown.spread is None else shown.spread.tolist()
    ranked = None if shown.percentiles is None else shown.percentiles.tolist()
    for place, index in zip(columns[0].tolist(), columns[1].tolist(), strict=True):
        ref, at = shown.sequence.bases[index], f"{locus.start + place + 1:,}"
        for row, base in enumerate(BASES):
            value = effects[row][index]
            if base == ref:
                texts[row][place] = f"{at} <b>{ref}</b> stands here"
            elif value != value:  # NaN
                texts[row][place] = f"{at} {ref}&gt;{base}<br>not known"
            else:
                between = "" if spread is None else f" ± {spread[row][index]:.{digits}f} between members"
                rank = "" if ranked is None else f"<br>larger than {ranked[row][index]:.1f} % of the background"
                said = f"{shown.what} {number(value, digits)} {unit}{between}"
                texts[row][place] = f"{at} <b>{ref}&gt;{base}</b><br>{said}{rank}"
    return texts


def along_locus(matrix: Float, sequence: Bases, locus: Locus) -> Float:
    """float32 (4, locus length): a map (4, length) at the genome positions of a locus; NaN where no base is left."""
    placed = np.full((len(matrix), locus.length), np.nan, np.float32)
    places, indexes = _columns(sequence, locus)
    placed[:, places] = matrix[:, indexes]
    return placed


def standing_bases(sequence: Bases, locus: Locus) -> tuple[list[int], list[str]]:
    """1-based genome positions of the known bases of a locus, and those bases."""
    places, indexes = _columns(sequence, locus)
    found = [
        (locus.start + place + 1, sequence.bases[index])
        for place, index in zip(places.tolist(), indexes.tolist(), strict=True)
        if sequence.bases[index] in BASES
    ]
    return [place for place, _ in found], [base for _, base in found]


def _map_traces(shown: Map, locus: Locus, domain: tuple[float, float], axis: str) -> list[Any]:
    """A map, with the base that stands there marked by a dot."""
    most = shown.full
    places, bases = standing_bases(shown.sequence, locus)
    near = locus.length <= _NEAR
    cells = go.Heatmap(
        x0=locus.start + 1,
        dx=1,
        y=list(BASES),
        z=along_locus(shown.effects, shown.sequence, locus),
        zmin=-most,
        zmax=most,
        colorscale=SCALE,
        text=np.array(hover_texts(shown, locus), dtype=object),
        hovertemplate="%{text}<extra></extra>",
        xgap=0.6 if near else 0,
        ygap=0.6,
        name=shown.what,
        yaxis=axis,
        colorbar={
            "title": {"text": plain(_cut(shown.unit)), "font": {"size": 11}},
            "len": domain[1] - domain[0],
            "lenmode": "fraction",
            "y": sum(domain) / 2,
            "thickness": 10,
            "tickfont": {"size": 10},
            "tickvals": [-most, 0, most],
            "ticktext": [number(-most, _digits(most)), "0", number(most, _digits(most))],
            "outlinewidth": 0,
            "x": 1.01,
        },
    )
    dots = go.Scatter(
        x=np.array(places),
        y=np.array(bases, dtype=object),
        mode="markers",
        marker={"color": DOT, "size": 3.5 if near else 1.4},
        hoverinfo="skip",
        name="base in this sequence",
        yaxis=axis,
    )
    return [cells, dots]


def _map_axis(domain: tuple[float, float]) -> dict[str, Any]:
    return {
        "domain": domain,
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(BASES),
        "range": [3.5, -0.5],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"size": 11},
    }


def _key(axis: str) -> str:
    """The layout's word for an axis that traces call ``y2``."""
    return f"yaxis{axis[1:]}"


def _columns(sequence: Bases, locus: Locus) -> tuple[Any, Any]:
    """Places counted from the start of a locus, and where in the sequence their bases are; inserted bases left out."""
    places = sequence.positions - locus.start
    indexes = np.flatnonzero(~sequence.inserted & (places >= 0) & (places < locus.length))
    return places[indexes], indexes


def _digits(largest: float) -> int:
    """Digits after the point that a map needs, one more than its largest effect."""
    return digits_for(largest) + 1 if largest > 0 else 2


def number(value: float, digits: int) -> str:
    """A change with its sign, a real minus among them."""
    shown = f"{value:+.{digits}f}"
    return ("0" if float(shown) == 0 else shown).replace("-", "−")


def plain(text: str) -> str:
    """Text that people wrote, so that Plotly shows it as it is: nothing in it is a tag."""
    return html.escape(text, quote=False)


def _cut(unit: str, width: int = 18) -> str:
    """A unit where there is little room."""
    return unit if len(unit) <= width else f"{unit[: width - 1]}…"
