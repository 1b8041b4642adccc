"""axe-core on every state of the page, wide and narrow, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browsing import Visitor
from tests.drawings import drawing
from tests.e2e.axe import SETTINGS, violations

pytestmark = pytest.mark.browser

FILES: list[FilePayload] = [
    {"name": "barco.jpg", "mimeType": "image/jpeg", "buffer": drawing("barco")},
    {"name": "avion.jpg", "mimeType": "image/jpeg", "buffer": drawing("avion")},
    {"name": "dañada.jpg", "mimeType": "image/jpeg", "buffer": drawing("barco")[:2000]},
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_axe_finds_nothing_in_any_state(visitor: Visitor, setting: str) -> None:
    page = visitor.open(**SETTINGS[setting])
    assert violations(page) == []

    page.locator("#send").click()
    expect(page.locator("#file-error")).to_be_visible()
    assert violations(page) == []

    page.locator("#files").set_input_files(FILES)
    expect(page.locator('[data-state="ready"]')).to_have_count(3)
    assert violations(page) == []

    page.locator("#send").click()
    expect(page.locator('[data-state="done"]')).to_have_count(2)
    expect(page.locator('[data-state="failed"]')).to_have_count(1)
    assert violations(page) == []


def test_axe_finds_nothing_in_the_results_of_the_plain_form(visitor: Visitor) -> None:
    page = visitor.open("/?lang=es")
    page.evaluate("document.getElementById('form').submit()")
    expect(page.locator("#file-error")).to_be_visible()
    assert violations(page) == []
