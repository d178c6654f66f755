"""A job's folder: what was asked, what each slice wrote, and the result. Arrays and JSON only: nothing in it can run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.home import folder, home, replaced

Arrays = Mapping[str, npt.NDArray[Any]]
Parameters = Mapping[str, str | int | float]
_ORDER, _BASES, _RESULT = "order.json", "bases.txt", "result.npz"


@dataclass(frozen=True)
class Order:
    """What was asked for.

    Attributes:
        kind: name in the table of kinds.
        parameters: texts and numbers; with the kind they decide the result, and nothing else does.
        slices: parts of the work; each writes one file.
        title: what it is, for people.
        said: what it was expected to take, one sentence.
        created: when it was first asked for, seconds since 1970.
    """

    kind: str
    parameters: Parameters
    slices: int
    title: str
    said: str
    created: float

    @property
    def digest(self) -> str:
        """The job's key: the same kind and parameters are the same job, in whatever session they were asked."""
        return digest_of(self.kind, self.parameters)


def digest_of(kind: str, parameters: Parameters) -> str:
    """40 hex digits of SHA-256 over a kind and its parameters.

    Raises:
        ValueError: when a parameter is neither a text nor a finite number.
    """
    wrong = [name for name, value in parameters.items() if type(value) not in (str, int, float)]
    if wrong:
        raise ValueError(f"{wrong=} must be texts or numbers")
    text = json.dumps([kind, dict(parameters)], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def digest_of_bases(bases: str) -> str:
    """What names the letters a job was started on among its parameters."""
    return hashlib.sha256(bases.encode()).hexdigest()[:40]


def place(digest: str) -> Path:
    """The folder of a job (it may not be there)."""
    if len(digest) != 40 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"{digest=} is no job's digest")
    return home() / "jobs" / digest


def orders() -> list[Order]:
    """Every job whose folder is here, oldest first; a folder that cannot be read is no job."""
    paths = (home() / "jobs").glob(f"*/{_ORDER}")
    found = [order for order in map(_read_order, paths) if order is not None]
    return sorted(found, key=lambda order: (order.created, order.digest))


def order_of(digest: str) -> Order:
    """What a job was asked.

    Raises:
        UserError: when its folder is not here or was damaged.
    """
    order = _read_order(place(digest) / _ORDER)
    if order is None or order.digest != digest:
        raise UserError("This job is not kept here any more; start it again.")
    return order


def write_order(order: Order, bases: str) -> None:
    """Makes the folder of a job and writes down what was asked, and the letters it works on."""
    where = folder("jobs", order.digest)
    with replaced(where / _BASES) as temporary:
        temporary.write_text(bases)
    with replaced(where / _ORDER) as temporary:  # last: a folder with an order is whole
        temporary.write_text(json.dumps(asdict(order) | {"parameters": dict(order.parameters)}))


def bases_of(order: Order) -> str:
    """The letters a job was started on, checked against the digest among its parameters.

    Raises:
        UserError: when they were damaged.
    """
    try:
        bases = (place(order.digest) / _BASES).read_text()
    except OSError as error:
        raise UserError("The letters of this job cannot be read any more; start it again.") from error
    if digest_of_bases(bases) != order.parameters.get("bases", digest_of_bases("")):
        raise UserError("The letters of this job were damaged; remove it and start it again.")
    return bases


def slice_path(digest: str, index: int) -> Path:
    """The file that one slice writes."""
    return place(digest) / f"{index}.npz"


def result_path(digest: str) -> Path:
    """The file of the finished result."""
    return place(digest) / _RESULT


def slice_paths(order: Order) -> list[Path]:
    """The slices that are written, in order."""
    return [path for index in range(order.slices) if (path := slice_path(order.digest, index)).is_file()]


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Writes arrays in one step: the file is there whole, or not at all."""
    with replaced(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Reads arrays of numbers.

    Raises:
        UserError: when the file is damaged or holds anything but arrays of numbers and texts.
    """
    try:
        with path.open("rb") as handle:
            if handle.read(4) != b"PK\x03\x04":
                raise ValueError("it is no archive of arrays")
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            "A file of this job is damaged or is no table of numbers; remove the job and start it again."
        ) from error


def read_result(digest: str) -> dict[str, npt.NDArray[Any]]:
    """The finished result; reading it counts as using it.

    Raises:
        UserError: when it is not there, or damaged.
    """
    path = result_path(digest)
    found = read_arrays(path)
    os.utime(path)
    return found


def finish(order: Order, arrays: Arrays) -> None:
    """Writes the result, after which the slices are not needed."""
    write_arrays(result_path(order.digest), arrays)
    for path in slice_paths(order):
        path.unlink(missing_ok=True)


def remove(digest: str) -> None:
    """Deletes everything of a job."""
    shutil.rmtree(place(digest), ignore_errors=True)


def surplus(max_bytes: int, busy: Collection[str]) -> list[str]:
    """The jobs to delete so that all together take at most ``max_bytes``: the least recently used, never a busy one."""
    known = [(_last_use(order), _bytes(order.digest), order.digest) for order in orders()]
    total = sum(size for _, size, _ in known)
    chosen = []
    for _, size, digest in sorted(known):
        if total <= max_bytes:
            break
        if digest not in busy:
            chosen.append(digest)
            total -= size
    return chosen


def _last_use(order: Order) -> float:
    path = result_path(order.digest)
    times = [p.stat().st_mtime for p in (path, *slice_paths(order)) if p.is_file()]
    return max(times, default=order.created)


def _bytes(digest: str) -> int:
    return sum(path.stat().st_size for path in place(digest).glob("*") if path.is_file())


def _read_order(path: Path) -> Order | None:
    """An order as it was written; None when it is not one."""
    try:
        order = Order(**json.loads(path.read_text()))
        return order if order.digest == path.parent.name else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None
