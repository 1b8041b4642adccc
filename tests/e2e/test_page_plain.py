"""The editor's page in a real browser whose scripts are switched off."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browsing import Visitor
from tests.drawings import drawing

pytestmark = pytest.mark.browser

BROKEN: FilePayload = {
    "name": "dañada.jpg", "mimeType": "image/jpeg", "buffer": drawing("barco")[:2000],
}  # fmt: skip


def drawn(name: str) -> FilePayload:
    return {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": drawing(name)}


def send(page: Page, *files: FilePayload) -> None:
    page.locator("#files").set_input_files(list(files))
    page.get_by_role("button", name="Etiquetar imágenes").click()


def test_the_plain_form_gives_labels_and_reasons_in_the_order_sent(visitor: Visitor) -> None:
    page = visitor.open(java_script_enabled=False)
    send(page, drawn("barco"), BROKEN, drawn("avion"))
    cards = page.locator("#cards > .card")
    expect(cards).to_have_count(3)
    expect(page).to_have_title(re.compile("^Resultados: "))
    expect(page.locator("#summary")).to_have_text(
        "Terminado: 2 imágenes etiquetadas. 1 imagen con error."
    )
    for n in (0, 2):
        expect(cards.nth(n).get_by_role("heading")).to_have_text(f"Imagen {n + 1}")
        expect(cards.nth(n)).to_contain_text("JPEG, 960 × 640 píxeles")
        expect(cards.nth(n).locator(".badge")).to_have_text(re.compile("Segura|Revisar|No sé"))
        expect(cards.nth(n).locator(".score")).to_have_count(5)
        expect(cards.nth(n).locator(".score-percent").first).to_have_text(re.compile(r",\d\s%$"))
    expect(cards.nth(1)).to_contain_text("Imagen dañada")


def test_no_name_of_a_file_is_in_the_answer(visitor: Visitor) -> None:
    page = visitor.open(java_script_enabled=False)
    send(page, drawn("camion"))
    expect(page.locator("#cards > .card")).to_have_count(1)
    assert "camion.jpg" not in page.content()


def test_an_empty_form_says_what_is_missing(visitor: Visitor) -> None:
    page = visitor.open(java_script_enabled=False)
    page.get_by_role("button", name="Etiquetar imágenes").click()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator("#file-error")).to_be_visible()
    expect(page.locator("#files")).to_have_accessible_description(re.compile("^Elija al menos"))


def test_the_language_survives_the_form(visitor: Visitor) -> None:
    page = visitor.open("/?lang=en", java_script_enabled=False)
    page.locator("#files").set_input_files([drawn("barco")])
    page.get_by_role("button", name="Label images").click()
    expect(page.locator("#summary")).to_have_text("Finished: 1 image labelled.")
    expect(page.locator("html")).to_have_attribute("lang", "en")
