"""The reference for who builds on the API, in a real browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from service.embedding import newest_module
from tests.browsing import Visitor

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def test_an_example_is_copied_as_it_stands(visitor: Visitor) -> None:
    page = visitor.open("/docs", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copiar: Las dos líneas").click()
    expect(page.locator("#announcement")).to_have_text("Copiado.")
    assert page.evaluate("navigator.clipboard.readText()") == newest_module().lines()


def test_without_scripts_everything_is_there_but_the_buttons(visitor: Visitor) -> None:
    page = visitor.open("/docs", java_script_enabled=False)
    heading = page.get_by_role("heading", name="Etiquetar una imagen", exact=True)
    expect(heading).to_be_visible()
    expect(page.get_by_role("button", name="Copiar")).to_have_count(0)
    page.locator("#label_image ~ details summary").click()
    expect(page.get_by_text("413 image-too-large").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(visitor: Visitor, scheme: str) -> None:
    page = visitor.open("/docs", color_scheme=scheme, viewport={"width": 320, "height": 640})
    expect(page.locator(".copy").first).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page, options=RULES).response["violations"]
    assert [f"{one['id']}: {[n['html'] for n in one['nodes']]}" for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
