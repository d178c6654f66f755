"""MPRA-LegNet (Penzar et al. 2023, Bioinformatics 39:btad457; Agarwal et al. 2025) in the layout of human_legnet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genome.errors import UserError
from models.adapters.bpnet import only_safetensors, read_weights
from models.adapters.writing import write_folder

# The letters that stand on either side of every 200 bp element of the human lentiMPRA libraries: 230 bp in all.
CONSTRUCT = ("AGGACCGGATCAACT", "CATTGCGTGAACCGA")
CHANNELS = "AGCT"  # human_legnet encodes A, G, C, T
_CARD = """# MPRA-LegNet

Converted from the layout of human_legnet: log2(RNA/DNA) of a 200 bp element between the adaptors of the lentiMPRA
libraries, 230 bp in all. Adaptors are put in by the model and never explained.

- {strands}
- Channels are read in the authors' order A, G, C, T. They encoded N as 0.25 each; here N is a column of zeros.
- Which cell type and which fold it was trained on, the weights do not say: add it here and to the track.
"""
_AVERAGED = "The whole construct and its reverse complement are averaged inside the network, as its authors predict."
_FORWARD = "Only the strand as given is read: the network was trained without reverse complements."


class LegNet(nn.Module):
    """Convolutions with squeeze and excitation at ever coarser places, their mean, and a small dense head.

    Args:
        in_channels: 4, or 5 when a channel tells the network that it reads the reverse complement.
        n_tracks: outputs.
        stem_filters: words looked for first.
        stem_length: bp per word.
        block_length: places that each block's convolutions read.
        block_sizes: channels after each block.
        pool_sizes: places joined into one after each block.
        expansion: how many times wider a block is inside.
        both_strands: whether the answer is the mean over everything it is given and its reverse complement.
    """

    def __init__(
        self,
        in_channels: int = 4,
        n_tracks: int = 1,
        stem_filters: int = 64,
        stem_length: int = 11,
        block_length: int = 9,
        block_sizes: Sequence[int] = (80, 96, 112, 128),
        pool_sizes: Sequence[int] = (2, 2, 2, 2),
        expansion: int = 4,
        both_strands: bool = False,
    ) -> None:
        super().__init__()
        if in_channels not in (4, 5) or not block_sizes or len(block_sizes) != len(pool_sizes):
            raise ValueError(f"{in_channels=}, {block_sizes=}, {pool_sizes=}")
        self.in_channels, self.both_strands = in_channels, both_strands
        self.stem = _Local(in_channels, stem_filters, stem_length)
        sizes = [stem_filters, *block_sizes]
        self.main = nn.Sequential(
            *(
                nn.Sequential(
                    _Concatenated(_Excited(before, block_length, expansion)),
                    _Local(2 * before, after, block_length),
                    nn.MaxPool1d(pool) if pool > 1 else nn.Identity(),
                )
                for before, after, pool in zip(sizes[:-1], block_sizes, pool_sizes, strict=True)
            )
        )
        hidden = 2 * sizes[-1]
        self.mapper = _Named(nn.Sequential(nn.BatchNorm1d(sizes[-1]), nn.Conv1d(sizes[-1], hidden, 1)))
        self.head = nn.Sequential(
            nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.SiLU(), nn.Linear(hidden, n_tracks)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length), channels A, G, C, T -> (n, n_tracks, 1)."""
        y = self.head(self._pooled(x, reverse=False))
        if self.both_strands:
            y = (y + self.head(self._pooled(x.flip(1, 2), reverse=True))) / 2  # AGCT flipped is its complement TCGA
        return y[:, :, None]  # type: ignore[no-any-return]

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, length), channels A, G, C, T -> (n, features): the mean over places that the head sees."""
        return self._pooled(x, reverse=False)

    def _pooled(self, x: Tensor, *, reverse: bool) -> Tensor:
        """(n, 4, length) -> (n, features)."""
        if self.in_channels == 5:
            x = torch.cat([x, x.new_full((len(x), 1, x.shape[2]), float(reverse))], dim=1)
        return self.mapper(self.main(self.stem(x))).mean(2)  # type: ignore[no-any-return]


class _Named(nn.Module):
    """A network under the name ``block``, as the published weights have it."""

    def __init__(self, block: nn.Sequential) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, places) -> (n, channels, places)."""
        return self.block(x)  # type: ignore[no-any-return]


class _Local(_Named):
    """One convolution, normalised and made smooth."""

    def __init__(self, before: int, after: int, length: int) -> None:
        super().__init__(nn.Sequential(*_convolution(before, after, length)))


class _Excited(_Named):
    """A wider inside: each channel by itself along the places, then weighed by what the whole sequence holds."""

    def __init__(self, channels: int, length: int, expansion: int) -> None:
        inner = channels * expansion
        super().__init__(
            nn.Sequential(
                *_convolution(channels, inner, 1),
                *_convolution(inner, inner, length, groups=inner),
                _SqueezeExcite(inner, expansion),
                *_convolution(inner, channels, 1),
            )
        )


class _SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1 that depends on the means of all."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.SiLU(),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, places) -> the same."""
        return x * self.fc(x.mean(2))[:, :, None]  # type: ignore[no-any-return]


class _Concatenated(nn.Module):
    """What a network makes of its input, and the input beside it."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, places) -> (n, 2 * channels, places)."""
        return torch.cat([self.fn(x), x], dim=1)


def _convolution(before: int, after: int, length: int, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv1d(before, after, length, padding="same", groups=groups, bias=False),
        nn.BatchNorm1d(after),
        nn.SiLU(),
    ]


def convert(source: Path, folder: Path, *, name: str) -> None:
    """Turns a safetensors file of a human_legnet state (or of its Lightning module's) into a model folder.

    Args:
        source: the file, or a folder with it and perhaps its ``config.json``, which tells pooling and strands.
        folder: an empty folder.
        name: the model's name.

    Raises:
        UserError: when it is not such a file.
    """
    path = only_safetensors(source)
    weights = read_weights(path)
    if all(key.startswith("model.") for key in weights):
        weights = {key.removeprefix("model."): value for key, value in weights.items()}
    config = _config(source if source.is_dir() else source.parent)
    options = _options(weights, config, path.name)
    header = {
        "name": name,
        "title": "MPRA-LegNet, reporter activity",
        "architecture": "legnet",
        "input_length": 200,
        "output_length": 1,
        "resolution": 200,
        "strand": "forward",
        "members": 1,
        "origin": "Not stated by the converted file.",
        "context": CONSTRUCT,
        "channels": CHANNELS,
    }
    track = {"name": "expression", "assay": "lentiMPRA", "biosample": "not stated", "unit": "log2(RNA/DNA)"}
    tracks = [track | {"name": f"expression {i + 1}"} for i in range(options["n_tracks"])]
    card = _CARD.format(strands=_AVERAGED if options["both_strands"] else _FORWARD)
    tracks = [track] if len(tracks) == 1 else tracks
    write_folder(folder, header=header, options=options, tracks=tracks, weights=weights, card=card)


def _config(folder: Path) -> dict[str, Any]:
    """The configuration that human_legnet wrote beside its weights; empty when there is none."""
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"config.json beside the weights cannot be read ({str(error)[:120]}); remove it.") from error
    return table if isinstance(table, dict) else {}


def _options(weights: Mapping[str, Tensor], config: Mapping[str, Any], file_name: str) -> dict[str, Any]:
    """The options of the architecture, from the shapes of its weights; pooling and strands from its configuration."""
    depth = sum(key.startswith("main.") and key.endswith(".1.block.0.weight") for key in weights)
    try:
        stem = weights["stem.block.0.weight"]
        wide, narrow, _ = weights["main.0.0.fn.block.0.weight"].shape
        return {
            "in_channels": stem.shape[1],
            "n_tracks": weights["head.3.weight"].shape[0],
            "stem_filters": stem.shape[0],
            "stem_length": stem.shape[2],
            "block_length": weights["main.0.0.fn.block.3.weight"].shape[2],
            "block_sizes": [weights[f"main.{i}.1.block.0.weight"].shape[0] for i in range(depth)],
            "pool_sizes": list(config.get("pool_sizes", [2] * depth)),
            "expansion": wide // narrow,
            "both_strands": bool(config.get("reverse_augment", True)),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{file_name} does not hold the weights of a LegNet as human_legnet names them ({str(error)[:80]} is not there)."
        ) from error
