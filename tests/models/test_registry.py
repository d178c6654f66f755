"""Models on disk: what their id stands for, and what becomes of a folder that cannot be used."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from genome.errors import UserError
from models import registry
from models.model_toml import model_toml
from models.registry import UnknownModel
from tests.toy_models import WINDOW, Linear

TOML = """
name = "{name}"
title = "Toy"
architecture = "linear"
input_length = {window}
output_length = 1
resolution = {window}
strand = "average"
members = {members}
origin = "Made up."

[[tracks]]
name = "one"
assay = "toy"
biosample = "none"
unit = "log odds"
sd = 2.0

[[tracks]]
name = "two"
assay = "toy"
biosample = "none"
unit = "log odds"
"""


def write_model(root: Path, name: str = "toy", *, folder: str = "", members: int = 2, seed: int = 0) -> Path:
    """A folder as `make train` leaves it."""
    place = root / (folder or name)
    place.mkdir(parents=True)
    (place / "model.toml").write_text(TOML.format(name=name, window=WINDOW, members=members))
    for index in range(members):
        save_file(Linear(seed + index).state_dict(), place / f"member-{index}.safetensors")
    (place / "card.md").write_text("# Toy\n")
    return place


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A folder of models of the administrator; no released ones."""
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setattr(registry, "RELEASED", tmp_path / "released")
    monkeypatch.setitem(registry.ARCHITECTURES, "linear", "tests.toy_models:Linear")
    monkeypatch.setenv("CISLENS_MODELS", str(models))
    return models


def touch_later(path: Path) -> None:
    """Moves a file's time, as a write at another moment would."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))


def test_a_folder_is_read_back_as_it_was_written(root):
    write_model(root)
    spec = registry.spec("toy")
    assert (spec.name, spec.title, spec.input_length, spec.n_members) == ("toy", "Toy", WINDOW, 2)
    assert [(track.name, track.sd) for track in spec.tracks] == [("one", 2.0), ("two", 1.0)]
    assert spec.card == "# Toy\n"
    model = registry.load(spec.model_id)
    for index in range(2):
        assert torch.equal(model.members[index].weights, Linear(index).weights)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_how_many_windows_read_a_change_is_said_in_the_toml_or_is_five(root):
    place = write_model(root)
    assert registry.spec("toy").placements == 5
    text = (place / "model.toml").read_text()
    assert "placements" not in text
    for number in (1, 3):
        (place / "model.toml").write_text(text.replace("members =", f"placements = {number}\nmembers ="))
        touch_later(place / "model.toml")
        assert registry.spec("toy").placements == number
        assert f"placements = {number}\n" in model_toml(registry.spec("toy"), "linear", {})


@pytest.mark.parametrize("number", ["0", "-1", "2.5", '"5"', "true"])
def test_a_number_of_windows_that_is_none_is_refused(root, number):
    place = write_model(root)
    text = (place / "model.toml").read_text()
    (place / "model.toml").write_text(text.replace("members =", f"placements = {number}\nmembers ="))
    touch_later(place / "model.toml")
    with pytest.raises(UserError):
        registry.spec("toy")


def test_a_model_answers_to_its_name_and_to_its_full_id(root):
    write_model(root)
    spec = registry.spec("toy")
    assert registry.spec(spec.model_id) == spec
    name, _, digest = spec.model_id.rpartition("-")
    assert name == "toy"
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


def test_the_id_changes_with_one_weight_the_toml_and_the_rule(root, monkeypatch):
    place = write_model(root)
    ids = [registry.spec("toy").model_id]

    network = Linear(1)
    with torch.no_grad():
        network.weights[0, 0, 0] += 1e-6
    save_file(network.state_dict(), place / "member-1.safetensors")
    touch_later(place / "member-1.safetensors")
    ids.append(registry.spec("toy").model_id)

    (place / "model.toml").write_text((place / "model.toml").read_text() + "# a comment\n")
    ids.append(registry.spec("toy").model_id)

    monkeypatch.setattr(registry, "RULE_VERSION", registry.RULE_VERSION + 1)
    touch_later(place / "model.toml")
    ids.append(registry.spec("toy").model_id)
    assert len(set(ids)) == 4


def test_the_id_does_not_change_with_the_card_nor_with_the_folder(root):
    place = write_model(root)
    before = registry.spec("toy").model_id
    (place / "card.md").write_text("# Another card\n")
    touch_later(place / "model.toml")
    assert registry.spec("toy").model_id == before
    assert registry.spec("toy").card == "# Another card\n"
    shutil.move(place, root / "elsewhere")
    assert registry.spec("toy").model_id == before


def test_swapping_two_members_changes_the_id(root):
    place = write_model(root)
    before = registry.spec("toy").model_id
    (place / "member-0.safetensors").rename(place / "kept")
    (place / "member-1.safetensors").rename(place / "member-0.safetensors")
    (place / "kept").rename(place / "member-1.safetensors")
    touch_later(place / "member-0.safetensors")
    assert registry.spec("toy").model_id != before


@pytest.mark.parametrize("name", ["nothing", "", "../toy", "<script>", "x" * 5000, "a\nb"])
def test_an_unknown_name_is_refused_with_the_names_there_are(root, name):
    write_model(root)
    with pytest.raises(UnknownModel, match="toy") as refusal:
        registry.spec(name)
    assert refusal.value.today is None
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_a_link_to_an_older_version_is_told_todays(root):
    write_model(root)
    today = registry.spec("toy").model_id
    with pytest.raises(UnknownModel, match=today) as refusal:
        registry.spec("toy-000000000000")
    assert refusal.value.today == today
    with pytest.raises(UnknownModel):
        registry.load("toy-000000000000")


def test_an_archived_version_answers_to_its_id_only(root):
    write_model(root)
    today = registry.spec("toy")
    write_model(root / "archive", folder="toy-old", seed=50)
    assert registry.specs() == (today,)
    assert registry.spec("toy") == today
    older = next(entry.spec for entry in registry._entries() if entry.archived)
    assert older.model_id != today.model_id
    assert registry.spec(older.model_id) == older
    assert torch.equal(registry.load(older.model_id).members[0].weights, Linear(50).weights)


def test_a_name_that_only_the_archive_has_is_unknown(root):
    write_model(root / "archive", "gone")
    with pytest.raises(UnknownModel):
        registry.spec("gone")


def test_the_administrators_model_comes_before_the_released_one_of_the_same_name(root):
    write_model(registry.RELEASED, seed=10)
    released = registry.spec("toy").model_id
    write_model(root, seed=20)
    own = registry.spec("toy").model_id
    assert own != released
    assert registry.spec(released).model_id == released


def test_several_folders_are_separated_like_a_path(root, tmp_path, monkeypatch):
    write_model(root, "first")
    write_model(tmp_path / "more", "second")
    monkeypatch.setenv("CISLENS_MODELS", os.pathsep.join([str(root), "", str(tmp_path / "more"), "/nowhere/at/all"]))
    assert {spec.name for spec in registry.specs()} == {"first", "second"}


def truncate(place: Path) -> None:
    path = place / "member-0.safetensors"
    path.write_bytes(path.read_bytes()[:-40])


def put_a_pickle(place: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(place / "executed"),))

    (place / "member-0.safetensors").write_bytes(pickle.dumps(Trap()))


def put_a_torch_file(place: Path) -> None:
    torch.save(Linear(0).state_dict(), place / "member-0.safetensors")


def put_wrong_shapes(place: Path) -> None:
    save_file(Linear(0, window=WINDOW + 1).state_dict(), place / "member-0.safetensors")


def put_other_names(place: Path) -> None:
    save_file({"weights": Linear(0).weights.detach()}, place / "member-0.safetensors")


def put_not_a_number(place: Path) -> None:
    state = Linear(0).state_dict()
    state["bias"][0] = float("nan")
    save_file(state, place / "member-0.safetensors")


def put_nothing(place: Path) -> None:
    (place / "member-0.safetensors").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncate, "member-0.safetensors is not a usable"),
        (put_a_pickle, "member-0.safetensors is not a usable"),
        (put_a_torch_file, "member-0.safetensors is not a usable"),
        (put_wrong_shapes, "size mismatch for weights"),
        (put_other_names, "Missing key.*bias"),
        (put_not_a_number, "not numbers .bias"),
        (put_nothing, "member-0.safetensors is not a usable"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_with_the_reason(root, spoil, reason):
    place = write_model(root)
    spoil(place)
    spec = registry.spec("toy")
    with pytest.raises(UserError, match=reason) as refusal:
        registry.load(spec.model_id)
    assert "\n" not in str(refusal.value)
    assert not (place / "executed").exists()


def rewritten(place: Path, old: str, new: str) -> None:
    text = (place / "model.toml").read_text()
    assert old in text
    (place / "model.toml").write_text(text.replace(old, new))


BROKEN_TABLES = [
    ('name = "toy"', 'name = "toy', "cannot be read"),
    ('name = "toy"', 'name = "../toy"', "name"),
    ('name = "toy"\n', "", "lacks 'name'"),
    ('architecture = "linear"', 'architecture = "os:system"', "architecture 'os:system'.*kmer"),
    ('architecture = "linear"', 'architecture = ["linear"]', "architecture"),
    ('architecture = "linear"\n', "", "architecture"),
    ('strand = "average"', 'strand = "both"', "'average' or 'forward'"),
    ("members = 2", 'members = "two"', "members"),
    ("members = 2", "members = 0", "members"),
    ("members = 2", "members = 1000000000", "from 1 to 100"),
    ("members = 2", "members = 3", "lacks member-2.safetensors"),
    (f"input_length = {WINDOW}", 'input_length = "20"', "input_length"),
    (f"input_length = {WINDOW}", "input_length = 20.5", "input_length"),
    (f"resolution = {WINDOW}", "resolution = 0", "resolution"),
    ('name = "two"', 'name = "one"', "track names repeat"),
    ("sd = 2.0", "sd = 0.0", "sd"),
    ("sd = 2.0", "colour = 2.0", "colour"),
]


@pytest.mark.parametrize(("old", "new", "reason"), BROKEN_TABLES)
def test_a_folder_that_cannot_be_used_leaves_the_others_alone_and_says_why(root, caplog, old, new, reason):
    write_model(root, "good", seed=5)
    rewritten(write_model(root), old, new)
    registry._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [spec.name for spec in registry.specs()] == ["good"]
    assert "toy" in caplog.text
    assert len(registry.problems()) == 1
    assert registry.load(registry.spec("good").model_id).spec.name == "good"
    with pytest.raises(UserError, match=reason):
        registry.spec("toy")
    with pytest.raises(UserError, match=reason):
        registry.spec("toy-0123456789ab")


def test_a_broken_folder_is_warned_of_once(root, caplog):
    rewritten(write_model(root), "members = 2", "members = 0")
    registry._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            registry.specs()
    assert len(caplog.records) == 1


def test_a_broken_model_of_the_administrator_is_never_replaced_by_the_released_one_in_silence(root):
    write_model(registry.RELEASED)
    released = registry.spec("toy").model_id
    (write_model(root) / "member-1.safetensors").unlink()
    with pytest.raises(UserError, match="lacks member-1"):
        registry.spec("toy")
    assert registry.spec(released).model_id == released


def test_options_that_do_not_fit_the_architecture_are_refused(root):
    place = write_model(root)
    (place / "model.toml").write_text((place / "model.toml").read_text() + "\n[options]\ndepth = 3\n")
    with pytest.raises(UserError, match="depth"):
        registry.load(registry.spec("toy").model_id)


def test_without_problems_there_is_nothing_to_say(root):
    write_model(root)
    assert registry.problems() == ()


def test_every_architecture_on_the_list_is_in_its_own_file():
    modules = [target.partition(":")[0] for name, target in registry.ARCHITECTURES.items() if name != "linear"]
    assert len(set(modules)) == len(modules)
    assert all(module.startswith("models.") for module in modules)


def test_folders_are_looked_at_once_while_a_page_is_drawn_and_anew_for_the_next(root):
    write_model(root, "first")
    with registry.looked_at_once():
        write_model(root, "second")
        assert [spec.name for spec in registry.specs() if spec.name in ("first", "second")] == ["first"]
        with pytest.raises(UserError):
            registry.spec("second")
    assert registry.spec("second").name == "second"
