"""Effects of single-letter variants beside tangermeme's substitution_effect, taken in turn; ``main`` on real DNA.

Both read the same windows (five around each variant) with the same members and strands, and give REF and ALT of every
track. The peer is given its windows and letters ready made; ours begins at the rows of a file and reads the genome.
The peer runs in a process of its own: the engine tells the allocator to keep freed memory, which would help it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.networks import legnet_like
from benchmarks.run import ROUNDS, measured_model
from genome.locus import Locus, Variant
from genome.source import Genome, MemoryGenome
from genome.variant_rows import VariantRow, in_chunks
from interpret.variant_windows import allele_windows
from interpret.variants import score
from models.alleles import scalars, ways_for
from models.core import Model
from models.engine import Engine

PEER_BATCH = 32
RESULTS = Path(__file__).with_name("variants.json")
NAMES = ("bpnet-like", "sandbox-profile", "tf-binding", "simple", "legnet-like", "lentimpra", "retina")


class EveryComponent(nn.Module):
    """A model as the peer is given it: (n, 4, window) -> (n, components, tracks), the usual scalars."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Each component in turn."""
        return torch.stack([scalars(self.model, component, x) for component in self.model.components], 1)


def rows() -> list[dict[str, Any]]:
    """A few variants of random DNA on one network of each kind, for ``make bench``."""
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 60_000))
    genome = MemoryGenome("random", {"bench": bases}, build="none", synthetic=True)
    return [beside_tangermeme(name, genome, count) for name, count in (("bpnet-like", 24), ("tf-binding", 512))]


def main() -> None:
    """Measures single-letter variants of the demo genome: ``python -m benchmarks.variants [count [model ...]]``."""
    from genome.fasta import LocalGenome

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
    path = Path(os.environ["CISLENS_DATA"]) / "genomes/hg19_demo.fa.gz"
    genome = LocalGenome(path, name="hg19", build="GRCh37")
    known = {row["network"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.is_file() else {}
    for name in sys.argv[2:] or NAMES:
        row = beside_tangermeme(name, genome, count, rounds=3 if count <= 300 else 1)
        print(json.dumps(row), flush=True)
        known[name] = {"network": name, "variants": count} | row
        RESULTS.write_text(json.dumps([known[name] for name in NAMES if name in known], indent=1) + "\n")


def beside_tangermeme(name: str, genome: Genome, count: int, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Variants by ours and by the peer, and how far their effects lie apart at most.

    Processor seconds are told beside those of the clock: on a machine that others use they are the fairer of the two.
    """
    model = model_of(name)
    spec, chosen = model.spec, some_variants(genome, model.spec.input_length, count)
    run = Engine({spec.model_id: model}.__getitem__).runner(spec.model_id)
    alleles = np.stack(
        [windows for row in chosen if not isinstance(windows := allele_windows(row, spec, genome), VariantRow)]
    )
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        alone.submit(peer_effects, name, alleles[:8]).result()
        list(score(run, spec, genome, [chosen[:8]]))
        for _ in range(rounds):
            start = time.perf_counter(), time.process_time()
            deltas = np.concatenate([part.delta for part in score(run, spec, genome, in_chunks(chosen, 1_000))])
            times["ours"].append((time.perf_counter() - start[0], time.process_time() - start[1]))
            theirs, seconds = alone.submit(peer_effects, name, alleles).result()
            times["peer"].append(seconds)
    ours, peer = (np.median(np.array(kept), axis=0) for kept in times.values())
    return {
        "name": f"{count:,} SNVs of {genome.name} in {spec.placements} windows, {name}, {len(model.components)} component(s)",
        "ours_seconds": round(float(ours[0]), 3),
        "peer": f"tangermeme substitution_effect, batch {PEER_BATCH}",
        "peer_seconds": round(float(peer[0]), 3),
        "ratio": round(float(peer[0] / ours[0]), 2),
        "ratio_of_processor_seconds": round(float(peer[1] / ours[1]), 2),
        "max_difference": float(np.abs(deltas - theirs).max()),
        "largest_effect": float(np.abs(theirs).max()),
        "how": ways_for(model).how,
    }


@lru_cache
def model_of(name: str) -> Model:
    """A released model, or a network of a published shape with random weights."""
    return legnet_like() if name == "legnet-like" else measured_model(name)


def some_variants(genome: Genome, window: int, count: int) -> tuple[VariantRow, ...]:
    """Single-letter variants at random places whose windows hold no N, sorted, one at each place."""
    random = np.random.default_rng(0)
    contigs = [name for name, length in genome.contigs.items() if length > 2 * window]
    found: dict[tuple[str, int], VariantRow] = {}
    while len(found) < count:
        chrom = contigs[int(random.integers(len(contigs)))]
        place = int(random.integers(window, genome.contigs[chrom] - window))
        bases = genome.sequence(Locus(chrom, place - window, place + window)).bases
        if "N" in bases:
            continue
        ref = bases[window]
        alt = "ACGT"[("ACGT".index(ref) + int(random.integers(1, 4))) % 4]
        change, locus = Variant(chrom, place + 1, ref, alt), Locus(chrom, place, place + 1)
        found[chrom, place] = VariantRow(1, chrom, place + 1, "", ref, alt, variant=change, locus=locus)
    return tuple(found[key] for key in sorted(found))


def peer_effects(name: str, alleles: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The peer's effects (n, tracks) for windows uint8 (n, 2, placements, window); seconds of the clock and processor."""
    from tangermeme.variant_effect import substitution_effect

    count, _, placements, window = alleles.shape
    before, after = (alleles[:, allele].reshape(-1, window) for allele in (0, 1))
    places = (before != after).argmax(axis=1)
    changes = np.column_stack([np.arange(len(before)), places, after[np.arange(len(after)), places]]).astype(np.int64)
    x = torch.from_numpy(np.eye(5, 4, dtype=np.float32)[before]).transpose(1, 2).contiguous()
    peer = EveryComponent(model_of(name)).eval()
    start = time.perf_counter(), time.process_time()
    answers = substitution_effect(peer, x, torch.from_numpy(changes), batch_size=PEER_BATCH, device="cpu")
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    delta = (answers[1] - answers[0]).numpy().reshape(count, placements, *answers[0].shape[1:])
    return delta.mean(axis=(1, 2)), seconds


if __name__ == "__main__":
    main()
