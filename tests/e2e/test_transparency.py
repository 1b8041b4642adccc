"""The record of the algorithm in a real browser: with and without scripts, for everybody."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browsing import Visitor
from tests.e2e.axe import SETTINGS, violations

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("setting", SETTINGS)
def test_axe_finds_nothing(visitor: Visitor, setting: str) -> None:
    page = visitor.open("/transparencia", **SETTINGS[setting])
    assert violations(page) == []
    page.locator("summary").click()
    expect(page.locator("details table")).to_be_visible()
    assert violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, "nothing but a table scrolls sideways"


def test_everything_is_there_without_scripts(visitor: Visitor) -> None:
    page = visitor.open("/", java_script_enabled=False)
    page.get_by_role("link", name="Ficha del algoritmo").click()
    expect(page).to_have_title("Ficha del algoritmo – Rótulo")
    headings = [
        "Para qué sirve", "Quién responde", "De qué aprendió", "Qué tan bien lo hace",
        "Qué no sabe", "Qué pasa con las imágenes", "Cómo reclamar",
    ]  # fmt: skip
    for heading in headings:
        expect(page.get_by_role("heading", name=heading, level=2)).to_be_visible()
    expect(page.locator(".facts").first).to_contain_text("linear 1")
    expect(page.get_by_role("row")).to_have_count(11)
    page.get_by_role("link", name="English").click()
    expect(page).to_have_title("Record of the algorithm – Rótulo")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("link", name="Rótulo").click()
    expect(page).to_have_url(re.compile(r"/\?lang=en$"))


def test_the_page_is_read_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open("/transparencia")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Saltar al contenido")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name=re.compile("^Por etiqueta"))).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name=re.compile("JSON, para programas"))).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("details table")).to_be_visible()
