"""The figure of the replayed campaign: one panel per held-out set, a line per strategy over the rounds."""

from __future__ import annotations

from collections.abc import Sequence as Seq

import numpy as np
import numpy.typing as npt

COLOURS = ("#c2410c", "#0284c7", "#7c3aed", "#65a30d", "#b45309", "#0f172a")  # in the order of the strategies
DASHES = ("", "", "6 3", "2 3", "8 2 2 2", "1 2")
NAMES = ("naive", "replay", "ewc", "adapter", "distill", "scratch")
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 170, 150, 46, 56, 34


def figure_svg(rounds: Seq[str], values: npt.NDArray[np.float64]) -> str:
    """An SVG.

    Args:
        rounds: names of the rounds.
        values: float64 (strategies, after round, held-out set), mean r over seeds; the last set are the building blocks.
    """
    sets = [*(f"held-out rows of {name}" for name in rounds), "building blocks (never trained on)"]
    columns = 3
    width = _LEFT + columns * (_WIDTH + _GAP)
    height = _TOP + -(-len(sets) // columns) * (_HEIGHT + _TOP)
    parts = [_text(_LEFT, 18, "Held-out correlation after each round of the retina campaign (mean over seeds)", 13)]
    for index, name in enumerate(NAMES):
        x = _LEFT + index * 88
        parts += [_line([(x, 34), (x + 22, 34)], index), _text(x + 27, 38, name, 11)]
    for index, name in enumerate(sets):
        left = _LEFT + (index % columns) * (_WIDTH + _GAP)
        top = _TOP + 18 + (index // columns) * (_HEIGHT + _TOP)
        parts += _panel(left, top, name, rounds, values[:, :, index])
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Held-out correlation after each round"><rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _panel(left: float, top: float, name: str, rounds: Seq[str], values: npt.NDArray[np.float64]) -> list[str]:
    """One held-out set: (strategies, after round)."""
    low, high = _ends(values)
    parts = [_text(left, top - 8, name, 11)]
    for tick in np.linspace(low, high, 4):
        y = top + _HEIGHT * (1 - (tick - low) / (high - low))
        parts.append(f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e8f0"/>')
        parts.append(_text(left - 6, y + 3, f"{tick:.2f}", 9, "end"))
    xs = [left + 8 + k * (_WIDTH - 16) / (len(rounds) - 1) for k in range(len(rounds))]
    parts += [_text(x, top + _HEIGHT + 13, each.split()[0], 9, "middle") for x, each in zip(xs, rounds, strict=True)]
    for index, row in enumerate(values):
        places = [(x, top + _HEIGHT * (1 - (r - low) / (high - low))) for x, r in zip(xs, row, strict=True)]
        parts.append(_line(places, index))
    return parts


def _ends(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return low - 0.05 * (high - low) - 1e-3, high + 0.05 * (high - low) + 1e-3


def _line(places: Seq[tuple[float, float]], index: int) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = f' stroke-dasharray="{DASHES[index]}"' if DASHES[index] else ""
    return f'<polyline points="{points}" fill="none" stroke="{COLOURS[index]}" stroke-width="1.8"{dash}/>'


def _text(x: float, y: float, words: str, size: int, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" font-size="{size}" fill="#334155" text-anchor="{anchor}">{words}</text>'
