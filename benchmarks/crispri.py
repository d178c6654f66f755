"""What can be said of CRISPRi element-gene pairs here? ``python -m benchmarks.crispri`` writes benchmarks/crispri.json.

Reads the table of K562 pairs in CISLENS_DATA and says how well nearness to the gene finds the regulated ones, how many of its
elements lie in a genome that is there, and, if enough do, how well the shipped models' activity of the element alone does.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app import compute_measure
from app.compute import Asker
from experiment.measurements_crispri import by_distance, quality, what_a_model_can_say
from genome.catalog import genomes
from models import registry

RESULTS = Path(__file__).with_name("crispri.json")
TABLE = "crispri/crispri_element_gene_pairs_K562.hg38.tsv.gz"
ASKED = (("lentimpra", "K562 activity"), ("tf-binding", "CTCF binding"))


def main() -> None:
    """Reads, compares, and writes the file."""
    data = Path(os.environ["CISLENS_DATA"])
    taken = compute_measure.take(data / TABLE, Path(TABLE).name)
    if taken.pairs is None:
        raise ValueError(f"{taken.kind=}")
    baseline = by_distance(taken.pairs)
    record: dict[str, Any] = {
        "table": taken.measured.name,
        "digest": taken.measured.digest,
        "quality": dict(quality(taken.pairs)),
        "by_distance": None if baseline is None else asdict(baseline),
        "models": [asked(taken, data, *one) for one in ASKED],
    }
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(record, indent=1, ensure_ascii=False))


def asked(taken: compute_measure.Taken, data: Path, name: str, track: str) -> dict[str, Any]:
    """What one model says, on the piece of hg38 that is there."""
    spec = registry.spec(name)
    track = track if track in [one.name for one in spec.tracks] else spec.tracks[0].name
    place = os.environ.get("CISLENS_GENOME_HG38", str(data / "genomes/hg38_demo.fa.gz"))
    with tempfile.TemporaryDirectory() as home:
        os.environ.setdefault("CISLENS_HOME", home)
        os.environ["CISLENS_GENOME_HG38"] = place
        if "hg38" not in {entry.name for entry in genomes() if entry.is_local}:
            raise ValueError(f"{place} is not found as hg38")
        ranking, inside = compute_measure.ranked_elements(taken, "hg38", spec.model_id, track, Asker(session="crispri"))
    if taken.pairs is None:
        raise ValueError("no pairs")
    return {
        "model": spec.model_id,
        "track": track,
        "genome": Path(place).name,
        "elements_in_the_genome": inside,
        "ranking": None if ranking is None else asdict(ranking),
        "said": what_a_model_can_say(spec, taken.pairs, inside),
    }


if __name__ == "__main__":
    main()
