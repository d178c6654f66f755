"""The screen for a set, without a browser."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def screen() -> None:
    """What the page runs."""
    from app.screens import sequence_set

    sequence_set.show()


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(screen, default_timeout=120).run()


def compared(page: AppTest, pasted: str) -> AppTest:
    page.text_area(key="set-pasted").input(pasted)
    next(button for button in page.button if button.label.startswith("Compare")).click()
    return page.run()


def words(page: AppTest) -> str:
    return " ".join(element.value for element in (*page.markdown, *page.caption))


def test_a_pasted_set_is_compared_and_its_bad_rows_are_named(page: AppTest) -> None:
    compared(page, ">repeat\n" + "CA" * 50 + "\n>protein\nMKLV\n")
    assert not page.exception
    assert not page.error
    assert "1 of 1" in words(page)
    assert "protein" in words(page)
    frame = page.dataframe[0].value
    assert frame["standing"].tolist() == ["unlike"]
    assert "repeat of CA over 100 bp" in frame["why"][0]
    assert len(page.get("plotly_chart")) == 1


def test_a_set_that_cannot_be_read_is_refused_in_a_sentence_and_leaves_no_old_answer(page: AppTest) -> None:
    compared(page, ">a\n" + "ACGTTGCA" * 13)
    assert len(page.dataframe) == 1
    compared(page, "MKLVEF")
    assert "protein" in page.error[0].value
    assert len(page.dataframe) == 0


def test_a_set_of_nothing_says_what_to_give(page: AppTest) -> None:
    compared(page, "")
    assert "There is no sequence here" in page.error[0].value
