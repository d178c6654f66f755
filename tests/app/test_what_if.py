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


def linked(asked, **changed: str) -> AppTest:
    """The page as the link of a question opens it."""
    page = AppTest.from_function(screen, default_timeout=180)
    for name, value in (view_of().to_query() | asked.to_query() | changed).items():
        page.query_params[name] = value
    return page.run()


def test_a_link_fills_in_the_form_and_asks_and_gives_the_same_numbers() -> None:
    from app.question import question

    asked_ = question("everywhere", motif="SPI1", strand="-", n=150, seed=4, scale="explained", backgrounds="shuffled")
    page = linked(asked_)
    assert not page.exception
    assert not page.error
    assert page.session_state["whatif-question"] == "Everywhere"
    assert page.text_input(key="whatif-in-everywhere").value == "SPI1"
    assert page.number_input(key="whatif-in-everywhere-n").value == 150
    assert "in 150 backgrounds" in words(page)
    first = page.dataframe[0].value
    again = asked(page)  # asked once more by hand, the address stays
    assert again.dataframe[0].value.equals(first)
    assert "".join(again.query_params["ask.motif"]) == "SPI1"


def test_asking_writes_the_question_into_the_address(page: AppTest) -> None:
    from app import question, view

    asked(chosen(page, "Shuffle tiles"))
    query = {name: "".join(value) for name, value in page.query_params.items()}
    assert question.from_query(query).number("tile") == 10
    assert view.from_query(query).locus == view_of().locus


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ask.motif", "<img src=x onerror=alert(1)>", "motif of this question cannot be read"),
        ("ask", "<b>", "question in this link is unknown"),
        ("locus", "<b>", "locus in this link is damaged"),
    ],
)
def test_a_damaged_link_is_said_and_asks_nothing(name: str, value: str, said: str) -> None:
    from app.question import question

    page = linked(question("change", act="Flip", motif="CTCF", where="", to="", strand="+", seed=0), **{name: value})
    assert not page.exception
    assert said in page.error[0].value.replace("\\", "")
    assert "<img" not in words(page)
    assert len(page.dataframe) == 0


def test_what_takes_long_is_offered_and_not_asked_by_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    from app import compute_question
    from app.question import question

    monkeypatch.setattr(compute_question, "seconds", lambda *_: 40.0)
    page = linked(question("additive", n=2_000, seed=0, scale="explained"))
    assert not page.exception
    assert "About 40 s here; as a job it goes on when you close the page" in words(page)
    assert "Jobs do not run here" in words(page)  # no server, no queue
    assert len(page.dataframe) == 0
    assert len(asked(page).dataframe) == 1


@pytest.mark.parametrize("kind", ["everywhere", "pair"])
def test_quiet_windows_are_named_in_the_answer(kind: str) -> None:
    from app import compute_question, whatif_record
    from app.compute import Asker
    from app.question import question

    more = {"n": 100, "seed": 2, "scale": "explained", "backgrounds": "quiet"}
    asked_ = (
        question("everywhere", motif="CTCF", strand="+", **more)
        if kind == "everywhere"
        else question("pair", first="CTCF", second="SPI1", gap_low=4, gap_high=4, gap_step=1, **more)
    )
    view = view_of()
    found = compute_question.ask(view, asked_, Asker())
    record = json.loads(whatif_record.as_json(view, registry.spec(view.model), found))
    assert "100 quiet windows of sandbox sb1" in record["done"]
    assert "within 100,000 bp of the locus (seed 2)" in record["done"]
    if kind == "everywhere":
        shuffles = compute_question.ask(
            view, question("everywhere", motif="CTCF", strand="+", **more | {"backgrounds": "shuffled"}), Asker()
        )
        assert "dinucleotide shuffles" in shuffles.rule
        assert (found.without < shuffles.without).all()  # they are quiet
        assert found.effect.mean[0] > 1


def test_a_pasted_sequence_has_no_quiet_windows() -> None:
    from app import compute, compute_whatif
    from app.compute import Asker
    from genome.errors import UserError

    view = compute.pasted_view("tf-binding", "CTCF binding", "mine", "ACGTTGCAAC" * 30)
    with pytest.raises(UserError, match="take shuffles"):
        compute_whatif.everywhere(view, "CTCF", "+", 100, 0, "explained", Asker(), drawn="quiet")


@pytest.mark.parametrize("kind", ["change", "tiles", "stretch", "everywhere", "pair", "additive"])
def test_the_windows_that_are_foretold_are_those_that_are_asked(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import compute, compute_question
    from app.compute import Asker
    from app.question import question

    asked_ = {
        "change": question("change", act="Flip", motif="CTCF", where="", to="", strand="+", seed=0),
        "tiles": question("tiles", tile=20, n=20, seed=91),
        "stretch": question("stretch", where="58,422-58,440", motif="", n=100, seed=91, scale="explained"),
        "everywhere": question(
            "everywhere", motif="CTCF", strand="+", n=100, seed=91, scale="explained", backgrounds="quiet"
        ),
        "pair": question(
            "pair", first="CTCF", second="SPI1", gap_low=0, gap_high=4, gap_step=2, n=100, seed=91, scale="explained",
            backgrounds="shuffled",
        ),
        "additive": question("additive", n=1_000, seed=91, scale="explained"),
    }[kind]  # fmt: skip
    engine, made = compute.engine(), []

    class Counting:
        def runner(self, *given, **named):
            run = engine.runner(*given, **named)

            def counted(function, rows, progress=None):
                made.append(len(rows[0]))
                return run(function, rows, progress)

            return counted

    monkeypatch.setattr(compute, "engine", Counting)
    compute.cache().clear()
    compute_question.ask(view_of(), asked_, Asker())
    foretold = compute_question.passes(view_of(), asked_)
    assert foretold == pytest.approx(sum(made), rel=0.1)
