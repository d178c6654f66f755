"""``python -m interpret.equip lentimpra``: what stands beside a released model's weights: intervals, shift, percentiles."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from genome.errors import UserError
from genome.locus import Locus
from genome.sandbox import elements, sandbox_genome
from interpret import background
from interpret.background_build import K562, MOST, build, build_default
from models import registry, reporter_equip, shift_build
from models.core import ModelSpec
from models.engine import Engine
from models.reporter_data import read_lentimpra, read_retina
from models.train import data_folder

HUMAN = ("tf-binding", "simple", "lentimpra", "simple-lentimpra")
CALIBRATED = {"lentimpra": read_lentimpra, "retina": read_retina}
SANDBOX = "sandbox-elements"
OF_THE_SANDBOX = ("tf-binding", "simple", "sandbox-profile")  # the sandbox is made of the sites they know
SLOW = 6_000  # single-base changes for a large network: enough for a percentile, minutes instead of half an hour


def equip(name: str, data: Path) -> list[Path]:
    """Makes every file that belongs beside a released model, and gives their paths.

    Args:
        name: of the model.
        data: the folder of measured data.
    """
    spec = registry.spec(name)
    made = []
    if name in CALIBRATED:
        made.append(reporter_equip.write_intervals(name, CALIBRATED[name](data)))
    if spec.name in HUMAN or name.removeprefix("simple-") in CALIBRATED:
        made.append(shift_build.build_file(name, data))
    made += percentiles(spec, data)
    return made


def percentiles(spec: ModelSpec, data: Path) -> list[Path]:
    """The sets that a released model is ranked in: measured places for human models, the sandbox for those made for it."""
    run = Engine(registry.load).runner(spec.model_id, session="equip", priority="batch")
    most = SLOW if spec.n_members > 1 and spec.input_length > 100 else MOST
    found = []
    if spec.name in HUMAN:
        found.append((K562, build_default(run, spec, data, most=most)))
    if spec.name in OF_THE_SANDBOX:
        sandbox = build(run, spec, sandbox_genome(), _tiles(), name=SANDBOX, words="the sandbox", most=SLOW)
        found.append((SANDBOX, sandbox))
    paths = []
    for name, made in found:
        path = registry.RELEASED / spec.name / f"background-{name}.safetensors"
        background.write(made, path)
        paths.append(path)
    return paths


def _tiles() -> tuple[Locus, ...]:
    """Every planted element of the sandbox with its surroundings (0-based half-open)."""
    return tuple(
        Locus(element.locus.chrom, max(0, element.locus.start - 400), element.locus.end + 400) for element in elements()
    )


def main(arguments: list[str] | None = None) -> int:
    """Makes the files of the models that are named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m interpret.equip", description=__doc__)
    parser.add_argument("model", nargs="+")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the same bytes on every machine
    try:
        for name in chosen.model:
            for path in equip(name, data_folder()):
                print(path)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
