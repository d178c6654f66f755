"""What the genome browser shows: tracks as plain dictionaries, checked, cleaned and packed into rows. No Streamlit.

Every position is 0-based half-open in genome coordinates. A track is a dict with

    id      unique and stable text; the same id and kind keep their row when the data change
    kind    "signal", "letters", "heat", "bases" or "features"
    name    first line of the left column, bold;  note  second line, grey (track and unit, method, source)
    height  pixels, optional (features grow beyond it when they need more rows)

and, by kind,

    signal    values per bin (None or NaN = no value); either start and step (bp per bin), or starts and ends per value.
              Optional: low and high per value (a band) and band, what it means, style "line" | "area" | "bar",
              color "#rrggbb", unit, minimum and maximum of the axis (default: from the values, zero included).
    letters   start, values (one contribution per base), unit; bases default to those of the reference handed to the
              browser (which may be edited bases). Optional minimum and maximum.
    heat      start, rows (four lists of values, A C G T, None = not known), unit; bases as letters; full, the size of value
              from which on a colour is full (default: the largest). Blue is above zero, orange below.
    bases     the sequence itself; start and bases default to the reference.
    features  features: dicts with start, end and optionally name, label (grey text after the name, such as q = 2e-9),
              strand "+" | "-", color, exons [(start, end)], details {term: text} for the card that opens on a click.
              glyph "box" (default) | "gene"; color; empty: what to say when there is none.

Names come from people. They are cut and stripped of control characters here and only ever drawn as text there.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Track = Mapping[str, Any]
WireTrack = dict[str, Any]

MAX_VALUES = 50_000
MAX_FEATURES = 20_000
MAX_ROWS = {"box": 8, "gene": 6}
ROW_HEIGHT = {"box": 20, "gene": 30}
HEIGHTS = {"signal": 72, "letters": 130, "heat": 62, "bases": 24, "features": 36}
FURNITURE = 96  # pixels of toolbar, ruler, padding and border around the tracks
GAP = 5  # pixels that igv.js leaves above every track

_PLOT_PIXELS = 950  # assumed width of the plot when room for labels is made
_PIXELS_PER_CHARACTER = 6.4
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def wire_tracks(tracks: Sequence[Track], *, reference: Mapping[str, Any], shown: tuple[int, int]) -> list[WireTrack]:
    """The tracks as they travel to the page: checked, cleaned, packed, each with a digest of what it shows.

    Args:
        tracks: dictionaries as described at the head of this module.
        reference: ``start`` and ``bases`` of the fetched window (0-based), for letters that bring no bases.
        shown: first base on screen and one past the last (0-based), from which the room that names need is estimated.

    Raises:
        ValueError: when a track is not what this module describes.
    """
    names = [track.get("id") for track in tracks]
    if len(set(names)) != len(names):
        raise ValueError(f"track ids must differ: {names}")
    return [_wire_track(track, reference, shown) for track in tracks]


def natural_height(tracks: Sequence[WireTrack]) -> int:
    """Height of the whole browser in pixels, known before the page has drawn anything, so that nothing jumps."""
    return FURNITURE + sum(int(track["height"]) + GAP for track in tracks)


def clean_text(text: object, limit: int = 120) -> str:
    """One line of plain text from anything a person may have named: no control characters, at most ``limit`` long."""
    visible = "".join(" " if unicodedata.category(letter).startswith(("C", "Z")) else letter for letter in str(text))
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"


def _wire_track(track: Track, reference: Mapping[str, Any], shown: tuple[int, int]) -> WireTrack:
    kind = track.get("kind")
    if not isinstance(track.get("id"), str) or kind not in _BY_KIND:
        raise ValueError(f"a track needs an id and a known kind: {track.get('id')=}, {kind=}")
    wire: WireTrack = {
        "id": track["id"],
        "kind": kind,
        "name": clean_text(track.get("name", "")),
        "note": clean_text(track.get("note", "")),
    }
    wire |= _BY_KIND[kind](track, reference, shown)
    wire["height"] = max(int(track.get("height") or HEIGHTS[kind]), int(wire.get("height", 0)))
    wire["digest"] = hashlib.sha1(json.dumps(wire, sort_keys=True).encode(), usedforsecurity=False).hexdigest()[:16]
    return wire


def _wire_signal(track: Track, _reference: Mapping[str, Any], _shown: tuple[int, int]) -> WireTrack:
    values = _numbers(track["values"], MAX_VALUES)
    wire: WireTrack = {
        "values": values,
        "style": track.get("style", "line"),
        "unit": clean_text(track.get("unit", ""), 40),
    }
    if wire["style"] not in ("line", "area", "bar"):
        raise ValueError(f"{wire['style']=}")
    if "starts" in track:
        wire |= {"starts": [int(start) for start in track["starts"]], "ends": [int(end) for end in track["ends"]]}
        if not len(wire["starts"]) == len(wire["ends"]) == len(values) or wire["starts"] != sorted(wire["starts"]):
            raise ValueError("a signal needs one start and one end per value, sorted by start")
    else:
        wire |= {"start": int(track["start"]), "step": float(track["step"])}
        if wire["step"] <= 0:
            raise ValueError(f"{wire['step']=}")
    if "low" in track:
        wire |= {end: _filled(_numbers(track[end], MAX_VALUES), values) for end in ("low", "high")}
        wire |= {"band": clean_text(track["band"], 40)} if track.get("band") else {}
    extremes = [*values, *wire.get("low", ()), *wire.get("high", ())]
    return wire | _axis(track, extremes) | _color(track)


def _wire_letters(track: Track, reference: Mapping[str, Any], _shown: tuple[int, int]) -> WireTrack:
    values = _numbers(track["values"], MAX_VALUES)
    start = int(track["start"])
    bases = _bases(track, reference, start, len(values))
    return {"start": start, "values": values, "bases": bases, "unit": clean_text(track.get("unit", ""), 40)} | _axis(
        track, values
    )


def _wire_heat(track: Track, reference: Mapping[str, Any], _shown: tuple[int, int]) -> WireTrack:
    rows = [_numbers(row, MAX_VALUES // 4) for row in track["rows"]]
    if len(rows) != 4 or len({len(row) for row in rows}) != 1:
        raise ValueError(f"a map needs four rows of one length: {[len(row) for row in rows]}")
    start = int(track["start"])
    sizes = [abs(value) for row in rows for value in row if value is not None]
    full = float(track.get("full") or max(sizes, default=0.0)) or 1.0
    if not full > 0 or math.isinf(full):
        raise ValueError(f"{full=}")
    return {
        "start": start,
        "rows": rows,
        "bases": _bases(track, reference, start, len(rows[0])),
        "unit": clean_text(track.get("unit", ""), 40),
        "full": float(f"{full:.5g}"),
    }


def _wire_bases(track: Track, reference: Mapping[str, Any], _shown: tuple[int, int]) -> WireTrack:
    start = int(track.get("start", reference["start"]))
    length = len(track["bases"]) if "bases" in track else len(reference["bases"])
    return {"start": start, "bases": _bases(track, reference, start, length)}


def _wire_features(track: Track, _reference: Mapping[str, Any], shown: tuple[int, int]) -> WireTrack:
    glyph = track.get("glyph", "box")
    if glyph not in ROW_HEIGHT:
        raise ValueError(f"{glyph=}")
    if len(track["features"]) > MAX_FEATURES:
        raise ValueError(f"{len(track['features'])} features; the browser takes {MAX_FEATURES} at most")
    features = sorted(
        (_wire_feature(feature) for feature in track["features"]), key=lambda f: (f["start"], -f["end"], f["name"])
    )
    rows = pack(features, glyph=glyph, shown=shown)
    height = 10 + ROW_HEIGHT[glyph] * rows
    return {
        "features": features,
        "glyph": glyph,
        "height": height,
        "empty": clean_text(track.get("empty", "")),
    } | _color(track)


def _wire_feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    start, end, strand = int(feature["start"]), int(feature["end"]), feature.get("strand") or ""
    if end < start or strand not in ("", "+", "-", "."):
        raise ValueError(f"a feature needs start <= end and a strand of + or -: {start=}, {end=}, {strand=}")
    details = [[clean_text(term, 40), clean_text(text, 300)] for term, text in (feature.get("details") or {}).items()]
    wire: dict[str, Any] = {"start": start, "end": end, "name": clean_text(feature.get("name", ""))}
    optional = {
        "label": clean_text(feature.get("label", ""), 60),
        "strand": "" if strand == "." else strand,
        "exons": [[int(left), int(right)] for left, right in feature.get("exons") or ()],
        "details": details,
    }
    return wire | {name: value for name, value in optional.items() if value} | _color(feature)


def pack(features: list[dict[str, Any]], *, glyph: str, shown: tuple[int, int]) -> int:
    """Puts features (sorted by start) into rows so that neither they nor their names overlap; sets ``row`` in each.

    Returns:
        The number of rows. Where names would need too many, they give way: the page shows those that fit.
    """
    for room_for_names in (True, False):
        row_ends: list[float] = []
        for feature in features:
            left, right = _extent(feature, glyph, shown, room_for_names)
            row = next((index for index, end in enumerate(row_ends) if end <= left), len(row_ends))
            if row == MAX_ROWS[glyph] and not room_for_names:
                row = min(range(len(row_ends)), key=row_ends.__getitem__)
            elif row == len(row_ends):
                row_ends.append(right)
            if len(row_ends) > MAX_ROWS[glyph]:
                break
            row_ends[row] = max(row_ends[row], right)
            feature["row"] = row
        else:
            return max(1, len(row_ends))
    raise ValueError(f"{glyph=}")


def _extent(feature: Mapping[str, Any], glyph: str, shown: tuple[int, int], with_name: bool) -> tuple[float, float]:
    """The stretch of its row that a feature and its name take up, in bp.

    A box has its name behind it, or before it where the right edge of the screen is too near; a gene has it above.
    """
    bp_per_pixel = max(1, shown[1] - shown[0]) / _PLOT_PIXELS
    start, end = float(feature["start"]), feature["end"] + 3 * bp_per_pixel
    if not with_name or not feature["name"]:
        return start, end
    text = f"{feature['name']} {feature.get('label', '')}".strip()
    name_length = (len(text) * _PIXELS_PER_CHARACTER + 14) * bp_per_pixel
    if glyph == "gene":
        return start, max(end, start + name_length)
    if shown[0] + name_length < end <= shown[1] < end + name_length:
        return start - name_length, end
    return start, end + name_length


def _bases(track: Track, reference: Mapping[str, Any], start: int, length: int) -> str:
    if "bases" in track:
        bases = str(track["bases"])
    else:
        offset = start - int(reference["start"])
        bases = str(reference["bases"])[max(0, offset) : offset + length] if offset >= 0 else ""
    if len(bases) != length or not set(bases) <= set("ACGTN"):
        raise ValueError(f"letters need one of ACGTN per value: {len(bases)=}, {length=}")
    return bases


def _numbers(values: Iterable[float | None], limit: int) -> list[float | None]:
    """Values with five significant digits, enough for the screen; anything that is not finite becomes None."""
    numbers = [None if value is None or not math.isfinite(value) else float(f"{value:.5g}") for value in values]
    if len(numbers) > limit:
        raise ValueError(f"{len(numbers)} values; the browser takes {limit} at most: bin them")
    return numbers


def _filled(edge: list[float | None], values: list[float | None]) -> list[float | None]:
    """The edge of a band, on the line itself where the band has no value."""
    if len(edge) != len(values):
        raise ValueError(f"a band needs one value per bin: {len(edge)=}, {len(values)=}")
    return [value if bound is None else bound for bound, value in zip(edge, values, strict=True)]


def _axis(track: Track, values: Iterable[float | None]) -> dict[str, float]:
    """Lowest and highest value of the axis; zero is always on it unless the track says otherwise."""
    finite = [0.0, *(value for value in values if value is not None)]
    low = float(track["minimum"]) if track.get("minimum") is not None else min(finite)
    high = float(track["maximum"]) if track.get("maximum") is not None else max(finite)
    return {"minimum": low, "maximum": high if high > low else low + 1.0}


def _color(holder: Mapping[str, Any]) -> dict[str, str]:
    color = holder.get("color")
    if color is None:
        return {}
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise ValueError(f"a colour is written #rrggbb: {color=}")
    return {"color": color.lower()}


_BY_KIND = {
    "signal": _wire_signal,
    "letters": _wire_letters,
    "heat": _wire_heat,
    "bases": _wire_bases,
    "features": _wire_features,
}
