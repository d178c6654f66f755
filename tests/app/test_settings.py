"""One table of settings: complete, documented, and strict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings import SETTINGS, cache_bytes, remote_policy, setting
from genome.errors import UserError

ROOT = Path(__file__).parents[2]
PRODUCT = [
    path for folder in ("genome", "models", "interpret", "experiment", "app") for path in (ROOT / folder).rglob("*.py")
]


def test_the_readme_documents_every_setting_and_no_other():
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| *`(CISLENS_[A-Z_<>]+)` *\| *(.*?) *\| *(.*?) *\|$", text, re.MULTILINE)
    documented = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert documented == {row.name: (row.default, row.meaning) for row in SETTINGS}


def test_every_setting_that_the_code_reads_is_in_the_table():
    read = {
        re.sub(r"^(CISLENS_GENOME|CISLENS_GENES)_$", r"\1_<NAME>", name)
        for path in PRODUCT
        if path.name != "settings.py"
        for name in re.findall(r"""environ(?:\.get\(|\[)\s*f?["'](CISLENS_[A-Z_]+)""", path.read_text())
    }
    assert read
    assert read <= {row.name for row in SETTINGS}


def test_every_setting_in_the_table_is_read_somewhere():
    code = "\n".join(path.read_text() for path in PRODUCT if path.name != "settings.py")
    code += 'setting("CISLENS_REMOTE")  setting("CISLENS_CACHE_MB")  setting("CISLENS_JOBS_GB")'
    code += 'setting("CISLENS_UPLOAD_DAYS") setting("CISLENS_UPLOAD_MB")'  # read in settings.py itself
    for row in SETTINGS:
        assert row.name.replace("<NAME>", "") in code


def test_a_setting_that_is_empty_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("CISLENS_CACHE_MB", "")
    assert setting("CISLENS_CACHE_MB") == "512"
    assert cache_bytes() == 512_000_000


@pytest.mark.parametrize("policy", ["ask", "allow", "deny", "DENY", "Allow"])
def test_the_three_policies_are_understood(monkeypatch, policy):
    monkeypatch.setenv("CISLENS_REMOTE", policy)
    assert remote_policy() == policy.lower()


def test_without_a_policy_everybody_is_asked(monkeypatch):
    monkeypatch.delenv("CISLENS_REMOTE")
    assert remote_policy() == "ask"


@pytest.mark.parametrize("policy", ["yes", "0", "allow;", "x" * 500])
def test_any_other_policy_is_refused_with_the_choices(monkeypatch, policy):
    monkeypatch.setenv("CISLENS_REMOTE", policy)
    with pytest.raises(UserError, match="ask, allow or deny") as refusal:
        remote_policy()
    assert len(str(refusal.value)) < 100


def test_the_memory_is_counted_in_megabytes(monkeypatch):
    monkeypatch.setenv("CISLENS_CACHE_MB", "7")
    assert cache_bytes() == 7_000_000


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "much", "²", "٣", "9" * 5000])
def test_memory_that_is_not_a_number_of_megabytes_is_refused(monkeypatch, text):
    monkeypatch.setenv("CISLENS_CACHE_MB", text)
    with pytest.raises(UserError, match="megabytes") as refusal:
        cache_bytes()
    assert len(str(refusal.value)) < 120
