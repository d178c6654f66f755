"""The Measure page and ``cislens measure``, without a browser."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import cli, compute_measure
from app.view import from_query
from experiment.hypothesis import Hypothesis
from genome.errors import UserError


def screen() -> None:
    """What the page runs."""
    from app.screens import measure

    measure.show()


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(screen, default_timeout=180).run()


def words(page: AppTest) -> str:
    return " ".join(element.value for element in (*page.markdown, *page.caption)).replace("\\", "")


def pressed(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def rows(n: int = 60, length: int = 164) -> str:
    random = np.random.default_rng(0)
    lines = ["name,sequence,log2_rep1,log2_rep2,type"]
    for k, value in enumerate(random.standard_normal(n)):
        bases = "".join(random.choice(list("ACGT"), length))
        kind = "negative control" if k < 10 else "positive control" if k < 20 else ""
        one, other = value + 0.1 * random.standard_normal(2)
        lines.append(f"e{k},{bases},{one:.4f},{other:.4f},{kind}")
    return "\n".join(lines) + "\n"


PAIRS = "chrom\tchromStart\tchromEnd\tEffectSize\tmeasuredGeneSymbol\tchrTSS\tstartTSS\tRegulated\n" + "".join(
    f"sb1\t{1000 * k + 300}\t{1000 * k + 500}\t{-0.3 if k % 2 else 0.01}\tG{k}\tsb1\t{90_000 + 7 * k}\t{'TRUE' if k % 2 else 'FALSE'}\n"
    for k in range(60)
)


def test_a_pasted_table_is_read_judged_and_laid_beside_the_model(page: AppTest) -> None:
    assert not page.exception
    page.text_area(key="measure-pasted").input(rows() + "half,a row\n")
    pressed(page, "Read")
    assert not page.exception
    assert not page.error
    said = words(page)
    assert "MPRA, activities" in said
    assert "60 elements in 2 replicates" in said
    assert "1 row" in said
    assert "Line 62: the row is cut short" in said
    assert "Predicted and measured agree" in said
    assert "90 % stated" in said
    assert page.selectbox(key="measure-model").value.startswith("retina-")


def test_what_is_no_table_is_said_and_the_last_table_stays(page: AppTest) -> None:
    page.text_area(key="measure-pasted").input(rows(20))
    pressed(page, "Read")
    page.text_area(key="measure-pasted").input("nothing of the kind")
    pressed(page, "Read")
    assert "lacks a column" in page.error[0].value.replace("\\", "")
    assert "20 elements" in words(page)


def test_the_example_gives_verdicts(page: AppTest) -> None:
    pressed(page, "Try it: the sandbox measures a network's claims")
    assert not page.exception
    frame = page.dataframe[0].value
    counts = frame["verdict"].value_counts()
    assert len(frame) == 24
    assert counts["supported"] >= 8
    assert counts["refuted"] >= 8
    assert "simulated" in words(page)


def test_element_gene_pairs_say_what_a_model_cannot_say(page: AppTest) -> None:
    page.text_area(key="measure-pasted").input(PAIRS)
    pressed(page, "Read")
    assert not page.exception
    page.selectbox(key="measure-genome").set_value("sandbox")
    page.run()
    assert not page.exception
    said = words(page)
    assert "cannot say which gene" in said
    assert "60 of 60 elements lie in the genome that is here" in said
    assert said.count("Area under precision and recall") == 2


def test_a_miss_opens_its_own_bases() -> None:
    taken = compute_measure.take(rows(30), "t")
    found = compute_measure.compared(
        taken, compute_measure.fitting_model(taken), "retina activity", compute_measure.Asker(session="t")
    )
    query = compute_measure.link_of(found, 3, compute_measure.registry.spec("retina"), "retina activity")
    assert from_query(query).bases == taken.measured.rows[6].bases


def test_a_file_that_holds_no_hypothesis_is_refused() -> None:
    for text in ("{", "[]", '{"hypotheses": [{}]}', "3"):
        with pytest.raises(UserError, match="hypothes"):
            compute_measure.claims_of(text)


def test_a_design_gives_bases_links_and_controls() -> None:
    lines = "name,log2_rep1,log2_rep2\n" + "".join(f"e{k},{k}.0,{k}.5\n" for k in range(20))
    elements = [
        {
            "name": f"e{k}",
            "bases": "ACGT" * 41,
            "arm": "negative control" if k < 5 else "positive control",
            "link": "?locus=x",
        }
        for k in range(20)
    ]
    hypotheses, constructs = compute_measure.claims_of(json.dumps({"elements": elements, "hypotheses": []}))
    taken = compute_measure.with_constructs(compute_measure.take(lines, "t"), constructs)
    assert hypotheses == ()
    assert {row.bases for row in taken.measured.rows} == {"ACGT" * 41}
    assert taken.quality is not None
    assert next(one.level for one in taken.quality.findings if one.what == "Controls") == "good"


def test_hypotheses_of_other_constructs_are_refused() -> None:
    hypotheses, _ = compute_measure.example()
    with pytest.raises(UserError, match="has the name of a construct"):
        compute_measure.judged(hypotheses, compute_measure.take(rows(10), "t"), 0.5)


def test_the_example_claims_are_whole() -> None:
    content = json.loads(compute_measure.CLAIMS.read_text())["hypotheses"]
    assert [Hypothesis.from_json(one).to_json() for one in content] == [
        json.loads(json.dumps(one)) | {"interventions": one["interventions"]} for one in content
    ]


def test_the_command_writes_what_the_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text(rows(40) + "half,a row\n")
    assert cli.main(["measure", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr()
    assert "40 elements in 2 replicates" in said.out
    assert "line 42: the row is cut short" in said.err
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["dropped"] == {"the row is cut short": 1}
    assert record["beside"]["elements"] == 40
    table = [line for line in (tmp_path / "out.tsv").read_text().splitlines() if line[0] != "#"]
    assert table[0].split("\t")[:4] == ["name", "control", "measured", "predicted"]
    assert len(table) == 41
    assert from_query(dict(parse_qsl(table[1].split("\t")[-1].lstrip("?")))).genome == "pasted"


def test_the_command_judges_hypotheses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hypotheses, taken = compute_measure.example()
    lines = ["name\treplicate\tlog2"] + [f"{row.name}\t{row.replicate}\t{row.value}" for row in taken.measured.rows]
    (tmp_path / "t.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "h.json").write_text(json.dumps({"hypotheses": [one.to_json() for one in hypotheses]}))
    done = cli.main(
        ["measure", str(tmp_path / "t.tsv"), "--hypotheses", str(tmp_path / "h.json"), "--out", str(tmp_path / "o")]
    )
    assert done == 0
    assert "Refuted:" in capsys.readouterr().out
    assert len((tmp_path / "o.verdicts.tsv").read_text().splitlines()) == 24 + 4


def test_the_command_says_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["measure", str(tmp_path / "none.tsv")]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.skipif("CISLENS_DATA" not in os.environ, reason="CISLENS_DATA names no folder of measured data")
def test_the_command_reports_the_published_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(os.environ["CISLENS_DATA"]) / "crispri/crispri_element_gene_pairs_K562.hg38.tsv.gz"
    assert cli.main(["measure", str(path)]) == 0
    said = capsys.readouterr().out
    assert "lentimpra reads 200 bp" in said  # a table without bases has no window that fits
    assert "471 pairs (4.5%)" in said
    assert "cannot say which gene" in said
    assert "nearness to the start of the gene" in said
