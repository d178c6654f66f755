"""The one format that weights come in. A safetensors header is read before anything is loaded; pickles are refused."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genome.errors import UserError

PICKLE_SUFFIXES = (".pt", ".pth", ".ckpt", ".pt2", ".bin", ".torch", ".pkl", ".pickle", ".joblib", ".npy")
_ITEM_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2}
_ITEM_BYTES |= {"I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8}
_MOST_HEADER_BYTES = 100_000_000  # as in the format's own reader
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"

# What a person runs, in a process of its own: weights_only reads tensors and refuses everything else in a pickle.
CONVERSION = (
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    "w = torch.load(sys.argv[1], map_location='cpu', weights_only=True); w = w.get('state_dict', w); "
    'save_file({k: v.contiguous().clone() for k, v in w.items()}, sys.argv[2])" '
)


def refuse_pickle(path: Path) -> None:
    """Refuses a file that can carry a pickle, by its ending or by its first bytes.

    Raises:
        UserError: with the line that converts it; or when it cannot be read.
    """
    ending = path.suffix.lower()
    if ending in PICKLE_SUFFIXES:
        what = "is not read: a file of this kind can carry a pickle, which can run anybody's code"
    elif ending == ".safetensors" and _is_disguised(path):
        what = "is not a usable safetensors file but a pickle or an archive of them, which can run anybody's code"
    else:
        return
    raise UserError(f"{path.name} {what}; convert it: {CONVERSION}{path.name} new.safetensors")


def statement(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a safetensors file of our own says of itself under a key of its metadata (JSON), and its arrays by name.

    Raises:
        OSError, safetensors.SafetensorError, KeyError, ValueError: when it cannot be read or says nothing.
    """
    from safetensors import safe_open

    with safe_open(path, framework="np") as archive:
        said = json.loads((archive.metadata() or {})[key])
        return said, {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118


def weight_bytes(path: Path) -> int:
    """The memory that the tensors of a safetensors file take once they are loaded as 32-bit numbers, from its header.

    Raises:
        UserError: when the file is cut off, or its header is not one.
    """
    try:
        header, data_bytes = _header(path)
        tensors = [_tensor(entry) for name, entry in header.items() if name != "__metadata__"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path.name} is not a usable safetensors file ({reason}); restore it.") from error
    said = max((end for _, end in tensors), default=0)
    if said != data_bytes:
        raise UserError(
            f"{path.name} is not a usable safetensors file (its tensors need {said:,} bytes and it has {data_bytes:,}: "
            "was it cut off?); restore it."
        )
    return sum(loaded for loaded, _ in tensors)


def refuse_too_large(files: Iterable[Path], name: str) -> int:
    """Refuses weights that do not fit this computer before anything of them is read; returns their bytes in memory.

    Raises:
        UserError: when they exceed ``CISLENS_MAX_MODEL_BYTES``, or half of the memory that is free.
    """
    needed, most = sum(weight_bytes(path) for path in files), most_bytes()
    if needed > most:
        raise UserError(
            f"The weights of {name} take {needed / 1e6:,.0f} MB of memory and {most / 1e6:,.0f} MB are allowed here; "
            "use a smaller model or a larger computer, or set CISLENS_MAX_MODEL_BYTES."
        )
    return needed


def most_bytes() -> int:
    """The most memory that a model's weights may take: ``CISLENS_MAX_MODEL_BYTES``, else half of what is free."""
    text = os.environ.get("CISLENS_MAX_MODEL_BYTES", "")
    if not text:
        return free_bytes() // 2
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise UserError(f"CISLENS_MAX_MODEL_BYTES is '{text[:20]}'; set it to a number of bytes such as 2000000000.")
    return int(text)


def free_bytes() -> int:
    """Memory that is free on this computer, or in this container when that is less."""
    try:
        table = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return min(free, max(0, limit - used))


def _is_disguised(path: Path) -> bool:
    """Whether a file begins as a zip or a pickle (0x80 and the protocol) and not with the length of a header."""
    try:
        with path.open("rb") as handle:
            start = handle.read(8)
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror}); restore it.") from error
    return start[:4] == _ZIP or (start[:1] == _PICKLE and int.from_bytes(start, "little") > size)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The table of tensors, and the bytes of data after it."""
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(_MOST_HEADER_BYTES, size - 8):
            raise ValueError("it is cut off, or its first bytes are not the length of a header")
        table = json.loads(handle.read(length))
    if not isinstance(table, dict):
        raise ValueError("its header is not a table")
    return table, size - 8 - length


def _tensor(entry: dict[str, Any]) -> tuple[int, int]:
    """(bytes in memory, end of its data in the file) of one tensor."""
    shape, (start, end), item = entry["shape"], entry["data_offsets"], _ITEM_BYTES[entry["dtype"]]
    if not all(type(number) is int and number >= 0 for number in (*shape, start, end)):
        raise ValueError(f"{shape=} and {[start, end]} must be whole numbers")
    count = math.prod(shape)
    if end - start != count * item:
        raise ValueError(f"a tensor of {shape=} needs {count * item:,} bytes and is given {end - start:,}")
    return count * max(4, item), end
