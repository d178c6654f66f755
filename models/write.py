"""Writes a model where the registry finds it: weights and model.toml, the same bytes for the same seed."""

from __future__ import annotations

import json
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from models.core import ModelSpec, Track


def write_model(
    spec: ModelSpec, architecture: str, options: dict[str, Any], members: Seq[nn.Module], folder: Path
) -> Path:
    """Writes a model's folder and gives it back.

    Args:
        spec: what the model says about itself; its model_id is not used.
        architecture: key among the architectures that may be loaded.
        options: keyword arguments of the architecture.
        members: the networks, in order.
        folder: receives ``model.toml`` and ``member-k.safetensors``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index, member in enumerate(members):
        weights = {name: value.detach().clone().contiguous() for name, value in sorted(member.state_dict().items())}
        path = folder / f"member-{index}.safetensors"
        save_file(weights, path)
        path.chmod(0o644)
    (folder / "model.toml").write_text(model_toml(spec, architecture, options), encoding="utf-8")
    return folder


def model_toml(spec: ModelSpec, architecture: str, options: dict[str, Any]) -> str:
    """The text of model.toml; what is as usual is left out."""
    top: dict[str, Any] = {
        "name": spec.name,
        "title": spec.title,
        "architecture": architecture,
        "input_length": spec.input_length,
        "output_length": spec.output_length,
        "resolution": spec.resolution,
        "strand": spec.strand_rule,
        "members": spec.n_members,
        "origin": spec.origin,
    }
    if any(spec.context):
        top["context"] = list(spec.context)
    if spec.noise:
        top["noise"] = True
    lines = [f"{key} = {_value(value)}" for key, value in top.items()]
    lines += ["", "[options]", *(f"{key} = {_value(value)}" for key, value in sorted(options.items()))]
    for track in spec.tracks:
        lines += ["", "[[tracks]]", *(f"{key} = {_value(value)}" for key, value in _fields(track).items())]
    return "\n".join(lines) + "\n"


def _fields(track: Track) -> dict[str, Any]:
    fields = {name: getattr(track, name) for name in ("name", "assay", "biosample", "unit", "sd")}
    if track.strand != ".":
        fields["strand"] = track.strand
    if track.kind != "scalar":
        fields["kind"] = track.kind
    return fields


def _value(value: object) -> str:
    """A TOML value: JSON's form of texts, numbers, truth values and lists is also TOML's."""
    return json.dumps(value)
