"""Which model answers for my cell type: the search, the cards, and what cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app import models_table
from app.models_table import search
from app.screens.models import opened
from app.view import Beside, View, from_query
from genome.locus import Locus
from models import registry
from models.core import ModelSpec, Track
from tests.app.toy_folders import PATHS, write_cells

SCRIPT = "<script>alert(1)</script>![x](http://elsewhere.example/x.png)"


def spec_of(name: str, *tracks: tuple[str, str, str], title: str = "") -> ModelSpec:
    made = tuple(Track(track, assay, biosample, "score") for track, assay, biosample in tracks)
    return ModelSpec(f"{name}-000000000000", name, title or f"Toy {name}", 40, 1, 40, made, "forward", 1)


REPORTERS = spec_of("reporters", *((f"{cell} activity", "lentiMPRA", cell) for cell in ("WTC11", "HepG2", "K562")))
BOUND = spec_of(
    "bound", ("CTCF binding", "ChIP-seq peaks", "K562"), ("PU.1 binding", "ChIP-seq peaks", "GM12878"),
    title="CTCF and PU.1, convolutional network",
)  # fmt: skip
SPECS = (REPORTERS, BOUND)


def names(typed: str) -> list[str]:
    return [row.track.name for row in search(typed, SPECS).rows]


EVERY = [track.name for spec in SPECS for track in spec.tracks]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", EVERY),
        ("which model for my cell type?", EVERY),
        ("K562", ["K562 activity", "CTCF binding"]),
        ("k-562", ["K562 activity", "CTCF binding"]),
        ("is there a reporter model for K562 cells?", ["K562 activity"]),
        ("iPSC", ["WTC11 activity"]),
        ("MPRA hepg2", ["HepG2 activity"]),
        ("SPI1", ["PU.1 binding"]),
        ("pu1", ["PU.1 binding"]),
        ("CTCF", ["CTCF binding"]),
        ("ChIP-seq", ["CTCF binding", "PU.1 binding"]),
        ("convolutional", ["CTCF binding", "PU.1 binding"]),
        ("reporters", ["WTC11 activity", "HepG2 activity", "K562 activity"]),
    ],
)
def test_tracks_are_found_by_what_people_call_them(typed, wanted) -> None:
    assert names(typed) == wanted


def test_a_word_of_the_title_that_tells_the_tracks_apart_finds_only_its_track() -> None:
    assert names("PU.1") == ["PU.1 binding"]  # the title names CTCF and PU.1 alike


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "liver",
            "No model here was trained on liver. The nearest is HepG2 activity (lentiMPRA, HepG2). HepG2 is a cell",
        ),
        ("heart", "No model here was trained on heart. The models here predict WTC11 activity (lentiMPRA, WTC11)"),
        ("K562 heart", "No model here was trained on heart. The nearest are K562 activity (lentiMPRA, K562) and CTCF"),
        ("PU.1 K562", "No track here is PU.1 and K562 at once."),
        ("HepG3", "No model here was trained on HepG3. The nearest is HepG2 activity"),
    ],
)
def test_where_nothing_fits_the_sentence_names_what_is_missing_and_what_is_near(typed, said) -> None:
    found = search(typed, SPECS)
    assert found.rows == ()
    assert found.sentence.startswith(said)


def test_a_tissue_is_never_answered_by_the_cell_line_that_came_from_it() -> None:
    assert not names("liver")
    assert all(line not in group for group in models_table.SYNONYMS for line in models_table.LINES_FROM)


def test_a_line_that_a_model_calls_by_its_tissue_is_found_with_a_caution() -> None:
    named = spec_of("named", ("HepG2 activity", "lentiMPRA", "HepG2 (liver)"))
    found = search("liver", (named,))
    assert [row.track.name for row in found.rows] == ["HepG2 activity"]
    assert found.sentence == "1 track of named fits “liver”. HepG2 is a cell line from a liver tumour, not liver."


def test_with_no_model_at_all_the_search_says_so() -> None:
    assert search("liver", ()).sentence == "No model here was trained on liver. There is no model here yet."
    assert search("", ()).sentence == ""


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_whatever_is_typed_gets_tracks_or_a_sentence(typed) -> None:
    found = search(typed, SPECS)
    assert found.rows or found.sentence
    assert set(found.rows) | set(found.nearest) <= set(models_table.rows(SPECS))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(models_table.rows(SPECS)), st.sampled_from(["name", "assay", "biosample"]))
def test_every_track_is_found_by_its_own_words(row, part) -> None:
    assert row in search(getattr(row.track, part), SPECS).rows


@pytest.mark.parametrize("name", ["tf-binding", "simple"])
def test_the_released_cards_are_shown_in_sections_with_their_limits(name) -> None:
    sections = dict(models_table.card_sections(registry.spec(name).card))
    assert {"About", "Data", "Scores", "Limits"} <= set(sections)
    assert not sections["About"].startswith("#")


def test_a_card_fetches_nothing_from_elsewhere() -> None:
    card = "# Title\nwords ![seen](http://elsewhere.example/x.png) and ![by][ref] ![]\n## Data\n![y](z)"
    shown = dict(models_table.card_sections(card))
    assert shown == {"About": "words seen and by", "Data": "y"}


def test_a_file_of_scores_becomes_a_table_with_intervals_and_the_parameters_it_states() -> None:
    spec = registry.spec("tf-binding")
    path = registry.companion(spec.model_id, "scores.json")
    assert path is not None
    entries = json.loads(path.read_text())["scores"]
    table = models_table.scores(spec)
    assert len(table.lines) == len(entries)
    column = table.header.index("AUROC")
    assert table.lines[0][column].startswith(f"{entries[0]['auroc']['value']:.3f} ({entries[0]['auroc']['low']:.3f} to")
    assert dict(models_table.facts(spec))["Parameters of a member"] == "18,946"


@pytest.mark.parametrize("name", ["tf-binding", "sandbox-profile"])
def test_which_method_finds_the_bases_that_matter_is_one_table_with_what_is_to_be_beaten(name) -> None:
    spec = registry.spec(name)
    path = registry.companion(spec.model_id, models_table.FAITHFULNESS)
    assert path is not None
    entries = json.loads(path.read_text())["scores"]
    table = models_table.scores(spec, models_table.FAITHFULNESS)
    assert not table.problem
    assert len(table.lines) == len(entries)
    methods = [line[table.header.index("Method")] for line in table.lines]
    assert {"random order", "integrated gradients, uniform reference"} <= set(methods)
    deletion, insertion = (
        {entry["windows"] + entry["method"]: entry[area]["value"] for entry in entries if area in entry}
        for area in ("deletion_area", "insertion_area")
    )
    for place in {entry["windows"] for entry in entries}:
        ours = place + "integrated gradients, uniform reference"
        assert deletion[ours] < deletion[place + "random order"]
        assert insertion[ours] > insertion[place + "random order"]


def test_what_saturation_mutagenesis_says_is_one_table_with_its_note_beside_the_models_to_compare_with(folders) -> None:
    value = {"value": 0.37, "low": 0.3, "high": 0.45}
    rows = [
        {"name": name, "element": "LDLR promoter", "measured_in": "HepG2", "column": "HepG2 activity"}
        | {"spearman_substitutions": value, "two_experiments_agree": "0.87"}
        for name in ("mpra-dragonn", "cells")
    ]
    made = write_cells(folders)
    (made / models_table.SATURATION).write_text(json.dumps({"model": "cells", "note": "Nothing <b>.", "scores": rows}))
    table = models_table.scores(registry.spec("cells"), models_table.SATURATION)
    assert table.header[-2:] == ("Spearman, substitutions", "Two experiments agree")
    assert [line[0] for line in table.lines] == ["cells", "mpra-dragonn"]
    assert table.lines[0][-2:] == ("0.370 (0.300 to 0.450)", "0.87")
    assert table.note == "Nothing <b>."


def test_a_table_of_methods_made_for_another_version_is_refused_with_the_reason(folders) -> None:
    (write_cells(folders) / models_table.FAITHFULNESS).write_text('{"model_id": "cells-ffffffffffff", "scores": []}')
    table = models_table.scores(registry.spec("cells"), models_table.FAITHFULNESS)
    assert table.problem.startswith("faithfulness.json was made for another version")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CISLENS_MODELS", str(tmp_path))
    monkeypatch.setenv("CISLENS_ARCHITECTURES", PATHS)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"model": "other", "scores": []}', "another version"),
        ('{"model_id": "cells-ffffffffffff", "scores": []}', "another version"),
        ("not json", "no list of scores"),
        ("[1, 2]", "no list of scores"),
        ('{"scores": 7}', "no list of scores"),
        ("[" * 100_000, "no list of scores"),
    ],
)
def test_scores_of_another_model_or_none_at_all_are_refused_with_the_reason(folders, content, words) -> None:
    (write_cells(folders) / "scores.json").write_text(content)
    table = models_table.scores(registry.spec("cells"))
    assert table.lines == ()
    assert words in table.problem


def test_the_models_own_scores_stand_first_and_the_ceiling_below(folders) -> None:
    scores = [{"name": name, "column": "K562", "r": {"value": 0.5}} for name in ("simple-cells", "cells")]
    table = {"scores": scores, "ceiling": {"rows": 1190, "pearson": 0.8316, "note": "x"}}
    (write_cells(folders) / "scores.json").write_text(json.dumps(table))
    found = models_table.scores(registry.spec("cells"))
    assert found.header == ("Network", "Track", "Pearson r")
    assert found.lines == (("cells", "K562", "0.500"), ("simple-cells", "K562", "0.500"))
    assert found.ceiling == "Replicates of the measurement agree to Pearson 0.83 (1,190 rows): the ceiling."


def test_parameters_are_counted_from_the_head_of_the_weights_where_nothing_states_them(folders) -> None:
    made = write_cells(folders)
    assert dict(models_table.facts(registry.spec("cells")))["Parameters of a member"] == "12"
    (made / "member-0.safetensors").write_bytes(b"cut short")
    assert dict(models_table.facts(registry.spec("cells")))["Parameters of a member"] == "not stated"


def test_opening_a_track_keeps_the_place_and_the_edits_and_survives_its_link() -> None:
    spec = registry.spec("simple")
    before = View("a", "sandbox", Locus("sb1", 10, 90), "t", reduce="profile", beside=Beside("b", "c"))
    after = opened(before, spec, spec.tracks[1])
    assert from_query(after.to_query()) == after
    assert (after.model, after.track, after.locus) == (spec.model_id, spec.tracks[1].name, before.locus)
    assert (after.reduce, after.beside) == ("mean", None)


def screen() -> AppTest:
    def script() -> None:
        from app.screens import models

        models.show()

    return AppTest.from_function(script, default_timeout=60)


def words(page: AppTest) -> str:
    shown = [element.value for element in (*page.caption, *page.markdown, *page.warning, *page.code)]
    return " ".join(shown).replace("\\", "")


def test_a_model_added_while_the_page_is_open_is_there_at_the_next_look_and_gone_when_removed(folders) -> None:
    page = screen().run()
    assert not page.exception
    assert "Toy cells" not in words(page)
    made = write_cells(folders)
    assert "Toy cells" in words(page.run())
    shutil.rmtree(made)
    assert "Toy cells" not in words(page.run())


def test_older_versions_and_broken_folders_are_told_with_their_reason(folders) -> None:
    write_cells(folders)
    write_cells(folders, seed=9, folder="archive/older")
    (write_cells(folders, "lame") / "member-1.safetensors").unlink()
    page = screen().run()
    assert registry.archived("cells")[0].model_id in words(page)
    assert registry.archived("cells")[0].model_id != registry.spec("cells").model_id in words(page)
    assert "lame lacks member-1.safetensors" in words(page)
    assert "Toy lame" not in words(page)


def test_two_folders_with_the_same_model_are_one_card(folders) -> None:
    write_cells(folders)
    write_cells(folders, folder="again")
    page = screen().run()
    assert not page.exception
    assert [code.value for code in page.code].count(registry.spec("cells").model_id) == 1


def test_what_a_folder_says_of_itself_stays_text(folders) -> None:
    made = write_cells(folders, cells=("K562",))
    toml = made / "model.toml"
    toml.write_text(
        toml.read_text().replace("Toy cells", SCRIPT).replace('biosample = "K562"', f'biosample = "{SCRIPT}"')
    )
    (made / "card.md").write_text(f"# Card\n{SCRIPT}\n")
    page = screen().run()
    assert not page.exception
    shown = " ".join(element.value for element in page.markdown)
    assert "\\<script" in shown
    assert "![x]" not in shown.replace("\\!\\[", "")
    assert not any("<script" in element.proto.body for element in page.get("html"))


def test_a_search_shows_only_the_cards_of_the_models_that_fit(folders) -> None:
    write_cells(folders, cells=("Zork9", "Zork11"))
    page = screen().run()
    page.text_input(key="find-track").set_value("zork11").run()
    assert "1 track of cells fits “zork11”" in words(page)
    assert [code.value for code in page.code] == [registry.spec("cells").model_id]
    page.text_input(key="find-track").set_value("spleen").run()
    assert "No model here was trained on spleen" in words(page)
    page.text_input(key="find-track").set_value(SCRIPT).run()
    assert not page.exception
