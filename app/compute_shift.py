"""How DNA stands to what a model was trained on: for the window that a view rests on, and for a set of sequences."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app import compute
from app.compute import Asker
from app.view import PASTED, View
from genome.catalog import genome_entry
from genome.errors import UserError
from genome.sequence import decoded
from interpret.headline import headline
from models import registry
from models.core import ModelSpec
from models.engine import Priority, Progress, Runner
from models.predict import Embeddings
from models.shift import Reference, Verdict, find_reference, judge, outside
from models.tiling import core_of, tile, windows

Codes = npt.NDArray[np.int8]


def of_view(view: View, asker: Asker) -> Verdict:
    """The standing of the window where the view's track is predicted strongest; ``unknown`` for a model without a reference."""
    spec = registry.spec(view.model)
    reference = reference_of(spec)
    if reference is None:
        return Verdict("unknown")
    found = compute.cache().get(
        ("shift", spec.model_id, view), lambda: _judged(view, spec, reference, asker), wait=asker.wait
    )
    return replace(found, scope=outside(spec, reference.organism, organism_of(view.genome)))


def reference_of(spec: ModelSpec) -> Reference | None:
    """The reference of a model; None, with a warning in the log, also where its file is refused."""
    try:
        return find_reference(spec)
    except UserError as error:
        _warn_once(str(error))  # the badge then says that it is not known; the answer itself does not depend on it
        return None


def organism_of(genome: str) -> str:
    """Whose DNA a genome is, as the table of genomes titles it; empty for pasted DNA, and for synthetic DNA, which the
    page names as such wherever it is shown."""
    if genome == PASTED:
        return ""
    entry = genome_entry(genome)
    return "" if entry.synthetic else entry.title.partition(" (")[0].strip().lower()


def features_of(
    spec: ModelSpec, reference: Reference, encoded: npt.NDArray[np.float32], run: Runner, progress: Progress | None
) -> npt.NDArray[np.float32] | None:
    """float32 (n, features): what the network makes of one-hot windows (n, 4, window); None where it shows nothing."""
    if reference.embedding is None:
        return None
    found = run(Embeddings(), (encoded,), progress)[0]
    if found.shape[1] != len(reference.embedding.centre):
        raise UserError(f"The training reference of {spec.name} does not fit its network; build it again.")
    return found


def runner(spec: ModelSpec, asker: Asker, priority: Priority) -> Runner:
    """The engine for one session and model."""
    return compute.engine().runner(spec.model_id, session=asker.session, priority=priority)


def _judged(view: View, spec: ModelSpec, reference: Reference, asker: Asker) -> Verdict:
    """The verdict on one window, centred on the strongest prediction."""
    strongest = headline(compute.prediction(view, asker), spec.track_index(view.track))
    whole = compute.sequence(view, asker)
    core = core_of(whole, strongest.start, strongest.end)
    middle = (core[0] + core[1]) // 2 if core[1] - core[0] > spec.input_length else None
    if middle is not None:
        core = (middle, middle + 1)
    encoded = windows(whole.one_hot(), tile(core, window=spec.input_length, stride=spec.input_length))
    features = features_of(spec, reference, encoded, runner(spec, asker, "interactive"), asker.progress)
    return judge(reference, decoded(encoded), features)[0]


@lru_cache(maxsize=64)
def _warn_once(text: str) -> None:
    logging.getLogger(__name__).warning("A training reference is left out. %s", text)
