"""Percentiles and intervals as the page and the command line have them: the value ranked is the value shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app import answer, cli, compute
from app.components.igv_tracks import wire_tracks
from app.figures import tracks
from app.screens import edit as edit_screen
from app.view import PASTED, View
from app.widgets import said
from genome.locus import Locus, Variant
from interpret import background
from interpret.background import About, Background, Rank, distribution
from models import intervals, registry
from models.intervals import Band
from tests.app.test_compute import ASKER, BASES, CURVED, GENOME, SIMPLE, install, view_of
from tests.toy_models import WINDOW

NAMES = ("one", "two")


@pytest.fixture
def ranked(monkeypatch, tmp_path) -> Background:
    """Toy models, of which CURVED has a background around its own values, and a place for companions."""
    engine = install(monkeypatch, GENOME, CURVED, SIMPLE)
    for model in (CURVED, SIMPLE):
        engine.pace(model.spec.model_id)
    monkeypatch.setattr(registry, "companion", lambda _, name: tmp_path / name if (tmp_path / name).is_file() else None)
    values = {name: distribution(np.linspace(-1, 1, 5_000, dtype=np.float32)) for name in NAMES}
    sizes = {name: distribution(np.linspace(0, 0.2, 5_000, dtype=np.float32)) for name in NAMES}
    sds = dict.fromkeys(NAMES, 1.0)
    about = About(CURVED.spec.model_id, "toy", "toy peaks", "p", "made", False, "0" * 12, 0, True, "a", "e", sds)
    found = Background(about, values, sizes)
    monkeypatch.setattr(background, "chosen", lambda model_id, **_: found if model_id == CURVED.spec.model_id else None)
    return found


def edit_at(position: int) -> Variant:
    """A substitution at a 0-based position of c1."""
    return Variant("c1", position + 1, BASES[position], "ACGT"["CGTA".index(BASES[position])])


@pytest.mark.parametrize("length", [WINDOW, 60])
def test_the_value_that_is_ranked_is_the_headline(ranked, length):
    found = answer.answer(view_of(length=length), ASKER)
    expected = ranked.rank_activity("one", found.headline.value, synthetic=False)
    assert found.rank.percentile == pytest.approx(expected.percentile, abs=1e-3)
    assert found.ranked == f"{found.rank.text[:1].upper()}{found.rank.text[1:]}."
    assert "windows of toy peaks" in found.ranked


def test_the_size_of_an_edits_effect_is_ranked_in_windows_around_it(ranked):
    edit = edit_at(1_005)
    view = view_of(length=WINDOW, edits=(edit,))
    shown = compute.edit_effect(view, (edit,), ASKER)
    placed, rank = compute.effect_percentile(view, edit, ASKER)
    far = compute.edit_effect(view_of(length=200, edits=(edit,)), (edit,), ASKER)
    assert placed.rule == far.rule != shown.rule
    assert placed.delta == pytest.approx(far.delta, abs=1e-6)
    level = float(max(placed.before[0], placed.after[0]))
    assert rank == ranked.rank_effect("one", float(placed.delta[0]), synthetic=False, activity=level)
    words = edit_screen._ranked(shown, placed, replace(rank, flag="quiet"), answer.answer(view, ASKER))
    assert "in windows around it, larger than" in words
    assert words.endswith(" · quiet")
    assert edit_screen._ranked(far, placed, rank, answer.answer(view, ASKER)).startswith("Larger than")


def test_what_is_no_single_base_change_has_no_percentile(ranked):
    gone = Variant("c1", 1_006, BASES[1_005:1_007], "")
    _, rank = compute.effect_percentile(view_of(length=200, edits=(gone,)), gone, ASKER)
    assert (rank.percentile, rank.text) == (None, "no percentile: the background holds single-base changes only")


def test_a_model_without_a_background_says_how_to_make_one(ranked):
    view = replace(view_of(), model=SIMPLE.spec.model_id)
    rank = compute.percentiles(view, 1_000, 1_020, ASKER)
    assert rank.percentile is None
    assert "cislens background simple" in rank.text
    assert compute.effect_percentile(view, edit_at(1_005), ASKER)[1].percentile is None


def test_a_locus_of_unknown_bases_has_no_percentile(ranked):
    view = View(CURVED.spec.model_id, PASTED, Locus("made", 0, 30), "one", bases="ACGT" * 6 + "N" * 6)
    assert answer.answer(view, ASKER).rank == Rank(None, "no percentile: more than 10 % of the bases are unknown (N)")


def test_at_the_sandbox_the_shipped_background_of_real_dna_gives_no_percentile():
    view = View(registry.spec("tf-binding").model_id, "sandbox", Locus("sb1", 5_000, 5_060), "CTCF binding")
    rank = compute.percentiles(view, 5_000, 5_060, ASKER)
    assert rank.text == "no percentile: the background is real DNA and this locus is synthetic"


def test_a_background_that_cannot_be_used_is_a_reason_and_not_the_end_of_the_page(own_home):
    spec = registry.spec("tf-binding")
    folder = own_home / "backgrounds" / spec.model_id
    folder.mkdir(parents=True)
    (folder / "mine.safetensors").write_bytes(b"nothing")
    view = View(spec.model_id, "sandbox", Locus("sb1", 5_000, 5_060), "CTCF binding")
    rank = compute.percentiles(view, 5_000, 5_060, ASKER)
    assert rank.text.startswith("no percentile: The background mine.safetensors cannot be used")


def test_the_interval_is_said_in_the_sentence_and_drawn_as_the_band(ranked, tmp_path, monkeypatch):
    spec = replace(CURVED.spec, tracks=tuple(replace(track, unit="log2(RNA/DNA)") for track in CURVED.spec.tracks))
    monkeypatch.setattr(registry, "spec", lambda _: spec)
    residuals = np.random.default_rng(0).normal(size=300)
    intervals.write(tmp_path / intervals.FILE, spec.model_id, {"one": (residuals, np.ones(300))}, split="toy")
    found = answer.answer(view_of(), ASKER)
    assert found.band is not None
    index = int(np.argmax(found.prediction.values[0]))
    low, high = found.band.at(0, index) or (0.0, 0.0)
    assert (
        f"(90 % of such measurements fall between {answer.wording.signed(low)} and {answer.wording.signed(high)})"
        in (found.said[0])
    )
    assert found.rank.text in found.said[0]
    assert found.ranked == ""
    first, second = tracks.predicted(found.prediction, "one", found.band)
    assert first["low"] == pytest.approx(found.band.low[0], rel=1e-4)
    assert first["high"] == pytest.approx(found.band.high[0], rel=1e-4)
    assert first["band"] == "90 % of measurements"
    assert "90 % of measurements fall inside the pale band." in found.notices
    assert second["low"] == pytest.approx(found.prediction.values[1] - found.prediction.spread[1], rel=1e-4)
    assert second["band"] == "± between members"


def test_damaged_intervals_are_a_notice_and_nothing_pretends(ranked, tmp_path):
    (tmp_path / intervals.FILE).write_bytes(b"nothing")
    found = answer.answer(view_of(), ASKER)
    assert found.band is None
    assert any("cannot be read" in notice for notice in found.notices)
    assert "90 %" not in found.said[0]


def test_the_browser_is_told_what_a_band_means():
    track = {
        "id": "p",
        "kind": "signal",
        "name": "Predicted",
        "values": [1.0],
        "start": 0,
        "step": 10,
        "low": [0.0],
        "high": [2.0],
    }
    reference = {"start": 0, "bases": "ACGT"}
    (plain,) = wire_tracks([track], reference=reference, shown=(0, 4))
    (told,) = wire_tracks([track | {"band": "90 %\nof measurements"}], reference=reference, shown=(0, 4))
    assert "band" not in plain
    assert told["band"] == "90 % of measurements"
    assert told["digest"] != plain["digest"]


def test_a_band_over_more_bins_than_a_screen_shows_is_averaged_like_the_line(ranked, monkeypatch):
    monkeypatch.setattr(tracks, "MAX_BINS", 2)
    prediction = compute.prediction(view_of(), ASKER)
    values = prediction.values.astype(np.float64)
    (first, _) = tracks.predicted(prediction, "one", Band(values - 1, values + 2, 0.9))
    assert len(first["values"]) == 2
    assert np.subtract(first["values"], first["low"]) == pytest.approx([1, 1], abs=1e-5)
    assert np.subtract(first["high"], first["values"]) == pytest.approx([2, 2], abs=1e-5)


def test_the_line_below_the_sentence_is_escaped_and_its_place_kept():
    assert said("A", "b").endswith('<div class="cl-note cl-rank"></div>')
    assert "&lt;b&gt;" in said("A", "b", "<b>")


# ---- cislens background ------------------------------------------------------------------------------------------


def make(tmp_path: Path, *arguments: str) -> int:
    bed = tmp_path / "places.bed"
    bed.write_text("sb1\t421\t621\nsb1\t3460\t3660\nsb1\t10000\t20000\n")
    return cli.main(["background", "tf-binding", "--genome", "sandbox", "--bed", str(bed), *arguments])


def test_a_set_made_by_the_command_is_found_and_ranks_its_own_kind_of_dna(tmp_path, own_home, capsys, monkeypatch):
    monkeypatch.setattr(background, "MIN_VALUES", 3)
    assert make(tmp_path, "--most", "20", "--name", "box", "--words", "sandbox elements") == 0
    progress = capsys.readouterr().err
    assert "100.0%" in progress
    assert "1 places longer than 5,000 bp are left out" in progress
    spec = registry.spec("tf-binding")
    (own, shipped) = background.available(spec.model_id)
    assert (own.about.name, own.about.synthetic, shipped.about.synthetic) == ("box", True, False)
    assert own.activities["CTCF binding"].n == 4
    assert own.effects["CTCF binding"].n == 20
    view = View(spec.model_id, "sandbox", Locus("sb1", 5_000, 5_060), "CTCF binding")
    assert "4 windows of sandbox elements" in compute.percentiles(view, 5_000, 5_060, ASKER).text


def test_a_small_set_says_that_it_gives_no_percentile(tmp_path, own_home, capsys):
    out = tmp_path / "small.safetensors"
    assert make(tmp_path, "--most", "3", "--out", str(out)) == 0
    told = capsys.readouterr().err
    assert "Only 4 windows: below 5,000 no percentile is given." in told
    assert "Only 3 single-base changes" in told
    assert background.read(out, registry.spec("tf-binding").model_id).about.name == "places"
    assert not (own_home / "backgrounds").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--name", "../x"), "cannot name a set"),
        (("--most", "0"), "leaves no change"),
        (("--out", "/nowhere/at/all.safetensors"), "no folder"),
        (("--genome", "hg99"), "no genome"),
        (("--bed", "/nowhere.bed"), "cannot be read"),
        (("--remote",), "switched off"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence_before_anything_is_computed(
    tmp_path, own_home, capsys, monkeypatch, arguments, words
):
    monkeypatch.setattr(compute, "engine", lambda: pytest.fail("something was computed"))
    assert make(tmp_path, *arguments) == 2
    assert words in capsys.readouterr().err
    assert not list(own_home.rglob("*.safetensors"))


def test_the_command_is_listed():
    assert "background" in cli._parser().format_help()
