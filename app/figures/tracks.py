"""What the genome browser draws for a view, as plain dictionaries (see app/components/igv_tracks). No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from app.figures.heatmap import Map, along_locus, standing_bases
from genome.genes import Gene
from genome.locus import Locus
from genome.sequence import Sequence as Bases
from interpret.attribution import Attribution
from interpret.matches import Match, Shown, Support, chance
from interpret.methods import BASELINE_WORDS, short_name
from interpret.motifs import Q_LIMIT, MotifCall
from models.core import Prediction
from models.intervals import Band

Track = dict[str, Any]
Values = npt.NDArray[Any]

MAX_BINS = 20_000
BLUE, GREY, ORANGE, DARK = "#0072B2", "#94a3b8", "#E69F00", "#334155"
PALE_BLUE, PALE_ORANGE, PALE = "#7fb8d8", "#f2cf7f", "#cbd5e1"


def predicted(prediction: Prediction, track: str, band: Band | None = None) -> list[Track]:
    """One signal per predicted track, the explained one first and larger, each with a band: see ``_edges``."""
    first = prediction.spec.track_index(track)
    order = [first, *(i for i in range(len(prediction.spec.tracks)) if i != first)]
    return [_signal(prediction, index, band, main=index == first) for index in order]


def contributions(attribution: Attribution, locus: Locus) -> Track:
    """The letters, one value per genome base of the locus; deleted bases have none, inserted ones are shown elsewhere."""
    bases, values = in_genome_coordinates(attribution, locus)
    track = attribution.spec.tracks[attribution.spec.track_index(attribution.target.track)]
    return {
        "id": "contributions",
        "kind": "letters",
        "name": "Contributions",
        "note": f"{track.name}, {short_name(attribution)}, {BASELINE_WORDS[attribution.baseline].short}",
        "start": locus.start,
        "values": values,
        "bases": bases,
        "unit": attribution.unit,
        "height": 140,
    }


def mutagenesis(shown: Map, locus: Locus, *, identifier: str = "mutagenesis", name: str = "Mutagenesis") -> Track:
    """Every substitution as four rows of colour; deleted bases leave a gap, inserted ones have no place."""
    effects = along_locus(shown.effects, shown.sequence, locus)
    bases = ["N"] * locus.length
    for place, base in zip(*standing_bases(shown.sequence, locus), strict=True):
        bases[place - 1 - locus.start] = base
    return {
        "id": identifier,
        "kind": "heat",
        "name": name,
        "note": f"{shown.unit}, alt − ref",
        "start": locus.start,
        "rows": [[None if value != value else value for value in row] for row in effects.tolist()],
        "bases": "".join(bases),
        "unit": shown.unit,
        "full": shown.full,
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
        details |= {"Contribution": f"{call.contribution:+.2f} {attribution.unit}".replace("-", "−")}
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


def motif_matches(found: Shown, sequence: Bases) -> Track:
    """Where letters alone match a known motif; pale where the model's contributions do not support the match.

    Args:
        found: the matches to draw, counted in ``sequence``.
        sequence: the bases that were scanned.
    """
    supports = found.supports or (None,) * len(found.places)
    more = f", {found.more:,} more" if found.more else ""  # the Motifs panel says of them in full
    return {
        "id": "motif-matches",
        "kind": "features",
        "name": "Matches",
        "note": f"letters alone{more}",
        "features": [
            _motif_match(place, support, sequence) for place, support in zip(found.places, supports, strict=True)
        ],
        "empty": "No match stands out from chance.",
    }


def match_table(found: Shown, sequence: Bases) -> list[dict[str, Any]]:
    """The same matches as rows of a table, strongest first; places are 1-based inclusive, as people write them."""
    supports = found.supports or (None,) * len(found.places)
    rows = []
    for place, support in sorted(zip(found.places, supports, strict=True), key=lambda pair: pair[0].q_value):
        hit = place.hit
        first, last = int(sequence.positions[hit.start]), int(sequence.positions[hit.end - 1]) + 1
        rows.append(
            {
                "Motif": hit.motif.name,
                "Matrix": hit.motif.matrix_id,
                "Families": ", ".join(hit.motif.families),
                "Place": str(Locus(sequence.locus.chrom, first, last)),
                "Strand": hit.strand,
                "p": f"{chance(hit):.1e}",
                "q": f"{place.q_value:.1e}",
                "Model": "not asked"
                if support is None
                else f"{support.level} ({support.sds:+.2f} sd)".replace("-", "−"),
                "Related motifs here": len(place.others),
            }
        )
    return rows


def support_in_words(support: Support) -> str:
    """What the model says about a match, for people."""
    how = {"strong": "supported", "weak": "weakly supported", "none": "ignored"}[support.level]
    return f"{how} by the model: its bases add up to {support.sds:+.2f} sd of the track".replace("-", "−")


def _motif_match(place: Match, support: Support | None, sequence: Bases) -> dict[str, Any]:
    hit = place.hit
    details = {
        "Matches": f"{hit.motif.name} ({hit.motif.matrix_id})",
        "Families": ", ".join(hit.motif.families),
        "p": f"{chance(hit):.1e} at one place of random DNA",
        "q": f"{place.q_value:.1e} over all motifs, places and strands of this stretch",
        "Model": "not asked" if support is None else support_in_words(support),
    }
    if place.others:
        names = list(dict.fromkeys(other.motif.name for other in place.others))
        details["Related here"] = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    colours = {"strong": (BLUE, ORANGE), "weak": (PALE_BLUE, PALE_ORANGE), "none": (PALE, PALE)}
    return {
        "start": int(sequence.positions[hit.start]),
        "end": int(sequence.positions[hit.end - 1]) + 1,
        "name": hit.motif.name,
        "label": f"q = {place.q_value:.0e}" if place.q_value <= Q_LIMIT else f"p = {chance(hit):.0e}",
        "strand": hit.strand,
        "color": GREY if support is None else colours[support.level][support.sds < 0],
        "details": details,
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


def drawable(prediction: Prediction) -> Prediction:
    """A prediction of at most MAX_BINS bins, for a screen shows no more: neighbours are averaged, none is left out."""
    bins = len(prediction.starts)
    group = -(-bins // MAX_BINS)
    if group <= 1:
        return prediction
    first = np.arange(0, bins, group)
    counts = np.diff(np.append(first, bins))

    def pooled(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return (np.add.reduceat(values, first, axis=-1, dtype=np.float64) / counts).astype(np.float32)

    return replace(
        prediction,
        values=pooled(prediction.values),
        members=pooled(prediction.members),
        starts=prediction.starts[first],
        ends=prediction.ends[first + counts - 1],
        noise=None if prediction.noise is None else pooled(prediction.noise),
    )


def _signal(whole: Prediction, index: int, band: Band | None, *, main: bool) -> Track:
    track = whole.spec.tracks[index]
    prediction = drawable(whole)
    values = prediction.values[index]
    low, high, meaning = _edges(whole, index, band)
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
        "height": 72 if main else 54,
    }
    if meaning:
        shown |= {"low": low.tolist(), "high": high.tolist(), "band": meaning[:1].upper() + meaning[1:]}
    return shown


def _edges(whole: Prediction, index: int, band: Band | None) -> tuple[Values, Values, str]:
    """The band around a track and what it means: where measurements fall, else how far the members differ, else nothing."""
    prediction = drawable(whole)
    values, spread = prediction.values[index], prediction.spread[index]
    if band is not None and band.at(index, 0) is not None:
        ends = [drawable(replace(whole, values=edge)).values[index] for edge in (band.low, band.high)]
        return ends[0], ends[1], f"{100 * band.confidence:g} % of measurements"
    return values - spread, values + spread, "± between members" if len(prediction.members) > 1 else ""
