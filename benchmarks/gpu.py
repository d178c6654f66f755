"""What a GPU gives: ``python -m benchmarks.gpu`` on a machine that has one writes benchmarks/gpu.json."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genome.locus import Locus
from interpret.methods import attribute
from models import registry
from models.core import Target
from models.engine import Engine
from models.predict import predict
from tests.toy_models import random_bases

RESULTS = Path(__file__).with_name("gpu.json")


def main() -> None:
    """Times the default model on the CPU and on the GPU of this machine."""
    from genome.sequence import Sequence

    spec = registry.spec(registry.DEFAULT_MODEL)
    target = Target(spec.tracks[0].name)
    short = Sequence(random_bases(4_000), Locus("bench", 0, 4_000))
    long = Sequence(random_bases(1_002_000), Locus("bench", 0, 1_002_000))
    near, far = Locus("bench", 1_000, 3_000), Locus("bench", 1_000, 1_001_000)
    rows = []
    for device in ("cpu", "cuda"):
        engine = Engine(registry.load, device=torch.device(device))
        run = engine.runner(spec.model_id)
        jobs: dict[str, Callable[[], Any]] = {
            "prediction, 2 kb": lambda run=run: predict(run, spec, short, near),
            "letters, 2 kb, uniform": lambda run=run: attribute(run, spec, short, near, target),
            "letters, 2 kb, 20 shuffles": lambda run=run: attribute(
                run, spec, short, near, target, baseline="shuffled"
            ),
            "prediction, 1 Mb": lambda run=run: predict(run, spec, long, far),
        }
        for name, job in jobs.items():
            rows.append({"name": name, "device": _name(device), "seconds": round(_median(job), 4)})
            print(rows[-1], flush=True)
        rows.append(
            {
                "name": "batch chosen (forward, gradient)",
                "device": _name(device),
                "batch": [engine.pace(spec.model_id).batch, engine.pace(spec.model_id, gradient=True).batch],
            }
        )
    RESULTS.write_text(json.dumps({"model": spec.model_id, "torch": torch.__version__, "rows": rows}, indent=1) + "\n")


def _median(job: Callable[[], Any], rounds: int = 5) -> float:
    times = []
    for counted in range(rounds + 1):
        start = time.perf_counter()
        job()
        if counted:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
