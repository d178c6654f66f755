"""Answers to what-if questions as tables, CSV and JSON, each with everything needed to ask again. No Streamlit here."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.compute_whatif import Change
from app.export import provenance
from app.view import View
from interpret.effects import Effect
from interpret.surrogate import Surrogate
from interpret.whatif import CONFIDENCE, Estimate, Scale, amount_unit, as_lists, unit_of
from interpret.whatif_pairs import VERDICT_RULE, Importance, Spacing
from interpret.whatif_stretch import Needed, Tiles
from models.core import ModelSpec

Result = Change | Spacing | Tiles | Importance | Needed | Surrogate
Columns = dict[str, list[Any]]

METHODS: Mapping[type, str] = {
    Change: "change of bases, mean over members and strands",
    Spacing: "two motifs in many backgrounds, interaction = both - first - second + none",
    Tiles: "tiles shuffled in place (in-silico CRISPRi)",
    Importance: "one motif in many backgrounds (global importance)",
    Needed: "necessity, sufficiency and context of a stretch, with shuffles",
    Surrogate: "additive and pairwise ridge regression on mutants",
}


def tracks_shown(spec: ModelSpec) -> list[tuple[str, int]]:
    """Name and index of every track; both strands of a profile, which have one total between them, stand once."""
    shown: list[tuple[str, int]] = []
    for index, track in enumerate(spec.tracks):
        pair = spec.strand_pair(index)
        if track.kind == "profile" and index != pair[0]:
            continue
        name = track.name if len(pair) == 1 or track.kind != "profile" else f"{track.name.rstrip(' +-')} (both strands)"
        shown.append((name, index))
    return shown


def table(spec: ModelSpec, result: Result, track: int = 0) -> Columns:
    """The table of an answer: a row for each track; for tiles and spacings, a row for each of them on one track."""
    if isinstance(result, Change):
        return _of_effect(spec, result.effect)
    if isinstance(result, Spacing):
        return _of_spacing(spec, result, track)
    if isinstance(result, Tiles):
        return _of_tiles(spec, result, track)
    if isinstance(result, Importance):
        return _of_estimates(spec, {"effect": result.effect}, result.scale, {"without the motif": result.without})
    if isinstance(result, Needed):
        parts = {"needed": result.necessity, "enough": result.sufficiency, "depends on context": result.context}
        return _of_estimates(spec, parts, result.scale, {"as it is": result.wild_type, "all shuffled": result.shuffled})
    return _of_surrogate(spec, result)


def whole_table(spec: ModelSpec, result: Result) -> Columns:
    """The table of an answer with every track in it."""
    if not isinstance(result, Spacing | Tiles):
        return table(spec, result)
    joined: Columns = {}
    for name, index in tracks_shown(spec):
        part = table(spec, result, index)
        rows = len(next(iter(part.values())))
        for column, values in ({"track": [name] * rows} | part).items():
            joined.setdefault(column, []).extend(values)
    return joined


def facts(view: View, spec: ModelSpec, result: Result) -> dict[str, Any]:
    """Everything that decides an answer, as plain values."""
    record = provenance(view, spec, contig_digest=view.contig) | {"method": METHODS[type(result)]}
    if isinstance(result, Change):
        return record | {
            "done": result.done,
            "changed": [str(edit) for edit in result.edits],
            "windows": result.effect.rule,
            "uncertainty": "plus or minus: standard deviation between members; range: over the windows",
        }
    record |= {"done": result.rule, "seed": result.seed, "n": result.n}
    if not isinstance(result, Tiles):
        record |= {"scale": unit_of(spec, 0, result.scale)}
    if isinstance(result, Spacing):
        record |= {"motifs": [f"{one.name}: {one.bases}, {one.source}" for one in result.words], "called": VERDICT_RULE}
    if isinstance(result, Importance):
        record |= {"motif": f"{result.word.name}: {result.word.bases}, {result.word.source}", "strand": result.strand}
    if isinstance(result, Tiles):
        record |= {"refused": [words for words in result.refused if words]}
    return record | {"uncertainty": f"low and high: {CONFIDENCE:.0%} interval; between members: standard deviation"}


def as_json(view: View, spec: ModelSpec, result: Result) -> str:
    """The answer with its provenance and its whole table; tiles' positions are 1-based inclusive, as on the page."""
    rows = whole_table(spec, result)
    record = facts(view, spec, result) | {"columns": rows}
    if isinstance(result, Importance):
        record |= {"estimates": as_lists(result.effect), "tracks": [track.name for track in spec.tracks]}
    return json.dumps(record, indent=1, allow_nan=False)


def as_csv(view: View, spec: ModelSpec, result: Result) -> str:
    """The whole table, below lines beginning with # that say how it was made."""
    out = io.StringIO()
    for name, value in facts(view, spec, result).items():
        shown = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        out.write(f"# {name}: {' '.join(shown.split())}\n")
    columns = whole_table(spec, result)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def _of_effect(spec: ModelSpec, found: Effect) -> Columns:
    shown = tracks_shown(spec)
    at = [index for _, index in shown]
    return _tracks(spec) | {
        "before": _plain(found.before[at]),
        "after": _plain(found.after[at]),
        "change": _plain(found.delta[at]),
        "± between members": _plain(found.spread[at]),
        "smallest": _plain(found.low[at]),
        "largest": _plain(found.high[at]),
        "members agree in sign": found.signs_agree[at].tolist(),
        "unit": [unit_of(spec, index, "explained") for index in at],
    }


def _of_spacing(spec: ModelSpec, found: Spacing, track: int) -> Columns:
    rows, gaps = len(found.arrangements), len(found.gaps)

    def flat(part: Estimate) -> list[float | None]:
        return _plain(part.mean[..., track].ravel())

    return {
        "arrangement": [name for name in found.arrangements for _ in range(gaps)],
        "gap, bp": found.gaps.tolist() * rows,
        "interaction": flat(found.interaction),
        "low": _plain(found.interaction.low[..., track].ravel()),
        "high": _plain(found.interaction.high[..., track].ravel()),
        "± between members": _plain(found.interaction.spread[..., track].ravel()),
        "called": found.called[..., track].ravel().tolist(),
        "both": flat(found.pair),
        f"{found.words[0].name} alone": flat(found.first),
        f"{found.words[1].name} alone" + (" (second)" if found.words[0].name == found.words[1].name else ""): flat(
            found.second
        ),
        "unit": [unit_of(spec, track, found.scale)] * rows * gaps,
    }


def _of_tiles(spec: ModelSpec, found: Tiles, track: int) -> Columns:
    columns: Columns = {
        "from": (found.starts + 1).tolist(),
        "to": found.ends.tolist(),
        "lost": _plain(found.drop.mean[:, track]),
        "low": _plain(found.drop.low[:, track]),
        "high": _plain(found.drop.high[:, track]),
        "± between members": _plain(found.drop.spread[:, track]),
        "unit": [unit_of(spec, track, "explained")] * len(found.starts),
    }
    shares = found.share
    return columns | {
        "share lost": _plain(shares.mean[:, track]),
        "share low": _plain(shares.low[:, track]),
        "share high": _plain(shares.high[:, track]),
        "share of": [amount_unit(spec.tracks[track]) or "not given"] * len(found.starts),
    }


def _of_estimates(
    spec: ModelSpec, parts: Mapping[str, Estimate], scale: Scale, levels: Mapping[str, np.ndarray]
) -> Columns:
    at = [index for _, index in tracks_shown(spec)]
    columns = _tracks(spec)
    for name, part in parts.items():
        columns |= {
            name: _plain(part.mean[at]),
            f"{name}, low": _plain(part.low[at]),
            f"{name}, high": _plain(part.high[at]),
            f"{name}, ± between members": _plain(part.spread[at]),
        }
    columns |= {name: _plain(level[at]) for name, level in levels.items()}
    return columns | {"unit": [unit_of(spec, index, scale) for index in at]}


def _of_surrogate(spec: ModelSpec, found: Surrogate) -> Columns:
    at = [index for _, index in tracks_shown(spec)]
    return _tracks(spec) | {
        "additive": _plain(found.additive.value[at]),
        "additive, low": _plain(found.additive.low[at]),
        "additive, high": _plain(found.additive.high[at]),
        "with pairs": _plain(found.pairwise.value[at]),
        "with pairs, low": _plain(found.pairwise.low[at]),
        "with pairs, high": _plain(found.pairwise.high[at]),
        "sd of mutants": _plain(found.sd[at]),
        "unit of sd": [unit_of(spec, index, found.scale) for index in at],
    }


def _tracks(spec: ModelSpec) -> Columns:
    shown = tracks_shown(spec)
    return {"track": [name for name, _ in shown], "cell type": [spec.tracks[index].biosample for _, index in shown]}


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers with five significant digits; None where there is none."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in np.asarray(values, dtype=np.float64)]
