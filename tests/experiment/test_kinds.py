"""What jobs compute: cut into slices it is what it would be in one go, with edits and across the ends of pieces."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from experiment import long_letters, long_mutagenesis, stretch
from experiment.job_files import Parameters
from experiment.job_kinds import Kind, Work
from genome.locus import Locus, Variant
from genome.sequence import Sequence, one_hot
from interpret.methods import attribute
from interpret.mutagenesis import Preparation, effects_of_every_base
from models import registry
from models.core import Target
from models.engine import Engine
from tests.app.toy_folders import PATHS, write_cells
from tests.experiment import far
from tests.models.folders import write_case
from tests.toy_models import WINDOW, Curved, Linear, random_bases, toy_engine, toy_model


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An engine that knows an additive model of 40 bp and a convolutional one of 100 bp."""
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    write_cells(tmp_path)
    write_case(tmp_path / "curved", "tf_binding", name="curved")
    return Engine(registry.load)


def asked(model: str, track: str, start: int, end: int, edits: tuple[Variant, ...] = (), **more: object):
    """Parameters and letters of a stretch of random DNA."""
    spec = registry.spec(model)
    locus = Locus("chr1", start, end)
    around = locus.extended(2 * spec.input_length + sum(len(edit.ref) for edit in edits))
    reference = Sequence(random_bases(around.length, seed=7), around)
    region = Locus("chr1", *more.pop("region", (start, end)))
    parameters = stretch.written(spec.model_id, reference, locus, region, edits, Target(track))
    return parameters | more, reference.bases


def run(kind: Kind, parameters: Parameters, bases: str, engine: Engine, only: set[int] | None = None):
    """The job from its first slice to its result, or as much of it as is wanted."""
    count = kind.slices(parameters, bases)
    work = Work(parameters, bases, engine.runner, lambda _: None)
    return kind.finish(
        parameters,
        bases,
        [kind.run_slice(work, i) if only is None or i in only else None for i in range(count)],
    )


def reference_base(parameters: Parameters, bases: str, position: int) -> str:
    return bases[position - int(parameters["first"])]


def effects(run, spec, x, target, positions):
    return effects_of_every_base(run, spec, x, target, positions=positions)[0][0]


def test_effects_on_a_linear_model_are_differences_of_its_weights() -> None:
    model = toy_model(Linear, n_members=2)
    x = one_hot(random_bases(WINDOW, seed=3))[None]
    x[0, :, 4] = 0  # N
    found = effects(toy_engine(model).runner(model.spec.model_id), model.spec, x, Target("two"), np.arange(WINDOW))
    assert found.shape == (2, 4, WINDOW)
    for member in range(2):
        weights = model.members[member].weights[1].numpy()
        wanted = (weights - (weights * x[0]).sum(0)) * x[0].any(axis=0)
        np.testing.assert_allclose(found[member], wanted, atol=1e-5)


def test_effects_are_differences_of_predictions_whatever_the_batch() -> None:
    import torch

    model = toy_model(Curved, n_members=1, strand_rule="average")
    bases = random_bases(WINDOW, seed=5)
    positions = np.array([3, 11, 12], dtype=np.int64)
    engine = toy_engine(model)
    found = effects(engine.runner(model.spec.model_id), model.spec, one_hot(bases)[None], Target("one"), positions)
    for column, place in enumerate(positions):
        for row, base in enumerate("ACGT"):
            changed = bases[:place] + base + bases[place + 1 :]
            pair = torch.from_numpy(np.stack([one_hot(changed), one_hot(bases)]))
            for component, (member, strand) in enumerate(model.components):
                y = model.component(pair, member, strand)[:, 0].mean(1)
                assert found[component, row, column] == pytest.approx(float(y[0] - y[1]), abs=2e-6)


@pytest.mark.parametrize("length", [30, 700])
def test_mutagenesis_of_an_additive_model_is_its_weights_in_one_window_and_along_many(engine, length: int) -> None:
    edits = (Variant("chr1", 1011, "", "GATTACA"), Variant("chr1", 1021, "", "AC"))
    parameters, bases = asked("cells", "K562 activity", 1000, 1000 + length, edits)
    found = run(long_mutagenesis.KIND, parameters, bases, engine)
    weights = np.stack([m.weight[2].numpy() for m in registry.load(str(parameters["model"])).members])
    own = weights[:, found["codes"]]
    np.testing.assert_allclose(found["effects"], weights[:, :, None] - own[:, None], atol=1e-5)
    assert found["inserted"].sum() == 9
    assert len(found["positions"]) == length + 9


def test_a_region_is_the_same_part_of_the_whole_and_what_is_missing_is_nan(engine) -> None:
    whole, bases = asked("curved", "track 0", 1000, 1600)
    part, same = asked("curved", "track 0", 1000, 1600, region=(1250, 1300))
    assert bases == same
    assert long_mutagenesis.slices(whole, bases) == 3
    everything = run(long_mutagenesis.KIND, whole, bases, engine)
    region = run(long_mutagenesis.KIND, part, bases, engine)
    np.testing.assert_allclose(region["effects"], everything["effects"][:, :, 250:300], rtol=1e-5, atol=1e-6)
    assert list(region["positions"]) == list(range(1250, 1300))
    half = run(long_mutagenesis.KIND, whole, bases, engine, only={0, 2})["effects"]
    assert np.isnan(half[:, :, 256:512]).all()
    np.testing.assert_array_equal(half[:, :, :256], everything["effects"][:, :, :256])
    assert not np.isnan(half[:, :, 512:]).any()


def test_panning_changes_no_effect(engine) -> None:
    bases = random_bases(3000, seed=11)

    def at(start: int, end: int) -> np.ndarray:
        spec = registry.spec("curved")
        locus = Locus("chr1", start, end)
        around = locus.extended(200)
        reference = Sequence(bases[around.start : around.end], around)
        parameters = stretch.written(spec.model_id, reference, locus, Locus("chr1", 1100, 1130), (), Target("track 0"))
        return run(long_mutagenesis.KIND, parameters, reference.bases, engine)["effects"]

    np.testing.assert_allclose(at(1000, 1300), at(1037, 1411), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (
            Variant("chr1", 1500, "", "GATTACA"),
            Variant("chr1", 3001, "", "A" * 30),
        ),  # the second stands where pieces meet
        "deletion",
    ],
)
def test_letters_piece_by_piece_are_the_letters_of_the_whole(engine, edits) -> None:
    start, end = 1000, 5400
    if edits == "deletion":
        _, bases = asked("curved", "track 0", start, end, (Variant("chr1", 2991, "N" * 40, ""),))
        first = start - 240
        edits = (Variant("chr1", 2991, bases[2990 - first : 3030 - first], ""),)
    parameters, bases = asked("curved", "track 0", start, end, edits, method="ig", baseline="uniform", seed=0)
    found = stretch.read(parameters, bases)
    spec = registry.spec("curved")
    cut = long_letters.pieces(found, spec)
    assert len(cut) == 3
    assert (cut[0].start, cut[-1].end) == (start, end)
    stitched = run(long_letters.KIND, parameters, bases, engine)
    whole = attribute(engine.runner(spec.model_id), spec, found.sequence, found.locus, found.target)
    core = slice(*whole.core)
    size = np.abs(whole.values).max()
    np.testing.assert_allclose(stitched["values"], whole.values[core], atol=1e-5 * size)
    np.testing.assert_allclose(stitched["hypothetical"], whole.hypothetical[:, core], atol=1e-5 * size)
    np.testing.assert_allclose(stitched["strands"], whole.strands[:, core], atol=1e-5 * size)
    assert list(stitched["positions"]) == list(whole.sequence.positions[core])
    assert bool(stitched["converged"]) == whole.converged
    assert int(stitched["points"]) == whole.points


@pytest.mark.parametrize("length", [50, 100, 101, 140, 1999, 2101, 2102, 4102, 100_000])
def test_pieces_cover_a_locus_and_each_is_longer_than_a_window(engine, length: int) -> None:
    parameters, bases = asked("curved", "track 0", 500, 500 + length, method="ig", baseline="uniform", seed=0)
    cut = long_letters.pieces(stretch.read(parameters, bases), registry.spec("curved"))
    assert cut[0].start == 500
    assert cut[-1].end == 500 + length
    assert all(left.end == right.start for left, right in itertools.pairwise(cut))
    assert len(cut) == 1 or min(piece.length for piece in cut) > 100


def test_no_more_passes_are_made_than_are_foretold(engine) -> None:
    made = []

    class Counting:
        def __init__(self, run) -> None:
            self.run = run

        def __call__(self, function, rows, progress=None):
            if not isinstance(function, Preparation):  # measured once per model, and not part of the job
                made.append(function.passes * len(rows[0]))
            return self.run(function, rows, progress)

    for start, end in ((1000, 1060), (1000, 1600)):
        made.clear()
        parameters, bases = asked("curved", "track 0", start, end)
        work = Work(parameters, bases, lambda model_id: Counting(engine.runner(model_id)), lambda _: None)
        for index in range(long_mutagenesis.slices(parameters, bases)):
            long_mutagenesis.run_slice(work, index)
        foretold = long_mutagenesis.passes(parameters, bases)
        assert 0 < sum(made) <= 1.02 * foretold


def test_letters_of_a_long_window_add_up_within_one_slice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CISLENS_ARCHITECTURES", far.PATH)
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    far.write_far(tmp_path)
    engine = Engine(registry.load)
    parameters, bases = asked("far", "track 0", 1000, 5000, method="ig", baseline="uniform", seed=0)
    assert long_letters.slices(parameters, bases) == 1
    assert long_letters.passes(parameters, bases) == 8
    found = run(long_letters.KIND, parameters, bases, engine)
    assert found["values"].shape == (4000,)
    assert bool(found["converged"])
    assert np.abs(found["values"]).max() > 0
