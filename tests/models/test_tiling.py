"""Windows along a stretch cover every base equally often, and edits stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome.locus import Locus, Variant
from genome.sequence import Sequence, edited
from models.predict import predict
from models.tiling import core_of, overlap_add, tile, windows
from tests.toy_models import WINDOW, Linear, random_bases, toy_engine, toy_model


@given(
    start=st.integers(0, 50),
    length=st.integers(1, 400),
    share=st.sampled_from([1, 2, 4, 5]),
    origin=st.integers(-100, 10**8),
)
def test_every_base_is_covered_equally_often(start, length, share, origin):
    tiling = tile((start + 20, start + 20 + length), window=20, stride=20 // share, origin=origin)
    counts = np.zeros(start + length + 100, dtype=int)
    for first in tiling.starts:
        counts[first : first + 20] += 1
    inside = counts[start + 20 : start + 20 + length]
    assert (inside == tiling.cover).all()


def test_a_short_stretch_gets_the_single_centred_window():
    tiling = tile((100, 107), window=20, stride=5)
    assert tiling.single
    assert tiling.starts.tolist() == [93]
    assert "centred" in tiling.rule


@pytest.mark.parametrize(("core", "stride"), [((5, 5), 5), ((0, 40), 3), ((0, 40), 0)])
def test_a_stride_that_does_not_divide_the_window_is_an_error(core, stride):
    with pytest.raises(ValueError, match="stride"):
        tile(core, window=20, stride=stride)


def test_summed_windows_give_back_a_constant():
    tiling = tile((50, 150), window=20, stride=5)
    parts = np.ones((len(tiling.starts), 20), dtype=np.float32)
    whole = overlap_add(parts, tiling)
    start = tiling.span[0]
    assert np.allclose(whole[50 - start : 150 - start], 1)
    assert np.isclose(whole.sum(), 20 * len(tiling.starts) / 4)


def test_windows_are_padded_with_unknown_bases():
    sequence = Sequence("ACGT" * 5, Locus("toy", 0, 20))
    tiling = tile((0, 20), window=40, stride=40)
    cut = windows(sequence.one_hot(), tiling)
    assert cut.shape == (1, 4, 40)
    assert cut[0, :, :10].sum() == 0
    assert cut.sum() == 20


def test_a_long_locus_has_one_bin_per_place_and_each_is_its_own_window():
    model = toy_model(Linear)
    bases = random_bases(400)
    sequence = Sequence(bases, Locus("toy", 1000, 1400))
    locus = Locus("toy", 1100, 1300)
    found = predict(toy_engine(model).runner(model.spec.model_id), model.spec, sequence, locus)
    assert found.starts[0] == 1100
    assert found.ends[-1] == 1300
    assert (found.starts[1:] == found.ends[:-1]).all()
    width = int(found.ends[0] - found.starts[0])
    weights, bias = model.members[0].weights.numpy(), model.members[0].bias.numpy()
    for index in (0, 17, len(found.starts) - 1):
        first = int(found.starts[index]) - 1000 + (width - WINDOW) // 2
        x = sequence.one_hot()[:, first : first + WINDOW]
        expected = (weights * x).sum((1, 2)) + bias
        assert np.allclose(found.values[:, index], expected, atol=1e-4)


def test_a_short_locus_is_one_bin_over_the_locus():
    model = toy_model(Linear)
    sequence = Sequence(random_bases(100), Locus("toy", 0, 100))
    found = predict(toy_engine(model).runner(model.spec.model_id), model.spec, sequence, Locus("toy", 47, 53))
    assert (found.starts.tolist(), found.ends.tolist()) == ([47], [53])


@given(st.data())
def test_bins_stay_in_order_when_bases_are_inserted_and_deleted(data):
    bases = random_bases(300, data.draw(st.integers(0, 5)))
    reference = Sequence(bases, Locus("toy", 0, 300))
    place = data.draw(st.integers(110, 180))
    size = data.draw(st.integers(1, 15))
    deletion = data.draw(st.booleans())
    edit = (
        Variant("toy", place + 1, bases[place : place + size], "")
        if deletion
        else Variant("toy", place + 1, "", "ACGTACGTACGTACG"[:size])
    )
    model = toy_model(Linear)
    changed = edited(reference, (edit,))
    found = predict(toy_engine(model).runner(model.spec.model_id), model.spec, changed, Locus("toy", 100, 200))
    assert (np.diff(found.starts) >= 0).all()
    assert (found.ends > found.starts).all()
    core = core_of(changed, 100, 200)
    assert core[1] - core[0] == (100 - size if deletion else 100 + size)


def test_moving_along_the_genome_changes_no_number_at_a_place():
    model = toy_model(Linear)
    run = toy_engine(model).runner(model.spec.model_id)
    sequence = Sequence(random_bases(600), Locus("toy", 1003, 1603))
    left = predict(run, model.spec, sequence, Locus("toy", 1101, 1331))
    right = predict(run, model.spec, sequence, Locus("toy", 1140, 1500))
    shared = sorted(set(left.starts.tolist()) & set(right.starts.tolist()))
    assert len(shared) > 50
    for place in shared:
        a, b = left.starts.tolist().index(place), right.starts.tolist().index(place)
        assert np.allclose(left.values[:, a], right.values[:, b], atol=1e-5)
