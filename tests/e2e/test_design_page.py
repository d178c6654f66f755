"""From the link of a locus to a downloaded order sheet in a real browser, every click counted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.conftest import PATIENCE, Visitor, link

pytestmark = pytest.mark.browser
MOST_CLICKS = 10


def test_a_locus_link_becomes_an_order_sheet_in_at_most_ten_clicks(chrome: Any, address: str, tmp_path: Path) -> None:
    visitor = Visitor(chrome, address).open(link("sb1:58351-58510"))
    clicks = 0

    def click(role: str, name: str) -> None:
        nonlocal clicks
        clicks += 1
        visitor.page.get_by_role(role, name=name, exact=True).first.click()

    click("link", "Design an experiment here")
    visitor.page.get_by_role("button", name="Make the library").wait_for()
    visitor.settle(drawn=False)
    click("button", "saturation")
    visitor.settle(drawn=False)
    visitor.page.get_by_text("Leave out what cannot be ordered").click()
    clicks += 1
    visitor.settle(drawn=False)
    click("button", "Make the library")
    visitor.page.get_by_text("Order sheet (TSV)").wait_for(timeout=60_000 * PATIENCE)
    visitor.settle(drawn=False)
    assert visitor.problem() == ""
    with visitor.page.expect_download() as waiting:
        click("button", "Order sheet (TSV)")
    sheet = tmp_path / "sheet.tsv"
    waiting.value.save_as(sheet)
    assert clicks <= MOST_CLICKS
    rows = list(csv.DictReader(sheet.read_text().splitlines(), delimiter="\t"))
    assert {row["arm"] for row in rows} == {"hypothesis", "saturation", "positive control", "negative control"}
    element = next(row for row in rows if row["kind"] == "motif kill, fewest changes")
    query = {name: values[0] for name, values in parse_qs(urlsplit(element["link"]).query).items()}
    assert element["link"].startswith(address)
    assert "edits" in query
    again = Visitor(chrome, address)
    again.page.goto(visitor.page.url)
    again.page.get_by_text("Order sheet (TSV)").wait_for(timeout=60_000 * PATIENCE)
    again.leave(errors=True)  # Streamlit looks for itself under a page's address before it finds its root
    visitor.open(query)
    assert visitor.page.locator(".cl-edit").count() == len(query["edits"].split(","))
    visitor.leave()
