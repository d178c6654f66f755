"""Peak memory of scoring many single-letter variants: a process of its own for each model and number of them.

``python -m benchmarks.variants_memory [count ...]`` writes variants_memory.json. Variants are made up as they are asked
for, as a reader of a file would hand them on, over a genome of random DNA. ``simple`` has one member and is looked up in
a table; ``tf-binding`` has three on both strands and is followed step by step.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from genome.locus import Locus, Variant
from genome.source import MemoryGenome
from genome.variant_rows import VariantRow, in_chunks
from interpret.variants import score
from models import registry
from models.engine import Engine

RESULTS = Path(__file__).with_name("variants_memory.json")
MODELS, COUNTS, CHUNK, PROMISED_GB = ("simple", "tf-binding"), (1_000, 10_000, 100_000), 1_000, 2.5


def main() -> None:
    """One child process per model and count, one after another."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(peak(sys.argv[2], int(sys.argv[3]))))
        return
    rows = []
    for model, count in itertools.product(MODELS, [int(text) for text in sys.argv[1:]] or COUNTS):
        command = [sys.executable, "-m", "benchmarks.variants_memory", "--child", model, str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    RESULTS.write_text(json.dumps({"promised_gb": PROMISED_GB, "rows": rows}, indent=1) + "\n")


def peak(model: str, count: int) -> dict[str, float | int | str]:
    """Scores that many variants by a model; the most memory the process ever held, in GB, and the seconds it took."""
    spec = registry.spec(model)
    genome = MemoryGenome("random", {"c": random_bases(1_000_000)}, build="none", synthetic=True)
    run, start, scored = Engine(registry.load).runner(spec.model_id), time.perf_counter(), 0
    for part in score(run, spec, genome, in_chunks(variants(genome, count), CHUNK)):
        scored += int(np.isfinite(part.delta).all(axis=1).sum())
    return {
        "model": spec.model_id,
        "variants": count,
        "scored": scored,
        "seconds": round(time.perf_counter() - start, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3),
    }


def variants(genome: MemoryGenome, count: int) -> Iterator[VariantRow]:
    """Single-letter variants at even distances, each made when it is asked for."""
    for at in range(count):
        place = 1_000 + at * 998_000 // count
        ref = genome.sequence(Locus("c", place, place + 1)).bases
        alt = "ACGT"["CGTA".index(ref)]
        change, locus = Variant("c", place + 1, ref, alt), Locus("c", place, place + 1)
        yield VariantRow(at + 1, "c", place + 1, "", ref, alt, variant=change, locus=locus)


def random_bases(length: int) -> str:
    """Random DNA, always the same."""
    return "".join(np.random.default_rng(0).choice(list("ACGT"), length))


if __name__ == "__main__":
    main()
