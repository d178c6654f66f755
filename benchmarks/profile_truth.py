"""What the letters of ``sandbox-profile`` find: ``python -m benchmarks.profile_truth`` writes truth.json into its folder.

Windows on elements of the shipped sandbox are explained as on the screen, and compared with the simulator's own list of
sites that leave reads (``genome.sandbox_reads.bound_sites``).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.locus import Locus
from genome.sandbox import Element, elements, sandbox_genome
from genome.sandbox_reads import READS_PER_ACTIVITY, bound_sites
from interpret.methods import attribute
from models import registry
from models.core import ModelSpec, Target
from models.engine import Engine, Runner

NAME = "sandbox-profile"
CLEAR_READS = 0.1 * READS_PER_ACTIVITY  # a site with fewer reads is not asked for
TOP = 10  # letters


def main() -> None:
    """Measures both scalars of the profile and writes the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_truth", description=__doc__)
    parser.add_argument("--every", type=int, default=3, help="one element in so many is explained")
    every = parser.parse_args().every
    spec = registry.spec(NAME)
    run = Engine(registry.load).runner(spec.model_id)
    targets = (Target(spec.tracks[0].name, "counts"), Target(spec.tracks[0].name, "profile"))
    rows = [inside_sites(run, spec, target, elements()[::every]) for target in targets]
    text = json.dumps({"model": spec.model_id, "rows": rows}, indent=1) + "\n"
    (registry.RELEASED / NAME / "truth.json").write_text(text, encoding="utf-8")
    for row in rows:
        print(row)


def inside_sites(run: Runner, spec: ModelSpec, target: Target, chosen: tuple[Element, ...]) -> dict[str, Any]:
    """How much of the contributions lies inside sites that leave reads, over windows that hold at least one."""
    shares, chances, tops = [], [], []
    for element in chosen:
        middle = (element.locus.start + element.locus.end) // 2
        locus = Locus(element.locus.chrom, middle - spec.input_length // 2, middle + spec.input_length // 2)
        inside = site_mask(sandbox_genome().sequence(locus).bases)
        if not inside.any():
            continue
        sequence = sandbox_genome().sequence(locus)
        size = np.abs(attribute(run, spec, sequence, locus, target).values)
        shares.append(size[inside].sum() / size.sum())
        chances.append(inside.mean())
        tops.append(inside[np.argsort(size)[-TOP:]].mean())
    means = {"share": np.mean(shares), "by_chance": np.mean(chances), "top": np.mean(tops)}
    return {"target": target.reduce, "windows": len(shares)} | {k: round(float(v), 4) for k, v in means.items()}


def site_mask(bases: str) -> npt.NDArray[np.bool_]:
    """bool (length,): where the sites lie that leave a clear number of reads."""
    inside = np.zeros(len(bases), dtype=bool)
    for site in bound_sites(bases):
        inside[site.start : site.start + site.length] |= site.reads >= CLEAR_READS
    return inside


if __name__ == "__main__":
    main()
