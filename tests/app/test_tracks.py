"""What the genome browser draws follows the genome, base by base."""

from __future__ import annotations

import numpy as np

from app.components.igv_tracks import wire_tracks
from app.figures import tracks
from genome.locus import Locus, Variant
from genome.sandbox import sandbox_genome, sites
from genome.sequence import edited
from interpret.matches import matches, shown
from tests.app.test_compare import LOCUS, explained, ref


def test_the_browser_gets_one_value_per_base_and_none_where_one_was_deleted() -> None:
    gone = ref(58400, 2)
    found = explained(Variant("sb1", 58400, gone, ""))
    bases, values = tracks.in_genome_coordinates(found, LOCUS)
    assert len(bases) == len(values) == LOCUS.length
    assert [index for index, value in enumerate(values) if value is None] == [49, 50]
    assert bases[49:51] == "NN"


def test_motif_matches_lie_where_their_letters_lie_also_behind_a_deletion() -> None:
    site = next(site for site in sites() if site.key == "CTCF" and site.strength > 0.95)
    stretch = site.locus.resized(600)
    whole = sandbox_genome().sequence(stretch)
    gone = Variant(stretch.chrom, stretch.start + 51, whole.bases[50:53], whole.bases[50])
    for bases in (whole, edited(whole, (gone,))):
        found = shown(matches(bases.bases))
        track = tracks.motif_matches(found, bases)
        best = min(zip(found.places, track["features"], strict=True), key=lambda pair: pair[0].q_value)[1]
        assert best["name"] in ("CTCF", "CTCFL")
        assert abs(best["start"] - site.locus.start) < 15
        assert best["label"].startswith("q = ")
        assert best["details"]["Model"] == "not asked"
        assert "letters alone" in track["note"]
        wire_tracks([track], reference={"start": stretch.start, "bases": ""}, shown=(stretch.start, stretch.end))
        table = tracks.match_table(found, bases)
        assert len(table) == len(track["features"])
        assert table[0]["Motif"] == best["name"]
        assert table[0]["Place"] == str(Locus(stretch.chrom, best["start"], best["end"]))


def test_a_match_that_the_model_ignores_is_pale_and_says_so() -> None:
    site = next(site for site in sites() if site.key == "CTCF" and site.strength > 0.95)
    whole = sandbox_genome().sequence(site.locus.resized(600))
    found = matches(whole.bases)
    for each, colour in ((0.0, tracks.PALE), (0.2, tracks.BLUE), (-0.2, tracks.ORANGE)):
        features = tracks.motif_matches(shown(found, np.full(600, each), 1.0), whole)["features"]
        assert features
        assert {feature["color"] for feature in features} == {colour}
    ignored = tracks.motif_matches(shown(found, np.zeros(600), 1.0), whole)
    assert "ignored by the model" in ignored["features"][0]["details"]["Model"]
    assert "more" in ignored["note"]
