"""Letters over the map of every substitution: what is drawn, what hovering says, and what is taken away."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from app import export_substitutions
from app.figures import heatmap, heatmap_files
from app.view import View
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.attribution import Attribution
from interpret.methods import attribute
from interpret.substitutions import Substitutions, substitutions
from models.core import Target
from tests.toy_models import WINDOW, Curved, random_bases, toy_engine, toy_model

LOCUS = Locus("chr22", 1_000, 1_030)
HOSTILE = "<img src=x onerror=alert(1)>"
BASES = random_bases(200)


@pytest.fixture
def found() -> Attribution:
    """A mutagenesis of 30 bp by an ensemble of three."""
    model = toy_model(Curved, n_members=3, strand_rule="average")
    sequence = Sequence(BASES, Locus("chr22", 900, 1_100))
    run = toy_engine(model).runner(model.spec.model_id)
    return attribute(run, model.spec, sequence, LOCUS, Target("one"), method="ism")


def maps_of(found: Attribution, **more) -> list[heatmap.Map]:
    return [heatmap.predicted_map(substitutions(found), "Every substitution", **more)]


def test_letters_are_four_filled_traces_and_the_map_is_one(found):
    drawn = heatmap.figure(maps_of(found), found, LOCUS, "safe")
    kinds = [(trace.type, trace.fill if trace.type == "scatter" else None) for trace in drawn.data]
    assert kinds.count(("scatter", "toself")) == 4
    assert kinds.count(("heatmap", None)) == 1
    assert len(drawn.data) == 4 + 2 + 2  # letters; the band and what hovering says; the map and its dots
    assert not drawn.layout.shapes
    assert len({trace.xaxis or "x" for trace in drawn.data}) == 1


def test_the_scale_is_symmetric_and_orange_lowers(found):
    (cells,) = [t for t in heatmap.figure(maps_of(found), found, LOCUS, "safe").data if t.type == "heatmap"]
    assert cells.zmin == -cells.zmax
    sizes = np.abs(substitutions(found).effects)
    assert 0.98 < (sizes < cells.zmax).mean() < 1
    assert (cells.colorscale[0][1], cells.colorscale[-1][1]) == (heatmap.LOWERS, heatmap.RAISES)


def test_each_dot_stands_on_its_base_whose_effect_is_zero(found):
    drawn = heatmap.figure(maps_of(found), found, LOCUS, "safe")
    cells, dots = drawn.data[-2], drawn.data[-1]
    assert "".join(dots.y) == BASES[100:130]
    assert list(dots.x) == list(range(1_001, 1_031))
    for place, base in zip(dots.x, dots.y, strict=True):
        assert cells.z["ACGT".index(base)][place - 1_001] == 0


def test_hovering_says_place_change_effect_unit_spread_and_percentile(found):
    effects = substitutions(found)
    ranked = np.full(effects.effects.shape, 98.25, np.float32)
    texts = heatmap.hover_texts(maps_of(found, percentiles=ranked)[0], LOCUS)
    change = next(iter(effects))
    said = texts["ACGT".index(change.alt)][0]
    assert f"1,001 <b>{change.ref}&gt;{change.alt}</b>" in said
    assert "log odds ± " in said
    assert "larger than 98.2 % of the background" in said
    sign = "+" if change.effect > 0 else "−"
    assert f"effect {sign}{abs(change.effect):.{heatmap._digits(effects.largest)}f}" in said
    assert texts["ACGT".index(change.ref)][0] == f"1,001 <b>{change.ref}</b> stands here"


def test_nothing_that_people_wrote_becomes_markup(found):
    tracks = (replace(found.spec.tracks[0], name=HOSTILE, unit=HOSTILE), found.spec.tracks[1])
    hostile = replace(found, spec=replace(found.spec, tracks=tracks), target=Target(HOSTILE))
    shown = replace(maps_of(found)[0], title=HOSTILE, unit=HOSTILE)
    text = heatmap.figure([shown, shown], hostile, replace(LOCUS, chrom=HOSTILE), "safe").to_json()
    assert "<img" not in text
    svg = heatmap_files.picture([shown], hostile, replace(LOCUS, chrom=HOSTILE), HOSTILE)
    assert not [element for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("img")]


def test_a_deleted_base_leaves_a_gap_and_an_inserted_one_has_no_column(found):
    sequence = Sequence(
        "ACGTAC",
        Locus("chr22", 1_000, 1_006),
        (),
        np.array([1_000, 1_001, 1_001, 1_003, 1_004, 1_005]),
        np.array([False, False, True, False, False, False]),
    )
    effects = Substitutions(sequence, np.ones((4, 6), np.float32), None, "log2", "one window")
    placed = heatmap.along_locus(effects.effects, sequence, Locus("chr22", 1_000, 1_006))
    assert np.isnan(placed[:, 2]).all()
    assert (placed[:, [0, 1, 3, 4, 5]] == 1).all()
    assert heatmap.standing_bases(sequence, sequence.locus) == ([1_001, 1_002, 1_004, 1_005, 1_006], list("ACTAC"))


def test_the_measured_map_stands_under_the_predicted_one_on_the_same_axis(found):
    shown = maps_of(found)[0]
    drawn = heatmap.figure([shown, replace(shown, title="Measured", what="measured")], found, LOCUS, "safe")
    cells = [trace for trace in drawn.data if trace.type == "heatmap"]
    assert [trace.yaxis for trace in cells] == ["y2", "y3"]
    tops = [drawn.layout[name].domain[1] for name in ("yaxis", "yaxis2", "yaxis3")]
    assert tops == sorted(tops, reverse=True)
    assert drawn.layout.xaxis.anchor == "y3"


def test_the_svg_has_one_cell_for_each_known_effect_and_the_scale_of_the_screen(found):
    svg = heatmap_files.picture(maps_of(found), found, LOCUS, "made of toys")
    tree = ElementTree.fromstring(svg)
    boxes = sum(e.get("d", "").count("z") for e in tree.iter() if e.tag.endswith("path") and "z" in e.get("d", ""))
    assert boxes == 4 * LOCUS.length
    assert len([e for e in tree.iter() if e.tag.endswith("circle")]) == LOCUS.length
    assert "made of toys" in [e.text for e in tree.iter() if e.tag.endswith("text")]
    assert heatmap_files.colour_of(1) == heatmap.RAISES.lower()
    assert heatmap_files.colour_of(-1) == heatmap.LOWERS.lower()
    assert heatmap_files.colour_of(0) == heatmap.NONE.lower()


@pytest.mark.parametrize(("kind", "begins"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_files_for_papers_are_the_same_bytes_each_time(found, kind, begins):
    made = [heatmap_files.publication(maps_of(found), found, LOCUS, "made of toys $x$", kind) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].startswith(begins)


def test_the_table_lists_every_substitution_with_provenance(found):
    view = View(found.spec.model_id, "made", LOCUS, "one", contig="0123456789ab")
    view = replace(view, method="ism", baseline="four")
    effects = substitutions(found)
    for form, mark in (("tsv", "\t"), ("csv", ",")):
        text = export_substitutions.table(view, found, effects, contig_digest="0123456789ab", form=form)
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert lines[0].split(mark) == ["chrom", "position", "ref", "alt", "effect", "spread", "unit"]
        assert len(lines) == 1 + 3 * LOCUS.length
        first, change = lines[1].split(mark), next(iter(effects))
        assert first[:4] == ["chr22", "1001", change.ref, change.alt]
        assert float(first[4]) == pytest.approx(change.effect, rel=1e-5)
        assert float(first[5]) == pytest.approx(change.spread, rel=1e-5)
        for key in ("model_id", "track", "method", "baseline", "seed", "strand_rule", "effect"):
            assert f"# {key}: " in text


def test_the_json_holds_the_map(found):
    view = replace(View(found.spec.model_id, "made", LOCUS, "one"), method="ism", baseline="four")
    record = json.loads(export_substitutions.as_json(view, found, substitutions(found), contig_digest=""))
    assert record["bases"] == BASES[100:130]
    assert record["effects"]["A"] == pytest.approx(substitutions(found).effects[0].tolist(), rel=1e-4, abs=1e-7)
    assert record["method"] == "in-silico mutagenesis"
    assert len(record["spread_between_members"]["T"]) == LOCUS.length


def test_a_thousand_letters_and_their_map_are_built_promptly(found):
    """About 60 ms on a laptop; the bound is for a machine that does other things too."""
    sequence = Sequence(random_bases(1_000), Locus("chr22", 0, 1_000))
    hypothetical = np.random.default_rng(0).normal(size=(4, 1_000)).astype(np.float32)
    values = (hypothetical * sequence.one_hot()).sum(0)
    members = np.stack([values, values + 1])
    large = replace(
        found, sequence=sequence, hypothetical=hypothetical, values=values, members=members, core=(0, 1_000)
    )
    shown = heatmap.predicted_map(Substitutions(sequence, hypothetical, None, "log odds", "several"), "All")
    heatmap.figure([shown], large, sequence.locus, "safe")
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        heatmap.figure([shown], large, sequence.locus, "safe")
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.4


def test_the_window_of_the_map_is_the_locus(found):
    assert LOCUS.length > WINDOW
    assert substitutions(found).sequence.locus == LOCUS
