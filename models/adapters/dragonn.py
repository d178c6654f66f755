"""MPRA-DragoNN (Movva et al. 2019, PLoS ONE 14:e0218073): a convolutional network of reporter activity, from Keras files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genome.errors import UserError
from models.adapters.writing import write_folder

if TYPE_CHECKING:
    import h5py

_CELLS, _PROMOTERS, _MEASURES = (
    ("K562", "HepG2"),
    (("minP", "minimal promoter"), ("SV40", "SV40 promoter")),
    ("replicate 1", "replicate 2", "both replicates"),
)
_CARD = """# MPRA-DragoNN

Published by Movva et al. 2019 (PLoS ONE 14:e0218073), weights from kundajelab/mpra_minimal (MIT licence), converted from
Keras. It predicts the activity of {window} bp elements in Sharpr-MPRA (Ernst et al. 2016, Nature Biotechnology 34:1180).

- Unit: log2 of (RNA + 1) / (DNA + 1), standardised per task over the library by its authors: 0 is the library's mean and 1
  its standard deviation. `sd` in model.toml is therefore 1, the spread of what was measured, not of what is predicted.
- {order}
- "Both replicates" pools the counts of the two replicates; it was a task of its own.
- The authors trained on either strand of every element alike; both strands are asked and averaged here.
- Held out by the authors: chromosome 18 (test), chromosome 8 (validation). Elements elsewhere were trained on.
- N is a column of zeros.
"""
_KNOWN_ORDER = (
    "Order of the 12 tasks: as listed in the authors' description of the prepared data (K562 before HepG2, minimal "
    "before SV40 promoter, replicate 1, replicate 2, both)."
)
_UNKNOWN_ORDER = "What each task measured is not known to the converter; the tasks are numbered in the file's order."


class DragoNN(nn.Module):
    """Convolutions of short words, each rectified and then normalised, and one weighted sum over words and places.

    Args:
        n_tracks: tasks.
        input_length: bp.
        filters: filters per convolution.
        kernel_lengths: positions that each convolution reads.
        epsilon: added to the variance by the normalisation.
    """

    def __init__(
        self,
        n_tracks: int = 12,
        input_length: int = 145,
        filters: Sequence[int] = (120, 120, 120),
        kernel_lengths: Sequence[int] = (5, 5, 5),
        epsilon: float = 1e-3,
    ) -> None:
        super().__init__()
        places = input_length - sum(kernel_lengths) + len(kernel_lengths)
        if places < 1 or len(filters) != len(kernel_lengths) or not filters:
            raise ValueError(f"{input_length=}, {filters=}, {kernel_lengths=}")
        channels = [4, *filters]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, length)
            for before, after, length in zip(channels[:-1], filters, kernel_lengths, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(count, eps=epsilon) for count in filters)
        self.dense = nn.Linear(places * filters[-1], n_tracks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, n_tracks, 1)."""
        h = self.features(x).transpose(1, 2).flatten(1)  # (n, places * filters), places slowest
        return self.dense(h)[:, :, None]  # type: ignore[no-any-return]

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, filters): the last features, averaged over places."""
        return self.features(x).mean(2)

    def features(self, x: Tensor) -> Tensor:
        """(n, 4, input_length) -> (n, filters, places)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(torch.relu(convolution(x)))
        return x


def convert(source: Path, folder: Path, *, name: str) -> None:
    """Turns published Keras files into a model folder.

    Args:
        source: a folder with one architecture (.json) and one file of weights (.h5 or .hdf5).
        folder: an empty folder.
        name: the model's name.

    Raises:
        UserError: when the files are not there, or are not this architecture.
    """
    layers, network = _published(source)
    known = (layers.units, layers.input_length) == (12, 145)
    header = {
        "name": name,
        "title": "MPRA-DragoNN, reporter activity in K562 and HepG2",
        "architecture": "dragonn",
        "input_length": layers.input_length,
        "output_length": 1,
        "resolution": layers.input_length,
        "strand": "average",
        "members": 1,
        "origin": "Sharpr-MPRA elements of 145 bp (Ernst et al. 2016) but those of chromosomes 8 and 18, as published by "
        "Movva et al. 2019.",
    }
    options = {
        "n_tracks": layers.units,
        "input_length": layers.input_length,
        "filters": layers.filters,
        "kernel_lengths": layers.kernel_lengths,
        "epsilon": layers.epsilon,
    }
    card = _CARD.format(window=layers.input_length, order=_KNOWN_ORDER if known else _UNKNOWN_ORDER)
    tracks = _published_tracks() if known else _numbered_tracks(layers.units)
    write_folder(folder, header=header, options=options, tracks=tracks, weights=network.state_dict(), card=card)


def read_published(source: Path) -> DragoNN:
    """The network of published Keras files, in evaluation mode.

    Raises:
        UserError: when the files are not there, or are not this architecture.
    """
    return _published(source)[1].eval().requires_grad_(False)


def _published(source: Path) -> tuple[_Layers, DragoNN]:
    layers = _Layers.read(_only(source, ".json"))
    network = DragoNN(layers.units, layers.input_length, layers.filters, layers.kernel_lengths, layers.epsilon)
    _fill(network, layers, _only(source, ".h5", ".hdf5"))
    return layers, network


@dataclass(frozen=True)
class _Layers:
    """What the architecture file says.

    Attributes:
        input_length: bp.
        filters: filters per convolution.
        kernel_lengths: positions each reads.
        epsilon: of the normalisation.
        units: tasks.
        names: names of the layers that hold weights: convolution and normalisation in turn, then the dense one.
    """

    input_length: int
    filters: tuple[int, ...]
    kernel_lengths: tuple[int, ...]
    epsilon: float
    units: int
    names: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> _Layers:
        """Reads a Sequential of Keras.

        Raises:
            UserError: when it is another architecture.
        """
        try:
            config = json.loads(path.read_text(encoding="utf-8"))["config"]
            layers = [(str(layer["class_name"]), layer["config"]) for layer in _list_of_layers(config)]
            return cls._from(layers)
        except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise UserError(
                f"{path.name} is not the architecture of MPRA-DragoNN ({type(error).__name__}: {str(error)[:120]}); "
                "give the ConvModel's model.json."
            ) from error

    @classmethod
    def _from(cls, layers: list[tuple[str, dict[str, Any]]]) -> _Layers:
        weighted = [(kind, config) for kind, config in layers if kind not in ("Dropout", "InputLayer")]
        kinds = [kind for kind, _ in weighted]
        depth = kinds.count("Conv1D")
        if not depth or kinds != [*["Conv1D", "BatchNormalization"] * depth, "Flatten", "Dense"]:
            raise ValueError(f"its layers are {kinds}")
        convolutions = [config for kind, config in weighted if kind == "Conv1D"]
        norms = [config for kind, config in weighted if kind == "BatchNormalization"]
        for convolution in convolutions:
            _check(convolution, activation="relu", padding="valid", strides=[1], dilation_rate=[1], use_bias=True)
        for norm in norms:
            _check(norm, axis=-1, scale=True, center=True, epsilon=norms[0]["epsilon"])
        dense = weighted[-1][1]
        _check(dense, activation="linear", use_bias=True)
        return cls(
            int(convolutions[0]["batch_input_shape"][1]),
            tuple(int(config["filters"]) for config in convolutions),
            tuple(int(config["kernel_size"][0]) for config in convolutions),
            float(norms[0]["epsilon"]),
            int(dense["units"]),
            tuple(str(config["name"]) for kind, config in weighted if kind != "Flatten"),
        )


def _list_of_layers(config: Any) -> list[dict[str, Any]]:
    """Keras 2.2 wrote a table with the layers in it, earlier ones the list itself."""
    return config["layers"] if isinstance(config, dict) else config  # type: ignore[no-any-return]


def _check(config: dict[str, Any], **wanted: Any) -> None:
    for key, value in wanted.items():
        if config[key] != value:
            raise ValueError(f"{config.get('name')} has {key} = {config[key]!r}, not {value!r}")


def _fill(network: DragoNN, layers: _Layers, path: Path) -> None:
    """Copies the published weights into the network."""
    import h5py

    depth = len(layers.filters)
    try:
        with h5py.File(path, "r") as file, torch.no_grad():
            root = file.get("model_weights", file)
            for index in range(depth):
                convolution, norm = layers.names[2 * index : 2 * index + 2]
                _copy(network.convolutions[index].weight, root, convolution, "kernel:0", axes=(2, 1, 0))
                _copy(network.convolutions[index].bias, root, convolution, "bias:0")
                target = network.norms[index]
                _copy(target.weight, root, norm, "gamma:0")
                _copy(target.bias, root, norm, "beta:0")
                _copy(target.running_mean, root, norm, "moving_mean:0")
                _copy(target.running_var, root, norm, "moving_variance:0")
            _copy(network.dense.weight, root, layers.names[-1], "kernel:0", axes=(1, 0))
            _copy(network.dense.bias, root, layers.names[-1], "bias:0")
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path.name} does not hold the weights of the architecture beside it ({str(error)[:160]})."
        ) from error


def _copy(target: Any, root: h5py.Group, layer: str, weight: str, *, axes: tuple[int, ...] = (0,)) -> None:
    """One array of a layer into one tensor, with its axes in torch's order."""
    import h5py
    import numpy as np

    place = f"{layer}/{layer}/{weight}"
    dataset = root[place]
    wanted = tuple(target.shape[axis] for axis in np.argsort(axes))
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != wanted:
        raise ValueError(f"{place} has shape {getattr(dataset, 'shape', None)}, not {wanted}")
    if dataset.is_virtual or dataset.external or dataset.file.filename != root.file.filename:
        raise ValueError(f"{place} points to another file")
    target.copy_(torch.from_numpy(dataset[()].astype("float32").transpose(axes).copy()))


def _only(source: Path, *endings: str) -> Path:
    """The one file of a folder with one of these endings."""
    found = sorted(path for path in source.iterdir() if path.suffix.lower() in endings) if source.is_dir() else []
    if len(found) != 1:
        raise UserError(
            f"{source.name} holds {len(found)} files that end in {' or '.join(endings)}; give a folder with the model.json "
            "and the weights (.hdf5) of MPRA-DragoNN."
        )
    return found[0]


def _published_tracks() -> list[dict[str, Any]]:
    return [
        {
            "name": f"{cell} {short} {measure}",
            "assay": f"Sharpr-MPRA, {promoter}, {measure}",
            "biosample": cell,
            "unit": "log2(RNA/DNA), standardised",
        }
        for cell in _CELLS
        for short, promoter in _PROMOTERS
        for measure in _MEASURES
    ]


def _numbered_tracks(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"task {index + 1}", "assay": "MPRA, not stated", "biosample": "not stated", "unit": "not stated"}
        for index in range(count)
    ]
