"""Letters as pictures: in scale, in register, aligned, escaped; figures for papers with real text."""

from __future__ import annotations

import itertools
import re
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from app.figures.logos import (
    CLASSIC_COLOURS,
    SAFE_COLOURS,
    LetterRow,
    caption_of,
    letters_svg,
    match_svg,
    motif_svg,
    publication_logo,
)
from genome.locus import Locus
from genome.sequence import Sequence
from interpret.jaspar import Motif
from interpret.methods import attribute
from interpret.motifs import MotifCall
from interpret.seqlets import Seqlet
from models.core import Target
from tests.toy_models import random_bases, toy_engine, toy_model

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert(1)</script><img src=x onerror="alert(2)">&'


def letters_of(svg: str) -> list[tuple[str, float, float, float, float]]:
    """Every letter drawn: (colour, width, height, left, top); the height of a hanging letter is negative."""
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        for path in group:
            numbers = re.findall(r"-?[\d.]+", path.get("transform", ""))
            width, _, _, height, left, top = (float(number) for number in numbers)
            found.append((group.get("fill", ""), 100 * width, 100 * height, left, top))
    return found


def lettered(letters: str, heights: list[float], label: str = "") -> LetterRow:
    return LetterRow(label, letters, np.array(heights))


def test_letters_are_as_high_as_their_contributions_and_hang_when_negative() -> None:
    drawn = letters_of(letters_svg([lettered("ACGT", [1.0, -0.5, 2.0, 0.0])], row_height=108))
    heights = {colour: height for colour, _, height, _, _ in drawn}
    assert heights[SAFE_COLOURS["A"]] == pytest.approx(40, abs=0.01)
    assert heights[SAFE_COLOURS["C"]] == pytest.approx(-20, abs=0.01)
    assert heights[SAFE_COLOURS["G"]] == pytest.approx(80, abs=0.01)
    assert SAFE_COLOURS["T"] not in heights


def test_letters_stand_on_the_zero_line() -> None:
    drawn = letters_of(letters_svg([lettered("ACGT", [1.0, -0.5, 2.0, 0.7])]))
    feet = [top + height for _, _, height, _, top in drawn]
    assert np.ptp(feet) < 0.02


def test_rows_share_columns_and_scale_and_gaps_draw_no_letter() -> None:
    before, after = lettered("AACGT", [1, 1, 1, 1, 1], "before"), lettered("AA--T", [2, 2, 0, 0, 2], "after")
    svg = letters_svg([before, after], marked=[2, 3])
    drawn = letters_of(svg)
    assert len(drawn) == 5 + 3
    last = [(left, height) for colour, _, height, left, _ in drawn if colour == SAFE_COLOURS["T"]]
    assert last[0][0] == last[1][0]
    assert last[1][1] == pytest.approx(2 * last[0][1], abs=0.02)
    assert svg.count("–") == 2
    assert svg.count("<rect") == 2


def test_n_draws_nothing() -> None:
    assert letters_of(letters_svg([lettered("NNN", [1.0, 2.0, 3.0])])) == []


def test_the_classic_palette_changes_colours_only() -> None:
    row = lettered("ACGT", [1, 2, 3, 4])
    safe, classic = letters_svg([row]), letters_svg([row], palette="classic")
    for base in "ACGT":
        classic = classic.replace(CLASSIC_COLOURS[base], SAFE_COLOURS[base])
    assert safe == classic


def test_every_text_is_escaped_and_the_picture_is_well_formed() -> None:
    call = called(Motif(NASTY, NASTY, "", "", np.full((4, 5), 0.25)))
    sequence = Sequence("ACGTACGTAC", Locus("s", 0, 10))
    for svg in (
        letters_svg([lettered("ACGT", [1, 1, 1, 1], NASTY)], unit=NASTY, description=NASTY),
        match_svg(call, sequence, np.ones(10)),
    ):
        assert "<script" not in svg
        assert "<img" not in svg
        tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
        assert tags <= {"svg", "g", "path", "rect", "text"}


@pytest.mark.parametrize(
    ("rows", "marked"),
    [([], []), ([lettered("A", [1]), lettered("AC", [1, 2])], []), ([lettered("A", [1])], [1])],
)
def test_rows_out_of_register_are_refused(rows: list[LetterRow], marked: list[int]) -> None:
    with pytest.raises(ValueError, match="length"):
        letters_svg(rows, marked=marked)


@pytest.mark.parametrize(("letters", "heights"), [("AX", [1, 1]), ("A", [1, 1]), ("A", [float("nan")])])
def test_rows_of_anything_but_dna_are_refused(letters: str, heights: list[float]) -> None:
    with pytest.raises(ValueError, match=r"heights|finite"):
        lettered(letters, heights)


def test_two_thousand_letters_take_a_few_milliseconds() -> None:
    random = np.random.default_rng(0)
    row = LetterRow("x", "".join(random.choice(list("ACGT"), 2000)), random.standard_normal(2000))
    started = time.perf_counter()
    best = min(_seconds(row) for _ in range(5))
    assert best < 0.05, best
    assert time.perf_counter() - started < 5


def _seconds(row: LetterRow) -> float:
    started = time.perf_counter()
    letters_svg([row])
    return time.perf_counter() - started


def test_a_certain_base_fills_two_bits_and_an_even_column_is_empty() -> None:
    bits = np.array([[2.0, 0], [0, 0], [0, 0], [0, 0]])
    ((colour, _, height, _, top),) = letters_of(motif_svg(bits))
    assert colour == SAFE_COLOURS["A"]
    assert (height, top) == pytest.approx((56.0, 0.0))


def test_stacked_letters_touch_and_the_highest_is_on_top() -> None:
    drawn = letters_of(motif_svg(np.array([[0.2], [0.9], [0.0], [0.5]])))
    ordered = sorted(drawn, key=lambda letter: letter[4])
    assert [letter[0] for letter in ordered] == [SAFE_COLOURS[base] for base in "CTA"]
    for above, below in itertools.pairwise(ordered):
        assert above[4] + above[2] == pytest.approx(below[4], abs=0.02)


def called(motif: Motif | None, *, strand: str = "+", offset: int = 0) -> MotifCall:
    seqlet = Seqlet(3, 8, "+", 5.0, 1e-4)
    return MotifCall(seqlet, 3, 8, np.full((4, 5), 0.25), 5.0, motif, 1e-9, 1e-6, strand, offset)


def test_a_motif_lies_under_the_bases_it_matched_on_either_strand() -> None:
    sequence = Sequence("CCCAAAAACCCC", Locus("s", 100, 112))
    values = np.where(np.array(list(sequence.bases)) == "A", 1.0, 0.0)
    certain = np.zeros((4, 7))
    certain[0] = 1.0
    certain[:, [0, 6]] = 0.25  # flat columns at both ends: AAAAA is columns 1 to 5
    forward = Motif("MA0000.1", "Poly-A", "", "", certain)
    backward = forward.reverse_complement()
    for motif, strand in ((forward, "+"), (backward, "-")):
        drawn = letters_of(match_svg(called(motif, strand=strand, offset=1), sequence, values))
        assert {letter[0] for letter in drawn} == {SAFE_COLOURS["A"]}
        upper = sorted(letter[3] for letter in drawn if letter[4] < 72)
        lower = sorted(letter[3] for letter in drawn if letter[4] >= 72)
        assert upper == lower
        assert len(upper) == 5


def test_a_motif_that_hangs_over_the_sequence_is_drawn_whole() -> None:
    motif = Motif("MA0000.1", "Long", "", "", np.eye(4)[:, [0] * 20])
    svg = match_svg(called(motif, offset=8), Sequence("ACGTACGTAC", Locus("s", 0, 10)), np.ones(10))
    assert sum(letter[4] >= 72 for letter in letters_of(svg)) == 20


def test_a_seqlet_without_a_match_is_drawn_alone() -> None:
    svg = match_svg(called(None), Sequence("ACGTACGTAC", Locus("s", 0, 10)), np.ones(10))
    assert "no motif" in svg
    assert all(letter[4] < 72 for letter in letters_of(svg))


@pytest.fixture(scope="module")
def shown() -> tuple[Sequence, np.ndarray]:
    random = np.random.default_rng(1)
    bases = "".join(random.choice(list("ACGT"), 130)) + "NN"
    return Sequence(bases, Locus("chr9", 1000, 1132)), random.standard_normal(132)


def test_the_svg_for_papers_keeps_text_as_text(shown: tuple[Sequence, np.ndarray]) -> None:
    made = publication_logo(*shown, caption="model-1 & $x_1 <b>", unit="log odds", kind="svg").decode()
    texts = [element.text for element in ET.fromstring(made).iter(f"{SVG}text")]
    assert "model-1 & $x_1 <b>" in texts
    assert "chr9:1,001-1,100" in texts
    assert "chr9:1,101-1,132" in texts
    assert texts.count("log odds") == 2


def test_the_pdf_embeds_its_fonts_as_truetype(shown: tuple[Sequence, np.ndarray]) -> None:
    made = publication_logo(*shown, caption="model-1", unit="log odds", kind="pdf")
    assert made.startswith(b"%PDF")
    assert b"/FontFile2" in made
    assert b"/Type3" not in made


def test_the_png_is_a_png_and_the_same_input_gives_the_same_bytes(shown: tuple[Sequence, np.ndarray]) -> None:
    once, again = (publication_logo(*shown, caption="m", unit="log odds", kind="png") for _ in range(2))
    assert once.startswith(b"\x89PNG")
    assert once == again


def test_flat_contributions_can_be_exported() -> None:
    sequence = Sequence("ACGT" * 5, Locus("s", 0, 20))
    assert publication_logo(sequence, np.zeros(20), caption="c", unit="u", kind="svg")


def test_an_unknown_format_is_refused(shown: tuple[Sequence, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="kind"):
        publication_logo(*shown, caption="", unit="", kind="exe")  # type: ignore[arg-type]


def test_the_caption_pins_the_picture() -> None:
    model = toy_model()
    spec, engine = model.spec, toy_engine(model)
    locus = Locus("s", 100, 120)
    sequence = Sequence(random_bases(100), Locus("s", 60, 160))
    for baseline, seed in (("uniform", None), ("shuffled", "seed 3")):
        explained = attribute(
            engine.runner(spec.model_id), spec, sequence, locus, Target("one"), baseline=baseline, seed=3
        )
        caption = caption_of(explained)
        for part in (spec.model_id, "one", "log odds", "integrated gradients", baseline, "forward strand"):
            assert part in caption
        assert ("seed 3" in caption) is (seed is not None)
