"""The What if screen without a browser, on the sandbox."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from models import registry


def screen() -> None:
    """What the page runs."""
    from app.screens import what_if

    what_if.show()


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(screen, default_timeout=180).run()


def chosen(page: AppTest, question: str) -> AppTest:
    page.session_state["whatif-question"] = question
    return page.run()


def asked(page: AppTest) -> AppTest:
    next(button for button in page.button if button.label == "Ask the model").click()
    return page.run()


def words(page: AppTest) -> str:
    html = [element.proto.body for element in page.get("html")]
    return " ".join([*html, *(element.value for element in (*page.markdown, *page.caption))])


def said(page: AppTest, typed: str) -> AppTest:
    page.text_input(key="whatif-in-words").input(typed)
    next(button for button in page.button if button.label == "Find").click()
    return page.run()


def test_the_first_press_takes_the_planted_site_out_on_every_track(page: AppTest) -> None:
    assert not page.exception
    assert page.text_input(key="whatif-in-motif").value == "CTCF"
    asked(page)
    assert not page.exception
    assert not page.error
    frame = page.dataframe[0].value
    assert frame["track"].tolist() == ["CTCF binding", "PU.1 binding"]
    assert frame["change"][0] < -2 < -frame["± between members"][0]
    assert abs(frame["change"][1]) < abs(frame["change"][0]) / 2
    assert "dinucleotide shuffle" in words(page)
    assert registry.spec("tf-binding").model_id in words(page).replace("\\", "")


@pytest.mark.parametrize("question", ["Shuffle tiles", "Everywhere", "Needed or enough", "How additive"])
def test_one_press_answers_each_question(page: AppTest, question: str) -> None:
    asked(chosen(page, question))
    assert not page.exception
    assert not page.error
    assert len(page.dataframe) == 1
    assert len(page.get("plotly_chart")) == 1
    assert len(page.get("download_button")) == 2


def test_a_share_of_log_odds_is_refused_and_the_difference_is_shown(page: AppTest) -> None:
    asked(chosen(page, "Shuffle tiles"))
    assert "no amount" in words(page)
    frame = page.dataframe[0].value
    assert frame["share lost"].isna().all()
    top = frame.loc[frame["lost"].idxmax()]
    assert 58_400 <= top["from"] <= 58_460
    assert top["low"] > 0


def test_a_question_about_the_cell_is_refused_in_words(page: AppTest) -> None:
    said(page, "knock out GATA1")
    assert "exactly zero" in page.warning[0].value
    assert len(page.dataframe) == 0


def test_a_question_in_words_fills_in_the_form(page: AppTest) -> None:
    said(page, "do SPI1 and CEBPB act together?")
    assert page.text_input(key="whatif-in-first").value == "SPI1"
    assert page.text_input(key="whatif-in-second").value == "CEBPB"


def test_a_mistake_is_one_sentence_and_nothing_typed_is_lost(page: AppTest) -> None:
    page.text_input(key="whatif-in-motif").input("NOTAFACTOR")
    page.text_input(key="whatif-in-where").input("58,400")
    asked(page)
    assert "neither DNA letters nor" in page.error[0].value
    assert page.text_input(key="whatif-in-motif").value == "NOTAFACTOR"
    chosen(page, "Everywhere")
    chosen(page, "Change a motif")
    assert page.text_input(key="whatif-in-motif").value == "NOTAFACTOR"


def test_the_changed_sequence_opens_as_a_link_with_the_same_numbers() -> None:
    from app import compute, compute_whatif
    from app.compute import Asker
    from app.examples import EXAMPLES
    from app.screens.state import of_example
    from app.view import from_query

    view, asker = of_example(EXAMPLES[0]), Asker()
    found = compute_whatif.change(view, "Flip", "CTCF", "", "", "+", 0, asker)
    linked = from_query(found.after.to_query())
    assert linked.edits == found.edits
    effect = compute.edit_effect(linked, linked.edits, asker)
    assert effect.delta == pytest.approx(found.effect.delta, abs=1e-5)


def test_files_say_everything_that_decides_the_answer() -> None:
    from app import compute_whatif, whatif_record
    from app.compute import Asker
    from app.examples import EXAMPLES
    from app.screens.state import of_example

    view, asker = of_example(EXAMPLES[0]), Asker()
    spec = registry.spec(view.model)
    found = compute_whatif.everywhere(view, "CTCF", "+", 100, 7, "explained", asker)
    record = json.loads(whatif_record.as_json(view, spec, found))
    assert record["model_id"] == spec.model_id
    assert (record["seed"], record["n"], record["scale"]) == (7, 100, "log odds")
    assert "GCGC" in record["motif"] or "CCCC" in record["motif"]
    assert record["columns"]["effect"][0] > 1
    table = whatif_record.as_csv(view, spec, found)
    assert table.startswith("# software: cislens")
    assert "\ntrack,cell type,effect," in table
    assert found is compute_whatif.everywhere(view, "CTCF", "+", 100, 7, "explained", asker)


def view_of(**changed: str):
    from app.examples import EXAMPLES
    from app.screens.state import of_example
    from app.view import from_query

    return from_query(of_example(EXAMPLES[0]).to_query() | changed)


def test_inserted_bases_are_refused_before_a_motif_is_changed_and_substitutions_are_kept() -> None:
    from app import compute_whatif
    from app.compute import Asker
    from genome.errors import UserError

    with pytest.raises(UserError, match="undo those edits"):
        compute_whatif.change(view_of(edits="58400.-.ACGT"), "Take out", "CTCF", "", "", "+", 0, Asker())
    base = view_of()
    found = compute_whatif.change(base, "Take out", "CTCF", "", "", "+", 0, Asker())
    again = compute_whatif.change(found.after, "Put in", "CTCF", "58,422", "", "-", 0, Asker())
    assert again.after.edits
    assert abs(float(again.effect.delta[0])) > 5


def test_questions_too_large_to_wait_for_are_refused() -> None:
    from app import compute_whatif
    from app.compute import Asker
    from genome.errors import UserError

    with pytest.raises(UserError, match="more than 60,000"):
        compute_whatif.spacing(view_of(), "CTCF", "SPI1", range(60), 1_000, 0, "explained", Asker())
    with pytest.raises(UserError, match="from 100 to 1,000 backgrounds"):
        compute_whatif.everywhere(view_of(), "CTCF", "+", 10, 0, "explained", Asker())
    with pytest.raises(UserError, match="gap"):
        compute_whatif.spacing(view_of(), "CTCF", "SPI1", range(5, 2), 100, 0, "explained", Asker())


def test_what_stands_here_fills_in_the_form_and_motifs_are_read_from_words() -> None:
    from app import compute_whatif
    from app.compute import Asker

    assert compute_whatif.found_here(view_of(), Asker()) == ("CTCF", "58,422-58,440")
    assert compute_whatif.motifs_in(view_of(), "What if I move CTCF next to SPI1 here?", Asker()) == ("CTCF", "SPI1")
    assert compute_whatif.motifs_in(view_of(), "put AAAGAGGAAGT in", Asker()) == ("AAAGAGGAAGT",)
    assert compute_whatif.motifs_in(view_of(), "take it out", Asker()) == ()


def test_a_spacing_scan_is_drawn_with_what_is_called_and_goes_whole_into_the_table() -> None:
    from app import compute_whatif, whatif_record
    from app.compute import Asker
    from app.figures import whatif as figures

    view = compute_whatif.of_model(view_of(), registry.spec("simple").model_id)
    spec = registry.spec(view.model)
    found = compute_whatif.spacing(view, "CTCF", "SPI1", range(0, 10, 5), 100, 0, "explained", Asker())
    drawn = figures.spacing(found, 0, "log odds")
    assert len(drawn.data) == 2 * len(found.arrangements) == 8
    columns = whatif_record.whole_table(spec, found)
    assert len(columns["interaction"]) == len(spec.tracks) * 4 * 2
    record = json.loads(whatif_record.as_json(view, spec, found))
    assert record["motifs"][0].startswith("CTCF: ")
    assert "Bonferroni" in record["called"]
