"""Letters over the map of every substitution as a file: an SVG of our own, and PDF or PNG by matplotlib. No browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from app.figures.heatmap import DOT, INK, LOWERS, NONE, RAISES, UNKNOWN, Map, along_locus, standing_bases
from app.figures.logos import (
    FAINT,
    LABEL_WIDTH,
    PALETTES,
    LetterRow,
    Palette,
    draw_letters,
    drawn_file,
    letters_line,
    svg_picture,
    svg_text,
)
from genome.locus import Locus
from genome.sequence import BASES
from interpret.attribution import Attribution, Float

_CELL, _LETTERS, _BASE, _TICK, _SCALE = 13.0, 96.0, 9.0, 40, 84.0  # pixels; a tick every so many bases
_STEPS = 24  # colours on either side of no effect


def picture(
    maps: Sequence[Map], attribution: Attribution | None, locus: Locus, caption: str, *, palette: Palette = "safe"
) -> str:
    """Letters and maps in genome coordinates as SVG.

    Args:
        maps: the predicted one first.
        attribution: the contributions above them, or None.
        locus: the stretch shown, 0-based half-open.
        caption: the line at the foot that says how it was made.
        palette: colours of the letters.

    Returns:
        An ``<svg>`` element.
    """
    parts: list[str] = []
    top = 4.0
    if attribution is not None:
        row = _letter_row(attribution, locus)
        scale = (min(0.0, float(row.heights.min())), max(0.0, float(row.heights.max())))
        title = f"Contributions to {attribution.target.track}, {attribution.method}, {attribution.unit}"
        parts.append(svg_text(title, LABEL_WIDTH, top + 11, INK))
        parts.append(letters_line(row, top + 16, _LETTERS, scale, _BASE, PALETTES[palette]))
        ends = ((scale[1], top + 24), (scale[0], top + 16 + _LETTERS))
        parts += [svg_text(_short(value), LABEL_WIDTH - 8, y, FAINT, "end") for value, y in ends if value]
        top += _LETTERS + 26
    for shown in maps:
        parts += [svg_text(shown.title, LABEL_WIDTH, top + 11, INK), *_cells(shown, locus, top + 17)]
        top += 4 * _CELL + 30
    parts += _positions(locus, top)
    width = max(LABEL_WIDTH + locus.length * _BASE + _SCALE, LABEL_WIDTH + 6.0 * len(caption))
    parts.append(svg_text(caption, LABEL_WIDTH, top + 38))
    return svg_picture(width, top + 48, parts, caption)


def publication(
    maps: Sequence[Map],
    attribution: Attribution | None,
    locus: Locus,
    caption: str,
    kind: Literal["pdf", "png"],
    *,
    palette: Palette = "safe",
) -> bytes:
    """The same for a paper: text stays text, fonts are embedded; takes seconds for long loci. Arguments as ``picture``."""
    return drawn_file(lambda: _page(maps, attribution, locus, caption, palette), kind)


def colour_of(share: float) -> str:
    """The colour of an effect of this share (-1 to 1) of the largest, in steps that an eye can tell."""
    step = round(max(-1.0, min(1.0, share)) * _STEPS) / _STEPS
    full, strength = (RAISES, step) if step > 0 else (LOWERS, -step)
    ends = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (NONE, full)]
    return "#" + "".join(f"{round(a + strength * (b - a)):02x}" for a, b in zip(*ends, strict=True))


def _letter_row(attribution: Attribution, locus: Locus) -> LetterRow:
    """The letters at the genome positions of a locus."""
    part = attribution.sequence.part(*attribution.core)
    values = along_locus(attribution.values[None, slice(*attribution.core)], part, locus)[0]
    letters = ["N"] * locus.length
    for place, base in zip(*standing_bases(part, locus), strict=True):
        letters[place - 1 - locus.start] = base
    return LetterRow("", "".join(letters), np.nan_to_num(values))


def _cells(shown: Map, locus: Locus, top: float) -> list[str]:
    """The cells of a map, one path for each colour, with dots, row names and the scale."""
    effects, most = along_locus(shown.effects, shown.sequence, locus), shown.full
    width, height = locus.length * _BASE, 4 * _CELL
    parts = [f'<rect x="{LABEL_WIDTH:g}" y="{top:g}" width="{width:g}" height="{height:g}" fill="{UNKNOWN}"/>']
    by_colour: dict[str, list[str]] = {}
    for row, column in np.argwhere(np.isfinite(effects)).tolist():
        box = f"M{LABEL_WIDTH + column * _BASE:g} {top + row * _CELL:g}h{_BASE:g}v{_CELL:g}h{-_BASE:g}z"
        by_colour.setdefault(colour_of(float(effects[row, column]) / most), []).append(box)
    parts += [f'<path fill="{colour}" d="{"".join(boxes)}"/>' for colour, boxes in sorted(by_colour.items())]
    dots = "".join(
        f'<circle cx="{LABEL_WIDTH + (place - 1 - locus.start + 0.5) * _BASE:g}" '
        f'cy="{top + (BASES.index(base) + 0.5) * _CELL:g}" r="1.4"/>'
        for place, base in zip(*standing_bases(shown.sequence, locus), strict=True)
    )
    parts.append(f'<g fill="{DOT}">{dots}</g>')
    parts += [svg_text(base, LABEL_WIDTH - 8, top + (i + 0.75) * _CELL, INK, "end") for i, base in enumerate(BASES)]
    return [*parts, *_scale(shown, LABEL_WIDTH + width + 10, top, height)]


def _scale(shown: Map, left: float, top: float, height: float) -> list[str]:
    """What the colours mean, at the right of a map."""
    most, n = shown.full, 11
    parts = [
        f'<rect x="{left:g}" y="{top + i * height / n:.2f}" width="8" height="{height / n + 0.3:.2f}" '
        f'fill="{colour_of(1 - 2 * i / (n - 1))}"/>'
        for i in range(n)
    ]
    ends = ((most, top + 8), (-most, top + height))
    parts += [svg_text(_short(value), left + 12, y) for value, y in ends]
    return [*parts, svg_text(shown.unit, left + 12, top + height / 2 + 4)]


def _short(value: float) -> str:
    """Two digits with their sign."""
    return f"{value:+.2g}".replace("-", "−")


def _positions(locus: Locus, top: float) -> list[str]:
    """Ticks with 1-based positions under the columns."""
    first = locus.start + 1 + (-(locus.start + 1)) % _TICK
    return [
        svg_text(f"{place:,}", LABEL_WIDTH + (place - 1 - locus.start + 0.5) * _BASE, top + 6, FAINT, "middle")
        for place in range(first, locus.end + 1, _TICK)
    ] + [svg_text(str(locus), LABEL_WIDTH, top + 22)]


def _page(maps: Sequence[Map], attribution: Attribution | None, locus: Locus, caption: str, palette: Palette) -> Any:
    """A matplotlib figure: letters and maps on one axis of columns."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    colours = LinearSegmentedColormap.from_list("effects", [LOWERS, NONE, RAISES]).with_extremes(bad=UNKNOWN)
    ratios = [*([1.3] if attribution is not None else []), *[1.0] * len(maps)]
    figure = Figure(figsize=(max(5.0, 0.09 * locus.length + 1.6), 1.0 * sum(ratios) + 0.8), layout="constrained")
    axes = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    if attribution is not None:
        row = _letter_row(attribution, locus)
        one_hot = np.array([[base == letter for letter in row.letters] for base in BASES])
        draw_letters(axes[0], one_hot * row.heights, PALETTES[palette])
        axes[0].set_ylabel(attribution.unit, fontsize=7, parse_math=False)
        axes[0].set_title(f"Contributions, {attribution.method}", fontsize=8, loc="left", parse_math=False)
        axes[0].spines[["top", "right", "bottom"]].set_visible(False)
    for axis, shown in zip(axes[-len(maps) :], maps, strict=True):
        _draw_map(figure, axis, shown, locus, colours)
    ticks = [place - 1 - locus.start for place in range(locus.start + 1, locus.end + 1) if place % _TICK == 0]
    axes[-1].set_xticks(ticks, [f"{locus.start + 1 + tick:,}" for tick in ticks])
    axes[-1].set_xlim(-0.5, locus.length - 0.5)
    for axis in axes:
        axis.tick_params(labelsize=6)
    figure.supxlabel(caption, fontsize=6, parse_math=False, wrap=True)
    return figure


def _draw_map(figure: Any, axis: Any, shown: Map, locus: Locus, colours: Any) -> None:
    effects: Float = along_locus(shown.effects, shown.sequence, locus)
    most = shown.full
    drawn = axis.imshow(effects, aspect="auto", cmap=colours, vmin=-most, vmax=most, interpolation="nearest")
    places, bases = standing_bases(shown.sequence, locus)
    axis.scatter(
        [place - 1 - locus.start for place in places],
        [BASES.index(base) for base in bases],
        s=1.2,
        color=DOT,
        linewidths=0,
    )
    axis.set_yticks(range(4), list(BASES))
    axis.set_title(shown.title, fontsize=8, loc="left", parse_math=False)
    bar = figure.colorbar(drawn, ax=axis, pad=0.01, fraction=0.03)
    bar.ax.tick_params(labelsize=6)
    bar.set_label(shown.unit, fontsize=6, parse_math=False)
