"""An atlas as a record: everything that decides it, and its patterns, as plain values. No Streamlit here."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from interpret import modisco
from interpret.atlas import TRIM, Atlas, Pattern
from interpret.jaspar import jaspar_release
from interpret.motifs import NAMING_FLOOR, NOTE
from models.core import ModelSpec, Target


def discovery() -> str:
    """How patterns are found here: the package, its version and its settings."""
    return (
        f"TF-MoDISco (modisco-lite {version('modisco-lite')}), sliding window {modisco.SLIDING_WINDOW}, "
        f"flank {modisco.FLANK}, false discovery rate {modisco.FDR}, at least {modisco.FEWEST_SEQLETS} seqlets"
    )


def about(
    spec: ModelSpec,
    target: Target,
    genome: str,
    n_given: int,
    found: Atlas,
    baseline: str,
    seed: int,
    discovered: str,
) -> dict[str, Any]:
    """What decides an atlas, as plain values; ``genome`` by name, ``discovered`` as ``discovery`` says it."""
    seeded = f", seed {seed}" if baseline == "shuffled" else ""
    return {
        "software": f"cislens {version('cislens')}",
        "model_id": spec.model_id,
        "genome": genome,
        "track": target.track,
        "explained": target.reduce,
        "unit": target.unit(spec),
        "method": "integrated gradients",
        "baseline": baseline,
        "seed": seed,
        "strands": list(spec.strands),
        "discovery": discovered,
        "kept": f"patterns whose bases add up to at least {NAMING_FLOOR} sd of the track; columns from {TRIM} of the highest",
        "names": f"TOMTOM against {jaspar_release()} CORE vertebrates. {NOTE}",
        "places_given": n_given,
        "places_read": found.n_places,
        "places_not_converged": found.not_converged,
        "window": found.window,
        "patterns_too_faint": found.faint,
        "caption": f"{spec.model_id} · {target.track} ({target.unit(spec)}) · integrated gradients, reference "
        f"{baseline}{seeded} · {found.n_places:,} places of {found.window} bp of {genome}",
    }


def as_json(pattern: Pattern) -> dict[str, Any]:
    """One pattern as plain values; arrays are rows A, C, G, T."""
    like = pattern.like
    return {
        "label": pattern.label,
        "sign": pattern.sign,
        "seqlets": pattern.n_seqlets,
        "contribution": pattern.contribution,
        "motif": like.motif.name if pattern.named else None,
        "matrix": like.motif.matrix_id if pattern.named else None,
        "strand": like.strand if pattern.named else None,
        "q_value": like.q_value,
        "families": list(pattern.families),
        "ties": [tie.name for tie in like.ties] if pattern.named else [],
        "frequencies": pattern.frequencies.round(6).tolist(),
        "contributions": pattern.weights.round(6).tolist(),
    }
