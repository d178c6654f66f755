"""``make train``: fits a released model and writes it where the registry finds it; tf-binding and simple are fitted here."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from genome.errors import UserError
from models.binding_data import FACTORS, PEAK, WINDOW_LENGTH, Rows, Splits, joined, read_splits, shuffled
from models.core import Model, ModelSpec, Track
from models.fit import Recipe, calibration, fit_member, log_odds, validation_score
from models.kmer import KmerModel
from models.loop import on_one_core_each
from models.tf_binding import TFBinding
from models.write import write_model

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
SANDBOX_PROFILE = "sandbox-profile"
OTHERS = ("lentimpra", "retina", SANDBOX_PROFILE)  # trained by modules of their own
HELD_OUT = "python -m models.held_out"


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
    members = on_one_core_each(_fit, jobs, workers=workers)
    ensemble = Model(model_spec(recipe, (1.0,) * len(FACTORS)), members)
    slope, intercept = calibration(log_odds(ensemble, validation.codes), validation)
    for member in members:
        member.rescale(torch.tensor(slope, dtype=torch.float32), torch.tensor(intercept, dtype=torch.float32))  # type: ignore[operator]
    scores = log_odds(ensemble, validation.codes)
    spec = model_spec(recipe, tuple(round(float(sd), 4) for sd in scores.std(axis=0)))
    print(f"{recipe.name}: ensemble AUROC on validation {validation_score(ensemble, validation):.4f}, sd {spec.tracks}")
    return write_model(spec, recipe.architecture, recipe.options, members, out / recipe.name)


def _fit(rows: Rows, validation: Rows, recipe: Recipe, member: int, work: Path) -> nn.Module:
    """Fits one member."""
    checkpoint = work / recipe.name / f"member-{member}.fit"
    build = ARCHITECTURES[recipe.architecture]
    return fit_member(build, rows, validation, recipe, member=member, checkpoint=checkpoint)


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


def main(arguments: list[str] | None = None) -> int:
    """Trains the model that is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description="Train one of the released models.")
    parser.add_argument("model", choices=sorted([*RECIPES, *OTHERS]))
    parser.add_argument(
        "--out", type=Path, default=Path("assets/models"), help="folder that receives the model's folder"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/train"), help="folder for the states of unfinished fits"
    )
    parser.add_argument("--epochs", type=int, help="passes over the data, when not those of the recipe (binding only)")
    parser.add_argument("--workers", type=int, default=2, help="members fitted at the same time, one core each")
    chosen = parser.parse_args(arguments)
    try:
        folder, scored_by = _trained(chosen)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{chosen.model} is in {folder}; {scored_by} scores it on the held-out rows.")
    return 0


def _trained(chosen: argparse.Namespace) -> tuple[Path, str]:
    """The folder of the trained model, and the command that scores it."""
    if chosen.model in RECIPES:
        recipe = RECIPES[chosen.model]
        if chosen.epochs:
            recipe = replace(recipe, epochs=chosen.epochs)
        splits = read_splits(data_folder())
        return train(recipe, splits, out=chosen.out, work=chosen.work, workers=chosen.workers), HELD_OUT
    if chosen.model == SANDBOX_PROFILE:
        from models import profile_task

        return profile_task.train(chosen.out, chosen.work, chosen.workers), "python -m models.profile_held_out"
    from models import reporter_train

    fit_reporter = {"lentimpra": reporter_train.train_lentimpra, "retina": reporter_train.train_retina}[chosen.model]
    folder = fit_reporter(chosen.out, chosen.work, workers=chosen.workers, data=data_folder())
    return folder, f"python -m models.reporter_held_out {chosen.model}"


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
