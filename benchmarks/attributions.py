"""Methods of attribution beside captum and tangermeme: the same windows, references and scalar, with both gaps.

Ours go through the engine, as the page does. Peers run in the same process, so they too have the allocator that keeps
freed memory, which helps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.networks import bpnet_like, legnet_like, random_windows
from benchmarks.run import side_by_side
from interpret.attribution import Explained, from_references
from interpret.integrated_gradients import PathGradients
from interpret.methods import METHODS
from interpret.references import N_SHUFFLES, reference_windows
from models.core import Model, Target
from models.engine import Engine
from models.predict import Scalars

CAPTUM_POINTS = 50  # its default
TRUTH_POINTS = 320
Float = npt.NDArray[np.float32]


def rows() -> list[dict[str, Any]]:
    """Every row."""
    return [*integrated_gradients(), twenty_shuffles(), deeplift()]


def integrated_gradients() -> list[dict[str, Any]]:
    """Windows from the uniform reference, to our convergence rule; captum with its default of 50 points."""
    found = []
    for model, count in ((bpnet_like(), 1), (legnet_like(), 8)):
        x, explain = _question(model, "ig", "uniform", count)
        reference = reference_windows(x, "uniform", seed=0)[:, 0]
        ours, peer = explain(), captum(model, x, reference, CAPTUM_POINTS)
        found.append(
            side_by_side(
                f"integrated gradients of {count} window{'s'[: count - 1]} of {model.spec.name}, until they add up",
                explain,
                f"captum, {CAPTUM_POINTS} points",
                lambda m=model, x=x, r=reference: captum(m, x, r, CAPTUM_POINTS),
                our_points=ours.points,
                **_compared(x, ours, peer),
            )
        )
    return found


def twenty_shuffles() -> dict[str, Any]:
    """One window of the BPNet-like network against 20 shuffles, as the page computes it, beside a loop over them with captum.

    Our gap is smaller, and it says little here, for steps crossed by their slopes add up however few they are. So both are
    compared with ``TRUTH_POINTS`` points as well: ``our_error`` and ``peer_error`` are root summed squares of what is off,
    as a share of the letters.
    """
    model = bpnet_like()
    x, explain = _question(model, "ig", "shuffled")
    references, target = reference_windows(x, "shuffled", seed=0), Target(model.spec.tracks[0].name)
    run = Engine({model.spec.model_id: model}.__getitem__).runner(model.spec.model_id)
    (values,), (ends,) = run(Scalars(target), (x,)), run(Scalars(target), (references[0],))
    (gradients,) = run(PathGradients(target, TRUTH_POINTS), (np.repeat(x, N_SHUFFLES, axis=0), references[0]))
    truth = (from_references(x, references, gradients[None], values, ends[None]).contributions.mean(1) * x).sum(1)

    def theirs() -> Float:
        return np.mean([captum(model, x, one[None], CAPTUM_POINTS) for one in references[0]], axis=0)

    def error(hypothetical: Float) -> float:
        return float(np.linalg.norm((hypothetical * x).sum(1) - truth) / np.linalg.norm(truth))

    ours, peer = explain(), theirs()
    return side_by_side(
        "integrated gradients of one window of bpnet-like against 20 shuffles",
        explain,
        f"captum in a loop over the shuffles, {CAPTUM_POINTS} points each",
        theirs,
        our_steps=ours.points,
        our_error=error(ours.contributions.mean(1)),
        peer_error=error(peer),
        **_compared(x, ours, peer),
    )


def deeplift() -> dict[str, Any]:
    """One window of the BPNet-like network against 20 shuffles, beside tangermeme at its default batch."""
    from tangermeme.deep_lift_shap import deep_lift_shap

    model = bpnet_like()
    x, explain = _question(model, "deeplift", "shuffled")
    network = InModules(model)
    x_tensor = torch.from_numpy(x)
    references = torch.from_numpy(reference_windows(x, "shuffled", seed=0))

    def theirs() -> Tensor:
        return deep_lift_shap(network, x_tensor, references=references, hypothetical=True, device="cpu")

    ours, peer = explain(), theirs().numpy()
    difference = ours.contributions[:, 0] - peer
    return side_by_side(
        "DeepLIFT/SHAP of one window of bpnet-like against 20 shuffles",
        explain,
        "tangermeme",
        theirs,
        our_gap=float(np.abs(ours.sums.gaps).max()) if ours.sums else None,
        max_difference=float(np.abs(difference).max()),
        largest=float(np.abs(peer).max()),
    )


class InModules(torch.nn.Module):
    """The BPNet-like network with its activations as modules, which is all that tangermeme sees: (n, 4, 2114) -> (n, 1)."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.members[0]
        self.kinks = torch.nn.ModuleList(torch.nn.ReLU() for _ in range(1 + len(self.network.dilated)))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        h = self.kinks[0](self.network.first(x))
        for layer, kink in zip(self.network.dilated, list(self.kinks)[1:], strict=True):  # type: ignore[arg-type]
            h = h + kink(layer(h))
        return self.network.counts(h.mean(2))


def captum(model: Model, x: Float, reference: Float, points: int) -> Float:
    """What captum says of x: hypothetical contributions, float32 (n, 4, window), all points in one batch as it does by itself."""
    from captum.attr import IntegratedGradients

    target = Target(model.spec.tracks[0].name)
    explain = IntegratedGradients(lambda y: target.scalar(model.spec, model(y)), multiply_by_inputs=False)
    mean = explain.attribute(torch.from_numpy(x), torch.from_numpy(reference), n_steps=points).numpy()
    return mean - (mean * reference).sum(1, keepdims=True)


def _question(model: Model, method: str, baseline: str, count: int = 1) -> tuple[Float, Callable[[], Explained]]:
    """Windows of random DNA, and ours explaining them on an engine of its own."""
    x = random_windows(count, model.spec.input_length, seed=2)
    run = Engine({model.spec.model_id: model}.__getitem__).runner(model.spec.model_id)
    target = Target(model.spec.tracks[0].name)
    return x, lambda: METHODS[method].explain(run, x, model.spec, target, baseline, 0, None)


def _compared(x: Float, ours: Explained, peer: Float) -> dict[str, float]:
    """Both gaps, the difference that they are gaps of, and how far the letters lie apart."""
    if ours.sums is None:
        raise ValueError("only a method that promises to add up has a gap")
    values, letters = (ours.contributions.mean(1) * x).sum(1), (peer * x).sum(1)
    differences = ours.sums.differences
    return {
        "difference": float(np.abs(differences).max()),
        "our_gap": float(np.abs(ours.sums.gaps).max()),
        "peer_gap": float(np.abs(letters.sum(1, dtype=np.float64) - differences).max()),
        "max_difference": float(np.abs(values - letters).max()),
        "largest": float(np.abs(values).max()),
    }
