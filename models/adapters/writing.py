"""Writes a model folder as the registry reads it: model.toml, one safetensors file per member, a card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor


def write_folder(
    folder: Path,
    *,
    header: Mapping[str, Any],
    options: Mapping[str, Any],
    tracks: Sequence[Mapping[str, Any]],
    weights: Mapping[str, Tensor],
    card: str,
) -> None:
    """Writes a model of one member.

    Args:
        folder: an empty folder.
        header: the plain keys of model.toml.
        options: keyword arguments of the architecture; values may be tables themselves.
        tracks: one table per track, as the fields of ``Track``.
        weights: the state of the architecture.
        card: Markdown.
    """
    from safetensors.torch import save_file

    lines = [f"{key} = {_value(value)}" for key, value in header.items()]
    lines += ["", *_table("options", options)]
    for track in tracks:
        lines += ["", "[[tracks]]", *(f"{key} = {_value(value)}" for key, value in track.items())]
    (folder / "model.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(card, encoding="utf-8")
    save_file({name: tensor.contiguous().clone() for name, tensor in weights.items()}, folder / "member-0.safetensors")


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items() if key not in inner)]
    for key, value in inner.items():
        lines += ["", *_table(f"{name}.{key}", value)]
    return lines


def _value(value: Any) -> str:
    """A value as TOML; for texts, numbers, truth values and lists of them JSON is the same."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
