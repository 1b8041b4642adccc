"""axe-core on every state of the page, wide and narrow, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page, expect

from tests.browsing import Visitor
from tests.drawings import drawing

pytestmark = pytest.mark.browser

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 640}
SETTINGS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "narrow": {"viewport": NARROW},
    "narrow dark": {"viewport": NARROW, "color_scheme": "dark", "reduced_motion": "reduce"},
    "forced colours": {"viewport": WIDE, "forced_colors": "active"},
}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}

FILES: list[FilePayload] = [
    {"name": "barco.jpg", "mimeType": "image/jpeg", "buffer": drawing("barco")},
    {"name": "avion.jpg", "mimeType": "image/jpeg", "buffer": drawing("avion")},
    {"name": "dañada.jpg", "mimeType": "image/jpeg", "buffer": drawing("barco")[:2000]},
]


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


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
