"""Models whose answers are known on paper."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.core import Model, ModelSpec, Track
from models.engine import Engine
from models.pace import Pace

WINDOW = 20
PACE = Pace(64, 1e-5)


def toy_spec(name: str = "toy", *, window: int = WINDOW, n_members: int = 1, strand_rule: str = "forward") -> ModelSpec:
    """A model of one window and two tracks."""
    return ModelSpec(
        model_id=f"{name}-000000000000",
        name=name,
        title="Toy",
        input_length=window,
        output_length=1,
        resolution=window,
        tracks=(
            Track("one", "toy", "none", "log odds"),
            Track("two", "toy", "none", "log odds"),
        ),
        strand_rule=strand_rule,  # type: ignore[arg-type]
        n_members=n_members,
    )


class Linear(nn.Module):
    """f(x) = b + sum of weights at the bases that stand there, per track."""

    def __init__(self, seed: int = 0, window: int = WINDOW) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.Parameter(torch.randn(2, 4, window, generator=generator))
        self.bias = nn.Parameter(torch.randn(2, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("nbl,tbl->nt", x, self.weights) + self.bias
        return y[:, :, None]  # (n, 2, 1)


class Curved(nn.Module):
    """A small convolutional network with smooth and kinked activations."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first = nn.Conv1d(4, 8, 5, padding=2)
            self.second = nn.Conv1d(8, 8, 5, padding=2)
            self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))  # (n, 8, window)
        h = torch.nn.functional.gelu(self.second(h)).mean(2)  # (n, 8)
        return self.head(h)[:, :, None]


def toy_model(network: type[nn.Module] = Linear, **kinds: object) -> Model:
    """A toy ensemble, one seed per member."""
    spec = toy_spec(network.__name__.lower(), **kinds)  # type: ignore[arg-type]
    if issubclass(network, Linear):
        return Model(spec, [network(seed, spec.input_length) for seed in range(spec.n_members)])
    return Model(spec, [network(seed) for seed in range(spec.n_members)])


def toy_engine(*models: Model, pace: Pace | None = PACE) -> Engine:
    """An engine that knows these models. Their pace is stated: measured on a busy machine, two engines cut batches otherwise and
    round otherwise, and every measurement takes its time. None: it is measured at first use, as in the product.
    """
    by_id = {model.spec.model_id: model for model in models}
    engine = Engine(by_id.__getitem__, device=torch.device("cpu"))
    if pace is not None:
        engine._paces.update({(model_id, gradient): pace for model_id in by_id for gradient in (False, True)})
    return engine


def random_bases(length: int, seed: int = 0) -> str:
    """Random DNA."""
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))
