"""Does What if find the sandbox's planted rules? ``python -m benchmarks.whatif_sandbox`` writes benchmarks/whatif_sandbox.json.

The shipped profile network and the grammar itself answer the same questions: the planted cooperative pair and pairs that
act independently at every spacing, and whether the correlate (NRF1) and a cause (SPI1) are needed or enough.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from genome.sandbox import Element, Site, activity, elements, motifs, sandbox_genome, sites
from genome.sandbox_reads import READS_PER_ACTIVITY
from genome.sequence import Sequence, letters
from interpret.whatif import Scale, shuffled, window_at
from interpret.whatif_motif import of_sandbox, word
from interpret.whatif_pairs import VERDICT_RULE, Spacing, spacing, verdict_words
from interpret.whatif_stretch import counts, needed_or_enough
from models import registry
from models.core import ModelSpec, Track
from models.engine import Engine, Function, Progress, Runner

RESULTS = Path(__file__).with_name("whatif_sandbox.json")
NAME = "sandbox-profile"
PLANTED, INDEPENDENT = ("POU5F1::SOX2", "NR5A2"), ("HNF4A", "CEBPB")
OTHERS = (("CTCF", "SPI1"), ("SPI1", "HNF4A"), ("CTCF", "CEBPB"), ("NRF1", "SPI1"), ("POU5F1::SOX2", "CTCF"))
GAPS, FEW_GAPS = range(17), (0, 2, 5, 9, 14, 20)
BACKGROUNDS, FEW, TRUE = 100, 40, 10
SITES = 20


def main() -> None:
    """Asks network and grammar, and writes the file."""
    spec = registry.spec(NAME)
    run = Engine(registry.load).runner(spec.model_id)
    truth = grammar_spec()
    window = quiet_window(spec)
    rows = [pair(run, spec, window, names, GAPS, BACKGROUNDS, "amount") for names in (PLANTED, INDEPENDENT)]
    rows += [pair(run, spec, window, names, FEW_GAPS, FEW, "amount") for names in OTHERS]
    true = [pair(grammar, truth, window, names, GAPS, TRUE, "explained") for names in (PLANTED, INDEPENDENT)]
    stretches = [necessity(run, spec, key) for key in ("NRF1", "SPI1")]
    record = {
        "model": spec.model_id,
        "scale": "expected reads of the window, in which the grammar adds up",
        "rule": VERDICT_RULE,
        "pairs": rows,
        "pairs_by_the_grammar": true,
        "stretches": stretches,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    for row in (*rows, *true, *stretches):
        print({name: value for name, value in row.items() if name != "interaction"})


def pair(
    run: Runner, spec: ModelSpec, window: Sequence, names: tuple[str, str], gaps: Any, n: int, scale: Scale
) -> dict[str, Any]:
    """One scan: the interaction of every cell, and what is called."""
    own = of_sandbox(motifs())
    words, plain = (word(names[0], own), word(names[1], own)), shuffled(window, n, seed=0)
    found = spacing(run, spec, plain, *words, list(gaps), scale=scale)
    planted = planted_cells(found) if names == PLANTED else np.zeros(found.called.shape[:2], bool)
    values, hits = found.interaction.mean[..., 0], found.called[..., 0]
    strong = hits & (np.abs(values) >= 2 / 3 * np.abs(values).max())
    return {
        "pair": " and ".join(names),
        "backgrounds": n,
        "gaps": list(gaps),
        "said": verdict_words(found, 0, "reads"),
        "planted_cells": int(planted.sum()),
        "planted_cells_called_strong": int((strong & planted).sum()),
        "other_cells": int((~planted).sum()),
        "other_cells_called_strong": int((strong & ~planted).sum()),
        "other_cells_called": int((hits & ~planted).sum()),
        "mean_in_planted_cells": round(float(values[planted].mean()), 1) if planted.any() else None,
        "largest_elsewhere": round(float(np.abs(values[~planted]).max()), 1),
        "pair_effect": round(float(found.pair.mean[..., 0].mean()), 1),
        "interaction": {
            name: [round(float(value), 1) for value in row]
            for name, row in zip(found.arrangements, values, strict=True)
        },
    }


def planted_cells(found: Spacing) -> np.ndarray:
    """bool (arrangements, gaps): where the grammar's bonus holds: same strand, in order, 4 to 10 bp."""
    forward = np.array([name.count("(+)") == 2 for name in found.arrangements])
    return forward[:, None] & ((found.gaps >= 4) & (found.gaps <= 10))[None, :]


def necessity(run: Runner, spec: ModelSpec, key: str) -> dict[str, Any]:
    """Whether a factor's planted sites in active elements are needed and enough, and how it goes with activity."""
    genome = sandbox_genome()
    by_name = {element.name: element for element in elements()}
    with_it = {site.element for site in sites() if site.key == key}
    chosen: list[tuple[Site, Element]] = [
        (site, by_name[site.element]) for site in sites() if site.key == key and by_name[site.element].activity > 0.7
    ]
    chosen = chosen[:: max(1, len(chosen) // SITES)][:SITES]
    needed, enough, either = [], [], 0
    for site, element in chosen:
        locus = element.locus.resized(spec.input_length)
        whole = genome.sequence(locus.extended(2 * spec.input_length))
        found = needed_or_enough(
            run, spec, whole, locus, site.locus.start, site.locus.end, n=20, seed=0, scale="amount"
        )
        needed.append(float(found.necessity.mean[0]))
        enough.append(float(found.sufficiency.mean[0]))
        either += counts(found, found.necessity, 0) or counts(found, found.sufficiency, 0)
    have, lack = ([e.activity for e in elements() if (e.name in with_it) == present] for present in (True, False))
    return {
        "factor": key,
        "sites": len(chosen),
        "mean_activity_of_elements_with_it": round(float(np.mean(have)), 2),
        "mean_activity_of_elements_without_it": round(float(np.mean(lack)), 2),
        "needed_reads": round(float(np.mean(needed)), 1),
        "needed_reads_sd_between_sites": round(float(np.std(needed, ddof=1)), 1),
        "enough_reads": round(float(np.mean(enough)), 1),
        "enough_reads_sd_between_sites": round(float(np.std(enough, ddof=1)), 1),
        "sites_called_needed_or_enough": either,
    }


def quiet_window(spec: ModelSpec) -> Sequence:
    """A window of the sandbox in which nothing was planted."""
    place = next(element for element in elements() if element.kind == "nothing").locus
    return window_at(sandbox_genome().sequence(place.extended(2 * spec.input_length)), place.start, place.end, spec)


def grammar_spec() -> ModelSpec:
    """The grammar as a model of one window and one number: its activity in reads."""
    track = Track("reads", "grammar", "none (synthetic)", "reads")
    return ModelSpec("grammar-000000000000", "grammar", "The grammar", 500, 1, 500, (track,), "average", 1)


def grammar(
    function: Function, rows: tuple[np.ndarray, ...], progress: Progress | None = None
) -> tuple[np.ndarray, ...]:
    """What an experiment without noise would say of one-hot windows: float32 (n, 2 strands, 1, 1)."""
    del function, progress  # asked for as any runner; only ``Components`` is ever run here
    found = np.array([READS_PER_ACTIVITY * activity(letters(row)) for row in rows[0]], dtype=np.float32)
    return (np.repeat(found, 2).reshape(-1, 2, 1, 1),)


if __name__ == "__main__":
    main()
