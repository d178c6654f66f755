"""The panels for mutagenesis and for methods side by side, on the page without a browser."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import compute, compute_measured, compute_mutagenesis
from app.components import igv
from app.screens import mutagenesis as panel
from app.view import PANELS, View
from genome.errors import UserError
from genome.locus import Locus
from interpret.measured import parse_measured
from interpret.measured_beside import compare, guesses_of
from interpret.methods import METHODS, Method
from interpret.substitutions import substitutions
from models import registry
from tests.app.test_page import MAIN, captions, opened

PLACE = {"locus": "sb1:58391-58430", "model": registry.spec("simple").model_id}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(igv, "bundle_available", lambda: False)
    return AppTest.from_file(str(MAIN), default_timeout=120)


def view(**changed) -> View:
    spec = registry.spec("simple")
    return View(spec.model_id, "sandbox", Locus("sb1", 58_390, 58_430), "CTCF binding", **changed)


def charts(page: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def table(view: View) -> bytes:
    """A table that measured twice what is predicted, without noise."""
    found = substitutions(compute_mutagenesis.mutagenesis(view, compute.Asker()))
    rows = [f"sb1\t{c.position + 1}\t{c.ref}\t{c.alt}\t{2 * c.effect}" for c in found]
    return "\n".join(["chrom\tpos\tref\talt\tvalue", *rows]).encode()


def test_a_link_opens_the_panel_that_it_names(page: AppTest) -> None:
    opened(page, **PLACE, panel="mutagenesis")
    assert not page.exception
    assert not page.error
    assert [trace["type"] for trace in charts(page)[-1]["data"]].count("heatmap") == 1
    said = captions(page)
    assert "Blue raises the prediction" in said
    assert "in\\-silico mutagenesis" in said
    assert "No percentile" in said
    assert page.query_params["panel"] == "mutagenesis"


@pytest.mark.parametrize("name", list(PANELS))
def test_every_panel_opens(page: AppTest, name: str) -> None:
    opened(page, **PLACE, panel=name)
    assert not page.exception


def test_a_map_that_takes_too_long_is_refused_with_what_to_do(page: AppTest, monkeypatch) -> None:
    monkeypatch.setattr(compute_mutagenesis, "MOST_SECONDS", 0.0)
    opened(page, **PLACE, panel="mutagenesis")
    assert not page.exception
    assert "zoom in" in page.error[0].value


def test_what_takes_time_is_done_when_asked_for(page: AppTest, monkeypatch) -> None:
    monkeypatch.setattr(compute_mutagenesis, "PROMPT_SECONDS", 0.0)
    opened(page, **PLACE, panel="methods")
    words = " ".join(element.value for element in page.markdown).replace("\\", "")
    assert "takes about 1 second here. See the panel Mutagenesis" in words
    opened(page, panel="mutagenesis")
    assert not page.exception
    assert not page.get("plotly_chart")[1:]
    next(button for button in page.button if button.label == "Try every substitution").click()
    page.run()
    assert [trace["type"] for trace in charts(page)[-1]["data"]].count("heatmap") == 1
    opened(page, panel="methods")
    assert "See the panel Mutagenesis" not in " ".join(element.value for element in page.markdown)


def test_durations_are_said_as_people_say_them() -> None:
    said = [compute_mutagenesis.in_words(value) for value in (0.2, 1.4, 61, 150)]
    assert said == ["1 second", "1 second", "61 seconds", "2 minutes"]


def test_a_long_locus_is_refused_by_its_length() -> None:
    with pytest.raises(UserError, match="zoom in"):
        compute_mutagenesis.refuse_costly(replace(view(), locus=Locus("sb1", 0, compute.MAX_LETTERS + 1)))


def test_the_cost_grows_with_windows_and_is_measured(monkeypatch) -> None:
    window = registry.spec("simple").input_length
    monkeypatch.setattr(compute_mutagenesis, "position_seconds", lambda *_: 0.25)
    assert compute_mutagenesis.seconds(view()) == pytest.approx(0.25 * window)
    longer = replace(view(), locus=Locus("sb1", 58_000, 58_000 + 4 * window))
    assert compute_mutagenesis.seconds(longer) > 4 * compute_mutagenesis.seconds(view())


def test_a_measured_table_is_drawn_under_the_predicted_map_with_its_correlation(page: AppTest) -> None:
    page.session_state["measured_table"] = parse_measured("mine_<b>.tsv", table(view()))
    opened(page, **PLACE, panel="mutagenesis")
    assert not page.exception
    predicted = charts(page)[-3]
    assert [trace["type"] for trace in predicted["data"]].count("heatmap") == 2
    assert "<b>.tsv" not in json.dumps(predicted)
    words = " ".join(element.value for element in page.markdown)
    assert "| 120 |" in words
    assert "| substitutions | 1" in words.replace("\\", "")
    assert "compare the pattern, not the size" in captions(page)
    assert "mine" not in str(page.query_params)


def test_deletions_are_predicted_beside_substitutions_and_edits_say_the_same(page: AppTest) -> None:
    place = view()
    bases = compute.shown_sequence(place, compute.Asker()).bases
    rows = "".join(f"\nsb1\t{58_391 + at}\t{base}\t-\t{at}" for at, base in enumerate(bases)).encode()
    page.session_state["measured_table"] = parse_measured("mine.tsv", table(place) + rows)
    opened(page, **PLACE, panel="mutagenesis")
    assert not page.exception
    words = " ".join(element.value for element in page.markdown).replace("\\", "")
    assert "120 substitutions" in words
    assert "| deletions |" in words
    assert "| all |" in words
    assert "Other changes: Mean of 5 windows" in captions(page).replace("\\", "")
    matched = compute_measured.matched(place, page.session_state["measured_table"], compute.Asker())
    deletions = compute_measured.longer(matched)
    assert 10 < len(deletions) <= 40
    guesses = compute_measured.predicted(place, deletions, compute.Asker())
    alone = compute.edit_effect(replace(place, locus=Locus("sb1", 58_000, 58_800)), deletions[:1], compute.Asker())
    assert guesses[deletions[0]].effect == pytest.approx(float(alone.delta[0]), abs=1e-5)


def test_what_takes_long_is_asked_for_and_what_is_wrong_with_a_table_is_said(page: AppTest, monkeypatch) -> None:
    monkeypatch.setattr(compute_measured, "seconds", lambda *_: 100.0)
    base = compute.shown_sequence(view(), compute.Asker()).bases[0]
    page.session_state["measured_table"] = parse_measured(
        "mine.tsv", table(view()) + f"\nsb1\t58391\t{base}\t-\t1".encode()
    )
    opened(page, **PLACE, panel="mutagenesis")
    assert "1 deletion that nothing is predicted of here" in captions(page).replace("\\", "")
    page.button(key="measured-ask").click().run()
    assert not page.exception
    assert "nothing is predicted of here" not in captions(page)
    swapped = b"\n".join(
        b"\t".join((*cells[:2], cells[3], cells[2], *cells[4:])) if index else line
        for index, line in enumerate(table(view()).splitlines())
        for cells in [line.split(b"\t")]
    )
    page.session_state["measured_table"] = parse_measured("swapped.tsv", swapped)
    page.run()
    assert not page.exception
    assert "REF and ALT columns are probably swapped" in page.warning[0].value.replace("\\", "")


def test_a_table_along_its_target_waits_for_the_place_of_its_first_base(page: AppTest) -> None:
    place = view()
    bases = compute.shown_sequence(place, compute.Asker()).bases
    rows = "".join(f"n.{at + 1}{base}>{'C' if base != 'C' else 'G'},{at}\n" for at, base in enumerate(bases))
    page.session_state["pending_measured"] = ("urn_<b>.csv", f"hgvs_nt,score\n{rows}n.[1A>C;2C>G],1\n".encode())
    opened(page, **PLACE, panel="mutagenesis")
    where = next(box for box in page.text_input if "first base" in box.label)
    where.input("nowhere")
    next(button for button in page.button if button.label == "Read the table").click()
    page.run()
    assert "is not the place of a first base" in page.error[0].value
    next(box for box in page.text_input if "first base" in box.label).input("sb1:58,391")
    next(button for button in page.button if button.label == "Read the table").click()
    page.run()
    assert not page.exception
    words = " ".join(element.value for element in page.markdown).replace("\\", "")
    assert "40 substitutions" in words
    assert "counted from sb1:58,391 +" in words
    assert "1 row of several changes at once" in captions(page).replace("\\", "")
    assert not [box for box in page.text_input if "first base" in box.label]


def test_the_pairs_can_be_taken_away_with_what_was_asked() -> None:
    from app import export_measured
    from app.answer import answer

    found = answer(view(), compute.Asker())
    matched = compute_measured.matched(found.view, parse_measured("mine.tsv", table(view())), compute.Asker())
    pairs = compare(matched, guesses_of(substitutions(compute_mutagenesis.mutagenesis(view(), compute.Asker()))))
    parted = compute_measured.parted(found, pairs, "in the table's unit")
    text = export_measured.table(found.view, pairs, parted, windows="one window", unit="x", name="mine\n.tsv")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == 121
    for cells in lines[1:]:
        row = dict(zip(lines[0], cells, strict=True))
        assert float(row["measured"]) == pytest.approx(2 * float(row["predicted"]), abs=1e-4)
        assert float(row["residual"]) == pytest.approx(0, abs=1e-4)
    assert registry.spec("simple").model_id in text
    assert "# measured: mine .tsv, x" in text


def test_ranking_reads_the_windows_of_the_background_or_says_why_it_cannot(page: AppTest) -> None:
    page.session_state["rank-substitutions"] = True
    opened(page, **PLACE, panel="mutagenesis")
    assert not page.exception
    said = captions(page).replace("\\", "")
    assert "Mean of 5 windows" in said
    assert "No percentile: " in said
    assert "“Rank every substitution”" not in said


def test_methods_stand_side_by_side_and_one_can_be_taken(page: AppTest) -> None:
    opened(page, **PLACE, panel="methods")
    assert not page.exception
    drawn = charts(page)[-1]
    refused = {"deeplift"}  # the words of this model are products of letters
    assert len([name for name in drawn["layout"] if name.startswith("yaxis")]) == len(METHODS) - len(refused)
    words = " ".join(element.value for element in page.markdown).replace("\\", "")
    assert "used on this page" in words
    assert words.count("with the method used on this page") == len(METHODS) - 1 - len(refused)
    assert "DeepLIFT does not cover this network" in words
    page.button(key="explain-with-ism").click().run()
    assert not page.exception
    assert (page.query_params["method"], page.query_params["panel"]) == ("ism", "methods")


def test_a_method_that_refuses_says_why_in_its_place(page: AppTest, monkeypatch) -> None:
    def refuse(*_):
        raise UserError("It does not cover this <network>.")

    monkeypatch.setitem(METHODS, "refuses", Method("refusing", "no", ("uniform",), refuse, False, "None.", "nobody"))
    opened(page, **PLACE, panel="methods")
    assert not page.exception
    words = " ".join(element.value for element in page.markdown)
    assert "It does not cover this \\<network\\>" in words
    with pytest.raises(KeyError):
        page.button(key="explain-with-refuses")


def test_agreement_of_a_method_with_itself_is_one() -> None:
    rows = compute_mutagenesis.side_by_side(view(), compute.Asker())
    assert rows[0].shown
    assert not any(row.shown for row in rows[1:])
    assert compute_mutagenesis.agreement_of(rows[0].attribution, rows[0].attribution) == pytest.approx(1)
    flat = replace(rows[0].attribution, values=np.zeros_like(rows[0].attribution.values))
    assert compute_mutagenesis.agreement_of(rows[0].attribution, flat) is None


def test_every_file_of_the_map_is_made_and_names_the_method() -> None:
    from app.answer import answer

    found = answer(view(panel="mutagenesis"), compute.Asker())
    mutated = compute_mutagenesis.mutagenesis(found.view, compute.Asker())
    effects = substitutions(mutated)
    shown = panel.Shown(mutated, effects, (panel.heatmap.predicted_map(effects, "Mutagenesis"),), "")
    made = {ending: content() for ending, (_, content) in panel.files(found, shown, "safe", 10**6).items()}
    assert set(made) == {"svg", "pdf", "png", "tsv", "csv", "json", "zip"}
    for ending in ("svg", "tsv", "csv", "json"):
        assert "in-silico mutagenesis" in made[ending]
        assert registry.spec("simple").model_id in made[ending]
