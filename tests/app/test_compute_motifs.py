"""Motif matches of a view: its own bases, scanned once, beside its own contributions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import compute, compute_motifs
from app.compute import Asker
from app.view import View
from genome.errors import UserError
from genome.locus import Locus, Variant
from genome.sandbox import sites
from interpret import matches
from models import registry

ASKER = Asker(session="test")
SITE = next(site for site in sites() if site.key == "CTCF" and site.strength > 0.95)
VIEW = View(registry.spec("tf-binding").model_id, "sandbox", SITE.locus.resized(400), "CTCF binding")


def at_the_site(view: View) -> list[tuple[str, str]]:
    """Names of the matches drawn over the planted site, and what the model says of each."""
    found = compute_motifs.motif_matches(view, ASKER)
    start = SITE.locus.start - view.locus.start
    return [
        (place.hit.motif.name, support.level)
        for place, support in zip(found.places, found.supports, strict=True)
        if place.hit.start < start + SITE.locus.length and start < place.hit.end
    ]


def test_the_model_supports_the_planted_site_on_its_own_track_and_ignores_it_on_the_other() -> None:
    assert ("CTCF", "strong") in at_the_site(VIEW)
    other = dict(at_the_site(replace(VIEW, track="PU.1 binding")))
    assert other["CTCF"] in ("none", "weak")


def test_an_edit_that_breaks_the_site_takes_the_match_away() -> None:
    middle = SITE.locus.start + SITE.locus.length // 2
    bases = compute.shown_sequence(VIEW, ASKER).bases
    gone = bases[middle - 6 - VIEW.locus.start : middle + 6 - VIEW.locus.start]
    broken = replace(VIEW, edits=(Variant(SITE.locus.chrom, middle - 5, gone, gone[0]),))
    assert "CTCF" not in dict(at_the_site(broken))


def test_a_stretch_is_scanned_once_whatever_track_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = matches.matches
    monkeypatch.setattr(matches, "matches", lambda bases: asked.append(1) or real(bases))
    compute.cache.cache_clear()
    one = compute_motifs.scanned(VIEW, ASKER)
    assert compute_motifs.scanned(replace(VIEW, track="PU.1 binding"), ASKER) is one
    assert len(asked) == 1


def test_beyond_the_reach_of_letters_the_model_is_not_asked_and_beyond_20_kb_nothing_is() -> None:
    wide = replace(VIEW, locus=SITE.locus.resized(compute.MAX_LETTERS + 500))
    found = compute_motifs.motif_matches(wide, ASKER)
    assert found.places
    assert found.supports == ()
    with pytest.raises(UserError, match="zoom in"):
        compute_motifs.motif_matches(replace(VIEW, locus=Locus("sb1", 0, 20_001)), ASKER)
