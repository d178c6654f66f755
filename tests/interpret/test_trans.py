"""A question about the cell is refused; one about the sequence is not."""

from __future__ import annotations

import pytest

from interpret.trans import asked, trans_change


@pytest.mark.parametrize(
    "question",
    [
        "knock out GATA1",
        "What if GATA1 is knocked out?",
        "what if SPI1 is knocked down",
        "SPI1 knockdown",
        "without CTCF protein",
        "in the absence of the factor",
        "GATA1 KO",
        "GATA1-/- cells",
        "overexpress PAX6",
        "siRNA against SPI1",
        "deplete CTCF",
        "CTCF degron, auxin added",
        "cells treated with dexamethasone",
        "JQ1 inhibits BRD4, what happens here?",
        "under hypoxia",
        "loss of SPI1 expression",
        "differentiate into neurons",
    ],
)
def test_a_change_of_the_cell_is_refused_with_the_reason(question):
    found = asked(question)
    assert found.kind is None
    assert "exactly zero" in found.refusal
    assert "take out the factor's sites" in found.refusal


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("take out the CTCF site", "change"),
        ("knock out the GATA1 motif", "change"),
        ("remove SPI1 sites here", "change"),
        ("insert a CTCF motif at 58,400", "change"),
        ("flip the CTCF motif", "change"),
        ("POU5F1::SOX2 and NR5A2 together", "pair"),
        ("spacing of HNF4A and CEBPB", "pair"),
        ("CRISPRi over this region, tile by tile", "tiles"),
        ("is this stretch needed?", "stretch"),
        ("SPI1 in 100 backgrounds", "everywhere"),
        ("how additive is it", "additive"),
    ],
)
def test_a_change_of_the_sequence_is_understood(question, kind):
    assert asked(question).kind == kind
    assert trans_change(question) == ""


def test_what_is_not_understood_is_not_guessed():
    assert asked("good morning") == asked("")
    assert asked("good morning").kind is None
