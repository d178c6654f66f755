"""What the genome browser draws for a view, as plain dictionaries (see app/components/igv_tracks). No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from genome.genes import Gene
from genome.locus import Locus
from genome.sequence import Sequence as Bases
from interpret.integrated_gradients import Attribution
from interpret.motifs import MotifCall
from models.core import Prediction

Track = dict[str, Any]

BLUE, GREY, ORANGE, DARK = "#0072B2", "#94a3b8", "#E69F00", "#334155"
SHORT_BASELINE = {"uniform": "uniform reference", "zeros": "zero reference", "shuffled": "shuffled references"}


def predicted(prediction: Prediction, track: str) -> list[Track]:
    """One signal per predicted track, the explained one first and larger, each with the spread of its members."""
    first = prediction.spec.track_index(track)
    order = [first, *(i for i in range(len(prediction.spec.tracks)) if i != first)]
    return [_signal(prediction, index, main=index == first) for index in order]


def contributions(attribution: Attribution, locus: Locus) -> Track:
    """The letters, one value per genome base of the locus; deleted bases have none, inserted ones are shown elsewhere."""
    bases, values = in_genome_coordinates(attribution, locus)
    track = attribution.spec.tracks[attribution.spec.track_index(attribution.target.track)]
    return {
        "id": "contributions",
        "kind": "letters",
        "name": "Contributions",
        "note": f"{track.name}, IG, {SHORT_BASELINE[attribution.baseline]}",
        "start": locus.start,
        "values": values,
        "bases": bases,
        "unit": track.unit,
        "height": 140,
    }


def in_genome_coordinates(attribution: Attribution, locus: Locus) -> tuple[str, list[float | None]]:
    """Bases and contributions along the genome positions of a locus; where a base was deleted, N and no value."""
    bases = ["N"] * locus.length
    values: list[float | None] = [None] * locus.length
    sequence = attribution.sequence
    for index in np.flatnonzero(~sequence.inserted):
        place = int(sequence.positions[index]) - locus.start
        if 0 <= place < locus.length:
            bases[place] = sequence.bases[index]
            values[place] = float(attribution.values[index])
    return "".join(bases), values


def shown_bases(sequence: Bases, locus: Locus) -> str:
    """The bases at the genome positions of a locus after the edits; a deleted base is N."""
    bases = ["N"] * locus.length
    for index in np.flatnonzero(~sequence.inserted):
        place = int(sequence.positions[index]) - locus.start
        if 0 <= place < locus.length:
            bases[place] = sequence.bases[index]
    return "".join(bases)


def motif_hits(calls: Iterable[MotifCall], attribution: Attribution) -> Track:
    """Where the contributions peak, with the motif each stretch resembles; unnamed where nothing is significant."""
    features = []
    for call in calls:
        start, end = genome_stretch(attribution, call.start, call.end)
        details = {} if call.named else {"Name": f"none: {call.reason}"}
        details |= {"Contribution": f"{call.contribution:+.2f} {_unit(attribution)}".replace("-", "−")}
        if call.named and call.motif is not None:
            details |= {
                "Resembles": f"{call.motif.name} ({call.motif.matrix_id})",
                "Families": ", ".join(call.families),
                "q": f"{call.q_value:.1e}",
            }
        features.append(
            {
                "start": start,
                "end": end,
                "name": call.label,
                "label": f"q = {call.q_value:.0e}" if call.label else "",
                "strand": call.strand if call.label else "",
                "color": (ORANGE if call.seqlet.sign == "-" else BLUE) if call.label else GREY,
                "details": details,
            }
        )
    return {
        "id": "motifs",
        "kind": "features",
        "name": "Motifs",
        "note": "JASPAR, q ≤ 0.05",
        "features": features,
        "empty": "No stretch of contributions stands out.",
    }


def genome_stretch(attribution: Attribution, start: int, end: int) -> tuple[int, int]:
    """A stretch counted from the first fully explained base, as genome positions (0-based half-open)."""
    positions = attribution.sequence.positions[attribution.whole[0] :]
    return int(positions[start]), int(positions[end - 1]) + 1


def genes(found: Iterable[Gene], note: str) -> Track:
    """The genes that overlap the locus."""
    return {
        "id": "genes",
        "kind": "features",
        "name": "Genes",
        "note": note,
        "glyph": "gene",
        "color": DARK,
        "features": [
            {
                "start": gene.locus.start,
                "end": gene.locus.end,
                "name": gene.name,
                "strand": gene.strand,
                "exons": [(exon.start, exon.end) for exon in gene.exons],
                "details": {"Gene": gene.name, "Place": str(gene.locus)},
            }
            for gene in found
        ],
        "empty": "No gene here.",
    }


def intervals(identifier: str, name: str, note: str, features: Sequence[dict[str, Any]], *, color: str = GREY) -> Track:
    """Measured, planted or uploaded stretches."""
    return {
        "id": identifier,
        "kind": "features",
        "name": name,
        "note": note,
        "features": list(features),
        "color": color,
        "empty": "Nothing here.",
    }


def signal(identifier: str, name: str, note: str, starts: list[int], ends: list[int], values: list[float]) -> Track:
    """An uploaded signal, as bars."""
    return {
        "id": identifier,
        "kind": "signal",
        "name": name,
        "note": note,
        "style": "bar",
        "starts": starts,
        "ends": ends,
        "values": values,
        "color": GREY,
    }


def _signal(prediction: Prediction, index: int, *, main: bool) -> Track:
    track = prediction.spec.tracks[index]
    values, spread = prediction.values[index], prediction.spread[index]
    shown: Track = {
        "id": f"predicted-{index}",
        "kind": "signal",
        "name": "Predicted",
        "note": f"{track.name}, {track.unit}",
        "style": "line" if len(values) > 1 else "area",
        "starts": prediction.starts.tolist(),
        "ends": prediction.ends.tolist(),
        "values": values.tolist(),
        "unit": track.unit,
        "color": BLUE if main else GREY,
        "height": 72 if main else 44,
    }
    if len(prediction.members) > 1:
        shown |= {"low": (values - spread).tolist(), "high": (values + spread).tolist()}
    return shown


def _unit(attribution: Attribution) -> str:
    return attribution.spec.tracks[attribution.spec.track_index(attribution.target.track)].unit
