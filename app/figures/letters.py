"""Contribution letters in Plotly: four filled traces, one per base, so that a thousand letters cost milliseconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.logos import PALETTES
from genome.sequence import codes_of
from interpret.attribution import Attribution
from models.core import Prediction

Values = npt.NDArray[np.float64]

# Outlines in a unit square, one closed polygon per base; None lifts the pen. Drawn for this project.
_OUTLINES: dict[str, list[tuple[float, float] | None]] = {
    "A": [
        (0, 0),
        (0.38, 1),
        (0.62, 1),
        (1, 0),
        (0.8, 0),
        (0.7, 0.27),
        (0.3, 0.27),
        (0.2, 0),
        (0, 0),
        None,
        (0.36, 0.43),
        (0.64, 0.43),
        (0.5, 0.82),
        (0.36, 0.43),
    ],
    "C": [
        (1, 0.72),
        (0.8, 0.68),
        (0.68, 0.84),
        (0.42, 0.85),
        (0.24, 0.66),
        (0.22, 0.34),
        (0.42, 0.14),
        (0.68, 0.15),
        (0.8, 0.32),
        (1, 0.28),
        (0.82, 0.04),
        (0.4, 0),
        (0.1, 0.18),
        (0, 0.5),
        (0.1, 0.82),
        (0.4, 1),
        (0.82, 0.96),
        (1, 0.72),
    ],
    "G": [
        (0.96, 0.74),
        (0.77, 0.7),
        (0.66, 0.84),
        (0.42, 0.85),
        (0.24, 0.66),
        (0.22, 0.34),
        (0.42, 0.14),
        (0.74, 0.2),
        (0.78, 0.36),
        (0.55, 0.36),
        (0.55, 0.52),
        (1, 0.52),
        (1, 0.12),
        (0.72, 0.01),
        (0.4, 0),
        (0.1, 0.18),
        (0, 0.5),
        (0.1, 0.82),
        (0.4, 1),
        (0.8, 0.96),
        (0.96, 0.74),
    ],
    "T": [(0.4, 0), (0.4, 0.84), (0, 0.84), (0, 1), (1, 1), (1, 0.84), (0.6, 0.84), (0.6, 0), (0.4, 0)],
}


def figure(prediction: Prediction, attribution: Attribution | None, track: str, palette: str) -> go.Figure:
    """The predicted track over the letters, in genome coordinates (1-based on the axis).

    Args:
        prediction: every track along the locus.
        attribution: the contributions, or None where the locus is too long for letters.
        track: the track to draw.
        palette: key of PALETTES.
    """
    index = prediction.spec.track_index(track)
    unit = prediction.spec.tracks[index].unit
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.35, 0.65], vertical_spacing=0.06)
    middle = (prediction.starts + prediction.ends + 1) / 2
    drawn.add_scatter(
        x=middle, y=prediction.values[index], mode="lines+markers", line={"color": "#0072B2"}, name=track, row=1, col=1
    )
    if attribution is not None:
        for trace in letter_traces(attribution, palette):
            drawn.add_trace(trace, row=2, col=1)
    drawn.update_yaxes(title_text=unit, row=1, col=1)
    drawn.update_yaxes(title_text=f"contribution, {attribution.unit if attribution else unit}", row=2, col=1)
    drawn.update_layout(
        height=420,
        margin={"l": 60, "r": 20, "t": 30, "b": 40},
        showlegend=False,
        title={"text": f"{prediction.spec.model_id} · {track} · {prediction.locus}", "font": {"size": 13}},
    )
    return drawn


def letter_traces(attribution: Attribution, palette: str) -> list[go.Scatter]:
    """At most four filled traces, one per base, whose outlines are all of its letters."""
    return [
        go.Scatter(
            x=xs,
            y=ys,
            mode="lines",
            fill="toself",
            line={"width": 0},
            name=base,
            fillcolor=PALETTES[palette][base],
            hoverinfo="skip",
        )
        for base, xs, ys in letter_outlines(attribution)
    ]


def letter_outlines(attribution: Attribution) -> list[tuple[str, Values, Values]]:
    """For each base, one pen path through all its letters, NaN where the pen is lifted.

    Returns:
        (base, x, y) of each base that has a letter: float64 (points,) each, x in 1-based genome positions, y in the
        track's unit. Inserted bases have no place and are left out.
    """
    part = np.arange(*attribution.core)
    values = attribution.values[part].astype(np.float64)
    codes = codes_of(attribution.sequence.bases)[part]
    drawn = ~attribution.sequence.inserted[part] & (values != 0)
    rows = []
    for code, (base, outline) in enumerate(_OUTLINES.items()):
        mine = drawn & (codes == code)
        if not mine.any():
            continue
        points = np.array([(np.nan, np.nan) if point is None else point for point in [*outline, None]])  # (points, 2)
        left, height = attribution.sequence.positions[part[mine]] + 0.55, values[mine][:, None]
        xs = left[:, None] + 0.9 * points[:, 0]
        ys = height * np.where(height > 0, points[:, 1], 1 - points[:, 1])
        rows.append((base, xs.ravel(), ys.ravel()))
    return rows
