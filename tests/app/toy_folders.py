"""Model folders whose answers are known on paper: several cell types, and profiles of reads on both strands."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

PATHS = "tests.app.toy_folders:Cells,tests.app.toy_folders:Profile"
WINDOW, BINS = 40, 20


class Cells(nn.Module):
    """One weight per base and cell type, wherever the base stands: (n, 4, window) -> (n, n_tracks, 1)."""

    def __init__(self, n_tracks: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_tracks, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nbl,tb->nt", x, self.weight)[:, :, None]


class Profile(nn.Module):
    """Reads that grow e-fold with a weight per base: (n, 4, 40) -> (n, 2, 20), bins over the middle 20 bp, one bp each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        middle = x[:, :, (WINDOW - BINS) // 2 : (WINDOW + BINS) // 2]
        return torch.einsum("nbl,tb->ntl", middle, self.weight).exp()


def write_cells(
    root: Path,
    name: str = "cells",
    cells: tuple[str, ...] = ("WTC11", "HepG2", "K562"),
    *,
    units: tuple[str, ...] = (),
    seed: int = 0,
    folder: str = "",
    members: int = 2,
) -> Path:
    """A model of reporter activity in some cell types."""
    units = units or ("log2(RNA/DNA)",) * len(cells)
    tracks = [
        f'name = "{cell} activity"\nassay = "lentiMPRA"\nbiosample = "{cell}"\nunit = "{unit}"\nsd = 1.0'
        for cell, unit in zip(cells, units, strict=True)
    ]
    made = root / (folder or name)
    head = (
        f'architecture = "tests.app.toy_folders:Cells"\nmembers = {members}\ninput_length = {WINDOW}\noutput_length = 1'
    )
    options = f"n_tracks = {len(cells)}"
    _write_toml(made, name, f"{head}\nresolution = {WINDOW}", options, tracks)
    generator = torch.Generator().manual_seed(seed)
    for member in range(members):
        save_file({"weight": torch.randn(len(cells), 4, generator=generator)}, made / f"member-{member}.safetensors")
    return made


def write_profile(root: Path, name: str = "reads") -> Path:
    """A model of reads on both strands."""
    tracks = [
        f'name = "reads {strand}"\nassay = "ChIP-exo"\nbiosample = "toy"\nunit = "reads"\nstrand = "{strand}"\nkind = "profile"'
        for strand in "+-"
    ]
    head = (
        f'architecture = "tests.app.toy_folders:Profile"\nmembers = 1\ninput_length = {WINDOW}\noutput_length = {BINS}'
    )
    _write_toml(root / name, name, f"{head}\nresolution = 1", "", tracks)
    weight = torch.tensor([[0.0, 1.0, 2.0, -1.0], [0.5, 0.0, 1.0, 1.5]])
    save_file({"weight": weight}, root / name / "member-0.safetensors")
    return root / name


def _write_toml(folder: Path, name: str, head: str, options: str, tracks: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words = f'name = "{name}"\ntitle = "Toy {name}"\nstrand = "forward"\norigin = "written down for a test"\n{head}\n'
    tables = "\n".join(f"[[tracks]]\n{track}" for track in tracks)
    (folder / "model.toml").write_text(f"{words}[options]\n{options}\n{tables}\n", encoding="utf-8")
