"""The lineage: refined models never change, promotion and roll back move a name alone, and old ids give old numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from experiment.store import close_store, open_store
from genome.errors import UserError
from models import promoted, registry
from models.engine import Engine
from models.predict import Components
from tests.experiment import store_records as records
from tests.models.folders import write_case


@pytest.fixture
def line(tmp_path, own_home, monkeypatch):
    """A store, a released model and three others of its name: their ids, and the folders of the three."""
    monkeypatch.setattr(registry, "RELEASED", tmp_path / "released")
    write_case(tmp_path / "released" / "toy", "kmer", seed=0, name="toy")
    made = [write_case(tmp_path / "made" / str(seed), "kmer", seed=seed, name="toy") for seed in (1, 2, 3)]
    ids = [registry.spec("toy").model_id, *(registry.read_folder(folder).model_id for folder in made)]
    yield open_store(), ids, made
    close_store()


def refined(line, *pairs: tuple[int, int]) -> None:
    """Refines models: (number of the parent, number of the child)."""
    kept, ids, made = line
    project = kept.add_project("models")
    for parent, child in pairs:
        kept.add_refinement(project, records.refinement(ids[parent], ids[child], child), made[child - 1])


def numbers(model_id: str) -> np.ndarray:
    bases = np.random.default_rng(0).integers(0, 4, (3, registry.spec(model_id).input_length))
    x = np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy()
    (found,) = Engine(registry.load, device=torch.device("cpu")).run(model_id, Components(), (x,))
    return np.asarray(found)


def test_a_refined_model_answers_to_its_id_and_not_to_the_name(line):
    _, ids, _ = line
    refined(line, (0, 1))
    assert registry.spec("toy").model_id == ids[0]
    assert registry.spec(ids[1]).model_id == ids[1]
    assert [spec.model_id for spec in registry.specs()] == [ids[0]]


def test_the_lineage_is_a_tree_with_what_made_each_model(line):
    kept, ids, _ = line
    refined(line, (0, 1), (1, 2), (0, 3))
    nodes = kept.lineage("toy")
    assert [(node.model_id, node.parent, node.depth) for node in nodes] == [
        (ids[0], None, 0),
        (ids[1], ids[0], 1),
        (ids[2], ids[1], 2),
        (ids[3], ids[0], 1),
    ]
    assert nodes[2].data == tuple(records.refinement("", "", 2)["data"])
    assert (nodes[2].strategy, nodes[2].code_version, nodes[2].seed, nodes[2].accepted) == (
        "replay",
        "0.1.0+abc",
        2,
        True,
    )
    assert nodes[2].record == records.refinement(ids[1], ids[2], 2)
    assert (nodes[0].refinement, nodes[0].accepted, nodes[0].record) == (None, None, {})
    assert kept.lineage("another") == ()


def test_promoting_and_rolling_back_move_the_name_and_no_number(line):
    kept, ids, _ = line
    refined(line, (0, 1), (1, 2))
    before = {model_id: numbers(model_id) for model_id in ids[:3]}
    assert not np.allclose(before[ids[0]], before[ids[1]])
    seen = []
    for change in (lambda: kept.promote(ids[1]), lambda: kept.promote(ids[2]), lambda: kept.roll_back(ids[2])):
        change()
        seen.append(registry.spec("toy").model_id)
        assert [spec.model_id for spec in registry.specs()] == [seen[-1]]
        for model_id in ids[:3]:  # an old link pins a model_id
            np.testing.assert_allclose(numbers(model_id), before[model_id], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(numbers(registry.spec("toy").model_id), before[seen[-1]], rtol=1e-5, atol=1e-6)
        assert [node.model_id for node in kept.lineage() if node.answers] == [seen[-1]]
    kept.roll_back(ids[1])
    assert [*seen, registry.spec("toy").model_id] == [ids[1], ids[2], ids[1], ids[0]]
    assert not any(node.answers for node in kept.lineage())
    assert [(one.action, one.model_id, one.before) for one in reversed(kept.promotions("toy"))] == [
        ("promote", ids[1], ids[0]),
        ("promote", ids[2], ids[1]),
        ("roll back", ids[1], ids[2]),
        ("roll back", None, ids[1]),
    ]


def test_the_first_of_a_line_may_be_promoted_again(line):
    kept, ids, _ = line
    refined(line, (0, 1))
    kept.promote(ids[1])
    kept.promote(ids[0])
    assert registry.spec("toy").model_id == ids[0]
    kept.roll_back(ids[0])
    assert registry.spec("toy").model_id == ids[1]


def test_what_is_done_twice_is_done_once(line):
    kept, ids, made = line
    project = kept.add_project("models")
    first = kept.add_refinement(project, records.refinement(ids[0], ids[1], 1), made[0])
    again = records.refinement(ids[0], ids[1], 1) | {"metrics": {"seconds": 7}}
    assert kept.add_refinement(project, again, made[0]) == first
    assert kept.record("refinements", first) == records.refinement(ids[0], ids[1], 1)
    kept.promote(ids[1])
    kept.promote(ids[1])
    assert len(kept.promotions()) == 1
    kept.roll_back(ids[1])
    with pytest.raises(UserError, match="nothing to roll back"):
        kept.roll_back(ids[1])
    assert len(kept.promotions()) == 2


def test_what_is_in_no_lineage_is_not_promoted(line):
    kept, ids, _ = line
    for model_id in (ids[0], "toy"):
        with pytest.raises(UserError, match="in no lineage"):
            kept.promote(model_id)
    with pytest.raises(registry.UnknownModel):
        kept.promote("toy-000000000000")
    assert promoted.read() == {}


def test_a_folder_that_is_another_model_is_refused_and_not_kept(line, own_home):
    kept, ids, made = line
    with pytest.raises(ValueError, match="are not"):
        kept.add_refinement(kept.add_project("p"), records.refinement(ids[0], ids[2]), made[0])
    assert list((own_home / "models" / "refined").iterdir()) == []


def test_no_model_becomes_its_own_ancestor(line):
    kept, ids, _ = line
    refined(line, (0, 1), (1, 2))
    with pytest.raises(ValueError, match="its own ancestor"):
        kept.add_refinement(kept.add_project("p"), records.refinement(ids[2], ids[1]), line[2][0])


def test_a_child_first_known_as_a_parent_finds_its_place(line):
    kept, ids, made = line
    shutil.copytree(made[0], Path(registry.RELEASED) / "archive" / ids[1])
    refined(line, (1, 2), (0, 1))
    assert {node.model_id: node.depth for node in kept.lineage()} == {ids[0]: 0, ids[1]: 1, ids[2]: 2}


def test_a_promoted_model_that_is_lost_is_said_and_the_name_goes_back_to_the_registry(line, own_home):
    kept, ids, _ = line
    refined(line, (0, 1))
    kept.promote(ids[1])
    shutil.rmtree(own_home / "models" / "refined" / ids[1])
    assert registry.spec("toy").model_id == ids[0]
    assert any(ids[1] in problem and "restore it or roll" in problem for problem in registry.problems())
    kept.roll_back(ids[1])
    assert registry.problems() == ()


def test_a_damaged_note_of_what_is_promoted_is_said_and_written_anew(line, own_home):
    kept, ids, _ = line
    refined(line, (0, 1))
    kept.promote(ids[1])
    (own_home / "models" / "promoted.json").write_text('{"toy": 7}')
    assert any("promoted.json" in problem for problem in registry.problems())
    close_store()
    open_store()
    assert registry.spec("toy").model_id == ids[1]
    assert registry.problems() == ()


def test_a_model_that_was_added_can_be_refined_and_replaced_and_keeps_its_children(line, own_home):
    """``cislens models add`` of a newer version does not touch what is promoted, nor what its parent answers."""
    kept, ids, made = line
    shutil.copytree(made[0], own_home / "models" / "toy")  # added over the released one
    assert registry.spec("toy").model_id == ids[1]
    refined(line, (1, 2))
    kept.promote(ids[2])
    shutil.copytree(own_home / "models" / "toy", own_home / "models" / "archive" / ids[1])
    shutil.rmtree(own_home / "models" / "toy")
    shutil.copytree(made[2], own_home / "models" / "toy")
    assert registry.spec("toy").model_id == ids[2]
    kept.roll_back(ids[2])
    assert registry.spec("toy").model_id == ids[3]
    assert registry.spec(ids[1]).model_id == ids[1]
