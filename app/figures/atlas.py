"""An atlas as a picture: one row per pattern, its contributions as letters. No Streamlit here."""

from __future__ import annotations

from app.figures import logos
from app.figures.logos import Palette
from interpret.atlas import Atlas, Pattern

_ROW, _TOP, _LEFT, _BASE_WIDTH = 92.0, 26.0, 300.0, 14.0


def atlas_svg(found: Atlas, *, unit: str, caption: str, palette: Palette = "safe") -> str:
    """All patterns under each other, each on its own scale.

    Args:
        found: the atlas.
        unit: of the contributions.
        caption: what pins the picture: model, track, method, reference, places.
        palette: colours of the letters.

    Returns:
        An ``<svg>`` element.
    """
    parts = [logos.svg_text(caption, 0.0, 16.0)]
    for row, pattern in enumerate(found.patterns):
        top = _TOP + row * _ROW
        for line, words in enumerate(in_words(pattern, unit)):
            parts.append(logos.svg_text(words, 0.0, top + 20 + 16 * line, logos.FAINT if line else logos.INK))
        parts.append(logos.stacked_letters(pattern.weights, _LEFT, top + 6, _ROW - 16, _BASE_WIDTH, palette=palette))
    if not found.patterns:
        parts.append(logos.svg_text("No pattern stands out in these places.", 0.0, _TOP + 20))
    longest = max((pattern.weights.shape[1] for pattern in found.patterns), default=0)
    width = max(_LEFT + longest * _BASE_WIDTH, 7.0 * len(caption))
    return logos.svg_picture(width, _TOP + max(1, len(found.patterns)) * _ROW, parts, f"Patterns. {caption}")


def in_words(pattern: Pattern, unit: str) -> tuple[str, str, str]:
    """What is said of a pattern: its name, how often and how strong it is, and the family with the ties."""
    number = f"{pattern.contribution:+.2f}".replace("-", "−")
    often = f"{pattern.n_seqlets:,} times, {number} {unit} on average"
    if not pattern.named:
        return pattern.label, often, ""
    ties = ", ".join(tie.name for tie in pattern.like.ties[:4])
    return (
        f"{pattern.label}, q = {pattern.like.q_value:.0e}",
        often,
        ", ".join(pattern.families[:2]) + (f"; as well {ties}" if ties else ""),
    )
