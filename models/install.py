"""Adding a model folder to this server: tried in a process apart, then put in its place in one step."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genome.errors import UserError
from genome.home import folder as home_folder
from genome.home import locked
from models import registry
from models.check import Finding, examine_apart, seconds_for
from models.core import ModelSpec
from models.tensor_files import PICKLE_SUFFIXES, refuse_pickle, refuse_too_large

# Published formats and the converter of each; imported only when it is asked for.
FORMATS = {
    "dragonn": "models.adapters.dragonn",
    "bpnet": "models.adapters.bpnet",
    "chrombpnet": "models.adapters.chrombpnet",
    "legnet": "models.adapters.legnet",
}
_NAME_LINE = re.compile(r"^name[ \t]*=.*$", re.MULTILINE)
_MOST_TEXT_BYTES = 5_000_000  # of model.toml and of a card
_MOST_COMPANION_BYTES = 200_000_000


@dataclass(frozen=True)
class Added:
    """What came of it.

    Attributes:
        spec: the model as it is offered now.
        findings: what was looked at.
        archived: the model_id that this name had before and that still answers, or None.
        folder: where it lies.
    """

    spec: ModelSpec
    findings: tuple[Finding, ...]
    archived: str | None
    folder: Path


class Refused(UserError):
    """A model that was tried and failed.

    Attributes:
        findings: what was looked at.
    """

    def __init__(self, message: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(message)
        self.findings = findings


def add(source: Path, *, name: str | None = None, form: str | None = None, seconds: float | None = None) -> Added:
    """Checks a model and offers it from now on; nothing that is offered changes unless it passes.

    Args:
        source: a model folder, or published files when ``form`` is given.
        name: what to call it; None: as its model.toml says, or as the files are called.
        form: key of FORMATS.
        seconds: how long the checks may take; None: as long as its window deserves.

    Raises:
        Refused: when it was tried and failed.
        UserError: when it cannot be read at all.
    """
    with _staging() as staged:
        if form is None:
            _copy(source, staged, name)
        else:
            _convert(source, staged, name or _name_of(source), form)
        spec = registry.read_folder(staged)
        refuse_too_large(staged.glob("member-*.safetensors"), spec.name)
        findings = examine_apart(staged, seconds=seconds_for(spec) if seconds is None else seconds)
        failed = [finding for finding in findings if finding.hard and not finding.ok]
        if failed:
            raise Refused(f"{spec.name} is refused ({failed[0].name}). {failed[0].text}", findings)
        place = home_folder("models") / spec.name
        return Added(spec, findings, _publish(staged, spec, place), place)


@contextmanager
def _staging() -> Iterator[Path]:
    """A folder on the same disk as the models and out of the registry's sight; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="adding-", dir=home_folder("adding")) as place:
        folder = Path(place) / "model"
        folder.mkdir()
        yield folder


def _copy(source: Path, folder: Path, name: str | None) -> None:
    """Copies what belongs to a model and nothing else."""
    _refuse_what_is_no_folder(source)
    for path in sorted(source.iterdir()):
        if path.suffix.lower() in (*PICKLE_SUFFIXES, ".safetensors"):
            refuse_pickle(path)
    text = _text(source / "model.toml")
    (folder / "model.toml").write_text(text if name is None else _renamed(text, name), encoding="utf-8")
    if (source / "card.md").is_file():
        (folder / "card.md").write_text(_text(source / "card.md"), encoding="utf-8")
    members = sorted(source.glob("member-*.safetensors"))
    if not members and (source / "model.safetensors").is_file():
        members = [source / "model.safetensors"]
    refuse_too_large(members, source.name)
    for path in members:
        shutil.copyfile(path, folder / (path.name if path.stem != "model" else "member-0.safetensors"))
    if name is None:  # under another name the model has another id, which its companions do not state
        _copy_companions(source, folder)


def _copy_companions(source: Path, folder: Path) -> None:
    """Copies what was worked out for a model (percentiles, shift reference): data that is no part of its id."""
    for path in sorted(source.iterdir()):
        is_data = path.suffix in (".safetensors", ".json") and not path.stem.startswith(("member-", "model"))
        if is_data and path.is_file() and not (folder / path.name).exists():
            if path.stat().st_size > _MOST_COMPANION_BYTES:
                raise UserError(f"{path.name} has more than {_MOST_COMPANION_BYTES // 1_000_000} MB; leave it out.")
            shutil.copyfile(path, folder / path.name)


def _refuse_what_is_no_folder(source: Path) -> None:
    if source.is_file():
        refuse_pickle(source)
    if not source.is_dir():
        raise UserError(
            f"{source.name or source} is not a folder; give one with model.toml and model.safetensors, or say what the "
            f"files are with --format {'|'.join(FORMATS)}."
        )
    if not (source / "model.toml").is_file():
        raise UserError(
            f"{source.name or source} has no model.toml; write one (models/README.md shows how), or say what the files are "
            f"with --format {'|'.join(FORMATS)}."
        )


def _convert(source: Path, folder: Path, name: str, form: str) -> None:
    if form not in FORMATS:
        raise UserError(f"There is no format '{form[:40]}'; choose one of {', '.join(FORMATS)}.")
    if not source.exists():
        raise UserError(f"There is no file or folder {source}; check the path.")
    if source.is_file():
        refuse_pickle(source)
    importlib.import_module(FORMATS[form]).convert(source, folder, name=name)


def _name_of(source: Path) -> str:
    """A model's name from the name of its files."""
    stem = source.stem if source.is_file() else source.resolve().name
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "model"


def _text(path: Path) -> str:
    """A text file of a sensible size."""
    if path.stat().st_size > _MOST_TEXT_BYTES:
        raise UserError(f"{path.name} has more than {_MOST_TEXT_BYTES // 1_000_000} MB; shorten it.")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} cannot be read as text ({error}); save it as UTF-8.") from error


def _renamed(text: str, name: str) -> str:
    """model.toml with another name, in its first table."""
    head, bracket, rest = text.partition("\n[")
    line = f"name = {json.dumps(name)}"  # whether it is one the registry will say
    if not _NAME_LINE.search(head):
        return f"{line}\n{text}"
    return _NAME_LINE.sub(lambda _: line, head, count=1) + bracket + rest


def _publish(staged: Path, spec: ModelSpec, place: Path) -> str | None:
    """Puts the folder in its place; what was there goes to the archive first and answers to its model_id for ever."""
    with locked(place.parent / ".lock"):
        before = _offered(place)
        if before is not None and before.model_id != spec.model_id:
            _archive(place, place.parent / "archive" / before.model_id, staged.parent)
        if before is not None and before.model_id == spec.model_id:
            _copy_companions(place, staged)  # they are still right
        if place.exists():
            place.rename(staged.parent / "before")
        staged.rename(place)
    return None if before is None or before.model_id == spec.model_id else before.model_id


def _offered(place: Path) -> ModelSpec | None:
    """The model of this name that was added before.

    Raises:
        UserError: when something is there that cannot be used, for it must not be lost.
    """
    if not place.exists():
        return None
    try:
        return registry.read_folder(place)
    except UserError as error:
        raise UserError(f"{place} is there already and cannot be used ({error}); move it away first.") from error


def _archive(place: Path, kept: Path, scratch: Path) -> None:
    """Copies a model to the archive, where it appears whole or not at all."""
    if kept.exists():
        return
    kept.parent.mkdir(exist_ok=True)
    shutil.copytree(place, scratch / "archived")
    (scratch / "archived").rename(kept)
