"""Letters and maps on screen, beside logomaker: each in its own form, from the same contributions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from app.figures import heatmap, letters
from app.figures.logos import LetterRow, letters_svg
from benchmarks.run import side_by_side
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.attribution import Attribution, Explained, together
from interpret.substitutions import Substitutions
from models.core import ModelSpec, Target, Track
from models.tiling import Tiling

LETTERS = 1_000


def rows() -> list[dict[str, Any]]:
    """A thousand letters as SVG and as Plotly traces, and with the map of every substitution, against logomaker."""
    import logomaker
    import pandas as pd
    from matplotlib.figure import Figure

    found = contributions()
    bases = found.sequence.bases
    row = LetterRow("", bases, found.values)
    table = pd.DataFrame((found.sequence.one_hot() * found.values).T.astype(float), columns=list("ACGT"))
    effects = Substitutions(found.sequence, found.hypothetical, None, found.unit, "")

    def theirs() -> None:
        logomaker.Logo(table, ax=Figure(figsize=(100, 2)).subplots())

    def both() -> str:
        shown = heatmap.predicted_map(effects, "Mutagenesis")
        return str(heatmap.figure([shown], found, found.sequence.locus, "safe").to_json())

    peer = "logomaker"
    return [
        side_by_side(f"{LETTERS:,} letters on screen, SVG", lambda: letters_svg([row]), peer, theirs),
        side_by_side(
            f"{LETTERS:,} letters on screen, outlines of Plotly traces",
            lambda: letters.letter_outlines(found),
            peer,
            theirs,
        ),
        side_by_side(
            f"{LETTERS:,} letters and 4 x {LETTERS:,} effects, whole Plotly figure as JSON", both, peer, theirs
        ),
    ]


def contributions() -> Attribution:
    """Random contributions of a thousand bases by an ensemble of three."""
    rng = np.random.default_rng(0)
    sequence = Sequence("".join(rng.choice(list("ACGT"), LETTERS)), Locus("bench", 0, LETTERS))
    track = Track("activity", "", "", "log2")
    spec = ModelSpec("bench-000000000000", "bench", "", LETTERS, 1, LETTERS, (track,), "forward", 3)
    tiling = Tiling(LETTERS, LETTERS, np.array([0]), (0, LETTERS), True)
    tried = rng.normal(size=(1, 3, 4, LETTERS)).astype(np.float32)
    found = together(Explained(tried, None), sequence, tiling, spec, Target("activity"), method="", baseline="", seed=0)
    return replace(found, method="integrated gradients")


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
