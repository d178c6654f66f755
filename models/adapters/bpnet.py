"""BPNet (Avsec et al. 2021, Nature Genetics 53:354) in the layout of bpnet-lite: reads per base, as a shape and a count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genome.errors import UserError
from models.adapters.writing import write_folder
from models.tensor_files import refuse_pickle, refuse_too_large

OUTPUT_LENGTH = 1000  # bp, as published
_COUNT_FLANK = 37  # bp on either side of the answer that the count head also averages
_LEAST_READS = 1e-3  # a count head below log(1 + 0) would mean fewer than no reads
_CARD = """# BPNet

Converted from the layout of bpnet-lite. The network gives one shape, over both strands together, and one count: the
natural log of one plus the reads. Shown are expected reads per base: softmax of the shape x (exp(count) - 1).

- Letters of the count explain exactly the count head; letters of the profile explain the shape whatever the count.
- Control tracks are read as zeros.
- N is a column of zeros.
- What it was trained on, and which rows were held out, the file does not say: add it here.
"""


class BPNet(nn.Module):
    """Dilated convolutions that see ever farther, then where the reads fall and how many there are.

    Args:
        n_filters: features per position.
        n_layers: dilated residual convolutions.
        n_outputs: rows of the profile: 1, or 2 for two strands.
        n_control_tracks: control tracks that the weights expect; they are taken as zeros.
        trimming: bp cut off either side; None: what the convolutions see.
        first_length: bp that the first convolution reads, odd.
        profile_length: bp that the profile head reads, odd.
        count_control: whether the count head has a weight for the control's count.
        profile_output_bias: whether the profile head has an offset.
        count_output_bias: whether the count head has an offset.
    """

    def __init__(
        self,
        n_filters: int = 64,
        n_layers: int = 8,
        n_outputs: int = 2,
        n_control_tracks: int = 0,
        trimming: int | None = None,
        first_length: int = 21,
        profile_length: int = 75,
        count_control: bool = False,
        profile_output_bias: bool = True,
        count_output_bias: bool = True,
    ) -> None:
        super().__init__()
        self.trimming = seen_by(n_layers) if trimming is None else trimming
        if self.trimming < _COUNT_FLANK or first_length % 2 == 0 or profile_length % 2 == 0:
            raise ValueError(f"{trimming=}, {first_length=}, {profile_length=}")
        self.iconv = nn.Conv1d(4, n_filters, first_length, padding=first_length // 2)
        self.rconvs = nn.ModuleList(
            nn.Conv1d(n_filters, n_filters, 3, padding=2**layer, dilation=2**layer) for layer in range(1, n_layers + 1)
        )
        self.fconv = nn.Conv1d(
            n_filters + n_control_tracks,
            n_outputs,
            profile_length,
            padding=profile_length // 2,
            bias=profile_output_bias,
        )
        self.linear = nn.Linear(n_filters + count_control, 1, bias=count_output_bias)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 4, length) -> logits (n, outputs, length - 2 trimming) and log(1 + reads) (n, 1)."""
        h = self._features(x)  # (n, filters, length)
        start, end = self.trimming, x.shape[2] - self.trimming
        weight = self.fconv.weight[:, : h.shape[1]]  # what multiplies the control tracks multiplies zeros
        logits = F.conv1d(h, weight, self.fconv.bias, padding=self.fconv.padding[0])[:, :, start:end]
        pooled = self._pooled(h)
        return logits, F.linear(pooled, self.linear.weight[:, : pooled.shape[1]], self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, outputs, length - 2 trimming) expected reads per base."""
        return expected_reads(*self.heads(x))

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, filters): what the count head sees."""
        return self._pooled(self._features(x))

    def _features(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, filters, length)."""
        h = torch.relu(self.iconv(x))
        for convolution in self.rconvs:
            h = h + torch.relu(convolution(h))
        return h

    def _pooled(self, h: Tensor) -> Tensor:
        """(n, filters, length) -> (n, filters): mean over the answer and 37 bp on either side."""
        return h[:, :, self.trimming - _COUNT_FLANK : h.shape[2] - self.trimming + _COUNT_FLANK].mean(2)


def seen_by(n_layers: int) -> int:
    """The bp that the convolutions of bpnet-lite see to either side of a base."""
    return 47 + sum(2**layer for layer in range(1, n_layers + 1))


def expected_reads(logits: Tensor, log_counts: Tensor) -> Tensor:
    """Shape and count as reads per base: their sum is exp(count) - 1, and their logs differ as the logits do.

    Args:
        logits: (n, outputs, bins); one softmax runs over outputs and bins together.
        log_counts: (n, 1), natural log of one plus the reads of all outputs.
    """
    shares = logits.flatten(1).softmax(1).reshape(logits.shape)
    return shares * torch.expm1(log_counts).clamp_min(_LEAST_READS)[:, :, None]


def convert(source: Path, folder: Path, *, name: str) -> None:
    """Turns a safetensors file of a bpnet-lite BPNet (its state) into a model folder.

    Args:
        source: the file, or a folder that holds it alone.
        folder: an empty folder.
        name: the model's name.

    Raises:
        UserError: when it is not such a file.
    """
    weights = read_weights(only_safetensors(source))
    options = options_of(weights, source.name)
    header = profile_header(name, "bpnet", "BPNet, reads per base", options["n_layers"])
    stranded = options["n_outputs"] == 2
    rows = [("reads, + strand", "+"), ("reads, - strand", "-")] if stranded else [("reads", ".")]
    if options["n_outputs"] > 2:
        rows = [(f"reads {index + 1}", ".") for index in range(options["n_outputs"])]
    write_folder(
        folder,
        header=header,
        options=options,
        tracks=[read_track(title, "not stated", strand) for title, strand in rows],
        weights=weights,
        card=_CARD,
    )


def options_of(weights: Mapping[str, Tensor], file_name: str) -> dict[str, Any]:
    """The options of the architecture, from the shapes of its weights.

    Raises:
        UserError: when they are not the weights of a BPNet.
    """
    try:
        first, profile, count = (weights[f"{part}.weight"] for part in ("iconv", "fconv", "linear"))
        n_filters, _, first_length = first.shape
        n_outputs, profile_inputs, profile_length = profile.shape
        return {
            "n_filters": n_filters,
            "n_layers": sum(key.startswith("rconvs.") and key.endswith(".weight") for key in weights),
            "n_outputs": n_outputs,
            "n_control_tracks": profile_inputs - n_filters,
            "first_length": first_length,
            "profile_length": profile_length,
            "count_control": count.shape[1] == n_filters + 1,
            "profile_output_bias": "fconv.bias" in weights,
            "count_output_bias": "linear.bias" in weights,
        }
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{file_name} does not hold the weights of a BPNet as bpnet-lite names them ({str(error)[:80]} is not there)."
        ) from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    refuse_pickle(path)
    refuse_too_large([path], path.name)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path.name} is not a usable safetensors file ({str(error)[:120]}).") from error


def only_safetensors(source: Path, stem: str = "") -> Path:
    """The file itself, or the one safetensors file (of that stem) in a folder."""
    if source.is_file():
        refuse_pickle(source)
        return source
    pattern = f"{stem or '*'}.safetensors"
    found = sorted(source.glob(pattern)) if source.is_dir() else []
    if len(found) != 1:
        raise UserError(f"{source.name} holds {len(found)} files called {pattern}; give the one with the weights.")
    return found[0]


def profile_header(name: str, architecture: str, title: str, n_layers: int) -> dict[str, Any]:
    """The plain keys of model.toml of a network that answers per base."""
    return {
        "name": name,
        "title": title,
        "architecture": architecture,
        "input_length": OUTPUT_LENGTH + 2 * seen_by(n_layers),
        "output_length": OUTPUT_LENGTH,
        "resolution": 1,
        "strand": "average",
        "members": 1,
        "origin": "Not stated by the converted file.",
    }


def read_track(name: str, assay: str, strand: str) -> dict[str, Any]:
    """One row of a profile as a table of model.toml."""
    return {
        "name": name,
        "assay": assay,
        "biosample": "not stated",
        "unit": "expected reads",
        "strand": strand,
        "kind": "profile",
    }
