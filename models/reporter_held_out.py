"""``python -m models.reporter_held_out lentimpra``: the one look at a reporter model's held-out elements, and its card."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from genome.errors import UserError
from models import intervals, loop, registry, shift
from models.binding_data import Codes
from models.cost import cost, network_cost
from models.families import SEEDS, fit_families, states
from models.kmer import KmerModel
from models.reporter_card import card
from models.reporter_data import Elements, Parts, read_lentimpra, read_retina
from models.reporter_equip import ensemble_answers
from models.reporter_scores import ceiling, compare
from models.reporter_task import answers_of
from models.reporter_train import ASSAYS, FAMILY_RECIPES, LENTIMPRA, Assay, lentimpra_lesson, word_counts
from models.train import data_folder

Float = npt.NDArray[np.float32]
FEWEST_IN_A_BIN = 20  # rows below which a coverage says nothing


def score(assay: Assay, parts: Parts, rivals: dict[str, Float]) -> dict[str, Any]:
    """Everything that is measured on the test rows of one released model.

    Args:
        assay: which model.
        parts: its rows.
        rivals: predictions of the test rows (n, tracks) by other models, by name.
    """
    spec = registry.spec(assay.name)
    model = registry.load(spec.model_id)
    columns = tuple(track.name for track in assay.tracks)
    test = parts.test
    values, sigmas = ensemble_answers(model, test.codes)
    predicted = {assay.simple: words_predicted(assay, test.codes), **rivals, assay.name: values}
    bins = _shift_bins(spec.model_id, test.codes)
    judged = Elements(test.codes, test.labels[:, : len(columns)], test.weights, test.clusters)
    return {
        "model_id": spec.model_id,
        "rows": {name: getattr(parts, name).n for name in ("train", "early", "calibration", "test")},
        "dropped": parts.dropped,
        "cost": cost(model),
        "scores": compare(predicted, judged, columns, baseline=assay.simple),
        "intervals": [
            _intervals_of(spec.model_id, track, judged.labels[:, index], values[:, index], sigmas[:, index], bins)
            for index, track in enumerate(columns)
        ],
    }


def words_predicted(assay: Assay, codes: Codes) -> Float:
    """float32 (n, tracks): what the word-count model says of inserts."""
    member = registry.load(registry.spec(assay.simple).model_id).members[0]
    if not isinstance(member, KmerModel):
        raise ValueError(f"{assay.simple} is not a word-count model")
    weights, bias = member.weight.flatten(1).numpy().astype(np.float64), member.bias.numpy()
    return np.asarray(word_counts(member, codes) @ weights.T + bias, dtype=np.float32)


def _intervals_of(
    model_id: str,
    track: str,
    measured: Float,
    values: Float,
    sigmas: npt.NDArray[np.float64],
    bins: npt.NDArray[np.str_] | None,
) -> dict[str, Any]:
    """Coverage of the 90 % intervals on measured rows, overall and per shift bin, and what leaving out the unsure gains."""
    known = ~np.isnan(measured)
    ends = intervals.interval(model_id, track, values[known], sigmas[known])
    if ends is None:
        raise ValueError(f"{model_id} has no intervals for {track}")
    by_bin = intervals.coverage_by_bin(measured[known], *ends, bins[known]) if bins is not None else {}
    curve = intervals.risk_coverage(measured[known] - values[known], sigmas[known])
    half = len(curve.risk) // 2 - 1
    return {
        "track": track,
        "overall": _coverage(intervals.coverage(measured[known], *ends)),
        "by_shift": {name: _coverage(found) for name, found in by_bin.items() if found.n >= FEWEST_IN_A_BIN},
        "width": round(float(np.median(ends[1] - ends[0])), 3),
        "risk": {
            "all": round(curve.chance, 4),
            "surest_half": round(float(curve.risk[half]), 4),
            "area": round(curve.area, 4),
            "best_area": round(curve.best, 4),
        },
    }


def coverage_elsewhere(model_id: str, track: str, sets: dict[str, Elements]) -> list[dict[str, Any]]:
    """Coverage of the 90 % intervals on named sets of measured rows unlike the training rows."""
    model = registry.load(model_id)
    found = []
    for name, rows in sets.items():
        values, sigmas = ensemble_answers(model, rows.codes)
        index = model.spec.track_index(track)
        ends = intervals.interval(model_id, track, values[:, index], sigmas[:, index])
        if ends is None:
            raise ValueError(f"{model_id} has no intervals for {track}")
        measured = rows.labels[:, index]
        known = ~np.isnan(measured)
        entry = _coverage(intervals.coverage(measured[known], ends[0][known], ends[1][known]))
        bins = _shift_bins(model_id, rows.codes)
        unlike = None if bins is None else round(float((bins == "unlike").mean()), 4)
        found.append({"rows": name, **entry, "called_unlike": unlike})
    return found


def _shift_bins(model_id: str, codes: Codes) -> npt.NDArray[np.str_] | None:
    """``like``, ``edge`` or ``unlike`` for each insert; None when the model has no reference."""
    from models.shift_build import direct

    spec = registry.spec(model_id)
    reference = shift.find_reference(spec)
    if reference is None:
        return None
    features = None
    if reference.embedding is not None:
        from models.predict import Embeddings

        features = direct(registry.load(model_id))(Embeddings(), (shift.encoded(codes),), None)[0]
    return np.array([verdict.standing for verdict in shift.judge(reference, codes, features)])


def _coverage(found: intervals.Coverage) -> dict[str, Any]:
    figures = {name: round(value, 4) for name, value in vars(found).items() if name != "n"}
    return {"n": found.n, **figures, "as_stated": found.as_stated}


def lentimpra_rivals(parts: Parts, data: Path, work: Path) -> tuple[dict[str, Float], dict[str, Any]]:
    """The families' predictions of the test rows (mean of their two seeds each), and what each costs."""
    taught = lentimpra_lesson(parts, data, work)
    rivals, costs = {}, {}
    length = parts.test.codes.shape[1] + sum(map(len, LENTIMPRA.recipe.context))
    for family, networks in fit_families(parts, taught, work=work).items():
        answers = [answers_of(network, parts.test.codes, LENTIMPRA.recipe.context)[0] for network in networks]
        for seed, answer in zip(SEEDS, answers, strict=True):
            rivals[f"{family}, seed {seed}"] = answer
        told = [
            [loop.progress_of(states(family, work) / f"member-{seed}.{kind}") for seed in SEEDS]
            for kind in ("lesson", "fit")
            if (states(family, work) / f"member-{SEEDS[0]}.{kind}").exists()
        ]
        costs[family] = network_cost(networks[0], length) | {
            "minutes": round(sum(one["seconds"] for kind in told for one in kind) / len(SEEDS) / 60, 1),
            "early": round(float(np.mean([one["best"] for one in told[-1]])), 4),
        }
    return rivals, costs


def main(arguments: list[str] | None = None) -> int:
    """Scores one model and writes its scores.json and card.md."""
    parser = argparse.ArgumentParser(prog="python -m models.reporter_held_out", description=__doc__)
    parser.add_argument("model", choices=sorted(ASSAYS))
    parser.add_argument("--work", type=Path, default=Path("build/train"), help="folder of the fits' states")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        write(ASSAYS[chosen.model], data_folder(), chosen.work / chosen.model)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def write(assay: Assay, data: Path, work: Path) -> None:
    """Looks at the test rows and writes what was seen."""
    if assay.name == "lentimpra":
        parts = read_lentimpra(data)
        rivals, costs = lentimpra_rivals(parts, data, work)
        scores = score(assay, parts, rivals) | {"families": costs, "recipes": _recipes()}
        scores["ceiling"] = ceiling(parts.test.labels[:, 0], parts.test.labels[:, 3])
        everything = np.concatenate([part.labels for part in (parts.train, parts.early, parts.calibration, parts.test)])
        scores["ceiling_all"] = ceiling(everything[:, 0], everything[:, 3])
    else:
        from models.reporter_elsewhere import retina_sets

        parts = read_retina(data)
        scores = score(assay, parts, {})
        scores["elsewhere"] = coverage_elsewhere(scores["model_id"], assay.tracks[0].name, retina_sets(data))
    folder = registry.RELEASED / assay.name
    (folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    for name in (assay.name, assay.simple):
        (registry.RELEASED / name / "card.md").write_text(card(assay, name, scores), encoding="utf-8")
    print(f"{assay.name}: scores.json and card.md are in {folder}")


def _recipes() -> dict[str, Any]:
    return {family: vars(recipe) for family, recipe in FAMILY_RECIPES.items()}


if __name__ == "__main__":
    sys.exit(main())
