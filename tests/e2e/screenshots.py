"""Retake the pictures of the page in ``docs/images`` against a running service.

    python -m tests.e2e.screenshots http://127.0.0.1:8000 [--out docs/images]

Every image that they show was drawn by ``tests/drawings.py``. Needs Chromium (``--chromium`` names
another than /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, expect, sync_playwright

from tests.drawings import NAMES, drawing

WIDTHS = (1280, 360)


def files(names: tuple[str, ...]) -> list[FilePayload]:
    """Return drawings as a browser uploads them."""
    return [
        {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": drawing(name)} for name in names
    ]


def take(browser: Browser, address: str, width: int, out: Path) -> None:
    """Label the drawings in a window of this width (CSS pixels) and save the whole page."""
    context = browser.new_context(locale="es-CL", viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(address)
    # One row of cards, and one card on a phone.
    names = NAMES[:3] if width > 600 else NAMES[:1]  # between the two widths
    page.locator("#files").set_input_files(files(names))
    page.locator("#send").click()
    expect(page.locator('.card[data-state="done"]')).to_have_count(len(names), timeout=60_000)
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.screenshot(path=out / f"page-{width}.png", full_page=True)
    context.close()


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description="Retake the pictures of the page.")
    parser.add_argument("address")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    flags = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=flags)
        for width in WIDTHS:
            take(browser, options.address, width, options.out)
        browser.close()


if __name__ == "__main__":
    main()
