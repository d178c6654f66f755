"""What of a scan is shown: chance over everything looked at, relatives together, the model's word beside it."""

from __future__ import annotations

import numpy as np
import pytest

from genome.sandbox import sandbox_genome, sites
from interpret.jaspar import Motif, jaspar_motifs
from interpret.matches import Match, Scan, chance, grouped, matches, shown, supported
from interpret.motifs import NAMING_FLOOR, Hit, benjamini_hochberg
from tests.interpret.test_scan import random_bases


def motif(name: str, *, family: str, length: int = 10) -> Motif:
    return Motif(name, name, family, "", np.full((4, length), 0.25))


def hit(name: str, start: int, p: float, *, family: str = "F", length: int = 10) -> Hit:
    return Hit(motif(name, family=family, length=length), start, start + length, "+", 10.0, p)


def test_q_values_are_those_of_benjamini_and_hochberg_when_the_rest_is_chance() -> None:
    """Every test that is no hit counts with p = 1; then the list alone gives the same q-values as all tests would."""
    found = matches(random_bases(500, 1))
    p_values = np.ones(found.tests)
    p_values[: len(found.matches)] = [chance(match.hit) for match in found.matches]
    expected = benjamini_hochberg(p_values)[: len(found.matches)]
    np.testing.assert_allclose([match.q_value for match in found.matches], expected, rtol=1e-9)


def test_everything_looked_at_counts() -> None:
    known = jaspar_motifs()[:3]
    assert matches("A" * 100, known).tests == sum(2 * (101 - motif.length) for motif in known)
    assert matches("AC", known).tests == 0


def test_random_dna_shows_nothing_at_q() -> None:
    shares = [sum(match.q_value <= 0.05 for match in matches(random_bases(2_000, seed)).matches) for seed in range(5)]
    assert sum(shares) <= 1


def test_a_strong_site_of_the_sandbox_stands_out() -> None:
    site = next(site for site in sites() if site.key == "CTCF" and site.strength > 0.95)
    stretch = site.locus.resized(2_000)
    places = shown(matches(sandbox_genome().sequence(stretch).bases)).places
    best = min(places, key=lambda place: place.q_value)
    assert best.hit.motif.name in ("CTCF", "CTCFL")
    assert best.q_value <= 0.05
    assert abs(best.hit.start - (site.locus.start - stretch.start)) < 15


def test_relatives_over_one_place_are_one_match() -> None:
    found = [
        Match(hit("A", 100, 1e-8), 0.01),
        Match(hit("B", 104, 1e-7), 0.02),
        Match(hit("C", 103, 1e-6, family="G"), 0.2),
        Match(hit("D", 106, 1e-6), 0.2),
        Match(hit("E", 95, 1e-6, family="G; F"), 0.3),
    ]
    places = grouped(found)
    assert [place.hit.motif.name for place in places] == ["A", "C", "D"]
    assert [other.motif.name for other in places[0].others] == ["B", "E"]


def test_motifs_of_no_known_family_are_told_apart_by_name() -> None:
    found = [Match(hit("A", 0, 1e-8, family=""), 0.01), Match(hit("B", 0, 1e-7, family=""), 0.01)]
    assert len(grouped(found)) == 2


def test_grouping_drops_nothing() -> None:
    found = matches(random_bases(3_000, 2))
    places = grouped(found.matches)
    assert sum(1 + len(place.others) for place in places) == len(found.matches)
    for place in places:
        assert all(chance(place.hit) <= chance(other) for other in place.others)


def test_what_is_not_drawn_is_counted() -> None:
    found = matches(random_bases(3_000, 3))
    drawn = shown(found)
    assert len(drawn.places) + drawn.more == len(grouped(found.matches))
    assert len(drawn.places) <= 13
    assert all(place.q_value <= 0.05 or chance(place.hit) < 1e-5 for place in drawn.places)


def test_with_contributions_a_lone_match_is_drawn_only_where_the_model_supports_it() -> None:
    found = Scan(
        (Match(hit("sure", 40, 1e-9), 0.01), Match(hit("A", 0, 1e-6), 0.5), Match(hit("B", 20, 1e-6), 0.5)), 100
    )
    values = np.zeros(50)
    values[20:30] = -0.05
    assert [place.hit.motif.name for place in shown(found).places] == ["A", "B", "sure"]
    drawn = shown(found, values, 1.0)
    assert [place.hit.motif.name for place in drawn.places] == ["B", "sure"]
    assert [support.level for support in drawn.supports] == ["weak", "none"]
    assert drawn.more == 1


@pytest.mark.parametrize(
    ("sds", "level"), [(NAMING_FLOOR, "strong"), (-2.0, "strong"), (0.5, "weak"), (-0.31, "weak"), (0.29, "none")]
)
def test_support_is_counted_in_standard_deviations_of_the_track(sds: float, level: str) -> None:
    values = np.zeros(30)
    values[5:15] = sds * 3.0 / 10
    values[15:] = 9.0  # beside the match
    found = supported(hit("A", 5, 1e-6), values, 3.0)
    assert found.level == level
    assert found.sds == pytest.approx(sds)


def test_support_wants_the_whole_match() -> None:
    with pytest.raises(ValueError, match="end"):
        supported(hit("A", 5, 1e-6), np.zeros(10), 1.0)
    with pytest.raises(ValueError, match="sd"):
        supported(hit("A", 0, 1e-6), np.zeros(10), 0.0)


def test_no_chance_is_nil() -> None:
    """memelite gives the very best word of a short motif p = 0."""
    assert chance(hit("A", 0, 0.0, length=8)) == 0.25**8
