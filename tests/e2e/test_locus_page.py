"""The Locus page as a new visitor meets it, in a real browser."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from app.components import igv
from genome import catalog
from tests.e2e.conftest import PATIENCE, ROOT, Visitor, base_at, copied_link, edit, link, served
from tests.genome.local_server import Server, serving, ucsc

pytestmark = pytest.mark.browser

SITE = "sb1:58,351-58,510"  # of the first example
BASES = "TTGACCTGAATTTAAGCCACTAGGGGGCGCTATTTACAGAAAGCTGGA" * 3


@pytest.fixture(scope="module")
def fake_ucsc() -> Iterator[Server]:
    with serving(ucsc({"chrT": "ACGTTGCAGGCCTATA" * 400})) as running:
        yield running


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, fake_ucsc: Server) -> Iterator[str]:
    """A fresh installation: an empty home, no genome, and one genome that a server on this computer has."""
    if not igv.bundle_available():
        pytest.skip("igv.js is not installed: run make setup")
    home = tmp_path_factory.mktemp("home")
    table = home / "genomes.toml"
    entry = f'[tiny]\ntitle = "Tiny"\nbuild = "tiny-1"\nsource = "ucsc"\nserver = "{fake_ucsc.url}"\n'
    table.write_text(entry, encoding="utf-8")
    with served(home, CISLENS_GENOMES=str(table)) as found:
        yield found


@pytest.fixture(scope="module")
def hg19(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = os.environ.get("CISLENS_DATA", "")
    if not data:
        pytest.skip("CISLENS_DATA is not set; set it to the folder of measured data to run this test")
    files = {
        "CISLENS_GENOME_HG19": f"{data}/genomes/hg19_demo.fa.gz",
        "CISLENS_GENES_HG19": f"{data}/genes/gene_bounds.hg19.bed.gz",
    }
    with served(tmp_path_factory.mktemp("home"), **files) as found:
        yield found


@pytest.fixture(scope="module")
def desk(chrome: Any, address: str) -> Iterator[Visitor]:
    """One visitor who looks up many things in a row."""
    visitor = Visitor(chrome, address).open()
    yield visitor
    visitor.leave()


@pytest.fixture
def visitor(chrome: Any, address: str) -> Iterator[Visitor]:
    """Somebody who comes for the first time."""
    came = Visitor(chrome, address)
    yield came
    came.leave()


def test_the_first_visit_needs_nothing_and_shows_an_answer(visitor: Visitor) -> None:
    visitor.open()
    sentence, chips, _ = visitor.numbers()
    assert sentence.startswith("CTCF binding is predicted")
    assert [chip.split()[0] for chip in chips] == [
        "Adds",
        "Methods",
        "Strands",
        "Members",
        "Deletion",
        "Like",
        "Simple",
    ]
    predicted, letters, motifs, *_ = visitor.coloured()
    assert min(predicted, letters, motifs) > 200
    assert visitor.place() == visitor.typed() == SITE
    assert any("favicon" in url or url.endswith(".png") for url in visitor.requests)


def test_the_first_paint_takes_less_than_two_seconds(visitor: Visitor) -> None:
    visitor.open()
    started = time.perf_counter()
    visitor.page.goto(visitor.address)
    visitor.page.wait_for_selector(".cl-said b:not(:empty)")
    visitor.page.wait_for_selector('.cislens-igv[data-state="ready"]')
    took = time.perf_counter() - started
    print(f"first paint of a warm server: {took:.2f} s")
    assert took < 2 * PATIENCE


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("sb1:31,421-31,570", "sb1:31,421-31,570"),
        ("sb1:31421-31570", "sb1:31,421-31,570"),
        ("sb1:g.58430del", "sb1:57,9"),
        ("sbx1", "sb1:301-1,300"),
        ("sb1:58430 G>T", "sb1:57,930-58,929"),
    ],
)
def test_what_people_type_is_found(desk: Visitor, typed: str, place: str) -> None:
    if ">" in typed:
        base = base_at(58430)
        typed = f"sb1:58430 {base}>{'A' if base != 'A' else 'C'}"
    desk.look_up(typed)
    assert not desk.problem()
    assert desk.place() == desk.typed()
    assert desk.place().startswith(place)
    assert bool(desk.query().get("edits")) == (">" in typed or "del" in typed)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("chr99:1-100", "chr99"),
        ("sb1:200-100", "start"),
        ("sb1:1-50,000,000", "1,000,000"),
        ("sb1:90000000-90000100", "off the end"),
        ("", "Type a place"),
        ("MKVLAAGGHHWYY", "MKVLAAGGHHWYY"),
        ("nosuchgene", "nosuchgene"),
        ("sb1:58430 N>T", "not N"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_typed_is_lost(desk: Visitor, typed: str, words: str) -> None:
    before = desk.query()
    desk.look_up(typed)
    assert words in desk.problem()
    assert "Traceback" not in desk.everything()
    assert desk.typed() == typed
    assert desk.query() == before


def test_a_place_that_hangs_off_the_end_is_padded_with_n_and_says_so(desk: Visitor) -> None:
    end = catalog.open_genome("sandbox").contigs["sb1"]
    desk.look_up(f"sb1:{end - 99}-{end + 50}")
    assert "unknown (N)" in desk.said()
    assert "lie off the end" in desk.everything()


@pytest.mark.parametrize("form", ["plain", "lower", "rna", "iupac"])
def test_a_sequence_pasted_into_the_search_box_is_shown(desk: Visitor, form: str) -> None:
    bases = {"plain": BASES, "lower": BASES.lower(), "rna": BASES.replace("T", "U"), "iupac": BASES[:-1] + "R"}[form]
    desk.look_up(bases)
    assert not desk.problem()
    assert desk.query()["genome"] == "pasted"
    assert desk.page.locator('[data-testid="stSelectbox"] input').first.input_value() == "Pasted sequence"
    assert desk.place() == f"pasted:1-{len(BASES)}"


def test_several_fasta_records_can_be_pasted_uploaded_and_picked(visitor: Visitor) -> None:
    visitor.open()
    visitor.press("Paste or upload a sequence")
    visitor.page.get_by_label("Sequence or FASTA").fill(
        f">one\r\n{BASES[:70]}\r\n{BASES[70:]}\r\n>two\r\n{BASES[::-1]}\r\n"
    )
    visitor.press("Look at it")
    visitor.page.wait_for_url("**genome=pasted**")
    visitor.settle()
    assert visitor.query()["locus"] == f"one:1-{len(BASES)}"
    first = visitor.numbers()
    visitor.page.get_by_label("Record", exact=False).last.click()
    visitor.page.get_by_role("option", name="two").click()
    visitor.page.wait_for_url("**locus=two**")
    visitor.settle()
    assert visitor.numbers() != first


def test_an_upload_is_read_and_one_too_large_is_refused(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open()
    visitor.press("Paste or upload a sequence")
    large = tmp_path / "large.fa"
    with large.open("wb") as file:
        file.truncate(1_000_000_000)
    chooser = visitor.page.locator('input[type="file"]').first
    chooser.set_input_files(large)
    visitor.page.get_by_text("must be 5.0MB or smaller").wait_for()
    chooser.set_input_files({"name": "mine.fa", "mimeType": "text/plain", "buffer": f">mine\n{BASES}\n".encode()})
    visitor.page.get_by_text("mine.fa").wait_for()
    visitor.press("Look at it")
    visitor.page.wait_for_url("**locus=mine**")
    assert visitor.settle().query()["genome"] == "pasted"


def test_edits_show_their_effect_and_their_letters_and_can_be_undone(visitor: Visitor) -> None:
    visitor.open()
    untouched = visitor.numbers()
    edit(visitor, "Substitute", 58430, "A" if base_at(58430) != "A" else "C")
    edit(visitor, "Delete", 58435, "3")
    edit(visitor, "Insert before", 58450, "TTTT")
    assert len(visitor.query()["edits"].split(",")) == 3
    effects = visitor.numbers()[2]
    assert len(effects) == 4
    assert effects[-1].startswith("together")
    assert "→" in effects[-1]
    picture = visitor.page.locator('[data-testid="stImage"] img').first
    assert picture.evaluate("(image) => image.naturalWidth") > 100
    visitor.press("Undo")
    visitor.page.wait_for_timeout(300)
    visitor.settle()
    assert len(visitor.query()["edits"].split(",")) == 2
    visitor.press("Reset")
    visitor.page.wait_for_timeout(300)
    visitor.settle()
    assert "edits" not in visitor.query()
    assert visitor.numbers() == untouched


def test_a_mistaken_edit_keeps_what_was_typed(visitor: Visitor) -> None:
    visitor.open()
    edit(visitor, "Substitute", 1, "A")
    assert "58,351" in visitor.problem()
    assert visitor.page.get_by_label("Position", exact=True).input_value() == "1"
    assert visitor.page.get_by_label("Bases", exact=True).input_value() == "A"


def test_a_clicked_letter_becomes_the_position_to_edit(visitor: Visitor) -> None:
    visitor.open()
    visitor.click_letter(58433)
    visitor.page.wait_for_timeout(800)
    visitor.settle()
    assert visitor.page.get_by_label("Position", exact=True).input_value() == "58,433"


@pytest.mark.parametrize("start", ["edited", "pasted"])
def test_a_copied_link_opens_to_the_same_numbers_elsewhere(
    chrome: Any, visitor: Visitor, address: str, start: str
) -> None:
    if start == "edited":
        ref = base_at(58430)
        alt = "A" if ref != "A" else "C"
        visitor.open(link("sb1:58351-58510", edits=f"58430.{ref}.{alt},58450.-.GG"))
    else:
        visitor.open().look_up(BASES)
    mine, carried = visitor.numbers(), visitor.query()
    address_copied = copied_link(visitor)
    assert address_copied.startswith(address)
    assert {name: values[0] for name, values in parse_qs(urlsplit(address_copied).query).items()} == carried
    colleague = Visitor(chrome, address)
    colleague.page.goto(address_copied)
    colleague.settle()
    assert colleague.numbers() == mine
    assert colleague.query() == carried
    colleague.leave()


def test_a_link_to_an_older_model_says_so_and_shows_todays(visitor: Visitor) -> None:
    visitor.open(link("sb1:58351-58510", model="tf-binding-000000000000"))
    assert "tf-binding-000000000000" in visitor.problem()
    assert visitor.said().startswith("CTCF binding is predicted")


def test_a_link_made_on_other_bases_is_refused(visitor: Visitor) -> None:
    visitor.open(link("sb1:58351-58510", contig="0123456789ab"), drawn=False)
    assert "other bases" in visitor.problem()


@pytest.mark.parametrize(
    "field",
    ["v", "model", "genome", "locus", "track", "method", "baseline", "seed", "contig", "edits", "bases", "stored"],
)
def test_nothing_in_a_link_runs_or_becomes_html(desk: Visitor, field: str) -> None:
    hostile = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>[a](javascript:alert(1))'
    desk.open({**link("sb1:58351-58510"), field: hostile}, drawn=False)
    assert desk.problem()
    assert desk.page.evaluate("window.pwned") is None
    assert desk.page.locator("img[src='x'], a[href^='javascript']").count() == 0
    desk.open()


def test_moving_in_the_browser_moves_the_address_once_and_back_returns(visitor: Visitor) -> None:
    visitor.open()
    visitor.page.get_by_label("Move right by a quarter window").click()
    visitor.page.wait_for_url("**58391-58550**")
    visitor.settle()
    assert visitor.place() == visitor.typed() == "sb1:58,391-58,550"
    box = visitor.page.locator(".locus")
    box.fill("sb1:31,421-31,570")
    box.press("Enter")
    visitor.page.wait_for_url("**31421-31570**")
    visitor.settle()
    resting = visitor.page.url
    visitor.page.wait_for_timeout(1500)
    assert visitor.page.url == resting
    visitor.page.go_back()
    visitor.page.wait_for_timeout(500)
    visitor.settle()
    assert visitor.place() == visitor.typed()
    assert visitor.query()["locus"].replace("-", "") in visitor.place().replace(",", "").replace("-", "")


def test_every_file_of_the_export_menu_opens(visitor: Visitor, tmp_path: Path) -> None:
    import pybigtools

    visitor.open()
    visitor.press("Export")
    files: dict[str, Path] = {}
    buttons = visitor.page.locator('[data-testid="stDownloadButton"] button')
    buttons.first.wait_for()
    visitor.settle()
    for button in buttons.all():
        with visitor.page.expect_download() as saving:
            button.click()
        files[saving.value.suggested_filename.rpartition(".")[2]] = tmp_path / saving.value.suggested_filename
        saving.value.save_as(tmp_path / saving.value.suggested_filename)
    assert set(files) == {"svg", "pdf", "png", "bw", "bedgraph", "bed", "csv", "json", "npz"}
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert files["npz"].read_bytes().startswith(b"PK")
    signal = pybigtools.open(str(files["bw"]))
    assert sum(1 for _ in signal.records("sb1", 58350, 58510)) == 160
    signal.close()
    whole = json.dumps(json.loads(files["json"].read_text()))
    assert all(fact in whole for fact in ("tf-binding-", "CTCF binding", "uniform", "sandbox"))
    assert "58350" in files["bedgraph"].read_text()
    assert len(files["csv"].read_text().splitlines()) >= 160
    assert files["bed"].read_text().strip()


def test_a_genome_on_a_server_is_asked_for_only_after_it_was_allowed(visitor: Visitor, fake_ucsc: Server) -> None:
    visitor.open(link("chrT:1001-1200", genome="tiny"), drawn=False)
    assert "UCSC server 127.0.0.1" in visitor.problem()
    assert fake_ucsc.asked == []
    visitor.press("Allow reading tiny from UCSC in this session")
    visitor.page.wait_for_selector(".cl-said b:not(:empty)")
    visitor.settle()
    assert "chrT" in visitor.place()
    assert fake_ucsc.asked
    assert not visitor.problem()


def test_where_servers_are_denied_the_page_says_so(
    chrome: Any, tmp_path_factory: pytest.TempPathFactory, address: str
) -> None:
    with served(tmp_path_factory.mktemp("home"), CISLENS_REMOTE="deny") as strict:
        visitor = Visitor(chrome, strict).open(link("chr5:142906254-142906400", genome="mm10"), drawn=False)
        assert visitor.problem()
        assert visitor.page.get_by_role("button", name="Allow", exact=False).count() == 0
        visitor.leave()


def test_eight_visitors_at_once_each_get_their_own_answer(chrome: Any, address: str) -> None:
    places = [f"sb2:{first}-{first + 399}" for first in range(10_001, 18_001, 1_000)]
    with ExitStack() as leaving:
        visitors = []
        for _ in places:
            visitors.append(Visitor(chrome, address))
            leaving.callback(visitors[-1].leave)
        started = time.perf_counter()
        for visitor, place in zip(visitors, places, strict=True):
            visitor.page.goto(f"{address}?{'&'.join(f'{k}={v}' for k, v in link(place).items())}", wait_until="commit")
        for visitor in visitors:
            visitor.page.wait_for_selector(".cl-said, [data-testid='stProgress']", state="attached")
        seen = time.perf_counter() - started
        for visitor, place in zip(visitors, places, strict=True):
            visitor.settle()
            assert visitor.place().replace(",", "") == visitor.query()["locus"] == place
            assert visitor.said()
        alone = [visitor.numbers() for visitor in visitors]
    print(f"eight visitors: nothing blank after {seen:.1f} s, all answered after {time.perf_counter() - started:.1f} s")
    assert seen < 10 * PATIENCE
    again = Visitor(chrome, address)
    for place, numbers in list(zip(places, alone, strict=True))[::3]:
        assert again.open(link(place)).numbers() == numbers
    again.leave()


@pytest.mark.parametrize("gene", ["TBX1", "gp1bb"])
def test_a_gene_of_a_real_genome_is_found(chrome: Any, hg19: str, gene: str) -> None:
    visitor = Visitor(chrome, hg19).open(link("chr22:19710789-19711173", genome="hg19"))
    visitor.look_up(gene)
    assert not visitor.problem()
    assert visitor.place().startswith("chr22:19,7")
    visitor.look_up("NC_000022.10:g.19711000del")
    assert not visitor.problem()
    assert visitor.query()["edits"].startswith("1971")
    visitor.leave()


def test_the_picture_of_the_readme(chrome: Any, address: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Takes it; with CISLENS_SCREENSHOT=1 it becomes the new assets/screenshot.png."""
    real = bool(os.environ.get("CISLENS_DATA"))
    visitor = Visitor(chrome, request.getfixturevalue("hg19") if real else address, height=1080)
    visitor.open(link("chr22:19958100-19958259", genome="hg19") if real else link("sb1:58351-58510"))
    folder = ROOT / "assets" if os.environ.get("CISLENS_SCREENSHOT") else tmp_path
    visitor.page.screenshot(path=folder / "screenshot.png")
    assert (folder / "screenshot.png").stat().st_size > 50_000
    assert (ROOT / "assets" / "screenshot.png").is_file()
    visitor.leave()
