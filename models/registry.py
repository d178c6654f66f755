"""Which models there are, and how one is read from disk: model.toml, safetensors members and a card, never a pickle."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from genome.errors import UserError
from genome.home import home
from models import promoted
from models.adapters.channels import Reordered
from models.core import RULE_VERSION, Model, ModelSpec
from models.model_toml import channels_of, parsed, spec_of
from models.tensor_files import refuse_pickle, refuse_too_large

RELEASED = Path(__file__).resolve().parent.parent / "assets" / "models"

# The architectures that may be built, one per file. A model.toml names a key of this table, or an import path that the
# administrator listed in CISLENS_ARCHITECTURES.
ARCHITECTURES = {
    "tf_binding": "models.tf_binding:TFBinding",
    "kmer": "models.kmer:KmerModel",
    "profile": "models.profile:ProfileNetwork",
    "residual": "models.residual:Residual",
    "recurrent": "models.recurrent:Recurrent",
    "transformer": "models.transformer:Transformer",
    "dragonn": "models.adapters.dragonn:DragoNN",
    "bpnet": "models.adapters.bpnet:BPNet",
    "chrombpnet": "models.adapters.chrombpnet:ChromBPNet",
    "legnet": "models.adapters.legnet:LegNet",
}
DEFAULT_MODEL = "tf-binding"
MAX_MEMBERS = 100
_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_Stamp = tuple[str, int, int]  # path, time of the last change in ns, size in bytes


class UnknownModel(UserError):
    """No model of that name or id is here.

    Attributes:
        today: the id of the model of the same name that is here now, or None.
    """

    def __init__(self, message: str, today: str | None) -> None:
        super().__init__(message)
        self.today = today


def folders() -> tuple[Path, ...]:
    """Folders that hold models: the released ones, those of ``CISLENS_MODELS`` (path list) and those that were added."""
    extra = [Path(p) for p in os.environ.get("CISLENS_MODELS", "").split(os.pathsep) if p]
    return (RELEASED, *extra, home() / "models")


@dataclass(frozen=True)
class _Entry:
    """One folder of a model: its spec, or why it cannot be used.

    Attributes:
        folder: where it lies.
        archived: whether it is an older or refined version that answers to its model_id only.
        spec: what its model.toml says, or None.
        problem: why there is no spec, or None.
    """

    folder: Path
    archived: bool
    spec: ModelSpec | None
    problem: UserError | None

    def is_called(self, name: str) -> bool:
        """Whether this is the current model of that name; a broken folder also answers to the folder's name."""
        if self.archived:
            return False
        return (
            name == self.spec.name if self.spec is not None else name in (self.folder.name, _stated_name(self.folder))
        )


def specs() -> tuple[ModelSpec, ...]:
    """Every current model that can be used, by name; archived versions answer to their model_id only.

    A folder that cannot be used is left out with a logged warning, and ``problems`` tells the person at the screen.
    """
    return tuple(entry.spec for entry in _entries() if entry.spec is not None and not entry.archived)


def archived(name: str) -> tuple[ModelSpec, ...]:
    """Older and refined versions of a model, which answer to their model_id only."""
    return tuple(e.spec for e in _entries() if e.archived and e.spec is not None and e.spec.name == name)


def problems() -> tuple[str, ...]:
    """One sentence for each model folder that cannot be used."""
    return tuple(str(entry.problem) for entry in _entries() if entry.problem is not None)


def spec(name_or_id: str) -> ModelSpec:
    """The model of that name (its current version) or of that full model_id (also an archived one).

    Raises:
        UnknownModel: when there is none; ``today`` names the current version where the name is known.
        UserError: when the folder of that name cannot be used.
    """
    return _found(name_or_id)[1]


def load(model_id: str) -> Model:
    """Reads a model into memory, on the CPU, in evaluation mode with frozen parameters.

    Raises:
        UnknownModel: when there is no such model.
        UserError: when its files cannot be used.
    """
    while True:
        folder, found = _found(model_id)
        try:
            model = load_folder(folder)
        except UserError:
            if _found(model_id)[1] is found:  # the same object: the same files, for a spec is read once for each stamp
                raise
            continue  # the folder was replaced meanwhile, perhaps twice; the version asked for lies somewhere else now
        if model.spec.model_id == found.model_id:
            return model


def read_folder(folder: Path) -> ModelSpec:
    """What a folder says of its model, whether or not it is among those that are offered.

    Raises:
        UserError: when it cannot be used.
    """
    return _spec(folder)


def load_folder(folder: Path) -> Model:
    """Reads the model of a folder into memory, on the CPU, in evaluation mode with frozen parameters.

    Raises:
        UserError: when its files cannot be used, or its weights do not fit this computer.
    """
    table = _table(folder)
    files = _weight_files(folder, table)
    for path in files:
        refuse_pickle(path)
    refuse_too_large(files, folder.name)
    before = [_stamp(path) for path in (folder / "model.toml", *files)]
    members = [_member(folder, table, path) for path in files]
    model = Model(_spec(folder), members)  # the spec last: what was replaced meanwhile has another model_id
    if before != [_stamp(path) for path in (folder / "model.toml", *files)]:
        raise UserError(f"{folder.name} was replaced while it was read; try again.")
    return model


def build(architecture: str, options: dict[str, Any]) -> nn.Module:
    """A network of one of our architectures, its weights not yet filled in.

    Raises:
        UserError: when there is no such architecture, or the options do not fit it.
    """
    return _network(Path(architecture), {"architecture": architecture, "options": options})


def companion(model_id: str, name: str) -> Path | None:
    """A file that belongs to a model but is no part of its id (percentiles, shift reference, intervals), or None.

    Each such file states the model_id it was made for; its reader refuses it when that is another one.

    Raises:
        UnknownModel: when there is no such model.
    """
    path = _found(model_id)[0] / name
    return path if path.is_file() else None


def _found(name_or_id: str) -> tuple[Path, ModelSpec]:
    """The folder and spec of a model. Of several folders with one name the last counts, broken or not."""
    entries = _entries()
    for entry in entries:
        if entry.spec is not None and entry.spec.model_id == name_or_id:
            return entry.folder, entry.spec
    shown = " ".join(name_or_id.split())[:80]
    for name in (name_or_id, name_or_id.rpartition("-")[0]):
        called = [entry for entry in entries if entry.is_called(name)]
        if called and called[-1].problem is not None:
            raise called[-1].problem
        if called and called[-1].spec is not None:
            if name == name_or_id:
                return called[-1].folder, called[-1].spec
            today = called[-1].spec.model_id
            raise UnknownModel(f"The model {shown} is not on this server; today's version of it is {today}.", today)
    known = ", ".join(sorted({found.name for found in specs()})) or "none"
    raise UnknownModel(f"There is no model '{shown}'; choose one of: {known}.", None)


_seen: ContextVar[list[_Entry] | None] = ContextVar("model folders as they were looked at", default=None)


@contextmanager
def looked_at_once() -> Iterator[None]:
    """Within it, this thread looks at the folders when it enters and not again.

    A page asks for models some sixty times while it is drawn, and each time a hundred files would be looked at.
    """
    before = _seen.set(_entries())
    try:
        yield
    finally:
        _seen.reset(before)


def _entries() -> list[_Entry]:
    """Every model folder, current ones before the archived and the refined ones of the same root."""
    seen = _seen.get()
    if seen is not None:
        return seen
    patterns = (("*/model.toml", False), ("archive/*/model.toml", True), ("refined/*/model.toml", True))
    found = [
        _entry(toml.parent, archived=archived)
        for root in folders()
        for pattern, archived in patterns
        for toml in sorted(root.glob(pattern))
    ]
    try:
        return _with_promoted(found, promoted.read())
    except UserError as error:
        return [*found, _Entry(home() / "models", True, None, error)]


def _with_promoted(found: list[_Entry], answers: dict[str, str]) -> list[_Entry]:
    """Where a model was promoted for a name, that one is current and the others of the name answer to their ids only."""
    here = {entry.spec.model_id for entry in found if entry.spec is not None}
    lost = {name: model_id for name, model_id in answers.items() if model_id not in here}
    kept, current = [], set[str]()
    for entry in found:
        names = (entry.folder.name, _stated_name(entry.folder)) if entry.spec is None else (entry.spec.name,)
        chosen = [answers[name] for name in names if name in answers and name not in lost]
        is_it = entry.spec is not None and entry.spec.model_id in {*chosen} - current  # of two copies the first
        current |= {entry.spec.model_id} if is_it and entry.spec is not None else set()
        kept.append(replace(entry, archived=not is_it) if chosen else entry)
    for name, model_id in lost.items():
        words = f"{model_id}, which was promoted to answer to {name}, is not on this server; restore it or roll {name} back."
        kept.append(_Entry(home() / "models" / "refined" / model_id, True, None, UserError(words)))
    return kept


def _entry(folder: Path, *, archived: bool) -> _Entry:
    try:
        return _Entry(folder, archived, _spec(folder), None)
    except UserError as error:
        _warn_once(f"{folder}: {error}")
        return _Entry(folder, archived, None, error)


@lru_cache(maxsize=256)
def _warn_once(text: str) -> None:
    logging.getLogger(__name__).warning("A model is left out. %s", text)


def _spec(folder: Path) -> ModelSpec:
    table = _table(folder)
    _architecture(folder, table)
    files = [_stamp(path) for path in (folder / "model.toml", *_weight_files(folder, table))]
    card = folder / "card.md"
    return _read_spec(folder, tuple(files), _stamp(card) if card.is_file() else None)


def _stamp(path: Path) -> _Stamp:
    try:
        state = path.stat()
    except OSError as error:  # it was there a moment ago
        raise UserError(f"{path.parent.name}/{path.name} cannot be read ({error.strerror}); try again.") from error
    return str(path), state.st_mtime_ns, state.st_size


@lru_cache(maxsize=1024)
def _digest(stamps: tuple[_Stamp, ...]) -> str:
    """The digest of files; their stamps make a changed file a new entry."""
    return model_digest([Path(path) for path, _, _ in stamps])


@lru_cache(maxsize=1024)
def _read_spec(folder: Path, stamps: tuple[_Stamp, ...], card: _Stamp | None) -> ModelSpec:
    """The spec of a folder; the stamps of its files and of its card make a changed file a new entry."""
    table = _table(folder)
    try:
        return spec_of(table, _digest(stamps), "" if card is None else Path(card[0]).read_text(encoding="utf-8"))
    except KeyError as error:
        raise UserError(f"{folder.name}/model.toml lacks {error}; compare it with a released one.") from error
    except (OSError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder.name}/model.toml cannot be used ({error}); compare it with a released one."
        ) from error


def model_digest(files: Iterable[Path]) -> str:
    """12 hex digits of SHA-256 over the rule version and the files (model.toml first, then each member's weights)."""
    digest = hashlib.sha256(f"cislens rule {RULE_VERSION}\n".encode())
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _table(folder: Path) -> dict[str, Any]:
    path = folder / "model.toml"
    try:
        state = path.stat()
        return parsed(path, state.st_mtime_ns, state.st_size)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{folder.name}/model.toml cannot be read ({error}); restore it.") from error


def _stated_name(folder: Path) -> str:
    """The name in a folder's model.toml; empty when the file cannot be read, for then it states none."""
    try:
        return str(_table(folder).get("name", ""))
    except UserError:
        return ""


def _weight_files(folder: Path, table: dict[str, Any]) -> list[Path]:
    count = table.get("members", 1)
    if type(count) is not int or not 1 <= count <= MAX_MEMBERS:
        raise UserError(f"{folder.name}/model.toml says members = {count!r}; write a number from 1 to {MAX_MEMBERS}.")
    files = [folder / f"member-{index}.safetensors" for index in range(count)]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise UserError(f"The model folder {folder.name} lacks {', '.join(missing)}; restore it or run make train.")
    return files


def _architecture(folder: Path, table: dict[str, Any]) -> tuple[str, str]:
    """Module and class of the architecture, from the table or from the administrator's list; nothing is imported."""
    name = table.get("architecture", "")
    listed = [path.strip() for path in os.environ.get("CISLENS_ARCHITECTURES", "").split(",")]
    if not isinstance(name, str) or not (name in ARCHITECTURES or (name in listed and _IMPORT_PATH.fullmatch(name))):
        raise UserError(
            f"{folder.name} asks for the architecture {str(name)[:80]!r}, which is not one of {sorted(ARCHITECTURES)}; "
            "an administrator may list an import path in CISLENS_ARCHITECTURES."
        )
    module, _, attribute = ARCHITECTURES.get(name, name).partition(":")
    return module, attribute


def _network(folder: Path, table: dict[str, Any]) -> nn.Module:
    """Builds the architecture, weights not yet filled in."""
    module, attribute = _architecture(folder, table)
    try:
        build = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"{folder.name} needs {module}:{attribute}, which this server cannot import ({error}); install its package."
        ) from error
    try:
        network = build(**table.get("options", {}))
    except Exception as error:  # other people's code may raise anything
        raise UserError(
            f"{folder.name}/model.toml: the options do not fit the architecture ({str(error)[:200]})."
        ) from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{folder.name}: {module}:{attribute} is not a torch module; name the network's class.")
    return network


def _member(folder: Path, table: dict[str, Any], path: Path) -> nn.Module:
    """Builds the architecture, fills in one member's weights, and lets it take A, C, G, T."""
    network = _network(folder, table)
    try:
        with safe_open(path, framework="pt") as archive:
            weights = {key: archive.get_tensor(key).to(torch.float32) for key in archive.keys()}  # noqa: SIM118
        network.load_state_dict(weights, strict=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{folder.name}/{path.name} is not a usable safetensors file ({reason}); restore it."
        ) from error
    broken = [key for key, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise UserError(f"{folder.name}/{path.name} holds weights that are not numbers ({broken[0]}); restore it.")
    channels = channels_of(table)
    return network if channels == "ACGT" else Reordered(network, channels)
