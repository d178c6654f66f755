"""Does an atlas find what was planted? ``python -m benchmarks.atlas_recovery`` writes benchmarks/atlas_recovery.json.

tf-binding reads the sandbox's elements with one planted CTCF or SPI1 site each, on the track of that factor; and the
same stretches with their letters shuffled (dinucleotides kept), where no pattern should be left.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.sandbox_recovery import FACTORS
from genome.locus import Locus
from genome.sandbox import elements, sandbox_genome
from genome.source import Genome, MemoryGenome
from interpret import atlas
from models import registry
from models.core import ModelSpec, Target
from models.engine import Engine, Runner
from models.shuffle import dinucleotide_shuffle

RESULTS = Path(__file__).with_name("atlas_recovery.json")
SEED = 0


def main() -> None:
    """Measures both factors and writes the file."""
    spec = registry.spec(registry.DEFAULT_MODEL)
    run = Engine(registry.load).runner(spec.model_id)
    rows = [row(run, spec, key, shuffled=shuffled) for key in FACTORS for shuffled in (False, True)]
    RESULTS.write_text(json.dumps({"model": spec.model_id, "rows": rows}, indent=1) + "\n")
    for found in rows:
        print(found)


def row(run: Runner, spec: ModelSpec, key: str, *, shuffled: bool) -> dict[str, Any]:
    """The atlas of one factor's elements."""
    track, right = FACTORS[key]
    places = [element.locus for element in elements() if element.kind == f"single {key}"]
    stretches = atlas.stretches(spec, sandbox_genome(), places)
    genome: Genome = mixed(stretches) if shuffled else sandbox_genome()
    start = time.perf_counter()
    found = atlas.contributions(run, spec, genome.sequence, stretches, Target(track))
    read = time.perf_counter()
    made = atlas.patterns(found, sd=spec.tracks[spec.track_index(track)].sd)
    return {
        "factor": key,
        "track": track,
        "shuffled": shuffled,
        "places": made.n_places,
        "window_bp": made.window,
        "patterns": [
            {
                "sign": pattern.sign,
                "seqlets": pattern.n_seqlets,
                "contribution_sd": round(pattern.contribution / spec.tracks[spec.track_index(track)].sd, 2),
                "label": pattern.label,
                "q": float(f"{pattern.like.q_value:.1e}"),
                "families": list(pattern.families),
                "right": pattern.named and any(right(motif) for motif in (pattern.like.motif, *pattern.like.ties)),
            }
            for pattern in made.patterns
        ],
        "too_faint": made.faint,
        "seconds_reading": round(read - start, 1),
        "seconds_patterns": round(time.perf_counter() - read, 1),
    }


def mixed(stretches: tuple[Locus, ...]) -> MemoryGenome:
    """The sandbox with the letters of some stretches shuffled."""
    genome = sandbox_genome()
    contigs = {chrom: list(genome.sequence(Locus(chrom, 0, length)).bases) for chrom, length in genome.contigs.items()}
    for place in stretches:
        letters = "".join(contigs[place.chrom][place.start : place.end])
        contigs[place.chrom][place.start : place.end] = dinucleotide_shuffle(letters, seed=SEED)
    return MemoryGenome("sandbox-shuffled", {chrom: "".join(bases) for chrom, bases in contigs.items()}, build="made-0")


if __name__ == "__main__":
    main()
