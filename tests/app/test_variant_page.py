"""The Variants page without a browser: one variant in depth, on the sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import compute_variant, variant_record
from app.compute import Asker
from app.examples import variant_examples
from app.variant_question import asked_of, from_query
from app.view import View
from genome.errors import UserError
from genome.fasta import LocalGenome
from genome.locus import Locus, Variant, parse_variant
from genome.resolve import resolve
from models import registry

SPEC = registry.spec("simple")
SNV, DELETION, INSERTION = (example.typed for example in variant_examples("sandbox"))


def screen() -> None:
    """What the page runs."""
    from app.screens import variants

    variants.show()


def view(model: str = "simple") -> View:
    spec = registry.spec(model)
    return View(spec.model_id, "sandbox", Locus("sb1", 58_350, 58_510), spec.tracks[0].name)


def question(*typed: str, model: str = "simple"):
    from genome.sandbox import sandbox_genome

    edits = tuple(edit for text in typed for edit in resolve(text, sandbox_genome(), None).edits)
    return asked_of(view(model), edits, registry.spec(model))


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(screen, default_timeout=180)


def opened(page: AppTest, query: dict[str, str]) -> AppTest:
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


def words(page: AppTest) -> str:
    html = [element.proto.body for element in page.get("html")]
    return " ".join([*html, *(element.value for element in (*page.markdown, *page.caption))]).replace("\\", "")


def typed(page: AppTest, text: str) -> AppTest:
    page.text_input(key="variant-in-typed").input(text)
    next(button for button in page.button if button.label == "Look").click()
    return page.run()


def test_the_empty_page_offers_three_examples_and_says_what_comes(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert not page.error
    assert len([button for button in page.button if str(button.key).startswith("variant-example-")]) == 3
    assert "Type a variant above" in words(page)
    assert "research use only" in words(page)
    assert len(page.dataframe) == 0


@pytest.mark.parametrize("text", [SNV, DELETION, INSERTION])
def test_the_examples_of_the_sandbox_break_what_is_planted_there(text: str) -> None:
    found = compute_variant.variant_answer(question(text, model="tf-binding"), Asker())
    assert found.row.name == "CTCF binding"
    assert found.row.delta < -3
    assert found.row.agree
    assert found.rows[0] is found.row
    assert "CTCF" in {change.motif.name for change in found.motifs if change.bits < -1}
    assert "CTCF" in " ".join(found.said)


def test_the_examples_of_the_real_genomes_are_the_same_place_in_both() -> None:
    """hg38 lies 12,477 bp further on there; its bases are those of hg19."""
    for one, other in zip(variant_examples("hg19"), variant_examples("hg38"), strict=True):
        first, second = parse_variant(one.typed), parse_variant(other.typed)
        assert (second.position - first.position, second.ref, second.alt) == (12_477, first.ref, first.alt)


@pytest.mark.data
def test_the_examples_of_hg19_fit_its_bases(data: Path) -> None:
    genome = LocalGenome(data / "genomes/hg19_demo.fa.gz", name="hg19", build="GRCh37")
    for example in variant_examples("hg19"):
        assert resolve(example.typed, genome, None).edits


def test_a_link_opens_the_answer_with_everything_named(page: AppTest) -> None:
    asked = question(SNV)
    opened(page, asked.to_query())
    assert not page.exception
    assert not page.error
    said = words(page)
    for named in (
        SPEC.model_id,
        "CTCF binding",
        "integrated gradients",
        "uniform reference",
        "5 windows",
        "no percentile",
    ):
        assert named in said
    assert page.dataframe[0].value["track"].tolist()[0] == "CTCF binding"
    assert page.text_input(key="variant-in-typed").value == "sb1:58,432 G>C"
    assert len(page.get("download_button")) == 3
    assert len(page.get("plotly_chart")) == 1
    found = from_query(dict(page.query_params))
    assert found.view.contig
    assert found.variants == asked.variants


@pytest.mark.parametrize(
    "text", ["sb1:58432 G>C", "sb1\t58432\trs1\tG\tC\t.\tPASS\t.", "sb1:g.58432G>C", "sb1 58432 . G C"]
)
def test_one_box_takes_every_way_to_write_a_variant(page: AppTest, text: str) -> None:
    typed(opened(page, question(INSERTION).to_query()), text)
    assert not page.exception
    assert not page.error
    assert page.query_params["edits"] == "58432.G.C"
    assert page.text_input(key="variant-in-typed").value == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sb1:58432 A>C", "has G at sb1:58,432"),
        ("sb1:58,351-58,510", "no change of bases"),
        ("rs12345", "synthetic"),
        ("hello there", "neither a place"),
        ("sb1 58432 . G <DEL>", "no other bases"),
        (f"sb1:58432 G>{'A' * 80}", "more than half"),
    ],
)
def test_a_mistake_is_one_sentence_and_what_was_typed_and_shown_stays(page: AppTest, text: str, reason: str) -> None:
    typed(opened(page, question(SNV).to_query()), text)
    assert not page.exception
    assert reason in page.error[0].value.replace("\\", "")
    assert page.text_input(key="variant-in-typed").value == text
    assert page.query_params["edits"] == "58432.G.C"
    assert len(page.dataframe) == 1


def test_a_damaged_link_is_said_and_the_page_works(page: AppTest) -> None:
    opened(page, question(SNV).to_query() | {"edits": "x"})
    assert not page.exception
    assert "damaged" in page.error[0].value
    assert "Type a variant above" in words(page)


def test_a_link_whose_ref_is_not_there_is_refused_as_what_is_typed(page: AppTest) -> None:
    opened(page, question(SNV).to_query() | {"edits": "58432.A.C"})
    assert not page.exception
    assert "not A" in page.error[0].value
    assert len(page.dataframe) == 0


def test_one_chooses_among_the_alleles_of_a_site(page: AppTest) -> None:
    typed(opened(page, question(INSERTION).to_query()), "sb1 58432 . G C,GTT,T")
    assert page.query_params["edits"] == "58432.G.C"
    assert "several alternative alleles" in words(page)
    alleles = from_query(dict(page.query_params)).alleles
    assert [allele.alt for allele in alleles] == ["C", "TT", "T"]
    assert page.button_group(key="variant-local-allele").value == alleles[0]
    page.button_group(key="variant-local-allele").set_value(alleles[2]).run()
    assert not page.exception
    assert page.query_params["edits"] == "58432.G.T"
    assert from_query(dict(page.query_params)).alleles == alleles


def test_another_model_keeps_the_variant_and_another_genome_does_not(page: AppTest) -> None:
    opened(page, question(SNV).to_query())
    page.selectbox(key="variant-local-track").select("PU.1 binding").run()
    assert page.query_params["track"] == "PU.1 binding"
    page.selectbox(key="variant-local-model").select(registry.spec("simple-lentimpra").model_id).run()
    assert not page.exception
    assert page.query_params["edits"] == "58432.G.C"
    assert page.query_params["track"] == "WTC11 activity"
    assert Locus("sb1", *_ends(page)).length == registry.spec("simple-lentimpra").input_length
    page.selectbox(key="variant-local-genome").select("hg19").run()
    assert not page.exception
    assert "edits" not in page.query_params
    assert page.text_input(key="variant-in-typed").value == "sb1:58,432 G>C"


def _ends(page: AppTest) -> tuple[int, int]:
    first, last = str(page.query_params["locus"]).partition(":")[2].split("-")
    return int(first) - 1, int(last)


def test_several_variants_are_one_haplotype_with_the_warning(page: AppTest) -> None:
    opened(page, question(SNV, "sb1:58,440 A>T").to_query())
    assert not page.exception
    assert not page.error
    frame = page.dataframe[0].value
    assert frame["what"].tolist()[-3:] == ["sum of these", "together", "difference: together − sum"]
    together, total, beyond = (frame["effect"].iloc[at] for at in (-2, -3, -1))
    assert together - total == pytest.approx(beyond, abs=1e-3)
    assert "2023" in page.warning[0].value
    assert page.text_area(key="variant-in-several").value.splitlines() == ["sb1:58,432 G>C", "sb1:58,440 A>T"]
    page.text_area(key="variant-in-several").input("sb1:58,432 G>C\nsb1:58,440 C>T")
    next(button for button in page.button if button.label == "Look").click()
    page.run()
    assert "Line 2" in page.error[0].value
    assert page.text_area(key="variant-in-several").value.endswith("C>T")


def test_a_phased_vcf_is_asked_copy_by_copy(page: AppTest) -> None:
    vcf = "\n".join(
        [
            "##fileformat=VCFv4.2",
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1",
            "sb1\t58432\t.\tG\tC\t.\t.\t.\tGT\t0|1",
            "sb1\t58440\t.\tA\tT\t.\t.\t.\tGT\t0|1",
            "sb1\t58434\t.\tG\tT\t.\t.\t.\tGT\t1|0",
        ]
    )
    page.session_state["variant-in-mode"] = "Several together"
    page.run()
    page.selectbox(key="variant-local-model").select(SPEC.model_id).run()
    page.text_area(key="variant-in-several").input(vcf)
    next(button for button in page.button if button.label == "Look").click()
    page.run()
    assert not page.exception
    assert not page.error
    assert page.query_params["edits"] == "58432.G.C,58440.A.T"
    page.selectbox(key="variant-local-copy").select("NA1, copy 1").run()
    assert not page.exception
    assert page.query_params["edits"] == "58434.G.T"


def test_the_effect_is_that_of_the_edit_panel_and_the_windows_shown_are_those_of_the_locus_page() -> None:
    from app import compute

    asked = question(SNV, model="tf-binding")
    found = compute_variant.variant_answer(asked, Asker())
    placed, _ = compute.effect_percentile(found.view, asked.variants[0], Asker())
    assert found.effect is placed
    shown = compute.prediction(found.view, Asker())
    index = found.spec.track_index("CTCF binding")
    middle = found.sweep.offsets.tolist().index(0)
    assert found.sweep.after[middle, index] == pytest.approx(float(shown.values[index, 0]), abs=1e-3)


def test_a_variant_turned_round_has_the_opposite_effect() -> None:
    asked = question(SNV)
    forward = compute_variant.variant_answer(asked, Asker())
    letters = forward.alt.sequence.bases
    back_view = View(SPEC.model_id, "pasted", Locus("mine", 0, len(letters)), "CTCF binding", bases=letters)
    at = asked.variants[0].start - asked.view.locus.start
    back = asked_of(back_view, (Variant("mine", at + 1, "C", "G"),), SPEC)
    turned = compute_variant.variant_answer(back, Asker())
    middle = forward.sweep.offsets.tolist().index(0)
    assert turned.sweep.delta[middle] == pytest.approx(-forward.sweep.delta[middle], abs=1e-4)


def test_unknown_bases_are_refused() -> None:
    bases = "N" * 60 + "ACGTTGCA" * 5 + "N" * 60
    asked = asked_of(
        View(SPEC.model_id, "pasted", Locus("mine", 0, len(bases)), "CTCF binding", bases=bases),
        (Variant("mine", 81, "T", "C"),), SPEC,
    )  # fmt: skip
    with pytest.raises(UserError, match="unknown"):
        compute_variant.variant_answer(asked, Asker())


def test_files_hold_what_is_needed_to_ask_again() -> None:
    from urllib.parse import parse_qsl

    found = compute_variant.variant_answer(question(SNV), Asker())
    record = json.loads(variant_record.as_json(found))
    assert from_query(dict(parse_qsl(record["link"], keep_blank_values=True))) == found.question
    assert record["columns"]["effect"][0] == pytest.approx(found.rows[0].delta, rel=1e-4)
    assert record["columns"]["effect is"] == ["ALT − REF, log odds"] * 2
    text = variant_record.as_csv(found)
    for named in (
        SPEC.model_id,
        found.view.contig,
        "research use",
        "Mean of 5 windows",
        "sb1:58,432 G>C",
        "no percentile",
    ):
        assert named in text
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    assert rows[0].startswith("track,REF,ALT,effect")
    assert len(rows) == 3


def test_the_file_of_a_haplotype_holds_each_variant_alone_and_the_difference() -> None:
    asked = question(SNV, "sb1:58,440 A>T")
    found = compute_variant.variant_answer(asked, Asker())
    haplotype = compute_variant.haplotype_of(found.question, Asker())
    record = json.loads(variant_record.as_json(found, haplotype))
    part = record["together"]["CTCF binding"]
    assert part["what"][0] == "sb1:58,432 G>C alone"
    assert part["effect"][3] == pytest.approx(found.row.delta, rel=1e-4)
    assert part["effect"][4] == pytest.approx(part["effect"][3] - part["effect"][2], abs=1e-3)
    assert "2023" in record["warning"]


def test_rows_are_sorted_by_size_and_both_strands_of_a_profile_stand_once() -> None:
    found = compute_variant.variant_answer(question(SNV, model="sandbox-profile"), Asker())
    assert [row.name for row in found.rows] == ["reads (both strands)"]
    assert found.rows[0].formula.startswith("ln(1 + ALT)")
    assert 0 < found.rows[0].divergence < 1
    assert found.profiles is not None


def test_other_models_answer_or_say_why_not(monkeypatch) -> None:
    monkeypatch.setattr(compute_variant, "OTHER_SECONDS", 0.0)
    slow = compute_variant.on_other_models(question(SNV), Asker())
    assert {one.spec.name for one in slow} == {spec.name for spec in registry.specs()} - {"simple"}
    assert all("would take" in one.refusal and not one.rows for one in slow)
    monkeypatch.setattr(compute_variant, "OTHER_SECONDS", 1e9)
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, registry.spec("simple-retina")))
    (other,) = compute_variant.on_other_models(question(SNV), Asker())
    assert [row.name for row in other.rows] == ["retina activity"]


def test_an_edit_of_the_locus_page_opens_here_with_the_same_effect(page: AppTest) -> None:
    shown = View(
        SPEC.model_id,
        "sandbox",
        Locus("sb1", 58_350, 58_510),
        "CTCF binding",
        edits=(Variant("sb1", 58_432, "G", "C"),),
    )
    opened(page, shown.to_query())
    assert not page.exception
    assert not page.error
    assert from_query(dict(page.query_params)).variants == shown.edits
