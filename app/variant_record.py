"""What a variant does, as a table, CSV and JSON, each with everything needed to ask again. No Streamlit here."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any
from urllib.parse import urlencode

from app.compute_variant import TrackEffect, VariantAnswer
from app.export import comments, provenance
from interpret.effects import Effect
from interpret.haplotype import Haplotype
from interpret.methods import in_words
from interpret.motif_change import MotifChange, Site

Columns = dict[str, list[Any]]


def table(rows: tuple[TrackEffect, ...]) -> Columns:
    """The table on screen, one row for each track, the largest change first; numbers have five significant digits."""
    found: Columns = {
        "track": [row.name for row in rows],
        "REF": [_plain(row.before) for row in rows],
        "ALT": [_plain(row.after) for row in rows],
        "effect": [_plain(row.delta) for row in rows],
        "± networks": [None if row.spread is None else _plain(row.spread) for row in rows],
        "networks": [direction(row) for row in rows],
        "lowest window": [_plain(row.low) for row in rows],
        "highest window": [_plain(row.high) for row in rows],
        "percentile": [None if row.rank.percentile is None else _plain(100 * row.rank.percentile) for row in rows],
        "mind": [row.rank.flag for row in rows],
        "effect is": [row.formula for row in rows],
        "cell type": [row.biosample for row in rows],
    }
    if any(row.divergence is not None for row in rows):
        found["change of shape (0 to 1)"] = [None if row.divergence is None else _plain(row.divergence) for row in rows]
    if not any(row.rank.percentile is not None for row in rows):
        del found["percentile"]
    if not any(row.rank.flag for row in rows):
        del found["mind"]
    return found


def together(found: Haplotype, track: int) -> Columns:
    """Each variant alone, their sum, all of them together, and the difference, on one track."""
    rows: list[tuple[str, float, float | None, float | None, float | None]] = [
        (f"{edit} alone", *_numbers(one, track)) for one in found.alone for edit in one.edits
    ]
    rows.append(("sum of these", float(found.total[track]), None, None, None))
    rows.append(("together", *_numbers(found.together, track)))
    beyond = (found.interaction, found.interaction_spread, found.interaction_low, found.interaction_high)
    rows.append(("difference: together − sum", *(float(values[track]) for values in beyond)))  # type: ignore[arg-type]
    names = ("what", "effect", "± networks", "lowest window", "highest window")
    columns = {
        name: [value if value is None or isinstance(value, str) else _plain(value) for value in values]
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    agree = [bool(one.signs_agree[track]) for one in found.alone]
    signs = [*agree, None, bool(found.together.signs_agree[track]), bool(found.interaction_signs_agree[track])]
    told = {True: "agree in sign", False: "disagree in sign", None: ""}
    return columns | {"networks": [told[sign] for sign in signs]}


def _numbers(effect: Effect, track: int) -> tuple[float, float, float, float]:
    values = (effect.delta, effect.spread, effect.low, effect.high)
    delta, spread, low, high = (float(value[track]) for value in values)
    return delta, spread, low, high


def direction(row: TrackEffect) -> str:
    """Whether the networks agree in sign, in a word or two."""
    if row.spread is None:
        return "one network"
    return "agree in sign" if row.agree else "disagree in sign"


def nulls(rows: tuple[TrackEffect, ...]) -> tuple[str, ...]:
    """What the percentiles are of, or why there are none: each text once, with the tracks it belongs to."""
    texts: dict[str, list[str]] = {}
    for row in rows:
        texts.setdefault(row.rank.text, []).append(row.name)
    return tuple(f"{', '.join(names)}: {text}" if len(rows) > 1 else text for text, names in texts.items())


def facts(found: VariantAnswer) -> dict[str, Any]:
    """Everything that decides the answer, as plain values."""
    view, spec = found.view, found.spec
    record = provenance(view, spec, contig_digest=view.contig)
    explained = found.alt.attribution
    return record | {
        "variants": [str(variant) for variant in found.question.variants],
        "track": view.track,
        "windows_of_effects": found.effect.rule,
        "both_alleles": "read in windows that start at the same base",
        "letters": "none" if explained is None else f"{in_words(explained)}; {explained.rule}",
        "seed": view.seed,
        "uncertainty": "±: standard deviation between networks (n - 1); lowest and highest window: effects over the placements",
        "percentiles": list(nulls(found.rows)),
        "sentence": " ".join(found.said).strip(),
        "link": urlencode(found.question.to_query()),
    }


def as_csv(found: VariantAnswer) -> str:
    """The table, below lines beginning with # that say how it was made."""
    out = io.StringIO()
    shown = {
        key: "; ".join(map(str, value)) if isinstance(value, list) else value for key, value in facts(found).items()
    }
    out.writelines(f"{line}\n" for line in comments(shown))
    columns = table(found.rows)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def as_json(found: VariantAnswer, haplotype: Haplotype | None = None) -> str:
    """The table, the checks, the motifs and the sentence with their provenance; of several variants also each alone.

    Positions in text are 1-based.
    """
    record = facts(found) | {
        "columns": table(found.rows),
        "checks": [
            {
                "name": check.name,
                "label": check.label,
                "value": check.value,
                "level": check.level,
                "concern": check.concern,
            }
            for check in found.checks
        ],
        "motifs": [_motif(change) for change in found.motifs],
        "elements": {
            allele: [
                {"motif": one.name, "q": _plain(one.q_value), "contribution": _plain(one.contribution)} for one in side
            ]
            for allele, side in zip(("REF", "ALT"), found.elements, strict=True)
        },
        "placements": {
            "offsets": found.sweep.offsets.tolist(),
            "tracks": [track.name for track in found.spec.tracks],
            "REF": _lists(found.sweep.before),
            "ALT": _lists(found.sweep.after),
        },
    }
    if haplotype is not None:
        record |= {
            "together": {row.name: together(haplotype, row.index) for row in found.rows},
            "warning": haplotype.warning,
        }
    return json.dumps(record, indent=1, allow_nan=False)


def _motif(change: MotifChange) -> dict[str, Any]:
    return {
        "motif": change.motif.name,
        "matrix": change.motif.matrix_id,
        "kind": change.kind,
        "bits": _plain(change.bits),
        "REF": _site(change.before),
        "ALT": _site(change.after),
        "named_by": "contributions" if change.named else "letters alone",
        "used_by_the_model": change.support,
    }


def _site(site: Site | None) -> dict[str, Any] | None:
    if site is None:
        return None
    return {
        "score_bits": _plain(site.score),
        "p": _plain(site.p_value),
        "q": None if site.q_value is None else _plain(site.q_value),
        "strand": site.strand,
        "first": site.start + 1,
        "last": site.end,
    }


def _lists(values: Any) -> list[list[float | None]]:
    return [[_plain(value) for value in row] for row in values]


def _plain(value: float) -> float | None:
    return float(f"{float(value):.5g}") if math.isfinite(value) else None
