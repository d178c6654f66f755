"""Laws of the strategies: what is to stay stays, whatever else is learned."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiment.refine_fit import fit_refined, recalled
from experiment.refine_strategy import NAIVE, Adapted, Strategy, fisher, why_not
from models.loop import Schedule
from models.reporter_task import ReporterRecipe, answers_of
from tests.experiment.refine_toys import OPTIONS, elements, trained

RECIPE = ReporterRecipe("residual", OPTIONS, epochs=2, batch=32, learning_rate=5e-3, weight_decay=0.0, max_shift=0, averaging=0.0)  # fmt: skip
OLD, NEW, EARLY = elements(300, seed=1), elements(300, word="CCGG", gain=-2.0, seed=2), elements(80, seed=3)


@pytest.fixture(scope="module")
def parent():
    return trained()


def refined(parent, strategy, *, new=NEW, old=(OLD,), recipe=RECIPE, checkpoint=None, say=lambda _: None):
    return fit_refined(parent, strategy, new, old, [EARLY], recipe, member=0, checkpoint=checkpoint, say=say)


def answers(network):
    return answers_of(network, EARLY.codes, ("", ""))[0]


def test_the_parent_is_not_touched(parent):
    before = copy.deepcopy(parent.state_dict())
    refined(parent, Strategy("replay", replay=0.5))
    assert all(torch.equal(value, before[name]) for name, value in parent.state_dict().items())


def test_naive_refinement_changes_the_answers(parent):
    assert np.abs(answers(refined(parent, NAIVE).network) - answers(parent)).max() > 0.1


@pytest.mark.parametrize("strategy", [Strategy("ewc", ewc=1e12), Strategy("l2", l2=1e12)])
def test_an_endless_pull_leaves_the_weights_where_they_were(parent, strategy):
    held = refined(parent, strategy).network
    importance = fisher(parent, OLD.codes, ("", "")) if strategy.ewc else None
    for name, weight in held.named_parameters():
        known = torch.ones_like(weight, dtype=torch.bool) if importance is None else importance[name] > 1e-3
        torch.testing.assert_close(
            weight[known], dict(parent.named_parameters())[name][known].detach(), atol=1e-6, rtol=0
        )
    np.testing.assert_allclose(answers(held), answers(parent), atol=0.02)


def test_a_stronger_pull_moves_the_weights_less(parent):
    def moved(strength):
        once = replace(RECIPE, epochs=1)  # so that no pass is chosen
        after = dict(refined(parent, Strategy("l2", l2=strength), recipe=once).network.named_parameters())
        return sum(float((after[name] - weight.detach()).square().sum()) for name, weight in parent.named_parameters())

    assert moved(0.1) > moved(100.0) > moved(10_000.0)


def test_the_fisher_information_is_in_shares_of_its_mean(parent):
    found = torch.cat([values.flatten() for values in fisher(parent, OLD.codes, ("", "")).values()])
    assert float(found.mean()) == pytest.approx(1.0, rel=1e-4)
    assert float(found.min()) >= 0


def test_adapters_of_rank_nought_are_the_parent(parent):
    np.testing.assert_array_equal(answers(Adapted(parent, 0).merged()), answers(parent))


def test_merged_adapters_answer_as_the_adapted_network(parent):
    adapted = Adapted(parent, 3)
    with torch.no_grad():
        for up in adapted.up:
            up.normal_(0, 0.1)
    np.testing.assert_allclose(answers(adapted.merged()), answers(adapted), atol=1e-5)
    assert np.abs(answers(adapted) - answers(parent)).max() > 1e-3


def test_adapters_change_each_weight_matrix_by_no_more_than_their_rank(parent):
    after = dict(refined(parent, Strategy("adapters", "adapters", rank=2)).network.named_parameters())
    for name, weight in parent.named_parameters():
        change = (after[name] - weight).detach()
        if weight.ndim < 2:
            assert torch.equal(after[name], weight)
        else:
            assert int(torch.linalg.matrix_rank(change.flatten(1).double(), atol=1e-5)) <= 2


def test_a_refined_head_leaves_the_features(parent):
    after = refined(parent, Strategy("head", "head")).network
    for name, value in parent.state_dict().items():
        if not name.startswith("head."):
            assert torch.equal(after.state_dict()[name], value), name
    assert np.abs(answers(after) - answers(parent)).max() > 0.01


def test_a_new_head_leaves_the_old_tracks_exactly_as_they_are(parent):
    after = refined(parent, Strategy("new head", "new head"), old=()).network
    found = answers_of(after, NEW.codes, ("", ""))[0]
    assert found.shape == (NEW.n, 2)
    np.testing.assert_allclose(found[:, :1], answers_of(parent, NEW.codes, ("", ""))[0], atol=1e-5)
    for name, value in parent.state_dict().items():
        assert torch.equal(after.state_dict()[name][: len(value)] if value.ndim else after.state_dict()[name], value)


def test_a_refinement_of_no_steps_answers_as_the_parent(parent):
    """A rate of nothing on old rows alone: no step moves anything, the batch norms included."""
    still = refined(
        parent,
        Strategy("replay", replay=1.0, l2=1.0),
        new=OLD,
        recipe=ReporterRecipe("residual", OPTIONS, epochs=1, batch=32, learning_rate=1e-30, max_shift=0, averaging=0.0),
    ).network
    np.testing.assert_array_equal(answers(still), answers(parent))


def test_distilling_everything_asks_for_the_parent_itself(parent):
    aim = elements(300, word="CCGG", gain=50.0, seed=9)
    near = refined(parent, Strategy("distill", distill=1.0, l2=1.0), new=aim).network
    far = refined(parent, Strategy("plain", l2=1.0), new=aim).network
    assert np.abs(answers(near) - answers(parent)).mean() < 0.1 * np.abs(answers(far) - answers(parent)).mean()


def test_the_same_seed_gives_the_same_weights(parent):
    one, two = (refined(parent, Strategy("replay", replay=0.5)).network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(parent, tmp_path):
    strategy = Strategy("replay", replay=0.5)
    whole = refined(parent, strategy).network.state_dict()

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refined(parent, strategy, checkpoint=tmp_path / "a.fit", say=stop)
    told: list[str] = []
    again = refined(parent, strategy, checkpoint=tmp_path / "a.fit", say=told.append).network.state_dict()
    assert len(told) == RECIPE.epochs - 1
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_replay_forgets_less_than_naive_where_the_new_assay_contradicts_the_old(parent):
    def left(strategy):
        return np.corrcoef(answers(refined(parent, strategy).network)[:, 0], EARLY.labels[:, 0])[0, 1]

    assert left(Strategy("replay", replay=1.0)) > left(NAIVE)


def test_sequences_are_counted_as_they_are_shown(parent):
    assert refined(parent, NAIVE).sequences == 2 * (300 // 32) * 32
    assert refined(parent, Strategy("replay", replay=0.5)).sequences == 2 * (450 // 32) * 32
    assert refined(parent, Strategy("distill", distill=0.5)).sequences == 2 * (300 // 32) * 32 + 300


def test_a_balanced_draw_takes_as_many_of_each_set_and_a_reservoir_as_many_as_there_are():
    small, large = elements(30, seed=1), elements(300, seed=2)
    random = np.random.default_rng(0)
    known = {bytes(row) for row in small.codes}
    shares = {
        pick: np.mean([bytes(row) in known for row in recalled([small, large], 60, pick, random).codes])
        for pick in ("balanced", "reservoir")
    }
    assert shares["balanced"] == 0.5
    assert shares["reservoir"] < 0.25


def test_a_strategy_without_the_rows_it_needs_is_refused(parent):
    with pytest.raises(ValueError, match="learned from"):
        refined(parent, Strategy("ewc", ewc=1.0), old=())
    with pytest.raises(ValueError, match="does not move"):
        Strategy("odd", "adapters", ewc=1.0)


def test_a_network_that_is_no_reporter_is_refused_with_the_reason(parent):
    from models import registry

    model = registry.load(registry.spec("tf-binding").model_id)
    assert "cannot be refined here" in (why_not(model.spec, model.members[0]) or "")
    assert why_not(model.spec, parent) is None
    assert Schedule("a", 1, 1e-3, 0, 0).averaging == 0
