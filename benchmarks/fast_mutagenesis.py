"""Exact saturation mutagenesis beside tangermeme's default: the same windows, components and scalars, taken in turn."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.networks import legnet_like
from benchmarks.run import measured_model, side_by_side
from interpret.mutagenesis import effects_of_every_base
from models.core import Model, Target
from models.engine import Engine

SHIPPED = ("tf-binding", "lentimpra", "sandbox-profile", "simple")


class EveryComponent(nn.Module):
    """A model as the peer is given it: (n, 4, window) -> (n, components), the scalar of each."""

    def __init__(self, model: Model, target: Target) -> None:
        super().__init__()
        self.model, self.target = model, target

    def forward(self, x: Tensor) -> Tensor:
        """Each component in turn."""
        spec = self.model.spec
        return torch.stack([self.target.scalar(spec, self.model.component(x, *c)) for c in self.model.components], 1)


def rows() -> list[dict[str, Any]]:
    """A network that is local throughout, one with gates, and the shipped models: one random window each."""
    models = [measured_model("bpnet-like"), legnet_like(), *(measured_model(name) for name in SHIPPED)]
    return [beside_tangermeme(model) for model in models]


def beside_tangermeme(model: Model) -> dict[str, Any]:
    """Every substitution in one window by ours and by the peer, and how far their effects lie apart at most."""
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    spec = model.spec
    target = Target(spec.tracks[0].name, spec.tracks[0].reductions[0])
    bases = np.random.default_rng(0).integers(0, 4, (1, spec.input_length))
    x = np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy()
    run = Engine({spec.model_id: model}.__getitem__).runner(spec.model_id)
    peer, x_tensor = EveryComponent(model, target).eval(), torch.from_numpy(x)
    start = time.perf_counter()
    found, how = effects_of_every_base(run, spec, x, target)
    first_seconds = time.perf_counter() - start
    before, after = saturation_mutagenesis(peer, x_tensor, raw_outputs=True)
    theirs = (after - before[:, None, None]).permute(0, 3, 1, 2).numpy()
    return side_by_side(
        f"every substitution in {spec.input_length:,} bp, {spec.name}, {len(model.components)} component(s)",
        lambda: effects_of_every_base(run, spec, x, target),
        "tangermeme's default",
        lambda: saturation_mutagenesis(peer, x_tensor, raw_outputs=True),
        max_difference=float(np.abs(theirs - found).max()),
        largest_effect=float(np.abs(theirs).max()),
        ours_first_seconds=round(first_seconds, 2),
        how=how,
    )


if __name__ == "__main__":
    for row in rows():
        print(row)
