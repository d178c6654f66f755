"""Adding a model while others are offered: whole or not at all, and never another number under an old id."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from genome.errors import UserError
from models import check, install, registry
from models.check import Finding
from models.engine import Engine
from models.install import Refused, add
from models.predict import Components
from tests.models.folders import PLAIN_BPNET, network, save_state, write_case, write_safetensors_header
from tests.models.test_registry import put_a_pickle, put_a_torch_file, truncate

KIND = "dragonn"
PASSED = (Finding("shape", True, "As promised."),)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No released models; the checks are taken as passed where a test does not start the process itself."""
    monkeypatch.setattr(registry, "RELEASED", tmp_path / "released")
    monkeypatch.setattr(install, "examine_apart", lambda folder, seconds: PASSED)


def home() -> Path:
    return Path(os.environ["CISLENS_HOME"])


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, its size and time."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def windows(spec, count=3):
    bases = np.random.default_rng(0).integers(0, 4, (count, spec.input_length))
    return np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).copy()


def test_what_was_added_is_offered_at_once_under_its_id(tmp_path):
    assert registry.specs() == ()
    added = add(write_case(tmp_path / "given", KIND))
    assert registry.specs() == (added.spec,)
    assert registry.spec("outside") == registry.spec(added.spec.model_id) == added.spec
    assert added.spec == registry.read_folder(tmp_path / "given")
    assert added.folder == home() / "models" / "outside"
    assert sorted(path.name for path in added.folder.iterdir()) == ["card.md", "member-0.safetensors", "model.toml"]
    assert list((home() / "adding").iterdir()) == []


def test_one_file_called_model_is_the_first_member(tmp_path):
    place = write_case(tmp_path / "given", KIND)
    expected = registry.read_folder(place).model_id
    (place / "member-0.safetensors").rename(place / "model.safetensors")
    assert add(place).spec.model_id == expected


def test_what_does_not_belong_to_a_model_is_not_copied(tmp_path):
    place = write_case(tmp_path / "given", KIND)
    (place / "network.py").write_text("raise SystemExit")
    (place / "deeper").mkdir()
    assert "network.py" not in [path.name for path in add(place).folder.iterdir()]


def test_what_was_worked_out_for_a_model_comes_with_it_and_stays_as_long_as_its_id_does(tmp_path):
    place = write_case(tmp_path / "given", KIND)
    save_state(place / "shift.safetensors", {"a": torch.zeros(3)})
    added = add(place)
    assert registry.companion(added.spec.model_id, "shift.safetensors") is not None
    (place / "shift.safetensors").unlink()
    (added.folder / "scores.json").write_text("{}")
    add(place)
    assert registry.companion(added.spec.model_id, "shift.safetensors") is not None
    assert registry.companion(added.spec.model_id, "scores.json") is not None
    newer = add(write_case(tmp_path / "newer", KIND, seed=3)).spec.model_id
    assert registry.companion(newer, "shift.safetensors") is None
    assert registry.companion(added.spec.model_id, "shift.safetensors") is not None
    save_state(place / "shift.safetensors", {"a": torch.zeros(3)})
    renamed = add(place, name="renamed").spec.model_id
    assert registry.companion(renamed, "shift.safetensors") is None


def test_a_model_can_be_given_another_name(tmp_path):
    place = write_case(tmp_path / "given", KIND)
    added = add(place, name="renamed")
    assert (added.spec.name, added.folder.name) == ("renamed", "renamed")
    assert [track.name for track in added.spec.tracks] == [track.name for track in registry.read_folder(place).tracks]


@pytest.mark.parametrize("name", ["../evil", "", "a b", 'x"\narchitecture = "os', "x" * 200, "\\1"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="name"):
        add(write_case(tmp_path / "given", KIND), name=name)
    assert registry.specs() == ()
    assert not list(tmp_path.rglob("*evil*"))


def test_an_older_version_goes_on_answering_to_its_id_with_the_same_numbers(tmp_path):
    old = add(write_case(tmp_path / "old", KIND, seed=1)).spec
    engine = Engine(registry.load, device=torch.device("cpu"))
    x = windows(old)
    (before,) = engine.run(old.model_id, Components(), (x,))

    added = add(write_case(tmp_path / "new", KIND, seed=2))
    assert added.archived == old.model_id
    assert registry.spec("outside") == added.spec != old
    assert registry.spec(old.model_id) == old
    assert registry.specs() == (added.spec,)

    (held,) = engine.run(old.model_id, Components(), (x,))  # an engine that holds it
    other = Engine(registry.load, device=torch.device("cpu"))  # one that does not
    other._paces = dict(engine._paces)  # a pace measured anew may choose another layout, which rounds otherwise
    (read,) = other.run(old.model_id, Components(), (x,))
    assert np.array_equal(before, held)
    assert np.array_equal(before, read)
    (now,) = engine.run(added.spec.model_id, Components(), (x,))
    assert not np.allclose(now, before)


def test_going_back_to_an_older_version_keeps_both(tmp_path):
    first, second = (write_case(tmp_path / name, KIND, seed=seed) for seed, name in enumerate(("first", "second")))
    old, new = add(first).spec, add(second).spec
    assert add(first).archived == new.model_id
    assert registry.spec("outside") == old
    assert registry.spec(new.model_id) == new
    assert add(second).archived == old.model_id


def test_a_new_card_is_seen_at_once_and_changes_no_id(tmp_path):
    place = write_case(tmp_path / "given", KIND)
    before = add(place).spec
    (place / "card.md").write_text("# Written later\n")
    again = add(place)
    assert again.archived is None
    assert again.spec.model_id == before.model_id
    assert registry.spec("outside").card == "# Written later\n"
    assert not (home() / "models" / "archive").exists()


def test_a_card_that_is_edited_or_removed_in_place_is_seen_without_a_restart(tmp_path):
    added = add(write_case(tmp_path / "given", KIND))
    (added.folder / "card.md").write_text("# A much longer card than before\n")
    assert registry.spec("outside").card == "# A much longer card than before\n"
    (added.folder / "card.md").unlink()
    assert registry.spec("outside").card == ""
    assert registry.spec("outside").model_id == added.spec.model_id


def test_somebody_who_reads_while_versions_change_never_gets_other_numbers(tmp_path):
    versions = [write_case(tmp_path / f"v{seed}", KIND, seed=seed) for seed in range(2)]
    ids = [registry.read_folder(place).model_id for place in versions]
    wanted = dict(
        zip(ids, (registry.load_folder(place).members[0].dense.bias.clone() for place in versions), strict=True)
    )
    add(versions[0])
    add(versions[1])
    wrong: list[str] = []
    done = threading.Event()

    def read():
        while not done.wait(0.002):  # lets the other threads go on
            for model_id in ids:
                model = registry.load(model_id)
                if model.spec.model_id != model_id or not torch.equal(model.members[0].dense.bias, wanted[model_id]):
                    wrong.append(model_id)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        add(versions[turn % 2])
    done.set()
    for thread in threads:
        thread.join(10)
    assert wrong == []


def test_a_version_that_goes_and_comes_back_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    versions = [write_case(tmp_path / f"v{seed}", KIND, seed=seed) for seed in range(2)]
    wanted = registry.load_folder(versions[0])
    add(versions[0])
    really, fails = registry.load_folder, [True]

    def load_folder(folder):
        if fails:
            fails.pop()
            add(versions[1])
            add(versions[0])  # the same id stands in the same folder again
            raise UserError("It was gone for a moment.")
        return really(folder)

    monkeypatch.setattr(registry, "load_folder", load_folder)
    found = registry.load(wanted.spec.model_id)
    assert found.spec.model_id == wanted.spec.model_id
    assert torch.equal(found.members[0].dense.bias, wanted.members[0].dense.bias)


def test_a_model_that_failed_leaves_everything_as_it_was(tmp_path, monkeypatch):
    add(write_case(tmp_path / "good", KIND))
    before = files_of(home() / "models")
    failed = (
        Finding("finite", False, "Some answers are NaN or infinite."),
        Finding("speed", False, "Slow.", hard=False),
    )
    monkeypatch.setattr(install, "examine_apart", lambda folder, seconds: failed)
    with pytest.raises(Refused, match=r"outside is refused \(finite\). Some answers are NaN") as refusal:
        add(write_case(tmp_path / "bad", KIND, seed=9))
    assert refusal.value.findings == failed
    assert files_of(home() / "models") == before
    assert list((home() / "adding").iterdir()) == []


def test_what_is_merely_worth_knowing_refuses_nothing(tmp_path, monkeypatch):
    soft = (Finding("completeness", False, "It misses.", hard=False),)
    monkeypatch.setattr(install, "examine_apart", lambda folder, seconds: soft)
    assert add(write_case(tmp_path / "given", KIND)).findings == soft


def put_a_checkpoint(place: Path) -> None:
    (place / "last.ckpt").write_bytes(b"anything")


def put_a_huge_one(place: Path) -> None:
    table = {"a": {"dtype": "F32", "shape": [750_000_000], "data_offsets": [0, 3 * 10**9]}}
    write_safetensors_header(place / "member-0.safetensors", table, 3 * 10**9)


def put_an_absurd_header(place: Path) -> None:
    table = {"a": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}
    write_safetensors_header(place / "member-0.safetensors", table, 100)


def put_another_import_path(place: Path) -> None:
    text = (place / "model.toml").read_text()
    (place / "model.toml").write_text(text.replace('"dragonn"', '"os:system"'))


REFUSALS = [
    (lambda place: (place / "model.toml").unlink(), "has no model.toml"),
    (lambda place: (place / "member-0.safetensors").unlink(), "lacks member-0.safetensors"),
    (lambda place: (place / "model.toml").write_bytes(b"\xff\xfe"), "cannot be read as text"),
    (truncate, "member-0.safetensors is not a usable safetensors file .*cut off"),
    (put_a_pickle, "a pickle or an archive.*weights_only=True"),
    (put_a_torch_file, "a pickle or an archive.*weights_only=True"),
    (put_a_checkpoint, "last.ckpt is not read.*weights_only=True"),
    (put_a_huge_one, "take 3,000 MB of memory and 1,000 MB are allowed"),
    (put_an_absurd_header, "not a usable safetensors file .*cut off"),
    (put_another_import_path, "'os:system'.*CISLENS_ARCHITECTURES"),
]


@pytest.mark.parametrize(("spoil", "reason"), REFUSALS)
def test_a_folder_that_cannot_be_read_is_refused_with_its_reason_before_a_process_is_started(
    tmp_path, monkeypatch, spoil, reason
):
    monkeypatch.setenv("CISLENS_MAX_MODEL_BYTES", "1000000000")
    add(write_case(tmp_path / "good", KIND, name="good"))
    before = files_of(home())
    monkeypatch.setattr(install, "examine_apart", lambda folder, seconds: pytest.fail("it was tried"))
    place = write_case(tmp_path / "bad", KIND)
    spoil(place)
    with pytest.raises(UserError, match=reason) as refusal:
        add(place)
    assert "\n" not in str(refusal.value)
    assert files_of(home()) == before
    assert [spec.name for spec in registry.specs()] == ["good"]
    assert registry.problems() == ()
    assert not list(tmp_path.rglob("executed"))


def test_options_that_no_computer_can_hold_are_refused_by_the_process_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(install, "examine_apart", check.examine_apart)
    place = write_case(tmp_path / "bad", KIND)
    (place / "model.toml").write_text(
        (place / "model.toml").read_text().replace("n_tracks = 2", "n_tracks = 2000000000")
    )
    with pytest.raises(UserError, match=r"options do not fit the architecture .*allocate"):
        add(place)
    assert registry.specs() == ()


@pytest.mark.parametrize("given", ["nowhere", "model.pt", "notes.txt"])
def test_what_is_no_folder_is_refused(tmp_path, given):
    if given != "nowhere":
        (tmp_path / given).write_bytes(b"x")
    with pytest.raises(UserError, match=r"not a folder|can carry a pickle"):
        add(tmp_path / given)


def test_a_broken_model_of_that_name_is_never_overwritten(tmp_path):
    place = add(write_case(tmp_path / "old", KIND, seed=1)).folder
    (place / "model.toml").write_text("name = ")
    with pytest.raises(UserError, match="move it away"):
        add(write_case(tmp_path / "new", KIND, seed=2))
    assert (place / "model.toml").read_text() == "name = "


def test_published_files_are_converted_and_named_after_themselves(tmp_path):
    made = network("bpnet", {**PLAIN_BPNET, "trimming": None})
    added = add(save_state(tmp_path / "GATA1 K562.safetensors", made.state_dict()), form="bpnet")
    assert added.spec.name == "gata1-k562"
    assert torch.equal(registry.load(added.spec.model_id).members[0].linear.weight, made.linear.weight)
    assert add(tmp_path / "GATA1 K562.safetensors", form="bpnet", name="mine").spec.name == "mine"


@pytest.mark.parametrize(
    ("given", "form", "reason"), [("nowhere", "bpnet", "no file"), (".", "kipoi", "choose one of dragonn")]
)
def test_what_cannot_be_converted_is_refused(tmp_path, given, form, reason):
    with pytest.raises(UserError, match=reason):
        add(tmp_path / given, form=form)


def test_a_pickle_is_not_converted_either(tmp_path):
    torch.save({}, tmp_path / "model.torch")
    with pytest.raises(UserError, match="weights_only=True"):
        add(tmp_path / "model.torch", form="bpnet")


def test_listing_ten_models_takes_no_time_once_they_are_known(tmp_path):
    for index in range(10):
        add(write_case(tmp_path / f"m{index}", KIND, seed=index, name=f"model-{index}"))
    assert len(registry.specs()) == 10
    times = []
    for _ in range(5):
        start = time.perf_counter()
        registry.specs()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02
