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

_VIOLATIONS = """async (options) => {
  const told = await axe.run(document, { ...options, resultTypes: ["violations"] });
  return told.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }));
}"""


def violations(page: Page) -> list[str]:
    return _run(page, RULES)


def violations_of_looks(page: Page) -> list[str]:
    """Run only what may differ with colours and widths, where the rest has been looked at."""
    return _run(page, {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size"]}})


def _run(page: Page, options: dict[str, Any]) -> list[str]:
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate(_VIOLATIONS, options)
    return [f"{one['id']}: {one['nodes']}" for one in found]
