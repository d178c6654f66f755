"""Two answers side by side, one axis rule; profiles of reads, and which of their two numbers is explained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import answer as answers
from app import compute, side_by_side
from app.components import igv
from app.compute import Asker
from app.figures import beside, tracks
from app.view import Beside, View
from genome.catalog import open_genome
from genome.errors import UserError
from genome.locus import Locus, Variant
from interpret import background
from interpret.background import Rank
from models import registry
from models.core import Target
from tests.app.toy_folders import BINS, PATHS, WINDOW, write_cells, write_profile

MAIN = Path(__file__).parents[2] / "app" / "main.py"
ASKER = Asker(session="test")
PLACE = Locus("sb1", 58_350, 58_380)  # fits one window
LONG = Locus("sb1", 58_350, 58_510)


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cells of one unit, cells of two units, and reads, beside the released models."""
    write_cells(tmp_path)
    write_cells(tmp_path, "mixed", ("K562", "HEK293"), units=("log2(RNA/DNA)", "counts"), seed=5)
    write_profile(tmp_path)
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    return tmp_path


def view_of(model: str = "cells", track: str = "K562 activity", locus: Locus = LONG, **changes) -> View:
    return View(registry.spec(model).model_id, "sandbox", locus, track, **changes)


def with_beside(other: str, other_track: str, **changes) -> View:
    return view_of(**changes, beside=Beside(registry.spec(other).model_id, other_track))


def paired(view: View) -> tuple[answers.Answer, side_by_side.Pair]:
    found = answers.answer(view, ASKER)
    pair = side_by_side.pair(found, ASKER)
    assert pair is not None
    return found, pair


def drawn(view: View) -> dict[str, dict]:
    found, pair = paired(view)
    above = tracks.predicted(found.prediction, view.track)
    if found.attribution is not None:
        above.insert(1, tracks.contributions(found.attribution, view.locus))
    rows = beside.rows(pair, above, view.locus)
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}


def ranked(monkeypatch: pytest.MonkeyPatch, *models: str) -> None:
    """Gives models a background in which a value's percentile is known: the logistic function of it."""

    class Known(background.Background):
        def __init__(self) -> None:
            object.__setattr__(self, "about", type("About", (), {"words": "made-up places"}))

        def rank_activity(self, track: str, value: float, *, synthetic: bool | None) -> Rank:
            return Rank(1 / (1 + np.exp(-value)), "higher than some of 7 windows", "made", 7)

    names = {registry.spec(model).model_id for model in models}
    monkeypatch.setattr(background, "chosen", lambda model_id, **_: Known() if model_id in names else None)


def test_one_unit_of_one_model_shares_one_axis_for_predictions_and_for_letters() -> None:
    rows = drawn(with_beside("cells", "HepG2 activity"))
    for first, second in (("predicted-2", "beside-predicted"), ("contributions", "beside-contributions")):
        ends = [(rows[name]["minimum"], rows[name]["maximum"]) for name in (first, second)]
        assert ends[0] == ends[1]
        for name in (first, second):
            values = [value for value in rows[name]["values"] if value is not None]
            assert ends[0][0] <= min(values) <= max(values) <= ends[0][1]


def test_the_track_beside_is_not_drawn_small_again_and_the_others_are() -> None:
    rows = drawn(with_beside("cells", "HepG2 activity"))
    assert list(rows) == ["predicted-2", "contributions", "beside-predicted", "beside-contributions", "predicted-0"]


def test_what_is_drawn_beside_is_what_that_model_says_alone() -> None:
    rows = drawn(with_beside("tf-binding", "PU.1 binding"))
    alone = answers.answer(view_of("tf-binding", "PU.1 binding"), ASKER)
    assert rows["beside-predicted"]["values"] == alone.prediction.values[1].tolist()
    assert alone.attribution is not None
    assert (
        rows["beside-contributions"]["values"] == tracks.in_genome_coordinates(alone.attribution, alone.view.locus)[1]
    )


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (("mixed", "K562 activity"), ("mixed", "HEK293 activity"), "Different units (log2(RNA/DNA) and counts)"),
        (("cells", "K562 activity"), ("mixed", "K562 activity"), "Two models: each has its own zero"),
        (("cells", "K562 activity"), ("tf-binding", "CTCF binding"), "Two models with different units"),
    ],
)
def test_without_percentiles_each_has_its_own_axis_and_the_reason_is_said(monkeypatch, first, second, words) -> None:
    monkeypatch.setattr(background, "chosen", lambda *_, **__: None)
    _, pair = paired(with_beside(*second, model=first[0], track=first[1]))
    assert pair.axis == "separate"
    assert words in pair.words
    assert "no background" in pair.words
    rows = beside.rows(pair, tracks.predicted(pair.first.prediction, pair.first.track), LONG)
    assert all("minimum" not in row for row in rows)


def test_two_models_with_backgrounds_are_drawn_as_percentiles_that_rise_with_the_value(monkeypatch) -> None:
    ranked(monkeypatch, "cells", "tf-binding")
    rows = drawn(with_beside("tf-binding", "CTCF binding"))
    found, pair = paired(with_beside("tf-binding", "CTCF binding"))
    assert pair.axis == "percentiles"
    assert "7 windows of made-up places" in pair.words
    for row, values in (
        (rows["predicted-2"], found.prediction.values[2]),
        (rows["beside-predicted"], pair.second.prediction.values[0]),
    ):
        np.testing.assert_allclose(row["values"], 100 / (1 + np.exp(-values.astype(np.float64))), rtol=1e-6)
        assert (row["minimum"], row["maximum"], row["unit"]) == (0, 100, "percentile")
        assert not {"low", "high", "band"} & set(row)


def test_one_background_is_not_enough_for_percentiles_and_the_page_says_whose_is_missing(monkeypatch) -> None:
    ranked(monkeypatch, "cells")
    _, pair = paired(with_beside("tf-binding", "CTCF binding"))
    assert pair.axis == "separate"
    assert "tf-binding: this model has no background" in pair.words
    assert "cells:" not in pair.words


def test_the_bins_of_a_profile_are_never_ranked_among_windows(monkeypatch) -> None:
    ranked(monkeypatch, "cells", "reads")
    _, pair = paired(with_beside("reads", "reads +"))
    assert pair.axis == "separate"
    assert "bins of a profile" in pair.words


def test_where_many_bases_are_unknown_nothing_is_ranked(monkeypatch) -> None:
    ranked(monkeypatch, "cells", "mixed")
    off_the_end = Locus("sb1", -30, 70)
    found, pair = paired(with_beside("mixed", "K562 activity", locus=off_the_end))
    assert pair.axis == "separate"
    assert "unknown (N)" in pair.words
    assert not any(line.rank for line in side_by_side.table(found, ASKER).lines)


def test_one_edit_is_read_across_all_cells_as_the_difference_of_their_predictions() -> None:
    base = open_genome("sandbox").sequence(Locus("sb1", 58_360, 58_361)).bases
    edit = Variant("sb1", 58_361, base, "A" if base != "A" else "C")
    view = with_beside("mixed", "HEK293 activity", locus=PLACE, edits=(edit,))
    table = side_by_side.table(answers.answer(view, ASKER), ASKER)
    after = compute.prediction(view, ASKER).values[:, 0]
    before = compute.prediction(replace(view, edits=()), ASKER).values[:, 0]
    assert [line.track.biosample for line in table.lines] == ["WTC11", "HepG2", "K562", "K562", "HEK293"]
    np.testing.assert_allclose([line.value for line in table.lines[:3]], after, rtol=1e-5)
    changes = [line.change[0] for line in table.lines[:3] if line.change]
    np.testing.assert_allclose(changes, after - before, atol=1e-5)
    assert max(abs(change) for change in changes) > 0.01
    assert [line.drawn for line in table.lines] == [False, False, True, False, True]


def test_the_table_of_reads_sums_them_over_the_locus() -> None:
    view = view_of("reads", "reads +", Locus("sb1", 58_351, 58_361))
    line = side_by_side.table(answers.answer(view, ASKER), ASKER).lines[0]
    found = compute.prediction(view, ASKER)
    inside = (found.starts >= 58_351) & (found.ends <= 58_361)
    assert inside.sum() == 10
    assert line.value == pytest.approx(float(found.values[0, inside].sum()), rel=1e-6)


def test_every_other_track_can_be_chosen_and_the_one_shown_cannot() -> None:
    view = view_of()
    offered = side_by_side.choices(view)
    assert Beside(view.model, view.track) not in offered
    assert offered[:2] == (Beside(view.model, "WTC11 activity"), Beside(view.model, "HepG2 activity"))
    assert len(set(offered)) == sum(len(spec.tracks) for spec in registry.specs()) - 1


def expected_reads(position: int, strand: int) -> float:
    weight = {"A": (0.0, 0.5), "C": (1.0, 0.0), "G": (2.0, 1.0), "T": (-1.0, 1.5)}
    base = open_genome("sandbox").sequence(Locus("sb1", position, position + 1)).bases
    return float(np.exp(weight[base][strand]))


@pytest.mark.parametrize("locus", [Locus("sb1", 58_350, 58_370), LONG])
def test_each_bin_of_a_profile_stands_at_its_base(locus) -> None:
    found = compute.prediction(view_of("reads", "reads +", locus), ASKER)
    assert (found.ends - found.starts == 1).all()
    assert set(range(locus.start, locus.end)) <= set(found.starts.tolist())
    assert len(set(found.starts.tolist())) == len(found.starts)
    for index in range(0, len(found.starts), 7):
        wanted = [expected_reads(int(found.starts[index]), strand) for strand in (0, 1)]
        np.testing.assert_allclose(found.values[:, index], wanted, rtol=1e-5)


def test_the_headline_of_a_profile_lies_inside_the_locus_that_is_shown() -> None:
    locus = Locus("sb1", 58_358, 58_360)
    found = answers.answer(view_of("reads", "reads +", locus), ASKER)
    assert len(found.prediction.starts) == BINS > locus.length
    assert locus.start <= found.headline.start < found.headline.end <= locus.end
    assert found.prediction.values[0].max() > found.headline.value  # a larger bin lies beyond the locus


def test_letters_of_total_reads_add_up_to_the_log_of_all_reads_of_both_strands() -> None:
    found = compute.attribution(view_of("reads", "reads +", PLACE, reduce="counts"), ASKER)
    answer = compute.prediction(view_of("reads", "reads +", PLACE), ASKER)
    reference = np.log1p(BINS * (np.exp(0.5) + np.exp(0.75)))  # a quarter of each base: mean weights 0.5 and 0.75
    assert found.target == Target("reads +", "counts")
    assert found.values.sum() == pytest.approx(np.log1p(answer.values.sum(dtype=np.float64)) - reference, abs=0.02)


def test_the_shape_is_explained_otherwise_than_the_total_and_neither_takes_the_others_letters() -> None:
    by_reduce = {
        reduce: compute.attribution(view_of("reads", "reads +", PLACE, reduce=reduce), ASKER)
        for reduce in ("counts", "profile", "mean")
    }
    assert np.abs(by_reduce["counts"].values - by_reduce["profile"].values).max() > 0.01
    np.testing.assert_array_equal(by_reduce["mean"].values, by_reduce["counts"].values)  # links without it mean this
    assert by_reduce["counts"].unit != by_reduce["profile"].unit


@pytest.mark.parametrize("reduce", ["counts", "profile"])
def test_a_track_of_one_value_per_window_has_no_reads_to_explain(reduce) -> None:
    with pytest.raises(UserError, match="one value per window"):
        answers.answer(view_of(reduce=reduce), ASKER)


def test_a_screen_gets_no_more_bins_than_it_can_draw_and_loses_no_reads(monkeypatch) -> None:
    found = compute.prediction(view_of("reads", "reads +"), ASKER)
    monkeypatch.setattr(tracks, "MAX_BINS", 9)
    fewer = tracks.drawable(found)
    assert len(fewer.starts) <= 9 < len(found.starts)
    assert (fewer.starts[0], fewer.ends[-1]) == (found.starts[0], found.ends[-1])
    assert (fewer.starts[1:] == fewer.ends[:-1]).all()
    reads = (fewer.values * (fewer.ends - fewer.starts)).sum(axis=1)
    np.testing.assert_allclose(reads, found.values.sum(axis=1), rtol=1e-5)
    assert tracks.drawable(fewer) is fewer


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page on a computer where igv.js was never installed."""
    monkeypatch.setattr(igv, "bundle_available", lambda: False)
    return AppTest.from_file(str(MAIN), default_timeout=120)


def opened(page: AppTest, view: View, **changed: str) -> AppTest:
    for name, value in (view.to_query() | changed).items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(element.value for element in (*page.caption, *page.markdown, *page.error))


def test_the_second_answer_is_drawn_the_rule_said_and_both_stay_in_the_link(page) -> None:
    view = with_beside("cells", "HepG2 activity", locus=PLACE)
    opened(page, view)
    assert len(page.get("plotly_chart")) == 2
    assert "drawn on one axis" in words(page)
    assert page.query_params["beside"] == f"{view.model}|HepG2 activity"
    page.selectbox(key="beside").set_value("nothing").run()
    assert "beside" not in page.query_params
    assert len(page.get("plotly_chart")) == 1


@pytest.mark.parametrize(
    ("named", "said"),
    [("nowhere-0123456789ab|x", "Nothing is drawn beside"), ("cells-000000000000|K562 activity", "today's version")],
)
def test_a_second_model_that_is_not_here_takes_nothing_from_the_first(page, named, said) -> None:
    opened(page, view_of(track="WTC11 activity", locus=PLACE), beside=named)
    assert said in words(page)
    assert page.get("plotly_chart")


def test_a_second_track_that_its_model_lacks_takes_nothing_from_the_first(page) -> None:
    opened(page, view_of(locus=PLACE), beside=f"{registry.spec('mixed').model_id}|liver")
    assert "mixed has no track 'liver'" in words(page).replace("\\", "")
    assert len(page.get("plotly_chart")) == 1


def test_what_of_a_profile_is_explained_can_be_chosen_and_travels_in_the_link(page) -> None:
    opened(page, view_of("reads", "reads +", PLACE))
    assert page.query_params["reduce"] == "counts"
    assert page.selectbox(key="reduce").options == ["Total reads (log)", "Shape of the profile"]
    page.selectbox(key="reduce").set_value("profile").run()
    assert not page.exception
    assert page.query_params["reduce"] == "profile"


def test_where_there_is_one_number_to_explain_nothing_is_asked(page) -> None:
    opened(page, view_of(locus=PLACE))
    assert "reduce" not in [box.key for box in page.selectbox]
    assert page.query_params["reduce"] == "mean"


def test_the_window_of_the_toys_is_as_the_tests_assume() -> None:
    assert PLACE.length <= WINDOW < LONG.length
