"""What a job has computed so far, as a picture: bars of contributions, or a map of effects. Gaps are not computed yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

_MOST_COLUMNS = 4_000  # beyond it neighbours share a column: no screen has more


def contributions(values: npt.NDArray[np.float32], positions: npt.NDArray[np.int64], unit: str) -> Any:
    """Bars along the genome.

    Args:
        values: float32 (length,), NaN where nothing is computed yet.
        positions: int64 (length,), 0-based genome positions.
        unit: of the values.
    """
    shown, where, joined = _thinned(values[None], positions)
    figure = go.Figure(go.Bar(x=where + 1, y=shown[0], marker={"color": "#0284c7", "line": {"width": 0}}))
    name = "contribution" if joined == 1 else f"strongest contribution in {joined} bp"
    return _laid_out(figure, f"{name} ({unit})")


def effects(values: npt.NDArray[np.float32], positions: npt.NDArray[np.int64], unit: str) -> Any:
    """A map of what each base at each place does to the prediction.

    Args:
        values: float32 (4, length), NaN where nothing is computed yet; 0 for the base that stands there.
        positions: int64 (length,), 0-based genome positions.
        unit: of the values.
    """
    shown, where, joined = _thinned(values, positions)
    most = float(np.nanmax(np.abs(shown), initial=0.0)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            x=where + 1, y=list("ACGT"), z=shown, zmin=-most, zmax=most, colorscale="RdBu_r", colorbar={"title": unit}
        )
    )
    return _laid_out(figure, "base put in" if joined == 1 else f"base put in, strongest in {joined} bp")


def _laid_out(figure: Any, name: str) -> Any:
    figure.update_layout(
        height=240, margin={"l": 60, "r": 10, "t": 10, "b": 40}, plot_bgcolor="#fff", paper_bgcolor="#fff", bargap=0
    )
    figure.update_xaxes(title="position", tickformat=",d")
    figure.update_yaxes(title=name)
    return figure


def _thinned(
    values: npt.NDArray[np.float32], positions: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], int]:
    """At most 4,000 columns: of neighbours that share one, the largest in size stands for them."""
    joined = -(-values.shape[1] // _MOST_COLUMNS)
    if joined == 1:
        return values, positions, 1
    padded = np.pad(values, ((0, 0), (0, -values.shape[1] % joined)), constant_values=np.nan)
    blocks = padded.reshape(len(values), -1, joined)
    largest = np.where(np.isnan(blocks), -1.0, np.abs(blocks)).argmax(axis=2)
    return np.take_along_axis(blocks, largest[:, :, None], axis=2)[:, :, 0], positions[::joined], joined
