"""The genome browser's Python side: what may travel to the page, and what may come back."""

from __future__ import annotations

import itertools
import os
import re
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.components import igv, install
from app.components.igv_tracks import MAX_ROWS, clean_text, natural_height, pack, wire_tracks

REFERENCE = {"chrom": "chr22", "start": 100, "end": 110, "bases": "ACGTNACGTN", "contig_length": 1000}
HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script>\u202e\x00\n"


def wire(*tracks: dict[str, Any], shown: tuple[int, int] = (100, 110)) -> list[dict[str, Any]]:
    return wire_tracks(tracks, reference=REFERENCE, shown=shown)


def signal(**changes: Any) -> dict[str, Any]:
    return {"id": "s", "kind": "signal", "name": "Predicted", "start": 100, "step": 1, "values": [1.0, 2.0], **changes}


def features(*placed: tuple[int, int], **changes: Any) -> dict[str, Any]:
    listed = [{"start": start, "end": end, "name": f"n{start}"} for start, end in placed]
    return {"id": "f", "kind": "features", "name": "Motifs", "features": listed, **changes}


def test_letters_are_the_bases_of_the_reference_they_stand_on() -> None:
    (track,) = wire({"id": "c", "kind": "letters", "name": "Contributions", "start": 102, "values": [0.1, -0.2, 0.3]})
    assert track["bases"] == "GTN"
    assert (track["minimum"], track["maximum"]) == (-0.2, 0.3)


def heat(**changes: Any) -> dict[str, Any]:
    rows = [[0.0, 1.0], [2.0, None], [float("nan"), 0.5], [-4.0, 0.0]]
    return {"id": "h", "kind": "heat", "name": "Mutagenesis", "start": 100, "rows": rows, "unit": "log odds", **changes}


def test_a_map_has_four_rows_on_the_bases_it_stands_on() -> None:
    (track,) = wire(heat())
    assert track["bases"] == "AC"
    assert track["rows"] == [[0, 1], [2, None], [None, 0.5], [-4, 0]]
    assert track["full"] == 4
    assert wire(heat(full=2.5))[0]["full"] == 2.5
    assert wire(heat(rows=[[None]] * 4))[0]["full"] == 1


@pytest.mark.parametrize("start", [99, 109])
def test_letters_without_a_base_are_refused(start: int) -> None:
    with pytest.raises(ValueError, match="one of ACGTN per value"):
        wire({"id": "c", "kind": "letters", "name": "", "start": start, "values": [0.1, 0.2, 0.3]})


def test_values_that_are_not_numbers_become_gaps() -> None:
    (track,) = wire(signal(values=[float("nan"), float("inf"), None, 1.23456789]))
    assert track["values"] == [None, None, None, 1.2346]


def test_a_band_lies_on_the_line_where_it_has_no_value() -> None:
    (track,) = wire(signal(low=[0.5, float("nan")], high=[1.5, 2.5]))
    assert track["low"] == [0.5, 2.0]
    assert track["maximum"] == 2.5


def test_the_axis_always_shows_zero_and_never_has_no_height() -> None:
    assert [wire(signal(values=[5.0, 7.0]))[0][end] for end in ("minimum", "maximum")] == [0.0, 7.0]
    assert [wire(signal(values=[None]))[0][end] for end in ("minimum", "maximum")] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        ({"id": "x", "kind": "html", "name": ""}, "known kind"),
        ({"kind": "signal", "name": ""}, "needs an id"),
        ({"id": "h", "kind": "heat", "start": 100, "rows": [[1.0]] * 3}, "four rows"),
        ({"id": "h", "kind": "heat", "start": 100, "rows": [[1.0]] * 3 + [[1.0, 2.0]]}, "four rows"),
        ({"id": "h", "kind": "heat", "start": 100, "rows": [[1.0]] * 4, "full": -1}, "full"),
        (signal(step=0), "step"),
        (signal(style="<svg>"), "style"),
        (signal(color="red;background:url(http://example.org)"), "#rrggbb"),
        (signal(starts=[5, 1], ends=[6, 2]), "sorted by start"),
        (signal(low=[1.0], high=[2.0]), "one value per bin"),
        (features((5, 4)), "start <= end"),
        (features((4, 5), glyph="url"), "glyph"),
    ],
)
def test_a_track_of_another_form_is_refused(track: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        wire(track)


def test_two_tracks_cannot_share_an_id() -> None:
    with pytest.raises(ValueError, match="must differ"):
        wire(signal(), signal())


def test_equal_tracks_have_equal_digests_and_any_change_shows() -> None:
    (track,) = wire(signal())
    assert wire(signal())[0]["digest"] == track["digest"]
    for changed in (signal(values=[1.0, 2.1]), signal(name="Other"), signal(height=90), signal(color="#000000")):
        assert wire(changed)[0]["digest"] != track["digest"]


def test_names_lose_control_characters_and_keep_their_text() -> None:
    cleaned = clean_text(HOSTILE)
    assert cleaned == "<img src=x onerror=alert(1)><script>alert(1)</script>"
    assert clean_text("a" * 500) == "a" * 119 + "\u2026"


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 300)), max_size=60))
def test_features_of_one_row_never_overlap_unless_all_rows_are_full(placed: list[tuple[int, int]]) -> None:
    found = sorted(
        ({"start": start, "end": start + length, "name": "name"} for start, length in placed),
        key=lambda feature: feature["start"],
    )
    rows = pack(found, glyph="box", shown=(0, 2000))
    assert 1 <= rows <= MAX_ROWS["box"]
    assert {feature["row"] for feature in found} <= set(range(rows))
    if rows < MAX_ROWS["box"]:
        for row in range(rows):
            inside = [feature for feature in found if feature["row"] == row]
            assert all(a["end"] <= b["start"] for a, b in itertools.pairwise(inside))


def test_a_name_that_would_leave_the_screen_goes_before_its_box() -> None:
    (track,) = wire(features((0, 10), (900, 990)), shown=(0, 1000))
    assert [feature["row"] for feature in track["features"]] == [0, 0]
    (track,) = wire(features((850, 899), (905, 990)), shown=(0, 1000))
    assert [feature["row"] for feature in track["features"]] == [0, 1]


def test_the_height_is_known_before_the_page_draws() -> None:
    one, many = wire(features((0, 10))), wire(features(*[(0, 10)] * 5))
    assert natural_height(many) > natural_height(one) > 0
    assert natural_height(wire(signal(height=300))) == natural_height(wire(signal())) + 300 - 72


# ---- what comes back ------------------------------------------------------------------------------------------------


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(igv, "st", SimpleNamespace(session_state=state))
    return state


def test_every_move_and_click_is_told_once(session: dict[str, Any]) -> None:
    assert igv.browser_state("b") == igv.BrowserState()
    session["b"] = {"locus": {"text": "chr1:1-20", "n": 5}, "clicked": None}
    assert igv.browser_state("b") == igv.BrowserState(locus="chr1:1-20")
    assert igv.browser_state("b") == igv.BrowserState()
    session["b"] = {"locus": {"text": "chr1:1-20", "n": 6}, "clicked": {"position": 7.0, "n": 8.0}}
    assert igv.browser_state("b") == igv.BrowserState(locus="chr1:1-20", clicked=7)
    assert igv.browser_state("b") == igv.BrowserState()


@pytest.mark.parametrize(
    "message",
    [1, "x", [], {"n": 1}, {"text": "a"}, {"text": 5, "n": 1}, {"text": {"a": 1}, "n": 1}, {"text": "a", "n": "1"}],
)
def test_what_a_page_sends_in_another_form_is_ignored(session: dict[str, Any], message: object) -> None:
    session["b"] = {"locus": message, "clicked": message}
    assert igv.browser_state("b") == igv.BrowserState()


def test_what_a_page_sends_is_cut(session: dict[str, Any]) -> None:
    session["b"] = {"locus": {"text": "A" * 100_000, "n": 1}}
    assert len(igv.browser_state("b").locus or "") == 4000


def _page() -> None:
    from app.components import igv
    from genome.locus import Locus

    reference = {"chrom": "chr22", "start": 100, "end": 200, "bases": "ACGT" * 25, "contig_length": 1000}
    track = {"id": "c", "kind": "letters", "name": "Contributions", "start": 100, "values": [0.5] * 100}
    state = igv.browser(key="b", reference=reference, locus=Locus("chr22", 100, 200), tracks=[track])
    assert state == igv.BrowserState()


def test_the_component_mounts_in_two_servers_of_one_process() -> None:
    for _ in range(2):
        page = AppTest.from_function(_page, default_timeout=20).run()
        assert not page.exception


# ---- the bundle -----------------------------------------------------------------------------------------------------


def fake_npm(folder: Path, script: str) -> None:
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\necho run >> {folder}/runs\n{script}\n", encoding="utf-8")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)


WORKING = "mkdir -p node_modules/igv/dist && echo code > node_modules/igv/dist/igv.esm.min.js && echo MIT > node_modules/igv/LICENSE"


def test_installing_twice_runs_npm_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, WORKING)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    vendor = tmp_path / "vendor"
    assert install.install(vendor)
    began = time.perf_counter()
    assert not install.install(vendor)
    assert time.perf_counter() - began < 5
    assert (tmp_path / "runs").read_text() == "run\n"
    assert install.installed_version(vendor) == install.wanted_version()


def test_a_failed_installation_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, "exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "VERSION").write_text("3.0.0\n")
    (vendor / "igv.esm.min.js").write_text("old")
    with pytest.raises(install.subprocess.SubprocessError):
        install.install(vendor)
    assert (vendor / "igv.esm.min.js").read_text() == "old"
    assert install.installed_version(vendor) == "3.0.0"


def test_the_lock_names_no_registry_and_checks_what_it_fetches() -> None:
    lock = (Path(install.__file__).parent / "package-lock.json").read_text(encoding="utf-8")
    assert "http" not in lock
    assert '"integrity": "sha512-' in lock


def test_our_own_javascript_parses_no_html_and_knows_no_address() -> None:
    sources = sorted((Path(install.__file__).parent / "igv_assets").glob("*.js"))
    assert {"browser.js", "painters.js", "tracks.js"} <= {source.name for source in sources}
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://(?!www\.w3\.org/2000/svg)"
    )
    for source in sources:
        assert not forbidden.findall(source.read_text(encoding="utf-8")), source.name
