"""Small model folders of every kind, with random weights."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from models import registry
from models.adapters.writing import write_folder

PROFILE = {"kind": "profile", "unit": "expected reads"}
BPNET = {"n_filters": 6, "n_layers": 2, "n_outputs": 2, "n_control_tracks": 2, "trimming": 60, "count_control": True}
PLAIN_BPNET = {"n_filters": 5, "n_layers": 2, "n_outputs": 1, "trimming": 60}
LEGNET = {"stem_filters": 8, "stem_length": 5, "block_length": 3, "block_sizes": [8, 12], "pool_sizes": [2, 2]}


@dataclass(frozen=True)
class Case:
    """What model.toml says of one small model of an architecture."""

    input_length: int
    output_length: int = 1
    resolution: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    tracks: tuple[dict[str, Any], ...] = ({},)
    more: dict[str, Any] = field(default_factory=dict)


STRANDED = ({**PROFILE, "strand": "+"}, {**PROFILE, "strand": "-"})
CASES = {
    "tf_binding": Case(100, options={"filters": 8, "combined": 8}, tracks=({}, {})),
    "kmer": Case(100, options={"k": 4}, tracks=({}, {})),
    "dragonn": Case(
        30,
        options={"n_tracks": 2, "input_length": 30, "filters": [6, 5], "kernel_lengths": [5, 4]},
        tracks=({}, {}),
    ),
    "bpnet": Case(200, 80, 1, BPNET, STRANDED),
    "chrombpnet": Case(200, 80, 1, {"accessibility": PLAIN_BPNET, "bias": PLAIN_BPNET}, (PROFILE,)),
    "profile": Case(500, 300, 1, {"filters": 6}, STRANDED),
    "legnet": Case(
        60,
        options={**LEGNET, "both_strands": True},
        more={"channels": "AGCT", "strand": "forward", "context": ["ACGTT", "GGA"]},
    ),
    "tests.colleague.network:Dilated": Case(1024, 64, 8, {"width": 8}, tuple(PROFILE for _ in range(7))),
}
REPORTER = Case(200, tracks=({}, {}, {}), more={"context": ["AGGACCGGATCAACT", "CATTGCGTGAACCGA"], "noise": True})
CASES |= dict.fromkeys(("residual", "recurrent", "transformer"), REPORTER)


def network(architecture: str, options: dict[str, Any], seed: int = 0) -> nn.Module:
    """A network with random weights, running means and variances among them."""
    module, _, name = registry.ARCHITECTURES.get(architecture, architecture).partition(":")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = getattr(importlib.import_module(module), name)(**options)
        for key, tensor in made.state_dict().items():
            if key.endswith("linear.bias"):
                tensor.fill_(3.0)  # some 20 reads
            elif tensor.is_floating_point() and tensor.ndim < 2:
                tensor.uniform_(0.5, 1.5)  # offsets, norms and running variances
            elif tensor.is_floating_point() and not tensor.any():
                tensor.normal_(0, 0.1)
    return made.eval()


def write_case(place: Path, architecture: str, *, seed: int = 0, name: str = "outside", **changes: Any) -> Path:
    """A folder as a person or a converter leaves it."""
    case = CASES.get(architecture, CASES["tests.colleague.network:Dilated"])
    place.mkdir(parents=True)
    header = {
        "name": name,
        "title": "From elsewhere",
        "architecture": architecture,
        "input_length": case.input_length,
        "output_length": case.output_length,
        "resolution": case.resolution or case.input_length,
        "strand": "average",
        "members": 1,
        "origin": "Made up.",
        **case.more,
        **changes,
    }
    plain = {"assay": "made up", "biosample": "none", "unit": "log2(RNA/DNA)"}
    tracks = [{"name": f"track {i}", **plain, **track} for i, track in enumerate(case.tracks)]
    weights = network(architecture, case.options, seed).state_dict()
    write_folder(place, header=header, options=case.options, tracks=tracks, weights=weights, card="# From elsewhere\n")
    return place


def write_safetensors_header(path: Path, table: object, data_bytes: int) -> None:
    """A safetensors file with any header at all, and so many bytes of nothing after it (sparse on disk)."""
    text = json.dumps(table).encode()
    with path.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        handle.truncate(8 + len(text) + data_bytes)


def keras_files(
    folder: Path, weights: list[list[Any]], window: int, *, layers: list[dict[str, Any]] | None = None
) -> Path:
    """An MPRA-DragoNN as Keras 2.2 writes it: model.json and weights.hdf5.

    Args:
        weights: per convolution [kernel, bias, gamma, beta, mean, variance] in Keras's axes; last [kernel, bias].
        window: bp.
        layers: other layers for the JSON than those of the weights.
    """
    import h5py

    folder.mkdir()
    made: list[dict[str, Any]] = []
    with h5py.File(folder / "weights.hdf5", "w") as file:
        for index, arrays in enumerate(weights[:-1], start=1):
            for kind, names, part in (
                ("conv1d", ("kernel:0", "bias:0"), arrays[:2]),
                ("batch_normalization", ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"), arrays[2:]),
            ):
                for name, array in zip(names, part, strict=True):
                    file[f"{kind}_{index}/{kind}_{index}/{name}"] = array
            made += [
                _convolution(index, arrays[0].shape, window),
                _norm(index),
                {"class_name": "Dropout", "config": {}},
            ]
        file["dense_1/dense_1/kernel:0"], file["dense_1/dense_1/bias:0"] = weights[-1]
    dense = {"name": "dense_1", "activation": "linear", "use_bias": True, "units": weights[-1][1].shape[0]}
    made += [{"class_name": "Flatten", "config": {}}, {"class_name": "Dense", "config": dense}]
    text = json.dumps({"class_name": "Sequential", "config": {"layers": layers or made}})
    (folder / "model.json").write_text(text)
    return folder


def _convolution(index: int, shape: tuple[int, ...], window: int) -> dict[str, Any]:
    config = {"name": f"conv1d_{index}", "filters": shape[2], "kernel_size": [shape[0]], "activation": "relu"}
    config |= {"padding": "valid", "strides": [1], "dilation_rate": [1], "use_bias": True}
    if index == 1:
        config["batch_input_shape"] = [None, window, 4]
    return {"class_name": "Conv1D", "config": config}


def _norm(index: int) -> dict[str, Any]:
    config = {"name": f"batch_normalization_{index}", "axis": -1, "scale": True, "center": True, "epsilon": 1e-3}
    return {"class_name": "BatchNormalization", "config": config}


def save_state(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """A safetensors file of a state."""
    save_file({key: value.contiguous().clone() for key, value in state.items()}, path)
    return path
