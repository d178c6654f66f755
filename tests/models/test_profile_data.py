"""Simulated experiments: windows show what the simulator says, on either strand, and the test is never trained on."""

from __future__ import annotations

import numpy as np
import pytest

from genome.locus import Locus
from genome.sandbox import elements, sandbox_genome, sites
from genome.sandbox_build import SEED, Sandbox
from genome.sandbox_reads import REACH, expected_reads
from models.profile_data import (
    BACKGROUND_EVERY,
    INPUT_LENGTH,
    MARGIN,
    OUTPUT_LENGTH,
    PADDING,
    joined,
    shipped,
    simulate,
    turned,
)
from models.profile_task import TRAIN_SEEDS, VALIDATION_SEEDS
from models.shuffle import N_CODE, letters_of


@pytest.fixture(scope="module")
def test_rows():
    return shipped()


def shipped_letters(seed):
    """Stands for the builder, which takes seconds: the shipped genome, whatever the seed."""
    genome = sandbox_genome()
    contigs = tuple((name, genome.sequence(Locus(name, 0, length)).bases) for name, length in genome.contigs.items())
    return Sandbox(seed, contigs, sites(), elements(), ())


@pytest.fixture(scope="module")
def quick_builder():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.profile_data.build", shipped_letters)
        yield


@pytest.fixture(scope="module")
def simulated(quick_builder):
    return simulate(TRAIN_SEEDS[:1])


def test_no_seed_is_used_twice_and_none_is_that_of_the_shipped_sandbox():
    seeds = [*TRAIN_SEEDS, *VALIDATION_SEEDS, SEED]
    assert len(set(seeds)) == len(seeds)
    with pytest.raises(ValueError, match="shipped"):
        simulate([SEED])


def test_a_window_holds_every_base_that_its_reads_depend_on():
    assert REACH <= MARGIN == (INPUT_LENGTH - OUTPUT_LENGTH) // 2
    assert PADDING >= INPUT_LENGTH


@pytest.mark.parametrize("moved", [0, -97])
def test_the_profile_of_a_window_is_what_the_simulator_says_of_its_letters(test_rows, moved):
    codes = test_rows.windows(moved)
    profiles = test_rows.profiles(test_rows.expected, moved)
    for row in range(0, len(codes), 60):
        told = expected_reads(letters_of(codes[row]))[:, MARGIN:-MARGIN]
        np.testing.assert_allclose(profiles[row], told, rtol=1e-5)


def test_there_is_a_window_on_every_element_and_some_between(test_rows):
    n_elements = len(elements())
    assert n_elements < len(test_rows.centres) <= n_elements + n_elements // BACKGROUND_EVERY + 1
    totals = test_rows.profiles(test_rows.expected).sum(axis=(1, 2))
    quiet = totals < 1.1 * totals.min()
    assert 0.2 < quiet.mean() < 0.5


def test_turned_windows_have_the_profile_of_the_other_strand(test_rows):
    codes, profiles = turned(test_rows.windows(), test_rows.profiles(test_rows.expected))
    for row in range(0, len(codes), 60):
        told = expected_reads(letters_of(codes[row]))[:, MARGIN:-MARGIN]
        np.testing.assert_allclose(profiles[row], told, rtol=1e-5)


def test_turning_twice_changes_nothing(simulated):
    codes, reads = simulated.windows(), simulated.profiles(simulated.reads)
    again_codes, again_reads = turned(*turned(codes, reads))
    np.testing.assert_array_equal(again_codes, codes)
    np.testing.assert_array_equal(again_reads, reads)


def test_some_elements_have_a_run_of_n_and_the_reads_know_it(simulated):
    codes = simulated.windows()[:, MARGIN:-MARGIN]
    with_n = np.flatnonzero((codes == N_CODE).sum(axis=1) >= 15)
    assert 0.04 < len(with_n) / len(codes) < 0.2
    row = with_n[0]
    told = expected_reads(letters_of(simulated.windows()[row]))[:, MARGIN:-MARGIN]
    np.testing.assert_allclose(simulated.profiles(simulated.expected)[row], told, rtol=1e-5)


def test_the_same_seed_gives_the_same_experiment_and_another_seed_another(simulated):
    again, other = simulate(TRAIN_SEEDS[:1]), simulate(TRAIN_SEEDS[1:2])
    np.testing.assert_array_equal(again.codes, simulated.codes)
    np.testing.assert_array_equal(again.reads, simulated.reads)
    assert (other.codes != simulated.codes).any()
    assert (other.reads != simulated.reads).mean() > 0.05


def test_joined_experiments_keep_their_windows(test_rows, simulated):
    both = joined([test_rows, simulated])
    np.testing.assert_array_equal(both.windows(), np.concatenate([test_rows.windows(), simulated.windows()]))
    np.testing.assert_array_equal(
        both.profiles(both.reads),
        np.concatenate([test_rows.profiles(test_rows.reads), simulated.profiles(simulated.reads)]),
    )
