"""The element in a page of another site: its own policy, its own proxy, its own look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Locator, Page, Request, expect

from service.embedding import EXAMPLE_SITE, newest_module
from tests.browsing import Visitor
from tests.drawings import drawing
from tests.site import PAGES, Site

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
NARROW = {"width": 320, "height": 640}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark and narrow": {"color_scheme": "dark", "viewport": NARROW},
    "forced colours": {"forced_colors": "active"},
}
BUSY = (503, {"Retry-After": "7", "Content-Type": "application/problem+json"},
        b'{"type": "urn:rotulo:problem:overloaded", "title": "Servicio saturado"}')  # fmt: skip


def upload(name: str, data: bytes, media_type: str = "image/jpeg") -> FilePayload:
    return {"name": name, "mimeType": media_type, "buffer": data}


SHIP = upload("barco.jpg", drawing("barco"))
PLANE = upload("avion.jpg", drawing("avion"))
TEXT = upload("notas.txt", b"No soy una imagen", "text/plain")
HUGE = upload("enorme.bmp", b"BM" + bytes(2**20), "image/bmp")


@dataclass
class Guest(Visitor):
    """A visitor of the other site, who keeps what the browser asked of whom."""

    asked: list[Request] = field(default_factory=list)

    def _note_request(self, request: Request) -> None:
        self.asked.append(request)


@pytest.fixture
def guest(browser: Browser, site: Site) -> Iterator[Guest]:
    """Give a visitor; whatever the test did, no policy was broken and no key was in the browser."""
    visiting = Guest(browser, site.address)
    yield visiting
    for context in visiting.contexts:
        context.close()
    known = (site.address + "/", site.service + "/", site.open_service + "/")
    assert [one.url for one in visiting.asked if not one.url.startswith(known)] == []
    assert [one.url for one in visiting.asked if "authorization" in one.headers] == []
    assert visiting.complaints == []


def with_attributes(site: Site, attributes: str, service: str = "") -> None:
    """Let the site's page have the element with other attributes, or of another service."""
    page = (PAGES / "index.html").read_text("utf-8")
    page = page.replace(EXAMPLE_SITE, service or site.service)
    site.page = re.sub("<rotulo-etiquetas.*?>", f"<rotulo-etiquetas {attributes}>", page)


def choose(page: Page, *files: FilePayload) -> None:
    page.locator("rotulo-etiquetas input[type=file]").set_input_files(list(files))


def item(page: Page, name: str) -> Locator:
    return page.locator("rotulo-etiquetas li", has_text=name)


def test_two_lines_give_upload_labels_and_an_event(site: Site, guest: Guest) -> None:
    page = guest.open()
    page.evaluate(
        "addEventListener('rotulo:etiquetas', (event) => { window.told = event.detail; })"
    )
    choose(page, SHIP)
    expect(page.get_by_role("group", name="Etiquetas de barco.jpg")).to_be_visible()
    boxes = page.locator("rotulo-etiquetas input[type=checkbox]")
    expect(boxes).to_have_count(5)
    expect(boxes.first).to_be_checked()
    told = page.evaluate("({ ...window.told, file: window.told.file.name })")
    names = [label["name"] for label in told["answer"]["labels"]]
    assert told["file"] == "barco.jpg"
    assert told["answer"]["decision"] == "accept"
    assert [one["name"] for one in told["chosen"]] == names[:1]
    expect(page.locator("rotulo-etiquetas .choice .label")).to_have_text(names)
    expect(page.get_by_label("Texto alternativo")).to_have_value(names[0])
    expect(page.locator("rotulo-etiquetas canvas")).to_have_js_property("width", 288)
    expect(page.locator("rotulo-etiquetas [role=status]")).to_have_text(
        f"barco.jpg: Segura. La primera etiqueta es {names[0]}."
    )


def test_the_key_is_the_proxy_s_and_the_address_is_the_site_s(site: Site, guest: Guest) -> None:
    page = guest.open()
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    posted = [one.url for one in guest.asked if one.method == "POST"]
    assert posted == [f"{site.address}/etiquetas?lang=es"]
    assert site.keys == [None]
    assert site.key not in page.content()


def test_without_its_key_a_service_that_asks_for_one_says_so(site: Site, guest: Guest) -> None:
    with_attributes(site, 'src="/etiquetas"')
    page = guest.open()
    site.refusals.append((401, {}, b""))
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Inicie sesión de nuevo")


def test_without_a_proxy_it_asks_the_service_that_it_came_from(site: Site, guest: Guest) -> None:
    with_attributes(site, 'name="etiquetas" lang="en" top-k="2"', site.open_service)
    site.allows = site.open_service
    page = guest.open()
    choose(page, SHIP)
    expect(page.get_by_role("group", name="Labels of barco.jpg")).to_be_visible()
    expect(page.locator("rotulo-etiquetas input[type=checkbox]")).to_have_count(2)
    posted = [one.url for one in guest.asked if one.method == "POST"]
    assert posted == [f"{site.open_service}/v1/labels?lang=en&top_k=2"]


def test_an_origin_that_the_service_does_not_know_gets_no_labels(
    browser: Browser, site: Site
) -> None:
    with_attributes(site, 'name="etiquetas"', site.open_service)
    site.allows = site.open_service
    stranger = Guest(browser, site.address.replace("127.0.0.1", "localhost"))
    page = stranger.open()
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Sin conexión")
    for context in stranger.contexts:
        context.close()
    assert any("CORS policy" in complaint for complaint in stranger.complaints)


def test_another_module_than_the_named_one_does_not_run(browser: Browser, site: Site) -> None:
    with_attributes(site, 'name="etiquetas"')
    digest = newest_module().integrity
    assert digest in site.page
    site.page = site.page.replace(digest, digest[:-8] + "AAAAAAAA")
    visiting = Guest(browser, site.address)
    with visiting.open() as page:
        page.wait_for_load_state("load")
        assert page.evaluate("customElements.get('rotulo-etiquetas') === undefined")
    visiting.contexts[0].close()
    assert any("integrity" in complaint for complaint in visiting.complaints)


def test_what_the_service_refuses_is_told_in_words(site: Site, guest: Guest) -> None:
    with_attributes(site, 'src="/etiquetas" multiple')
    page = guest.open()
    page.evaluate(
        "addEventListener('rotulo:problema', ({ detail }) => {"
        " (window.told ??= []).push([detail.problem.status, detail.problem.type]); })"
    )
    choose(page, TEXT, HUGE, SHIP)
    expect(item(page, "notas.txt")).to_contain_text("Formato de imagen no admitido")
    expect(item(page, "notas.txt")).to_contain_text("Guárdela como JPEG")
    expect(item(page, "enorme.bmp")).to_contain_text("Archivo demasiado grande")
    expect(item(page, "enorme.bmp")).to_contain_text("Redúzcala")
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    expect(page.get_by_role("button", name="Reintentar")).to_have_count(0)
    assert sorted(page.evaluate("window.told")) == [
        [413, "urn:rotulo:problem:payload-too-large"],
        [415, "urn:rotulo:problem:unsupported-image"],
    ]


def test_a_proxy_s_own_words_are_not_shown(site: Site, guest: Guest) -> None:
    site.refusals.append((413, {"Content-Type": "text/html"}, b"<h1>nginx</h1>"))
    page = guest.open()
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Archivo demasiado grande")
    expect(item(page, "barco.jpg")).not_to_contain_text("nginx")


def test_a_file_over_the_site_s_own_limit_is_not_sent(site: Site, guest: Guest) -> None:
    with_attributes(site, 'src="/etiquetas" max-bytes="1000"')
    page = guest.open()
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Archivo demasiado grande")
    assert [one for one in guest.asked if one.method == "POST"] == []


def test_a_busy_service_is_asked_again_when_it_said(site: Site, guest: Guest) -> None:
    site.refusals.append(BUSY)
    page = guest.open()
    page.clock.install()
    choose(page, SHIP)
    expect(page.locator("rotulo-etiquetas .status")).to_have_text(
        "El servicio está ocupado. Se reintenta en 7 s."
    )
    page.clock.run_for(6000)
    assert site.keys == []
    page.clock.run_for(2000)
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    assert site.keys == [None]


def test_a_lost_connection_is_told_and_may_be_tried_again(site: Site, guest: Guest) -> None:
    page = guest.open()
    page.context.set_offline(offline=True)
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Sin conexión")
    page.context.set_offline(offline=False)
    page.get_by_role("button", name="Reintentar barco.jpg").click()
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    expect(page.get_by_role("button", name="Quitar barco.jpg")).to_be_focused()


def test_the_form_gets_the_chosen_labels(site: Site, guest: Guest) -> None:
    with_attributes(site, 'src="/etiquetas" name="etiquetas" multiple required')
    page = guest.open()
    page.get_by_role("button", name="Guardar").click()
    assert site.forms == []
    element = page.locator("rotulo-etiquetas")
    assert element.evaluate("(e) => e.validationMessage") == "Elija al menos una etiqueta."
    choose(page, SHIP, PLANE)
    boxes = element.locator("input[type=checkbox]")
    expect(boxes).to_have_count(10)
    boxes.nth(3).check()
    chosen = element.evaluate("(e) => e.chosen.map(({ id }) => id)")
    assert 2 <= len(chosen) <= 3
    page.get_by_role("button", name="Guardar").click()
    expect(page).to_have_title("Guardada")
    assert site.forms[0]["etiquetas"] == chosen


def test_a_form_may_ask_for_names_and_start_again(site: Site, guest: Guest) -> None:
    with_attributes(site, 'src="/etiquetas" name="etiquetas" send="name" lang="es"')
    page = guest.open()
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    data = "(e) => new FormData(e.form).getAll('etiquetas')"
    element = page.locator("rotulo-etiquetas")
    first = element.locator(".choice .label").first.inner_text()
    assert element.evaluate(data) == [first]
    page.get_by_role("button", name="Empezar de nuevo").click()
    expect(element.locator("li")).to_have_count(0)
    assert element.evaluate(data) == []


def test_one_image_takes_the_place_of_another_and_several_have_a_bound(
    site: Site, guest: Guest
) -> None:
    page = guest.open()
    choose(page, SHIP)
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    choose(page, PLANE)
    expect(item(page, "avion.jpg")).to_contain_text("Segura")
    expect(page.locator("rotulo-etiquetas li")).to_have_count(1)

    with_attributes(site, 'src="/etiquetas" multiple max-files="2"')
    page = guest.open()
    choose(page, SHIP, PLANE, TEXT)
    expect(page.locator("rotulo-etiquetas li")).to_have_count(2)
    expect(page.locator("rotulo-etiquetas [role=alert]")).to_contain_text("hasta 2 imágenes")


def test_the_keyboard_alone_does_it_all(site: Site, guest: Guest) -> None:
    page = guest.open()
    page.on("filechooser", lambda _: None)
    page.get_by_label("Título").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Elegir imagen")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([SHIP])
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    page.keyboard.press("Tab")
    first = page.locator("rotulo-etiquetas input[type=checkbox]").first
    expect(first).to_be_focused()
    page.keyboard.press("Space")
    expect(first).not_to_be_checked()
    for _ in range(5):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Quitar barco.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Elegir imagen")).to_be_focused()
    expect(page.locator("rotulo-etiquetas [role=status]")).to_have_text("Se quitó barco.jpg.")


def test_the_site_s_own_colours_and_parts_win(site: Site, guest: Guest) -> None:
    page = guest.open()
    button = page.locator("rotulo-etiquetas .button")
    expect(button).to_have_css("color", "rgb(122, 31, 92)")
    expect(button).to_have_css("border-radius", "0px")
    expect(page.locator("rotulo-etiquetas .hint")).to_have_css("font-style", "italic")


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_state(site: Site, guest: Guest, look: str) -> None:
    def violations() -> list[str]:
        found = Axe().run(page, options=RULES).response["violations"]
        return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]

    # axe itself is a script that the site's policy would refuse
    with_attributes(site, 'src="/etiquetas" multiple required')
    page = guest.open(bypass_csp=True, **LOOKS[look])
    assert violations() == []
    choose(page, SHIP, TEXT)
    expect(item(page, "barco.jpg")).to_contain_text("Segura")
    expect(item(page, "notas.txt")).to_contain_text("Formato")
    assert violations() == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
