"""Is this DNA like what a model was trained on? A small reference file per model, then milliseconds per sequence.

Covariate shift, that is; models/shift_kinds.py has the three others (imbalance, label, concept). The thresholds come from
sequences of the same source that were kept out of the fit, and from nothing else: no random, repeated or GC-rich
sequence was made up to set them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from genome.errors import UserError
from genome.sequence import encoded as one_hot_of
from models import registry
from models.composition import (
    N_WORDS,
    WordModel,
    gc_content,
    longest_repeat,
    repetitiveness,
    unknown_share,
)
from models.core import ModelSpec
from models.shuffle import N_CODE
from models.tensor_files import statement

Codes = npt.NDArray[np.int8]
Float = npt.NDArray[np.float64]
Standing = Literal["like", "edge", "unlike", "unknown"]

FILE = "shift.safetensors"
VERSION = 1
MEASURES = ("gc", "surprise", "repetitiveness", "distance")
FALSE_ALARMS = 0.05  # share of sequences like the training ones that are called unlike
AT_THE_EDGE = 0.05  # share of them, beyond those, that are called at the edge
N_UNLIKE, N_EDGE = 0.10, 0.02  # share of N, where the training sequences have less
NEIGHBOURS = 5
_REPEAT_WORTH_NAMING = 20  # bp


@dataclass(frozen=True)
class Signal:
    """One way in which a sequence can be unlike the training sequences.

    Attributes:
        measure: which number is looked at, one of MEASURES.
        high: whether large values are unusual, or else small ones.
        share: of the false alarms that this signal may spend.
    """

    measure: str
    high: bool
    share: float


# How the false alarms are shared out was chosen on training rows of the reporter model that no reference was built from.
SIGNALS = (
    Signal("gc", False, 0.2),
    Signal("gc", True, 0.3),
    Signal("surprise", True, 0.3),
    Signal("repetitiveness", True, 0.1),
    Signal("distance", True, 0.1),
)


@dataclass(frozen=True)
class Embedding:
    """Where training sequences lie in what a network makes of them before its last layer.

    Attributes:
        centre: float32 (features,), their mean.
        axes: float32 (features, dimensions), the main directions, scaled so that each coordinate has variance 1.
        neighbours: float32 (n, dimensions), coordinates of some training sequences.
    """

    centre: npt.NDArray[np.float32]
    axes: npt.NDArray[np.float32]
    neighbours: npt.NDArray[np.float32]

    def distance(self, features: npt.NDArray[np.float32]) -> Float:
        """float64 (n,): mean distance of features (n, features) to the five nearest training sequences."""
        places = (features.astype(np.float64) - self.centre) @ self.axes
        others = self.neighbours.astype(np.float64)
        squares = (places**2).sum(1)[:, None] + (others**2).sum(1) - 2 * places @ others.T
        nearest = np.partition(squares, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        distance: Float = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
        return distance


@dataclass(frozen=True)
class Reference:
    """What a model's training sequences are like.

    Attributes:
        model_id: the model it was made for, and no other.
        window: bp.
        rows: one sentence on the rows that it was made from.
        organism: whose DNA they are, e.g. ``human``; empty when unknown.
        seed: of the draws.
        n_training: rows that the words and the embedding were learned from.
        n_calibration: rows that every threshold comes from; the model was not fitted on them.
        words: how the training rows are worded.
        embedding: where they lie in the network's features, or None for a network that shows none.
        calibration: float32 (4, n), sorted: MEASURES of the calibration rows, thinned; NaN for a distance there is none of.
        strangeness: float32 (n,), sorted: ``score`` of the calibration rows, thinned.
        unlike: a score up to here is unlike; 5 % of the calibration rows have one.
        edge: a score up to here is at the edge; 10 % of the calibration rows have one.
        most_unknown: largest share of N of a calibration row.
        answers: float32 (tracks, n), sorted: what the model predicts for the calibration rows, thinned.
        labels: float32 (tracks, n), sorted: what was measured of them; no columns where that is not known.
        residuals: float32 (tracks, n), sorted: |measured - predicted|; no columns where that is not known.
    """

    model_id: str
    window: int
    rows: str
    organism: str
    seed: int
    n_training: int
    n_calibration: int
    words: WordModel
    embedding: Embedding | None
    calibration: npt.NDArray[np.float32]
    strangeness: npt.NDArray[np.float32]
    unlike: float
    edge: float
    most_unknown: float
    answers: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    residuals: npt.NDArray[np.float32]

    def measured(self, measure: str) -> npt.NDArray[np.float32]:
        """float32 (n,), sorted: one measure of the calibration rows."""
        return self.calibration[MEASURES.index(measure)]


@dataclass(frozen=True)
class Verdict:
    """How one sequence stands to a model's training data.

    Attributes:
        standing: ``like``, at the ``edge`` of, or ``unlike`` the training data; ``unknown`` without a reference.
        reasons: in words, the most telling first; empty when it is like them.
        stranger_than: share of the sequences kept out of training that are less strange; NaN when unknown.
        measures: (4,) MEASURES of the sequence; NaN where one is not known.
        scope: sentences on what the model was not trained for, whatever the sequence.
    """

    standing: Standing
    reasons: tuple[str, ...] = ()
    stranger_than: float = math.nan
    measures: tuple[float, ...] = ()
    scope: tuple[str, ...] = ()


def measure(reference: Reference, codes: Codes, features: npt.NDArray[np.float32] | None = None) -> Float:
    """MEASURES of sequences: float64 (n, 4).

    Args:
        reference: of the model that will read them.
        codes: int8 (n, window), 0..3 for ACGT and 4 for N.
        features: float32 (n, features), their embedding; None leaves the distance unknown (NaN).
    """
    if codes.ndim != 2 or codes.shape[1] != reference.window:
        raise ValueError(f"{codes.shape=} must be (n, {reference.window})")
    return measures_of(codes, reference.words, reference.embedding, features)


def measures_of(
    codes: Codes, words: WordModel, embedding: Embedding | None, features: npt.NDArray[np.float32] | None
) -> Float:
    """``measure`` before there is a reference."""
    distance = np.full(len(codes), np.nan)
    if embedding is not None and features is not None:
        distance = embedding.distance(features)
    return np.stack([gc_content(codes), words.surprise(codes), repetitiveness(codes), distance], axis=1)


def tails(calibration: npt.NDArray[np.float32], measures: Float) -> Float:
    """How rare each signal is among sequences like the training ones.

    Args:
        calibration: float32 (4, n), sorted measures of the calibration rows.
        measures: float64 (rows, 4).

    Returns:
        float64 (rows, signals): share of calibration rows at least as far out, in (0, 1]; 1 for what is not known.
    """
    columns = []
    for signal in SIGNALS:
        index = MEASURES.index(signal.measure)
        known, values = (
            calibration[index],
            measures[:, index].astype(np.float32),
        )  # compared in the precision it is kept in
        beyond = len(known) - np.searchsorted(known, values, side="left")
        if not signal.high:
            beyond = np.searchsorted(known, values, side="right")
        silent = np.isnan(values) | np.isnan(known).any()
        columns.append(np.where(silent, 1.0, (beyond + 1) / (len(known) + 1)))
    return np.stack(columns, axis=1)


def score(rare: Float) -> Float:
    """float64 (rows,): the rarest signal, each divided by its share of the false alarms (a weighted Bonferroni rule)."""
    lowest: Float = (rare / np.array([signal.share for signal in SIGNALS])).min(axis=1)
    return lowest


def judge(reference: Reference, codes: Codes, features: npt.NDArray[np.float32] | None = None) -> tuple[Verdict, ...]:
    """How sequences stand to the training data of a model.

    Args:
        reference: of the model.
        codes: int8 (n, window), 0..3 for ACGT and 4 for N.
        features: float32 (n, features), their embedding where the reference has one; without it that signal is silent.
    """
    measures = measure(reference, codes, features)
    rare = tails(reference.calibration, measures)
    scores, unknown = score(rare), unknown_share(codes)
    return tuple(
        _verdict(reference, codes[row], measures[row], rare[row], float(scores[row]), float(unknown[row]))
        for row in range(len(codes))
    )


def is_unlike(
    reference: Reference, codes: Codes, features: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.bool_]:
    """bool (n,): which sequences are called unlike the training data; ``judge`` without words."""
    scores = score(tails(reference.calibration, measure(reference, codes, features)))
    return (scores <= reference.unlike) | (unknown_share(codes) > max(N_UNLIKE, reference.most_unknown))


def _verdict(reference: Reference, codes: Codes, measures: Float, rare: Float, found: float, unknown: float) -> Verdict:
    standing: Standing = "unlike" if found <= reference.unlike else "edge" if found <= reference.edge else "like"
    weighted = rare / np.array([signal.share for signal in SIGNALS])
    out = [int(index) for index in np.argsort(weighted, kind="stable") if weighted[index] <= reference.edge]
    reasons = [_reason(reference, SIGNALS[index], codes, measures) for index in out]
    stranger = 1 - np.searchsorted(reference.strangeness, np.float32(found), side="left") / len(reference.strangeness)
    if unknown > max(N_EDGE, reference.most_unknown):
        reasons.insert(0, f"{percent(unknown)} of the bases are N")
        standing = "unlike" if unknown > N_UNLIKE or standing == "unlike" else "edge"
    return Verdict(standing, tuple(reasons), float(stranger), tuple(float(value) for value in measures))


def _reason(reference: Reference, signal: Signal, codes: Codes, measures: Float) -> str:
    """One signal in words."""
    value = float(measures[MEASURES.index(signal.measure)])
    known = reference.measured(signal.measure)
    below = float((known < np.float32(value)).mean())
    if signal.measure == "gc":
        others = _most(below if signal.high else float((known > np.float32(value)).mean()))
        return f"GC {percent(value)}: {others} of the training sequences have {'less' if signal.high else 'more'}"
    if signal.measure == "surprise":
        return f"its 6-letter words are less usual than those of {_most(below)} of the training sequences"
    if signal.measure == "repetitiveness":
        unit, length = longest_repeat(codes)
        if length >= _REPEAT_WORTH_NAMING:
            return f"a repeat of {unit} over {length} bp"
        return f"the same short words again and again, more than in {_most(below)} of the training sequences"
    return f"the network sees it farther from its training sequences than {_most(below)} of them"


def percent(share: float) -> str:
    """A share as people write it: ``81 %``."""
    return f"{100 * share:.0f} %"


def _most(share: float) -> str:
    """A share in words: ``all`` only as far as rows were looked at."""
    return "all" if share >= 1 else f"{math.floor(share * 1000) / 10:g} %"


def outside(
    spec: ModelSpec, trained_on: str, organism: str = "", *, assay: str = "", biosample: str = ""
) -> tuple[str, ...]:
    """What a model was not trained for, in words: the organism, the assay, the cell type or tissue that is asked.

    Args:
        spec: the model.
        trained_on: organism of its training sequences; empty when unknown.
        organism: whose DNA is asked about; empty when unknown.
        assay: what the person wants to know of; empty when they do not say.
        biosample: cell type or tissue they want to know of; empty when they do not say.
    """
    found = []
    if trained_on and organism and trained_on.lower() != organism.lower():
        found.append(f"it was trained on {trained_on} DNA, and this is {organism} DNA")
    for what, asked, known in (
        ("assay", assay, [track.assay for track in spec.tracks]),
        ("cell type or tissue", biosample, [track.biosample for track in spec.tracks]),
    ):
        if asked.strip() and not any(_same(asked, name) for name in known):
            trained = ", ".join(dict.fromkeys(known))
            found.append(f"it was not trained for the {what} {' '.join(asked.split())[:40]}, but for: {trained}")
    return tuple(found)


def _same(asked: str, known: str) -> bool:
    one, other = ("".join(c for c in text.lower() if c.isalnum()) for text in (asked, known))
    return bool(one) and (one in other or other in one)


def find_reference(spec: ModelSpec) -> Reference | None:
    """The reference of a model, or None when it has none.

    Raises:
        UserError: when its file cannot be used, or was made for another model.
    """
    path = registry.companion(spec.model_id, FILE)
    if path is None:
        return None
    state = path.stat()
    return _read_once(path, (state.st_mtime_ns, state.st_size), spec)


@lru_cache(maxsize=32)
def _read_once(path: Path, stamp: tuple[int, int], spec: ModelSpec) -> Reference:  # noqa: ARG001  a changed file is read anew
    return read_reference(path, spec)


def read_reference(path: Path, spec: ModelSpec) -> Reference:
    """Reads a reference file.

    Raises:
        UserError: when it cannot be used, or was made for another model.
    """
    from safetensors import SafetensorError

    again = f"build it again: python -m models.shift_build {spec.name}"
    try:
        said, arrays = statement(path, "reference")
        if said["model_id"] != spec.model_id or said["version"] != VERSION:
            raise UserError(f"{path.name} was made for {str(said['model_id'])[:80]}, not for {spec.model_id}; {again}.")
        found = _assembled(said, arrays)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path.name} of {spec.name} cannot be used ({reason}); {again}.") from error
    if found.window != spec.input_length or len(found.answers) != len(spec.tracks):
        raise UserError(f"{path.name} does not fit {spec.model_id}; {again}.")
    return found


def _assembled(said: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Reference:
    """A reference from what its file says; ValueError or KeyError when something is missing or has another shape."""
    wide = {name: array.astype(np.float32) for name, array in arrays.items()}
    embedding = Embedding(wide["centre"], wide["axes"], wide["neighbours"]) if "axes" in wide else None
    shares = np.array(said["chain_shares"], dtype=np.float64)
    if wide["chains"].shape != (len(shares), N_WORDS) or len(wide["calibration"]) != len(MEASURES):
        raise ValueError(f"{wide['chains'].shape=}, {wide['calibration'].shape=}")
    if not np.isfinite(wide["chains"]).all():
        raise ValueError("it holds values that are not numbers")
    readers: tuple[tuple[type, tuple[str, ...]], ...] = (
        (str, ("model_id", "rows", "organism")),
        (int, ("window", "seed", "n_training", "n_calibration")),
        (float, ("unlike", "edge", "most_unknown")),
    )
    fields: dict[str, Any] = {name: read(said[name]) for read, names in readers for name in names}
    fields |= {name: wide[name] for name in ("calibration", "strangeness", "answers", "labels", "residuals")}
    return Reference(**fields, words=WordModel(wide["chains"], shares), embedding=embedding)


def codes_from(bases: Seq[str]) -> Codes:
    """int8 (n, length) of sequences of one length, 0..3 for ACGT and 4 for N."""
    from models.shuffle import codes_of

    if len({len(one) for one in bases}) != 1:
        raise ValueError(f"sequences of lengths {sorted({len(one) for one in bases})[:5]}")
    return np.stack([codes_of(one) for one in bases])


def encoded(codes: Codes) -> npt.NDArray[np.float32]:
    """float32 (n, 4, length) one-hot; N is a column of zeros."""
    if codes.size and not 0 <= codes.min() <= codes.max() <= N_CODE:
        raise ValueError("codes must be 0..4")
    return one_hot_of(codes)
