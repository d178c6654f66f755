"""Which models there are, and how one is read from disk: model.toml, safetensors members and a card, never a pickle."""

from __future__ import annotations

import hashlib
import importlib
import os
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from genome.errors import UserError
from models.core import RULE_VERSION, Model, ModelSpec, Track

RELEASED = Path(__file__).resolve().parent.parent / "assets" / "models"

# The architectures that may be built, one per file. A model.toml names a key of this table, never an import path.
ARCHITECTURES = {
    "tf_binding": "models.tf_binding:TFBinding",
    "kmer": "models.kmer:KmerModel",
}
DEFAULT_MODEL = "tf-binding"


class UnknownModel(UserError):
    """No model of that name or id is here.

    Attributes:
        today: the id of the model of the same name that is here now, or None.
    """

    def __init__(self, message: str, today: str | None) -> None:
        super().__init__(message)
        self.today = today


def folders() -> tuple[Path, ...]:
    """Folders that hold models: the released ones and those of ``CISLENS_MODELS`` (path list of the administrator)."""
    extra = [Path(p) for p in os.environ.get("CISLENS_MODELS", "").split(os.pathsep) if p]
    return (RELEASED, *extra)


def specs() -> tuple[ModelSpec, ...]:
    """Every current model, by name; archived versions answer to their model_id only."""
    return tuple(spec for _, spec in _entries(archived=False))


def spec(name_or_id: str) -> ModelSpec:
    """The model of that name (its current version) or of that full model_id (also an archived one).

    Raises:
        UnknownModel: when there is none; ``today`` names the current version where the name is known.
    """
    return _entry(name_or_id)[1]


def load(model_id: str) -> Model:
    """Reads a model into memory, on the CPU, in evaluation mode with frozen parameters.

    Raises:
        UnknownModel: when there is no such model.
        UserError: when its files cannot be used.
    """
    folder, found = _entry(model_id)
    table = _table(folder)
    members = [_member(folder, table, path) for path in _weight_files(folder, table)]
    return Model(found, members)


def _entry(name_or_id: str) -> tuple[Path, ModelSpec]:
    entries = _entries(archived=True)
    for folder, found in entries:
        if found.model_id == name_or_id:
            return folder, found
    current = {found.name: (folder, found) for folder, found in _entries(archived=False)}
    if name_or_id in current:
        return current[name_or_id]
    name = name_or_id.rpartition("-")[0]
    if name in current:
        today = current[name][1].model_id
        raise UnknownModel(f"The model {name_or_id} is not on this server; today's version of it is {today}.", today)
    known = ", ".join(sorted(current)) or "none"
    shown = " ".join(name_or_id.split())[:60]
    raise UnknownModel(f"There is no model '{shown}'; choose one of: {known}.", None)


def _entries(*, archived: bool) -> list[tuple[Path, ModelSpec]]:
    found = []
    for root in folders():
        found += [(toml.parent, _spec(toml.parent)) for toml in sorted(root.glob("*/model.toml"))]
        if archived:
            found += [(toml.parent, _spec(toml.parent)) for toml in sorted(root.glob("archive/*/model.toml"))]
    return found


def _spec(folder: Path) -> ModelSpec:
    table = _table(folder)
    files = _weight_files(folder, table)
    stamp = tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in [folder / "model.toml", *files])
    return _read_spec(folder, stamp)


@lru_cache(maxsize=64)
def _read_spec(folder: Path, stamp: tuple[tuple[str, int, int], ...]) -> ModelSpec:
    """The spec of a folder; ``stamp`` (paths, times, sizes) makes a changed file a new entry."""
    table = _table(folder)
    digest = model_digest([Path(path) for path, _, _ in stamp])
    card = folder / "card.md"
    try:
        return ModelSpec(
            model_id=f"{table['name']}-{digest}",
            name=table["name"],
            title=table["title"],
            input_length=table["input_length"],
            output_length=table["output_length"],
            resolution=table["resolution"],
            tracks=tuple(Track(**track) for track in table["tracks"]),
            strand_rule=table["strand"],
            n_members=table["members"],
            card=card.read_text() if card.exists() else "",
            origin=table.get("origin", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
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
    try:
        return tomllib.loads((folder / "model.toml").read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{folder.name}/model.toml cannot be read ({error}); restore it.") from error


def _weight_files(folder: Path, table: dict[str, Any]) -> list[Path]:
    files = [folder / f"member-{index}.safetensors" for index in range(int(table.get("members", 1)))]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise UserError(f"The model folder {folder.name} lacks {', '.join(missing)}; restore it or run make train.")
    return files


def _member(folder: Path, table: dict[str, Any], path: Path) -> nn.Module:
    """Builds the architecture on the allow-list and fills in one member's weights."""
    name = table.get("architecture", "")
    if name not in ARCHITECTURES:
        raise UserError(
            f"{folder.name} asks for the architecture '{name}', which is not one of {sorted(ARCHITECTURES)}."
        )
    module, _, attribute = ARCHITECTURES[name].partition(":")
    network: nn.Module = getattr(importlib.import_module(module), attribute)(**table.get("options", {}))
    try:
        with safe_open(path, framework="pt") as archive:
            weights = {key: archive.get_tensor(key).to(torch.float32) for key in archive.keys()}  # noqa: SIM118
        network.load_state_dict(weights, strict=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{folder.name}/{path.name} is not a usable safetensors file ({reason}); restore it."
        ) from error
    return network
