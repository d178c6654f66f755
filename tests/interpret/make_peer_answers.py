"""Writes golden/peers.json: what memelite (TOMTOM) and tangermeme (seqlets) answer. Run by hand; numba compiles a minute.

python -m tests.interpret.make_peer_answers
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from interpret.jaspar import jaspar_motifs, jaspar_release

PEERS = Path(__file__).with_name("golden") / "peers.json"
KEPT = 8  # best matches recorded per query, besides every 100th


def queries() -> dict[str, np.ndarray]:
    """Query motifs of many kinds, (4, length) each, by name."""
    random = np.random.default_rng(0)
    known = jaspar_motifs()
    found = {known[i].matrix_id: known[i].frequencies for i in random.integers(0, len(known), 10).tolist()}
    found |= {f"random {n}": random.dirichlet([0.2] * 4, size=n).T for n in (1, 2, 4, 7, 12, 19, 30)}
    return found | {f"letters {n}": np.eye(4)[random.integers(0, 4, n)].T for n in (4, 8, 15)}


def track(seed: int, length: int) -> np.ndarray:
    """Made-up contributions (length,) with one strong run."""
    random = np.random.default_rng(seed)
    values = 0.1 * random.laplace(size=length)
    values[20:32] += random.uniform(0.1, 1, 12)
    return values


def recorded(p_values: np.ndarray) -> np.ndarray:
    """Indices of the motifs whose p-values are recorded."""
    return np.union1d(np.argsort(p_values, kind="stable")[:KEPT], np.arange(0, len(p_values), 100))


def main() -> None:
    """Asks the peers and writes their answers."""
    from memelite import tomtom
    from tangermeme.seqlet import recursive_seqlets

    known = [motif.frequencies for motif in jaspar_motifs()]
    answers: dict[str, Any] = {"release": jaspar_release(), "tomtom": {}, "seqlets": []}
    for name, query in queries().items():
        p_values, scores, *_ = tomtom([query.copy()], known, n_target_bins=None)
        kept = recorded(p_values[0])
        answers["tomtom"][name] = [[int(i), float(p_values[0][i]), int(scores[0][i])] for i in kept]
    for seed in range(5):
        for length in (60, 100, 700):
            for p in (0.01, 5e-4):
                frame = recursive_seqlets(track(seed, length)[None], threshold=p)
                rows = frame[["start", "end", "p-value", "attribution"]].to_numpy().tolist()
                answers["seqlets"].append({"seed": seed, "length": length, "p": p, "found": rows})
    PEERS.parent.mkdir(exist_ok=True)
    PEERS.write_text(json.dumps(answers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
