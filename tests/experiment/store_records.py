"""Small records as the other rooms write them, all different by their seed."""

from __future__ import annotations

import hashlib
from typing import Any


def hypothesis(seed: int) -> dict[str, Any]:
    return {
        "link": f"v=1&model=toy&locus=sb1:{seed + 1}-{seed + 100}",
        "claim": f"CTCF at sb1:{seed + 1} drives activity here",
        "model_id": "toy-000000000000",
        "track": "track 0",
        "predicted": -1.5 - seed,
        "low": -2.0 - seed,
        "high": -1.0 - seed,
        "unit": "log2(RNA/DNA)",
        "interventions": [],
    }


def design(seed: int, n_elements: int = 4) -> dict[str, Any]:
    element = {"kind": "wild type", "arm": "random", "locus": "", "hypothesis": "", "barcodes": ["ACGTACGTAC"]}
    return {
        "name": f"design {seed}",
        "assay": "MPRA",
        "plan": {"seed": seed},
        "model_id": "toy-000000000000",
        "genome": "sandbox",
        "elements": [
            {**element, "name": f"e{seed}.{i}", "bases": "ACGT" * 5, "link": f"v=1&place={i}"}
            for i in range(n_elements)
        ],
        "hypotheses": [hypothesis(1_000_000 + seed)],
    }


def upload(seed: int, size: int = 300) -> bytes:
    return f"name\tvalue\nmeasured {seed}\t{seed}\n".encode() + b"#" * size


def measurements(seed: int, size: int = 300, n_rows: int = 3) -> dict[str, Any]:
    return {
        "name": f"plate {seed}.tsv",
        "assay": "MPRA",
        "unit": "log2(RNA/DNA)",
        "digest": hashlib.sha256(upload(seed, size)).hexdigest(),
        "rows": {
            "name": [f"e{seed}.{i}" for i in range(n_rows)],
            "bases": ["ACGT"] * n_rows,
            "replicate": [str(i) for i in range(n_rows)],
            "value": [seed + i / 3 for i in range(n_rows)],
            "sd": [None, *[0.1] * (n_rows - 1)],
            "barcodes": [*range(1, n_rows), None],
        },
    }


def refinement(parent: str, child: str, seed: int = 0) -> dict[str, Any]:
    return {
        "parent": parent,
        "child": child,
        "strategy": "replay",
        "data": [hashlib.sha256(f"data {seed} {i}".encode()).hexdigest() for i in range(2)],
        "code_version": "0.1.0+abc",
        "seed": seed,
        "accepted": True,
    }
