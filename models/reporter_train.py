"""Trains the reporter models: the human ``lentimpra``, the mouse ``retina``, and the word counts that both are held to."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from models import loop
from models.adapters.dragonn import read_published
from models.augment import reversed_codes
from models.binding_data import Codes, read_fasta
from models.core import ModelSpec, Track
from models.fit import encoded
from models.kmer import KmerModel
from models.metrics import pearson
from models.recurrent import Recurrent
from models.reporter_data import LENTI_CONTEXT, RETINA_LENGTH, Elements, Parts, read_lentimpra, read_retina
from models.reporter_task import (
    ReporterRecipe,
    ReporterTask,
    answers_of,
    kept_columns,
    standardised,
)
from models.residual import Residual
from models.shuffle import N_CODE, codes_of
from models.teacher import TeacherTask, digest_of, invented, lesson, take_over
from models.transformer import Transformer
from models.write import write_model

FAMILIES: dict[str, type[nn.Module]] = {"residual": Residual, "recurrent": Recurrent, "transformer": Transformer}
_FINE = ReporterRecipe(
    "residual",
    {"filters": 88, "widths": [88, 112, 144], "dropout": 0.1},
    LENTI_CONTEXT,
    epochs=12,
    learning_rate=7e-4,
    weight_decay=0.1,
    lesson_epochs=4,
)
FAMILY_RECIPES = {
    "residual": _FINE,
    "recurrent": replace(
        _FINE, architecture="recurrent", options={"filters": 88, "width": 88, "state": 72, "dropout": 0.1}
    ),
    "transformer": replace(
        _FINE,
        architecture="transformer",
        options={"filters": 88, "width": 88, "layers": 2, "heads": 4, "dropout": 0.1},
        lesson_rate=1e-3,
    ),
}
BEST_FAMILY = "recurrent"  # by the early-stopping rows
UNTAUGHT = replace(
    FAMILY_RECIPES[BEST_FAMILY],
    options={**FAMILY_RECIPES[BEST_FAMILY].options, "dropout": 0.3},
    epochs=20,
    learning_rate=2e-3,
)
RIDGE_PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
WORD_LENGTH = 6
LESSON_SIZE, LESSON_SEED, LESSON_DECAY = 60_000, 1, 1e-2


@dataclass(frozen=True)
class Assay:
    """What a reporter model is about.

    Attributes:
        name: of the model.
        title: a few words for people.
        simple: name of the word-count model of the same task.
        tracks: one per shipped column; their ``sd`` is filled in after training.
        length: bp per insert.
        recipe: how it is fitted: family, context, steps.
        members: size of the ensemble.
        origin: one sentence on the data.
    """

    name: str
    title: str
    simple: str
    tracks: tuple[Track, ...]
    length: int
    recipe: ReporterRecipe
    members: int
    origin: str


LENTIMPRA = Assay(
    name="lentimpra",
    title="Reporter activity in three human cell lines",
    simple="simple-lentimpra",
    tracks=tuple(
        Track(f"{cell} activity", "lentiMPRA", biosample, "log2(RNA/DNA)")
        for cell, biosample in (("WTC11", "WTC11 (iPSC)"), ("HepG2", "HepG2 (liver)"), ("K562", "K562 (blood)"))
    ),
    length=200,
    recipe=FAMILY_RECIPES[BEST_FAMILY],
    members=5,
    origin=(
        "12,693 elements of 200 bp measured by lentiMPRA in WTC11, HepG2 and K562 (Agarwal et al. 2025, CC BY); the "
        "published validation elements are held out, and so are those inside the demo genomes."
    ),
)
RETINA = Assay(
    name="retina",
    title="Reporter activity in the mouse retina",
    simple="simple-retina",
    tracks=(Track("retina activity", "MPRA", "mouse retina, newborn explants", "log2(RNA/DNA), recomputed"),),
    length=RETINA_LENGTH,
    recipe=ReporterRecipe(
        "recurrent",
        {"filters": 64, "width": 64, "state": 48, "dropout": 0.3},
        epochs=14,
        learning_rate=1.5e-3,
        weight_decay=0.1,
    ),
    members=3,
    origin=(
        "Rounds 1, 2 and 3a/b (genomic elements, their mutants, and those chosen as uncertain; 164 bp) of a mouse retina MPRA campaign (Friedman et al., "
        "barakcohenlab/CRX-Active-Learning); the published validation loci are held out."
    ),
)


@dataclass(frozen=True)
class Lesson:
    """Sequences that a published network labelled, to learn from first.

    Attributes:
        codes: int8 (n, length).
        targets: float32 (n, targets), standardised.
    """

    codes: Codes
    targets: npt.NDArray[np.float32]


def lentimpra_lesson(parts: Parts, data: Path, cache: Path) -> Lesson:
    """MPRA-DragoNN's view of training inserts, their mutants, crosses and shuffles, and windows of hg38 chr2.

    Raises:
        UserError: when a file is missing.
    """
    piece = codes_of(dict(read_fasta(data / "genomes/hg38_demo.fa.gz"))["chr2"])
    windows = np.lib.stride_tricks.sliding_window_view(piece, LENTIMPRA.length)[::100]
    codes = invented(parts.train.codes, windows[(windows < N_CODE).all(axis=1)], n=LESSON_SIZE, seed=LESSON_SEED)
    return Lesson(codes, lesson(read_published(data / "weights/mpra_dragonn"), codes, cache=cache))


ASSAYS = {assay.name: assay for assay in (LENTIMPRA, RETINA)}


def fit_family(
    recipe: ReporterRecipe,
    parts: Parts,
    *,
    n_kept: int,
    members: Seq[int],
    work: Path,
    workers: int,
    taught: Lesson | None = None,
) -> list[nn.Module]:
    """Fits several members of a recipe's family, and cuts them down to the shipped columns.

    Args:
        recipe: which family and how.
        parts: rows; calibration and test rows are not looked at.
        n_kept: columns that are shipped; further ones only help to learn.
        members: which members, by number.
        work: folder for the states of unfinished fits.
        workers: members fitted at the same time; it does not change the result.
        taught: what to learn from first.
    """
    place = work / recipe.architecture
    jobs = [(recipe, parts.train, parts.early, n_kept, member, place, taught) for member in members]
    return loop.on_one_core_each(_fit, jobs, workers=workers)


def _fit(
    recipe: ReporterRecipe,
    train: Elements,
    early: Elements,
    n_kept: int,
    member: int,
    work: Path,
    taught: Lesson | None,
) -> nn.Module:
    pupil = None if taught is None else _fit_pupil(recipe, taught, member, work)
    family = recipe.architecture

    def build() -> nn.Module:
        student = standardised(FAMILIES[family](train.labels.shape[1], **recipe.options), train)
        return student if pupil is None else take_over(student, pupil)

    schedule = loop.Schedule(
        family, recipe.epochs, recipe.learning_rate, recipe.weight_decay, recipe.seed, recipe.averaging
    )
    task = ReporterTask(train, early, recipe, n_kept, learned_first=digest_of(pupil))
    checkpoint = work / f"member-{member}.fit"
    return kept_columns(loop.fit(build, task, schedule, member=member, checkpoint=checkpoint), n_kept)


def _fit_pupil(recipe: ReporterRecipe, taught: Lesson, member: int, work: Path) -> nn.Module:
    """A network that says what the teacher says."""
    family = recipe.architecture
    task = TeacherTask(taught.codes, taught.targets, recipe.context)
    schedule = loop.Schedule(
        f"{family}, taught first,",
        recipe.lesson_epochs,
        recipe.lesson_rate,
        LESSON_DECAY,
        recipe.seed,
        recipe.averaging,
    )
    return loop.fit(
        lambda: FAMILIES[family](taught.targets.shape[1], **recipe.options),
        task,
        schedule,
        member=member,
        checkpoint=work / f"member-{member}.lesson",
    )


def fit_words(parts: Parts, n_kept: int) -> nn.Module:
    """The word-count model: ridge regression of each column on how often each word of six letters occurs.

    Words are counted on both strands. The penalty is the one that does best on the early-stopping rows.
    """
    model = KmerModel(n_kept, WORD_LENGTH)
    train, early = (word_counts(model, rows.codes) for rows in (parts.train, parts.early))
    weights, biases = [], []
    for column in range(n_kept):
        weight, bias = _best_ridge(
            train, parts.train.labels[:, column], parts.train.weights, early, parts.early.labels[:, column]
        )
        weights.append(weight)
        biases.append(bias)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(np.array(weights), dtype=torch.float32).view_as(model.weight))
        model.bias.copy_(torch.tensor(biases, dtype=torch.float32))
    return model.eval()


@torch.no_grad()
def word_counts(model: KmerModel, codes: Codes) -> npt.NDArray[np.float64]:
    """float64 (n, words): how often each word occurs in inserts (n, length), the mean over the strands."""
    parts = []
    for start in range(0, len(codes), 256):
        both = [
            model.counts(encoded(insert))
            for insert in (codes[start : start + 256], reversed_codes(codes[start : start + 256]))
        ]
        parts.append((both[0] + both[1]).numpy() / 2)
    return np.concatenate(parts).astype(np.float64)


def _best_ridge(
    counts: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float32],
    row_weights: npt.NDArray[np.float32],
    early: npt.NDArray[np.float64],
    early_labels: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float64], float]:
    """Weights (words,) and intercept of the penalty that does best on the early rows."""
    known = ~np.isnan(labels)
    x, y, share = counts[known], labels[known].astype(np.float64), row_weights[known].astype(np.float64)
    centre, mean = np.average(x, axis=0, weights=share), float(np.average(y, weights=share))
    x, y = (x - centre) * np.sqrt(share)[:, None], (y - mean) * np.sqrt(share)
    squares, products = x.T @ x, x.T @ y
    values, vectors = np.linalg.eigh(squares)
    found = []
    for penalty in RIDGE_PENALTIES:
        weight = vectors @ ((vectors.T @ products) / (values + penalty))
        found.append((pearson((early @ weight), early_labels), weight))
    weight = max(found, key=lambda pair: pair[0])[1]
    return weight, mean - float(centre @ weight)


def write_reporter(assay: Assay, members: list[nn.Module], early: Elements, folder: Path) -> Path:
    """Writes an ensemble; the tracks' standard deviations are those of its predictions on the early-stopping rows."""
    context = assay.recipe.context
    answers = np.mean([answers_of(member, early.codes, context)[0] for member in members], axis=0)
    spec = _spec(assay, assay.name, assay.title, len(members), answers.std(axis=0), noise=True, context=context)
    options = {"n_tracks": len(assay.tracks), **assay.recipe.options}
    return write_model(spec, assay.recipe.architecture, options, members, folder)


def write_words(assay: Assay, model: nn.Module, early: Elements, folder: Path) -> Path:
    """Writes the word-count model. It looks at the insert alone."""
    with torch.no_grad():
        answers = model(encoded(early.codes))[:, :, 0].numpy()
    spec = _spec(assay, assay.simple, f"{assay.title}, sum over 6-letter words", 1, answers.std(axis=0))
    return write_model(spec, "kmer", {"n_tracks": len(assay.tracks), "k": WORD_LENGTH}, [model], folder)


def _spec(
    assay: Assay,
    name: str,
    title: str,
    n_members: int,
    sds: npt.NDArray[np.floating],
    *,
    noise: bool = False,
    context: tuple[str, str] = ("", ""),
) -> ModelSpec:
    return ModelSpec(
        model_id=f"{name}-unwritten",
        name=name,
        title=title,
        input_length=assay.length,
        output_length=1,
        resolution=assay.length,
        tracks=tuple(
            Track(track.name, track.assay, track.biosample, track.unit, sd=round(float(sd), 4))
            for track, sd in zip(assay.tracks, sds, strict=True)
        ),
        strand_rule="average",
        n_members=n_members,
        origin=assay.origin,
        noise=noise,
        context=context,
    )


def train_lentimpra(out: Path, work: Path, *, workers: int, data: Path) -> Path:
    """Fits and writes the human reporter model and its word-count companion; gives the model's folder."""
    parts = read_lentimpra(data)
    taught = lentimpra_lesson(parts, data, work / LENTIMPRA.name)
    return _train(LENTIMPRA, parts, out, work, workers, taught)


def train_retina(out: Path, work: Path, *, workers: int, data: Path) -> Path:
    """Fits and writes the first rounds of the retina model and its word-count companion; gives the model's folder."""
    return _train(RETINA, read_retina(data), out, work, workers, None)


def _train(assay: Assay, parts: Parts, out: Path, work: Path, workers: int, taught: Lesson | None) -> Path:
    n_kept = len(assay.tracks)
    write_words(assay, fit_words(parts, n_kept), parts.early, out / assay.simple)
    members = fit_family(
        assay.recipe,
        parts,
        n_kept=n_kept,
        members=range(assay.members),
        work=work / assay.name,
        workers=workers,
        taught=taught,
    )
    return write_reporter(assay, members, parts.early, out / assay.name)
