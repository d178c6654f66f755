"""What a model folder is asked before it is offered, and what becomes of one that is hostile."""

from __future__ import annotations

import re

import pytest

from genome.errors import UserError
from models import registry
from models.check import examine, examine_apart, seconds_for
from tests.models.folders import CASES, write_case

COLLEAGUE = "tests.colleague.network"


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    """The administrator trusts the colleague's package."""
    names = [
        "Dilated",
        "Noisy",
        "Undefined",
        "OnlyWithoutN",
        "Stepped",
        "Deaf",
        "Company",
        "Short",
        "Broken",
        "Endless",
    ]
    names += ["Greedy", "Sharp", "Quitting", "not_a_network", "Nothing"]
    monkeypatch.setenv("CISLENS_ARCHITECTURES", ",".join(f"{COLLEAGUE}:{name}" for name in names))


def written(tmp_path, name="Dilated", **changes):
    """A folder with the colleague's weights and any class of the package."""
    place = write_case(tmp_path / "model", f"{COLLEAGUE}:Dilated", **changes)
    text = (place / "model.toml").read_text()
    (place / "model.toml").write_text(text.replace(f"{COLLEAGUE}:Dilated", f"{COLLEAGUE}:{name}"))
    return place


def by_name(findings):
    return {finding.name: finding for finding in findings}


@pytest.mark.parametrize("architecture", sorted(set(registry.ARCHITECTURES) & set(CASES)))
def test_every_architecture_of_ours_passes(tmp_path, architecture):
    findings = examine(write_case(tmp_path / "model", architecture))
    assert [finding for finding in findings if finding.hard and not finding.ok] == []
    assert {"shape", "finite", "repeats", "independence", "gradient", "N", "strands", "completeness"} <= set(
        by_name(findings)
    )


def test_a_colleagues_network_passes_and_what_was_found_is_said(tmp_path):
    findings = by_name(examine(written(tmp_path)))
    assert all(finding.ok for finding in findings.values())
    assert findings["shape"].text == "7 tracks x 64 bins from 1024 bp."
    assert "windows per second" in findings["speed"].text
    assert "Weights 0.0 MB" in findings["memory"].text
    assert "sd" in findings["strands"].text
    assert "averaged" in findings["strands"].text


@pytest.mark.parametrize(
    ("name", "found", "reason"),
    [
        ("Undefined", "finite", "NaN"),
        ("Noisy", "repeats", "dropout"),
        ("Company", "independence", "by batch"),
        ("Stepped", "gradient", "cannot be differentiated"),
        ("Deaf", "gradient", "zero everywhere"),
        ("OnlyWithoutN", "N", "NaN or infinite"),
        ("Short", "shape", r"promises \(6, 7, 64\) and member 0 gives \(6, 7, 63\)"),
        ("Broken", "shape", "KeyError: 'a key of its own'"),
    ],
)
def test_a_bad_network_fails_what_it_is_bad_at_and_nothing_after_it_is_asked(tmp_path, name, found, reason):
    *before, last = examine(written(tmp_path, name))
    assert all(finding.ok for finding in before)
    assert (last.name, last.ok, last.hard) == (found, False, True)
    assert re.search(reason, last.text), last.text
    assert "\n" not in last.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"output_length": 32}, "promises"),
        ({"resolution": 64}, "exceed the window"),
        ({"noise": True}, r"promises \(6, 14, 64\)"),
    ],
)
def test_a_promise_that_is_not_kept_is_refused(tmp_path, changes, reason):
    last = examine(written(tmp_path, **changes))[-1]
    assert last.name == "shape"
    assert not last.ok
    assert re.search(reason, last.text), last.text


def test_a_track_name_that_no_link_can_hold_is_refused_before_anything_is_loaded(tmp_path):
    place = written(tmp_path)
    (place / "model.toml").write_text((place / "model.toml").read_text().replace('"track 3"', '"<b>track</b>"'))
    last = by_name(examine(place))["names"]
    assert (last.ok, last.hard) == (False, True)


@pytest.mark.parametrize(("name", "reason"), [("not_a_network", "not a torch module"), ("Nothing", "cannot import")])
def test_an_import_path_that_leads_to_no_network_is_refused(tmp_path, name, reason):
    with pytest.raises(UserError, match=reason):
        examine(written(tmp_path, name))


def test_integrated_gradients_that_do_not_add_up_are_said_to_and_no_reason_to_refuse(tmp_path):
    found = by_name(examine(written(tmp_path, "Sharp")))["completeness"]
    assert not found.hard
    assert not found.ok


def test_a_process_apart_finds_the_same(tmp_path):
    place = written(tmp_path)
    apart = by_name(examine_apart(place))
    here = by_name(examine(place))
    assert apart.keys() == here.keys()
    assert apart["N"] == here["N"]


def test_a_network_that_never_comes_back_is_ended(tmp_path):
    (finding,) = examine_apart(written(tmp_path, "Endless"), seconds=3)
    assert (finding.name, finding.ok) == ("time", False)


def test_a_network_that_wants_too_much_memory_is_refused_by_its_limit(tmp_path):
    (finding,) = examine_apart(written(tmp_path, "Greedy"), memory=10**9)
    assert (finding.name, finding.ok, finding.hard) == ("memory", False, True)
    assert "1,000 MB" in finding.text


def test_a_network_that_ends_its_process_ends_no_other(tmp_path):
    (finding,) = examine_apart(written(tmp_path, "Quitting"))
    assert (finding.name, finding.ok) == ("run", False)
    assert "exit code 0" in finding.text


def test_a_very_long_window_is_asked_less_and_waited_for_longer(tmp_path, monkeypatch):
    from tests.experiment import far

    monkeypatch.setenv("CISLENS_ARCHITECTURES", far.PATH)
    folder = far.write_far(tmp_path)
    assert seconds_for(registry.read_folder(folder)) > 1_700
    found = by_name(examine(folder))
    assert all(finding.ok for finding in found.values() if finding.hard)
    assert "with 8 points" in found["completeness"].text
