"""``make train``: fits tf-binding and simple, calibrates them, and writes them where the registry finds them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from genome.errors import UserError
from models.binding_data import FACTORS, PEAK, WINDOW_LENGTH, Rows, Splits, joined, read_splits, shuffled
from models.core import Model, ModelSpec, Track
from models.fit import Recipe, calibration, fit_member, log_odds, validation_score
from models.kmer import KmerModel
from models.tf_binding import TFBinding

ARCHITECTURES: dict[str, type[nn.Module]] = {"tf_binding": TFBinding, "kmer": KmerModel}
RECIPES = {
    "tf-binding": Recipe(
        name="tf-binding",
        title="CTCF and PU.1 binding, convolutional network",
        architecture="tf_binding",
        options={"filters": 64, "filter_length": 21, "pool": 8, "combined": 64, "combined_length": 3, "dropout": 0.1},
    ),
    "simple": Recipe(
        name="simple",
        title="CTCF and PU.1 binding, sum over 6-letter words",
        architecture="kmer",
        options={"k": 6},
        members=1,
        epochs=6,
        learning_rate=1e-2,
        weight_decay=0.0,
        max_shift=0,
        smoothing=0.0,
    ),
}
ORIGIN = (
    "37,498 CTCF and 27,489 PU.1 ChIP-seq peaks of 100 bp (hg19; without chr8, and chr20 and chr22 held out), against "
    "dinucleotide shuffles, the other factor's peaks and background of hg38 chr2."
)
VALIDATION_SEED = 20


def train(recipe: Recipe, splits: Splits, *, out: Path, work: Path, workers: int = 2) -> Path:
    """Fits, calibrates and writes one model; gives its folder.

    Args:
        recipe: which model and how.
        splits: rows; the test rows are not looked at.
        out: folder that receives ``<name>/model.toml`` and the weights.
        work: folder for the states of unfinished fits; a run that was stopped goes on from there.
        workers: members fitted at the same time, each on one core; it does not change the result.
    """
    validation = with_shuffles(splits.validation)
    jobs = [(splits.train, validation, recipe, index, work) for index in range(recipe.members)]
    if workers == 1:
        members = [_fit(*job) for job in jobs]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            members = list(pool.map(_fit, *zip(*jobs, strict=True)))
    ensemble = Model(model_spec(recipe, (1.0,) * len(FACTORS)), members)
    slope, intercept = calibration(log_odds(ensemble, validation.codes), validation)
    for member in members:
        member.rescale(torch.tensor(slope, dtype=torch.float32), torch.tensor(intercept, dtype=torch.float32))  # type: ignore[operator]
    scores = log_odds(ensemble, validation.codes)
    spec = model_spec(recipe, tuple(round(float(sd), 4) for sd in scores.std(axis=0)))
    print(f"{recipe.name}: ensemble AUROC on validation {validation_score(ensemble, validation):.4f}, sd {spec.tracks}")
    return write_model(spec, recipe, members, out / recipe.name)


def _fit(rows: Rows, validation: Rows, recipe: Recipe, member: int, work: Path) -> nn.Module:
    """Fits one member on one core."""
    torch.set_num_threads(1)
    checkpoint = work / recipe.name / f"member-{member}.fit"
    build = ARCHITECTURES[recipe.architecture]
    return fit_member(build, rows, validation, recipe, member=member, checkpoint=checkpoint, say=_say)


def _say(line: str) -> None:
    """Prints progress at once."""
    print(line, flush=True)


def with_shuffles(rows: Rows, *, seed: int = VALIDATION_SEED) -> Rows:
    """The rows and one dinucleotide shuffle of each peak among them."""
    return joined([rows, shuffled(rows.chosen(rows.kinds == PEAK), seed=seed)])


def model_spec(recipe: Recipe, sds: tuple[float, ...]) -> ModelSpec:
    """What a model of this recipe says about itself; ``sds`` are the tracks' standard deviations on validation rows."""
    tracks = tuple(
        Track(
            name=f"{factor} binding",
            assay="ChIP-seq peaks",
            biosample="not stated by the source",
            unit="log odds",
            sd=sd,
        )
        for factor, sd in zip(FACTORS, sds, strict=True)
    )
    return ModelSpec(
        model_id=f"{recipe.name}-unwritten",
        name=recipe.name,
        title=recipe.title,
        input_length=WINDOW_LENGTH,
        output_length=1,
        resolution=WINDOW_LENGTH,
        tracks=tracks,
        strand_rule="average",
        n_members=recipe.members,
        origin=ORIGIN,
    )


def write_model(spec: ModelSpec, recipe: Recipe, members: list[nn.Module], folder: Path) -> Path:
    """Writes weights and model.toml; the same seed gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, member in enumerate(members):
        weights = {name: value.detach().clone().contiguous() for name, value in sorted(member.state_dict().items())}
        path = folder / f"member-{index}.safetensors"
        save_file(weights, path)
        path.chmod(0o644)
    (folder / "model.toml").write_text(model_toml(spec, recipe), encoding="utf-8")
    return folder


def model_toml(spec: ModelSpec, recipe: Recipe) -> str:
    """The text of model.toml."""
    top = {
        "name": spec.name,
        "title": spec.title,
        "architecture": recipe.architecture,
        "input_length": spec.input_length,
        "output_length": spec.output_length,
        "resolution": spec.resolution,
        "strand": spec.strand_rule,
        "members": spec.n_members,
        "origin": spec.origin,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in top.items()]
    lines += ["", "[options]", *(f"{key} = {json.dumps(value)}" for key, value in sorted(recipe.options.items()))]
    for track in spec.tracks:
        fields = {name: getattr(track, name) for name in ("name", "assay", "biosample", "unit", "sd")}
        lines += ["", "[[tracks]]", *(f"{key} = {json.dumps(value)}" for key, value in fields.items())]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Trains the model that is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description="Train tf-binding or simple.")
    parser.add_argument("model", choices=sorted(RECIPES))
    parser.add_argument(
        "--out", type=Path, default=Path("assets/models"), help="folder that receives the model's folder"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/train"), help="folder for the states of unfinished fits"
    )
    parser.add_argument("--epochs", type=int, help="passes over the data, when not those of the recipe")
    parser.add_argument("--workers", type=int, default=2, help="members fitted at the same time, one core each")
    chosen = parser.parse_args(arguments)
    recipe = RECIPES[chosen.model]
    if chosen.epochs:
        recipe = replace(recipe, epochs=chosen.epochs)
    try:
        folder = train(recipe, read_splits(data_folder()), out=chosen.out, work=chosen.work, workers=chosen.workers)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{recipe.name} is in {folder}; python -m models.held_out scores it on the held-out rows.")
    return 0


def data_folder() -> Path:
    """The folder with the measurements.

    Raises:
        UserError: when it is not set.
    """
    folder = os.environ.get("CISLENS_DATA", "")
    if not folder:
        raise UserError("Set CISLENS_DATA to the folder that holds the training data (binding/ and genomes/).")
    return Path(folder)


if __name__ == "__main__":
    sys.exit(main())
