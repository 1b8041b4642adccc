"""Take the pictures of every state of the pages anew, for the README and `docs/page.md`.

    python -m docs.screenshots [STATE …] [--out docs/images/page] [--chromium /usr/bin/chromium]

Starts the service with the bundle that ships, and another site with the element; what is labelled
are the drawings of `tests/drawings.py` and the examples of the page. Takes some minutes.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from PIL import Image
from playwright.sync_api import (
    Browser,
    FilePayload,
    FloatRect,
    Page,
    Route,
    expect,
    sync_playwright,
)

from docs.pictures import FOLDER, MOST_BYTES, STATES, WIDTHS, picture
from service.assets import STATIC
from service.keys import new_key
from tests.browsing import BROKEN, OVER, choose, drawn, submit, upload
from tests.e2e.conftest import FLAGS, serving
from tests.site import running_site

SECONDS_FOR_ONE_STEP: Final = 60
QUALITY: Final = 50
LIMIT: Final = ("--max-upload-bytes", "20971520")


def example(name: str, file: str) -> FilePayload:
    """Return one of the page's own examples under a file name."""
    return upload(file, (STATIC / f"example-{name}.webp").read_bytes(), "image/webp")


SHIP: Final = drawn()
CAT: Final = example("cat", "gato.webp")
COFFEE: Final = example("coffee", "cafe.webp")
WALL: Final = example("wall", "muro.webp")
EVERY_KIND: Final = (SHIP, CAT, COFFEE, WALL, BROKEN)


def label(page: Page, *files: FilePayload) -> None:
    """Label files and wait until each has ended and its thumbnail is there."""
    choose(page, *files)
    submit(page)
    expect(page.locator("#summary")).to_have_text(re.compile("^(Terminado|Finished)"))
    for card in page.locator('.card[data-state="done"]').all():
        card.scroll_into_view_if_needed()
        expect(card.locator(".thumbnail img")).to_be_visible()


def show_overview(page: Page) -> None:
    """Ask one answer for its reason, and correct another."""
    label(page, SHIP, CAT, COFFEE)
    ask_why(page)
    page.get_by_role("button", name="Corregir cafe.webp").click()
    page.get_by_label("Etiqueta correcta").select_option("Ninguna de estas")
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator(".corrected")).to_contain_text("Gracias")


def ask_why(page: Page) -> None:
    """Open the reason of the cat."""
    page.get_by_role("button", name="¿Por qué? gato.webp").click()
    expect(page.locator(".explanation img")).to_be_visible()


def show_why(page: Page) -> None:
    """Ask what a label rests on."""
    label(page, CAT)
    ask_why(page)


def show_dragging(page: Page) -> None:
    """Hold files over the page."""
    page.evaluate(OVER)
    expect(page.locator("#drop[data-over]")).to_be_visible()


def show_uploading(page: Page) -> None:
    """Hold back every answer but the first two."""
    asked: list[Route] = []

    def answer_two(route: Route) -> None:
        asked.append(route)
        if len(asked) <= 2:  # noqa: PLR2004
            route.continue_()

    page.route("**/v1/labels*", answer_two)
    choose(page, SHIP, CAT, COFFEE, WALL, drawn("avion"), drawn("camion"))
    submit(page)
    expect(page.locator('[data-state="done"]')).to_have_count(2)
    expect(page.locator('[data-state="sending"]')).to_have_count(3)


def show_failed(page: Page) -> None:
    """Send nothing that can be labelled."""
    label(
        page,
        BROKEN,
        upload("notas.pdf", b"%PDF-1.7", "application/pdf"),
        upload("vacía.jpg", b""),
    )
    expect(page.locator('[data-state="failed"]')).to_have_count(3)


def show_correction(page: Page) -> None:
    """Open the form for a correction."""
    label(page, COFFEE)
    page.get_by_role("button", name="Corregir cafe.webp").click()
    page.get_by_label("Comentario").fill("Es una taza de café.")


def show_camera(page: Page) -> None:
    """Switch the camera on."""
    page.get_by_role("button", name="Cámara en vivo").click()
    expect(page.locator("#camera-answer .badge")).to_be_visible()


def show_plain(page: Page) -> None:
    """Send the form as a browser without scripts does."""
    page.locator("#files").set_input_files([CAT, COFFEE, WALL, BROKEN])
    page.get_by_role("button", name="Etiquetar imágenes").click()
    expect(page.locator("#cards > .card")).to_have_count(4)


def show_element(page: Page) -> None:
    """Label an image in the form of another site."""
    page.locator("rotulo-etiquetas input[type=file]").set_input_files([CAT])
    expect(page.locator("rotulo-etiquetas input[type=checkbox]")).to_have_count(5)
    expect(page.locator("rotulo-etiquetas canvas")).to_be_visible()


@dataclass(frozen=True)
class Scene:
    """How a state is brought about, and the part of the page that its picture shows.

    The picture begins at ``begin`` and goes on for ``tallest`` CSS pixels at most.
    """

    bring_about: Callable[[Page], None] = lambda _: None
    path: str = "/"
    begin: str = "body"
    tallest: int = 1500
    options: Mapping[str, Any] = field(default_factory=dict)


def label_every_kind(page: Page) -> None:
    """Label images of which some are doubtful, unknown or damaged."""
    label(page, *EVERY_KIND)


A_MOUSE: Final = {"has_touch": False, "is_mobile": False}
"""Nobody drags with a finger."""

SCENES: Final[Mapping[str, Scene]] = MappingProxyType(
    {
        "overview": Scene(show_overview, tallest=2400),
        "empty": Scene(),
        "dragging": Scene(show_dragging, options=A_MOUSE),
        "uploading": Scene(show_uploading, begin="#results"),
        "results": Scene(label_every_kind, begin="#results"),
        "failed": Scene(show_failed, begin="#results"),
        "abstained": Scene(lambda page: label(page, WALL, drawn("tejido")), begin="#results"),
        "correction": Scene(show_correction, begin="#results"),
        "why": Scene(show_why, begin="#results"),
        "camera": Scene(show_camera, begin="#form", options={"permissions": ["camera"]}),
        "dark": Scene(label_every_kind, options={"color_scheme": "dark"}),
        "forced-colours": Scene(label_every_kind, options={"forced_colors": "active"}),
        "plain": Scene(show_plain, options={"java_script_enabled": False}),
        "english": Scene(lambda page: label(page, CAT, COFFEE, WALL), path="/?lang=en"),
        "transparencia": Scene(path="/transparencia"),
        "docs": Scene(path="/docs"),
        "element": Scene(show_element, path=""),
    }
)
"""How each state comes about; the element's path is that of the other site."""


def settle(page: Page) -> None:
    """Wait for pictures and type, and leave nothing focused or under the pointer."""
    for image in page.locator("#examples img").all():
        if image.is_visible():
            image.scroll_into_view_if_needed()
            expect(image).to_have_js_property("complete", True)  # noqa: FBT003
    page.evaluate("document.fonts.ready.then(() => document.activeElement?.blur())")
    page.mouse.move(0, 0)


def save(page: Page, scene: Scene, path: Path) -> None:
    """Save what a state looks like, from where it begins, as WebP."""
    settle(page)
    box = page.locator(scene.begin).bounding_box()
    if box is None:
        raise RuntimeError(f"{scene.begin} is not to be seen")
    top = max(0.0, box["y"] + page.evaluate("scrollY") - 24)
    whole = page.evaluate("document.documentElement.scrollHeight")
    width = page.evaluate("document.documentElement.scrollWidth")
    clip = FloatRect(x=0, y=top, width=width, height=min(scene.tallest, whole - top))
    # In a window that holds it all: while a picture of a full page is taken, a phone has a mouse.
    page.set_viewport_size({"width": width, "height": whole})
    page.evaluate("scrollTo(0, 0)")
    shot = page.screenshot(clip=clip)
    Image.open(io.BytesIO(shot)).convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)


def take(browser: Browser, address: str, scene: Scene, width: int, path: Path) -> None:
    """Take one picture in a window of this width (CSS pixels)."""
    phone = width == min(WIDTHS)
    device = {"has_touch": phone, "is_mobile": phone, **scene.options}
    context = browser.new_context(
        locale="es-CL", viewport={"width": width, "height": 800}, **device
    )
    page = context.new_page()
    page.goto(address + scene.path)
    scene.bring_about(page)
    save(page, scene, path)
    page.unroute_all(behavior="ignoreErrors")
    context.close()


@contextmanager
def addresses() -> Iterator[tuple[str, str]]:
    """Run the service and another site; give the address of each."""
    text, key = new_key(["label"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keys").write_text(key.line() + "\n", "utf-8")
        database = f"sqlite:///{folder / 'feedback.db'}"
        with (
            running_site() as site,
            serving(*LIMIT, "--keys", str(folder / "keys")) as site.service,
            serving(*LIMIT, "--feedback-url", database) as address,
        ):
            site.key = text
            yield address, site.address


def main() -> None:
    """Take them all, or those that are named."""
    parser = argparse.ArgumentParser(description="Take the pictures of the pages anew.")
    parser.add_argument("states", nargs="*", metavar="STATE", help=", ".join(STATES))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=1000 * SECONDS_FOR_ONE_STEP)
    with addresses() as (service, site), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=flags)
        for state in options.states or STATES:
            for width in WIDTHS:
                path = picture(state, width, options.out)
                address = site if state == "element" else service
                take(browser, address, SCENES[state], width, path)
        browser.close()
    total = sum(path.stat().st_size for path in options.out.glob("*.webp"))
    if total > MOST_BYTES:
        raise SystemExit(f"{total:,} bytes, and no more than {MOST_BYTES:,} are wanted")


if __name__ == "__main__":
    main()
