"""Retake the pictures of the page in ``docs/images`` against a running service.

    python -m tests.e2e.screenshots http://127.0.0.1:8000 [--out docs/images]

They show the drawings of ``tests/drawings.py`` and the images that the page offers to try. Needs
Chromium (``--chromium`` names another than /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from service.assets import STATIC
from tests.browsing import BROKEN, choose, drawn, submit, upload

COLOURS = 192
"""A palette holds the page's flat colours and its small photos, in a third of the bytes."""


def example(name: str, file: str) -> FilePayload:
    """Return one of the page's own examples under a file name."""
    return upload(file, (STATIC / f"example-{name}.webp").read_bytes(), "image/webp")


CAT = example("cat", "gato.webp")
FILES = (drawn(), CAT, example("coffee", "cafe.webp"), example("wall", "muro.webp"), BROKEN)


def label(page: Page, *files: FilePayload) -> None:
    """Label files and wait until each has ended and its thumbnail is there."""
    choose(page, *files)
    submit(page)
    expect(page.locator("#summary")).to_contain_text("Terminado", timeout=60_000)
    for card in page.locator('.card[data-state="done"]').all():
        card.scroll_into_view_if_needed()
        expect(card.locator(".thumbnail img")).to_be_visible(timeout=60_000)


def save(page: Page, path: Path) -> None:
    """Save the whole page as it stands, with nothing focused or under the pointer."""
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


def take_desk(page: Page, out: Path) -> None:
    """Show a reason and a correction beside a plain answer."""
    save(page, out / "page-empty-1280.png")
    label(page, *FILES[:3])
    page.get_by_role("button", name="¿Por qué? gato.webp").click()
    expect(page.locator(".explanation")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Corregir cafe.webp").click()
    page.get_by_label("Etiqueta correcta").select_option("Ninguna de estas")
    page.get_by_role("button", name="Guardar").click()
    save(page, out / "page-1280.png")


def take_phone(page: Page, out: Path) -> None:
    """Show one answer on a phone."""
    label(page, CAT)
    save(page, out / "page-360.png")


def take_night(page: Page, out: Path) -> None:
    """Show answers in the dark."""
    label(page, *FILES[1:])
    save(page, out / "page-dark-768.png")


def open_page(browser: Browser, address: str, width: int, *, dark: bool = False) -> Page:
    """Open the page in a window of this width (CSS pixels), its examples loaded."""
    context = browser.new_context(locale="es-CL", viewport={"width": width, "height": 800})
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto(address)
    for image in page.locator("#examples img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)  # noqa: FBT003
    return page


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description="Retake the pictures of the page.")
    parser.add_argument("address")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    flags = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=flags)
        take_desk(open_page(browser, options.address, 1280), options.out)
        take_night(open_page(browser, options.address, 768, dark=True), options.out)
        take_phone(open_page(browser, options.address, 360), options.out)
        browser.close()


if __name__ == "__main__":
    main()
