"""Writes a model where the registry finds it: weights and model.toml, the same bytes for the same seed."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from models.core import ModelSpec
from models.model_toml import model_toml


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
