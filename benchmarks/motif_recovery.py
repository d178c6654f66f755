"""Does naming find the factor that was measured? Held-out peaks, against a FIMO scan of the same peaks and shuffles.

    CISLENS_DATA=... python -m benchmarks.motif_recovery            chr20 + chr22: the figures, touched once
    CISLENS_DATA=... python -m benchmarks.motif_recovery --choose   chr9 + chr10: for choosing rules, writes nothing

For each factor:

- Peaks: the 100 bp ChIP-seq peaks that the model calls positive (log odds > 0). Their top seqlet is the seqlet with the
  largest positive sum of contributions (integrated gradients, uniform reference). It is recovered when a matrix of the
  right kind is among its matches with q <= 0.05 and p within a factor of 10 of the best. Right for CTCF: a matrix named
  CTCF or CTCFL (its paralogue, same zinc fingers; the family "more than 3 adjacent zinc fingers" is far too wide to
  count). Right for PU.1: a matrix whose only family is Ets-related (dimers with other families do not count).
- FIMO: the share of the same peaks with a hit at p < 1e-4 on either strand of the factor's own matrices (CTCF: those
  named CTCF; PU.1: MA0080), the yardstick; and of all right matrices, which hit shuffles so often that no comparison at
  the same error rate is possible. Both are also given on the shuffles.
- Shuffles: a dinucleotide-preserving shuffle of each of those peaks, whatever the model calls it, through the same
  seqlets, floor, comparison and rule. Also given: the share that is called positive as well.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.sequence import encoded
from interpret.integrated_gradients import PathGradients
from interpret.jaspar import Motif, jaspar_motifs, jaspar_release
from interpret.motifs import CERTAIN, FLANK, NAMING_FLOOR, Q_LIMIT, SHARPNESS, fimo_hits, name_seqlets
from interpret.seqlets import seqlets
from models import registry
from models.binding_data import TEST_CHROMS, VALIDATION_CHROMS, Rows, read_peaks
from models.core import Target, Track
from models.engine import Engine, Runner
from models.predict import Components
from models.shuffle import letters_of, shuffle_codes

Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float32]

RESULTS = Path(__file__).with_name("motif_recovery.json")
SEED = 7
FIMO_P = 1e-4
POINTS = 16
CHUNK = 128
FLOORS = (0.0, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.4, 1.6, 2.0)


def is_ctcf(motif: Motif) -> bool:
    """Whether a matrix is of CTCF or its paralogue."""
    return motif.name in ("CTCF", "CTCFL")


def is_ets(motif: Motif) -> bool:
    """Whether a matrix is of one ETS factor."""
    return motif.families == ("Ets-related",)


# factor number in the data -> (track, right kind, the factor's own matrices)
FACTORS: tuple[tuple[str, Callable[[Motif], bool], Callable[[Motif], bool]], ...] = (
    ("CTCF binding", is_ctcf, lambda motif: motif.name == "CTCF"),
    ("PU.1 binding", is_ets, lambda motif: motif.matrix_id.startswith("MA0080.")),
)


def explain(codes: Codes, run: Runner, track: str) -> tuple[Float, Float]:
    """Contributions of many windows at once: the same integrals as ``interpret.integrated_gradients.attribute``.

    Args:
        codes: int8 (n, length), 0..3 for ACGT.
        run: the engine, bound to a model.
        track: name of the track.

    Returns:
        float32 (n, length), contribution of the base that stands there, and (n, 4, length), of each base; in the
        track's unit, uniform reference, a fixed number of points.
    """
    one_hot = encoded(codes)
    (gradients,) = run(PathGradients(Target(track), POINTS), (one_hot, np.full_like(one_hot, 0.25)), None)
    mean = np.asarray(gradients).mean(axis=1)
    hypothetical = mean - mean.mean(axis=1, keepdims=True)
    return (hypothetical * one_hot).sum(axis=1), hypothetical


def strength(values: Float, hypothetical: Float, sd: float, right: Callable[[Motif], bool]) -> float:
    """What the top seqlet contributes, in sd of the track, when it has a match of the right kind; else minus infinity.

    The floor is left out here, so that one pass answers for every floor: it is recovered when this is at least that.
    """
    top = [seqlet for seqlet in seqlets(values) if seqlet.sign == "+"][:1]
    for call in name_seqlets(top, values, hypothetical, sd=1e-9):
        if call.motif and call.named and any(right(motif) for motif in (call.motif, *call.ties)):
            return call.contribution / sd
    return -np.inf


def strengths(codes: Codes, run: Runner, track: Track, right: Callable[[Motif], bool]) -> Float:
    """``strength`` of each row of int8 (n, length) codes: float32 (n,)."""
    found: list[float] = []
    for start in range(0, len(codes), CHUNK):
        values, hypothetical = explain(codes[start : start + CHUNK], run, track.name)
        found += [strength(v, h, track.sd, right) for v, h in zip(values, hypothetical, strict=True)]
        print(f"{track.name}: {len(found)} of {len(codes)}", file=sys.stderr, flush=True)
    return np.array(found, dtype=np.float32)


def positive(codes: Codes, run: Runner, track: int) -> Flags:
    """Which of int8 (n, length) codes the model calls positive (log odds > 0): bool (n,)."""
    (parts,) = run(Components(), (encoded(codes),), None)
    called: Flags = np.asarray(parts).mean(axis=1)[:, track].mean(axis=-1) > 0
    return called


def measure(name: str, chroms: Sequence[str], data: Path, most: int | None, *, scan: bool = True) -> dict[str, Any]:
    """The figures of both factors on the peaks of some chromosomes."""
    spec = registry.spec(name)
    run = Engine(registry.load).runner(spec.model_id)
    peaks = read_peaks(data)
    figures: dict[str, Any] = {
        "model_id": spec.model_id,
        "chromosomes": list(chroms),
        "motifs": f"{jaspar_release()} CORE vertebrates, {len(jaspar_motifs())} matrices",
        "rules": {
            "points": POINTS,
            "q": Q_LIMIT,
            "floor_sd": NAMING_FLOOR,
            "flank": FLANK,
            "sharpness": SHARPNESS,
            "certain": CERTAIN,
            "fimo_p": FIMO_P,
        },
    }
    for factor, (name_of_track, right, own) in enumerate(FACTORS):
        number = spec.track_index(name_of_track)
        track = spec.tracks[number]
        codes = _peaks_of(peaks, factor, chroms)[:most]
        called = codes[positive(codes, run, number)]
        mixed = shuffle_codes(called, seed=SEED)
        mixed_called = positive(mixed, run, number)
        texts, mixed_texts = [letters_of(row) for row in called], [letters_of(row) for row in mixed]
        found, false = (strengths(rows, run, track, right) for rows in (called, mixed))
        figures[name_of_track] = {
            "peaks": len(codes),
            "called_positive": len(called),
            "recovered": _share(found >= NAMING_FLOOR),
            "shuffles_recovered": _share(false >= NAMING_FLOOR),
            "shuffles_called_positive_and_recovered": _share((false >= NAMING_FLOOR) & mixed_called),
        }
        if tuple(chroms) != TEST_CHROMS:  # nothing is chosen on the held-out chromosomes
            by_floor = {f"{floor:g}": [_share(found >= floor), _share(false >= floor)] for floor in FLOORS}
            figures[name_of_track]["by_floor"] = by_floor
        if scan:
            fimo = {
                "fimo": _fimo_share(texts, [motif for motif in jaspar_motifs() if own(motif)]),
                "fimo_on_shuffles": _fimo_share(mixed_texts, [motif for motif in jaspar_motifs() if own(motif)]),
                "fimo_all_right_matrices": _fimo_share(texts, [m for m in jaspar_motifs() if right(m)]),
                "fimo_all_right_matrices_on_shuffles": _fimo_share(
                    mixed_texts, [m for m in jaspar_motifs() if right(m)]
                ),
            }
            share = figures[name_of_track]["recovered"]
            figures[name_of_track] |= fimo | {
                "ratio_to_fimo": round(share / fimo["fimo"], 4),
                "ratio_to_fimo_all_right_matrices": round(share / fimo["fimo_all_right_matrices"], 4),
            }
    return figures


def _peaks_of(peaks: Rows, factor: int, chroms: Sequence[str]) -> Codes:
    """int8 (n, 100): the peaks of one factor on some chromosomes that hold no N, in an order drawn by seed."""
    mine = (peaks.factors == factor) & np.isin(peaks.chroms, chroms)
    codes = peaks.codes[mine]
    codes = codes[(codes < 4).all(axis=1)]
    return codes[np.random.default_rng(SEED).permutation(len(codes))]


def _fimo_share(sequences: Sequence[str], motifs: Sequence[Motif]) -> float:
    return _share(np.array([bool(hits) for hits in fimo_hits(sequences, motifs, p=FIMO_P)]))


def _share(flags: Flags) -> float:
    return round(float(flags.mean()), 4) if len(flags) else float("nan")


def main() -> None:
    """Measures, prints, and for the held-out chromosomes writes motif_recovery.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tf-binding")
    parser.add_argument("--choose", action="store_true", help="chr9 + chr10, for choosing rules")
    parser.add_argument("--most", type=int, default=None, help="peaks per factor, for a quick look")
    asked = parser.parse_args()
    data = os.environ.get("CISLENS_DATA")
    if not data:
        parser.error("set CISLENS_DATA to the folder of measured data")
    chroms = VALIDATION_CHROMS if asked.choose else TEST_CHROMS
    figures = measure(asked.model, chroms, Path(data), asked.most)
    text = json.dumps(figures, indent=2)
    print(text)
    if not asked.choose and asked.most is None:
        RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
