"""How two answers at one locus are drawn under each other: rows of the genome browser, or a Plotly figure."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from app.figures import letters, tracks
from app.figures.tracks import Track
from app.side_by_side import Pair, Side
from genome.locus import Locus

PURPLE = "#7c3aed"
PERCENTILE = "percentile"
_OF_THE_FIRST = ("contributions", "mutagenesis", "measured", "motifs")  # rows that belong to the first answer alone


def rows(pair: Pair, above: list[Track], locus: Locus) -> list[Track]:
    """The browser's rows with the second answer under the first.

    Args:
        pair: both answers.
        above: the rows of the first answer: its prediction first, then letters and motifs, then its other tracks.
        locus: the stretch shown.
    """
    first, rest = above[0], above[1:]
    second = _second_prediction(pair.second)
    if pair.axis == "percentiles":
        first, second = _ranked(first, pair.first), _ranked(second, pair.second)
    elif pair.axis == "common":
        first, second = _on_one_axis(first, second)
    below = [second, *_second_letters(pair.second, locus)]
    mine = [row for row in rest if row["id"] in _OF_THE_FIRST]
    if pair.first.spec.model_id != pair.second.spec.model_id:
        below = [row | {"name": pair.second.spec.name} for row in below]
    if pair.axis == "common":
        mine, below = _letters_on_one_axis(mine, below)
    others = [row for row in rest if row not in mine and row["id"] not in _OF_THE_FIRST]
    return [first, *mine, *below, *(row for row in others if row["id"] != _drawn_again(pair))]


def figure(pair: Pair, palette: str) -> go.Figure:
    """The second answer without the genome browser, on the same axis as the first where they share one."""
    side = pair.second
    drawn = letters.figure(side.prediction, side.attribution, side.track, palette)
    first = pair.first.prediction.values[pair.first.spec.track_index(pair.first.track)]
    second = side.prediction.values[side.spec.track_index(side.track)]
    if pair.axis == "percentiles" and side.percentiles is not None:
        bins = tracks.drawable(side.prediction)
        drawn.update_traces(x=(bins.starts + bins.ends + 1) / 2, y=side.percentiles, row=1, col=1)
        drawn.update_yaxes(range=[0, 100], title_text=PERCENTILE, row=1, col=1)
    elif pair.axis == "common":
        low, high = min(0.0, float(first.min()), float(second.min())), max(0.0, float(first.max()), float(second.max()))
        room = 0.05 * (high - low or 1.0)
        drawn.update_yaxes(range=[low - room, high + room], row=1, col=1)
    return drawn


def _second_prediction(side: Side) -> Track:
    row = tracks.predicted(side.prediction, side.track, side.band)[0]
    return row | {"id": "beside-predicted", "color": PURPLE}


def _second_letters(side: Side, locus: Locus) -> list[Track]:
    if side.attribution is None:
        return []
    return [tracks.contributions(side.attribution, locus) | {"id": "beside-contributions"}]


def _ranked(row: Track, side: Side) -> Track:
    """A predicted row drawn as percentiles; the band between members is in the track's unit, so it is left out."""
    if side.percentiles is None:
        raise ValueError(f"{side.track} has no percentiles")
    plain: dict[str, Any] = {name: value for name, value in row.items() if name not in ("low", "high", "band")}
    note = f"{side.track}, {PERCENTILE}"
    return plain | {
        "values": side.percentiles.tolist(),
        "unit": PERCENTILE,
        "note": note,
        "minimum": 0.0,
        "maximum": 100.0,
    }


def _on_one_axis(*drawn: Track) -> list[Track]:
    """Rows with one lowest and one highest value, zero included."""
    values = [
        value for row in drawn for key in ("values", "low", "high") for value in row.get(key, ()) if value is not None
    ]
    axis = {"minimum": min(0.0, *values), "maximum": max(0.0, *values)}
    return [row | axis for row in drawn]


def _letters_on_one_axis(mine: list[Track], below: list[Track]) -> tuple[list[Track], list[Track]]:
    """Letters of both answers on one axis, where both have letters in one unit."""
    both = [row for row in (*mine, *below) if row["kind"] == "letters"]
    if len(both) != 2 or both[0]["unit"] != both[1]["unit"]:
        return mine, below
    drawn = {row["id"]: row for row in _on_one_axis(*both)}
    return [drawn.get(row["id"], row) for row in mine], [drawn.get(row["id"], row) for row in below]


def _drawn_again(pair: Pair) -> str:
    """The small row of the model's other track that is drawn large now; empty for another model."""
    if pair.first.spec.model_id != pair.second.spec.model_id:
        return ""
    return f"predicted-{pair.second.spec.track_index(pair.second.track)}"
