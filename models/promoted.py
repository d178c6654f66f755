"""Which refined model answers to a name: one small file beside the models, replaced in one step.

The store of experiments decides it and writes it here, so that the registry needs no database. Whoever asks by full
model_id is not touched by it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from genome.errors import UserError
from genome.home import folder, home, replaced

_NAME = "promoted.json"


def read() -> dict[str, str]:
    """Name -> model_id that answers to it; names that nobody promoted a model for are not in it.

    Raises:
        UserError: when the file is damaged.
    """
    path = home() / "models" / _NAME
    try:
        state = path.stat()
    except OSError:
        return {}
    return dict(_parsed(path, state.st_mtime_ns, state.st_size, state.st_ino))


def write(answers: Mapping[str, str]) -> None:
    """Says from now on which model answers to each name; down to the disk."""
    path = folder("models") / _NAME
    with replaced(path) as temporary, temporary.open("w") as handle:
        handle.write(json.dumps(dict(answers), sort_keys=True))
        handle.flush()
        os.fsync(handle.fileno())


@lru_cache(maxsize=16)
def _parsed(path: Path, _modified: int, _size: int, _inode: int) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(_DAMAGED) from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UserError(_DAMAGED)
    return content


_DAMAGED = (
    "models/promoted.json, which says which refined models answer to a name, is damaged; delete it, and it is written anew "
    "when the server starts."
)
