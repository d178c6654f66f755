"""The training loop on a task whose best answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.loop import Schedule, fit, progress_of

TRUTH = torch.tensor([[1.0, -2.0, 0.5]])


@dataclass(frozen=True)
class Line:
    """y = TRUTH x, without noise."""

    label: str = "line"
    broken: bool = False

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"label": self.label}

    def steps(self) -> int:
        return 20

    def batches(self, seed: np.random.SeedSequence) -> Iterator[tuple[Tensor, Tensor]]:
        random = np.random.default_rng(seed)
        for _ in range(self.steps()):
            x = torch.from_numpy(random.normal(size=(16, 3)).astype(np.float32))
            yield x, x @ TRUTH.T

    def loss(self, answer: Tensor, labels: Tensor) -> Tensor:
        return ((answer - labels) ** 2).mean() * (float("nan") if self.broken else 1.0)

    def score(self, module: nn.Module) -> float:
        module.eval()
        return -float(((module(torch.eye(3)).detach() - TRUTH.T) ** 2).mean())


class Stopped(Exception):
    """Somebody pulled the plug."""


def schedule(**changed: float) -> Schedule:
    return Schedule(**({"name": "line", "epochs": 6, "learning_rate": 0.1, "weight_decay": 0.0, "seed": 3} | changed))  # type: ignore[arg-type]


def build() -> nn.Module:
    return nn.Linear(3, 1, bias=False)


def quiet(_: str) -> None:
    pass


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_a_line_is_found(averaging: float) -> None:
    module = fit(build, Line(), schedule(averaging=averaging), member=0, say=quiet)
    assert torch.allclose(module.weight, TRUTH, atol=0.05)
    assert not module.training


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path, averaging: float) -> None:
    whole = fit(build, Line(), schedule(averaging=averaging), member=1, say=quiet)
    path = tmp_path / "member-1.fit"

    def stop_after_three(line: str) -> None:
        if "pass 3/" in line:
            raise Stopped

    with pytest.raises(Stopped):
        fit(build, Line(), schedule(averaging=averaging), member=1, checkpoint=path, say=stop_after_three)
    said: list[str] = []
    again = fit(build, Line(), schedule(averaging=averaging), member=1, checkpoint=path, say=said.append)
    assert len(said) == 3
    assert torch.equal(whole.weight, again.weight)
    assert progress_of(path)["epoch"] == 6
    assert progress_of(path)["seconds"] > 0


def test_a_saved_fit_of_another_task_is_not_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "member-0.fit"
    fit(build, Line(), schedule(), member=0, checkpoint=path, say=quiet)
    said: list[str] = []
    fit(build, Line(label="other data"), schedule(), member=0, checkpoint=path, say=said.append)
    assert len(said) == 6


def test_the_best_pass_is_given_back() -> None:
    class Worse(Line):
        """A score that falls from pass to pass."""

        def score(self, module: nn.Module) -> float:
            seen.append(module.weight.detach().clone())
            return -float(len(seen))

    seen: list[Tensor] = []
    module = fit(build, Worse(), schedule(), member=0, say=quiet)
    assert torch.equal(module.weight, seen[0])
    assert not torch.equal(seen[0], seen[-1])


def test_members_differ_and_repeat() -> None:
    first, again, other = (fit(build, Line(), schedule(epochs=1), member=m, say=quiet).weight for m in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_loss_that_is_no_number_stops_the_fit() -> None:
    with pytest.raises(ValueError, match="not a number in pass 1"):
        fit(build, Line(broken=True), schedule(), member=0, say=quiet)
