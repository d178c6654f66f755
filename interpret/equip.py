"""``python -m interpret.equip lentimpra``: what stands beside a released model's weights: intervals, shift, percentiles."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from genome.errors import UserError
from interpret import background
from interpret.background_build import K562, MOST, build_default
from models import registry, reporter_equip, shift_build
from models.core import ModelSpec
from models.engine import Engine
from models.reporter_data import read_lentimpra, read_retina
from models.train import data_folder

HUMAN = ("tf-binding", "simple", "lentimpra", "simple-lentimpra")
CALIBRATED = {"lentimpra": read_lentimpra, "retina": read_retina}
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
    if spec.name in (*HUMAN, "sandbox-profile") or name.removeprefix("simple-") in CALIBRATED:
        made.append(shift_build.build_file(name, data))
    made += percentiles(spec, data)
    return made


def percentiles(spec: ModelSpec, data: Path) -> list[Path]:
    """The set that a human model is ranked in: measured places. A set of synthetic DNA would rank nothing that is real."""
    if spec.name not in HUMAN:
        return []
    run = Engine(registry.load).runner(spec.model_id, session="equip", priority="batch")
    most = SLOW if spec.n_members > 1 and spec.input_length > 100 else MOST
    path = registry.RELEASED / spec.name / f"background-{K562}.safetensors"
    background.write(build_default(run, spec, data, most=most), path)
    return [path]


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
