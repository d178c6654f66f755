"""ChromBPNet (Pampari et al. 2025) in the layout of bpnet-lite: accessibility, with the bias of the enzyme kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genome.errors import UserError
from models.adapters.bpnet import (
    BPNet,
    expected_reads,
    only_safetensors,
    options_of,
    profile_header,
    read_track,
    read_weights,
)
from models.adapters.writing import write_folder

_CARD = """# ChromBPNet

Converted from the layout of bpnet-lite. Shown are expected reads per base (see BPNet).

- {bias}
- N is a column of zeros.
- What it was trained on, and which rows were held out, the file does not say: add it here.
"""
_WITHOUT = (
    "What is predicted and explained is accessibility without the enzyme's sequence bias (`with_bias = false`). With "
    "`with_bias = true` under [options] of model.toml the bias model is put back: shapes are added as logits, counts as "
    "reads. That is another function, so it has another model_id."
)


class ChromBPNet(nn.Module):
    """Reads of an accessibility assay as the chromatin's share and the enzyme's.

    Args:
        accessibility: options of the BPNet that learnt the chromatin.
        bias: options of the BPNet that learnt the enzyme's taste, or None when there is none.
        with_bias: whether the answer holds the enzyme's share too. The default leaves it out: letters then tell what
            opens the chromatin, not where the enzyme likes to cut.
    """

    def __init__(
        self, accessibility: Mapping[str, Any], bias: Mapping[str, Any] | None = None, with_bias: bool = False
    ) -> None:
        super().__init__()
        if with_bias and bias is None:
            raise ValueError("with_bias needs a bias model")
        self.with_bias = with_bias
        self.accessibility = BPNet(**accessibility)
        self.bias = None if bias is None else BPNet(**bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, outputs, bins) expected reads per base."""
        logits, log_counts = self.accessibility.heads(x)
        if self.with_bias and self.bias is not None:
            more, more_counts = self.bias.heads(x)
            logits = logits + more
            log_counts = torch.logaddexp(log_counts, more_counts)
        return expected_reads(logits, log_counts)

    def embed(self, x: Tensor) -> Tensor:
        """(n, 4, length) -> (n, filters): what the accessibility model's count head sees."""
        return self.accessibility.embed(x)


def convert(source: Path, folder: Path, *, name: str) -> None:
    """Turns bpnet-lite weights into a model folder.

    Args:
        source: a safetensors file with the state of a whole ChromBPNet (``accessibility.…`` and ``bias.…``), or a folder
            with ``accessibility.safetensors`` and perhaps ``bias.safetensors``, each the state of a BPNet.
        folder: an empty folder.
        name: the model's name.

    Raises:
        UserError: when the files are not such.
    """
    weights = _weights(source)
    parts = {
        part: {key.removeprefix(f"{part}."): value for key, value in weights.items() if key.startswith(f"{part}.")}
        for part in ("accessibility", "bias")
    }
    if not parts["accessibility"] or len(parts["accessibility"]) + len(parts["bias"]) != len(weights):
        raise UserError(f"{source.name} does not hold the weights of a ChromBPNet as bpnet-lite names them.")
    options: dict[str, Any] = {"with_bias": False}
    options |= {part: options_of(state, source.name) for part, state in parts.items() if state}
    n_outputs = options["accessibility"]["n_outputs"]
    if n_outputs != 1:
        raise UserError(f"{source.name} has {n_outputs} profiles; a ChromBPNet has 1.")
    write_folder(
        folder,
        header=profile_header(
            name, "chrombpnet", "ChromBPNet, accessibility per base", options["accessibility"]["n_layers"]
        ),
        options=options,
        tracks=[read_track("accessibility", "ATAC-seq or DNase-seq, not stated", ".")],
        weights=weights,
        card=_CARD.format(bias=_WITHOUT if parts["bias"] else "There is no bias model in it."),
    )


def _weights(source: Path) -> dict[str, Tensor]:
    if source.is_file() or not (source / "accessibility.safetensors").is_file():
        return read_weights(only_safetensors(source))
    return {
        f"{part}.{key}": value
        for part in ("accessibility", "bias")
        if (source / f"{part}.safetensors").is_file()
        for key, value in read_weights(source / f"{part}.safetensors").items()
    }
