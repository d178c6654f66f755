"""The rules of the saturation-mutagenesis comparison, on a table made by hand and a model known on paper."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.saturation import (
    ELEMENTS,
    FILE_BESIDE,
    OUTSIDE,
    RESULTS,
    Element,
    beside,
    ceilings,
    effects,
    markdown,
    read_elements,
    starts,
)
from genome.sequence import one_hot
from interpret.measured_known import KNOWN
from models import registry
from tests.toy_models import Linear, random_bases, toy_engine, toy_model

HEAD = "Chrom\tPos\tRef\tAlt\tBarcodes\tDNA\tRNA\tCoefficient\tpValue\tElement\tRelease\n"


def table(path: Path, rows: list[tuple[int, str, str, int, float, str, str]]) -> Path:
    lines = "".join(
        f"1\t{place}\t{ref}\t{alt}\t{barcodes}\t1\t1\t{value}\t0.1\t{element}\t{release}\n"
        for place, ref, alt, barcodes, value, element, release in rows
    )
    path.write_bytes(gzip.compress((HEAD + lines).encode()))
    return path


def test_only_well_measured_substitutions_of_one_release_count_and_gaps_are_n(tmp_path: Path) -> None:
    rows = [
        (11, "A", "C", 20, 0.5, name, "GRCh38") for name in ELEMENTS
    ] + [
        (13, "G", "T", 20, -0.5, "LDLR", "GRCh38"),
        (13, "G", "A", 9, 9.0, "LDLR", "GRCh38"),  # too few barcodes
        (13, "G", "-", 50, 9.0, "LDLR", "GRCh38"),  # a deletion
        (99, "G", "A", 50, 9.0, "LDLR", "GRCh37"),  # the other release
    ]  # fmt: skip
    by_name = {element.name: element for element in read_elements(table(tmp_path / "t.gz", rows))}
    assert by_name["LDLR"].bases == "ANG"
    assert by_name["LDLR"].changes == ((0, "A", "C"), (2, "G", ""), (2, "G", "T"))
    assert by_name["LDLR"].measured.tolist() == [0.5, 9.0, -0.5]
    assert by_name["LDLR"].deletions.tolist() == [False, True, False]
    assert by_name["LDLR"].rows == 4
    assert by_name["LDLR"].left_out == ("1 change seen with fewer than 10 barcodes",)


@pytest.mark.parametrize("offset", [0, 10, 150, 299])
def test_windows_stay_inside_the_element_and_hold_the_change(offset: int) -> None:
    found = starts(offset, 100, 300)
    assert 1 <= len(found) <= 5
    assert all(0 <= start <= offset < start + 100 <= 300 for start in found)


def test_a_short_element_stands_in_the_middle_of_the_window() -> None:
    assert starts(3, 100, 60) == [-20]


def test_effects_of_a_linear_model_are_the_mean_over_windows_of_its_weights() -> None:
    model = toy_model(Linear)
    bases = random_bases(50, seed=3)
    element = Element("x", bases, ((25, bases[25], "C" if bases[25] != "C" else "G"),), np.zeros(1))
    (found,) = effects(toy_engine(model).runner(model.spec.model_id), model.spec, (element,))
    weights = model.members[0].weights.detach().numpy()
    ref, alt = "ACGT".index(bases[25]), "ACGT".index(element.changes[0][2])
    places = [25 - start for start in starts(25, 20, 50)]
    expected = np.mean([weights[:, alt, place] - weights[:, ref, place] for place in places], axis=0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("offset", [0, 25, 49])
def test_a_deletion_lets_bases_in_on_the_right_and_never_shows_what_lies_behind_the_element(offset: int) -> None:
    model = toy_model(Linear)
    bases = random_bases(50, seed=3)
    element = Element("x", bases, ((offset, bases[offset], ""),), np.zeros(1))
    (found,) = effects(toy_engine(model).runner(model.spec.model_id), model.spec, (element, element))[:1]
    weights = model.members[0].weights.detach().numpy().astype(np.float64)
    shorter = bases[:offset] + bases[offset + 1 :]
    expected = []
    for start in starts(offset, 20, 49):
        ref, alt = (one_hot(text[start : start + 20]) for text in (bases, shorter))
        assert ref.sum() == alt.sum() == 20
        expected.append((weights * (alt - ref)).sum(axis=(1, 2)))
    np.testing.assert_allclose(found[0], np.mean(expected, axis=0), rtol=1e-4, atol=1e-5)


def test_the_table_has_a_line_for_each_kind_and_a_column_for_each_model() -> None:
    figures = {"n": 20, "spearman": {"value": 0.5, "low": 0.4, "high": 0.61}, "pearson": None}
    few = {"n": 2, "spearman": None, "pearson": None}
    own = {"head": "h", "substitutions": figures, "deletions": few, "all": {}}
    element = {
        "element": "E", "measured_in": "cells", "rows": 25, "substitutions": 20, "deletions": 2,
        "left_out": [], "replicate_ceiling": 0.87, "models": {"a": own, "simple-a": own, OUTSIDE: own},
    }  # fmt: skip
    ids = {"a": "a-0", "simple-a": "simple-a-0", OUTSIDE: "d-0"}
    found = {"rule": "r", "models": ids, "seen_in_training": dict.fromkeys(ids, "no"), "elements": {"E": element}}
    lines = markdown(found).splitlines()
    assert lines[2] == "| E (cells) | substitutions | 20 | 0.87 |" + " 0.50 (0.40 to 0.61) |" * 3
    assert lines[3] == "| E (cells) | deletions | 2 |  |" + "  |" * 3
    made = beside(found, "a")
    assert [row["name"] for row in made["scores"]] == ["a", "simple-a", OUTSIDE]
    assert made["model_id"] == "a-0"
    assert "spearman_deletions" not in made["scores"][0]


def test_what_was_measured_is_of_todays_models_and_accounts_for_every_row() -> None:
    found = json.loads(RESULTS.read_text())
    for name, model_id in found["models"].items():
        if (registry.RELEASED / name).is_dir():
            assert registry.spec(name).model_id == model_id
            assert json.loads((registry.RELEASED / name / FILE_BESIDE).read_text()) == beside(found, name)
    for name, element in found["elements"].items():
        lost = sum(int(reason.split()[0].replace(",", "")) for reason in element["left_out"])
        assert element["substitutions"] + element["deletions"] + lost == element["rows"]
        assert KNOWN[name].ceiling == element["replicate_ceiling"]


def test_the_ceiling_compares_what_both_experiments_measured() -> None:
    changes = (*((place, "C", "A") for place in range(6)), (7, "C", ""))
    values = np.array([0.0, 1, 2, 3, 4, 5, -9])
    pairs = {"LDLR": values, "LDLR.2": values**3, "PKLR-24h": values, "PKLR-48h": -values}
    found = ceilings(tuple(Element(name, "", changes, measured) for name, measured in pairs.items()))
    assert found == {"LDLR": 1.0, "LDLR.2": 1.0, "PKLR-24h": -1.0, "PKLR-48h": -1.0}
