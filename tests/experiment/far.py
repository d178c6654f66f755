"""A network that reads 196,608 bp at once, as the largest published ones do, and yet answers in a blink."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.adapters.writing import write_folder

WINDOW, BINS, RESOLUTION = 196_608, 896, 128
PATH = "tests.experiment.far:Far"


class Far(nn.Module):
    """(n, 4, 196608) -> (n, 2, 896): what stands in steps of 16, then 128 bp, and a mean over everything."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.near = nn.Conv1d(4, width, 16, stride=16)
        self.further = nn.Conv1d(width, width, 8, stride=8)
        self.leave = nn.Conv1d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.near(x))  # (n, width, 12288)
        h = torch.relu(self.further(h))  # (n, width, 1536)
        h = h + h.mean(2, keepdim=True)
        return self.leave(h)[:, :, 320:1216]


def write_far(root: Path, name: str = "far") -> Path:
    """Its folder, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = Far().state_dict()
    header = {"name": name, "title": "Far", "architecture": PATH, "input_length": WINDOW, "output_length": BINS}
    header |= {"resolution": RESOLUTION, "strand": "average", "members": 1, "origin": "Made up."}
    tracks = [
        {"name": f"track {i}", "assay": "made up", "biosample": "none", "unit": "score", "sd": 0.01} for i in range(2)
    ]
    folder = root / name
    folder.mkdir(parents=True)
    write_folder(folder, header=header, options={}, tracks=tracks, weights=weights, card="# Far\n")
    return folder
