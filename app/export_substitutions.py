"""The effect of every substitution along a locus as a table or JSON, with everything that is needed to make it again."""

from __future__ import annotations

import json
from typing import Any, Literal

from app.export import attribution_provenance, comments, rounded
from app.view import View
from genome.sequence import BASES
from interpret.attribution import Attribution
from interpret.substitutions import Substitutions

EFFECT = "prediction with alt minus prediction with ref"


def provenance(view: View, found: Attribution, effects: Substitutions, *, contig_digest: str) -> dict[str, Any]:
    """How the effects were computed: as for contributions by mutagenesis, in the windows that the effects were read in."""
    record = attribution_provenance(view, found, contig_digest=contig_digest)
    return record | {
        "unit": effects.unit,
        "explained": f"{view.track}, {effects.unit}",
        "windows": effects.rule,
        "effect": f"{EFFECT}, in {effects.unit}",
        "spread": "standard deviation between members" if effects.spread is not None else "one member, so none",
    }


def table(
    view: View,
    found: Attribution,
    effects: Substitutions,
    *,
    contig_digest: str,
    form: Literal["tsv", "csv"] = "tsv",
) -> str:
    """One line per substitution: chrom, position (1-based), ref, alt, effect, spread between members, unit.

    Args:
        view: what is looked at.
        found: the mutagenesis.
        effects: its map.
        contig_digest: of the chromosome.
        form: what stands between columns.
    """
    mark = {"tsv": "\t", "csv": ","}[form]
    unit = effects.unit.replace(mark, " ")
    lines = comments(provenance(view, found, effects, contig_digest=contig_digest))
    lines.append(mark.join(("chrom", "position", "ref", "alt", "effect", "spread", "unit")))
    for change in effects:
        spread = "" if change.spread is None else f"{change.spread:.6g}"
        cells = (
            view.locus.chrom,
            str(change.position + 1),
            change.ref,
            change.alt,
            f"{change.effect:.6g}",
            spread,
            unit,
        )
        lines.append(mark.join(cells))
    return "\n".join(lines) + "\n"


def as_json(view: View, found: Attribution, effects: Substitutions, *, contig_digest: str) -> str:
    """The map with full provenance. ``positions`` are 0-based genome positions; null is the column of an N."""
    spread = effects.spread
    record = provenance(view, found, effects, contig_digest=contig_digest) | {
        "bases": effects.sequence.bases,
        "positions": effects.sequence.positions.tolist(),
        "inserted": [i for i, new in enumerate(effects.sequence.inserted.tolist()) if new],
        "effects": {base: rounded(row) for base, row in zip(BASES, effects.effects, strict=True)},
        "spread_between_members": None
        if spread is None
        else {base: rounded(row) for base, row in zip(BASES, spread, strict=True)},
    }
    return json.dumps(record, indent=1, allow_nan=False)
