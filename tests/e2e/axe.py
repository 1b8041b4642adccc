"""axe-core, and the ways in which people look at a page."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

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


def violations(page: Page) -> list[str]:
    return _run(page, RULES)


def violations_of_looks(page: Page) -> list[str]:
    """Run only what may differ with colours and widths, where the rest has been looked at."""
    return _run(page, {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size"]}})


def _run(page: Page, options: dict[str, Any]) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]
