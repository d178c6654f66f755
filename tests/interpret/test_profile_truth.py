"""On the sandbox the truth is known: letters of the profile model lie on the sites that leave reads."""

from __future__ import annotations

import numpy as np
import pytest

from genome.locus import Locus
from genome.sandbox import elements, sandbox_genome
from genome.sandbox_reads import BACKGROUND_READS, READS_PER_ACTIVITY, bound_sites
from interpret.methods import attribute
from models import registry
from models.core import Target
from models.engine import Engine
from models.predict import Embeddings, predict


@pytest.fixture(scope="module")
def spec():
    return registry.spec("sandbox-profile")


@pytest.fixture(scope="module")
def run(spec):
    return Engine(registry.load).runner(spec.model_id)


def window(element, spec):
    middle = (element.locus.start + element.locus.end) // 2
    return Locus(element.locus.chrom, middle - spec.input_length // 2, middle + spec.input_length // 2)


def inside_sites(bases):
    inside = np.zeros(len(bases), dtype=bool)
    for site in bound_sites(bases):
        inside[site.start : site.start + site.length] |= site.reads >= 0.1 * READS_PER_ACTIVITY
    return inside


@pytest.mark.parametrize("reduce", ["counts", "profile"])
def test_letters_lie_on_the_sites_that_leave_reads(spec, run, reduce):
    shares, chances = [], []
    for element in [element for element in elements() if element.activity > 0.7][:40:10]:
        locus = window(element, spec)
        sequence = sandbox_genome().sequence(locus)
        found = attribute(run, spec, sequence, locus, Target(spec.tracks[0].name, reduce))
        assert found.converged
        size, inside = np.abs(found.values), inside_sites(sequence.bases)
        shares.append(size[inside].sum() / size.sum())
        chances.append(inside.mean())
    assert np.mean(shares) > 0.8 > 10 * np.mean(chances)


def test_letters_of_both_strands_tracks_are_the_same_for_the_pair(spec, run):
    locus = window(elements()[0], spec)
    sequence = sandbox_genome().sequence(locus)
    plus, minus = (attribute(run, spec, sequence, locus, Target(track.name, "counts")) for track in spec.tracks)
    np.testing.assert_allclose(plus.values, minus.values, rtol=1e-4, atol=1e-6)


def test_the_predicted_profile_of_an_element_peaks_where_the_simulator_puts_its_reads(spec, run):
    from genome.sandbox_reads import expected_reads

    correlations = []
    for element in [element for element in elements() if element.activity > 0.7][:40:4]:
        locus = window(element, spec)
        middle = Locus(locus.chrom, locus.start + 100, locus.end - 100)
        sequence = sandbox_genome().sequence(locus)
        found = predict(run, spec, sequence, middle)
        assert found.values.shape == (2, spec.output_length)
        assert (found.starts[0], found.ends[-1]) == (middle.start, middle.end)
        true = expected_reads(sequence.bases)[:, 100:-100] - BACKGROUND_READS
        correlations.append(np.corrcoef(found.values.ravel(), true.ravel())[0, 1])
    assert np.median(correlations) > 0.9


def test_the_embedding_tells_active_from_quiet_windows(spec, run):
    x = np.stack([sandbox_genome().sequence(window(element, spec)).one_hot() for element in elements()[:60]])
    (features,) = run(Embeddings(), (x,))
    activity = np.array([element.activity for element in elements()[:60]])
    assert features.shape == (60, 32)
    assert max(abs(np.corrcoef(feature, activity)[0, 1]) for feature in features.T) > 0.6
