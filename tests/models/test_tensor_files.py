"""The header of a safetensors file is read before its tensors; what can carry a pickle is not read at all."""

from __future__ import annotations

import os
import pickle
import re
import shlex
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from genome.errors import UserError
from models import tensor_files
from models.tensor_files import PICKLE_SUFFIXES, most_bytes, refuse_pickle, refuse_too_large, weight_bytes
from tests.models.folders import write_safetensors_header


def entry(shape, end, dtype="F32", start=0):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_the_memory_of_a_file_is_that_of_its_tensors_as_they_are_loaded(tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    save_file(
        {"a": torch.zeros(7, 3, dtype=dtype), "b": torch.zeros(0, dtype=dtype), "c": torch.zeros((), dtype=dtype)}, path
    )
    assert weight_bytes(path) == 22 * max(4, dtype.itemsize)


@pytest.mark.parametrize(
    ("table", "data_bytes", "reason"),
    [
        ({"a": entry([10], 40)}, 39, "cut off"),
        ({"a": entry([10], 40)}, 41, "need 40 bytes and it has 41"),
        ({"a": entry([10**18], 40)}, 40, "shape"),
        ({"a": entry([10**18], 4 * 10**18)}, 40, "cut off"),
        ({"a": entry([-10], -40)}, 0, "whole numbers"),
        ({"a": entry([1.5], 6)}, 6, "whole numbers"),
        ({"a": entry([True], 4)}, 4, "whole numbers"),
        ({"a": entry([10], 40, dtype="X9")}, 40, "X9"),
        ({"a": {"shape": [1]}}, 4, "data_offsets"),
        ({"a": 3}, 4, "not"),
        ([1, 2], 0, "not a table"),
    ],
)
def test_a_header_that_lies_is_refused_with_the_reason(tmp_path, table, data_bytes, reason):
    path = tmp_path / "a.safetensors"
    write_safetensors_header(path, table, data_bytes)
    with pytest.raises(UserError, match=rf"a.safetensors is not a usable safetensors file .*{reason}"):
        weight_bytes(path)


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"\xff" * 8 + b"{}", (10**9).to_bytes(8, "little") + b"{}", b"\x02" + b"\0" * 7 + b"{"]
)
def test_what_has_no_header_is_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a usable safetensors file"):
        weight_bytes(path)


def test_three_gigabytes_on_a_small_machine_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_safetensors_header(path, {"a": entry([750_000_000], 3 * 10**9)}, 3 * 10**9)
    monkeypatch.setattr(tensor_files, "free_bytes", lambda: 4 * 10**9)
    with pytest.raises(UserError, match="take 3,000 MB of memory and 2,000 MB are allowed"):
        refuse_too_large([path], "huge")
    monkeypatch.setenv("CISLENS_MAX_MODEL_BYTES", "3000000000")
    assert refuse_too_large([path], "huge") == 3 * 10**9
    monkeypatch.setenv("CISLENS_MAX_MODEL_BYTES", "2999999999")
    with pytest.raises(UserError, match="CISLENS_MAX_MODEL_BYTES"):
        refuse_too_large([path], "huge")


@pytest.mark.parametrize("text", ["2 GB", "-1", "1e9", "9" * 40])
def test_a_limit_that_is_no_number_of_bytes_is_refused(monkeypatch, text):
    monkeypatch.setenv("CISLENS_MAX_MODEL_BYTES", text)
    with pytest.raises(UserError, match="number of bytes"):
        most_bytes()


def test_some_memory_is_free_here():
    assert 10**7 < tensor_files.free_bytes() < 10**14
    assert most_bytes() <= tensor_files.free_bytes()


def trap(place) -> bytes:
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(place / "executed"),))

    return pickle.dumps({"a": Trap()})


@pytest.mark.parametrize("suffix", [*PICKLE_SUFFIXES, ".PT"])
def test_every_kind_of_file_that_can_carry_a_pickle_is_refused_with_the_line_that_converts_it(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(UserError, match=r"can carry a pickle.*weights_only=True"):
        refuse_pickle(path)


@pytest.mark.parametrize("kind", ["pickle", "zip", *range(2, 6)])
def test_a_pickle_that_is_called_safetensors_is_known_by_its_first_bytes(tmp_path, kind):
    path = tmp_path / "model.safetensors"
    if kind == "zip":
        torch.save({"a": torch.zeros(3)}, path)
    else:
        path.write_bytes(trap(tmp_path) if kind == "pickle" else pickle.dumps({"a": [1.0] * 50}, protocol=kind))
    with pytest.raises(UserError, match="a pickle or an archive"):
        refuse_pickle(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("count", [1, 3, 9, 10, 11, 12, 200, 700, 1100, 3000])
def test_a_header_of_any_length_is_no_pickle(tmp_path, count):
    path = tmp_path / "model.safetensors"
    save_file({f"tensor {i}": torch.zeros(2) for i in range(count)}, path)
    refuse_pickle(path)


def test_a_header_whose_length_looks_like_a_pickle_is_none(tmp_path):
    path = tmp_path / "model.safetensors"
    text = b'{"__metadata__":{}}'.ljust(0x0280)
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert path.read_bytes()[:2] == b"\x80\x02"
    refuse_pickle(path)
    assert weight_bytes(path) == 0


def printed_line(path) -> list[str]:
    with pytest.raises(UserError) as refusal:
        refuse_pickle(path)
    line = re.search(r"(python -c .*)$", str(refusal.value)).group(1)
    return [sys.executable, *shlex.split(line)[1:]]


def test_the_line_that_is_printed_converts_tensors_and_runs_nobodys_code(tmp_path):
    path = tmp_path / "new.pt"
    weights = {"a": torch.randn(3, 4), "b": torch.arange(3)}
    torch.save({"state_dict": weights}, path)
    done = subprocess.run(printed_line(path), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = load_file(tmp_path / "new.safetensors")
    assert all(torch.equal(found[key], value) for key, value in weights.items())

    path.write_bytes(trap(tmp_path))
    (tmp_path / "new.safetensors").unlink()
    done = subprocess.run(printed_line(path), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "weights_only" in done.stderr.lower()
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path / "new.safetensors").exists()
