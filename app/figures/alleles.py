"""REF and ALT as pictures: letters in register on one scale, and both predictions with their difference. No Streamlit here."""

from __future__ import annotations

from collections.abc import Sequence as Seq

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.compare import Column, columns
from app.figures.logos import (
    FAINT,
    INK,
    LABEL_WIDTH,
    PALETTES,
    LetterRow,
    Palette,
    letters_line,
    svg_picture,
    svg_text,
)
from genome.locus import Variant
from interpret.alleles import Profiles, Sweep
from interpret.attribution import Attribution
from interpret.effects import around
from interpret.wording import signed

Float = npt.NDArray[np.float64]

AROUND = 38  # bp shown on either side of the variant
MOST_COLUMNS = 400
RAISES, LOWERS, REF_LINE, ALT_LINE, GRID = "#0072B2", "#D55E00", "#64748b", "#0f172a", "#eef2f7"
_MARK, _RULE = "#fef3c7", "#cbd5e1"
_HEAD, _ROW, _BASES, _BARS = 26.0, 84.0, 15.0, 56.0  # pixels: ruler, letters, their names, the difference
_TICK = 10  # bp


def letters_picture(
    ref: Attribution,
    alt: Attribution,
    edits: tuple[Variant, ...],
    *,
    palette: Palette = "safe",
    base_width: float = 15.0,
) -> str:
    """The letters of both alleles and their difference, base under base on one scale, as an ``<svg>`` element.

    Gaps stand where an allele has no base; the changed bases are shaded; the names of the bases stand under the letters,
    because a base that contributes nothing has no letter.

    Args:
        ref: contributions without the edits.
        alt: with them.
        edits: what differs.
        palette: colours of the letters.
        base_width: of a column, in pixels.

    Raises:
        ValueError: when no base around the edits was explained.
    """
    first, last = around(edits)
    shown = [c for c in columns(ref, alt) if first - AROUND <= c.position < last + AROUND][:MOST_COLUMNS]
    if not shown:
        raise ValueError(f"no base around {edits=} was explained")
    rows = [_row("REF", [c.before for c in shown]), _row("ALT", [c.after for c in shown])]
    difference = rows[1].heights - rows[0].heights
    scale = (
        min(0.0, *(float(row.heights.min()) for row in rows)),
        max(0.0, *(float(row.heights.max()) for row in rows)),
    )
    marked = [index for index, column in enumerate(shown) if column.differs]
    height = _HEAD + 2 * (_ROW + _BASES) + _BARS
    parts = [_shade(marked, height, base_width), _ruler(shown, base_width)]
    for index, row in enumerate(rows):
        top = _HEAD + index * (_ROW + _BASES)
        parts.append(letters_line(row, top + 3, _ROW - 6, scale, base_width, PALETTES[palette]))
        parts.append(_names(row.letters, top + _ROW + 9, base_width, set(marked)))
    parts.append(_bars(difference, _HEAD + 2 * (_ROW + _BASES), scale, base_width))
    said = f"Contribution of each base with REF and with ALT, and their difference, in {ref.unit}"
    return svg_picture(LABEL_WIDTH + len(shown) * base_width, height, parts, said)


def sweep_figure(found: Sweep, track: int, unit: str, window: int) -> go.Figure:
    """Both alleles over where the window lies, their difference below; the windows of the effect are shaded."""
    made = _two_rows(unit)
    before, after, delta = (values[:, track] for values in (found.before, found.after, found.delta))
    _lines(made, found.offsets, before, after)
    spread = found.spread[:, track]
    made.add_scatter(
        x=np.concatenate([found.offsets, found.offsets[::-1]]),
        y=np.concatenate([delta + spread, (delta - spread)[::-1]]),
        fill="toself", mode="lines", fillcolor="rgba(0,114,178,0.15)", line={"width": 0}, hoverinfo="skip",
        showlegend=False, row=2, col=1,
    )  # fmt: skip
    _difference(made, found.offsets, delta, "%{x} bp: %{y:+.3g}<extra>ALT − REF</extra>")
    made.add_vrect(x0=-(window // 4), x1=window // 4, fillcolor=_MARK, opacity=0.6, line_width=0, layer="below")
    made.update_xaxes(title_text="middle of the window − variant, bp", row=2, col=1)
    return made


def profile_figure(
    found: Profiles, pair: Seq[int], names: Seq[str], edits: tuple[Variant, ...], unit: str
) -> go.Figure:
    """Expected reads of both alleles base by base, their difference below; the variant is shaded.

    Args:
        found: the reads.
        pair: the tracks that are drawn: one, or both strands of one.
        names: their names.
        edits: the variant.
        unit: of the reads.
    """
    made = _two_rows(unit)
    places = found.positions + 1  # as people count
    for order, (track, name) in enumerate(zip(pair, names, strict=True)):
        dash = "solid" if order == 0 else "dot"
        more = f" {name}" if len(pair) > 1 else ""
        _lines(made, places, found.before[track], found.after[track], more, dash)
    delta = (found.after - found.before)[list(pair)].sum(axis=0)
    _difference(made, places, delta, "%{x:,}: %{y:+.3g}<extra>ALT − REF</extra>")
    first, last = around(edits)
    made.add_vrect(x0=first + 0.5, x1=last + 0.5, fillcolor="#fcd34d", opacity=0.6, line_width=0, layer="below")
    made.update_xaxes(title_text="position", tickformat=",d", row=2, col=1)
    return made


def _two_rows(unit: str) -> go.Figure:
    made = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.06)
    made.update_layout(
        height=340,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        plot_bgcolor="white",
        paper_bgcolor="rgba(0,0,0,0)",
    )
    made.update_xaxes(gridcolor=GRID, zeroline=False)
    made.update_yaxes(title_text=unit, gridcolor=GRID, zeroline=False, row=1, col=1)
    made.update_yaxes(title_text="ALT − REF", gridcolor=GRID, zerolinecolor=_RULE, rangemode="tozero", row=2, col=1)
    return made


def _lines(
    made: go.Figure,
    x: npt.NDArray[np.int64],
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    more: str = "",
    dash: str = "solid",
) -> None:
    for name, values, color, width in (("REF", before, REF_LINE, 3), ("ALT", after, LOWERS, 1.8)):
        made.add_scatter(
            x=x, y=values, name=f"{name}{more}", mode="lines", line={"color": color, "width": width, "dash": dash},
            hovertemplate=f"%{{x:,}}: %{{y:.3g}}<extra>{name}{more}</extra>", row=1, col=1,
        )  # fmt: skip


def _difference(made: go.Figure, x: npt.NDArray[np.int64], delta: npt.ArrayLike, hover: str) -> None:
    made.add_scatter(
        x=x, y=delta, name="ALT − REF", mode="lines", line={"color": RAISES, "width": 1.8}, hovertemplate=hover,
        showlegend=False, row=2, col=1,
    )  # fmt: skip


def _row(label: str, cells: list[tuple[str, float] | None]) -> LetterRow:
    letters = "".join(cell[0] if cell else "-" for cell in cells)
    return LetterRow(label, letters, np.array([cell[1] if cell else 0.0 for cell in cells], dtype=np.float64))


def _shade(marked: Seq[int], height: float, base_width: float) -> str:
    """The changed columns, shaded from the ruler down."""
    return "".join(
        f'<rect x="{LABEL_WIDTH + index * base_width:.2f}" y="{_HEAD - 6:g}" width="{base_width:.2f}" '
        f'height="{height - _HEAD + 6:.2f}" fill="{_MARK}"/>'
        for index in marked
    )


def _ruler(shown: list[Column], base_width: float) -> str:
    """1-based positions every ten bases; an inserted base has none."""
    parts = []
    for index, column in enumerate(shown):
        label = f"{column.position + 1:,}"
        room = 3.3 * len(label) <= (len(shown) - index - 0.5) * base_width  # a label is not cut at the right end
        if column.before is not None and (column.position + 1) % _TICK == 0 and room:
            x = LABEL_WIDTH + (index + 0.5) * base_width
            parts.append(f'<path d="M{x:.2f} {_HEAD - 8:g}V{_HEAD - 3:g}" stroke="{FAINT}" stroke-width="1"/>')
            parts.append(svg_text(label, x, _HEAD - 12, FAINT, "middle"))
    return "".join(parts)


def _names(letters: str, y: float, base_width: float, marked: set[int]) -> str:
    """The bases as plain text, the changed ones bold."""
    parts = []
    for index, letter in enumerate(letters):
        if letter == "-":
            continue  # the gap has its dash on the line of the letters
        x = LABEL_WIDTH + (index + 0.5) * base_width
        weight = f'font-weight="700" fill="{INK}"' if index in marked else f'fill="{FAINT}"'
        parts.append(f'<text x="{x:.2f}" y="{y:.2f}" font-size="10" text-anchor="middle" {weight}>{letter}</text>')
    return "".join(parts)


def _bars(difference: Float, top: float, scale: tuple[float, float], base_width: float) -> str:
    """ALT - REF of each column as bars, on the scale of the letters, but clear where that would hide them."""
    low, high = min(0.0, float(difference.min())), max(0.0, float(difference.max()))
    per_unit = (_ROW - 6) / (scale[1] - scale[0]) if scale[1] > scale[0] else 0.0
    room = _BARS - 8
    shrunk = per_unit * (high - low) > room
    per_unit = room / (high - low) if shrunk else per_unit
    zero = top + 4 + (room - per_unit * (high - low)) / 2 + high * per_unit
    right = LABEL_WIDTH + len(difference) * base_width
    parts = [
        svg_text("ALT − REF", 0.0, zero + 2, INK),
        svg_text(f"{signed(low, 2)} to {signed(high, 2)}", 0.0, zero + 16),
        f'<path d="M{LABEL_WIDTH:g} {zero:.2f}H{right:.2f}" stroke="{_RULE}" stroke-width="1"/>',
    ]
    for index in np.flatnonzero(np.abs(difference) * per_unit >= 0.4).tolist():
        size = float(difference[index]) * per_unit
        color, x = (RAISES if size > 0 else LOWERS), LABEL_WIDTH + index * base_width + 0.1 * base_width
        y = zero - max(size, 0.0)
        parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{0.8 * base_width:.2f}" height="{abs(size):.2f}" fill="{color}"/>'
        )
    return "".join(parts)
