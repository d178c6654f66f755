"""The simulator: reads add up, strands mirror, distant bases do not matter, and the whole is the grammar's activity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genome.catalog import open_genome
from genome.locus import Locus
from genome.sandbox import ASSETS, PAIR, RULES, activity, elements, motifs, sites
from genome.sandbox_reads import (
    BACKGROUND_READS,
    FOOTPRINTS,
    REACH,
    READS_PER_ACTIVITY,
    bound_sites,
    description,
    expected_reads,
    sampled_reads,
)
from genome.sequence import reverse_complement

LENGTH = 60_000  # of the first contig, for speed


@pytest.fixture(scope="module")
def contig():
    genome = open_genome("sandbox")
    return genome.sequence(Locus("sb1", 0, LENGTH)).bases


@pytest.fixture(scope="module")
def profile(contig):
    return expected_reads(contig)


def strongest(key):
    return "".join("ACGT"[i] for i in next(m for m in motifs() if m.key == key).counts.argmax(axis=0))


def quiet(length):
    """Bases in which nothing binds."""
    return ("AATTC" * (length // 5 + 1))[:length]


def total(bases):
    return expected_reads(bases).sum() - 2 * len(bases) * BACKGROUND_READS


def test_the_shipped_description_is_what_the_simulator_says_of_itself():
    assert (ASSETS / "reads.md").read_bytes() == description().encode("ascii")


def test_every_factor_has_a_footprint_and_they_differ():
    assert [shape.key for shape in FOOTPRINTS] == [rule.key for rule in RULES]
    assert len({(shape.distance, shape.width, shape.own_share) for shape in FOOTPRINTS}) == len(FOOTPRINTS)


def test_without_a_site_there_is_background_alone():
    for bases in (quiet(300), "N" * 300, "ACGT"):
        np.testing.assert_array_equal(expected_reads(bases), np.full((2, len(bases)), BACKGROUND_READS))
    assert expected_reads("").shape == (2, 0)


def test_the_other_strand_has_the_mirrored_profile_with_its_strands_swapped(contig, profile):
    np.testing.assert_allclose(expected_reads(reverse_complement(contig)), profile[::-1, ::-1], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(bases=st.text("ACGTN", min_size=1, max_size=80), key=st.sampled_from([rule.key for rule in RULES]))
def test_the_mirror_law_holds_for_any_letters_around_any_site(bases, key):
    bases = bases + strongest(key) + bases[::-1]
    np.testing.assert_allclose(expected_reads(reverse_complement(bases)), expected_reads(bases)[::-1, ::-1], atol=1e-9)


def test_reads_of_an_element_sum_to_its_activity_where_each_factor_stands_once(contig):
    exact = 0
    for element in elements()[:60]:
        bases = "N" * 60 + contig[element.locus.start : element.locus.end] + "N" * 60
        keys = [site.key for site in bound_sites(bases)]
        if len(keys) == len(set(keys)):
            exact += 1
            assert total(bases) == pytest.approx(READS_PER_ACTIVITY * activity(bases), abs=1e-3)
    assert exact > 40


def test_reads_go_with_activity_in_every_element(contig):
    chosen = elements()[:60]
    totals = [total("N" * 60 + contig[e.locus.start : e.locus.end] + "N" * 60) for e in chosen]
    assert np.corrcoef(totals, [element.activity for element in chosen])[0, 1] > 0.995


def test_far_apart_sites_add_up_exactly():
    one = quiet(150) + strongest("CTCF") + quiet(150)
    two = quiet(150) + reverse_complement(strongest("SPI1")) + quiet(150)
    np.testing.assert_allclose(
        expected_reads(one + two), np.concatenate([expected_reads(one), expected_reads(two)], axis=1), atol=1e-12
    )


def test_taking_a_lone_site_out_takes_away_its_own_reads_and_nothing_else(contig, profile):
    checked = 0
    for site in [s for s in sites() if s.key == "CTCF" and s.locus.chrom == "sb1" and s.locus.end < LENGTH - 200][:12]:
        near = slice(site.locus.start - 200, site.locus.end + 200)
        start = site.locus.start - near.start
        bases = contig[near]
        without = bases[:start] + "N" * site.locus.length + bases[start + site.locus.length :]
        gone = [s for s in bound_sites(bases) if s not in bound_sites(without)]
        if len(gone) == 1 and not set(bound_sites(without)) - set(bound_sites(bases)):
            checked += 1
            lost = expected_reads(bases) - expected_reads(without)
            assert lost.min() > -1e-12
            assert lost.sum() == pytest.approx(gone[0].reads)
            assert gone[0].start == start
    assert checked >= 6


def test_the_pair_pays_only_at_an_allowed_gap_and_in_order():
    def paired(gap):
        return total(quiet(100) + strongest(PAIR.first) + "A" * gap + strongest(PAIR.second) + quiet(100))

    allowed = [gap for gap in range(1, 25) if paired(gap) > READS_PER_ACTIVITY * PAIR.weight]
    assert allowed == list(range(PAIR.shortest, PAIR.longest + 1))
    swapped = quiet(100) + strongest(PAIR.second) + "A" * 6 + strongest(PAIR.first) + quiet(100)
    assert total(swapped) < READS_PER_ACTIVITY


def test_overlapping_placements_share_one_protein():
    """CEBPB reads almost the same on both strands: both placements are taken, and together they count once."""
    bases = quiet(100) + "ATTGCGCAAT" + quiet(100)
    found = [site for site in bound_sites(bases) if site.key == "CEBPB"]
    assert sorted(site.strand for site in found) == ["+", "-"]
    weight = next(rule.weight for rule in RULES if rule.key == "CEBPB")
    assert sum(site.reads for site in found) <= READS_PER_ACTIVITY * weight
    assert total(bases) == pytest.approx(READS_PER_ACTIVITY * activity(bases), rel=1e-6)


@pytest.mark.parametrize("footprint", FOOTPRINTS[:-1], ids=lambda shape: shape.key)
def test_plus_reads_begin_before_a_site_and_minus_reads_behind_it(footprint):
    letters = strongest(footprint.key)
    bases = quiet(100) + letters + quiet(100)
    centre = 100 + (len(letters) - 1) / 2
    above = expected_reads(bases) - BACKGROUND_READS
    mean = (above * np.arange(len(bases))).sum(axis=1) / above.sum(axis=1)
    assert mean == pytest.approx([centre - footprint.distance, centre + footprint.distance], abs=1.0)


def test_a_base_farther_away_than_the_reach_changes_nothing(contig, profile):
    for start in range(300, 12_000, 1_111):
        part = expected_reads(contig[start - REACH : start + 300 + REACH])
        np.testing.assert_allclose(part[:, REACH:-REACH], profile[:, start : start + 300], atol=1e-12)


def test_the_correlate_leaves_no_reads(contig):
    assert not [site for site in bound_sites(contig) if site.key == "NRF1"]


def test_sampled_reads_are_poisson_and_repeat_with_their_seed(profile):
    one, again, other = (sampled_reads(profile, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert one.sum() == pytest.approx(profile.sum(), rel=0.03)
    assert ((one - profile) ** 2 / profile).mean() == pytest.approx(1.0, abs=0.05)
