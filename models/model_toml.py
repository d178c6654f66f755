"""model.toml: what it must say of a model, read and written."""

from __future__ import annotations

import json
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.core import ModelSpec, StrandRule, Track

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")  # together with the digest it must fit a link


@lru_cache(maxsize=1024)
def parsed(path: Path, _modified: int, _size: int) -> dict[str, Any]:
    """The content of a model.toml, not to be changed; time and size make a changed file a new entry.

    Raises:
        OSError, UnicodeDecodeError, tomllib.TOMLDecodeError: when it cannot be read.
    """
    return tomllib.loads(path.read_text(encoding="utf-8"))


def spec_of(table: dict[str, Any], digest: str, card: str) -> ModelSpec:
    """What a model.toml says of its model.

    Args:
        table: its content.
        digest: 12 hex digits over it and the weights.
        card: Markdown text beside it.

    Raises:
        KeyError: when something is missing.
        TypeError, ValueError: when something has another form.
    """
    channels_of(table)
    return ModelSpec(
        model_id=f"{table['name']}-{digest}",
        name=_checked_name(table["name"]),
        title=str(table["title"]),
        input_length=_whole(table, "input_length"),
        output_length=_whole(table, "output_length"),
        resolution=_whole(table, "resolution"),
        tracks=tuple(Track(**track) for track in table["tracks"]),
        strand_rule=_strand_rule(table["strand"]),
        n_members=_whole(table, "members"),
        card=card,
        origin=str(table.get("origin", "")),
        context=_context(table.get("context", ["", ""])),
        noise=table.get("noise", False) is True,
        placements=_whole(table, "placements") if "placements" in table else ModelSpec.placements,
    )


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name=} must be letters, digits, '.', '_' and '-'")
    return name


def _whole(table: dict[str, Any], key: str) -> int:
    value = table[key]
    if type(value) is not int or value < 1:
        raise ValueError(f"{key} = {value!r} must be a whole number above 0")
    return value


def _strand_rule(rule: object) -> StrandRule:
    if rule not in ("average", "forward"):
        raise ValueError(f"strand = {rule!r} must be 'average' or 'forward'")
    return rule  # type: ignore[return-value]


def _context(letters: object) -> tuple[str, str]:
    if not isinstance(letters, list) or len(letters) != 2 or not all(isinstance(part, str) for part in letters):
        raise ValueError(f"context = {letters!r} must be two texts of letters: before and after the window")
    return letters[0], letters[1]


def channels_of(table: dict[str, Any]) -> str:
    """The order in which the networks take their letters."""
    channels = table.get("channels", "ACGT")
    if not isinstance(channels, str) or sorted(channels) != list("ACGT"):
        raise ValueError(f"channels = {channels!r} must be the letters A, C, G and T in the network's order")
    return channels


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
    if spec.placements != ModelSpec.placements:
        top["placements"] = spec.placements
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
