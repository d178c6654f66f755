"""Which method of attribution finds the bases that matter? Every method with every reference, in one table.

    CISLENS_DATA=... python -m benchmarks.faithfulness

    CISLENS_DATA=... python -m benchmarks.faithfulness --choose     chr9 + chr10: what the thresholds of the chips
                                                                    rest on; writes nothing

writes benchmarks/faithfulness.json, and faithfulness.json beside each model, which the Models screen shows. Methods that
are added to ``interpret.methods.METHODS`` are measured by running it again.

- Held-out CTCF peaks (chr20 and chr22, without N, drawn by seed): area under the deletion and the insertion curve
  (``interpret.faithfulness``), mean over peaks with a 95 % interval by bootstrap over them.
- The sandbox, whose sites are known: the same areas, and the average precision of |contribution| against the bases of
  planted sites. For ``tf-binding`` windows of 100 bp that hold a planted site of the track's factor, anywhere in the
  window; truth is every site of that factor. For ``sandbox-profile`` windows of 500 bp on planted elements; truth is every
  site that leaves reads.

To be beaten: bases in random order, and the letters of the simple model. Windows that are predicted as their shuffles are
have nothing to explain and are left out, for all methods alike.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.profile_truth import site_mask
from genome.errors import UserError
from genome.locus import Locus
from genome.sandbox import elements, sandbox_genome, sites
from genome.sequence import decoded, encoded
from interpret.checks import DELETION_BAD, DELETION_BEATEN, DELETION_GOOD, METHODS_GOOD
from interpret.faithfulness import (
    FRACTIONS,
    Ends,
    NothingToExplain,
    area,
    deletion_test,
    ends,
    strongest,
    swept,
)
from interpret.methods import BASELINE_WORDS, METHODS
from models import registry
from models.binding_data import PEAK, TEST_CHROMS, VALIDATION_CHROMS, read_peaks
from models.core import ModelSpec, Target
from models.engine import Engine
from models.metrics import auprc, interval, rounded, spearman

Float = npt.NDArray[np.float32]
Real = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RESULTS = Path(__file__).with_name("faithfulness.json")
SEED = 7
DRAWS = 4  # shuffles per window; the interval over windows holds what they add
RESAMPLES = 1000
BINDING, PROFILE, SIMPLE = "tf-binding", "sandbox-profile", "simple"
SITES = {"CTCF": "CTCF binding", "SPI1": "PU.1 binding"}


@dataclass(frozen=True)
class Case:
    """Windows on which methods are compared.

    Attributes:
        name: where they come from.
        model: name of the model.
        target: what is explained.
        windows: float32 (n, 4, window), one-hot.
        truth: bool (n, window), the bases of planted sites; None where no truth is known.
    """

    name: str
    model: str
    target: Target
    windows: Float
    truth: Flags | None = None


def peaks_case(data: Path, count: int, chroms: tuple[str, ...] = TEST_CHROMS) -> Case:
    """CTCF peaks of some chromosomes."""
    rows = read_peaks(data)
    mine = (rows.kinds == PEAK) & (rows.factors == 0) & np.isin(rows.chroms, chroms)
    codes = rows.codes[mine]
    codes = codes[(codes < 4).all(axis=1)]
    codes = codes[np.random.default_rng(SEED).permutation(len(codes))[:count]]
    return Case(f"CTCF peaks of {' and '.join(chroms)}", BINDING, Target(SITES["CTCF"]), encoded(codes))


def sites_case(spec: ModelSpec, key: str, count: int) -> Case:
    """Windows of the sandbox that hold a planted site of a factor, at any place in them."""
    random, genome = np.random.default_rng(SEED), sandbox_genome()
    planted = [site for site in sites() if site.key == key]
    windows, truth = [], []
    for index in random.permutation(len(planted))[:count]:
        site = planted[index].locus
        start = site.start - int(random.integers(0, spec.input_length - site.length + 1))
        locus = Locus(site.chrom, start, start + spec.input_length)
        inside = np.zeros(spec.input_length, dtype=bool)
        for other in planted:
            if other.locus.chrom == locus.chrom:
                inside[max(0, other.locus.start - start) : max(0, other.locus.end - start)] = True
        windows.append(genome.sequence(locus).one_hot())
        truth.append(inside)
    return Case(f"sandbox, planted {key} sites", spec.name, Target(SITES[key]), np.stack(windows), np.stack(truth))


def profile_case(spec: ModelSpec, count: int) -> Case:
    """Windows on planted elements that hold at least one site that leaves reads."""
    random, genome = np.random.default_rng(SEED), sandbox_genome()
    windows, truth = [], []
    for index in random.permutation(len(elements())):
        middle = (elements()[index].locus.start + elements()[index].locus.end) // 2
        locus = Locus(elements()[index].locus.chrom, middle - spec.input_length // 2, middle + spec.input_length // 2)
        sequence = genome.sequence(locus)
        inside = site_mask(sequence.bases)
        if inside.any() and len(windows) < count:
            windows.append(sequence.one_hot())
            truth.append(inside)
    target = Target(spec.tracks[0].name, "counts")
    return Case("sandbox, sites that leave reads", spec.name, target, np.stack(windows), np.stack(truth))


def measure(engine: Engine, case: Case) -> list[dict[str, Any]]:
    """One row per way to rank the bases."""
    spec = registry.spec(case.model)
    run = engine.runner(spec.model_id)
    spans: list[Ends | None] = []
    for x in case.windows:
        try:
            spans.append(ends(run, x, spec, case.target, seed=SEED, draws=DRAWS))
        except NothingToExplain:
            spans.append(None)
    kept = np.array([span is not None for span in spans])
    found = [span for span in spans if span is not None]
    windows, truth = case.windows[kept], None if case.truth is None else case.truth[kept]
    rows = []
    for words, values in _rankings(engine, case, windows):
        row: dict[str, Any] = {
            "column": case.target.track,
            "windows": f"{len(windows)} of {len(kept)}, {case.name}",
            "method": words,
        }
        if isinstance(values, str):
            row["refused"] = values
        else:
            areas = np.array([_areas(run, case.target, *one) for one in zip(windows, values, found, strict=True)])
            row["deletion_area"], row["insertion_area"] = _mean(areas[:, 0]), _mean(areas[:, 1])
            if truth is not None:
                pairs = list(zip(np.abs(values), truth, strict=True))
                row["average_precision"] = _mean(np.array([auprc(v[t], v[~t]) for v, t in pairs]))
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


def _rankings(engine: Engine, case: Case, windows: Float) -> Iterator[tuple[str, Float | str]]:
    """Contributions (n, window) of every method with every reference, or why it refuses; then what is to be beaten."""
    yield "random order", np.random.default_rng(SEED).normal(size=(len(windows), windows.shape[2])).astype(np.float32)
    simple = {track.name for track in registry.spec(SIMPLE).tracks}
    asked = [(case.model, name, baseline) for name, method in METHODS.items() for baseline in method.baselines]
    if case.target.track in simple:
        asked.insert(0, (SIMPLE, "ig", "uniform"))
    for model, name, baseline in asked:
        method, spec = METHODS[name], registry.spec(model)
        words = f"{method.words}, {BASELINE_WORDS[baseline].short}"
        words = "letters of the simple model" if model == SIMPLE else words
        run = engine.runner(spec.model_id)
        try:
            found = method.explain(run, windows, spec, case.target, baseline, SEED, None)
        except UserError as refusal:
            yield words, str(refusal)
        else:
            yield words, (found.contributions.mean(axis=1) * windows).sum(axis=1)


def _areas(run: Any, target: Target, x: Float, values: Float, found: Ends) -> tuple[float, float]:
    """The areas under the deletion and the insertion curve of one window, mean over its shuffles."""
    order = strongest(values, decoded(x), found.sign)
    curves = swept(run, x, found, [order] * len(found.shuffled), target).mean(axis=1)
    fractions = np.array([0.0, *FRACTIONS, 1.0])
    return area(curves[0], fractions), area(curves[1], fractions)


def _mean(values: Real) -> dict[str, float]:
    """The mean over windows with its 95 % interval."""
    drawn = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    return rounded(interval(float(values.mean()), values[drawn].mean(axis=1)))


def main() -> None:
    """Measures, prints, and writes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peaks", type=int, default=100)
    parser.add_argument("--sites", type=int, default=40, help="windows of the sandbox for each factor")
    parser.add_argument("--elements", type=int, default=12, help="windows of the sandbox for the profile")
    parser.add_argument("--choose", action="store_true", help="chr9 + chr10, for the thresholds of the chips")
    asked = parser.parse_args()
    data = os.environ.get("CISLENS_DATA")
    if not data:
        parser.error("set CISLENS_DATA to the folder of measured data")
    start, engine = time.perf_counter(), Engine(registry.load)
    if asked.choose:
        print(
            json.dumps(choose(engine, peaks_case(Path(data), asked.peaks, VALIDATION_CHROMS)), indent=1, default=float)
        )
        return
    binding, profile = registry.spec(BINDING), registry.spec(PROFILE)
    cases = [peaks_case(Path(data), asked.peaks), *(sites_case(binding, key, asked.sites) for key in SITES)]
    cases.append(profile_case(profile, asked.elements))
    tables = {spec.name: _file(spec, []) for spec in (binding, profile)}
    for case in cases:
        tables[case.model]["scores"] += measure(engine, case)
    for name, table in tables.items():
        text = json.dumps(table, indent=1) + "\n"
        (registry.RELEASED / name / "faithfulness.json").write_text(text, encoding="utf-8")
    RESULTS.write_text(json.dumps(list(tables.values()), indent=1) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


def choose(engine: Engine, case: Case) -> dict[str, Any]:
    """How the chips come out on peaks, and with contributions in random order: what their thresholds rest on."""
    spec = registry.spec(case.model)
    run, random = engine.runner(spec.model_id), np.random.default_rng(SEED)
    found = {
        name: (method.explain(run, case.windows, spec, case.target, method.baselines[0], SEED, None))
        for name, method in METHODS.items()
        if method.passes is not None
    }
    letters = {name: (one.contributions.mean(axis=1) * case.windows).sum(axis=1) for name, one in found.items()}
    figures: dict[str, Any] = {"peaks": len(case.windows)}
    for name, values in letters.items():
        if name != "ig":
            rho = np.array([spearman(a, b) for a, b in zip(letters["ig"], values, strict=True)])
            figures[f"ig and {name}"] = {"median": np.median(rho), "good": (rho >= METHODS_GOOD).mean()}
    for name, values in (letters | {"ig in random order": random.permuted(letters["ig"], axis=1)}).items():
        tests = []
        for x, row in zip(case.windows, values, strict=True):
            try:
                tests.append(deletion_test(run, x, row, spec, case.target, seed=SEED))
            except UserError:  # nothing to explain: counted by what is missing in "tested"
                continue
        good = [test.ratio >= DELETION_GOOD and test.beaten >= DELETION_BEATEN for test in tests]
        bad = [test.ratio <= DELETION_BAD for test in tests]
        ratio = float(np.median([test.ratio for test in tests]))
        figures[f"deletion, {name}"] = {
            "tested": len(tests), "median": ratio, "good": np.mean(good), "bad": np.mean(bad)
        }  # fmt: skip
    return figures


def _file(spec: ModelSpec, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "model": spec.name,
        "model_id": spec.model_id,
        "seed": SEED,
        "shuffles_per_window": DRAWS,
        "fractions": [0.0, *FRACTIONS, 1.0],
        "scores": rows,
    }


if __name__ == "__main__":
    main()
