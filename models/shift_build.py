"""Builds the file that says what a model's training sequences are like: ``python -m models.shift_build MODEL``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from genome.errors import UserError
from models import registry
from models.composition import WordModel, fit_words, unknown_share
from models.core import Model, ModelSpec
from models.engine import Array, Function, Progress, Runner
from models.predict import Components, Embeddings
from models.shift import (
    AT_THE_EDGE,
    FALSE_ALARMS,
    FILE,
    NEIGHBOURS,
    VERSION,
    Embedding,
    Float,
    Reference,
    codes_from,
    encoded,
    measures_of,
    score,
    tails,
)

Codes = npt.NDArray[np.int8]
Array32 = npt.NDArray[np.float32]

# Clusters kept out of the fit differ a little more from one another than rows do: on development rows cut out of lentimpra's
# training rows 5 % allowed gave 6 % false alarms.
REPORTER_FALSE_ALARMS = 0.04
SEED = 5
KEPT = 2_000  # values kept of each measure of the calibration rows
KEPT_ANSWERS = 500
FEWEST = 200  # calibration rows below which a threshold at 5 % means little
_EMBEDDED = 6_000  # training rows that the directions come from
_NEIGHBOURS_KEPT = 512
_DIMENSIONS = 16
_CHUNK = 2_048


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a model from which its reference is built.

    Attributes:
        training: int8 (n, window), rows that the model was fitted on.
        calibration: int8 (m, window), rows of the same source that it was not fitted on; never test rows.
        labels: float32 (m, tracks), what was measured of the calibration rows, NaN where unknown; or None.
        rows: one sentence for people.
        organism: whose DNA.
        false_alarms: share of the calibration rows that may be called unlike.
    """

    training: Codes
    calibration: Codes
    labels: Array32 | None
    rows: str
    organism: str
    false_alarms: float = FALSE_ALARMS


def build_reference(
    run: Runner,
    spec: ModelSpec,
    training: Seq[str] | Codes,
    *,
    calibration: Seq[str] | Codes,
    seed: int = SEED,
    labels: Array32 | None = None,
    rows: str = "",
    organism: str = "",
    embedding: bool = True,
    false_alarms: float = FALSE_ALARMS,
) -> Reference:
    """Learns what a model's training sequences are like, and sets the thresholds on others of the same source.

    Args:
        run: the engine, bound to the model (or ``direct`` for the same bytes every time).
        spec: that model.
        training: rows it was fitted on, each as long as its window: letters, or int8 codes (n, window).
        calibration: rows of the same source that it was not fitted on, at least 200; never test rows, never made-up ones.
        seed: of every draw.
        labels: float32 (calibration rows, tracks), in each track's unit, NaN where unknown.
        rows: one sentence on the rows, for people.
        organism: whose DNA, e.g. ``human``.
        embedding: whether the network shows its features (method ``embed``); else the sequence alone is judged.
        false_alarms: share of the calibration rows that may be called unlike; as many more are at the edge.

    Raises:
        ValueError: when the rows do not fit the window, are too few, or calibration rows were trained on.
    """
    train, held = _checked(training, spec), _checked(calibration, spec)
    _check_apart(train, held, labels, spec)
    words = _halved(fit_words(train, seed=seed))
    space = _embedding(run, train, seed) if embedding else None
    features = _features(run, held) if embedding else None
    measures = measures_of(held, words, space, features)
    table = np.stack([thinned(column, KEPT) for column in measures.T])
    scores = score(tails(table, measures))
    answers = predicted(run, spec, held)
    known = np.zeros((len(spec.tracks), 0), np.float32) if labels is None else thinned_rows(labels)
    errors = known if labels is None else thinned_rows(np.abs(labels - answers))
    return Reference(
        model_id=spec.model_id,
        window=spec.input_length,
        rows=rows,
        organism=organism,
        seed=seed,
        n_training=len(train),
        n_calibration=len(held),
        words=words,
        embedding=space,
        calibration=table,
        strangeness=thinned(scores, KEPT),
        unlike=threshold(scores, false_alarms),
        edge=threshold(scores, false_alarms + AT_THE_EDGE),
        most_unknown=float(unknown_share(held).max()),
        answers=thinned_rows(answers),
        labels=known,
        residuals=errors,
    )


def threshold(scores: Float, share: float) -> float:
    """The largest score that at most this share of the scores lie at or under; 0 when even the smallest is shared by more."""
    values, counts = np.unique(scores, return_counts=True)
    allowed = values[counts.cumsum() <= share * len(scores) + 1e-9]
    return float(allowed[-1]) if len(allowed) else 0.0


def thinned(values: npt.NDArray[np.floating], kept: int) -> Array32:
    """float32 (at most ``kept``,), sorted: evenly spread ranks of the finite values; one NaN when there is none."""
    known = np.sort(values[np.isfinite(values)].astype(np.float32))
    if not len(known):
        return np.full(min(kept, len(values)), np.nan, dtype=np.float32)
    if len(values) <= kept and len(known) == len(values):
        return known
    count = min(kept, len(values))  # every measure fills the same number of places
    ranks = ((np.arange(count) + 0.5) / count * len(known)).astype(np.int64)
    return known[ranks]


def thinned_rows(values: npt.NDArray[np.floating]) -> Array32:
    """float32 (tracks, at most 500) of values (rows, tracks), each track sorted and thinned."""
    return np.stack([thinned(column, KEPT_ANSWERS) for column in values.T])


def predicted(run: Runner, spec: ModelSpec, codes: Codes, progress: Progress | None = None) -> Array32:
    """float32 (n, tracks): each track's usual scalar, the mean over members and strands, for codes (n, window)."""
    parts = []
    for first in range(0, len(codes), _CHUNK):
        mean = torch.from_numpy(run(Components(), (encoded(codes[first : first + _CHUNK]),), None)[0].mean(axis=1))
        parts.append(spec.usual_scalars(mean).numpy())
        if progress is not None:
            progress(min(1.0, (first + _CHUNK) / len(codes)))
    return np.concatenate(parts)


def direct(model: Model, *, batch: int = 256) -> Runner:
    """A runner with batches of a fixed size on the CPU, so that the same rows give the same bytes every time."""

    def run(function: Function, rows: tuple[Array, ...], progress: Progress | None = None) -> tuple[Array, ...]:
        del progress
        with torch.no_grad():
            answer = function(model, batch, *(torch.from_numpy(part) for part in rows))
        return tuple(part.numpy() for part in answer)

    return run


def write_reference(reference: Reference, folder: Path) -> Path:
    """Writes ``shift.safetensors`` into a model's folder; the same reference gives the same bytes."""
    from safetensors.numpy import save_file

    arrays: dict[str, npt.NDArray[np.floating]] = {"chains": reference.words.chains.astype(np.float16)}
    if reference.embedding is not None:
        arrays |= {name: array.astype(np.float16) for name, array in sorted(vars(reference.embedding).items())}
    for name in ("calibration", "strangeness", "answers", "labels", "residuals"):
        arrays[name] = getattr(reference, name)
    names = ("model_id", "rows", "organism", "window", "seed", "n_training", "n_calibration")
    said = {name: getattr(reference, name) for name in (*names, "unlike", "edge", "most_unknown")}
    said |= {"version": VERSION, "chain_shares": [float(share) for share in reference.words.shares]}
    path = folder / FILE
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, {"reference": json.dumps(said)})
    path.chmod(0o644)
    return path


def _checked(rows: Seq[str] | Codes, spec: ModelSpec) -> Codes:
    codes = rows if isinstance(rows, np.ndarray) else codes_from(rows)
    if codes.ndim != 2 or codes.shape[1] != spec.input_length:
        raise ValueError(f"{codes.shape=} must be (n, {spec.input_length})")
    return codes


def _check_apart(train: Codes, held: Codes, labels: Array32 | None, spec: ModelSpec) -> None:
    if len(held) < FEWEST or len(train) < FEWEST:
        raise ValueError(f"{len(train)=}, {len(held)=}: at least {FEWEST} rows of each are needed")
    if labels is not None and labels.shape != (len(held), len(spec.tracks)):
        raise ValueError(f"{labels.shape=} must be ({len(held)}, {len(spec.tracks)})")
    seen = {row.tobytes() for row in train}
    shared = sum(row.tobytes() in seen for row in held)
    if shared > 0.01 * len(held):
        raise ValueError(f"{shared} of {len(held)} calibration rows are training rows")


def _features(run: Runner, codes: Codes) -> Array32:
    parts = [
        run(Embeddings(), (encoded(codes[first : first + _CHUNK]),), None)[0] for first in range(0, len(codes), _CHUNK)
    ]
    return np.concatenate(parts)


def _embedding(run: Runner, train: Codes, seed: int) -> Embedding:
    """The main directions of the features of some training rows, and the places of some others."""
    random = np.random.default_rng(seed)
    drawn = random.permutation(len(train))[: _EMBEDDED + _NEIGHBOURS_KEPT]
    kept = max(NEIGHBOURS, min(_NEIGHBOURS_KEPT, len(drawn) // 2))
    features = _features(run, train[drawn]).astype(np.float64)
    centre = features[kept:].mean(axis=0)
    _, sizes, axes = np.linalg.svd(features[kept:] - centre, full_matrices=False)
    variances = sizes**2 / (len(drawn) - kept - 1)
    used = min(_DIMENSIONS, int((variances > 1e-6 * variances[0]).sum())) if variances[0] > 0 else 0
    scaled = axes[:used].T / np.sqrt(variances[:used])
    parts = (centre, scaled, (features[:kept] - centre) @ scaled)
    return Embedding(*(_half(part) for part in parts))


def _halved(words: WordModel) -> WordModel:
    """The words in the precision of the file, so that the thresholds fit what is read back."""
    return WordModel(_half(words.chains), words.shares)


def _half(array: npt.NDArray[np.floating]) -> Array32:
    return array.astype(np.float16).astype(np.float32)


def rows_of(name: str, data: Path) -> TrainingRows:
    """The rows of a released model, by its name.

    Raises:
        UserError: when nothing is known of that model.
    """
    if name in ("tf-binding", "simple"):
        return _binding_rows(data)
    if name.removeprefix("simple-") in ("lentimpra", "retina"):
        return _reporter_rows(name.removeprefix("simple-"), data)
    if name == "sandbox-profile":
        return _simulated_rows()
    raise UserError(
        f"How '{name}' was trained is not known here; name one of: tf-binding, simple, lentimpra, retina, sandbox-profile."
    )


def _binding_rows(data: Path) -> TrainingRows:
    from models.binding_data import read_splits

    splits = read_splits(data)
    return TrainingRows(
        splits.train.codes,
        splits.validation.codes,
        None,
        "Measured CTCF and PU.1 peaks and genomic background it was fitted on; thresholds from those of chr9, chr10 and "
        "the far end of the background.",
        "human",
    )


def _reporter_rows(name: str, data: Path) -> TrainingRows:
    from models.reporter_data import read_lentimpra, read_retina

    parts = read_lentimpra(data) if name == "lentimpra" else read_retina(data)
    return TrainingRows(
        parts.train.codes,
        parts.calibration.codes,
        parts.calibration.labels[:, : 3 if name == "lentimpra" else 1],
        "Measured elements it was fitted on; thresholds from elements of other clusters, kept out of the fit.",
        "human" if name == "lentimpra" else "mouse",
        REPORTER_FALSE_ALARMS,
    )


def _simulated_rows() -> TrainingRows:
    from models.profile_data import simulate
    from models.profile_task import ProfileRecipe

    recipe = ProfileRecipe()
    return TrainingRows(
        simulate(recipe.train_seeds[:3]).windows(),
        simulate(recipe.validation_seeds).windows(),
        None,
        "Windows of three of the synthetic genomes it was fitted on; thresholds from another one.",
        "synthetic",
    )


def main(arguments: list[str] | None = None) -> int:
    """Builds the reference of the models that are named on the command line."""
    from models.train import data_folder

    parser = argparse.ArgumentParser(
        prog="python -m models.shift_build", description="Describe a model's training data."
    )
    parser.add_argument("model", nargs="+")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        for name in chosen.model:
            print(build_file(name, data_folder()))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def build_file(name: str, data: Path) -> Path:
    """Builds and writes the reference of a released model beside its weights."""
    rows = rows_of(name, data)
    spec = registry.spec(name)
    model = registry.load(spec.model_id)
    found = build_reference(
        direct(model),
        spec,
        rows.training,
        calibration=rows.calibration,
        labels=rows.labels,
        rows=rows.rows,
        organism=rows.organism,
        embedding=hasattr(model.members[0], "embed"),
        false_alarms=rows.false_alarms,
    )
    return write_reference(found, registry.RELEASED / name)


if __name__ == "__main__":
    sys.exit(main())
