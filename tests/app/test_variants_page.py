"""The two tabs of the Variants page, without a browser."""

from __future__ import annotations

import secrets

from streamlit.testing.v1 import AppTest


def screen() -> None:
    """What the menu opens."""
    from app.screens import variants

    variants.show()


def test_the_page_opens_with_one_variant_and_draws_nothing_of_many() -> None:
    page = AppTest.from_function(screen, default_timeout=60).run()
    assert not page.exception
    assert not [area for area in page.text_area if area.key == "variants-pasted"]


def test_a_private_link_opens_the_tab_of_many() -> None:
    page = AppTest.from_function(screen, default_timeout=60)
    page.query_params["uploads"] = secrets.token_urlsafe(24)
    page.run()
    assert not page.exception
    assert page.text_area(key="variants-pasted").value == ""
    assert "uploads" not in page.query_params
    page.run()
    assert page.text_area(key="variants-pasted").value == ""
