"""Letters as pictures: fast SVG for the screen, and logomaker figures with real text for papers.

On the screen a letter is one ``<path>``: it needs no font, no script and no reference by id, so a sanitiser leaves it
alone. Everything that is text is escaped.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from genome.sequence import BASES, Sequence
from interpret.attribution import Attribution
from interpret.methods import in_words
from interpret.motifs import MotifCall

Float = npt.NDArray[np.floating]

# Okabe and Ito's colours, told apart with every common form of colour blindness; and the classic ones.
SAFE_COLOURS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
CLASSIC_COLOURS = {"A": "#109648", "C": "#255C99", "G": "#F7B32B", "T": "#D62839"}
PALETTES = {"safe": SAFE_COLOURS, "classic": CLASSIC_COLOURS}
Palette = Literal["safe", "classic"]

# Each letter fills a box of 100 by 100 units, top left at (0, 0).
_GLYPHS = {
    "A": "M0 100 36 0H64L100 100H78L71 79H29L22 100ZM35 61H65L50 17Z",
    "C": "M100 66C98 88 78 100 52 100 20 100 0 80 0 50 0 20 20 0 52 0 78 0 97 12 99 34H76C73 23 64 18 52 18 33 18 22 30 "
    "22 50 22 70 33 82 52 82 65 82 74 77 76 66Z",
    "G": "M100 48V88C88 96 72 100 55 100 20 100 0 80 0 50 0 20 20 0 54 0 79 0 96 11 99 32H76C73 23 65 18 54 18 34 18 22 30 "
    "22 50 22 70 34 82 55 82 65 82 73 80 78 77V64H56V48Z",
    "T": "M0 0H100V19H61V100H39V19H0Z",
}
_FONT = "font-family=\"system-ui, 'Segoe UI', sans-serif\""
INK, FAINT, _RULE, _MARK = "#0f172a", "#64748b", "#cbd5e1", "#fef3c7"
_SMALLEST = 0.4  # pixels; lower letters cannot be seen and are left out
LABEL_WIDTH = 96.0
_LOGO_LOCK = threading.Lock()  # matplotlib's settings are global


@dataclass(frozen=True)
class LetterRow:
    """One line of letters.

    Attributes:
        label: text at its left.
        letters: A, C, G, T or N, and ``-`` where another row has a base that this one lacks.
        heights: float (length,), contribution of each, in the track's unit; negative letters hang upside down. Gaps
            and N draw nothing.
    """

    label: str
    letters: str
    heights: Float = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.heights.shape != (len(self.letters),) or not set(self.letters) <= set("ACGTN-"):
            raise ValueError(f"{self.heights.shape=}, {self.letters[:40]!r}")
        if not np.isfinite(self.heights).all():
            raise ValueError("letter heights are not finite")


def letters_svg(
    rows: Seq[LetterRow],
    *,
    unit: str = "",
    marked: Seq[int] = (),
    palette: Palette = "safe",
    base_width: float = 10.0,
    row_height: float = 72.0,
    description: str = "Contribution of each base",
) -> str:
    """Lines of letters in register, on one scale: the sequence before and after an edit, for example.

    Args:
        rows: lines of equal length; gaps are columns like any other.
        unit: of the heights, said in the picture's description.
        marked: columns to shade, 0-based: where the lines differ.
        palette: colours of the letters.
        base_width: of a column, in pixels.
        row_height: of a line, in pixels.
        description: what the picture shows, for people who hear it.

    Returns:
        An ``<svg>`` element.
    """
    length = len(rows[0].letters) if rows else 0
    if not length or any(len(row.letters) != length for row in rows) or any(not 0 <= c < length for c in marked):
        raise ValueError(f"rows must have one length, above 0: {[len(row.letters) for row in rows]}, {marked=}")
    low = min(0.0, *(float(row.heights.min()) for row in rows))
    high = max(0.0, *(float(row.heights.max()) for row in rows))
    parts = [
        f'<rect x="{LABEL_WIDTH + c * base_width:.2f}" y="0" width="{base_width:.2f}" '
        f'height="{len(rows) * row_height:.2f}" fill="{_MARK}"/>'
        for c in sorted(set(marked))
    ]
    for index, row in enumerate(rows):
        top = index * row_height + 4
        parts.append(letters_line(row, top, row_height - 8, (low, high), base_width, PALETTES[palette]))
    said = f"{description}, in {unit}" if unit else description
    return svg_picture(LABEL_WIDTH + length * base_width, len(rows) * row_height, parts, said)


def motif_svg(frequencies_in_bits: Float, *, palette: Palette = "safe", base_width: float = 14.0) -> str:
    """A motif as a logo of stacked letters.

    Args:
        frequencies_in_bits: float (4, length), height of each letter in bits (``Motif.information``).
        palette: colours of the letters.
        base_width: of a column, in pixels.

    Returns:
        An ``<svg>`` element; its full height stands for 2 bits.
    """
    length = frequencies_in_bits.shape[1]
    height = 56.0
    parts = [_stacks(frequencies_in_bits, 0.0, 0.0, height, base_width, PALETTES[palette])]
    return svg_picture(length * base_width, height, parts, f"Motif logo, {length} positions, 2 bits high")


def match_svg(
    call: MotifCall, sequence: Sequence, values: Float, *, palette: Palette = "safe", base_width: float = 14.0
) -> str:
    """A contribution peak with the known motif it resembles under it, aligned base for base.

    A motif that matched on the other strand is drawn reverse-complemented, as it lies in the sequence.

    Args:
        call: the seqlet and its best match.
        sequence: the bases that the call's positions count in.
        values: float (length,), contribution of each base.
        palette: colours of the letters.
        base_width: of a column, in pixels.

    Returns:
        An ``<svg>`` element; without a match it holds the contributions alone.
    """
    if values.shape != (sequence.length,):
        raise ValueError(f"{values.shape=}, {sequence.length=}")
    first = min(call.start, call.motif_span[0]) - 2
    last = max(call.end, call.motif_span[1]) + 2
    places = np.arange(first, last)
    inside = (places >= 0) & (places < sequence.length)
    letters = "".join(sequence.bases[i] if ok else "-" for i, ok in zip(places.tolist(), inside.tolist(), strict=True))
    heights = np.where(inside, values[np.clip(places, 0, sequence.length - 1)], 0.0)
    scale = (min(0.0, float(heights.min())), max(0.0, float(heights.max())))
    left = LABEL_WIDTH + (call.seqlet.start - first) * base_width
    width = (call.seqlet.end - call.seqlet.start) * base_width
    colours = PALETTES[palette]
    parts = [letters_line(LetterRow("Contributions", letters, heights), 4.0, 64.0, scale, base_width, colours)]
    motif = call.matched
    if motif is None:
        shade = f'<rect x="{left:.2f}" y="0" width="{width:.2f}" height="72" fill="{_MARK}"/>'
        said = "Contributions of a seqlet (shaded) that was compared with no motif"
        return svg_picture(LABEL_WIDTH + len(letters) * base_width, 72.0, [shade, *parts], said)
    turned = ", reverse complement" if call.strand == "-" else ""
    parts += [
        svg_text(motif.name, 0.0, 100.0, INK),
        svg_text(motif.matrix_id + (" (rc)" if turned else ""), 0.0, 116.0),
    ]
    start = LABEL_WIDTH + (call.motif_span[0] - first) * base_width
    parts.append(_stacks(motif.information, start, 80.0, 56.0, base_width, colours))
    said = f"Contributions of a seqlet above the motif {motif.name} ({motif.matrix_id}{turned}), aligned"
    return svg_picture(LABEL_WIDTH + len(letters) * base_width, 140.0, parts, said)


def stacked_letters(
    values: Float, left: float, top: float, height: float, base_width: float, *, palette: Palette = "safe"
) -> str:
    """Letters of (4, length) values, stacked; those below zero hang, upside down, under the zero line. A part of a drawing."""
    up, down = np.maximum(values, 0.0), np.maximum(-np.asarray(values), 0.0)
    reach = float(up.sum(axis=0).max() + down.sum(axis=0).max())
    per_unit = height / reach if reach > 0 else 0.0
    zero = top + float(up.sum(axis=0).max()) * per_unit
    right = left + values.shape[1] * base_width
    parts = [f'<path d="M{left:.2f} {zero:.2f}H{right:.2f}" stroke="{_RULE}" stroke-width="1"/>']
    for sign, sizes in ((1, up * per_unit), (-1, down * per_unit)):
        ends = zero - sign * _piled(sizes)
        for index, base in enumerate(BASES):
            columns = np.flatnonzero(sizes[index] >= _SMALLEST).tolist()
            boxes = [
                (left + (c + 0.04) * base_width, float(ends[index, c]), sign * float(sizes[index, c])) for c in columns
            ]
            parts.append(_letters(base, boxes, base_width * 0.92, PALETTES[palette][base]))
    return "".join(parts)


def caption_of(attribution: Attribution) -> str:
    """One line that pins a picture of contributions: model, track, method, reference, seed, strands."""
    spec = attribution.spec
    unit = spec.tracks[spec.track_index(attribution.target.track)].unit
    strands = "mean of both strands" if len(spec.strands) == 2 else "forward strand as given"
    return f"{spec.model_id} · {attribution.target.track} ({unit}) · {in_words(attribution)} · {strands}"


def publication_logo(
    sequence: Sequence,
    values: Float,
    *,
    caption: str,
    unit: str,
    kind: Literal["svg", "pdf", "png"],
    palette: Palette = "safe",
    bases_per_line: int = 100,
) -> bytes:
    """The contributions as a figure for a paper, by logomaker: text stays text, fonts are embedded in a PDF.

    It takes seconds (about 2.5 ms a letter), so keep it for export.

    Args:
        sequence: the bases; each line is headed by its place in the genome.
        values: float (length,), contribution of each base.
        caption: the line under the figure, as ``caption_of`` makes it.
        unit: of the values.
        kind: file format.
        palette: colours of the letters.
        bases_per_line: the sequence is broken into lines of this many.

    Returns:
        The file; the same input gives the same bytes.
    """
    if values.shape != (sequence.length,) or kind not in ("svg", "pdf", "png") or bases_per_line < 10:
        raise ValueError(f"{values.shape=}, {sequence.length=}, {kind=}, {bases_per_line=}")
    return drawn_file(
        lambda: _publication_figure(sequence, values, caption, unit, PALETTES[palette], bases_per_line), kind
    )


def drawn_file(draw: Callable[[], Any], kind: Literal["svg", "pdf", "png"]) -> bytes:
    """What ``draw`` makes (a matplotlib figure) as a file without a date: text stays text, fonts are embedded in a PDF."""
    from matplotlib import rc_context

    settings = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "cislens", "font.family": "DejaVu Sans"}
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    target = io.BytesIO()
    with _LOGO_LOCK, rc_context(settings):  # type: ignore[arg-type]
        draw().savefig(target, format=kind, metadata=undated, dpi=200)
    return target.getvalue()


def draw_letters(axis: Any, heights: Float, colours: dict[str, str]) -> None:
    """Letters (4, length) on a matplotlib axis by logomaker, the first at x = 0."""
    import logomaker
    import pandas as pd

    if not heights.any():
        axis.axhline(0, color="black", linewidth=0.5)
        return
    table = pd.DataFrame(heights.T.astype(float), columns=list(BASES))
    logomaker.Logo(table, ax=axis, color_scheme=colours, flip_below=True, baseline_width=0.5)


def _publication_figure(
    sequence: Sequence, values: Float, caption: str, unit: str, colours: dict[str, str], bases_per_line: int
) -> object:
    """A matplotlib figure, one axis per line of letters, all on one scale."""
    from matplotlib.figure import Figure

    starts = range(0, sequence.length, bases_per_line)
    columns = min(sequence.length, bases_per_line)
    size = (max(4.0, 0.11 * columns + 1.0), 1.15 * len(starts) + 0.55)
    figure = Figure(figsize=size, layout="constrained")
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    margin = 0.05 * (high - low or 1.0)
    heights = sequence.one_hot() * values
    for axis, start in zip(figure.subplots(len(starts), 1, squeeze=False)[:, 0], starts, strict=True):
        end = min(start + bases_per_line, sequence.length)
        draw_letters(axis, heights[:, start:end], colours)
        axis.set(xlim=(-0.5, columns - 0.5), ylim=(low - margin, high + margin), xticks=[])
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.tick_params(labelsize=7)
        axis.set_title(str(sequence.part(start, end).locus), fontsize=8, loc="left", parse_math=False)
        axis.set_ylabel(unit, fontsize=7, parse_math=False)
    figure.supxlabel(caption, fontsize=6, parse_math=False, wrap=True)
    return figure


def letters_line(
    row: LetterRow, top: float, height: float, scale: tuple[float, float], base_width: float, colours: dict[str, str]
) -> str:
    """Letters of one row on its zero line, grouped by base, as SVG.

    Args:
        row: the letters.
        top: of the row, in pixels.
        height: of the row, in pixels.
        scale: lowest and highest value of the row.
        base_width: of a column, in pixels; the first begins at LABEL_WIDTH.
        colours: of the letters.
    """
    low, high = scale
    per_unit = height / (high - low) if high > low else 0.0
    zero = top + high * per_unit
    right = LABEL_WIDTH + len(row.letters) * base_width
    parts = [svg_text(row.label, 0.0, top + height / 2 + 4, INK)]
    parts.append(f'<path d="M{LABEL_WIDTH:g} {zero:.2f}H{right:.2f}" stroke="{_RULE}" stroke-width="1"/>')
    places = np.frombuffer(row.letters.encode("ascii"), dtype=np.uint8)
    sizes = np.asarray(row.heights, dtype=np.float64) * per_unit
    visible = np.abs(sizes) >= _SMALLEST
    gaps = np.flatnonzero(places == ord("-")).tolist()
    parts += [svg_text("–", LABEL_WIDTH + (gap + 0.5) * base_width, zero + 4, FAINT, "middle") for gap in gaps]
    for base in BASES:
        found = np.flatnonzero((places == ord(base)) & visible)
        lefts = (LABEL_WIDTH + found * base_width + base_width * 0.04).tolist()
        boxes = [(x, zero - size, size) for x, size in zip(lefts, sizes[found].tolist(), strict=True)]
        parts.append(_letters(base, boxes, base_width * 0.92, colours[base]))
    return "".join(parts)


def _stacks(bits: Float, left: float, top: float, height: float, base_width: float, colours: dict[str, str]) -> str:
    """Stacked letters (4, length), the highest on top; ``height`` pixels stand for 2 bits."""
    sizes = np.asarray(bits, dtype=np.float64) * height / 2.0
    floors = _piled(sizes)
    parts = []
    for index, base in enumerate(BASES):
        found = np.flatnonzero(sizes[index] >= _SMALLEST).tolist()
        boxes = [
            (left + (c + 0.04) * base_width, top + height - floors[index, c], float(sizes[index, c])) for c in found
        ]
        parts.append(_letters(base, boxes, base_width * 0.92, colours[base]))
    right = left + bits.shape[1] * base_width
    parts.append(f'<path d="M{left:.2f} {top + height:g}H{right:.2f}" stroke="{_RULE}" stroke-width="1"/>')
    return "".join(parts)


def _piled(sizes: Float) -> Float:
    """How far up each letter of (4, length) reaches when a column's letters are piled, the highest on top."""
    order = np.argsort(sizes, axis=0, kind="stable")
    tops = np.zeros_like(sizes)
    np.put_along_axis(tops, order, np.cumsum(np.take_along_axis(sizes, order, 0), 0), 0)
    return tops


def _letters(base: str, boxes: Seq[tuple[float, float, float]], width: float, colour: str) -> str:
    """All letters of one base; a box is (left, top, height) in pixels, turned upside down by a negative height."""
    glyph, across = _GLYPHS[base], f"{width / 100:.4f}"
    drawn = [f'<path transform="matrix({across} 0 0 {h / 100:.4f} {x:.2f} {y:.2f})" d="{glyph}"/>' for x, y, h in boxes]
    return f'<g fill="{colour}">{"".join(drawn)}</g>'


def svg_text(text: str, x: float, y: float, colour: str = FAINT, anchor: str = "start") -> str:
    """A piece of text in an SVG, escaped; ``x`` and ``y`` are pixels, ``y`` that of the line it stands on."""
    size = 12 if colour == INK else 11
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def svg_picture(width: float, height: float, parts: Seq[str], description: str) -> str:
    """An ``<svg>`` element of this many pixels; the description is for people who hear it."""
    said = escape(description)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.2f} {height:.2f}" role="img" aria-label="{said}" {_FONT}>{"".join(parts)}</svg>'
    )
