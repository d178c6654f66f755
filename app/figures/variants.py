"""Many variants at a glance: how large effects are, where the largest lie, and what became of every allele."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from app.figures.heatmap import GREY, INK, LOWERS, RAISES, plain
from genome.variant_rows import STATUSES

MAX_DOTS = 1_000  # more would choke a browser; the largest are drawn
_BINS = 60
_MANY = 50  # alleles of one size from which on counts are drawn on a logarithmic axis
_PALE = "#94a3b8"


def distribution(effects: npt.NDArray[np.float32], unit: str) -> go.Figure:
    """How many alleles have an effect of which size; many are counted on a logarithmic axis.

    Args:
        effects: float32 (n,), NaN where there is none.
        unit: of the effects.
    """
    known = effects[np.isfinite(effects)].astype(np.float64)
    most = float(np.abs(known).max()) if len(known) else 1.0
    counts, edges = np.histogram(known, _BINS, (-(most or 1.0), most or 1.0))
    middles = (edges[:-1] + edges[1:]) / 2
    texts = [f"{_short(a)} to {_short(b)}: {count:,}" for a, b, count in zip(edges, edges[1:], counts, strict=False)]
    bars = go.Bar(
        x=middles,
        y=np.where(counts > 0, counts, np.nan),
        width=edges[1] - edges[0],
        marker={"color": [RAISES if middle > 0 else LOWERS for middle in middles]},
        text=texts,
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )
    found = _figure([bars], f"effect, {plain(unit)}", "alleles")
    if counts.max(initial=0) >= _MANY:
        found.update_yaxes(type="log", dtick=1, tickformat=",d")
    else:
        found.update_yaxes(rangemode="tozero", nticks=5, tickformat=",d")
    return found


def along_the_genome(
    effects: npt.NDArray[np.float32],
    chroms: npt.NDArray[np.uint16],
    starts: npt.NDArray[np.int64],
    names: Sequence[str],
    unit: str,
) -> go.Figure:
    """Where the largest effects lie: a dot each, chromosomes side by side in the order of the file.

    Args:
        effects: float32 (n,), NaN where there is none.
        chroms: uint16 (n,), numbers into ``names``.
        starts: int64 (n,), 0-based.
        names: of chromosomes.
        unit: of the effects.
    """
    known = np.flatnonzero(np.isfinite(effects) & (starts >= 0))
    largest = known[np.argsort(-np.abs(effects[known]), kind="stable")[:MAX_DOTS]]
    present = sorted(set(chroms[largest].tolist()))
    spans = {
        chrom: (starts[known][chroms[known] == chrom].min(), starts[known][chroms[known] == chrom].max())
        for chrom in present
    }
    gap = 0.02 * sum(float(last - first + 1) for first, last in spans.values())
    x, offset, ticks = np.zeros(len(largest)), 0.0, []
    for chrom in present:
        first, last = spans[chrom]
        here = chroms[largest] == chrom
        x[here] = starts[largest][here] - first + offset
        ticks.append((offset + float(last - first) / 2, plain(str(names[chrom]))))
        offset += float(last - first + 1) + gap
    drawn = []
    for colour, side in ((RAISES, effects[largest] > 0), (LOWERS, effects[largest] <= 0)):
        places = largest[side]
        texts = [
            f"{plain(str(names[chrom]))}:{start + 1:,}<br>{_short(effect)} {plain(unit)}"
            for chrom, start, effect in zip(
                chroms[places].tolist(), starts[places].tolist(), effects[places].tolist(), strict=True
            )
        ]
        drawn.append(
            go.Scatter(
                x=x[side],
                y=effects[places],
                mode="markers",
                marker={"color": colour, "size": 5, "opacity": 0.6},
                text=np.array(texts, dtype=object),
                hovertemplate="%{text}<extra></extra>",
            )
        )
    found = _figure(drawn, "", f"effect, {plain(unit)}")
    if len(present) == 1:
        first, last = spans[present[0]]
        places = np.linspace(0, float(last - first), 4)
        found.update_xaxes(tickvals=places, ticktext=[f"{int(place + first) + 1:,}" for place in places])
        found.update_xaxes(title={"text": ticks[0][1], "font": {"size": 12}})
    else:
        found.update_xaxes(tickvals=[place for place, _ in ticks], ticktext=[name for _, name in ticks])
    return found


def became(counts: Mapping[int, int], pending: int) -> go.Figure:
    """What became of the alleles: how many of each status.

    Args:
        counts: by number into STATUSES.
        pending: how many are not computed yet.
    """
    rows = [(STATUSES[code], count) for code, count in sorted(counts.items(), reverse=True)]
    rows = ([("not computed yet", pending)] if pending else []) + rows
    bars = go.Bar(
        x=[count for _, count in rows],
        y=[name for name, _ in rows],
        orientation="h",
        marker={
            "color": [RAISES if name == "ok" else _PALE if name == "not computed yet" else LOWERS for name, _ in rows]
        },
        text=[f"{count:,}" for _, count in rows],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:,}<extra></extra>",
    )
    found = _figure([bars], "alleles", "")
    found.update_layout(margin={"l": 120, "r": 50})
    found.update_xaxes(rangemode="tozero", nticks=4)
    return found


def _figure(traces: list[object], x: str, y: str) -> go.Figure:
    axis = {"zerolinecolor": "#cbd5e1", "gridcolor": "#f1f5f9", "tickfont": {"size": 11, "color": GREY}}
    return go.Figure(
        traces,
        {
            "height": 250,
            "margin": {"l": 60, "r": 16, "t": 12, "b": 46},
            "showlegend": False,
            "bargap": 0.08,
            "plot_bgcolor": "#ffffff",
            "paper_bgcolor": "#ffffff",
            "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK}},
            "xaxis": axis | {"title": {"text": x, "font": {"size": 12}}},
            "yaxis": axis | {"title": {"text": y, "font": {"size": 12}}},
        },
    )


def _short(value: float) -> str:
    """An effect with its sign to three digits, a real minus among them."""
    return f"{value:+.3g}".replace("-", "−")
