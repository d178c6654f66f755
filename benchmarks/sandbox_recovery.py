"""Are the planted sites found? ``python -m benchmarks.sandbox_recovery`` writes benchmarks/sandbox_recovery.json.

The whole sandbox is explained in stretches of 2 kb, the letters are named as on the screen, and every stretch that
raises the prediction and bears a name of the right family is a call. A call is right when it overlaps a planted site of
that factor; a site is recovered when a call overlaps it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.motif_recovery import is_ctcf, is_ets
from genome.locus import Locus
from genome.sandbox import Site, sandbox_genome, sites
from interpret.jaspar import Motif
from interpret.methods import attribute
from interpret.motifs import name_seqlets
from interpret.seqlets import seqlets
from models import registry
from models.core import ModelSpec, Target
from models.engine import Engine, Runner

RESULTS = Path(__file__).with_name("sandbox_recovery.json")
STRETCH = 2_000
STRONG = 0.9  # score of a site as a share of the best possible score
FACTORS: dict[str, tuple[str, Callable[[Motif], bool]]] = {
    "CTCF": ("CTCF binding", is_ctcf),
    "SPI1": ("PU.1 binding", is_ets),
}


def main() -> None:
    """Measures both factors and writes the file."""
    spec = registry.spec(registry.DEFAULT_MODEL)
    run = Engine(registry.load).runner(spec.model_id)
    rows = [recovery(run, spec, key) for key in FACTORS]
    RESULTS.write_text(json.dumps({"model": spec.model_id, "stretch_bp": STRETCH, "rows": rows}, indent=1) + "\n")
    for row in rows:
        print(row)


def recovery(run: Runner, spec: ModelSpec, key: str) -> dict[str, Any]:
    """Precision and recall of one factor over the whole sandbox."""
    track, right = FACTORS[key]
    planted = [site for site in sites() if site.key == key]
    decoys = [site for site in sites() if site.role == "decoy" and key in site.key and site.key != key]
    called = list(calls(run, spec, track, right))
    strong = [site for site in planted if site.strength >= STRONG]
    return {
        "factor": key,
        "track": track,
        "planted": len(planted),
        "recovered": _found(planted, called),
        "recall": round(_found(planted, called) / len(planted), 3),
        "recall_strong_sites": round(_found(strong, called) / len(strong), 3),
        "calls": len(called),
        "calls_on_a_planted_site": sum(any(_overlap(site.locus, call) for site in planted) for call in called),
        "precision": round(sum(any(_overlap(s.locus, c) for s in planted) for c in called) / max(1, len(called)), 3),
        "scrambled_decoys": len(decoys),
        "scrambled_decoys_called": _found(decoys, called),
    }


def calls(run: Runner, spec: ModelSpec, track: str, right: Callable[[Motif], bool]) -> Iterator[Locus]:
    """Where the letters raise the prediction and bear a name of the right kind, 0-based half-open."""
    genome, sd = sandbox_genome(), spec.tracks[spec.track_index(track)].sd
    for contig, length in genome.contigs.items():
        for start in range(0, length, STRETCH):
            locus = Locus(contig, start, min(start + STRETCH, length))
            sequence = genome.sequence(locus.extended(2 * spec.input_length))
            found = attribute(run, spec, sequence, locus, Target(track))
            first, last = found.whole
            values, hypothetical = found.values[first:last], found.hypothetical[:, first:last]
            for call in name_seqlets(seqlets(values), values, hypothetical, sd=sd):
                matches = (call.motif, *call.ties) if call.named and call.motif is not None else ()
                if call.seqlet.sign == "+" and any(right(motif) for motif in matches):
                    yield Locus(contig, start + call.start, start + call.end)


def _found(planted: list[Site], called: list[Locus]) -> int:
    return sum(any(_overlap(site.locus, call) for call in called) for site in planted)


def _overlap(a: Locus, b: Locus) -> bool:
    return a.chrom == b.chrom and a.start < b.end and b.start < a.end


if __name__ == "__main__":
    main()
