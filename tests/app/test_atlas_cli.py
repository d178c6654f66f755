"""``cislens atlas`` and its picture: what is asked for, what is written, what is refused."""

from __future__ import annotations

import importlib.util
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from app import cli
from app.figures import logos
from app.figures.atlas import atlas_svg, in_words
from interpret import atlas, modisco
from tests.interpret.test_atlas import cluster, read_nothing


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> atlas.Atlas:
    """Two patterns, without TF-MoDISco and without a model."""
    monkeypatch.setattr(atlas, "discover", lambda *_, **__: (cluster("+", 30), cluster("-", 25)))
    monkeypatch.setattr(modisco, "check_installed", lambda: None)
    made = atlas.patterns(read_nothing(), sd=1.0)
    monkeypatch.setattr(atlas, "make", lambda *_, **__: made)
    return made


def asked(tmp_path: Path, *more: str, track: str = "CTCF binding", out: str = "a.json") -> int:
    bed = tmp_path / "places.bed"
    bed.write_text("sb1\t1000\t1200\nsb1\t3000\t3200\n")
    words = ["--model", "tf-binding", "--track", track, "--genome", "sandbox", "--bed", str(bed)]
    return cli.main(["atlas", *words, "--out", str(tmp_path / out), *more])


def test_the_file_pins_what_was_asked_and_holds_every_pattern(tmp_path: Path, found: atlas.Atlas) -> None:
    assert asked(tmp_path) == 0
    said = json.loads((tmp_path / "a.json").read_text())
    assert said["model_id"].startswith("tf-binding-")
    assert (said["track"], said["baseline"], said["seed"], said["genome"]) == ("CTCF binding", "uniform", 0, "sandbox")
    assert [pattern["label"] for pattern in said["patterns"]] == ["resembles CTCF", "resembles CTCF"]
    np.testing.assert_allclose(said["patterns"][0]["frequencies"], found.patterns[0].frequencies, atol=1e-6)
    assert (tmp_path / "a.meme").read_text() == atlas.meme(found, about=said["caption"])
    assert said["model_id"] in (tmp_path / "a.svg").read_text()


def test_a_wrong_track_or_ending_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], found: atlas.Atlas
) -> None:
    assert found.patterns
    assert asked(tmp_path, track="MYC binding") == 2
    assert "choose one of" in capsys.readouterr().err
    assert asked(tmp_path, out="a.txt") == 2
    assert ".json" in capsys.readouterr().err


def test_without_the_package_nothing_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert asked(tmp_path) == 2
    assert "cislens[atlas]" in capsys.readouterr().err


def test_too_few_places_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(tmp_path) == 2
    assert "give more" in capsys.readouterr().err


def test_the_picture_holds_each_pattern_and_escapes_its_words(found: atlas.Atlas) -> None:
    svg = atlas_svg(found, unit="log <odds>", caption="model & track")
    ElementTree.fromstring(svg)
    assert svg.count("resembles CTCF") == 2
    assert "model &amp; track" in svg
    assert "log &lt;odds&gt;" in svg
    assert "−" in in_words(found.patterns[1], "x")[1]
    empty = atlas_svg(atlas.Atlas((), 60, 400, 0, 0), unit="x", caption="c")
    assert "No pattern" in empty


def test_letters_of_a_pattern_pile_up_from_the_zero_line_the_highest_outermost() -> None:
    values = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, -3.0], [0.0, 0.0]])
    svg = logos.stacked_letters(values, 0.0, 0.0, 60.0, 10.0)  # 3 up, 3 down: 10 pixels for 1
    boxes = {
        colour: (100 * float(numbers[3]), float(numbers[5]))
        for colour, numbers in (
            (group.get("fill"), path.get("transform", "").removeprefix("matrix(").rstrip(")").split())
            for group in ElementTree.fromstring(f"<svg>{svg}</svg>").iter("g")
            for path in group
        )
    }
    assert boxes[logos.SAFE_COLOURS["C"]] == pytest.approx((10, 20))  # on the zero line at 30
    assert boxes[logos.SAFE_COLOURS["A"]] == pytest.approx((20, 0))  # on top of it
    assert boxes[logos.SAFE_COLOURS["G"]] == pytest.approx((-30, 60))  # hangs
