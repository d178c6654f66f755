"""Back-up and restore: everything comes back, nothing else gets in, and what was there is never lost."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

from experiment import store_backup
from experiment.store import Store
from genome.errors import UserError
from models import registry
from tests.experiment import store_records as records
from tests.models.folders import write_case


def filled(home: Path, seed: int = 1) -> Store:
    kept = Store(home)
    project = kept.add_project(f"project {seed}")
    kept.add_design(project, records.design(seed))
    kept.add_measurements(project, records.measurements(seed), records.upload(seed))
    (home / "pasted").mkdir(exist_ok=True)
    (home / "pasted" / f"{seed:040x}.txt").write_text("ACGT")
    return kept


@pytest.fixture
def saved(own_home, tmp_path, monkeypatch):
    """A back-up of a store with a refined, promoted model."""
    monkeypatch.setattr(registry, "RELEASED", tmp_path / "released")
    write_case(own_home / "models" / "toy", "kmer", seed=0, name="toy")
    made = write_case(tmp_path / "made", "kmer", seed=1, name="toy")
    parent, child = registry.spec("toy").model_id, registry.read_folder(made).model_id
    kept = filled(own_home)
    kept.add_refinement(1, records.refinement(parent, child), made)
    kept.promote(child)
    said = kept.backup(tmp_path / "saved.zip")
    assert said["projects"] == said["designs"] == said["measurements"] == said["refinements"] == 1
    kept.close()
    return tmp_path / "saved.zip", parent, child


def test_a_back_up_restored_elsewhere_is_the_same_store(saved, tmp_path, monkeypatch):
    file, parent, child = saved
    home = tmp_path / "elsewhere"
    home.mkdir()
    monkeypatch.setenv("CISLENS_HOME", str(home))
    said = store_backup.restore(file, home)
    assert said["refinements"] == 1
    kept = Store(home)
    assert [project.name for project in kept.projects()] == ["project 1"]
    assert kept.record("designs", 1) == records.design(1)
    assert kept.upload(records.measurements(1)["digest"]) == records.upload(1)
    assert registry.spec("toy").model_id == child
    assert registry.spec(parent).model_id == parent
    kept.roll_back(child)
    assert registry.spec("toy").model_id == parent
    assert (home / "pasted" / f"{1:040x}.txt").read_text() == "ACGT"
    kept.close()


def test_a_back_up_is_taken_while_others_write(own_home, tmp_path):
    kept = filled(own_home)
    other = Store(own_home)
    kept.backup(tmp_path / "first.zip")
    other.add_project("later")
    kept.backup(tmp_path / "second.zip")
    kept.close()
    other.close()
    for name, count in (("first", 1), ("second", 2)):
        place = tmp_path / name
        place.mkdir()
        assert store_backup.restore(tmp_path / f"{name}.zip", place)["projects"] == count


def test_what_is_there_is_not_overwritten_unless_told_and_moved_aside_then(saved, tmp_path, monkeypatch):
    home = tmp_path / "elsewhere"
    home.mkdir()
    monkeypatch.setenv("CISLENS_HOME", str(home))
    filled(home, 2).close()
    with pytest.raises(UserError, match="--replace"):
        store_backup.restore(saved[0], home)
    kept = Store(home)
    assert [project.name for project in kept.projects()] == ["project 2"]
    kept.close()
    store_backup.restore(saved[0], home, over=True)
    kept = Store(home)
    assert [project.name for project in kept.projects()] == ["project 1"]
    kept.close()
    (old,) = (home / "before-restore").glob("*/store/store.sqlite")
    with sqlite3.connect(old) as database:
        assert database.execute("select name from projects").fetchall() == [("project 2",)]
    database.close()


def test_a_store_in_use_is_not_restored_over(saved, own_home):
    kept = Store(own_home)
    with pytest.raises(UserError, match="in use"):
        store_backup.restore(saved[0], own_home, over=True)
    kept.close()


def rewritten(source: Path, target: Path, change) -> Path:
    """A back-up with something done to its files (name -> bytes) after its manifest was made."""
    with zipfile.ZipFile(source) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(content.pop("manifest.json"))
    change(content, manifest)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
        if manifest is not None:
            archive.writestr("manifest.json", json.dumps(manifest))
    return target


def put(name: str):
    """Adds a file that the manifest knows."""

    def change(content, manifest):
        content[name] = b"evil"
        manifest["files"][name] = {"sha256": hashlib.sha256(b"evil").hexdigest(), "size": 4}

    return change


def flip(content, manifest):
    name = next(name for name in content if name.startswith("store/files/"))
    content[name] = content[name][:-1] + b"!"


def drop(content, manifest):
    name = next(name for name in content if name.startswith("store/files/"))
    del content[name], manifest["files"][name]


def longer(content, manifest):
    name = next(name for name in content if name.startswith("store/files/"))
    content[name] += b"#" * 3_000_000


def swap(content, manifest):
    """Another file in the place of an upload, its digest in the manifest right."""
    name = next(name for name in content if name.startswith("store/files/"))
    put(name)(content, manifest)


def spoil(content, manifest):
    put("store/store.sqlite")(content, manifest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("../outside.txt"), "does not belong"),
        (put("store/../../outside.txt"), "does not belong"),
        (put("/etc/outside.txt"), "does not belong"),
        (put("store\\..\\outside.txt"), "does not belong"),
        (put("genomes/hg19.fa"), "does not belong"),
        (put("models/.lock"), "does not belong"),
        (put("models"), "does not belong"),
        (flip, "is damaged at"),
        (longer, "is damaged at"),
        (drop, "lacks files"),
        (swap, "does not belong"),
        (spoil, "cannot be read|lacks files"),
        (lambda content, manifest: content.update({"store/files/extra": b"x"}), "other files than its manifest"),
        (lambda content, manifest: manifest.pop("files"), "manifest cannot be read"),
        (lambda content, manifest: manifest.update(files=[1]), "manifest cannot be read"),
        (lambda content, manifest: manifest.update(format=99), "newer Cislens"),
        (lambda content, manifest: manifest.update(revision="9999"), "newer Cislens"),
    ],
)
def test_a_back_up_that_was_tampered_with_is_refused_and_changes_nothing(saved, tmp_path, monkeypatch, change, words):
    home = tmp_path / "elsewhere" / "home"
    home.mkdir(parents=True)
    monkeypatch.setenv("CISLENS_HOME", str(home))
    with pytest.raises(UserError, match=words):
        store_backup.restore(rewritten(saved[0], tmp_path / "bad.zip", change), home)
    assert [path.name for path in home.rglob("*")] == ["store.lock"]
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["home"]
    assert not Path("/etc/outside.txt").exists()


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut"])
def test_what_is_no_back_up_is_refused(own_home, tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(UserError, match="no back-up"):
        store_backup.restore(tmp_path / "bad.zip", own_home)
    with pytest.raises(UserError, match="There is no file"):
        store_backup.restore(tmp_path / "none.zip", own_home)


def test_a_back_up_cut_short_is_refused(saved, tmp_path):
    home = tmp_path / "elsewhere"
    home.mkdir()
    whole = saved[0].read_bytes()
    for share in (0.3, 0.9, 0.999):
        (tmp_path / "cut.zip").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError):
            store_backup.restore(tmp_path / "cut.zip", home)
    assert [path.name for path in home.iterdir()] == ["store.lock"]


def test_a_back_up_is_not_made_of_a_file_that_was_changed(own_home, tmp_path):
    kept = filled(own_home)
    (path,) = (own_home / "store" / "files").iterdir()
    path.chmod(0o644)
    path.write_bytes(b"changed")
    with pytest.raises(UserError, match="was changed on the disk"):
        kept.backup(tmp_path / "out.zip")
    assert list(tmp_path.glob("*out.zip*")) == []
    kept.close()


def test_a_back_up_has_a_place_to_go(own_home, tmp_path):
    kept = filled(own_home)
    for place in (tmp_path, tmp_path / "none" / "out.zip"):
        with pytest.raises(UserError, match="no place for a file"):
            kept.backup(place)
    kept.close()


def test_a_restore_that_was_killed_when_it_was_ready_is_finished_by_whoever_opens_the_store(
    saved, tmp_path, monkeypatch
):
    """Every point between the renames of the parts."""
    for moved in range(4):
        home = tmp_path / f"home-{moved}"
        home.mkdir()
        monkeypatch.setenv("CISLENS_HOME", str(home))
        filled(home, 2).close()
        ready = home / "restore-ready"
        with zipfile.ZipFile(saved[0]) as archive:
            archive.extractall(ready)
        (ready / "manifest.json").unlink()
        (ready / "models" / "refined").mkdir(parents=True, exist_ok=True)
        for part in ("store", "models", "pasted")[:moved]:
            shutil.rmtree(home / part)
            (ready / part).rename(home / part)
        kept = Store(home)
        assert [project.name for project in kept.projects()] == ["project 1"]
        assert not ready.exists()
        assert registry.spec("toy").model_id == saved[2]
        kept.close()
