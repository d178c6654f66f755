"""Laws of paths that are crossed in steps: each step is the rescale rule, and many of them are integrated gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from interpret.crossings import FIRST_STEPS, MOST_STEPS, Crossings, mean_slopes
from interpret.deeplift import Multipliers
from interpret.integrated_gradients import PathGradients, explain
from interpret.references import reference_windows
from interpret.rescale import NotCovered
from models import registry
from models.core import Model, Target
from models.layout import ChannelsTogether
from tests.interpret.test_deeplift import SAME_AS_PEER, some_windows
from tests.networks_deeplift import Dilated, Gated, one_network, seeded
from tests.toy_models import WINDOW, Curved, Linear, toy_engine, toy_model

ONE = Target("one")


def pairs(count: int, window: int = WINDOW) -> tuple[Tensor, Tensor]:
    """Windows, each with a shuffle of it."""
    x = some_windows(count, window)
    return torch.from_numpy(x), torch.from_numpy(reference_windows(x, "shuffled", seed=0)[:, 0])


def one_step_at_a_time(model: Model, x: Tensor, reference: Tensor, steps: int) -> Tensor:
    """The mean over steps of what DeepLIFT says of each by itself."""
    ends = [torch.lerp(reference, x, torch.tensor(k / steps)) for k in range(steps + 1)]
    each = [Multipliers(ONE)(model, 64, ends[k + 1], ends[k])[0] for k in range(steps)]
    return torch.stack(each).mean(0)


def explained(model: Model, x: np.ndarray, baseline: str = "shuffled"):
    return explain(toy_engine(model).runner(model.spec.model_id), x, model.spec, ONE, baseline, 0, None)


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("kind", SAME_AS_PEER)
def test_a_path_is_its_steps_by_the_rescale_rule_whatever_the_batch(kind, batch):
    model, (x, reference) = one_network(seeded(kind)), pairs(3)
    (found,) = Crossings(ONE, 5)(model, batch, x, reference)
    expected = one_step_at_a_time(model, x, reference, 5)
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))
    assert expected.abs().max() > 1e-3


def test_one_step_is_deeplift():
    model, (x, reference) = one_network(seeded(Dilated)), pairs(3)
    assert torch.allclose(
        Crossings(ONE, 1)(model, 8, x, reference)[0], Multipliers(ONE)(model, 8, x, reference)[0], atol=1e-6
    )


def test_members_and_strands_are_crossed_alike():
    model, (x, reference) = toy_model(Curved, n_members=2, strand_rule="average"), pairs(2)
    (found,) = Crossings(ONE, 4)(model, 8, x, reference)
    assert torch.allclose(found, one_step_at_a_time(model, x, reference, 4), atol=1e-6)
    with ChannelsTogether():
        (together,) = Crossings(ONE, 4)(model, 8, x, reference)
    assert torch.allclose(found, together, atol=1e-6)


@pytest.mark.parametrize("kind", SAME_AS_PEER)
def test_more_steps_come_near_integrated_gradients_and_all_add_up(kind):
    model, (x, reference) = one_network(seeded(kind)), pairs(4)
    (truth,) = PathGradients(ONE, 2_000)(model, 256, x, reference)
    with torch.no_grad():
        differences = (model(x) - model(reference))[:, 0, 0]
    errors = []
    for steps in (1, 4, 16):
        (slopes,) = Crossings(ONE, steps)(model, 64, x, reference)
        letters, true = ((x - reference) * part[:, 0] for part in (slopes, truth))
        assert torch.allclose(letters.sum((1, 2)), differences, atol=1e-5 * float(1 + differences.abs().max()))
        errors.append(float((letters - true).norm() / true.norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05  # a maximum has a rule, but not its mean slope: there it is no nearer than points


def test_eight_steps_are_as_near_as_thirty_points_on_a_network_of_kinks():
    model, (x, reference) = one_network(seeded(Dilated)), pairs(30)
    (truth,) = PathGradients(ONE, 2_000)(model, 256, x, reference)
    steps, points = (part(model, 256, x, reference)[0] for part in (Crossings(ONE, 8), PathGradients(ONE, 30)))
    assert (steps - truth).norm() < (points - truth).norm()


def test_shuffled_references_are_crossed_until_the_letters_keep_still():
    found = explained(one_network(seeded(Dilated)), some_windows(2))
    assert found.stepped
    assert FIRST_STEPS <= found.points <= MOST_STEPS
    assert "half as many" in found.note
    assert np.abs(found.sums.gaps).max() < 1e-5
    again = explained(one_network(seeded(Dilated)), some_windows(2)[::-1].copy())
    assert np.allclose(found.contributions, again.contributions[::-1], atol=1e-5)


def test_letters_that_do_not_move_need_no_more_steps():
    run = toy_engine(toy_model(Linear)).runner("linear-000000000000")
    x = some_windows(2)
    slopes, steps, moved = mean_slopes(run, x, reference_windows(x, "shuffled", seed=0), ONE, None)
    assert (steps, moved) == (FIRST_STEPS, pytest.approx(0, abs=1e-6))
    assert np.allclose(slopes[:, :, 0], toy_model(Linear).members[0].weights[0].numpy(), atol=1e-5)


def test_what_has_no_slope_rule_is_read_at_points_and_says_so():
    found = explained(one_network(seeded(Gated)), some_windows(1))
    assert not found.stepped
    assert "read at points" in found.note
    assert "a gate" in found.note
    x, reference = pairs(1)
    with pytest.raises(NotCovered):
        Crossings(ONE, 4)(one_network(seeded(Gated)), 8, x, reference)


class RowsTurned(nn.Module):
    """Puts the windows of a batch along the last axis for a while, so that the first axis no longer is one of windows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv1d(4, 8, 5)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.layer(x).permute(1, 2, 0).relu().permute(2, 0, 1)
        return self.head(h.mean(2))[:, :, None]


def test_a_network_whose_rows_change_places_is_found_out_and_read_at_points():
    found = explained(one_network(seeded(RowsTurned)), some_windows(1))
    assert not found.stepped
    assert "did not add up" in found.note
    assert found.sums.met(1.0).all()


def test_other_references_are_read_at_points():
    assert not explained(one_network(seeded(Dilated)), some_windows(1), "uniform").stepped


def test_the_shipped_model_is_crossed():
    spec = registry.spec("tf-binding")
    model = registry.load(spec.model_id)
    run = toy_engine(model).runner(spec.model_id)
    target = Target(spec.tracks[0].name)
    x = some_windows(1, spec.input_length)
    found = explain(run, x, spec, target, "shuffled", 0, None)
    references = reference_windows(x, "shuffled", seed=0)
    (gradients,) = run(PathGradients(target, 200), (np.repeat(x, 20, axis=0), references[0]))
    ours = (found.contributions.mean(1)[0] * x[0]).sum(0)
    true = (gradients.mean((0, 1)) * x[0]).sum(0) - (references[0][:, None] * gradients).sum(2).mean((0, 1)) * x[0].sum(
        0
    )
    assert found.stepped
    assert np.linalg.norm(ours - true) < 0.02 * np.linalg.norm(true)
