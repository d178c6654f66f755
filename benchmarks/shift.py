"""Does the badge notice DNA unlike the training data, and how often does it cry wolf?

    CISLENS_DATA=... python -m benchmarks.shift tf-binding lentimpra     into benchmarks/shift.json

For each model, on rows that neither the model nor its reference has seen:

- False alarms: the share of test rows called unlike; aim 5 %. Peaks and background apart for tf-binding.
- Made-up DNA, never used to set anything: letters drawn evenly; GC under 25 % and over 75 % (letters drawn so, and test rows
  whose bases were changed one by one until they are); tandem repeats of 1 to 6 bp that fill the window, with 5 % of their
  bases changed, and exact ones that fill half of a test row; test rows with 11 to 50 % N. Aim 90 %.
- Without an aim: dinucleotide shuffles of test rows, and rewired ones (cut into pieces of 20 bp, put together in another
  order, each piece turned round or not), which keep every word.

Intervals are 95 % binomial (Wilson).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import registry, shift
from models.augment import reversed_codes
from models.binding_data import BACKGROUND_STRIDE, read_peaks, read_splits, read_test_background
from models.engine import Runner
from models.predict import Embeddings
from models.reporter_data import read_lentimpra, read_retina
from models.shift import Reference, encoded, find_reference, is_unlike
from models.shift_build import direct
from models.shuffle import N_CODE, shuffle_codes

Codes = npt.NDArray[np.int8]
RESULTS = Path(__file__).with_name("shift.json")
SEED = 17
ROWS = 2_000  # of each kind
PIECE = 20


def evenly_drawn(rows: Codes, random: np.random.Generator) -> Codes:
    """Letters drawn evenly."""
    return random.integers(0, 4, rows.shape).astype(np.int8)


def drawn_with_gc(low: float, high: float) -> Callable[[Codes, np.random.Generator], Codes]:
    """Letters drawn so that exactly a share between the limits is G or C, evenly spread over the limits."""

    def draw(rows: Codes, random: np.random.Generator) -> Codes:
        length = rows.shape[1]
        counts = random.integers(math.ceil(low * length), math.ceil(high * length), len(rows))
        strong = random.random(rows.shape).argsort(axis=1) < counts[:, None]
        pairs = random.integers(0, 2, rows.shape)
        return np.where(strong, 1 + pairs, 3 * pairs).astype(np.int8)

    return draw


def changed_to_gc(share: float) -> Callable[[Codes, np.random.Generator], Codes]:
    """Test rows in which bases were changed at random places until the share of G and C is past a limit."""

    def change(rows: Codes, random: np.random.Generator) -> Codes:
        length, high, changed = rows.shape[1], share > 0.5, rows.copy()
        wanted = math.floor(share * length) + 1 if high else math.ceil(share * length) - 1
        for row in changed:
            is_strong = np.isin(row, (1, 2))
            surplus = wanted - int(is_strong.sum()) if high else int(is_strong.sum()) - wanted
            places = np.flatnonzero(is_strong != high)
            places = random.permutation(places)[: max(0, surplus)]
            row[places] = random.choice([1, 2] if high else [0, 3], len(places))
        return changed

    return change


def tandem(rows: Codes, random: np.random.Generator) -> Codes:
    """Repeats of a unit of 1 to 6 bp that fill the window, 5 % of the bases changed."""
    filled = np.stack([_repeated(random, rows.shape[1]) for _ in rows])
    changed = random.random(rows.shape) < 0.05
    return np.where(changed, random.integers(0, 4, rows.shape), filled).astype(np.int8)


def half_repeat(rows: Codes, random: np.random.Generator) -> Codes:
    """Test rows of which half, anywhere, is an exact repeat."""
    half, made = rows.shape[1] // 2, rows.copy()
    for row in made:
        start = int(random.integers(0, rows.shape[1] - half + 1))
        row[start : start + half] = _repeated(random, half)
    return made


def with_unknown(rows: Codes, random: np.random.Generator) -> Codes:
    """Test rows with 11 to 50 % N at random places."""
    shares = random.uniform(0.11, 0.5, len(rows))
    order = random.random(rows.shape).argsort(axis=1)
    return np.where(order < np.ceil(shares * rows.shape[1])[:, None], N_CODE, rows).astype(np.int8)


def shuffled(rows: Codes, random: np.random.Generator) -> Codes:
    """Dinucleotide shuffles of test rows."""
    return shuffle_codes(rows, seed=int(random.integers(1 << 30)))


def rewired(rows: Codes, random: np.random.Generator) -> Codes:
    """Test rows cut into pieces of 20 bp, in another order, each turned round or not."""
    made = []
    for row in rows:
        pieces = [row[start : start + PIECE] for start in range(0, len(row), PIECE)]
        order = random.permutation(len(pieces))
        made.append(np.concatenate([reversed_codes(pieces[i]) if random.random() < 0.5 else pieces[i] for i in order]))
    return np.stack(made)


CAUGHT: dict[str, Callable[[Codes, np.random.Generator], Codes]] = {
    "letters drawn evenly": evenly_drawn,
    "GC under 25 %, drawn": drawn_with_gc(0.05, 0.25),
    "GC under 25 %, just, from test rows": changed_to_gc(0.25),
    "GC over 75 %, drawn": drawn_with_gc(0.755, 0.955),
    "GC over 75 %, just, from test rows": changed_to_gc(0.75),
    "repeats that fill the window": tandem,
    "repeats that fill half of a test row": half_repeat,
    "11 to 50 % N": with_unknown,
}
REPORTED = {"dinucleotide shuffles": shuffled, "rewired in pieces of 20 bp": rewired}


def measured(name: str, data: Path) -> dict[str, Any]:
    """All figures of one model."""
    spec = registry.spec(name)
    reference = find_reference(spec)
    if reference is None:
        raise SystemExit(f"{name} has no {shift.FILE}; run python -m models.shift_build {name}.")
    run, random = direct(registry.load(spec.model_id)), np.random.default_rng(SEED)
    tests = test_rows(name, data)
    every = np.concatenate(list(tests.values()))
    source = every[random.choice(len(every), ROWS, replace=len(every) < ROWS)]
    start = time.perf_counter()
    alarms = {kind: _rate(called(reference, run, rows)) for kind, rows in tests.items()}
    per_row = (time.perf_counter() - start) / len(every) * 1000
    return {
        "model_id": spec.model_id,
        "with embedding": reference.embedding is not None,
        "false alarms on test rows": alarms | {"all": _rate(called(reference, run, every))},
        "caught (aim 90 %)": {
            kind: _rate(called(reference, run, make(source, random))) for kind, make in CAUGHT.items()
        },
        "reported": {kind: _rate(called(reference, run, make(source, random))) for kind, make in REPORTED.items()},
        "milliseconds per sequence, many at once": round(per_row, 3),
        "milliseconds for one sequence": round(_one(reference, run, source), 3),
    }


def called(reference: Reference, run: Runner, codes: Codes) -> npt.NDArray[np.bool_]:
    """Which rows are called unlike."""
    features = run(Embeddings(), (encoded(codes),), None)[0] if reference.embedding is not None else None
    return is_unlike(reference, codes, features)


def test_rows(name: str, data: Path) -> dict[str, Codes]:
    """Rows that nobody has looked at: the model's own test rows by kind."""
    if name in ("tf-binding", "simple"):
        background = read_test_background(data, read_peaks(data)).codes[:: BACKGROUND_STRIDE * 2]
        return {"peaks of chr20 and chr22": read_splits(data).test.codes, "background of chr22": background}
    parts = read_lentimpra(data) if name == "lentimpra" else read_retina(data)
    return {"held-out elements": parts.test.codes}


def _one(reference: Reference, run: Runner, source: Codes) -> float:
    """Milliseconds for one sequence by itself, median of 30, the embedding's pass through the network included."""
    times = []
    for row in source[:30]:
        start = time.perf_counter()
        features = run(Embeddings(), (encoded(row[None]),), None)[0] if reference.embedding is not None else None
        shift.judge(reference, row[None], features)
        times.append((time.perf_counter() - start) * 1000)
    return float(np.median(times))


def _rate(flags: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Share, its 95 % interval (Wilson) and the number of rows."""
    n, share, z = len(flags), float(flags.mean()), 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {
        "share": round(share, 4),
        "low": round(max(0.0, middle - half), 4),
        "high": round(min(1.0, middle + half), 4),
        "n": n,
    }


def _repeated(random: np.random.Generator, length: int) -> Codes:
    unit = random.integers(0, 4, int(random.integers(1, 7)))
    return np.resize(unit, length).astype(np.int8)


def main() -> int:
    """Measures the models that are named; the figures of others stay."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shift")
    parser.add_argument("model", nargs="+")
    folder = os.environ.get("CISLENS_DATA", "")
    if not folder:
        print("Set CISLENS_DATA to the folder of measured data.", file=sys.stderr)
        return 2
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in parser.parse_args().model:
        known[name] = measured(name, Path(folder))
        print(json.dumps({name: known[name]}, indent=1))
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
